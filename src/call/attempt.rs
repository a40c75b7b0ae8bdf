//! Offering a call to one candidate: a target of a trunk, perhaps a name with several addresses.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::call::{Common, Heed};
use super::cause::Cause;
use super::digits::DigitLine;
use super::effect::{Branch, Effect, Work};
use super::event::CallEvent;
use super::fork::{Agreement, Fork, Standing, Turned, reliable_number};
use super::hunting::description;
use super::leg::Leg;
use super::media_end::MediaEnd;
use super::negotiate::{AudioPlan, LegMedia, MediaRefusal};
use super::outgoing::OutgoingInvite;
use super::passed::Passed;
use super::proof::is_challenge;
use super::record::Side;
use super::step::Place;
use super::taken::Taken;
use super::transfer::Diverted;
use crate::base::bounds::Bound;
use crate::base::ids::{ResolveId, TrunkId};
use crate::base::limits::{CALL_CANDIDATES, EARLY_DIALOGS};
use crate::dialog::{Dialog, DialogKey};
use crate::media::dtmf::HeardDigit;
use crate::media::plan::Flowing;
use crate::route::directory::Account;
use crate::route::emergency::Code;
use crate::route::health::{TargetId, Way};
use crate::route::liveness::Turn;
use crate::route::media::TrunkDtmf;
use crate::route::number::Field;
use crate::route::presence::UriForm;
use crate::route::snapshot::{RoutePlan, Snapshot};
use crate::route::standing::Urgency;
use crate::route::trunk::{TargetSpec, Trunk};
use crate::sip::flow::{Destination, Discovery, Flow, Resolve};
use crate::sip::header::EarlyMedia;
use crate::sip::{Host, NameAddr, RAck, Request, Response, SipUri, Status, Uri};

/// One place to offer the call to.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub trunk: Arc<Trunk>,
    /// Whose host the Request-URI shows.
    pub target: TargetSpec,
    /// Set by a 3xx that is followed.
    pub diverted: Option<Arc<Diverted>>,
    /// Where messages go instead: the registrar's Service-Route (RFC 3608 6.1, RFC 3261 8.1.2).
    pub hop: Option<TargetSpec>,
    /// Of an emergency call.
    pub urgent: Option<Code>,
    pub heed: Heed,
}

impl Candidate {
    pub fn new(trunk: Arc<Trunk>, target: TargetSpec) -> Candidate {
        Candidate { trunk, target, diverted: None, hop: None, urgent: None, heed: Heed::Limits }
    }

    /// User part of the Request-URI: the one a 3xx named, else the called number.
    pub fn called_user<'a>(&'a self, common: &'a Common) -> Option<&'a Bytes> {
        match &self.diverted {
            Some(diverted) => diverted.user.as_ref(),
            None => common.numbers.called_user.as_ref(),
        }
    }

    /// The URI of `user` there. PF-116: a Request-URI host of its own has nothing to do with the next hop, so neither has
    /// its port.
    pub fn uri_of(&self, field: Field, user: Option<&Bytes>) -> Uri {
        let (host, port) = match self.trunk.request_uri_host.as_deref() {
            Some(host) => (host, self.trunk.request_uri_port),
            None => (&*self.target.host, self.target.port),
        };
        let host = Host::parse(host).unwrap_or(Host::Name(Bytes::copy_from_slice(host.as_bytes())));
        if let Some(code) = &self.urgent {
            return self.urgent_uri(code, host, port);
        }
        if field == Field::Called && self.trunk.presence.request_uri == UriForm::Full {
            return self.full_uri(user, host, port);
        }
        let port = port.filter(|&port| port != self.trunk.transport.default_port());
        self.trunk.presentation.uri(field, user, &SipUri::new(None, host, port))
    }

    /// No rule for numbers touches it.
    fn urgent_uri(&self, code: &str, host: Host, port: Option<u16>) -> Uri {
        let presentation = &self.trunk.presentation;
        let user = presentation.emergency.user(code, presentation.numbers.country);
        let port = port.filter(|&port| port != self.trunk.transport.default_port());
        match user {
            Some(user) => Uri::Sip(SipUri::new(Some(Bytes::from(user)), host, port)),
            None => Uri::Other { scheme: Bytes::from_static(b"urn"), rest: Bytes::from_static(b"service:sos") },
        }
    }

    /// With port and transport (MD-84).
    fn full_uri(&self, user: Option<&Bytes>, host: Host, port: Option<u16>) -> Uri {
        let port = port.unwrap_or(self.trunk.transport.default_port());
        let uri = self.trunk.presentation.uri(Field::Called, user, &SipUri::new(None, host, Some(port)));
        match uri {
            Uri::Sip(mut sip) => {
                sip.set_param("transport", Some(self.trunk.transport.uri_token()));
                Uri::Sip(sip)
            }
            other => other,
        }
    }

    /// The targets of every trunk of the plan, in the order they are tried: those that failed lately come last.
    pub fn expand(
        snapshot: &Snapshot,
        plan: &RoutePlan,
        account: Option<&Account>,
        work: &mut Work<'_>,
    ) -> VecDeque<Candidate> {
        let trunks = plan.trunks.iter().filter_map(|&id| snapshot.trunk(id));
        let candidates = trunks.flat_map(|trunk| Candidate::of(trunk, service_route_hop(trunk, work)));
        let mut candidates: Vec<Candidate> = Bound::CallCandidates.first(CALL_CANDIDATES, candidates).collect();
        if account.is_some_and(|account| account.rules.is_some()) {
            candidates.iter_mut().for_each(|candidate| candidate.trunk = candidate.trunk.of_account(account));
        }
        candidates.sort_by_cached_key(|candidate| candidate.turn(work));
        candidates.into()
    }

    /// One for each target; with a hop before all of them, one.
    fn of(trunk: &Arc<Trunk>, hop: Option<TargetSpec>) -> impl Iterator<Item = Candidate> {
        let count = if hop.is_some() { 1 } else { trunk.targets.len() };
        let candidate = move |target: &TargetSpec| Candidate {
            hop: hop.clone(),
            ..Candidate::new(Arc::clone(trunk), target.clone())
        };
        trunk.targets.iter().take(count).map(candidate)
    }

    /// As a step shows it.
    pub fn place(&self) -> Place {
        Place { trunk: Arc::clone(&self.trunk.name), host: Arc::clone(&self.target.host), port: self.target.port }
    }

    /// What calls have found lately counts as much as what the target's state says (MD-53).
    fn turn(&self, work: &mut Work<'_>) -> Turn {
        if self.address().is_some_and(|at| work.is_penalised(&self.trunk, at)) {
            return work.supply.target_state(&self.trunk, self.target_id()).turn().max(Turn::Doubtful);
        }
        work.supply.turn_of(work.now.instant, &self.trunk, self.target_id())
    }

    /// True unless an operator has taken its trunk out of service.
    pub fn is_in_service(&self, work: &Work<'_>) -> bool {
        let urgency = if self.urgent.is_some() { Urgency::Emergency } else { Urgency::Normal };
        work.supply.standing(&self.trunk).takes(urgency)
    }

    /// Its place among the trunk's targets; `None` for a contact of a 3xx and for a registrar's route.
    pub fn target_id(&self) -> Option<TargetId> {
        let place = self.trunk.targets.iter().position(|target| *target == self.target);
        place.filter(|_| self.hop.is_none()).and_then(|place| u16::try_from(place).ok()).map(TargetId)
    }

    /// Where messages go.
    pub fn hop(&self) -> &TargetSpec {
        self.hop.as_ref().unwrap_or(&self.target)
    }

    /// The same at this one of its addresses.
    pub fn destination(&self, address: SocketAddr) -> Destination {
        Destination::Target(self.trunk.target(address, self.trunk.tls_towards(self.hop())))
    }

    /// Asks for the addresses of where messages go.
    pub fn look_up(&self, work: &mut Work<'_>) -> ResolveId {
        let (id, hop) = (work.supply.resolve(), self.hop());
        work.out.push(Effect::Resolve(Resolve {
            id,
            host: hop.host.to_string(),
            port: hop.port,
            transport: self.trunk.transport,
            discovery: hop.discovery,
        }));
        id
    }

    /// Where that is, when it is an address.
    pub fn address(&self) -> Option<SocketAddr> {
        let port = self.hop().port.unwrap_or(self.trunk.transport.default_port());
        Some(SocketAddr::new(self.hop().address?, port))
    }
}

/// The topmost Service-Route of a registered trunk. A trunk with a Request-URI of its own has named its next hop: its
/// targets are the proxy that stands before every route (PF-116).
fn service_route_hop(trunk: &Trunk, work: &Work<'_>) -> Option<TargetSpec> {
    if trunk.request_uri_host.is_some() {
        return None;
    }
    let routes = work.supply.service_route(trunk);
    let route = NameAddr::parse(routes.first()?).ok()?;
    let sip = route.uri.as_sip()?;
    let host = sip.host.to_string();
    Some(TargetSpec {
        address: sip.host.ip(),
        host: Arc::from(host.as_str()),
        port: sip.port,
        discovery: Discovery::Hosts,
        priority: 0,
        weight: 1,
    })
}

/// The attempt under way.
#[derive(Debug)]
pub(super) enum Attempt {
    None,
    Resolving {
        id: ResolveId,
        candidate: Candidate,
    },
    Inviting(Box<Inviting>),
    /// Answered; the caller hears so when it has acknowledged what it was told before.
    Answered(Box<Answered>),
}

/// A called party whose 2xx is acknowledged, or who has picked the call up (RFC 3891), and what it said of its media.
#[derive(Debug)]
pub(super) struct Answered {
    pub callee: Box<Leg>,
    pub reading: Reading,
    /// Headers of its 2xx for the caller.
    pub passed: Passed,
}

/// What a called party says of its media.
#[derive(Debug)]
pub(super) enum Reading {
    Read(Result<Option<AudioPlan>, MediaRefusal>),
    /// Our 200 offered; its ACK brings the answer.
    InAck,
}

/// What a 2xx makes of an attempt.
#[derive(Debug)]
pub(super) struct Settled {
    pub dialog: Dialog,
    pub read: Result<Option<AudioPlan>, MediaRefusal>,
    pub standing: Standing,
    /// What its provisional responses said it takes.
    pub taken: Taken,
}

/// What a provisional response other than 100 says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing new: heard before, or out of order.
    Nothing,
    /// That something happens.
    Word,
    /// That the party with this To tag may not be heard: not yet, or no more (RFC 5009).
    Unauthorised(Bytes),
    /// What the party with this To tag receives; [`Inviting::follow`] reads it.
    Description(Bytes),
}

/// Whether the called side has said anything but 100, or a caller has heard as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Unsaid,
    Said,
}

/// Whether UPDATE has changed the media of a fork since its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    No,
    Yes,
}

/// An INVITE that is out.
#[derive(Debug)]
pub(super) struct Inviting {
    pub invite: OutgoingInvite,
    pub candidate: Candidate,
    pub media: MediaEnd,
    pub address: SocketAddr,
    /// Other addresses of the same target.
    pub addresses: VecDeque<SocketAddr>,
    /// The place in the call that who answers will have.
    pub side: Side,
    pub word: Word,
    /// Digits for the called side, where its trunk takes them as INFO.
    pub digits: DigitLine,
    /// Early dialogs by To tag (MD-110). Boxed: a node of the map has room for eleven, and mostly there is one.
    pub forks: BTreeMap<Bytes, Box<Fork>>,
    /// To tags of those that have described themselves, the latest last: whose media the caller hears.
    pub described: Vec<Bytes>,
    /// The media as the INVITE offered it, once UPDATE has changed that of a fork: what other forks answer.
    pub unmoved: Option<Box<LegMedia>>,
}

impl Inviting {
    /// The way this attempt takes.
    pub fn way(&self) -> Way {
        Way { trunk: self.candidate.trunk.id, address: self.address, target: self.candidate.target_id() }
    }

    /// A provisional response other than 100: its early dialog is kept, and a reliable one is acknowledged.
    pub fn hear(&mut self, response: &Response, flow: Flow, work: &mut Work<'_>) -> Heard {
        self.word = Word::Said;
        let Some(tag) = response.to_tag().map(Bytes::copy_from_slice) else { return Heard::Word };
        self.keep_fork(&tag, response, flow, work);
        let Some(fork) = self.forks.get_mut(&tag) else { return Heard::Word };
        fork.taken.hear(&response.message);
        let turned = fork.authorise(&response.message, &self.candidate.trunk);
        let number = reliable_number(response).filter(|_| self.invite.is_reliable());
        if let Some(rseq) = number {
            if !fork.takes(rseq) {
                return Heard::Nothing;
            }
            fork.acknowledge(&self.invite, RAck { rseq, cseq: response.cseq.clone() }, work);
        }
        let agreement = if number.is_some() { Agreement::Closed } else { Agreement::Open };
        let described = description(response).is_some_and(|body| fork.describes(body, agreement));
        match (described || turned != Turned::Not, fork.is_authorised()) {
            (true, true) => Heard::Description(tag),
            (true, false) => Heard::Unauthorised(tag),
            (false, _) => Heard::Word,
        }
    }

    fn keep_fork(&mut self, tag: &Bytes, response: &Response, flow: Flow, work: &mut Work<'_>) {
        if self.forks.contains_key(tag) {
            return;
        }
        if self.forks.len() >= EARLY_DIALOGS {
            let trunk = Arc::clone(&self.candidate.trunk.name);
            work.out.push(Effect::Event(CallEvent::ForkUnheard { trunk }));
            return;
        }
        if let Some(fork) = Fork::of(&self.invite, response, flow) {
            work.out.push(Effect::DialogOpened { key: fork.dialog.key(), side: self.side });
            self.forks.insert(tag.clone(), Box::new(fork));
        }
    }

    /// Whether an INVITE of `trunk` may pick up who rings in this early dialog (RFC 3891 3).
    ///
    /// # Errors
    /// The status it is refused with.
    pub fn replaceable(&self, key: &DialogKey, trunk: TrunkId) -> Result<(), Status> {
        match self.forks.values().find(|fork| fork.dialog.key() == *key) {
            None => Err(Status::CALL_DOES_NOT_EXIST),
            Some(_) if self.candidate.trunk.id != trunk => Err(Status::FORBIDDEN),
            Some(fork) if fork.standing != Standing::Here => Err(Status::DECLINE),
            Some(_) => Ok(()),
        }
    }

    /// From now on the media of this fork counts. `None` when its description cannot be used: then the answer decides.
    pub fn follow(&mut self, tag: &Bytes) -> Option<AudioPlan> {
        let plan = match self.turn_to(tag) {
            Moved::Yes => self.media.media.wish()?,
            Moved::No => {
                let body = self.forks.get(tag)?.body.as_ref()?;
                self.media.media.read_answer(body).ok()?
            }
        };
        self.described.retain(|known| known != tag);
        self.described.push(tag.clone());
        self.media.allow(Flowing::BOTH);
        Some(plan)
    }

    /// What this UPDATE of a fork changes about its early media.
    pub fn authorise(&mut self, tag: &[u8], update: &Request) -> Turned {
        let trunk = &self.candidate.trunk;
        self.forks.get_mut(tag).map_or(Turned::Not, |fork| fork.authorise(&update.message, trunk))
    }

    /// UPDATE is about to change the media of the fork that is heard: what the others answer is kept.
    pub fn moves(&mut self) {
        if self.unmoved.is_none() {
            self.unmoved = Some(Box::new(self.media.media.clone()));
        }
    }

    /// The media becomes that of this fork. `Moved::No`: it is what the INVITE offered, and the fork's answer to that
    /// must be read.
    fn turn_to(&mut self, tag: &[u8]) -> Moved {
        let Some(unmoved) = &self.unmoved else { return Moved::No };
        let heard = self.described.last().cloned();
        if heard.as_deref() == Some(tag) {
            return Moved::Yes;
        }
        let own = self.forks.get_mut(tag).and_then(|fork| fork.moved.take());
        let moved = if own.is_some() { Moved::Yes } else { Moved::No };
        let before = std::mem::replace(&mut self.media.media, *own.unwrap_or_else(|| unmoved.clone()));
        if let Some(fork) = heard.and_then(|heard| self.forks.get_mut(&heard)) {
            fork.moved = Some(Box::new(before));
        }
        moved
    }

    /// This fork rings no more, or has left. What the one that is heard instead said, when there is one.
    pub fn lose(&mut self, tag: &[u8], standing: Standing) -> Option<AudioPlan> {
        self.forks.get_mut(tag)?.standing = standing;
        self.pass_over(tag)
    }

    /// What this fork plays is not heard any more. What the one that is heard instead said, when there is one.
    pub fn pass_over(&mut self, tag: &[u8]) -> Option<AudioPlan> {
        let is_heard = self.hears(tag);
        let next = self.described.iter().rev().find(|known| *known != tag).filter(|_| is_heard).cloned();
        // While the media is still that of the fork which is left.
        let plan = next.and_then(|next| self.follow(&next));
        self.described.retain(|known| known != tag);
        plan
    }

    /// True for the fork whose media the caller hears.
    pub fn hears(&self, tag: &[u8]) -> bool {
        self.described.last().is_some_and(|heard| heard == tag)
    }

    /// A digit for whoever is heard (MD-190): by INFO or in the media, as the trunk takes it.
    pub fn tell_digit(&mut self, digit: HeardDigit, work: &mut Work<'_>) {
        match self.media.media.dtmf() {
            TrunkDtmf::Info => {
                if !self.digits.push(digit) {
                    let trunk = Arc::clone(&self.candidate.trunk.name);
                    work.out.push(Effect::Event(CallEvent::DigitLost { trunk }));
                }
                self.send_digit(work);
            }
            TrunkDtmf::Rfc4733 | TrunkDtmf::Inband if self.media.is_open() => self.media.play_digit(digit, work),
            TrunkDtmf::Rfc4733 | TrunkDtmf::Inband => {}
        }
    }

    /// Our INFO has its final answer, or will never have one: the next digit goes.
    pub fn digit_told(&mut self, branch: &Branch, work: &mut Work<'_>) {
        if self.digits.answered(branch) {
            self.send_digit(work);
        }
    }

    /// RFC 6086 4.2.2: in the early dialog of whoever is heard, when its Allow has INFO; else the digit waits for the answer.
    fn send_digit(&mut self, work: &mut Work<'_>) {
        let only = self.forks.keys().next().filter(|_| self.forks.len() == 1);
        let Some(heard) = self.described.last().or(only).cloned() else { return };
        let Some(fork) = self.forks.get_mut(&heard).filter(|fork| fork.takes_info()) else { return };
        if let Some(digit) = self.digits.next() {
            let branch = fork.tell_digit(&self.invite, digit, work);
            self.digits.sent(branch, digit);
        }
    }

    /// What the network of whoever is heard, or speaks at all, says of early media (RFC 5009).
    pub fn authorised(&self) -> Option<EarlyMedia> {
        let heard = self.described.last().and_then(|tag| self.forks.get(tag));
        heard.or(self.forks.values().next()).and_then(|fork| fork.early_media)
    }

    /// What the network of this fork says of early media.
    pub fn authorised_of(&self, tag: &[u8]) -> Option<EarlyMedia> {
        self.forks.get(tag).and_then(|fork| fork.early_media)
    }

    /// True when every fork that was heard of has ended.
    pub fn is_silent(&self) -> bool {
        self.forks.values().all(|fork| fork.standing != Standing::Here)
    }

    /// The dialog and the media of a 2xx, whose fork may have spoken before; `None` when it makes no dialog. All other
    /// early dialogs are over (RFC 3261 13.2.2.4: should they answer too, that is ended).
    pub fn settle(&mut self, response: &Response, work: &mut Work<'_>) -> Option<Settled> {
        let moved = self.turn_to(response.to_tag().unwrap_or_default());
        let winner = self.forks.remove(response.to_tag().unwrap_or_default());
        self.forget_forks(work);
        let Some(mut fork) = winner else {
            let dialog = self.invite.dialog(response)?;
            let read = description(response).map(|body| self.media.media.read_answer(&body)).transpose();
            return Some(Settled { dialog, read, standing: Standing::Here, taken: Taken::default() });
        };
        if fork.dialog.confirm(response).is_err() {
            work.out.push(Effect::DialogClosed { key: fork.dialog.key() });
            return None;
        }
        // RFC 3261 13.2.1: a 2xx without a description confirms the one of the provisional response, and after a
        // reliable one its own does not count (RFC 6337 3.1.1).
        let said = description(response).filter(|_| fork.agreement == Agreement::Open).or(fork.body);
        let read = match moved {
            Moved::Yes => Ok(self.media.media.wish()),
            Moved::No => said.map(|body| self.media.media.read_answer(&body)).transpose(),
        };
        Some(Settled { dialog: fork.dialog, read, standing: fork.standing, taken: fork.taken })
    }

    /// An answer to a PRACK of ours. Refused, it changes nothing: whoever did not understand it refuses our INVITE too.
    pub fn prack_answered(&mut self, branch: &Branch, response: &Response, flow: Flow, work: &mut Work<'_>) {
        let Some(fork) = self.forks.values_mut().find(|fork| fork.awaits(branch)) else { return };
        if is_challenge(response) {
            fork.prove(&mut self.invite, branch, response, flow, work);
        } else if response.status.is_final() {
            fork.acknowledged(branch);
        }
    }

    /// A PRACK of ours will never be answered.
    pub fn prack_failed(&mut self, branch: &Branch) {
        self.forks.values_mut().for_each(|fork| fork.acknowledged(branch));
    }

    /// No early dialog is left.
    pub fn forget_forks(&mut self, work: &mut Work<'_>) {
        let forks = std::mem::take(&mut self.forks);
        work.out.extend(forks.values().map(|fork| Effect::DialogClosed { key: fork.dialog.key() }));
        self.described.clear();
    }

    /// Gives up an attempt that has had its final answer. What the relay has counted of it is still to come.
    pub fn close(mut self, work: &mut Work<'_>) -> MediaEnd {
        self.forget_forks(work);
        work.supply.leave(&self.candidate.trunk);
        self.media.close(work);
        self.media
    }

    /// The same for an attempt that may still be answered.
    pub fn abandon(mut self, common: &mut Common, cause: Cause, work: &mut Work<'_>) -> MediaEnd {
        work.supply.leave(&self.candidate.trunk);
        self.forget_forks(work);
        self.invite.cancel(cause, work);
        self.media.close(work);
        common.losers.push(self.invite);
        self.media
    }
}
