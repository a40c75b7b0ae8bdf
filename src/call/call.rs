//! The call machine: one enum of states, one struct per state; an input consumes the state and gives the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::asked::Asked;
use super::attempt::Candidate;
use super::cause::Cause;
use super::compose;
use super::effect::{Branch, Effect, Work};
use super::established::Established;
use super::event::CallEvent;
use super::hunting::Hunting;
use super::ledger::Ledger;
use super::leg::{Leg, Pending};
use super::media_end::MediaEnd;
use super::negotiate::{LegMedia, MediaRefusal};
use super::outgoing::OutgoingInvite;
use super::own_address::OwnAddress;
use super::progress::{self, early_end, hears_of_early_media};
use super::record::{EndedBy, Side};
use super::releasing::Releasing;
use super::screening::{self, Numbers};
use super::transfer::{Departing, Replacement, Unjoined};
use crate::base::Instant;
use crate::base::ids::{CallId, EndpointId, TransactionId, TrunkId, WorkerId};
use crate::base::limits::MAX_FORWARDS;
use crate::base::timers::{TimerKind, Timers};
use crate::dialog::{Dialog, DialogKey};
use crate::media::dtmf::HeardDigit;
use crate::media::plan::EndpointCounts;
use crate::media::presence::Change;
use crate::route::directory::{Decision, Directory};
use crate::route::emergency::Code;
use crate::route::snapshot::{RoutePlan, Snapshot};
use crate::route::trunk::Trunk;
use crate::sip::flow::{Flow, Resolution};
use crate::sip::grammar::number_as;
use crate::sip::header::Extent;
use crate::sip::{Name, Request, Response, ResponseHead, Status};
use crate::timer_kind;

timer_kind! {
    /// Timers of a call itself; transactions keep their own.
    pub enum CallTimer {
        /// No response at all from the candidate: the trunk's `no_response_s`.
        NoResponse,
        /// No answer from the candidate: the trunk's `no_answer_s`.
        NoAnswer,
        /// The caller of a ringing call must hear so again (RFC 3261 13.3.1.1).
        Ringing,
        /// No final answer to a re-INVITE of ours: the trunk's `no_answer_s`; to an UPDATE that crosses: 48*T1.
        Exchange,
        /// The caller's INVITE is good no longer (RFC 3261 13.3.1: its Expires).
        Expires,
        /// The caller has heard nothing but 100: its trunk's `provisional.progress_s` (MD-102).
        Progress,
        /// A party must be asked again after a glare (RFC 3261 14.1).
        Again,
        /// The longest a call may last: the smaller `max_duration_s` of both trunks, from the answer, or from when a party
        /// was exchanged for another.
        MaxDuration,
        /// The last resort of a call that is being released.
        ReleaseGuard,
    }
}

/// Everything that can happen to a call.
#[derive(Debug)]
pub enum CallInput {
    /// A request inside one of its dialogs; never ACK or CANCEL.
    Request {
        side: Side,
        transaction: TransactionId,
        request: Box<Request>,
        flow: Flow,
    },
    /// An ACK for a 2xx of ours.
    Ack {
        side: Side,
        request: Box<Request>,
    },
    /// CANCEL matched this INVITE of the side's peer; the CANCEL itself is answered.
    Cancelled {
        side: Side,
        transaction: TransactionId,
        cancel: Box<Request>,
    },
    /// A response to one of its requests.
    Response {
        side: Side,
        branch: Branch,
        response: Box<Response>,
        flow: Flow,
    },
    /// One of its requests got no answer, or did not leave.
    Failed {
        side: Side,
        branch: Branch,
        cause: Cause,
    },
    /// The connection of an INVITE of ours is gone, which was answered provisionally on it.
    WayLost {
        branch: Branch,
    },
    Resolved(Resolution),
    /// The relay has closed an endpoint of it.
    MediaClosed {
        endpoint: EndpointId,
        counts: EndpointCounts,
    },
    /// The peer of this endpoint pressed a digit that is not for the relay.
    Digit {
        endpoint: EndpointId,
        digit: HeardDigit,
    },
    /// The peer of this endpoint fell silent, or is heard again.
    Presence {
        endpoint: EndpointId,
        change: Change,
    },
    /// The party asked for with [`Effect::Join`], or why it cannot come.
    Joined(Result<Box<Leg>, Unjoined>),
    /// INVITE with Replaces for one of its dialogs ([`Call::replaceable`]).
    Replacing(Box<Replacement>),
    /// The operator, or the end of the process.
    HangUp(Cause),
}

/// A screened and routed INVITE, ready to become a call.
#[derive(Debug)]
pub struct Invitation {
    pub id: CallId,
    pub snapshot: Arc<Snapshot>,
    pub trunk: Arc<Trunk>,
    pub request: Box<Request>,
    pub flow: Flow,
    pub transaction: TransactionId,
    /// What its answers begin with.
    pub head: ResponseHead,
    pub numbers: Numbers,
    pub asked: Box<Asked>,
    pub plan: RoutePlan,
    pub directory: Arc<Directory>,
    pub whose: Decision,
    /// Code of an emergency call.
    pub urgent: Option<Code>,
    /// What of limits it heeds.
    pub heed: Heed,
    /// What an operator may want to know of how it came to its way.
    pub detail: Option<String>,
}

/// Whether limits of trunks stop a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heed {
    #[default]
    Limits,
    /// An emergency call, or the services' call back (PF-163).
    Nothing,
}

/// What every state of a call has.
#[derive(Debug)]
pub(super) struct Common {
    pub snapshot: Arc<Snapshot>,
    pub directory: Arc<Directory>,
    /// Whose call it is.
    pub whose: Decision,
    pub caller: Leg,
    pub numbers: Numbers,
    pub ledger: Ledger,
    pub timers: Timers<CallTimer, { CallTimer::COUNT }>,
    /// INVITEs that were given up and may still be answered.
    pub losers: Vec<OutgoingInvite>,
    /// Legs that others have taken the place of.
    pub departing: Departing,
    /// Media of the last attempt that was given up: early media of a call that nobody answers is in its record.
    pub tried: Option<Box<MediaEnd>>,
}

/// Where a call stands.
#[derive(Debug)]
pub(super) enum State {
    /// Looking for somebody who answers.
    Hunting(Box<Hunting>),
    /// Answered.
    Established(Box<Established>),
    /// Over for its parties; answers and counts are awaited.
    Releasing(Box<Releasing>),
    /// Nothing is left.
    Ended,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    pub(super) common: Common,
    pub(super) state: State,
}

impl Call {
    /// Takes an invitation: offers the call to the first candidate. `None`: it was refused, answered and recorded.
    pub fn start(mut invitation: Box<Invitation>, work: &mut Work<'_>) -> Option<Box<Call>> {
        invitation.asked.on_route(invitation.plan.context.clone());
        let mut ledger = open_ledger(&invitation, work);
        ledger.routed(Arc::clone(&invitation.plan.route));
        let candidates = match invitation.candidates(&mut ledger, work) {
            Ok(candidates) => candidates,
            Err(cause) => {
                Self::turn_away(invitation, ledger, cause, work);
                return None;
            }
        };
        match Self::take(invitation, ledger, candidates, work) {
            Ok(call) => Some(call),
            Err(refused) => {
                refused.answer(work);
                None
            }
        }
    }

    /// Refuses an invitation that never reaches anybody: answered and recorded like every other call.
    pub fn refuse(invitation: Box<Invitation>, cause: Cause, work: &mut Work<'_>) {
        let ledger = open_ledger(&invitation, work);
        Self::turn_away(invitation, ledger, cause, work);
    }

    fn turn_away(invitation: Box<Invitation>, ledger: Ledger, cause: Cause, work: &mut Work<'_>) {
        let pending = Pending::with_head(invitation.transaction, &invitation.request, invitation.head);
        let (tag, own) = (work.token(10), own_towards(&invitation.trunk, &invitation.whose, &invitation.request));
        Refused { pending, tag, own, ledger, cause, told: Told::Cause }.answer(work);
    }

    fn take(
        invitation: Box<Invitation>,
        ledger: Ledger,
        candidates: VecDeque<Candidate>,
        work: &mut Work<'_>,
    ) -> Result<Box<Call>, Box<Refused>> {
        let Invitation { snapshot, trunk, request, flow, transaction, head, numbers, asked, directory, whose, .. } =
            *invitation;
        let pending = Pending::with_head(transaction, &request, head);
        let (tag, own) = (work.token(10), own_towards(&trunk, &whose, &request));
        let refuse = |cause, told: Told| {
            let (pending, tag, own) = (pending.clone(), tag.clone(), own.clone());
            Box::new(Refused { pending, tag, own, ledger: ledger.clone(), cause, told })
        };
        let Ok(dialog) = Dialog::from_uas(&request, &tag) else {
            return Err(refuse(Cause::Malformed, Told::Cause));
        };
        let media = leg_media(&snapshot, &trunk, None, work).map_err(|cause| refuse(cause, Told::Cause))?;
        let body = screening::described(&request.message).unwrap_or_default();
        let offer = if body.is_empty() {
            None
        } else {
            match media.media.read_offer(&body) {
                Ok(offer) => Some(offer),
                Err(refusal) => {
                    give_back(media, work);
                    return Err(refuse(Cause::MediaRefused, Told::Media(refusal)));
                }
            }
        };
        let mut caller = Leg::new(Side::Caller, trunk, own.clone(), dialog, media, flow);
        caller.taken.hear(&request.message);
        caller.anonymity = asked.anonymity();
        work.out.push(Effect::DialogOpened { key: caller.key(), side: Side::Caller });
        let timers = Timers::default();
        let (losers, departing, tried) = (Vec::new(), Departing::default(), None);
        let mut call = Box::new(Call {
            common: Common { snapshot, directory, whose, caller, numbers, ledger, timers, losers, departing, tried },
            state: State::Ended,
        });
        let common = &mut call.common;
        expect_news(common, &pending, &request, work);
        let hunting = Box::new(Hunting::new(
            pending,
            offer,
            request.max_forwards.map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1).min(MAX_FORWARDS)),
            asked,
            candidates,
            (early_end(&request), hears_of_early_media(&request, &common.caller.trunk)),
        ));
        call.state = hunting.next(common, work);
        call.settle(work);
        Ok(call)
    }

    /// Handles one input.
    pub fn handle(&mut self, input: CallInput, work: &mut Work<'_>) {
        let Some(input) = self.common.departing.handle(input, &mut self.common.ledger, work) else {
            return self.settle(work);
        };
        let state = std::mem::replace(&mut self.state, State::Ended);
        self.state = match state {
            State::Hunting(hunting) => hunting.handle(&mut self.common, input, work),
            State::Established(established) => established.handle(&mut self.common, input, work),
            State::Releasing(releasing) => releasing.handle(&mut self.common, input, work),
            State::Ended => State::Ended,
        };
        self.proceed(work);
        self.settle(work);
    }

    /// A transfer that waited for something goes on.
    fn proceed(&mut self, work: &mut Work<'_>) {
        if let State::Established(_) = &self.state
            && let State::Established(established) = std::mem::replace(&mut self.state, State::Ended)
        {
            self.state = established.proceed(&mut self.common, work);
        }
    }

    /// Whether an INVITE with Replaces from `trunk` may take the place of the party with this dialog (RFC 3891 3), and its
    /// side.
    ///
    /// # Errors
    /// The status it is refused with.
    pub fn replaceable(&self, key: &DialogKey, trunk: TrunkId, extent: Extent) -> Result<Side, Status> {
        match &self.state {
            State::Established(established) => established.replaceable(&self.common, key, trunk, extent),
            State::Hunting(hunting) => hunting.replaceable(key, trunk, extent),
            State::Releasing(_) | State::Ended => Err(Status::DECLINE),
        }
    }

    /// The partner of the party with this dialog leaves for the call that a REFER of `trunk` is executed in; this call is
    /// over.
    ///
    /// # Errors
    /// Why it does not; nothing has changed.
    pub fn yield_party(&mut self, key: &DialogKey, trunk: TrunkId, work: &mut Work<'_>) -> Result<Box<Leg>, Unjoined> {
        let established = match &self.state {
            State::Established(established) => established,
            State::Hunting(_) => return Err(self.unanswered(key, trunk)),
            State::Releasing(_) | State::Ended => return Err(self.over(key, trunk)),
        };
        let side = established.may_yield(&self.common, key, trunk)?;
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Established(established) => {
                let (state, leg) = established.yields(&mut self.common, side, work);
                self.state = state;
                self.settle(work);
                Ok(Box::new(leg))
            }
            state => {
                self.state = state;
                Err(Unjoined::NotTalking)
            }
        }
    }

    /// Why nobody can leave this call any more: its caller may wait for an answer that will not come.
    fn over(&self, key: &DialogKey, trunk: TrunkId) -> Unjoined {
        let record = self.common.ledger.so_far();
        let is_caller = self.common.caller.trunk.id == trunk && self.common.caller.key() == *key;
        match record.answered {
            None if is_caller => Unjoined::Unanswered(record.cause),
            None | Some(_) => Unjoined::NotTalking,
        }
    }

    /// Why nobody can leave this call before its answer: only its caller may wait for that.
    fn unanswered(&self, key: &DialogKey, trunk: TrunkId) -> Unjoined {
        let caller = &self.common.caller;
        if caller.trunk.id != trunk {
            Unjoined::NotAllowed
        } else if caller.key() == *key && !caller.is_over() {
            Unjoined::Ringing
        } else {
            Unjoined::NotTalking
        }
    }

    /// Fires every timer that is due.
    pub fn handle_timeout(&mut self, work: &mut Work<'_>) {
        while let Some(timer) = self.common.timers.expired(work.now.instant) {
            let state = std::mem::replace(&mut self.state, State::Ended);
            self.state = match state {
                State::Hunting(hunting) => hunting.timer(&mut self.common, timer, work),
                State::Established(established) => established.timer(&mut self.common, timer, work),
                State::Releasing(releasing) => releasing.timer(&mut self.common, timer, work),
                State::Ended => State::Ended,
            };
        }
        let state = std::mem::replace(&mut self.state, State::Ended);
        self.state = match state {
            State::Established(established) => established.retransmissions(&mut self.common, work),
            State::Releasing(releasing) => releasing.retransmissions(&mut self.common, work),
            State::Hunting(hunting) => hunting.retransmissions(&mut self.common, work),
            State::Ended => state,
        };
        self.common.departing.timeout(&mut self.common.ledger, work);
        self.proceed(work);
        self.settle(work);
    }

    /// The next moment [`Call::handle_timeout`] must be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        let callee = match &self.state {
            State::Established(established) => established.next_timeout(&self.common),
            State::Releasing(releasing) => releasing.callee().and_then(Leg::next_timeout),
            State::Hunting(hunting) => hunting.answered_leg().and_then(Leg::next_timeout),
            State::Ended => None,
        };
        let departing = self.common.departing.next_timeout();
        [self.common.timers.next(), self.common.caller.next_timeout(), callee, departing].into_iter().flatten().min()
    }

    /// True when nothing is left: the record is written, no port and no dialog is held.
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// True between the answer and the first BYE.
    pub const fn is_established(&self) -> bool {
        matches!(self.state, State::Established(_))
    }

    pub fn id(&self) -> CallId {
        self.common.ledger.id()
    }

    /// Our tag in every answer to the INVITE with this Call-ID; `None`: it is not the one that began the call.
    pub fn tag_in_answers_to(&self, call_id: &Bytes) -> Option<Bytes> {
        let dialog = &self.common.caller.dialog;
        (dialog.call_id() == call_id).then(|| dialog.local_tag.clone())
    }

    /// Nobody waits for answers to its BYE or CANCEL any more: a call that is being released is over, with its record.
    pub fn let_go(&mut self, work: &mut Work<'_>) {
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::Releasing(releasing) => releasing.timer(&mut self.common, CallTimer::ReleaseGuard, work),
            before @ (State::Hunting(_) | State::Established(_) | State::Ended) => before,
        };
        self.settle(work);
    }

    /// A released call of which nothing is awaited any more ends.
    fn settle(&mut self, work: &mut Work<'_>) {
        if let State::Releasing(releasing) = &self.state
            && releasing.is_done(&self.common)
        {
            releasing.end(&mut self.common, work);
            self.state = State::Ended;
        }
    }
}

impl Common {
    /// An INVITE is out to a peer of this trunk: how long anything, and how long an answer is waited for.
    pub(super) fn awaits_answer(&mut self, trunk: &Trunk, now: Instant) {
        self.timers.set(CallTimer::NoResponse, now + trunk.timers.no_response);
        self.timers.set(CallTimer::NoAnswer, now + trunk.timers.no_answer);
    }

    /// Begins the end of an answered or unanswered call; the first cause stays.
    pub fn ended(&mut self, callee: Option<&Leg>, cause: Cause, by: EndedBy, work: &mut Work<'_>) {
        self.ledger.ended(work.now, cause, by);
        self.departing.end_all(work);
        self.timers.stop_all();
        self.timers.set(CallTimer::ReleaseGuard, work.now.instant + self.release_guard(callee));
    }

    /// 64*T1 for an ACK that a BYE waits for, and again for the BYE, on the slowest trunk; one second so that the
    /// transactions' own ends come first.
    fn release_guard(&self, callee: Option<&Leg>) -> Duration {
        let losers = self.losers.iter().map(|invite| invite.trunk.timers.t1);
        let losers = losers.chain([self.departing.slowest()]);
        let slowest =
            losers.chain(callee.map(|leg| leg.trunk.timers.t1)).fold(self.caller.trunk.timers.t1, Duration::max);
        slowest * 128 + Duration::from_secs(1)
    }

    /// An attempt was given up; only the last one's media counts.
    pub fn tried(&mut self, media: MediaEnd) {
        self.tried = Some(Box::new(media));
    }

    /// The relay has counted the media of an attempt.
    pub fn tried_closed(&mut self, endpoint: EndpointId, counts: &EndpointCounts) {
        if let Some(media) = self.tried.as_mut().filter(|media| media.endpoint() == endpoint) {
            media.closed(counts);
        }
    }

    /// A response to an INVITE that was given up. True when it was one of those.
    pub fn loser_response(&mut self, branch: &Branch, response: &Response, flow: Flow, work: &mut Work<'_>) -> bool {
        let Some(index) = self.losers.iter().position(|invite| invite.branch == *branch) else { return false };
        if response.status.is_provisional() {
            if let Some(invite) = self.losers.get_mut(index) {
                invite.provisional(work);
            }
            return true;
        }
        let invite = self.losers.swap_remove(index);
        if response.status.is_success() {
            invite.end_unwanted(response, flow, Cause::CallerCancelled, work);
        }
        true
    }

    /// An INVITE that was given up will never be answered. True when it was one of those.
    pub fn loser_failed(&mut self, branch: &Branch) -> bool {
        let before = self.losers.len();
        self.losers.retain(|invite| invite.branch != *branch);
        self.losers.len() != before
    }
}

/// How the caller hears of its call before the answer, and how long it waits for the first word.
fn expect_news(common: &mut Common, invite: &Pending, request: &Request, work: &mut Work<'_>) {
    if progress::is_reliable(request, &common.caller.trunk) {
        common.caller.begin_reliably(invite, work);
    }
    if let Some(good_for) = expires(request) {
        common.timers.set(CallTimer::Expires, work.now.instant + good_for);
    }
    let patience = common.caller.trunk.provisional.progress;
    if !patience.is_zero() {
        common.timers.set(CallTimer::Progress, work.now.instant + patience);
    }
}

/// How long the caller waits for a final answer, where it says so. Zero says nothing: no call could be answered.
fn expires(request: &Request) -> Option<Duration> {
    let seconds: u32 = number_as(&request.message.header(Name::Expires)?)?;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// Who we are to the caller.
fn own_towards(trunk: &Trunk, whose: &Decision, request: &Request) -> OwnAddress {
    OwnAddress::of_call(trunk, whose).called(request)
}

/// Announces the call and opens its record.
fn open_ledger(invitation: &Invitation, work: &mut Work<'_>) -> Ledger {
    let from = Arc::clone(&invitation.trunk.name);
    work.out.push(Effect::Event(CallEvent::Started { call: invitation.id, from }));
    let came = (&*invitation.request, invitation.flow);
    let mut ledger = Ledger::open(invitation.id, &invitation.trunk, &invitation.numbers, came, work.now);
    if let Some(account) = &invitation.whose.account {
        ledger.owned(account);
    }
    if let Some(detail) = &invitation.detail {
        ledger.explained(detail.clone());
    }
    if let Some(code) = &invitation.urgent {
        ledger.urgent(code, invitation.asked.elin());
        let from = Arc::clone(&invitation.trunk.name);
        work.out.push(Effect::Event(CallEvent::Emergency { call: invitation.id, from }));
    }
    ledger
}

/// An invitation that does not become a call.
struct Refused {
    pending: Pending,
    tag: Bytes,
    own: OwnAddress,
    ledger: Ledger,
    cause: Cause,
    told: Told,
}

/// What the caller of a refused invitation is told besides the cause.
enum Told {
    Cause,
    Media(MediaRefusal),
}

impl Refused {
    fn answer(mut self, work: &mut Work<'_>) {
        let (status, warning) = match self.told {
            Told::Cause => (self.cause.status(), None),
            Told::Media(refusal) => media_refusal(refusal),
        };
        let bytes = compose::refusal_with(status, self.cause, &self.pending.head, (&self.tag, &self.own), warning);
        work.out.push(Effect::Respond { transaction: self.pending.transaction, status, bytes });
        self.ledger.ended(work.now, self.cause, EndedBy::Node);
        let record = self.ledger.close(Default::default(), Default::default());
        work.out.push(Effect::Event(CallEvent::Ended(record)));
    }
}

/// Status and Warning of a description that cannot be used.
pub(super) fn media_refusal(refusal: MediaRefusal) -> (Status, Option<String>) {
    let status = Status::new(refusal.status()).unwrap_or(Status::NOT_ACCEPTABLE_HERE);
    (status, Some(format!("{} - \"{}\"", refusal.warning_code(), refusal.text())))
}

/// Ports and description state for one leg on `trunk`, on `worker` when the other leg is there already.
pub(super) fn leg_media(
    snapshot: &Snapshot,
    trunk: &Trunk,
    worker: Option<WorkerId>,
    work: &mut Work<'_>,
) -> Result<MediaEnd, Cause> {
    let network = snapshot.network(trunk.network).ok_or(Cause::Unexpected)?;
    let lease = work.supply.lease(network.id, worker).ok_or(Cause::NoPorts)?;
    let endpoint = work.supply.endpoint();
    let media =
        LegMedia::new(Arc::clone(&trunk.media), Arc::clone(&network.rules), network.advertise, lease, work.entropy);
    Ok(MediaEnd::new(media, endpoint))
}

fn give_back(mut media: MediaEnd, work: &mut Work<'_>) {
    media.close(work);
}
