//! The client side of every method but INVITE and ACK: figure 6 of RFC 3261.

use std::mem;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::client_invite::ClientAction;
use super::timers::{Repeat, TimerValues, earlier};
use crate::base::Instant;
use crate::sip::Status;
use crate::sip::flow::{TransmitFailure, Transport};

/// A request that was sent, until nothing about it can come any more. Ends by itself 64*T1 after it began (timer F),
/// or shortly after the final response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientNonInvite {
    transport: Transport,
    timers: TimerValues,
    state: State,
}

/// The states of the figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Sent, nothing heard; timer E doubles up to T2.
    Trying(Open),
    /// A provisional response came; timer E stays at T2.
    Proceeding(Open),
    /// The final response came; its repetitions are absorbed.
    Completed(Completed),
    /// Over.
    Terminated,
}

/// Data of [`State::Trying`] and [`State::Proceeding`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The request, for repetition.
    pub request: Bytes,
    /// Timer E: send again. `None` on a reliable transport.
    pub e: Option<Repeat>,
    /// Timer F: give up.
    pub f: Instant,
}

/// Data of [`State::Completed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// Timer K: end.
    pub k: Instant,
}

impl ClientNonInvite {
    /// Sends `request` (finished, not INVITE, not ACK) for the first time.
    pub fn start(
        now: Instant,
        request: Bytes,
        transport: Transport,
        timers: TimerValues,
        out: &mut Vec<ClientAction>,
    ) -> ClientNonInvite {
        out.push(ClientAction::Transmit(request.clone()));
        let e = Repeat::unless_reliable(now, &timers, transport);
        let state = State::Trying(Open { request, e, f: now + timers.lifetime() });
        ClientNonInvite { transport, timers, state }
    }

    /// A response with this transaction's key came.
    pub fn response(&mut self, now: Instant, status: Status, out: &mut Vec<ClientAction>) {
        self.state = match mem::replace(&mut self.state, State::Terminated) {
            State::Trying(open) | State::Proceeding(open) => {
                out.push(ClientAction::Respond);
                if status.is_provisional() { State::Proceeding(open) } else { self.complete(now, out) }
            }
            State::Completed(completed) => {
                out.push(ClientAction::Absorb);
                State::Completed(completed)
            }
            State::Terminated => State::Terminated,
        };
    }

    /// The request could not be sent (RFC 3261 17.1.4).
    pub fn transport_failed(&mut self, failure: TransmitFailure, out: &mut Vec<ClientAction>) {
        match self.state {
            State::Trying(_) | State::Proceeding(_) => self.end(ClientAction::Failed(failure), out),
            State::Completed(_) | State::Terminated => {}
        }
    }

    /// Does what is due at `now`; nothing when called early.
    pub fn timeout(&mut self, now: Instant, out: &mut Vec<ClientAction>) {
        let longest = self.timers.longest_interval();
        match &mut self.state {
            State::Trying(open) if open.f > now => {
                open.repeat(now, out, |e| e.doubled_up_to(now, longest));
            }
            State::Proceeding(open) if open.f > now => {
                open.repeat(now, out, |_| Repeat::after(now, longest));
            }
            State::Trying(_) | State::Proceeding(_) => self.end(ClientAction::TimedOut, out),
            State::Completed(completed) if completed.k <= now => self.state = terminated(out),
            State::Completed(_) | State::Terminated => {}
        }
    }

    /// When [`timeout`](ClientNonInvite::timeout) wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Trying(open) | State::Proceeding(open) => Some(earlier(open.e, open.f)),
            State::Completed(completed) => Some(completed.k),
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

    fn complete(&self, now: Instant, out: &mut Vec<ClientAction>) -> State {
        let wait = self.timers.timer_k(self.transport);
        if wait.is_zero() { terminated(out) } else { State::Completed(Completed { k: now + wait }) }
    }

    fn end(&mut self, reason: ClientAction, out: &mut Vec<ClientAction>) {
        out.push(reason);
        self.state = terminated(out);
    }
}

impl Open {
    fn repeat(&mut self, now: Instant, out: &mut Vec<ClientAction>, again: impl FnOnce(Repeat) -> Repeat) {
        if let Some(e) = self.e.as_mut().filter(|e| e.is_due(now)) {
            out.push(ClientAction::Transmit(self.request.clone()));
            *e = again(*e);
        }
    }
}

fn terminated(out: &mut Vec<ClientAction>) -> State {
    out.push(ClientAction::Terminated);
    State::Terminated
}
