//! What everything else stands on: identifiers, invented time, randomness as an argument, limits,
//! values that do not print themselves, and bounded queues. No knowledge of SIP or media.

pub mod bounds;
pub mod bucket;
pub mod churn;
pub mod digit;
pub mod entropy;
pub mod ids;
pub mod limits;
pub mod pii;
pub mod queue;
pub mod secret;
pub mod text;
pub mod time;
pub mod timers;

pub use digit::Digit;
pub use entropy::Entropy;
pub use secret::Secret;
pub use time::{Instant, Now, WallTime};
