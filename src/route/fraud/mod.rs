//! Which destinations a call may have (S-F, D4): own countries and emergency numbers, and everything else only by name.
//!
//! `ranges` knows what a prefix is, `dialled` what a called party would be to a carrier, `guard` whether it may be called,
//! `limits` how much of it. What is counted while calls run is the engine's. A refusal names the key to change to whoever
//! operates the node; the caller hears nothing but that the destination is not allowed.

mod class;
mod dialled;
mod guard;
mod limits;
mod ranges;

pub use class::{Class, ClassSet};
pub use guard::{AllowedBy, Blocked, BlockedBy, Destination, FraudGuard, FraudSettings, Iso, Weighed};
pub use limits::{LimitRule, OnMinutes, Subject};
