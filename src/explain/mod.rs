//! What would happen to a call, and why: `trunkline explain`, and `routes:evaluate` of the API.
//!
//! Nothing is decided here. The engine itself is given the INVITE that the trunk's peer would send ([`stage`]), on a
//! stage of its own without network and clock, and tells its [`Step`](crate::call::step::Step)s; what is left is to put
//! them into words. So what is shown is what the daemon does, as if nothing else were going on: limits that depend on
//! other calls, and peers that were found dead, are not seen.

mod cause;
mod header;
mod numbers;
mod policy;
pub mod question;
mod shown;
mod stage;
mod text;
mod verdict;

use std::sync::Arc;

use crate::base::WallTime;
use crate::route::directory::Directory;
use crate::route::snapshot::Snapshot;

pub use question::{BadQuestion, Question};
pub use shown::Explanation;
pub use verdict::{FraudVerdict, UrgentShown};

/// Explains a call at this time.
///
/// # Errors
/// What of the question cannot be asked.
pub fn explain(
    snapshot: &Arc<Snapshot>,
    directory: &Arc<Directory>,
    question: &Question,
    now: WallTime,
) -> Result<Explanation, BadQuestion> {
    question.check()?;
    let played = stage::play(snapshot, directory, question, now)?;
    Ok(shown::explanation(question, played))
}
