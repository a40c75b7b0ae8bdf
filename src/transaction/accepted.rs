//! What the core of a UAS does for its 2xx to an INVITE (RFC 3261 13.3.1.4): send it again until the ACK comes.
//!
//! The first 2xx goes through [`ServerInvite`](super::ServerInvite); this value begins at the same moment. Transports
//! do not matter here: a hop further on may be an unreliable one.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::timers::{Repeat, TimerValues};
use crate::base::Instant;

/// What the retransmission wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptedAction {
    /// Send the 2xx again.
    Transmit(Bytes),
    /// No ACK came within 64*T1: the dialog stands, the session is to be ended with BYE.
    NoAck,
}

/// A 2xx that waits for its ACK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedRetransmission {
    timers: TimerValues,
    state: State,
}

/// Where the retransmission stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// No ACK yet.
    Waiting(Waiting),
    /// The ACK came.
    Acknowledged,
    /// No ACK came in time.
    GivenUp,
}

/// Data of [`State::Waiting`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The 2xx, for repetition.
    pub response: Bytes,
    /// Send again: T1, doubling up to T2.
    pub again: Repeat,
    /// Give up: 64*T1 after the first 2xx.
    pub end: Instant,
}

impl AcceptedRetransmission {
    /// `response` was sent for the first time at `now`.
    pub fn start(now: Instant, response: Bytes, timers: TimerValues) -> AcceptedRetransmission {
        let waiting = Waiting { response, again: Repeat::first(now, &timers), end: now + timers.lifetime() };
        AcceptedRetransmission { timers, state: State::Waiting(waiting) }
    }

    /// The ACK came. True the first time, false for its repetitions and after giving up.
    pub fn acknowledged(&mut self) -> bool {
        match self.state {
            State::Waiting(_) => {
                self.state = State::Acknowledged;
                true
            }
            State::Acknowledged | State::GivenUp => false,
        }
    }

    /// Does what is due at `now`; nothing when called early.
    pub fn timeout(&mut self, now: Instant, out: &mut Vec<AcceptedAction>) {
        let State::Waiting(waiting) = &mut self.state else { return };
        if waiting.end <= now {
            self.state = State::GivenUp;
            out.push(AcceptedAction::NoAck);
        } else if waiting.again.is_due(now) {
            out.push(AcceptedAction::Transmit(waiting.response.clone()));
            waiting.again = waiting.again.doubled_up_to(now, self.timers.longest_interval());
        }
    }

    /// When [`timeout`](AcceptedRetransmission::timeout) wants to be called; `None` once it is over.
    pub fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(waiting) => Some(waiting.again.at.min(waiting.end)),
            State::Acknowledged | State::GivenUp => None,
        }
    }

    /// True when nothing more is sent.
    pub const fn is_over(&self) -> bool {
        !matches!(self.state, State::Waiting(_))
    }

    /// Where the retransmission stands: for traces, checkpoints and tests.
    pub const fn state(&self) -> &State {
        &self.state
    }
}
