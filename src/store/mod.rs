//! What operators provision: accounts, numbers, carriers; where it is kept, and how it comes in.

pub mod import;
