//! The client side of an INVITE: figure 5 of RFC 3261 as replaced by RFC 6026 (s.7.2, s.8.4).

use std::mem;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Class;
use super::timers::{Repeat, TimerValues, earlier};
use crate::base::Instant;
use crate::sip::Status;
use crate::sip::flow::{TransmitFailure, Transport};

/// What a client transaction wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAction {
    /// Send these octets to where the request went.
    Transmit(Bytes),
    /// The response just given is news for the transaction user: pass it up.
    Respond,
    /// The response just given is known, or fits nothing: forget it.
    Absorb,
    /// No final response came in time. `Terminated` follows. The user acts as on a 408 (RFC 3261 8.1.3.1).
    TimedOut,
    /// A message of the transaction could not be sent. `Terminated` follows. The user acts as on a 503 (RFC 3261 8.1.3.1).
    Failed(TransmitFailure),
    /// The machine is over: drop it. Nothing follows.
    Terminated,
}

/// An INVITE that was sent, until nothing about it can come any more.
///
/// In Proceeding no timer runs: how long a call may ring is the user's decision. Once the user has sent its CANCEL it
/// says so with [`cancelled`](ClientInvite::cancelled), and the wait has an end (RFC 3261 9.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInvite {
    transport: Transport,
    timers: TimerValues,
    state: State,
}

/// The states of the figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Sent, nothing heard.
    Calling(Calling),
    /// A provisional response came.
    Proceeding(Proceeding),
    /// A failure (3xx to 6xx) came and was acknowledged; its repetitions are acknowledged again.
    Completed(Completed),
    /// A 2xx came; more of them (repeated or from other forks) are passed up (RFC 6026).
    Accepted(Accepted),
    /// Over.
    Terminated,
}

/// Data of [`State::Calling`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calling {
    /// The INVITE, for repetition.
    pub request: Bytes,
    /// Timer A: send again; doubles without an end. `None` on a reliable transport.
    pub a: Option<Repeat>,
    /// Timer B: give up.
    pub b: Instant,
}

/// Data of [`State::Proceeding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proceeding {
    /// Set once the user has sent CANCEL: 64*T1 later the request counts as cancelled (RFC 3261 9.1).
    pub give_up: Option<Instant>,
}

/// Data of [`State::Completed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// The ACK, for repetition.
    pub ack: Bytes,
    /// Timer D: end.
    pub d: Instant,
}

/// Data of [`State::Accepted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Timer M: end.
    pub m: Instant,
}

impl ClientInvite {
    /// Sends `request` (a finished INVITE) for the first time.
    pub fn start(
        now: Instant,
        request: Bytes,
        transport: Transport,
        timers: TimerValues,
        out: &mut Vec<ClientAction>,
    ) -> ClientInvite {
        out.push(ClientAction::Transmit(request.clone()));
        let a = Repeat::unless_reliable(now, &timers, transport);
        let state = State::Calling(Calling { request, a, b: now + timers.lifetime() });
        ClientInvite { transport, timers, state }
    }

    /// A response with this transaction's key came. `ack` makes the ACK for a failure (RFC 3261 17.1.1.3); it is asked
    /// at most once in the life of the machine.
    pub fn response(&mut self, now: Instant, status: Status, ack: impl FnOnce() -> Bytes, out: &mut Vec<ClientAction>) {
        self.state = match mem::replace(&mut self.state, State::Terminated) {
            State::Calling(_) => self.open_response(now, Proceeding { give_up: None }, status, ack, out),
            State::Proceeding(proceeding) => self.open_response(now, proceeding, status, ack, out),
            State::Completed(completed) => completed.response(status, out),
            State::Accepted(accepted) => accepted.response(status, out),
            State::Terminated => State::Terminated,
        };
    }

    /// A message of this transaction could not be sent. Matters while the INVITE or the ACK may have been lost by it
    /// (RFC 3261 17.1.4); in Proceeding and Accepted the server has spoken, and the failure is another message's.
    pub fn transport_failed(&mut self, failure: TransmitFailure, out: &mut Vec<ClientAction>) {
        match self.state {
            State::Calling(_) | State::Completed(_) => self.end(ClientAction::Failed(failure), out),
            State::Proceeding(_) | State::Accepted(_) | State::Terminated => {}
        }
    }

    /// The user has sent CANCEL for this INVITE (allowed in Proceeding only, RFC 3261 9.1): without a final response
    /// within 64*T1 the machine gives up. In other states nothing changes.
    pub fn cancelled(&mut self, now: Instant) {
        if let State::Proceeding(Proceeding { give_up: give_up @ None }) = &mut self.state {
            *give_up = Some(now + self.timers.lifetime());
        }
    }

    /// Does what is due at `now`; nothing when called early.
    pub fn timeout(&mut self, now: Instant, out: &mut Vec<ClientAction>) {
        match &mut self.state {
            State::Calling(calling) if calling.b > now => calling.repeat(now, out),
            State::Calling(_) => self.end(ClientAction::TimedOut, out),
            State::Proceeding(proceeding) if proceeding.give_up.is_some_and(|at| at <= now) => {
                self.end(ClientAction::TimedOut, out);
            }
            State::Completed(Completed { d: at, .. }) | State::Accepted(Accepted { m: at }) if *at <= now => {
                self.state = terminated(out);
            }
            State::Proceeding(_) | State::Completed(_) | State::Accepted(_) | State::Terminated => {}
        }
    }

    /// When [`timeout`](ClientInvite::timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Calling(calling) => Some(earlier(calling.a, calling.b)),
            State::Proceeding(proceeding) => proceeding.give_up,
            State::Completed(completed) => Some(completed.d),
            State::Accepted(accepted) => Some(accepted.m),
            State::Terminated => None,
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

    /// A response in Calling or Proceeding: always news.
    fn open_response(
        &self,
        now: Instant,
        proceeding: Proceeding,
        status: Status,
        ack: impl FnOnce() -> Bytes,
        out: &mut Vec<ClientAction>,
    ) -> State {
        match Class::of(status) {
            Class::Provisional => {
                out.push(ClientAction::Respond);
                State::Proceeding(proceeding)
            }
            Class::Success => {
                out.push(ClientAction::Respond);
                State::Accepted(Accepted { m: now + self.timers.lifetime() })
            }
            Class::Failure => self.complete(now, ack(), out),
        }
    }

    fn complete(&self, now: Instant, ack: Bytes, out: &mut Vec<ClientAction>) -> State {
        out.push(ClientAction::Transmit(ack.clone()));
        out.push(ClientAction::Respond);
        let wait = self.timers.timer_d(self.transport);
        if wait.is_zero() { terminated(out) } else { State::Completed(Completed { ack, d: now + wait }) }
    }

    fn end(&mut self, reason: ClientAction, out: &mut Vec<ClientAction>) {
        out.push(reason);
        self.state = terminated(out);
    }
}

impl Calling {
    fn repeat(&mut self, now: Instant, out: &mut Vec<ClientAction>) {
        if let Some(a) = self.a.as_mut().filter(|a| a.is_due(now)) {
            out.push(ClientAction::Transmit(self.request.clone()));
            *a = a.doubled(now);
        }
    }
}

impl Completed {
    fn response(self, status: Status, out: &mut Vec<ClientAction>) -> State {
        match Class::of(status) {
            Class::Failure => out.push(ClientAction::Transmit(self.ack.clone())),
            Class::Provisional | Class::Success => {}
        }
        out.push(ClientAction::Absorb);
        State::Completed(self)
    }
}

impl Accepted {
    fn response(self, status: Status, out: &mut Vec<ClientAction>) -> State {
        out.push(match Class::of(status) {
            // RFC 6026 7.2: the user acknowledges every 2xx, whichever fork it is from.
            Class::Success => ClientAction::Respond,
            Class::Provisional | Class::Failure => ClientAction::Absorb,
        });
        State::Accepted(self)
    }
}

fn terminated(out: &mut Vec<ClientAction>) -> State {
    out.push(ClientAction::Terminated);
    State::Terminated
}
