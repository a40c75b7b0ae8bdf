//! Next hops inside dialogs that are names (RFC 3261 8.1.2, RFC 3263): looked up, the answer kept as long as it may be.
//! A living connection of the peer's comes before any name (RFC 5923); a message waits a moment for the answer, and goes
//! back to where its dialog's messages come from when there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::base::ids::{CallId, ResolveId};
use crate::base::limits::{HOP_FAILED, HOP_NAMES, HOP_PATIENCE, HOP_WAITING};
use crate::base::{Instant, Now};
use crate::call::hop::{Hop, NamedHop, Wish};
use crate::call::{Acknowledgement, Branch, ClientRequest};
use crate::sip::flow::{Destination, Resolution, Resolve, Resolved, Transport};

use super::Engine;
use super::io::{Detour, Event, Outbox, Output};

/// A message of a call whose next hop is a name.
#[derive(Debug)]
pub(super) enum Outgoing {
    Request { call: CallId, request: Box<ClientRequest> },
    Acknowledge(Box<Acknowledgement>),
}

impl Outgoing {
    const fn hop(&self) -> &Hop {
        match self {
            Outgoing::Request { request, .. } => &request.hop,
            Outgoing::Acknowledge(ack) => &ack.hop,
        }
    }

    /// The ACK of one 2xx, wanted again because that came again.
    fn is_same_ack(&self, other: &Outgoing) -> bool {
        match (self, other) {
            (Outgoing::Acknowledge(ack), Outgoing::Acknowledge(other)) => {
                ack.invite == other.invite && ack.tag == other.tag
            }
            (Outgoing::Request { .. } | Outgoing::Acknowledge(_), _) => false,
        }
    }

    fn lead(&mut self, to: Destination, others: Vec<Destination>) {
        let hop = match self {
            Outgoing::Request { request, .. } => &mut request.hop,
            Outgoing::Acknowledge(ack) => &mut ack.hop,
        };
        (hop.to, hop.others) = (to, others);
    }
}

/// What a name is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    host: String,
    port: Option<u16>,
    transport: Transport,
}

impl Question {
    fn of(name: &NamedHop) -> Question {
        Question { host: name.host.to_ascii_lowercase(), port: name.port, transport: name.trunk.transport }
    }
}

#[derive(Debug)]
enum Answer {
    Awaited {
        id: ResolveId,
        waiting: Vec<Outgoing>,
    },
    /// Addresses in the order of RFC 3263; none when the name gave nothing.
    Kept {
        addresses: Vec<SocketAddr>,
        until: Instant,
    },
}

/// What is known of a name when a message wants to go there.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    Addresses(Vec<SocketAddr>),
    Awaited,
    Unasked,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Hops {
    names: BTreeMap<Question, Answer>,
    asked: BTreeMap<ResolveId, Question>,
    /// When the messages of a question have waited long enough.
    patience: BTreeSet<(Instant, ResolveId)>,
}

impl Hops {
    pub fn next_timeout(&self) -> Option<Instant> {
        self.patience.first().map(|&(at, _)| at)
    }

    fn known(&self, now: Instant, question: &Question) -> Known {
        match self.names.get(question) {
            Some(Answer::Kept { addresses, until }) if *until > now => Known::Addresses(addresses.clone()),
            Some(Answer::Awaited { .. }) => Known::Awaited,
            Some(Answer::Kept { .. }) | None => Known::Unasked,
        }
    }

    /// Room for one more name: what is out of date goes first.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.names.len() >= HOP_NAMES {
            self.names.retain(|_, answer| match answer {
                Answer::Kept { until, .. } => *until > now,
                Answer::Awaited { .. } => true,
            });
        }
        self.names.len() < HOP_NAMES
    }

    fn ask(&mut self, now: Instant, id: ResolveId, question: Question) {
        self.patience.insert((now + HOP_PATIENCE, id));
        self.asked.insert(id, question.clone());
        self.names.insert(question, Answer::Awaited { id, waiting: Vec::new() });
    }

    /// The message waits for the answer; it comes back when too many do.
    fn wait(&mut self, question: &Question, message: Outgoing) -> Result<(), Outgoing> {
        match self.names.get_mut(question) {
            Some(Answer::Awaited { waiting, .. }) if waiting.len() < HOP_WAITING => {
                if !waiting.iter().any(|held| held.is_same_ack(&message)) {
                    waiting.push(message);
                }
                Ok(())
            }
            Some(Answer::Awaited { .. } | Answer::Kept { .. }) | None => Err(message),
        }
    }

    /// An answer came, or none in time: those that waited for it.
    fn settle(&mut self, id: ResolveId, addresses: Vec<SocketAddr>, until: Instant) -> Vec<Outgoing> {
        let Some(question) = self.asked.remove(&id) else { return Vec::new() };
        self.patience.retain(|&(_, waits)| waits != id);
        match self.names.insert(question, Answer::Kept { addresses, until }) {
            Some(Answer::Awaited { id: asked, waiting }) if asked == id => waiting,
            Some(Answer::Awaited { .. } | Answer::Kept { .. }) | None => Vec::new(),
        }
    }

    /// The request with this branch is not wanted any more.
    pub fn forget(&mut self, branch: &Branch) {
        for answer in self.names.values_mut() {
            if let Answer::Awaited { waiting, .. } = answer {
                waiting.retain(|held| !matches!(held, Outgoing::Request { request, .. } if request.branch == *branch));
            }
        }
    }
}

impl Engine {
    /// A message of a call leaves, now or when its next hop is known.
    pub(super) fn send(&mut self, now: Now, message: Outgoing, out: &mut Outbox) {
        match &message.hop().wish {
            Wish::Granted => self.leave(now, message, out),
            Wish::Refused(trunk) => {
                let trunk = trunk.clone();
                out.push(Output::Event(Event::Detoured { trunk, why: Detour::NotAllowed }));
                self.leave(now, message, out);
            }
            Wish::Name(_) if self.lives(&message.hop().to) => self.leave(now, message, out),
            Wish::Name(name) => {
                let question = Question::of(name);
                self.look_up(now, question, message, out);
            }
        }
    }

    /// True while the connection that a message would go back on is up.
    fn lives(&self, to: &Destination) -> bool {
        match to {
            Destination::Flow(flow) | Destination::FlowOr(flow, _) => self.identities.contains_key(&flow.id),
            Destination::Target(_) => false,
        }
    }

    fn look_up(&mut self, now: Now, question: Question, message: Outgoing, out: &mut Outbox) {
        match self.hops.known(now.instant, &question) {
            Known::Addresses(addresses) => return self.leave_for(now, message, &addresses, Detour::NoAddress, out),
            Known::Unasked if self.hops.has_room(now.instant) => self.ask(now, &question, &message, out),
            Known::Awaited | Known::Unasked => {}
        }
        if let Err(message) = self.hops.wait(&question, message) {
            self.leave_for(now, message, &[], Detour::Full, out);
        }
    }

    fn ask(&mut self, now: Now, question: &Question, message: &Outgoing, out: &mut Outbox) {
        let Wish::Name(name) = &message.hop().wish else { return };
        let (id, discovery) = (self.supply.question(), name.discovery);
        self.hops.ask(now.instant, id, question.clone());
        let Question { host, port, transport } = question.clone();
        out.push(Output::Resolve(Resolve { id, host, port, transport, discovery }));
    }

    /// An answer to a question of ours. False: it was not asked for here.
    pub(super) fn hop_resolved(&mut self, now: Now, resolution: &Resolution, out: &mut Outbox) -> bool {
        if !self.hops.asked.contains_key(&resolution.id) {
            return false;
        }
        let (addresses, ttl) = match &resolution.outcome {
            Ok(Resolved { addresses, ttl }) => (addresses.clone(), *ttl),
            Err(_) => (Vec::new(), HOP_FAILED),
        };
        for message in self.hops.settle(resolution.id, addresses.clone(), now.instant + ttl) {
            self.leave_for(now, message, &addresses, Detour::NoAddress, out);
        }
        true
    }

    /// Messages that have waited long enough go back.
    pub(super) fn hops_due(&mut self, now: Now, out: &mut Outbox) {
        while let Some(&(at, id)) = self.hops.patience.first()
            && at <= now.instant
        {
            for message in self.hops.settle(id, Vec::new(), now.instant + HOP_FAILED) {
                self.leave_for(now, message, &[], Detour::NotInTime, out);
            }
            self.hops.patience.remove(&(at, id));
        }
    }

    /// The message leaves for the first of these addresses that its trunk allows. Without one it goes back: `otherwise`
    /// says why when there was no address at all.
    fn leave_for(
        &mut self,
        now: Now,
        mut message: Outgoing,
        addresses: &[SocketAddr],
        otherwise: Detour,
        out: &mut Outbox,
    ) {
        let Wish::Name(name) = &message.hop().wish else { return self.leave(now, message, out) };
        let mut usable = name.destinations(addresses).into_iter();
        match usable.next() {
            Some(to) => message.lead(to, usable.collect()),
            None => {
                let why = if addresses.is_empty() { otherwise } else { Detour::NotAllowed };
                let trunk = name.trunk.name.clone();
                out.push(Output::Event(Event::Detoured { trunk, why }));
            }
        }
        self.leave(now, message, out);
    }

    fn leave(&mut self, now: Now, message: Outgoing, out: &mut Outbox) {
        match message {
            Outgoing::Request { call, request } => self.send_request(now, call, request, out),
            Outgoing::Acknowledge(ack) => {
                let Acknowledgement { invite, tag, hop, bytes } = *ack;
                self.transactions.acknowledge(&invite, tag, hop.to, bytes);
            }
        }
        self.transactions.hand_over(out);
    }
}
