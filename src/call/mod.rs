//! One call: two legs and what joins them. Every file holds one idea; the state of a call is in [`call`], and each
//! state in a file of its own (`hunting`, `established`, `releasing`).

pub mod active;
mod anonymity;
mod answering;
mod asked;
mod asking;
mod attempt;
#[allow(clippy::module_inception, reason = "the file is named after the one thing it holds")]
pub mod call;
mod cancelling;
pub mod cause;
pub mod checkpoint;
pub mod compose;
mod digits;
mod early_update;
pub mod effect;
mod established;
pub mod event;
mod exchange;
mod handing;
pub mod hop;
mod fork;
mod hunting;
mod ledger;
mod leg;
mod media_end;
pub mod negotiate;
mod offering;
mod outgoing;
pub mod own_address;
mod prack;
mod progress;
pub mod proof;
mod provisional;
pub mod record;
mod reinvite;
mod releasing;
mod ringback;
pub mod screening;
mod sessions;
mod silence;
pub mod step;
mod taken;
mod transfer;
mod treatment;
mod updating;

pub use asked::Asked;
pub use call::{Call, CallInput, Invitation};
pub use cause::Cause;
pub use checkpoint::{Checkpoint, Unrestorable};
pub use effect::{Acknowledgement, Branch, ClientRequest, Effect, Supply, Work};
pub use event::CallEvent;
pub use leg::Leg;
pub use outgoing::OutgoingInvite;
pub use record::{CallRecord, Side};
pub use transfer::{Replacement, Unjoined};
