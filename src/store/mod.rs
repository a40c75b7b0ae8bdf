//! What operators provision: accounts, numbers, carriers; where it is kept, how it comes in, and how the call path hears
//! of it (PV-27 to PV-74).
//!
//! [`rows`] is the narrow waist: rows by kind and key, in transactions. [`memory`] and [`sqlite`] are the two stores, with
//! one conformance suite (`tests/store`). Everything that decides (ownership, conditions, audit, imports) stands above the
//! waist and is the same for both. [`thread`] owns the store at run time; [`follow`] turns what was written into a
//! [`Directory`](crate::route::directory::Directory), and [`last_good`] keeps the last one on disk.

pub mod audit;
pub mod follow;
pub mod import;
pub mod jobs;
pub mod kept;
pub mod last_good;
pub mod memory;
pub mod records;
pub mod refusal;
pub mod rows;
pub mod rules;
pub mod sqlite;
pub mod thread;
pub mod tokens;
pub mod wall;
pub mod writing;

/// Octets of one provisioned object as JSON at most; a longer one is refused.
pub const OBJECT_OCTETS: usize = 64 * 1024;
/// Objects of one batch, all or none (PV-11, PV-61).
pub const BATCH: usize = 100;
/// Removals remembered for those who follow; who is further behind reads everything anew.
pub const REMOVALS: u64 = 100_000;
