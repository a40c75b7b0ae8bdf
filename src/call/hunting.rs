//! A call that looks for somebody who answers: candidates in order, one attempt at a time. How an attempt begins is in
//! `offering`, what is said before the answer in `provisional`, the answer in `answering`.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::attempt::{Attempt, Candidate, Inviting};
use super::call::{CallInput, CallTimer, Common, State};
use super::cause::{Cause, Retry};
use super::compose;
use super::digits::{InfoBody, read_info};
use super::effect::{Branch, Effect, Work};
use super::event::CallEvent;
use super::leg::Pending;
use super::negotiate::RemoteOffer;
use super::record::EndedBy;
use super::releasing::Releasing;
use super::ringback::Ringback;
use super::treatment::{Treatment, treatment};
use crate::base::ids::TransactionId;
use crate::route::media::TrunkDtmf;
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Response, ResponseHead, Status, Uri};

/// See the module.
#[derive(Debug)]
pub(super) struct Hunting {
    pub(super) invite: Pending,
    pub(super) offer: Option<RemoteOffer>,
    pub(super) max_forwards: u8,
    pub(super) display: Option<Bytes>,
    pub(super) candidates: VecDeque<Candidate>,
    /// Targets of this call that were tried and that 3xx have named.
    pub(super) redirected_from: Vec<Uri>,
    pub(super) attempt: Attempt,
    /// What the caller last heard of the ringing.
    pub(super) ringing: Option<(Status, Bytes)>,
    pub(super) ringback: Ringback,
    /// The best of what failed so far: what the caller is told if nothing else comes.
    pub(super) failed: Option<Cause>,
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
            redirected_from: Vec::new(),
            attempt: Attempt::None,
            ringing: None,
            ringback: Ringback::Off,
            failed: None,
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
            | CallInput::Joined(_)
            | CallInput::Replacing(_)
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
            // A call can be transferred once it is answered.
            Treatment::Refuse if request.method == Method::Refer => Status::REQUEST_PENDING,
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
                    300..=399 => self.redirected(common, *inviting, response, work),
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

    pub(super) fn attempt_failed(
        mut self,
        common: &mut Common,
        trunk: &Trunk,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
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
    pub(super) fn refuse(self, common: &mut Common, cause: Cause, by: EndedBy, work: &mut Work<'_>) -> State {
        let bytes = compose::refusal(cause, &self.invite.head, &common.caller.dialog.local_tag);
        work.out.push(Effect::Respond { transaction: self.invite.transaction, status: cause.status(), bytes });
        common.caller.is_over_now();
        Releasing::begin(common, None, cause, by, work)
    }
}

/// The session description of a response, if it has one.
pub(super) fn description(response: &Response) -> Option<Bytes> {
    let body = response.message.body();
    let content_type = response.message.header(crate::sip::Name::ContentType);
    (!body.is_empty() && super::screening::is_sdp_type(content_type.as_deref())).then_some(body)
}
