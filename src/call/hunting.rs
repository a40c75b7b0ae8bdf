//! A call that looks for somebody who answers: candidates in order, one attempt at a time. How an attempt begins is in
//! `offering`, what is said before the answer in `provisional`, the answer in `answering`, digits before it in `early_digits`.

mod early_digits;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::asked::Asked;
use super::attempt::{Attempt, Candidate, Inviting, Word};
use super::call::{CallInput, CallTimer, Common, State};
use super::cause::{Cause, Retry};
use super::compose;
use super::early_update::{Changed, Updating, tell_early};
use super::effect::{Branch, Effect, Work};
use super::event::CallEvent;
use super::fork::Standing;
use super::leg::{Leg, Pending};
use super::negotiate::RemoteOffer;
use super::own_address::OwnAddress;
use super::parting::Parting;
use super::provisional::{EarlyEnd, LastHeard, TellsEarlyMedia, passed};
use super::record::{EndedBy, Side};
use super::releasing::Releasing;
use super::ringback::Ringback;
use super::screening;
use super::treatment::{Treatment, treatment};
use crate::base::ids::TransactionId;
use crate::dialog::Dialog;
use crate::route::failover::After503;
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Response, Status, Uri};

/// How far the session of a caller is agreed on before the answer (RFC 3262 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// What it was told, if anything, may be lost and may still change.
    Open,
    /// Our offer went reliably, its PRACK brings the answer.
    Offered,
    /// Offer and answer are exchanged: only a new exchange changes anything.
    Agreed,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Hunting {
    pub(super) invite: Pending,
    pub(super) offer: Option<RemoteOffer>,
    pub(super) max_forwards: u8,
    /// What the caller's side said besides.
    pub(super) asked: Box<Asked>,
    pub(super) candidates: VecDeque<Candidate>,
    /// Targets of this call that were tried and that 3xx have named.
    pub(super) redirected_from: Vec<Uri>,
    pub(super) attempt: Attempt,
    /// How far the caller's session is agreed on.
    pub(super) session: Session,
    pub(super) early_end: EarlyEnd,
    pub(super) early_media: TellsEarlyMedia,
    /// An UPDATE with an offer that is out.
    pub(super) updating: Option<Updating>,
    /// The caller has changed its description, and the called side has not heard of it.
    pub(super) untold: bool,
    /// Whether a party has changed its description since the attempt began.
    pub(super) changed: Changed,
    pub(super) last_heard: Option<LastHeard>,
    /// A response of the called side has reached the caller.
    pub(super) shown_one: bool,
    pub(super) ringback: Ringback,
    /// The best of what failed so far: what the caller is told if nothing else comes.
    pub(super) failed: Option<Parting>,
}

impl Hunting {
    /// `max_forwards`: what our INVITEs carry (RFC 7332: the caller's less one).
    pub fn new(
        invite: Pending,
        offer: Option<RemoteOffer>,
        max_forwards: u8,
        asked: Box<Asked>,
        candidates: VecDeque<Candidate>,
        (early_end, early_media): (EarlyEnd, TellsEarlyMedia),
    ) -> Hunting {
        Hunting {
            invite,
            offer,
            max_forwards,
            asked,
            candidates,
            redirected_from: Vec::new(),
            attempt: Attempt::None,
            session: Session::Open,
            early_end,
            early_media,
            updating: None,
            untold: false,
            changed: Changed::No,
            last_heard: None,
            shown_one: false,
            ringback: Ringback::Off,
            failed: None,
        }
    }

    // ---- inputs

    /// Handles one input.
    pub fn handle(self: Box<Self>, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> State {
        match input {
            CallInput::Response { branch, response, flow, .. } => self.response(common, &branch, &response, flow, work),
            CallInput::Failed { branch, cause, .. } => self.failed(common, &branch, cause, work),
            CallInput::Digit { endpoint, digit } => self.digit_pressed(common, endpoint, digit, work),
            CallInput::WayLost { branch } => self.way_lost(common, &branch, work),
            CallInput::Resolved(resolution) => self.resolved(common, resolution, work),
            CallInput::Cancelled { transaction, cancel, .. } if transaction == self.invite.transaction => {
                common.ledger.heard(Side::Caller, &cancel.message);
                self.cancelled(common, Parting::of_cancel(&cancel.message), EndedBy::Caller, work)
            }
            CallInput::Request { side, transaction, request, flow } => {
                self.request(common, side, transaction, &request, flow, work)
            }
            CallInput::HangUp(cause) => self.cancelled(common, cause, EndedBy::Node, work),
            CallInput::Replacing(replacement) => self.picked_up(common, &replacement, work),
            CallInput::Ack { side: Side::Callee, request } => self.pick_up_acknowledged(common, &request, work),
            CallInput::MediaClosed { endpoint, counts } => {
                common.tried_closed(endpoint, &counts);
                State::Hunting(self)
            }
            CallInput::Cancelled { .. }
            | CallInput::Ack { side: Side::Caller, .. }
            | CallInput::Presence { .. }
            | CallInput::Joined(_) => State::Hunting(self),
        }
    }

    /// Requests of either party before the answer: OPTIONS is answered, BYE ends the early dialog (RFC 3261 15.1.1), PRACK
    /// is `prack`'s.
    fn request(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let asked = Pending::new(transaction, request, flow);
        let in_order =
            self.dialog(common, side, request).is_some_and(|dialog| dialog.check_request(&request.cseq).is_ok());
        let treatment = treatment(&request.method, &self.towards(common, side).1.methods);
        if treatment != Treatment::End && in_order && self.refuses_extension(common, side, &asked, request, work) {
            return State::Hunting(self);
        }
        let status = match (treatment, side) {
            // Ours to this party is not answered yet (RFC 3261 14.2).
            (Treatment::Cross, Side::Callee) if in_order => Status::REQUEST_PENDING,
            // A second INVITE before the first is answered (RFC 3261 14.2), or an old number (12.2.2).
            (Treatment::Cross, _) => {
                self.refuse_early(common, side, &asked, Status::SERVER_INTERNAL_ERROR, work);
                return State::Hunting(self);
            }
            (Treatment::End | Treatment::Answer | Treatment::Acknowledge | Treatment::Update, _) if !in_order => {
                Status::SERVER_INTERNAL_ERROR
            }
            (Treatment::Acknowledge, Side::Caller) => return self.pracked(common, &asked, request, work),
            // Nothing was said reliably to a called party.
            (Treatment::Acknowledge, Side::Callee) => Status::CALL_DOES_NOT_EXIST,
            (Treatment::Update, _) if !request.message.body().is_empty() => {
                let state = match self.offered_early(common, side, asked, request, work) {
                    State::Hunting(hunting) if side == Side::Callee => hunting.authorised_anew(common, request, work),
                    state => state,
                };
                return tell_early(state, common, work);
            }
            (Treatment::Update, _) => self.early_update(common, side, request, flow),
            (Treatment::End | Treatment::Answer, _) => Status::OK,
            (Treatment::Digits(_), _) if !in_order => Status::SERVER_INTERNAL_ERROR,
            (Treatment::Digits(_), Side::Caller) => self.early_digit(common, request, work),
            (Treatment::Digits(_), Side::Callee) => self.early_digit_back(common, request, work),
            // A call can be transferred once it is answered.
            (Treatment::Refuse, _) if request.method == Method::Refer => Status::REQUEST_PENDING,
            (Treatment::Refuse | Treatment::Hand, _) => Status::METHOD_NOT_ALLOWED,
            (Treatment::Unknown, _) => Status::NOT_IMPLEMENTED,
        };
        let bytes = compose::inside_response(status, &asked.head, self.own(common, side));
        work.out.push(Effect::Respond { transaction, status, bytes });
        match request.method {
            Method::Bye if status.is_success() => self.early_bye(common, side, request, work),
            Method::Update if status.is_success() && side == Side::Callee => {
                self.authorised_anew(common, request, work)
            }
            _ => State::Hunting(self),
        }
    }

    /// A party that requires what we do not know is refused (RFC 3261 8.2.2.3). True when it was.
    fn refuses_extension(
        &self,
        common: &Common,
        side: Side,
        asked: &Pending,
        request: &Request,
        work: &mut Work<'_>,
    ) -> bool {
        let (own, trunk) = self.towards(common, side);
        let Err(refusal) = screening::extensions(request, trunk) else { return false };
        let bytes = compose::screened(&refusal, &asked.head, (None, None), Some(own));
        work.out.push(Effect::Respond { transaction: asked.transaction, status: refusal.status(), bytes });
        true
    }

    /// UPDATE without a description before the answer: the sender is reached elsewhere from now on.
    fn early_update(&mut self, common: &mut Common, side: Side, request: &Request, flow: Flow) -> Status {
        match side {
            Side::Caller => common.caller.follow(&Method::Update, &request.message, flow),
            Side::Callee => {
                let dialog = self.dialog(common, side, request);
                let _ = dialog.map(|dialog| dialog.follow(&Method::Update, &request.message));
            }
        }
        Status::OK
    }

    /// BYE before the caller has heard an answer. A called party sends one only after its 2xx (RFC 3261 15), which then is
    /// late or lost.
    fn early_bye(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        request: &Request,
        work: &mut Work<'_>,
    ) -> State {
        common.ledger.heard(side, &request.message);
        match (side, &mut self.attempt) {
            (Side::Caller, _) => self.cancelled(common, Cause::CallerCancelled, EndedBy::Caller, work),
            (Side::Callee, Attempt::Inviting(inviting)) => {
                inviting.lose(request.from_tag().unwrap_or_default(), Standing::Left);
                State::Hunting(self)
            }
            (Side::Callee, Attempt::Answered(answered)) => {
                answered.callee.is_over_now();
                self.cancelled(common, Cause::Refused(Status::TEMPORARILY_UNAVAILABLE), EndedBy::Callee, work)
            }
            (Side::Callee, Attempt::None | Attempt::Resolving { .. }) => State::Hunting(self),
        }
    }

    /// The dialog a request of this side belongs to.
    fn dialog<'a>(&'a mut self, common: &'a mut Common, side: Side, request: &Request) -> Option<&'a mut Dialog> {
        match (side, &mut self.attempt) {
            (Side::Caller, _) => Some(&mut common.caller.dialog),
            (Side::Callee, Attempt::Inviting(inviting)) => {
                inviting.forks.get_mut(request.from_tag().unwrap_or_default()).map(|fork| &mut fork.dialog)
            }
            (Side::Callee, Attempt::Answered(answered)) => Some(&mut answered.callee.dialog),
            (Side::Callee, Attempt::None | Attempt::Resolving { .. }) => None,
        }
    }

    pub(super) fn own<'a>(&'a self, common: &'a Common, side: Side) -> &'a OwnAddress {
        self.towards(common, side).0
    }

    /// Who we are to this side's peer, and its trunk.
    pub(super) fn towards<'a>(&'a self, common: &'a Common, side: Side) -> (&'a OwnAddress, &'a Trunk) {
        match (side, &self.attempt) {
            (Side::Callee, Attempt::Inviting(inviting)) => (&inviting.invite.own, &inviting.invite.trunk),
            (Side::Callee, Attempt::Answered(answered)) => (&answered.callee.own, &answered.callee.trunk),
            (Side::Caller, _) | (_, Attempt::None | Attempt::Resolving { .. }) => {
                (&common.caller.own, &common.caller.trunk)
            }
        }
    }

    fn response(
        mut self: Box<Self>,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        if let (Method::Prack, Attempt::Inviting(inviting)) = (&response.cseq.method, &mut self.attempt) {
            inviting.prack_answered(branch, response, flow, work);
        }
        if response.cseq.method == Method::Info {
            self.info_answered(common, branch, response, flow, work);
        }
        if response.cseq.method == Method::Update {
            return self.update_answered(common, branch, response, flow, work);
        }
        if response.cseq.method != Method::Invite || common.loser_response(branch, response, flow, work) {
            return State::Hunting(self);
        }
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) if inviting.invite.branch == *branch => {
                common.timers.stop(CallTimer::NoResponse);
                work.heard_on(inviting.way(), response);
                if response.status.is_final() && !response.status.is_success() {
                    common.ledger.heard(Side::Callee, &response.message);
                }
                match response.status.code() {
                    100..=199 => tell_early(self.provisional(common, inviting, response, flow, work), common, work),
                    200..=299 => self.answered(common, inviting, response, flow, work),
                    401 | 407 | 421 | 422 => self.asked_again(common, inviting, response, flow, work),
                    // RFC 3263 4.3: 503 is a failure of the path too.
                    503 if inviting.candidate.trunk.failover.after_503 == After503::Address => {
                        self.next_address(common, inviting, Cause::Refused(response.status), work)
                    }
                    503 => self.next_target(common, inviting, Cause::Refused(response.status), work),
                    300..=399 => self.redirected(common, *inviting, response, work),
                    _ => {
                        let trunk = Arc::clone(&inviting.candidate.trunk);
                        let parting = Parting::of_refusal(response, passed(common, &inviting, response));
                        common.tried(inviting.close(work));
                        self.attempt_failed(common, &trunk, parting, work)
                    }
                }
            }
            attempt => {
                self.attempt = attempt;
                State::Hunting(self)
            }
        }
    }

    /// The peer wants credentials, an extension or a longer session: the INVITE goes again with that, or the attempt has
    /// failed. The caller never hears of it.
    fn asked_again(
        mut self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let goes_again = inviting.invite.goes_again(response, flow, work);
        let trunk = Arc::clone(&inviting.candidate.trunk);
        if !goes_again {
            common.tried(inviting.close(work));
            return self.attempt_failed(common, &trunk, Cause::Refused(response.status), work);
        }
        // What the refused INVITE made is over with it.
        inviting.forget_forks(work);
        common.timers.set(CallTimer::NoResponse, work.now.instant + trunk.timers.no_response);
        self.attempt = Attempt::Inviting(inviting);
        State::Hunting(self)
    }

    // ---- failures

    fn failed(mut self: Box<Self>, common: &mut Common, branch: &Branch, cause: Cause, work: &mut Work<'_>) -> State {
        if common.loser_failed(branch) {
            return State::Hunting(self);
        }
        if self.update_failed(common, branch, work) {
            return self.answer_if_ready(common, work);
        }
        common.caller.digit_told(branch, work);
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) if inviting.invite.branch == *branch => {
                self.next_address(common, inviting, cause, work)
            }
            Attempt::Inviting(mut inviting) => {
                inviting.prack_failed(branch);
                inviting.digit_told(branch, work);
                self.attempt = Attempt::Inviting(inviting);
                State::Hunting(self)
            }
            attempt => {
                self.attempt = attempt;
                State::Hunting(self)
            }
        }
    }

    /// RFC 3263 4.3: after a failure of the path the target's other addresses come first.
    fn next_address(
        self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        let addresses = std::mem::take(&mut inviting.addresses);
        let candidate = inviting.candidate.clone();
        // Our own table without room says nothing about the way.
        if cause != Cause::TooManyCalls {
            work.supply.failed(work.now.instant, inviting.way());
        }
        common.tried(inviting.close(work));
        self.go_on(common, candidate, addresses, cause, work)
    }

    /// The connection of our INVITE is gone. Whoever had said nothing but 100 is not waited for; whoever rings answers on
    /// another connection (RFC 3261 18.2.2).
    fn way_lost(mut self: Box<Self>, common: &mut Common, branch: &Branch, work: &mut Work<'_>) -> State {
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) if inviting.invite.branch == *branch && inviting.word == Word::Unsaid => {
                self.given_up(common, inviting, Cause::Unreachable, work)
            }
            attempt => {
                self.attempt = attempt;
                State::Hunting(self)
            }
        }
    }

    /// The path failed while the INVITE may still be answered: it is taken back, and the next address is tried.
    fn given_up(
        self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        let addresses = std::mem::take(&mut inviting.addresses);
        let candidate = inviting.candidate.clone();
        work.supply.failed(work.now.instant, inviting.way());
        let media = inviting.abandon(common, cause, work);
        common.tried(media);
        self.go_on(common, candidate, addresses, cause, work)
    }

    /// One address of a candidate is done with: the others are tried, and without any the attempt has failed.
    fn go_on(
        self: Box<Self>,
        common: &mut Common,
        candidate: Candidate,
        others: VecDeque<SocketAddr>,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        match others.is_empty() {
            true => self.attempt_failed(common, &candidate.trunk, cause, work),
            false => self.invite(common, candidate, others, work),
        }
    }

    /// MD-119: who answers 503 speaks for every address of its name.
    fn next_target(
        self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        inviting.addresses.clear();
        self.next_address(common, inviting, cause, work)
    }

    pub(super) fn attempt_failed(
        mut self: Box<Self>,
        common: &mut Common,
        trunk: &Trunk,
        parting: impl Into<Parting>,
        work: &mut Work<'_>,
    ) -> State {
        let parting = parting.into();
        let cause = parting.cause;
        common.timers.stop(CallTimer::NoResponse);
        common.timers.stop(CallTimer::NoAnswer);
        self.forget_update(common, work);
        self.ringback.end(&common.caller.media, work);
        work.out.push(Effect::Event(CallEvent::AttemptFailed {
            call: common.ledger.id(),
            to: Arc::clone(&trunk.name),
            cause,
        }));
        let told = match self.failed.take() {
            Some(before) => before.better(parting),
            None => parting,
        };
        // Whoever says no to an emergency call, the next one is asked: 403 of one carrier must not be the end of it.
        let is_urgent = self.candidates.front().is_some_and(|candidate| candidate.urgent.is_some());
        let retry = if is_urgent { Retry::NextCandidate } else { cause.retry_after(trunk) };
        match retry {
            Retry::NextCandidate => {
                self.failed = Some(told);
                self.next(common, work)
            }
            Retry::Final => self.refuse(common, told, EndedBy::Callee, work),
        }
    }

    /// A timer of the call fired.
    pub fn timer(mut self: Box<Self>, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> State {
        let attempt = std::mem::replace(&mut self.attempt, Attempt::None);
        match (timer, attempt) {
            (CallTimer::NoResponse, Attempt::Inviting(inviting)) => {
                self.given_up(common, inviting, Cause::PeerSilent, work)
            }
            (CallTimer::NoResponse, Attempt::Resolving { candidate, .. }) => {
                self.attempt_failed(common, &candidate.trunk, Cause::NameNotResolved, work)
            }
            (CallTimer::NoAnswer, Attempt::Inviting(inviting)) => {
                let trunk = Arc::clone(&inviting.candidate.trunk);
                let media = inviting.abandon(common, Cause::NoAnswer, work);
                common.tried(media);
                self.attempt_failed(common, &trunk, Cause::NoAnswer, work)
            }
            (CallTimer::Ringing, attempt) => {
                self.attempt = attempt;
                self.ring_again(common, work)
            }
            (CallTimer::Expires, attempt) => {
                self.attempt = attempt;
                self.cancelled(common, Cause::CallerCancelled, EndedBy::Caller, work)
            }
            (CallTimer::Progress, attempt) => {
                self.attempt = attempt;
                self.reassure(common, work)
            }
            (CallTimer::Exchange, attempt) => {
                self.attempt = attempt;
                self.update_is_late(common, work);
                State::Hunting(self)
            }
            (CallTimer::Again, attempt) => {
                self.attempt = attempt;
                tell_early(State::Hunting(self), common, work)
            }
            (
                CallTimer::NoResponse | CallTimer::NoAnswer | CallTimer::MaxDuration | CallTimer::ReleaseGuard,
                attempt,
            ) => {
                self.attempt = attempt;
                State::Hunting(self)
            }
        }
    }

    /// The caller or the operator wants no answer any more.
    pub(super) fn cancelled(
        mut self: Box<Self>,
        common: &mut Common,
        cause: Cause,
        by: EndedBy,
        work: &mut Work<'_>,
    ) -> State {
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) => {
                let media = inviting.abandon(common, cause, work);
                common.tried(media);
            }
            Attempt::Answered(answered) => {
                let mut callee = answered.callee;
                callee.end(cause, work);
                return self.refuse_with(common, Some(callee), cause.into(), by, work);
            }
            Attempt::None | Attempt::Resolving { .. } => {}
        }
        self.refuse(common, cause, by, work)
    }

    /// The caller's INVITE is answered with a failure, and the call ends.
    pub(super) fn refuse(
        self: Box<Self>,
        common: &mut Common,
        parting: impl Into<Parting>,
        by: EndedBy,
        work: &mut Work<'_>,
    ) -> State {
        self.refuse_with(common, None, parting.into(), by, work)
    }

    /// The same for a call whose called party has answered, and is being told.
    fn refuse_with(
        mut self: Box<Self>,
        common: &mut Common,
        callee: Option<Box<Leg>>,
        parting: Parting,
        by: EndedBy,
        work: &mut Work<'_>,
    ) -> State {
        self.forget_update(common, work);
        let cause = parting.cause;
        let bytes = compose::refusal(&parting, &self.invite.head, &common.caller.dialog.local_tag, &common.caller.own);
        work.out.push(Effect::Respond { transaction: self.invite.transaction, status: cause.status(), bytes });
        common.caller.is_over_now();
        Releasing::begin(common, callee, cause, by, work)
    }
}

/// The session description of a response, if it has one.
pub(super) fn description(response: &Response) -> Option<Bytes> {
    screening::described(&response.message).ok().filter(|body| !body.is_empty())
}
