//! A call that is not over yet, as an operator sees it.

use std::sync::Arc;

use super::call::{Call, State};
use super::record::CallRecord;
use crate::route::directory::AccountName;

/// Where a call stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPhase {
    /// Nobody has answered.
    Hunting,
    Answered,
    /// Its parties have been told that it is over; their answers are awaited.
    Ending,
}

impl CallPhase {
    /// As lists and filters write it.
    pub const fn word(self) -> &'static str {
        match self {
            CallPhase::Hunting => "hunting",
            CallPhase::Answered => "answered",
            CallPhase::Ending => "ending",
        }
    }
}

/// One call, and what its record says so far.
#[derive(Clone, Debug)]
pub struct ActiveCall {
    pub phase: CallPhase,
    /// Media is counted when the call has ended; until then it is empty.
    pub so_far: CallRecord,
}

impl Call {
    /// How it stands now.
    pub fn active(&self) -> ActiveCall {
        let phase = match &self.state {
            State::Hunting(_) => CallPhase::Hunting,
            State::Established(_) => CallPhase::Answered,
            State::Releasing(_) | State::Ended => CallPhase::Ending,
        };
        ActiveCall { phase, so_far: self.common.ledger.so_far().clone() }
    }

    /// Where it came in, and where it went or goes.
    pub fn trunks(&self) -> (Arc<str>, Option<Arc<str>>) {
        let record = self.common.ledger.so_far();
        (Arc::clone(&record.from), record.to.clone())
    }

    /// Whose call it is.
    pub fn account(&self) -> Option<&AccountName> {
        self.common.ledger.so_far().account.as_ref()
    }

    /// The numbers of its parties.
    pub fn numbers(&self) -> [&str; 2] {
        [&self.common.numbers.calling, &self.common.numbers.called]
    }
}
