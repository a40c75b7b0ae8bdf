//! News of calls for metrics, logs and records.

use std::sync::Arc;

use super::cause::Cause;
use super::guarding::Guarded;
use super::record::{CallRecord, TransferKind, TransferRecord};
use super::step::Step;
use crate::base::ids::CallId;
use crate::media::presence::Change;

/// What happened to a call.
#[derive(Clone, Debug)]
pub enum CallEvent {
    /// An INVITE of a known peer was taken.
    Started { call: CallId, from: Arc<str> },
    /// A call of this trunk is for the emergency services; it has just started (PF-163).
    Emergency { call: CallId, from: Arc<str> },
    /// One INVITE went out for it.
    Attempted { call: CallId, to: Arc<str> },
    /// One attempt failed.
    AttemptFailed { call: CallId, to: Arc<str>, cause: Cause },
    /// The called party answered.
    Answered { call: CallId },
    /// The far end of the leg on this trunk fell silent in an answered call, or is heard again.
    Presence { call: CallId, trunk: Arc<str>, change: Change },
    /// A party asked for another in its place, or another came to take it.
    TransferBegan { call: CallId, kind: TransferKind },
    /// It is over, well or not.
    TransferEnded { call: CallId, transfer: Box<TransferRecord> },
    /// A 3xx is followed.
    Redirected { call: CallId, from: Arc<str>, contacts: usize },
    /// The fraud guard stopped it, or one of its ways; `trunk`: who would pay.
    Guarded { call: CallId, trunk: Arc<str>, stopped: Box<Guarded> },
    /// The caller said where it is, and this trunk takes no location (PF-162).
    LocationDropped { call: CallId, to: Arc<str> },
    /// Pairs of the context were left out of the INVITE to this trunk: no room, or a value that does not fit.
    ContextLeftOut { call: CallId, to: Arc<str>, pairs: Vec<String> },
    /// A digit for this trunk's peer was dropped: too many wait for its answers to INFO.
    DigitLost { trunk: Arc<str> },
    /// An early dialog more than are kept of one INVITE (`limits::EARLY_DIALOGS`): it is not heard until its answer.
    ForkUnheard { trunk: Arc<str> },
    /// Why it goes as it does; only where that was asked for.
    Step(Box<Step>),
    /// The call is over; exactly one per `Started`.
    Ended(Box<CallRecord>),
}
