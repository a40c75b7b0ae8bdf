//! The server side of an INVITE: figure 7 of RFC 3261 as replaced by RFC 6026 (s.7.1, s.8.5).

use std::mem;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Class;
use super::timers::{Repeat, TimerValues, earlier};
use crate::base::Instant;
use crate::sip::Status;
use crate::sip::flow::{TransmitFailure, Transport};

/// What a server transaction wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAction {
    /// Send these octets to where the request came from.
    Transmit(Bytes),
    /// An ACK came: for a failure (nothing more to do), or, after a 2xx, one that carries the INVITE's own branch and
    /// belongs to the user (RFC 6026 7.1).
    Acknowledged,
    /// No ACK came for a failure within 64*T1. `Terminated` follows.
    NoAck,
    /// A response could not be sent. The machine goes on: the client may ask again (RFC 6026 on RFC 3261 17.2.4).
    Failed(TransmitFailure),
    /// RFC 4320 4.1: a non-INVITE request is without an answer for so long that the user must answer 100 now.
    TryingDue,
    /// The machine is over: drop it. Nothing follows.
    Terminated,
}

/// An INVITE that came in, until nothing about it can come any more.
///
/// In Proceeding no timer runs: the user must answer in the end. The 100 of 17.2.1 is the user's first response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInvite {
    transport: Transport,
    timers: TimerValues,
    state: State,
}

/// The states of the figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// No final response yet.
    Proceeding(Proceeding),
    /// A failure (3xx to 6xx) was sent; it is repeated until the ACK comes.
    Completed(Completed),
    /// The ACK came; its repetitions are absorbed.
    Confirmed(Confirmed),
    /// A 2xx was sent; repeated INVITEs are absorbed, the 2xx is the user's to repeat (RFC 6026).
    Accepted(Accepted),
    /// Over.
    Terminated,
}

/// Data of [`State::Proceeding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proceeding {
    /// The last provisional response, the answer to a repeated INVITE.
    pub last: Option<Bytes>,
}

/// Data of [`State::Completed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// The failure, for repetition.
    pub response: Bytes,
    /// Timer G: send again; doubles up to T2. `None` on a reliable transport.
    pub g: Option<Repeat>,
    /// Timer H: no ACK will come any more.
    pub h: Instant,
}

/// Data of [`State::Confirmed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Timer I: end.
    pub i: Instant,
}

/// Data of [`State::Accepted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Timer L: end.
    pub l: Instant,
}

impl ServerInvite {
    /// For an INVITE that just came in and that no transaction knows.
    pub const fn new(transport: Transport, timers: TimerValues) -> ServerInvite {
        ServerInvite { transport, timers, state: State::Proceeding(Proceeding { last: None }) }
    }

    /// The INVITE came again.
    pub fn request_again(&mut self, _now: Instant, out: &mut Vec<ServerAction>) {
        match &self.state {
            State::Proceeding(Proceeding { last: Some(response) }) | State::Completed(Completed { response, .. }) => {
                out.push(ServerAction::Transmit(response.clone()));
            }
            State::Proceeding(Proceeding { last: None })
            | State::Confirmed(_)
            | State::Accepted(_)
            | State::Terminated => {}
        }
    }

    /// The user's response, finished. After a 2xx further 2xx are sent as they come (the user repeats its 2xx, see
    /// [`AcceptedRetransmission`](super::AcceptedRetransmission)); any other response after a final one is dropped.
    pub fn respond(&mut self, now: Instant, status: Status, bytes: Bytes, out: &mut Vec<ServerAction>) {
        self.state = match mem::replace(&mut self.state, State::Terminated) {
            State::Proceeding(_) => self.first_responses(now, status, bytes, out),
            State::Accepted(accepted) => {
                if status.is_success() {
                    out.push(ServerAction::Transmit(bytes));
                }
                State::Accepted(accepted)
            }
            state @ (State::Completed(_) | State::Confirmed(_) | State::Terminated) => state,
        };
    }

    /// An ACK with this transaction's key came.
    pub fn ack(&mut self, now: Instant, out: &mut Vec<ServerAction>) {
        match self.state {
            State::Completed(_) => self.state = self.confirm(now, out),
            State::Accepted(_) => out.push(ServerAction::Acknowledged),
            State::Proceeding(_) | State::Confirmed(_) | State::Terminated => {}
        }
    }

    /// A response could not be sent. The user hears of it, the state stays: the client may reach us again.
    pub fn transport_failed(&mut self, failure: TransmitFailure, out: &mut Vec<ServerAction>) {
        match self.state {
            State::Proceeding(_) | State::Completed(_) | State::Accepted(_) => out.push(ServerAction::Failed(failure)),
            State::Confirmed(_) | State::Terminated => {}
        }
    }

    /// Does what is due at `now`; nothing when called early.
    pub fn timeout(&mut self, now: Instant, out: &mut Vec<ServerAction>) {
        let longest = self.timers.longest_interval();
        match &mut self.state {
            State::Completed(completed) if completed.h > now => completed.repeat(now, longest, out),
            State::Completed(_) => {
                out.push(ServerAction::NoAck);
                self.state = terminated(out);
            }
            State::Confirmed(Confirmed { i: at }) | State::Accepted(Accepted { l: at }) if *at <= now => {
                self.state = terminated(out);
            }
            State::Proceeding(_) | State::Confirmed(_) | State::Accepted(_) | State::Terminated => {}
        }
    }

    /// When [`timeout`](ServerInvite::timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Completed(completed) => Some(earlier(completed.g, completed.h)),
            State::Confirmed(confirmed) => Some(confirmed.i),
            State::Accepted(accepted) => Some(accepted.l),
            State::Proceeding(_) | State::Terminated => None,
        }
    }

    /// True when the machine can be dropped.
    pub const fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    /// Where the machine stands: for traces, checkpoints and tests.
    pub const fn state(&self) -> &State {
        &self.state
    }

    fn first_responses(&self, now: Instant, status: Status, bytes: Bytes, out: &mut Vec<ServerAction>) -> State {
        out.push(ServerAction::Transmit(bytes.clone()));
        let end = now + self.timers.lifetime();
        match Class::of(status) {
            Class::Provisional => State::Proceeding(Proceeding { last: Some(bytes) }),
            Class::Success => State::Accepted(Accepted { l: end }),
            Class::Failure => {
                let g = Repeat::unless_reliable(now, &self.timers, self.transport);
                State::Completed(Completed { response: bytes, g, h: end })
            }
        }
    }

    fn confirm(&self, now: Instant, out: &mut Vec<ServerAction>) -> State {
        out.push(ServerAction::Acknowledged);
        let wait = self.timers.timer_i(self.transport);
        if wait.is_zero() { terminated(out) } else { State::Confirmed(Confirmed { i: now + wait }) }
    }
}

impl Completed {
    fn repeat(&mut self, now: Instant, longest: Duration, out: &mut Vec<ServerAction>) {
        if let Some(g) = self.g.as_mut().filter(|g| g.is_due(now)) {
            out.push(ServerAction::Transmit(self.response.clone()));
            *g = g.doubled_up_to(now, longest);
        }
    }
}

fn terminated(out: &mut Vec<ServerAction>) -> State {
    out.push(ServerAction::Terminated);
    State::Terminated
}
