//! Accounts and their numbers, as a call reads them: immutable, shared, and cheap to replace in part (DESIGN rule 7).
//!
//! A [`Directory`] holds its numbers in shards. A change copies the shards it touches and shares the rest, so that a
//! million numbers take no longer to change than the few that change; running calls keep the directory they began with.

mod account;
mod codes;
mod decision;
mod entry;
mod names;
mod shards;

pub use account::{Account, AccountName, AccountRules, AccountState, BadAccountName};
pub use codes::{DenialCodes, RefusalStatus};
pub use decision::{Claim, Decision, Denial, Denied, Direction, Question, Unknown, decide};
pub(in crate::route) use decision::{Own, own_number};
pub use entry::{Carrier, HeaderContent, NumberEntry, NumberState, Service, ServiceSet, Validity};
pub use names::{BadHost, DERIVED_CHARACTERS, LABEL_CHARACTERS, derived, is_label};
pub use shards::{Change, Directory};
