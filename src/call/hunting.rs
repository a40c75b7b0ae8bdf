//! A call that looks for somebody who answers: candidates in order, one attempt at a time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::attempt::{Attempt, Candidate, Inviting};
use super::call::{CallInput, CallTimer, Common, State, leg_media, media_refusal, own_address};
use super::cause::{Cause, Retry};
use super::compose::{self, NewRequest};
use super::digits::{InfoBody, read_info};
use super::effect::{Branch, Effect, Work};
use super::established::Established;
use super::event::CallEvent;
use super::exchange::Exchange;
use super::leg::{Leg, Pending};
use super::media_end::{self, MediaEnd};
use super::negotiate::{AudioPlan, MediaRefusal, RemoteOffer};
use super::outgoing::OutgoingInvite;
use super::own_address::OwnAddress;
use super::record::{EndedBy, Side};
use super::releasing::Releasing;
use super::ringback::Ringback;
use super::treatment::{Treatment, treatment};
use crate::base::ids::TransactionId;
use crate::route::media::TrunkDtmf;
use crate::route::trunk::Trunk;
use crate::sip::flow::{Destination, Flow, Resolution, Resolve, Target};
use crate::sip::{Host, Method, NameAddr, Request, Response, ResponseHead, SipUri, Status, Uri};

/// How often the caller of a ringing call hears so.
const RING_AGAIN: Duration = Duration::from_secs(60);

/// CSeq number of a leg's first INVITE.
const FIRST_CSEQ: u32 = 1;

/// See the module.
#[derive(Debug)]
pub(super) struct Hunting {
    invite: Pending,
    offer: Option<RemoteOffer>,
    max_forwards: u8,
    display: Option<Bytes>,
    candidates: VecDeque<Candidate>,
    attempt: Attempt,
    /// What the caller last heard of the ringing.
    ringing: Option<(Status, Bytes)>,
    ringback: Ringback,
    /// The best of what failed so far: what the caller is told if nothing else comes.
    failed: Option<Cause>,
}

impl Hunting {
    /// `max_forwards`: what our INVITEs carry (RFC 7332: the caller's less one).
    pub fn new(
        invite: Pending,
        offer: Option<RemoteOffer>,
        max_forwards: u8,
        display: Option<Bytes>,
        candidates: VecDeque<Candidate>,
    ) -> Hunting {
        Hunting {
            invite,
            offer,
            max_forwards,
            display,
            candidates,
            attempt: Attempt::None,
            ringing: None,
            ringback: Ringback::Off,
            failed: None,
        }
    }

    /// Tries the next candidate, or tells the caller that there is none left.
    pub fn next(mut self, common: &mut Common, work: &mut Work<'_>) -> State {
        let Some(candidate) = self.candidates.pop_front() else {
            let cause = self.failed.unwrap_or(Cause::Unreachable);
            return self.refuse(common, cause, EndedBy::Callee, work);
        };
        match candidate.address() {
            Some(address) => self.invite(common, candidate, VecDeque::from([address]), work),
            None => {
                let id = work.supply.resolve();
                work.out.push(Effect::Resolve(Resolve {
                    id,
                    host: candidate.target.host.to_string(),
                    port: candidate.target.port,
                    transport: candidate.trunk.transport,
                    discovery: candidate.target.discovery,
                }));
                common.timers.set(CallTimer::NoResponse, work.now.instant + candidate.trunk.timers.no_response);
                self.attempt = Attempt::Resolving { id, candidate };
                State::Hunting(Box::new(self))
            }
        }
    }

    fn resolved(mut self, common: &mut Common, resolution: Resolution, work: &mut Work<'_>) -> State {
        let attempt = std::mem::replace(&mut self.attempt, Attempt::None);
        match (attempt, resolution.outcome) {
            (Attempt::Resolving { id, candidate }, Ok(resolved)) if id == resolution.id => {
                let mut addresses = resolved.addresses;
                addresses.sort_by_key(|&address| work.is_penalised(&candidate.trunk, address));
                self.invite(common, candidate, addresses.into(), work)
            }
            (Attempt::Resolving { id, candidate }, Err(failure)) if id == resolution.id => {
                self.attempt_failed(common, &candidate.trunk, failure.into(), work)
            }
            (attempt, _) => {
                self.attempt = attempt;
                State::Hunting(Box::new(self))
            }
        }
    }

    /// Offers the call to the first of `addresses`.
    fn invite(
        mut self,
        common: &mut Common,
        candidate: Candidate,
        mut addresses: VecDeque<SocketAddr>,
        work: &mut Work<'_>,
    ) -> State {
        let trunk = Arc::clone(&candidate.trunk);
        let Some(address) = addresses.pop_front() else {
            return self.attempt_failed(common, &trunk, Cause::NameNotResolved, work);
        };
        if !work.supply.enter(work.now.instant, &trunk) {
            return self.attempt_failed(common, &trunk, Cause::TooManyCalls, work);
        }
        match self.attempt(common, candidate, address, addresses, work) {
            Ok(inviting) => {
                self.attempt = Attempt::Inviting(Box::new(inviting));
                State::Hunting(Box::new(self))
            }
            Err(cause) => {
                work.supply.leave(&trunk);
                self.attempt_failed(common, &trunk, cause, work)
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
    ) -> Result<Inviting, Cause> {
        let own = own_address(&common.snapshot, &candidate.trunk).ok_or(Cause::Unexpected)?;
        let worker = common.caller.media.media.lease().worker;
        let mut media = leg_media(&common.snapshot, &candidate.trunk, Some(worker), work)?;
        let plan = match &self.offer {
            Some(offer) => offer.plan.clone(),
            // The caller wrote no offer: ours names what its trunk may carry, and the caller is offered the answer.
            None => AudioPlan::from_settings(&common.caller.trunk.media),
        };
        let Ok(offer) = media.media.write_offer(&plan) else {
            media.close(work);
            return Err(Cause::MediaRefused);
        };
        media.listen(work);
        let invite = self.send_invite(common, &candidate, own, address, offer, work);
        Ok(Inviting { invite, candidate, media, address, addresses, early: BTreeMap::new() })
    }

    fn send_invite(
        &self,
        common: &mut Common,
        candidate: &Candidate,
        own: Arc<OwnAddress>,
        address: SocketAddr,
        offer: Bytes,
        work: &mut Work<'_>,
    ) -> OutgoingInvite {
        let trunk = Arc::clone(&candidate.trunk);
        let tag = work.token(10);
        let request = self.new_request(common, candidate, &own, &tag, work);
        common.ledger.attempted(Arc::clone(&trunk.name), &request.call_id);
        work.out.push(Effect::Event(CallEvent::Attempted { call: common.ledger.id(), to: Arc::clone(&trunk.name) }));
        let now = work.now.instant;
        common.timers.set(CallTimer::NoResponse, now + trunk.timers.no_response);
        common.timers.set(CallTimer::NoAnswer, now + trunk.timers.no_answer);
        let tls = trunk.tls_towards(&candidate.target);
        let target = Target { transport: trunk.transport, address, listener: trunk.listener, tls };
        OutgoingInvite::send(trunk, own, request, tag, Destination::Target(target), offer, work)
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
        // PF-116: a Request-URI host of its own has nothing to do with the next hop, so neither has its port.
        let (host, port) = match candidate.trunk.request_uri_host.as_deref() {
            Some(host) => (host, None),
            None => (&*candidate.target.host, candidate.target.port),
        };
        let port = port.filter(|&port| port != candidate.trunk.transport.default_port());
        let peer = Host::parse(host).unwrap_or(Host::Name(Bytes::copy_from_slice(host.as_bytes())));
        let us = Host::parse(own.host()).unwrap_or(Host::Name(Bytes::copy_from_slice(own.host().as_bytes())));
        let uri = Uri::Sip(SipUri::new(common.numbers.called_user.clone(), peer, port));
        let mut from = NameAddr::new(Uri::Sip(SipUri::new(common.numbers.calling_user.clone(), us, None)));
        from.display = self.display.clone();
        from.set_tag(tag);
        NewRequest {
            from: from.to_bytes(),
            to: NameAddr::new(uri.clone()).to_bytes(),
            uri,
            call_id: work.token(16),
            cseq: FIRST_CSEQ,
            max_forwards: self.max_forwards,
            routes: work.supply.service_route(&candidate.trunk),
        }
    }

    // ---- inputs

    /// Handles one input.
    pub fn handle(self, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> State {
        match input {
            CallInput::Response { branch, response, flow, .. } => self.response(common, &branch, &response, flow, work),
            CallInput::Failed { branch, cause, .. } => self.failed(common, &branch, cause, work),
            CallInput::Resolved(resolution) => self.resolved(common, resolution, work),
            CallInput::Cancelled { transaction, .. } if transaction == self.invite.transaction => {
                self.cancelled(common, Cause::CallerCancelled, EndedBy::Caller, work)
            }
            CallInput::Request { transaction, request, flow, .. } => {
                self.request(common, transaction, &request, flow, work)
            }
            CallInput::HangUp(cause) => self.cancelled(common, cause, EndedBy::Node, work),
            CallInput::Cancelled { .. }
            | CallInput::Ack { .. }
            | CallInput::MediaClosed { .. }
            | CallInput::Presence { .. }
            | CallInput::Digit { .. } => State::Hunting(Box::new(self)),
        }
    }

    /// Requests of the caller before the answer: OPTIONS is answered, BYE ends the early dialog (RFC 3261 15.1.1).
    fn request(
        self,
        common: &mut Common,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let in_order = common.caller.dialog.check_request(&request.cseq).is_ok();
        let status = match treatment(&request.method) {
            // A second INVITE before the first is answered (RFC 3261 14.2), or an old number (12.2.2).
            Treatment::Cross => Status::SERVER_INTERNAL_ERROR,
            Treatment::End | Treatment::Answer if !in_order => Status::SERVER_INTERNAL_ERROR,
            Treatment::End | Treatment::Answer => Status::OK,
            Treatment::Digits => self.early_digit(common, request, work),
            Treatment::Refuse => Status::METHOD_NOT_ALLOWED,
            Treatment::Unknown => Status::NOT_IMPLEMENTED,
        };
        let head = ResponseHead::new(request, flow.remote);
        let bytes = compose::inside_response(status, &head, &common.caller.own);
        work.out.push(Effect::Respond { transaction, status, bytes });
        if request.method == Method::Bye && status.is_success() {
            return self.cancelled(common, Cause::CallerCancelled, EndedBy::Caller, work);
        }
        State::Hunting(Box::new(self))
    }

    /// INFO before the answer: a digit for early media (MD-190). Towards a trunk that takes INFO there is no dialog yet.
    fn early_digit(&self, common: &Common, request: &Request, work: &mut Work<'_>) -> Status {
        match (&self.attempt, common.caller.media.media.dtmf(), read_info(request)) {
            (Attempt::Inviting(inviting), TrunkDtmf::Info, InfoBody::Digit(digit)) if inviting.media.is_open() => {
                inviting.media.play_digit(digit, work);
                Status::OK
            }
            (_, TrunkDtmf::Info, InfoBody::Nothing) => Status::OK,
            _ => Status::METHOD_NOT_ALLOWED,
        }
    }

    fn response(
        mut self,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        if response.cseq.method != Method::Invite || common.loser_response(branch, response, flow, work) {
            return State::Hunting(Box::new(self));
        }
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) if inviting.invite.branch == *branch => {
                common.timers.stop(CallTimer::NoResponse);
                if response.status != Status::SERVICE_UNAVAILABLE {
                    work.supply.works(inviting.way());
                }
                match response.status.code() {
                    100..=199 => self.provisional(common, inviting, response, work),
                    200..=299 => self.answered(common, *inviting, response, flow, work),
                    401 | 407 => self.challenged(common, inviting, response, flow, work),
                    // RFC 3263 4.3: 503 is a failure of the path too.
                    503 => self.next_address(common, *inviting, Cause::Refused(response.status), work),
                    _ => {
                        let trunk = Arc::clone(&inviting.candidate.trunk);
                        inviting.close(work);
                        self.attempt_failed(common, &trunk, Cause::Refused(response.status), work)
                    }
                }
            }
            attempt => {
                self.attempt = attempt;
                State::Hunting(Box::new(self))
            }
        }
    }

    /// The peer wants credentials: the INVITE goes again with them, or the attempt has failed. The caller never hears of it.
    fn challenged(
        mut self,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let trunk = Arc::clone(&inviting.candidate.trunk);
        if !inviting.invite.prove(response, flow, work) {
            inviting.close(work);
            return self.attempt_failed(common, &trunk, Cause::Refused(response.status), work);
        }
        common.timers.set(CallTimer::NoResponse, work.now.instant + trunk.timers.no_response);
        self.attempt = Attempt::Inviting(inviting);
        State::Hunting(Box::new(self))
    }

    /// 100 stops the silence timer; 180 to 183 go on to the caller, a description makes media flow early.
    fn provisional(
        mut self,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        inviting.invite.provisional(work);
        let early = self.early_media(common, &mut inviting, response, work);
        let is_early = early.is_some();
        self.attempt = Attempt::Inviting(inviting);
        let body = early.or_else(|| Ringback::answer(&mut common.caller.media, self.offer.as_ref(), response.status));
        self.ringback.begin(&mut common.caller.media, response.status, work);
        let status = match response.status.code() {
            // What rings here is media too: with 180 alone many a caller would make its own tone beside it.
            180 if body.is_some() && !is_early => Status::SESSION_PROGRESS,
            180..=183 if self.ringback == Ringback::Alone && body.is_none() => return State::Hunting(Box::new(self)),
            // A description travels in 183 or 180 alike; 199 and what nobody knows are for us only.
            180..=183 => response.status,
            _ if body.is_some() => Status::SESSION_PROGRESS,
            _ => return State::Hunting(Box::new(self)),
        };
        common.ledger.rang(work.now);
        let caller = &common.caller;
        let bytes = compose::dialog_response(status, &self.invite.head, &caller.dialog, &caller.own, body.as_deref());
        self.ringing = Some((status, bytes));
        self.ring_again(common, work)
    }

    /// The description of a provisional response, answered to the caller. An unusable one is ignored here: the answer decides.
    fn early_media(
        &self,
        common: &mut Common,
        inviting: &mut Inviting,
        response: &Response,
        work: &mut Work<'_>,
    ) -> Option<Bytes> {
        let offer = self.offer.as_ref()?;
        let body = description(response)?;
        let tag = Bytes::copy_from_slice(response.to_tag().unwrap_or_default());
        let plan = inviting.media.media.read_answer(&body).ok().filter(|_| inviting.heard_early(tag, body))?;
        let answer = common.caller.media.media.write_answer(offer, &plan).ok()?;
        media_end::connect(&mut common.caller.media, &mut inviting.media, work);
        Some(answer)
    }

    /// 2xx: acknowledged at once, then handed to the caller.
    fn answered(
        self,
        common: &mut Common,
        inviting: Inviting,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let Inviting { invite, media, early, candidate, .. } = inviting;
        let Some(dialog) = invite.dialog(response) else {
            invite.end_unwanted(response, flow, Cause::BadAnswer, work);
            return self.unusable(common, media, work);
        };
        let mut callee = Leg::new(Side::Callee, candidate.trunk, Arc::clone(&invite.own), dialog, media, flow);
        callee.proof = invite.proof.clone();
        work.out.push(Effect::DialogOpened { key: callee.key(), side: Side::Callee });
        callee.acknowledge(&invite.branch, invite.cseq(), work);
        common.timers.stop_all();
        // RFC 3261 13.2.1: a 2xx without a description confirms the one of the provisional response.
        let body = description(response).or_else(|| early.get(response.to_tag().unwrap_or_default()).cloned());
        let read = body.map(|body| callee.media.media.read_answer(&body)).transpose();
        match self.description_for_caller(common, read) {
            Ok((description, exchange)) => self.establish(common, callee, &description, exchange, work),
            Err(refusal) => self.misfit(common, callee, refusal, work),
        }
    }

    /// What the caller's 200 carries: the answer to its offer, or the offer it did not write itself.
    fn description_for_caller(
        &self,
        common: &mut Common,
        read: Result<Option<AudioPlan>, MediaRefusal>,
    ) -> Result<(Bytes, Exchange), Option<MediaRefusal>> {
        let plan = read.map_err(Some)?.ok_or(None)?;
        match &self.offer {
            Some(offer) => {
                let answer = common.caller.media.media.write_answer(offer, &plan).map_err(Some)?;
                Ok((answer, Exchange::Idle))
            }
            None => {
                let offer = common.caller.media.media.write_offer(&plan).map_err(Some)?;
                Ok((offer, Exchange::AwaitingAnswer(Side::Caller)))
            }
        }
    }

    fn establish(
        mut self,
        common: &mut Common,
        mut callee: Leg,
        body: &[u8],
        exchange: Exchange,
        work: &mut Work<'_>,
    ) -> State {
        common.ledger.answered(work.now);
        work.out.push(Effect::Event(CallEvent::Answered { call: common.ledger.id() }));
        let longest = common.caller.trunk.timers.max_duration.min(callee.trunk.timers.max_duration);
        common.timers.set(CallTimer::MaxDuration, work.now.instant + longest);
        self.ringback.end(&common.caller.media, work);
        common.caller.media.media.answered();
        callee.media.media.answered();
        media_end::connect(&mut common.caller.media, &mut callee.media, work);
        common.caller.accept(&self.invite, body, work);
        State::Established(Box::new(Established::new(callee, exchange)))
    }

    /// The called party's answer cannot be used: it is hung up, and the caller is refused.
    fn misfit(self, common: &mut Common, mut callee: Leg, refusal: Option<MediaRefusal>, work: &mut Work<'_>) -> State {
        let (status, warning) = match refusal.map(media_refusal) {
            Some((Status::NOT_ACCEPTABLE_HERE, warning)) => (Status::NOT_ACCEPTABLE_HERE, warning),
            // Nothing is wrong with what the caller sent.
            Some((_, warning)) => (Cause::BadAnswer.status(), warning),
            None => (Cause::BadAnswer.status(), None),
        };
        callee.end(Cause::BadAnswer, work);
        let tag = &common.caller.dialog.local_tag;
        let bytes = compose::refusal_with(status, Cause::BadAnswer, &self.invite.head, tag, warning);
        work.out.push(Effect::Respond { transaction: self.invite.transaction, status, bytes });
        common.caller.is_over_now();
        Releasing::begin(common, Some(callee), Cause::BadAnswer, EndedBy::Callee, work)
    }

    /// The answer makes no dialog (RFC 3261 12.1.2).
    fn unusable(self, common: &mut Common, mut media: MediaEnd, work: &mut Work<'_>) -> State {
        media.close(work);
        self.refuse(common, Cause::BadAnswer, EndedBy::Callee, work)
    }

    // ---- failures

    fn failed(mut self, common: &mut Common, branch: &Branch, cause: Cause, work: &mut Work<'_>) -> State {
        if common.loser_failed(branch) {
            return State::Hunting(Box::new(self));
        }
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) if inviting.invite.branch == *branch => {
                self.next_address(common, *inviting, cause, work)
            }
            attempt => {
                self.attempt = attempt;
                State::Hunting(Box::new(self))
            }
        }
    }

    /// RFC 3263 4.3: after a failure of the path the target's other addresses come first.
    fn next_address(self, common: &mut Common, mut inviting: Inviting, cause: Cause, work: &mut Work<'_>) -> State {
        let addresses = std::mem::take(&mut inviting.addresses);
        let candidate = inviting.candidate.clone();
        // Our own table without room says nothing about the way.
        if cause != Cause::TooManyCalls {
            work.supply.failed(work.now.instant, inviting.way());
        }
        inviting.close(work);
        if addresses.is_empty() {
            self.attempt_failed(common, &candidate.trunk, cause, work)
        } else {
            self.invite(common, candidate, addresses, work)
        }
    }

    fn attempt_failed(mut self, common: &mut Common, trunk: &Trunk, cause: Cause, work: &mut Work<'_>) -> State {
        common.timers.stop(CallTimer::NoResponse);
        common.timers.stop(CallTimer::NoAnswer);
        self.ringback.end(&common.caller.media, work);
        work.out.push(Effect::Event(CallEvent::AttemptFailed {
            call: common.ledger.id(),
            to: Arc::clone(&trunk.name),
            cause,
        }));
        let told = self.failed.map_or(cause, |before| before.better(cause));
        self.failed = Some(told);
        match cause.retry() {
            Retry::NextCandidate => self.next(common, work),
            Retry::Final => self.refuse(common, told, EndedBy::Callee, work),
        }
    }

    /// RFC 3261 13.3.1.1: a proxy on the way gives up after three minutes without a word, so the last one goes again
    /// every minute.
    fn ring_again(self, common: &mut Common, work: &mut Work<'_>) -> State {
        if let Some((status, bytes)) = self.ringing.clone() {
            common.timers.set(CallTimer::Ringing, work.now.instant + RING_AGAIN);
            work.out.push(Effect::Respond { transaction: self.invite.transaction, status, bytes });
        }
        State::Hunting(Box::new(self))
    }

    /// A timer of the call fired.
    pub fn timer(mut self, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> State {
        let attempt = std::mem::replace(&mut self.attempt, Attempt::None);
        match (timer, attempt) {
            (CallTimer::NoResponse, Attempt::Inviting(inviting)) => {
                let mut inviting = *inviting;
                let addresses = std::mem::take(&mut inviting.addresses);
                let candidate = inviting.candidate.clone();
                work.supply.failed(work.now.instant, inviting.way());
                inviting.abandon(common, Cause::PeerSilent, work);
                if addresses.is_empty() {
                    self.attempt_failed(common, &candidate.trunk, Cause::PeerSilent, work)
                } else {
                    self.invite(common, candidate, addresses, work)
                }
            }
            (CallTimer::NoResponse, Attempt::Resolving { candidate, .. }) => {
                self.attempt_failed(common, &candidate.trunk, Cause::NameNotResolved, work)
            }
            (CallTimer::NoAnswer, Attempt::Inviting(inviting)) => {
                let trunk = Arc::clone(&inviting.candidate.trunk);
                inviting.abandon(common, Cause::NoAnswer, work);
                self.attempt_failed(common, &trunk, Cause::NoAnswer, work)
            }
            (CallTimer::Ringing, attempt) => {
                self.attempt = attempt;
                self.ring_again(common, work)
            }
            (
                CallTimer::NoResponse
                | CallTimer::NoAnswer
                | CallTimer::Exchange
                | CallTimer::Again
                | CallTimer::MaxDuration
                | CallTimer::ReleaseGuard,
                attempt,
            ) => {
                self.attempt = attempt;
                State::Hunting(Box::new(self))
            }
        }
    }

    /// The caller or the operator wants no answer any more.
    fn cancelled(mut self, common: &mut Common, cause: Cause, by: EndedBy, work: &mut Work<'_>) -> State {
        if let Attempt::Inviting(inviting) = std::mem::replace(&mut self.attempt, Attempt::None) {
            inviting.abandon(common, cause, work);
        }
        self.refuse(common, cause, by, work)
    }

    /// The caller's INVITE is answered with a failure, and the call ends.
    fn refuse(self, common: &mut Common, cause: Cause, by: EndedBy, work: &mut Work<'_>) -> State {
        let bytes = compose::refusal(cause, &self.invite.head, &common.caller.dialog.local_tag);
        work.out.push(Effect::Respond { transaction: self.invite.transaction, status: cause.status(), bytes });
        common.caller.is_over_now();
        Releasing::begin(common, None, cause, by, work)
    }
}

/// The session description of a response, if it has one.
fn description(response: &Response) -> Option<Bytes> {
    let body = response.message.body();
    let content_type = response.message.header(crate::sip::Name::ContentType);
    (!body.is_empty() && super::screening::is_sdp_type(content_type.as_deref())).then_some(body)
}
