//! Dialogs (RFC 3261 s.12): what two parties agreed on when the first response with a tag went over the wire, and what
//! every later request between them is addressed and numbered by.
//!
//! A [`Dialog`] owns small copies of what it keeps: it lives as long as a call, the messages it came from do not.
//! Simplifications: INVITE is the only method that makes a dialog here; a remote tag may be missing (RFC 2543 peers).

#[allow(clippy::module_inception, reason = "the file is named after the one thing it holds")]
pub mod dialog;
pub mod key;
pub mod path;
pub mod refer;
pub mod reliable;
pub mod session_timer;
mod uri_octets;

pub use dialog::{BadDialog, Dialog, OutOfOrder, OutgoingRequestFacts, Role, TargetChange};
pub use key::DialogKey;
pub use path::RequestPath;
