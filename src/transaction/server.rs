//! The server side of every method but INVITE and ACK: figure 8 of RFC 3261 with RFC 4320 (s.4).
//!
//! What RFC 4320 adds, since a late answer to a non-INVITE request only feeds storms:
//! * The only provisional response is 100. Another one is not sent.
//! * On an unreliable transport not even the 100 is sent before the client's timer E has reached T2.
//! * From that moment on, on any transport, a request without an answer must be answered 100:
//!   [`ServerAction::TryingDue`] asks the user for it.
//! * 408 is never sent: the client has timed out by itself.
//! * A final response after 64*T1 finds nobody who waits. It is not sent, and the machine ends at that moment without
//!   the user's doing, so that none is held for ever by a user who forgot to answer.

use std::mem;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::server_invite::ServerAction;
use super::timers::TimerValues;
use crate::base::Instant;
use crate::sip::Status;
use crate::sip::flow::{TransmitFailure, Transport};

/// The status that RFC 4320 4.2 forbids: Request Timeout.
const REQUEST_TIMEOUT: u16 = 408;

/// A request that came in, until nothing about it can come any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerNonInvite {
    transport: Transport,
    timers: TimerValues,
    started: Instant,
    state: State,
}

/// The states of the figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// No response yet; repeated requests are absorbed.
    Trying(Trying),
    /// 100 was sent; it answers repeated requests.
    Proceeding(Proceeding),
    /// The final response was sent; it answers repeated requests.
    Completed(Completed),
    /// Over.
    Terminated,
}

/// Data of [`State::Trying`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// When the user is asked for the late 100; `None` once it was asked.
    pub late: Option<Instant>,
}

/// Data of [`State::Proceeding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proceeding {
    /// The 100 as sent.
    pub response: Bytes,
}

/// Data of [`State::Completed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// The final response as sent.
    pub response: Bytes,
    /// Timer J: end.
    pub j: Instant,
}

impl ServerNonInvite {
    /// For a request that just came in and that no transaction knows.
    pub fn new(now: Instant, transport: Transport, timers: TimerValues) -> ServerNonInvite {
        let late = Some(now + timers.late_trying());
        ServerNonInvite { transport, timers, started: now, state: State::Trying(Trying { late }) }
    }

    /// The request came again.
    pub fn request_again(&mut self, _now: Instant, out: &mut Vec<ServerAction>) {
        match &self.state {
            State::Proceeding(Proceeding { response }) | State::Completed(Completed { response, .. }) => {
                out.push(ServerAction::Transmit(response.clone()));
            }
            State::Trying(_) | State::Terminated => {}
        }
    }

    /// The user's response, finished. Dropped where RFC 4320 forbids it (see the module) and after a final one.
    pub fn respond(&mut self, now: Instant, status: Status, bytes: Bytes, out: &mut Vec<ServerAction>) {
        if !self.may_send(now, status) {
            return;
        }
        self.state = match mem::replace(&mut self.state, State::Terminated) {
            State::Trying(_) | State::Proceeding(_) => self.send(now, status, bytes, out),
            state @ (State::Completed(_) | State::Terminated) => state,
        };
    }

    /// A response could not be sent. The user hears of it, the state stays: the client may ask again.
    pub fn transport_failed(&mut self, failure: TransmitFailure, out: &mut Vec<ServerAction>) {
        match self.state {
            State::Proceeding(_) | State::Completed(_) => out.push(ServerAction::Failed(failure)),
            State::Trying(_) | State::Terminated => {}
        }
    }

    /// Does what is due at `now`; nothing when called early.
    pub fn timeout(&mut self, now: Instant, out: &mut Vec<ServerAction>) {
        let end = self.client_gives_up();
        match &mut self.state {
            State::Trying(_) | State::Proceeding(_) if end <= now => self.state = terminated(out),
            State::Trying(Trying { late }) if late.is_some_and(|at| at <= now) => {
                *late = None;
                out.push(ServerAction::TryingDue);
            }
            State::Completed(completed) if completed.j <= now => self.state = terminated(out),
            State::Trying(_) | State::Proceeding(_) | State::Completed(_) | State::Terminated => {}
        }
    }

    /// When [`timeout`](ServerNonInvite::timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        let end = self.client_gives_up();
        match &self.state {
            State::Trying(trying) => Some(trying.late.map_or(end, |late| late.min(end))),
            State::Proceeding(_) => Some(end),
            State::Completed(completed) => Some(completed.j),
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

    /// The client's timer F, as far as it can be known here.
    fn client_gives_up(&self) -> Instant {
        self.started + self.timers.lifetime()
    }

    /// RFC 4320 4.1 and 4.2.
    fn may_send(&self, now: Instant, status: Status) -> bool {
        if status.is_provisional() {
            let early = now < self.started + self.timers.late_trying();
            return status == Status::TRYING && (self.transport.is_reliable() || !early);
        }
        status.code() != REQUEST_TIMEOUT && now < self.client_gives_up()
    }

    fn send(&self, now: Instant, status: Status, bytes: Bytes, out: &mut Vec<ServerAction>) -> State {
        out.push(ServerAction::Transmit(bytes.clone()));
        if status.is_provisional() {
            return State::Proceeding(Proceeding { response: bytes });
        }
        let wait = self.timers.timer_j(self.transport);
        if wait.is_zero() { terminated(out) } else { State::Completed(Completed { response: bytes, j: now + wait }) }
    }
}

fn terminated(out: &mut Vec<ServerAction>) -> State {
    out.push(ServerAction::Terminated);
    State::Terminated
}
