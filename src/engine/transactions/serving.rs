//! The side of the transactions that answers: requests that are new, come again, or are cancelled.

use std::mem;

use bytes::Bytes;

use super::{Entry, Machine, Transactions, User, found, transport};
use crate::base::Instant;
use crate::base::ids::TransactionId;
use crate::engine::ways::Ways;
use crate::sip::flow::Destination;
use crate::sip::{Method, Request, Status, Via};
use crate::transaction::server::State as ServerState;
use crate::transaction::server_invite::State as ServerInviteState;
use crate::transaction::{Key, Refused, ServerAction, ServerInvite, ServerKey, ServerNonInvite, TimerValues};

impl Transactions {
    /// A request came in: a repetition or an ACK goes to its transaction.
    pub fn repeated(&mut self, now: Instant, request: &Request) -> bool {
        let key = Key::from(ServerKey::written_in(mem::take(&mut self.wanted), request));
        let Some((id, entry)) = found(&mut self.table, key, &mut self.wanted) else { return false };
        let mut actions = mem::take(&mut self.server);
        let is_ack = request.method == Method::Ack;
        match &mut entry.machine {
            Machine::ServerInvite(machine) if is_ack => machine.ack(now, &mut actions),
            Machine::ServerInvite(machine) => machine.request_again(now, &mut actions),
            Machine::Server { machine, .. } => machine.request_again(now, &mut actions),
            Machine::ClientInvite { .. } | Machine::Client(_) => return false,
        }
        // An ACK for a 2xx that carries the INVITE's branch is the dialog's business all the same (RFC 6026 7.1).
        let for_dialog = is_ack && actions.contains(&ServerAction::Acknowledged) && self.is_accepted(id);
        self.server_actions(now, id, actions);
        !for_dialog
    }

    fn is_accepted(&self, id: TransactionId) -> bool {
        self.table.by_id(id).is_some_and(|entry| {
            matches!(&entry.machine, Machine::ServerInvite(machine) if matches!(machine.state(), ServerInviteState::Accepted(_)))
        })
    }

    /// True when an INVITE with this top Via may belong to a transaction that is there.
    pub fn may_hold(&mut self, via: &Via) -> bool {
        match ServerKey::of_invite(mem::take(&mut self.wanted), via) {
            Ok(key) => found(&mut self.table, key.into(), &mut self.wanted).is_some(),
            Err(room) => {
                self.wanted = room;
                true
            }
        }
    }

    /// Opens the server transaction of a new request, which may be one of `above` beyond the limit.
    ///
    /// # Errors
    /// The table is full, or the transaction exists already.
    pub fn open(
        &mut self,
        now: Instant,
        request: &Request,
        (to, timers): (Destination, TimerValues),
        user: User,
        above: usize,
    ) -> Result<TransactionId, Refused> {
        let transport = transport(&to);
        let machine = if request.method == Method::Invite {
            Machine::ServerInvite(ServerInvite::new(transport, timers))
        } else {
            Machine::Server { machine: ServerNonInvite::new(now, transport, timers), trying: Bytes::new() }
        };
        let entry = Entry { machine, user, to, branch: None, fallback: None, ways: Ways::NONE };
        let id = self.table.insert_within(above, ServerKey::of(request), entry)?;
        self.settle(now, id);
        Ok(id)
    }

    /// A request that is no INVITE waits for another party: should that take long, `trying` goes (RFC 4320 4.1).
    pub fn keep_trying(&mut self, id: TransactionId, trying: impl FnOnce() -> Bytes) {
        if let Some(Entry { machine: Machine::Server { machine, trying: kept }, .. }) = self.table.by_id_mut(id)
            && matches!(machine.state(), ServerState::Trying(_))
        {
            *kept = trying();
        }
    }

    /// The INVITE that a CANCEL wants to end, and whose it is.
    pub fn cancelled_by(&self, cancel: &Request) -> Option<(TransactionId, User)> {
        let id = self.table.id_of(&Key::from(ServerKey::of(cancel).invite_key()))?;
        self.table.by_id(id).map(|entry| (id, entry.user))
    }

    /// Answers a request.
    pub fn respond(&mut self, now: Instant, id: TransactionId, status: Status, bytes: Bytes) {
        let Some(entry) = self.table.by_id_mut(id) else { return };
        let mut actions = mem::take(&mut self.server);
        match &mut entry.machine {
            Machine::ServerInvite(machine) => machine.respond(now, status, bytes, &mut actions),
            Machine::Server { machine, trying } => {
                *trying = Bytes::new();
                machine.respond(now, status, bytes, &mut actions);
            }
            Machine::ClientInvite { .. } | Machine::Client(_) => {}
        }
        self.server_actions(now, id, actions);
    }

    pub(super) fn server_actions(&mut self, now: Instant, id: TransactionId, mut actions: Vec<ServerAction>) {
        for action in actions.drain(..) {
            match action {
                ServerAction::Transmit(bytes) => self.transmit(id, bytes),
                // Nothing is owed: a failure without its ACK ends a call that is over already (RFC 3261 17.2.1), a
                // response that did not leave is asked for again, and what is not answered at once has its 100 ready.
                ServerAction::Acknowledged
                | ServerAction::NoAck
                | ServerAction::Failed(_)
                | ServerAction::TryingDue
                | ServerAction::Terminated => {}
            }
        }
        self.server = actions;
        self.settle(now, id);
    }
}
