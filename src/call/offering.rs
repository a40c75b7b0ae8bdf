//! Offering a call to a candidate: its address, ports and a description, and the INVITE.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::asked::{Location, Told};
use super::attempt::{Attempt, Candidate, Inviting, Word};
use super::call::{CallTimer, Common, Heed, State, leg_media};
use super::cause::Cause;
use super::compose::{Beside, NewRequest};
use super::digits::DigitLine;
use super::early_update::Changed;
use super::effect::{Effect, Work};
use super::event::CallEvent;
use super::hunting::Hunting;
use super::negotiate::AudioPlan;
use super::outgoing::OutgoingInvite;
use super::own_address::OwnAddress;
use super::record::{EndedBy, Sent, Side};
use super::step::{Step, Writing};
use crate::base::limits::MAX_FORWARDS;
use crate::route::emergency::PriorityHeader;
use crate::route::mark::Marked;
use crate::route::number::Field;
use crate::route::policy::{Facts, Line};
use crate::route::presentation::Presentation;
use crate::route::provisional::EarlyMediaTrust;
use crate::route::trunk::target_name;
use crate::sip::flow::Resolution;
use crate::sip::header::early_media::{P_EARLY_MEDIA, SUPPORTED};
use crate::sip::{Host, NameAddr, SipUri, Uri};

/// CSeq number of a leg's first INVITE.
const FIRST_CSEQ: u32 = 1;

impl Hunting {
    /// Tries the next candidate, or tells the caller that there is none left.
    pub fn next(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let Some(candidate) = self.candidates.pop_front() else {
            let told = self.failed.take().unwrap_or(Cause::Unreachable.into());
            return self.refuse(common, told, EndedBy::Callee, work);
        };
        if !candidate.is_in_service(work) {
            let trunk = Arc::clone(&candidate.trunk);
            return self.attempt_failed(common, &trunk, Cause::TrunkOutOfService, work);
        }
        match candidate.address() {
            Some(address) => self.invite(common, candidate, VecDeque::from([address]), work),
            None => {
                let id = candidate.look_up(work);
                common.timers.set(CallTimer::NoResponse, work.now.instant + candidate.trunk.timers.no_response);
                self.attempt = Attempt::Resolving { id, candidate };
                State::Hunting(self)
            }
        }
    }

    pub(super) fn resolved(
        mut self: Box<Self>,
        common: &mut Common,
        resolution: Resolution,
        work: &mut Work<'_>,
    ) -> State {
        let attempt = std::mem::replace(&mut self.attempt, Attempt::None);
        match (attempt, resolution.outcome) {
            (Attempt::Resolving { id, candidate }, Ok(resolved)) if id == resolution.id => {
                let mut addresses = resolved.addresses;
                addresses.sort_by_key(|&address| work.is_penalised(&candidate.trunk, address));
                self.invite(common, candidate, addresses.into(), work)
            }
            (Attempt::Resolving { id, candidate }, Err(failure)) if id == resolution.id => {
                self.attempt_failed(common, &candidate.trunk, Cause::from(failure), work)
            }
            (attempt, _) => {
                self.attempt = attempt;
                State::Hunting(self)
            }
        }
    }

    /// Offers the call to the first of `addresses`.
    pub(super) fn invite(
        mut self: Box<Self>,
        common: &mut Common,
        candidate: Candidate,
        mut addresses: VecDeque<SocketAddr>,
        work: &mut Work<'_>,
    ) -> State {
        let trunk = Arc::clone(&candidate.trunk);
        let Some(address) = addresses.pop_front() else {
            return self.attempt_failed(common, &trunk, Cause::NameNotResolved, work);
        };
        if candidate.heed == Heed::Nothing {
            work.supply.enter_urgent(&trunk);
        } else if !work.supply.enter(work.now.instant, &trunk) {
            return self.attempt_failed(common, &trunk, Cause::TooManyCalls, work);
        }
        match self.attempt(common, candidate, address, addresses, work) {
            Ok(inviting) => {
                (self.untold, self.changed) = (false, Changed::No);
                self.attempt = Attempt::Inviting(inviting);
                State::Hunting(self)
            }
            Err(cause) => {
                work.supply.leave(&trunk);
                self.attempt_failed(common, &trunk, cause, work)
            }
        }
    }

    /// What the caller can talk with: its offer; without one what it has answered since, or what its trunk may carry.
    pub(super) fn plan_for_called(&self, common: &Common) -> Cow<'_, AudioPlan> {
        match &self.offer {
            Some(offer) => Cow::Borrowed(&offer.plan),
            None => {
                let said = common.caller.media.media.wish();
                Cow::Owned(said.unwrap_or_else(|| AudioPlan::from_settings(&common.caller.trunk.media)))
            }
        }
    }

    /// Ports, an offer, and the INVITE.
    fn attempt(
        &self,
        common: &mut Common,
        candidate: Candidate,
        address: SocketAddr,
        addresses: VecDeque<SocketAddr>,
        work: &mut Work<'_>,
    ) -> Result<Box<Inviting>, Cause> {
        let own = OwnAddress::of_call(&candidate.trunk, &common.whose);
        let worker = common.caller.media.media.lease().worker;
        let mut media = leg_media(&common.snapshot, &candidate.trunk, Some(worker), work)?;
        let Ok(offer) = media.media.write_offer(&self.plan_for_called(common)) else {
            media.close(work);
            return Err(Cause::MediaRefused);
        };
        media.listen(work);
        let invite = self.send_invite(common, &candidate, own, address, offer, work);
        Ok(Box::new(Inviting {
            invite,
            candidate,
            media,
            address,
            addresses,
            side: Side::Callee,
            word: Word::Unsaid,
            digits: DigitLine::default(),
            forks: BTreeMap::new(),
            described: Vec::new(),
            unmoved: None,
        }))
    }

    fn send_invite(
        &self,
        common: &mut Common,
        candidate: &Candidate,
        own: OwnAddress,
        address: SocketAddr,
        offer: Bytes,
        work: &mut Work<'_>,
    ) -> OutgoingInvite {
        let trunk = Arc::clone(&candidate.trunk);
        let tag = work.token(10);
        let request = self.new_request(common, candidate, &own, &tag, work);
        let own = own.calling(&request.from);
        common.ledger.attempted(Arc::clone(&trunk.name), &request.call_id, sent(&request, candidate, address));
        work.tell(|| Step::Written(Box::new(self.writing(common, candidate, &request))));
        work.out.push(Effect::Event(CallEvent::Attempted { call: common.ledger.id(), to: Arc::clone(&trunk.name) }));
        common.awaits_answer(&trunk, work.now.instant);
        OutgoingInvite::send(trunk, own, request, tag, candidate.destination(address), offer, work)
    }

    /// Request-URI and To name the called number at the peer, From the calling number at us: no host of the other side.
    fn new_request(
        &self,
        common: &Common,
        candidate: &Candidate,
        own: &OwnAddress,
        tag: &Bytes,
        work: &mut Work<'_>,
    ) -> NewRequest {
        let user = candidate.called_user(common);
        let mut told = self.told(common, candidate, &us(own));
        if candidate.urgent.is_some() && candidate.trunk.presentation.emergency.priority == PriorityHeader::Emergency {
            told.lines.retain(|line| !line.is("Priority"));
            told.lines.push(Line::core("Priority", Bytes::from_static(b"emergency")));
        }
        note_left_out(common, candidate, &told, work);
        if told.location == Location::Dropped {
            let (call, to) = (common.ledger.id(), Arc::clone(&candidate.trunk.name));
            work.out.push(Effect::Event(CallEvent::LocationDropped { call, to }));
        }
        let (to, uri) = (candidate.uri_of(Field::To, user), candidate.uri_of(Field::Called, user));
        NewRequest { max_forwards: self.max_forwards, ..first_request((candidate, own), told, (to, uri), tag, work) }
    }

    fn writing(&self, common: &Common, candidate: &Candidate, request: &NewRequest) -> Writing {
        Writing {
            trunk: Arc::clone(&candidate.trunk),
            call_id: request.call_id.clone(),
            called: Presentation::party(candidate.called_user(common)),
            urgent: candidate.urgent.clone(),
            caller: self.asked.caller_towards(&candidate.trunk).into_owned(),
            elin: self.asked.elin_towards(&candidate.trunk).cloned(),
            custom_header: common.whose.custom_header.clone(),
            route_pairs: self.asked.route_pairs(),
            lines: request.extra.clone(),
        }
    }

    /// What the candidate's peer is told of the caller's side.
    fn told(&self, common: &Common, candidate: &Candidate, us: &SipUri) -> Told {
        let trunk = &candidate.trunk;
        let call_id = common.ledger.id().0.to_string();
        let facts = Facts {
            calling: &common.numbers.calling,
            called: &common.numbers.called,
            original_called: self.asked.original().as_str(),
            from_trunk: &common.caller.trunk.name,
            to_trunk: &trunk.name,
            account: common.whose.account_name(),
            call_id: &call_id,
            node: &common.snapshot.node_name,
            route: common.ledger.so_far().route.as_deref().unwrap_or_default(),
            contents: common.whose.contents(),
        };
        self.asked.tell(trunk, candidate.diverted.as_deref(), us, &facts)
    }
}

/// The INVITE that begins a dialog with the candidate's peer, for a call and for the new party of a transfer alike; `to`
/// and Request-URI are `names`.
pub(super) fn first_request(
    (candidate, own): (&Candidate, &OwnAddress),
    told: Told,
    names: (Uri, Uri),
    tag: &Bytes,
    work: &mut Work<'_>,
) -> NewRequest {
    let (to, uri) = names;
    let Told { mut from, mut lines, parts, location: _, left_out: _ } = told;
    from.set_tag(tag);
    if candidate.trunk.provisional.early_media == EarlyMediaTrust::Trusted {
        lines.push(Line::core(P_EARLY_MEDIA, Bytes::from_static(SUPPORTED.as_bytes())));
    }
    let mark = own.mark(Marked::Invite);
    lines.extend(mark.map(|(name, value)| Line::core(name, Bytes::copy_from_slice(value.as_bytes()))));
    NewRequest {
        from: from.to_bytes(),
        to: NameAddr::new(to).to_bytes(),
        uri,
        call_id: work.token(16),
        cseq: FIRST_CSEQ,
        max_forwards: MAX_FORWARDS,
        routes: work.supply.service_route(&candidate.trunk),
        extra: lines,
        beside: beside(parts, work),
    }
}

/// Pairs of the context that this peer is not told: somebody's script will miss them.
pub(super) fn note_left_out(common: &Common, candidate: &Candidate, told: &Told, work: &mut Work<'_>) {
    if !told.left_out.is_empty() {
        let (call, to, pairs) = (common.ledger.id(), Arc::clone(&candidate.trunk.name), told.left_out.clone());
        work.out.push(Effect::Event(CallEvent::ContextLeftOut { call, to, pairs }));
    }
}

/// A boundary that no peer could know beforehand, so that none can have written it into a part (RFC 2046 5.1.1).
fn beside(parts: Vec<Bytes>, work: &mut Work<'_>) -> Beside {
    if parts.is_empty() {
        return Beside::default();
    }
    let token = work.token(16);
    Beside { boundary: format!("part-{}", String::from_utf8_lossy(&token)), parts }
}

/// What the record says of this INVITE. Octets are shared, not copied.
fn sent(request: &NewRequest, candidate: &Candidate, address: SocketAddr) -> Sent {
    let called = match &request.uri {
        Uri::Sip(uri) => uri.user.clone().unwrap_or_default(),
        Uri::Tel(uri) => uri.number.clone(),
        Uri::Other { rest, .. } => rest.clone(),
    };
    let target = candidate.target_id().map(|_| target_name(&candidate.trunk.targets, &candidate.target));
    Sent { from: request.from.clone(), called, address, target, policy: Arc::clone(&candidate.trunk.policy) }
}

/// We, as the host of our URIs towards a peer.
pub(super) fn us(own: &OwnAddress) -> SipUri {
    let host = Host::parse(own.host()).unwrap_or(Host::Name(Bytes::copy_from_slice(own.host().as_bytes())));
    SipUri::new(None, host, None)
}
