//! The open transactions of the process: machines in a table, their actions turned into transmissions and news. The side
//! that answers is in `serving`, what may still come for an INVITE that is over in `late`.

mod late;
mod serving;

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;

use crate::base::Instant;
use crate::base::ids::{CallId, TransactionId, TransmitId};
use crate::base::limits::{ACKNOWLEDGED_FORKS, LATE_ANSWERS};
use crate::call::{Branch, Cause, ClientRequest, OutgoingInvite, Side, compose};
use crate::route::trunk::Trunk;
use crate::sip::flow::{Destination, Flow, Target, Transmit, TransmitFailure, Transport};
use crate::sip::{Method, Request, Response, Status};
use crate::transaction::client::State as ClientState;
use crate::transaction::client_invite::State as ClientInviteState;
use crate::transaction::{
    ClientAction, ClientInvite, ClientKey, ClientNonInvite, Key, ServerAction, ServerInvite, ServerNonInvite, Table,
};

use super::asking::with_reserve;
use super::io::{Outbox, Output};
use super::large::{self, Fallback};
use super::probes::ProbeId;
use super::registrations::RegistrationId;
use super::ways::{Again, Ways};
use late::Late;

/// Who a transaction works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    Call {
        call: CallId,
        side: Side,
    },
    Probe(ProbeId),
    Registration(RegistrationId),
    /// Nobody waits for news of it.
    Nobody,
}

/// One of the four machines.
#[derive(Debug)]
enum Machine {
    ClientInvite {
        machine: ClientInvite,
        /// The INVITE, for the ACK of a failure; empty after the final response.
        request: Bytes,
        /// What each 2xx was acknowledged with.
        acks: Vec<Acknowledged>,
        opens: Option<Box<OutgoingInvite>>,
    },
    Client(ClientNonInvite),
    ServerInvite(ServerInvite),
    Server {
        machine: ServerNonInvite,
        /// The 100 for a request that waits for another party; empty for others, which are answered at once.
        trying: Bytes,
    },
}

#[derive(Debug)]
struct Entry {
    machine: Machine,
    user: User,
    to: Destination,
    /// The branch of our own request; `None` for a server transaction.
    branch: Option<Branch>,
    /// Our request went over TCP for its length.
    fallback: Option<Box<Fallback>>,
    /// Where else our request may go.
    ways: Ways,
}

/// The ACK of one 2xx, kept for its repetition (RFC 3261 13.2.2.4).
#[derive(Debug)]
struct Acknowledged {
    /// To tag of the 2xx: which fork it is from.
    tag: Bytes,
    to: Destination,
    bytes: Bytes,
}

/// What a transaction tells its user.
#[derive(Debug)]
pub enum News {
    /// A response that is new to the user.
    Response { user: User, branch: Branch, response: Box<Response>, flow: Flow },
    /// Another fork answered an INVITE that has its answer: it is to be ended.
    Forked { user: User, invite: Box<OutgoingInvite>, response: Box<Response>, flow: Flow },
    /// A request of the user's will not be answered.
    Failed { user: User, branch: Branch, cause: Cause },
    /// The connection that an INVITE of the user's went over, and was answered provisionally on, is gone.
    WayLost { user: User, branch: Branch },
    /// The transaction is gone.
    Gone { transaction: TransactionId },
}

/// What became of a message that may belong to a transaction.
#[derive(Debug)]
pub enum Matched<T> {
    /// It was for a transaction, which has dealt with it.
    Yes,
    /// It is not for any transaction.
    No(T),
}

/// See the module.
#[derive(Debug)]
pub struct Transactions {
    table: Table<Entry>,
    /// INVITEs whose transaction is gone without a 2xx.
    late: Table<Late>,
    /// Above so many no new request out of a dialog is taken.
    limit: usize,
    /// Effects of the machines, in order, until the engine takes them.
    transmits: Vec<Transmit>,
    news: VecDeque<News>,
    /// Empty between two inputs: what the machines want done, in vectors that are used again.
    client: Vec<ClientAction>,
    server: Vec<ServerAction>,
    /// Room for the key that is searched for.
    wanted: Vec<u8>,
}

impl Transactions {
    /// `limit`: `limits.max_transactions`. Calls that are there may open as many again, so that overload breaks no BYE.
    pub fn new(limit: usize) -> Transactions {
        Transactions {
            table: Table::new(limit.saturating_mul(2)),
            late: Table::new(LATE_ANSWERS),
            limit,
            transmits: Vec::new(),
            news: VecDeque::new(),
            client: Vec::new(),
            server: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Another limit from now on. What is open above it stays until it ends.
    pub const fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.table.resize(limit.saturating_mul(2));
    }

    /// Hands over the messages to send, oldest first. It is asked after every step, and most steps send nothing.
    pub fn hand_over(&mut self, out: &mut Outbox) {
        if !self.transmits.is_empty() {
            out.extend(self.transmits.drain(..).map(Output::Transmit));
        }
    }

    /// The next piece of news for a user.
    pub fn news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True while a request out of a dialog may open one more.
    pub fn has_room(&self) -> bool {
        self.table.len() < self.limit
    }

    /// The same for an emergency call (R-A9).
    pub fn has_reserve(&self) -> bool {
        self.table.len() < with_reserve(self.limit)
    }

    /// When [`Transactions::timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        [self.table.next_timeout(), self.late.next_timeout()].into_iter().flatten().min()
    }

    // ---- client side

    /// Sends a request of ours.
    ///
    /// # Errors
    /// There is no room, and nothing was sent: the request comes back.
    pub fn request(
        &mut self,
        now: Instant,
        mut request: Box<ClientRequest>,
        user: User,
    ) -> Result<(), Box<ClientRequest>> {
        if self.table.is_full() {
            return Err(request);
        }
        if request.method == Method::Cancel && self.went_over_tcp(&request.branch) {
            large::follow(&mut request);
        }
        let fallback = large::switch(&mut request);
        let ClientRequest { branch, method, bytes, hop, timers, opens, .. } = *request;
        let to = hop.to;
        let ways = ways(user, opens.as_deref(), hop.others);
        let transport = transport(&to);
        let mut actions = mem::take(&mut self.client);
        let key = ClientKey::new(branch.as_bytes(), &method);
        let machine = if method == Method::Invite {
            let machine = ClientInvite::start(now, bytes.clone(), transport, timers, &mut actions);
            Machine::ClientInvite { machine, request: bytes, acks: Vec::new(), opens }
        } else {
            Machine::Client(ClientNonInvite::start(now, bytes, transport, timers, &mut actions))
        };
        if method == Method::Cancel {
            self.cancelling(now, &branch);
        }
        // A branch of ours is random: it is in use by nobody.
        if let Ok(id) = self.table.insert(key, Entry { machine, user, to, branch: Some(branch), fallback, ways }) {
            self.client_actions(now, id, actions, None);
        }
        Ok(())
    }

    /// True when the INVITE with this branch was too large for a datagram.
    fn went_over_tcp(&self, branch: &Branch) -> bool {
        let id = self.table.id_of(&Key::from(ClientKey::new(branch.as_bytes(), &Method::Invite)));
        id.and_then(|id| self.table.by_id(id)).is_some_and(|entry| entry.fallback.is_some())
    }

    /// Nobody took the connection for a large request: it goes as a datagram (RFC 3261 18.1.1).
    fn begin_again(&mut self, now: Instant, id: TransactionId, fallback: Fallback) {
        let Some(entry) = self.table.by_id_mut(id) else { return };
        let (Fallback { bytes, to, timers }, mut actions) = (fallback, mem::take(&mut self.client));
        let transport = transport(&to);
        entry.to = to;
        match &mut entry.machine {
            Machine::ClientInvite { machine, request, .. } => {
                request.clone_from(&bytes);
                *machine = ClientInvite::start(now, bytes, transport, timers, &mut actions);
            }
            Machine::Client(machine) => *machine = ClientNonInvite::start(now, bytes, transport, timers, &mut actions),
            Machine::ServerInvite(_) | Machine::Server { .. } => {}
        }
        self.client_actions(now, id, actions, None);
    }

    /// The INVITE with this branch is being cancelled: it waits no longer than 64*T1 from now (RFC 3261 9.1).
    fn cancelling(&mut self, now: Instant, branch: &Branch) {
        let key = Key::from(ClientKey::new(branch.as_bytes(), &Method::Invite));
        if let Some((id, Entry { machine: Machine::ClientInvite { machine, .. }, .. })) = self.table.by_key(&key) {
            machine.cancelled(now);
            let next = machine.next_timeout();
            self.table.wake_at(id, next);
        }
    }

    /// Sends the ACK of a 2xx, and keeps it for the repetitions of that 2xx.
    pub fn acknowledge(&mut self, invite: &Branch, tag: Bytes, to: Destination, bytes: Bytes) {
        self.transmits.push(Transmit { id: TransmitId(0), to: to.clone(), bytes: bytes.clone() });
        let key = Key::from(ClientKey::new(invite.as_bytes(), &Method::Invite));
        let acks = match self.table.by_key(&key) {
            Some((_, Entry { machine: Machine::ClientInvite { acks, .. }, .. })) => Some(acks),
            Some(_) | None => self.late.by_key(&key).map(|(_, late)| &mut late.acks),
        };
        if let Some(acks) = acks.filter(|acks| acks.len() < ACKNOWLEDGED_FORKS) {
            // Forks that all answer are rare.
            acks.reserve_exact(1);
            acks.push(Acknowledged { tag, to, bytes });
        }
    }

    /// A response came in.
    pub fn response(&mut self, now: Instant, response: Box<Response>, flow: Flow) -> Matched<Box<Response>> {
        let key = Key::from(ClientKey::of_in(mem::take(&mut self.wanted), &response));
        let Some((id, entry)) = found(&mut self.table, key, &mut self.wanted) else {
            return self.late_answer(response, flow);
        };
        let mut actions = mem::take(&mut self.client);
        match &mut entry.machine {
            Machine::ClientInvite { machine, request, acks, opens } => {
                if let Some(ack) = acknowledged(acks, &response) {
                    self.transmits.push(Transmit { id: TransmitId(0), to: ack.to.clone(), bytes: ack.bytes.clone() });
                    return Matched::Yes;
                }
                if response.status.is_success() && acks.len() >= ACKNOWLEDGED_FORKS {
                    // DESIGN rule 8: whoever forks without end gets no BYE for each answer, and each repetition of it.
                    return Matched::No(response);
                }
                // RFC 3261 16.7 step 5: a proxy sends a 2xx on even where it has sent a failure before.
                let is_over = !acks.is_empty() || matches!(machine.state(), ClientInviteState::Completed(_));
                if response.status.is_success() && is_over {
                    let (user, invite) = (entry.user, opens.clone());
                    self.news.extend(invite.map(|invite| News::Forked { user, invite, response, flow }));
                    return Matched::Yes;
                }
                let ack = || compose::failure_ack(request, &response).unwrap_or_default();
                machine.response(now, response.status, ack, &mut actions);
                if response.status.is_final() {
                    *request = Bytes::new();
                }
            }
            Machine::Client(machine) => machine.response(now, response.status, &mut actions),
            Machine::ServerInvite(_) | Machine::Server { .. } => return Matched::No(response),
        }
        self.client_actions(now, id, actions, Some((response, flow)));
        Matched::Yes
    }

    /// The user no longer waits for the answer: the transaction goes without news.
    pub fn abandon(&mut self, branch: &Branch, method: &Method) {
        let key = Key::from(ClientKey::new(branch.as_bytes(), method));
        if let Some(id) = self.table.id_of(&key) {
            self.table.remove(id);
            self.news.push_back(News::Gone { transaction: id });
        }
    }

    fn client_actions(
        &mut self,
        now: Instant,
        id: TransactionId,
        mut actions: Vec<ClientAction>,
        mut received: Option<(Box<Response>, Flow)>,
    ) {
        for action in actions.drain(..) {
            match action {
                ClientAction::Transmit(bytes) => self.transmit(id, bytes),
                ClientAction::Respond => {
                    let sent = self.table.by_id(id).and_then(|entry| Some((entry.user, entry.branch.clone()?)));
                    if let (Some((user, branch)), Some((response, flow))) = (sent, received.take()) {
                        self.news.push_back(News::Response { user, branch, response, flow });
                    }
                }
                ClientAction::TimedOut => self.failed(id, Cause::PeerSilent),
                ClientAction::Failed(failure) => self.failed(id, failure.into()),
                ClientAction::Absorb | ClientAction::Terminated => {}
            }
        }
        self.client = actions;
        self.settle(now, id);
    }

    fn failed(&mut self, id: TransactionId, cause: Cause) {
        if let Some((user, branch)) = self.table.by_id(id).and_then(|entry| Some((entry.user, entry.branch.clone()?))) {
            self.news.push_back(News::Failed { user, branch, cause });
        }
    }

    // ---- both

    /// A message of this transaction did not leave, or the connection that it left on is gone.
    pub fn transmit_failed(&mut self, now: Instant, id: TransmitId, failure: TransmitFailure) {
        let Some(id) = id.0.checked_sub(1).map(TransactionId) else { return };
        let Some(entry) = self.table.by_id_mut(id) else { return };
        if entry.machine.is_unheard()
            && let Some(fallback) = entry.fallback.take()
        {
            return self.begin_again(now, id, *fallback);
        }
        if let Some(bytes) = entry.machine.unanswered()
            && let Some(again) = entry.ways.next(failure)
        {
            if let Again::Other(to) = again {
                entry.to = to;
            }
            return self.transmit(id, bytes);
        }
        if let (true, Some(branch)) = (entry.machine.was_taken(), &entry.branch) {
            self.news.push_back(News::WayLost { user: entry.user, branch: branch.clone() });
        }
        let (mut client, mut server) = (mem::take(&mut self.client), mem::take(&mut self.server));
        match &mut entry.machine {
            Machine::ClientInvite { machine, .. } => machine.transport_failed(failure, &mut client),
            Machine::Client(machine) => machine.transport_failed(failure, &mut client),
            Machine::ServerInvite(machine) => machine.transport_failed(failure, &mut server),
            Machine::Server { machine, .. } => machine.transport_failed(failure, &mut server),
        }
        self.client_actions(now, id, client, None);
        self.server_actions(now, id, server);
    }

    /// Fires what is due.
    pub fn timeout(&mut self, now: Instant) {
        self.forget_late(now);
        while let Some(id) = self.table.pop_due(now) {
            let Some(entry) = self.table.by_id_mut(id) else { continue };
            let (mut client, mut server) = (mem::take(&mut self.client), mem::take(&mut self.server));
            match &mut entry.machine {
                Machine::ClientInvite { machine, .. } => machine.timeout(now, &mut client),
                Machine::Client(machine) => machine.timeout(now, &mut client),
                Machine::ServerInvite(machine) => machine.timeout(now, &mut server),
                Machine::Server { machine, trying } => {
                    machine.timeout(now, &mut server);
                    if server.contains(&ServerAction::TryingDue) && !trying.is_empty() {
                        machine.respond(now, Status::TRYING, mem::take(trying), &mut server);
                    }
                }
            }
            self.client_actions(now, id, client, None);
            self.server_actions(now, id, server);
        }
    }

    fn transmit(&mut self, id: TransactionId, bytes: Bytes) {
        if let Some(entry) = self.table.by_id(id)
            && !bytes.is_empty()
        {
            self.transmits.push(Transmit { id: TransmitId(id.0 + 1), to: entry.to.clone(), bytes });
        }
    }

    /// Removes a transaction that has ended, or notes when it wants to be woken.
    fn settle(&mut self, now: Instant, id: TransactionId) {
        let Some(entry) = self.table.by_id(id) else { return };
        let (over, next) = match &entry.machine {
            Machine::ClientInvite { machine, .. } => (machine.is_terminated(), machine.next_timeout()),
            Machine::Client(machine) => (machine.is_terminated(), machine.next_timeout()),
            Machine::ServerInvite(machine) => (machine.is_terminated(), machine.next_timeout()),
            Machine::Server { machine, .. } => (machine.is_terminated(), machine.next_timeout()),
        };
        if over {
            self.keep_late(now, id);
            self.table.remove(id);
            self.news.push_back(News::Gone { transaction: id });
        } else {
            self.table.wake_at(id, next);
        }
    }
}

impl Machine {
    /// True for an INVITE that opens a leg and has had a provisional answer only.
    const fn was_taken(&self) -> bool {
        match self {
            Machine::ClientInvite { machine, opens: Some(_), .. } => {
                matches!(machine.state(), ClientInviteState::Proceeding(_))
            }
            Machine::ClientInvite { .. } | Machine::Client(_) | Machine::ServerInvite(_) | Machine::Server { .. } => {
                false
            }
        }
    }

    /// A request of ours that waits for its final answer.
    fn unanswered(&self) -> Option<Bytes> {
        match self {
            Machine::ClientInvite { machine, request, .. } => match machine.state() {
                ClientInviteState::Calling(_) | ClientInviteState::Proceeding(_) => Some(request.clone()),
                ClientInviteState::Completed(_) | ClientInviteState::Accepted(_) | ClientInviteState::Terminated => {
                    None
                }
            },
            Machine::Client(machine) => match machine.state() {
                ClientState::Trying(open) | ClientState::Proceeding(open) => Some(open.request.clone()),
                ClientState::Completed(_) | ClientState::Terminated => None,
            },
            Machine::ServerInvite(_) | Machine::Server { .. } => None,
        }
    }

    /// True for a request of ours of which nobody has shown any sign.
    const fn is_unheard(&self) -> bool {
        match self {
            Machine::ClientInvite { machine, .. } => matches!(machine.state(), ClientInviteState::Calling(_)),
            Machine::Client(machine) => matches!(machine.state(), ClientState::Trying(_)),
            Machine::ServerInvite(_) | Machine::Server { .. } => false,
        }
    }
}

/// The other ways of a request: a call that looks for a party, a probe and a registration have their own idea of what comes
/// next.
fn ways(user: User, opens: Option<&OutgoingInvite>, others: Vec<Destination>) -> Ways {
    match user {
        User::Call { .. } if opens.is_none() => Ways::of(others),
        User::Call { .. } | User::Probe(_) | User::Registration(_) | User::Nobody => Ways::NONE,
    }
}

const fn transport(to: &Destination) -> Transport {
    match to {
        Destination::Flow(flow) | Destination::FlowOr(flow, _) => flow.transport,
        Destination::Target(target) => target.transport,
    }
}

/// The transaction with this key; the key's room goes to `room`.
fn found<'a, V>(table: &'a mut Table<V>, key: Key, room: &mut Vec<u8>) -> Option<(TransactionId, &'a mut V)> {
    let entry = table.by_key(&key);
    *room = key.into_buffer();
    entry
}

/// The ACK this 2xx has had already.
fn acknowledged<'a>(acks: &'a [Acknowledged], response: &Response) -> Option<&'a Acknowledged> {
    let tag = response.to_tag().unwrap_or_default();
    acks.iter().find(|ack| response.status.is_success() && ack.tag == tag)
}

/// Where responses to a request go (RFC 3261 18.2.2, RFC 3581): back on the connection, and when that is gone to the
/// port its Via names at the same address (over TLS only where the trunk tells how to be sure who is there); on UDP to
/// the source address, and to the source port only when the sender asked for it with `rport`, else to the port of its
/// Via. Never to the host a Via names (bcast).
pub fn reply_to(request: &Request, flow: Flow, trunk: Option<&Trunk>) -> Destination {
    let mut address = flow.remote;
    if flow.transport.is_reliable() || request.via.param("rport").is_none() {
        let port = request.via.port.filter(|&port| port != 0);
        address.set_port(port.unwrap_or(flow.transport.default_port()));
    }
    match flow.transport {
        Transport::Udp => Destination::Flow(Flow { remote: address, ..flow }),
        Transport::Tls if trunk.is_none_or(|trunk| trunk.tls.is_none()) => Destination::Flow(flow),
        Transport::Tcp | Transport::Tls => {
            let (tls, keep_alive) = trunk.map(|trunk| (trunk.tls.clone(), trunk.keep_alive)).unwrap_or_default();
            let target = Target { transport: flow.transport, address, listener: flow.listener, tls, keep_alive };
            Destination::FlowOr(flow, target)
        }
    }
}
