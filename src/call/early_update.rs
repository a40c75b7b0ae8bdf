//! UPDATE with an offer before the answer (RFC 3311, RFC 6337 3.2): it crosses to the other party where that is agreed
//! on a session and takes UPDATE, else it is answered here with what the other party has said so far.

use bytes::Bytes;

use super::attempt::{Attempt, Reading};
use super::call::{CallTimer, Common, State, media_refusal};
use super::compose;
use super::effect::{Branch, Effect, Work};
use super::fork::Agreement;
use super::hunting::{Hunting, Session};
use super::leg::{Leg, Pending};
use super::media_end::{self, MediaEnd};
use super::negotiate::{AudioPlan, RemoteOffer};
use super::own_address::OwnAddress;
use super::proof::is_challenge;
use super::record::Side;
use super::reinvite::pause;
use super::screening;
use crate::dialog::Role;
use crate::sip::flow::Flow;
use crate::sip::{Request, Response, Status};

/// Seconds a refused offer is asked to wait at most (RFC 3311 5.2: 0 to 10, by chance).
const LONGEST_WAIT_S: u64 = 10;

/// An UPDATE of ours without an answer.
#[derive(Debug)]
pub(super) struct Updating {
    /// Who was asked.
    to: Side,
    branch: Branch,
    /// What it offers.
    body: Bytes,
    /// To tag of the fork that asks or is asked; `None`: we ask the caller.
    fork: Option<Bytes>,
    behalf: Behalf,
}

/// Whose offer it carries.
#[derive(Debug)]
enum Behalf {
    Party(Box<(Pending, RemoteOffer)>),
    /// That of a party that has been told that it took too long.
    Late,
    /// Ours: another fork described itself (PF-143), a late yes is taken back, or what was answered here is told.
    Us,
}

/// Whether a party has changed what it said, so that the other one may have to be told before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    No,
    Yes,
    /// The other one has refused to hear of it: it does after the answer.
    Refused,
}

impl Updating {
    /// RFC 6337 4.3: an offer of ours to the called party is no reason to keep the answer of the call from its caller.
    pub(super) fn outlives_the_answer(&self) -> bool {
        self.to == Side::Callee && matches!(self.behalf, Behalf::Us)
    }
}

/// Before the answer, whoever has not heard what the other party said since is told by UPDATE as soon as that may be.
pub(super) fn tell_early(state: State, common: &mut Common, work: &mut Work<'_>) -> State {
    match state {
        State::Hunting(mut hunting) => {
            hunting.tell_parties(common, work);
            State::Hunting(hunting)
        }
        state => state,
    }
}

impl Hunting {
    /// UPDATE with an offer. Its number is in order.
    pub(super) fn offered_early(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: Pending,
        request: &Request,
        work: &mut Work<'_>,
    ) -> State {
        let tag = request.from_tag().unwrap_or_default();
        let description = screening::described(&request.message).ok().filter(|body| !body.is_empty());
        let body = match (description, self.refusal(side, tag)) {
            (Some(body), None) => body,
            (described, refusal) => {
                let status = described.and(refusal).unwrap_or(Status::UNSUPPORTED_MEDIA_TYPE);
                self.refuse_early(common, side, &asked, status, work);
                return State::Hunting(self);
            }
        };
        let offer = self.media(common, side, tag).map(|end| end.media.read_offer(&body));
        match offer {
            Some(Ok(offer)) => self.take_offer(common, side, asked, offer, work),
            Some(Err(refusal)) => {
                let (status, warning) = media_refusal(refusal);
                let bytes = compose::warned(status, &asked.head, self.own(common, side), warning);
                work.out.push(Effect::Respond { transaction: asked.transaction, status, bytes });
            }
            None => self.refuse_early(common, side, &asked, Status::CALL_DOES_NOT_EXIST, work),
        }
        State::Hunting(self)
    }

    /// RFC 3311 5.2: one offer at a time. 491 when ours is open towards who asks, 500 when one of theirs is.
    fn refusal(&self, side: Side, tag: &[u8]) -> Option<Status> {
        if let Some(updating) = &self.updating {
            let ours = updating.to == side;
            return Some(if ours { Status::REQUEST_PENDING } else { Status::SERVER_INTERNAL_ERROR });
        }
        match side {
            Side::Caller => match self.session {
                Session::Open => Some(Status::SERVER_INTERNAL_ERROR),
                Session::Offered => Some(Status::REQUEST_PENDING),
                Session::Agreed => None,
            },
            Side::Callee => match &self.attempt {
                Attempt::Inviting(inviting) => match inviting.forks.get(tag).map(|fork| fork.agreement) {
                    Some(Agreement::Closed) => None,
                    Some(Agreement::Open) => Some(Status::REQUEST_PENDING),
                    None => Some(Status::CALL_DOES_NOT_EXIST),
                },
                Attempt::Answered(_) => None,
                Attempt::None | Attempt::Resolving { .. } => Some(Status::CALL_DOES_NOT_EXIST),
            },
        }
    }

    /// The media of who asks; a fork that asks is the one that is heard from now on.
    fn media<'a>(&'a mut self, common: &'a mut Common, side: Side, tag: &[u8]) -> Option<&'a mut MediaEnd> {
        match (side, &mut self.attempt) {
            (Side::Caller, _) => Some(&mut common.caller.media),
            (Side::Callee, Attempt::Inviting(inviting)) => {
                if inviting.described.last().is_none_or(|heard| heard != tag) {
                    inviting.follow(&Bytes::copy_from_slice(tag))?;
                }
                inviting.moves();
                Some(&mut inviting.media)
            }
            (Side::Callee, Attempt::Answered(answered)) => Some(&mut answered.callee.media),
            (Side::Callee, Attempt::None | Attempt::Resolving { .. }) => None,
        }
    }

    fn take_offer(&mut self, common: &mut Common, side: Side, asked: Pending, offer: RemoteOffer, work: &mut Work<'_>) {
        let crosses = match side {
            Side::Caller => self.update_callee(&offer.plan, work),
            Side::Callee => self.update_caller(common, &offer.plan, work),
        };
        match crosses {
            Some((branch, body)) => {
                let fork = self.heard_fork();
                // Who asks must hear an answer before its transaction is over (RFC 4320 4.2).
                let patience = self.towards(common, side).1.timers.t1 * 48;
                common.timers.set(CallTimer::Exchange, work.now.instant + patience);
                let behalf = Behalf::Party(Box::new((asked, offer)));
                self.updating = Some(Updating { to: side.other(), branch, body, fork, behalf });
            }
            None => self.answer_early(common, side, &asked, &offer, work),
        }
    }

    /// To tag of the fork whose media counts.
    fn heard_fork(&self) -> Option<Bytes> {
        match &self.attempt {
            Attempt::Inviting(inviting) => inviting.described.last().cloned(),
            Attempt::None | Attempt::Resolving { .. } | Attempt::Answered(_) => None,
        }
    }

    /// Sends UPDATE with this plan to the fork that is heard; its branch and body. `None`: it is not agreed on a session,
    /// or takes none.
    fn update_callee(&mut self, plan: &AudioPlan, work: &mut Work<'_>) -> Option<(Branch, Bytes)> {
        let inviting = match &mut self.attempt {
            Attempt::Inviting(inviting) => inviting,
            Attempt::Answered(answered) if matches!(answered.reading, Reading::Read(_)) => {
                return update_answerer(&mut answered.callee, plan, work);
            }
            Attempt::Answered(_) | Attempt::None | Attempt::Resolving { .. } => return None,
        };
        let heard = inviting.described.last()?;
        let fork = inviting.forks.get(heard)?;
        if fork.agreement == Agreement::Open || !fork.takes_update(&inviting.invite) {
            return None;
        }
        inviting.moves();
        let body = inviting.media.media.write_offer(plan).ok()?;
        let fork = inviting.forks.get_mut(inviting.described.last()?)?;
        Some((fork.update(&inviting.invite, &body, work), body))
    }

    /// The same to the caller, whose PRACK has come.
    fn update_caller(&mut self, common: &mut Common, plan: &AudioPlan, work: &mut Work<'_>) -> Option<(Branch, Bytes)> {
        let is_agreed = self.session == Session::Agreed && !common.caller.withholds_answer();
        if !is_agreed || !common.caller.takes_update() || matches!(self.attempt, Attempt::Answered(_)) {
            return None;
        }
        let body = common.caller.media.media.write_offer(plan).ok()?;
        Some((common.caller.update(&body, work), body))
    }

    /// PF-143: a caller that is agreed on a session hears by UPDATE that another fork's media counts now.
    pub(super) fn retell(&mut self, common: &mut Common, plan: &AudioPlan, work: &mut Work<'_>) {
        if self.updating.is_some() || !self.says_more(&common.caller.media.media, plan) {
            return;
        }
        if let Some((branch, body)) = self.update_caller(common, plan, work) {
            self.updating = Some(Updating { to: Side::Caller, branch, body, fork: None, behalf: Behalf::Us });
        }
    }

    /// Who has something to hear is told, the called party first: what it answers, the caller may have to hear.
    fn tell_parties(&mut self, common: &mut Common, work: &mut Work<'_>) {
        let waits = self.updating.is_some() || common.timers.deadline(CallTimer::Again).is_some();
        if self.changed != Changed::Yes || waits {
            return;
        }
        if self.called_must_hear(common)
            && let Some(plan) = common.caller.media.media.wish()
            && self.tell_callee(&plan, work)
        {
            return;
        }
        if let Some(plan) = self.callee_media().and_then(|end| end.media.wish()) {
            self.retell(common, &plan, work);
        }
    }

    /// An offer of ours to the called party. False: it cannot be sent one now.
    fn tell_callee(&mut self, plan: &AudioPlan, work: &mut Work<'_>) -> bool {
        let Some((branch, body)) = self.update_callee(plan, work) else { return false };
        let fork = self.heard_fork();
        self.updating = Some(Updating { to: Side::Callee, branch, body, fork, behalf: Behalf::Us });
        true
    }

    /// True when the party that is heard, or has answered, means another session than the caller does by now.
    fn called_must_hear(&mut self, common: &Common) -> bool {
        let (caller, untold) = (&common.caller.media.media, self.untold);
        let Some(callee) = self.callee_media().map(|end| &end.media) else { return false };
        let held = caller.wish().is_some_and(|plan| callee.must_hear(&plan));
        untold || held || !caller.takes_what_is_sent(callee)
    }

    /// The offer is answered with what the other party has said so far, which hears of it when it may.
    fn answer_early(
        &mut self,
        common: &mut Common,
        side: Side,
        asked: &Pending,
        offer: &RemoteOffer,
        work: &mut Work<'_>,
    ) {
        let other = match side {
            Side::Caller => self.callee_media().and_then(|end| end.media.wish()),
            Side::Callee => common.caller.media.media.wish(),
        };
        self.changed = Changed::Yes;
        self.untold = match (side, &other) {
            // Its answer says what the caller said last.
            (Side::Callee, _) | (Side::Caller, None) => false,
            (Side::Caller, Some(plan)) => self.untold || !common.caller.media.media.changes_only_here(offer, plan),
        };
        self.answer_with(common, side, asked, offer, &other.unwrap_or_else(|| offer.plan.clone()), work);
    }

    fn answer_with(
        &mut self,
        common: &mut Common,
        side: Side,
        asked: &Pending,
        offer: &RemoteOffer,
        accepted: &AudioPlan,
        work: &mut Work<'_>,
    ) {
        let end = match side {
            Side::Caller => Some(&mut common.caller.media),
            Side::Callee => self.callee_media(),
        };
        let answer = end.and_then(|end| end.media.write_answer(offer, accepted).ok());
        let Some(body) = answer else {
            return self.refuse_early(common, side, asked, Status::NOT_ACCEPTABLE_HERE, work);
        };
        if side == Side::Caller {
            self.offer = Some(offer.clone());
        }
        let bytes = compose::answering_response(&asked.head, self.own(common, side), Some(&body));
        work.out.push(Effect::Respond { transaction: asked.transaction, status: Status::OK, bytes });
        if let Some(callee) = self.callee_media() {
            media_end::connect(&mut common.caller.media, callee, work);
        }
    }

    // ---- answers

    /// A response to an UPDATE of ours; any other is ignored.
    pub(super) fn update_answered(
        mut self: Box<Self>,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        if is_challenge(response) && self.proves_update(common, branch, response, flow, work) {
            return State::Hunting(self);
        }
        let ours = |updating: &mut Updating| updating.branch == *branch && response.status.is_final();
        let Some(updating) = self.updating.take_if(ours) else { return State::Hunting(self) };
        if response.status.is_success() {
            let body = screening::described(&response.message).unwrap_or_default();
            self.updated(common, &updating, &body, work);
        } else {
            self.not_updated(common, &updating, response.status, work);
        }
        tell_early(self.answer_if_ready(common, work), common, work)
    }

    /// An UPDATE of ours was challenged. True when it went again, with credentials.
    fn proves_update(
        &mut self,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> bool {
        let Some(updating) = self.updating.as_mut().filter(|updating| updating.branch == *branch) else { return false };
        let again = match (updating.to, &mut self.attempt, &updating.fork) {
            (Side::Caller, ..) => common.caller.update_again(&updating.body, response, flow, work),
            (Side::Callee, Attempt::Inviting(inviting), Some(tag)) => inviting
                .forks
                .get_mut(tag)
                .and_then(|fork| fork.update_again(&mut inviting.invite, &updating.body, response, flow, work)),
            (Side::Callee, Attempt::Answered(answered), _) => {
                answered.callee.update_again(&updating.body, response, flow, work)
            }
            (Side::Callee, ..) => None,
        };
        let goes_again = again.is_some();
        if let Some(again) = again {
            updating.branch = again;
        }
        goes_again
    }

    /// No answer came to an UPDATE of ours. True when it was one.
    pub(super) fn update_failed(&mut self, common: &mut Common, branch: &Branch, work: &mut Work<'_>) -> bool {
        let Some(updating) = self.updating.take_if(|updating| updating.branch == *branch) else { return false };
        self.not_updated(common, &updating, Status::REQUEST_TIMEOUT, work);
        true
    }

    fn updated(&mut self, common: &mut Common, updating: &Updating, body: &Bytes, work: &mut Work<'_>) {
        if let (Attempt::Inviting(inviting), Some(fork)) = (&mut self.attempt, &updating.fork) {
            inviting.follow(fork);
        }
        let end = match updating.to {
            Side::Caller => Some(&mut common.caller.media),
            Side::Callee => self.callee_media(),
        };
        let Some(Ok(plan)) = end.map(|end| end.media.read_answer(body)) else {
            return self.not_updated(common, updating, Status::NOT_ACCEPTABLE_HERE, work);
        };
        if let (Side::Callee, Attempt::Answered(answered)) = (updating.to, &mut self.attempt) {
            answered.reading = Reading::Read(Ok(answered.callee.media.media.wish()));
        }
        self.untold &= updating.to == Side::Caller;
        if updating.to == Side::Caller {
            // What it is to hear next is a new offer, not an answer to its first.
            self.offer = None;
        }
        match &updating.behalf {
            Behalf::Party(party) => {
                let (asked, offer) = &**party;
                self.answer_with(common, updating.to.other(), asked, offer, &plan, work);
            }
            Behalf::Late if updating.to == Side::Callee => self.take_back(common, work),
            Behalf::Late | Behalf::Us => {
                if let Some(callee) = self.callee_media() {
                    media_end::connect(&mut common.caller.media, callee, work);
                }
            }
        }
    }

    /// The called side took an offer whose caller had been told no: it is offered what that one says in truth.
    fn take_back(&mut self, common: &mut Common, work: &mut Work<'_>) {
        if let Some(plan) = common.caller.media.media.remote_plan() {
            self.tell_callee(&plan, work);
        }
    }

    /// The other party has not answered for as long as who asked can wait.
    pub(super) fn update_is_late(&mut self, common: &mut Common, work: &mut Work<'_>) {
        let Some(updating) = &mut self.updating else { return };
        let (to, behalf) = (updating.to, std::mem::replace(&mut updating.behalf, Behalf::Late));
        match behalf {
            Behalf::Party(party) => self.refuse_early(common, to.other(), &party.0, Status::SERVER_TIMEOUT, work),
            Behalf::Late => {}
            Behalf::Us => updating.behalf = Behalf::Us,
        }
    }

    /// Both sessions stay as they were (RFC 3311 5.3); who asked hears so.
    fn not_updated(&mut self, common: &mut Common, updating: &Updating, status: Status, work: &mut Work<'_>) {
        match updating.to {
            Side::Caller => common.caller.media.media.withdraw_offer(),
            Side::Callee => self.withdraw_from(updating.fork.as_ref()),
        }
        let Behalf::Party(party) = &updating.behalf else {
            return self.not_heard(common, updating.to, status, work);
        };
        let told = match status.code() {
            491 => Status::REQUEST_PENDING,
            408 | 504 => Status::SERVER_TIMEOUT,
            500 | 503 => Status::SERVER_INTERNAL_ERROR,
            _ => Status::NOT_ACCEPTABLE_HERE,
        };
        self.refuse_early(common, updating.to.other(), &party.0, told, work);
    }

    /// Who was to be told would not hear: after a glare it is asked again, otherwise when the call is answered.
    fn not_heard(&mut self, common: &mut Common, side: Side, status: Status, work: &mut Work<'_>) {
        if !matches!(status, Status::REQUEST_PENDING | Status::SERVER_INTERNAL_ERROR) {
            self.changed = Changed::Refused;
        } else {
            // Also of another fork, and of a late yes that is taken back.
            if self.changed == Changed::No {
                self.changed = Changed::Yes;
            }
            let role = if side == Side::Callee { Role::Uac } else { Role::Uas };
            common.timers.set(CallTimer::Again, work.now.instant + pause(role, work));
        }
    }

    /// Our UPDATE to the called party, which has answered the call meanwhile: its answer is awaited in the call.
    pub(super) fn take_telling(&mut self, callee: &mut Leg) -> Option<Branch> {
        let Updating { branch, body, .. } = self.updating.take_if(|updating| updating.outlives_the_answer())?;
        callee.awaits_update(branch.clone(), body);
        Some(branch)
    }

    /// The fork with this To tag has answered the call: an UPDATE of or to another one is over for who asked.
    pub(super) fn forget_losers_update(&mut self, common: &mut Common, winner: &[u8], work: &mut Work<'_>) {
        let concerns_loser = |updating: &mut Updating| updating.fork.as_deref().is_some_and(|fork| fork != winner);
        let Some(updating) = self.updating.take_if(concerns_loser) else { return };
        let status = match updating.to {
            Side::Callee => Status::SERVER_INTERNAL_ERROR,
            Side::Caller => Status::REQUEST_TERMINATED,
        };
        if let Behalf::Party(party) = &updating.behalf {
            self.refuse_early(common, updating.to.other(), &party.0, status, work);
        }
        if updating.to == Side::Caller {
            // The caller still answers.
            self.updating = Some(Updating { behalf: Behalf::Us, fork: None, ..updating });
        }
    }

    /// The offer to this fork is void, whether it is heard or not.
    fn withdraw_from(&mut self, fork: Option<&Bytes>) {
        match &mut self.attempt {
            Attempt::Inviting(inviting) if inviting.described.last() == fork => inviting.media.media.withdraw_offer(),
            Attempt::Inviting(inviting) => {
                let moved = fork.and_then(|tag| inviting.forks.get_mut(tag)).and_then(|fork| fork.moved.as_mut());
                if let Some(media) = moved {
                    media.withdraw_offer();
                }
            }
            Attempt::Answered(answered) => answered.callee.media.media.withdraw_offer(),
            Attempt::None | Attempt::Resolving { .. } => {}
        }
    }

    /// The attempt or the call ends: an UPDATE that waits for the other party gets its final answer (RFC 3261 15.1.2).
    pub(super) fn forget_update(&mut self, common: &mut Common, work: &mut Work<'_>) {
        if let Some(Updating { to, behalf, .. }) = self.updating.take() {
            common.caller.media.media.withdraw_offer();
            if let Behalf::Party(party) = behalf {
                self.refuse_early(common, to.other(), &party.0, Status::REQUEST_TERMINATED, work);
            }
        }
    }

    /// A party is refused in the early dialog; 500 says when to come again (RFC 3261 14.2, RFC 3311 5.2).
    pub(super) fn refuse_early(
        &self,
        common: &Common,
        side: Side,
        asked: &Pending,
        status: Status,
        work: &mut Work<'_>,
    ) {
        let own: &OwnAddress = self.own(common, side);
        let bytes = match status {
            Status::SERVER_INTERNAL_ERROR => {
                compose::try_again(&asked.head, own, work.entropy.below(LONGEST_WAIT_S + 1))
            }
            _ => compose::inside_response(status, &asked.head, own),
        };
        work.out.push(Effect::Respond { transaction: asked.transaction, status, bytes });
    }
}

/// UPDATE with this plan to a called party that has answered; its branch and body. `None`: it takes none.
fn update_answerer(callee: &mut Leg, plan: &AudioPlan, work: &mut Work<'_>) -> Option<(Branch, Bytes)> {
    if !callee.takes_update() || callee.awaits_ack() {
        return None;
    }
    let body = callee.media.media.write_offer(plan).ok()?;
    Some((callee.update(&body, work), body))
}
