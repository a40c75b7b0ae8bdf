//! The called party's 2xx: acknowledged, and made the answer of the call.

use bytes::Bytes;

use super::attempt::{Answered, Attempt, Inviting, Reading, Settled};
use super::call::{CallTimer, Common, State, media_refusal};
use super::cause::Cause;
use super::compose;
use super::early_update::Changed;
use super::effect::{Effect, Work};
use super::established::Established;
use super::event::CallEvent;
use super::exchange::Exchange;
use super::fork::Standing;
use super::hunting::{Hunting, Session};
use super::leg::Leg;
use super::media_end::{self, MediaEnd};
use super::negotiate::{AudioPlan, LegMedia, MediaRefusal};
use super::passed::Passed;
use super::provisional::passed;
use super::record::{EndedBy, Side};
use super::reinvite::{is_sent_in_vain, must_hear};
use super::releasing::Releasing;
use crate::media::plan::Flowing;
use crate::sip::flow::Flow;
use crate::sip::{Response, Status};

/// What the caller's 200 says of its media.
enum Accepting {
    Answer(Bytes),
    Offer(Bytes),
    /// Nothing. `untold`: what the called party means has become something else since.
    Agreed {
        untold: bool,
    },
}

impl Hunting {
    /// 2xx: acknowledged at once, then handed to the caller.
    pub(super) fn answered(
        mut self: Box<Self>,
        common: &mut Common,
        mut inviting: Box<Inviting>,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        self.forget_losers_update(common, response.to_tag().unwrap_or_default(), work);
        let settled = inviting.settle(response, work);
        let passed = passed(common, &inviting, response);
        let Inviting { invite, mut media, candidate, digits, .. } = *inviting;
        media.allow(Flowing::BOTH);
        let Some(Settled { dialog, read, standing, taken }) = settled else {
            invite.end_unwanted(response, flow, Cause::BadAnswer, work);
            return self.unusable(common, media, work);
        };
        let mut callee = Box::new(Leg::new(Side::Callee, candidate.trunk, invite.own.clone(), dialog, media, flow));
        callee.proof = invite.proof.clone();
        callee.taken = taken;
        callee.begins(invite.session.clone(), response, work);
        work.out.push(Effect::DialogOpened { key: callee.key(), side: Side::Callee });
        callee.acknowledge(&invite.branch, invite.cseq(), work);
        callee.take_digits(digits, work);
        self.stop_timers(common);
        if standing == Standing::Left {
            callee.is_over_now();
            self.attempt = Attempt::Answered(Box::new(Answered { callee, reading: Reading::Read(read), passed }));
            return self.cancelled(common, Cause::Refused(Status::TEMPORARILY_UNAVAILABLE), EndedBy::Callee, work);
        }
        self.attempt = Attempt::Answered(Box::new(Answered { callee, reading: Reading::Read(read), passed }));
        self.answer_if_ready(common, work)
    }

    /// Nobody waits for an answer any more. A party whose UPDATE has crossed still waits for that one's (RFC 4320 4.2).
    pub(super) fn stop_timers(&self, common: &mut Common) {
        let exchange = common.timers.deadline(CallTimer::Exchange).filter(|_| self.updating.is_some());
        common.timers.stop_all();
        exchange.into_iter().for_each(|at| common.timers.set(CallTimer::Exchange, at));
    }

    /// The caller may hear of the answer.
    pub(super) fn complete(self: Box<Self>, common: &mut Common, answered: Answered, work: &mut Work<'_>) -> State {
        let Answered { callee, reading, passed } = answered;
        let read = match reading {
            Reading::Read(read) => read,
            Reading::InAck => Ok(None),
        };
        match self.description_for_caller(common, read) {
            Ok(accepting) => self.establish(common, callee, (accepting, &passed), work),
            Err(refusal) => self.misfit(common, callee, refusal, work),
        }
    }

    /// What the caller's 200 carries: the answer to its offer, or the offer it did not write itself; nothing when it
    /// has agreed to a description before (RFC 3262 5).
    fn description_for_caller(
        &self,
        common: &mut Common,
        read: Result<Option<AudioPlan>, MediaRefusal>,
    ) -> Result<Accepting, Option<MediaRefusal>> {
        let plan = read.map_err(Some)?.ok_or(None)?;
        let media = &mut common.caller.media.media;
        match (self.session, &self.offer) {
            (Session::Agreed | Session::Offered, _) => Ok(Accepting::Agreed { untold: self.says_more(media, &plan) }),
            (Session::Open, Some(offer)) => media.write_answer(offer, &plan).map(Accepting::Answer).map_err(Some),
            (Session::Open, None) => media.write_offer(&plan).map(Accepting::Offer).map_err(Some),
        }
    }

    /// True when a description written now would say something that the caller has not heard.
    pub(super) fn says_more(&self, media: &LegMedia, plan: &AudioPlan) -> bool {
        let Some(offer) = &self.offer else { return media.offers_more(plan) };
        let mut trial = media.clone();
        match (trial.write_answer(offer, plan).ok(), media.repeat()) {
            (Some(now), Some(before)) => !content(&now).eq(content(&before)),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    fn establish(
        mut self: Box<Self>,
        common: &mut Common,
        mut callee: Box<Leg>,
        (accepting, passed): (Accepting, &Passed),
        work: &mut Work<'_>,
    ) -> State {
        common.ledger.answered(work.now);
        work.out.push(Effect::Event(CallEvent::Answered { call: common.ledger.id() }));
        let longest = common.caller.trunk.timers.max_duration.min(callee.trunk.timers.max_duration);
        common.timers.stop(CallTimer::Exchange);
        common.timers.set(CallTimer::MaxDuration, work.now.instant + longest);
        self.ringback.end(&common.caller.media, work);
        common.caller.media.media.answered();
        callee.media.media.answered();
        media_end::connect(&mut common.caller.media, &mut callee.media, work);
        let told = self.take_telling(&mut callee);
        let (body, exchange) = match (&accepting, told) {
            (Accepting::Answer(body), _) => (Some(body), Exchange::Idle),
            (Accepting::Offer(body), _) => (Some(body), Exchange::AwaitingAnswer(Side::Caller)),
            (Accepting::Agreed { .. }, Some(branch)) => (None, Exchange::Telling { side: Side::Callee, branch }),
            (Accepting::Agreed { .. }, None) => (None, Exchange::Idle),
        };
        common.caller.accept_with(&self.invite, passed, body.map(|body| &body[..]), work);
        common.caller.tell_kept_digits(work);
        let must_hear = self.untold || self.changed != Changed::No && must_hear(&callee, &common.caller);
        let must_hear = must_hear || is_sent_in_vain(&callee, &common.caller);
        let mut established = Established::new(callee, exchange);
        if let Accepting::Agreed { untold } = accepting {
            // PF-143: another fork answered than the caller agreed with, so it is asked again.
            if untold {
                established.untold.add(Side::Caller);
            }
            // What the caller changed was answered here: the called side hears of it now, if it is not being told.
            if must_hear && matches!(established.exchange, Exchange::Idle) {
                established.untold.add(Side::Callee);
            }
        }
        if !established.untold.is_empty() {
            common.timers.set(CallTimer::Again, work.now.instant);
        }
        State::Established(Box::new(established))
    }

    /// The called party's answer cannot be used: it is hung up, and the caller is refused.
    fn misfit(
        self: Box<Self>,
        common: &mut Common,
        mut callee: Box<Leg>,
        refusal: Option<MediaRefusal>,
        work: &mut Work<'_>,
    ) -> State {
        let (status, warning) = match refusal.map(media_refusal) {
            Some((Status::NOT_ACCEPTABLE_HERE, warning)) => (Status::NOT_ACCEPTABLE_HERE, warning),
            // Nothing is wrong with what the caller sent.
            Some((_, warning)) => (Cause::BadAnswer.status(), warning),
            None => (Cause::BadAnswer.status(), None),
        };
        callee.end(Cause::BadAnswer, work);
        let ours = (&*common.caller.dialog.local_tag, &common.caller.own);
        let bytes = compose::refusal_with(status, Cause::BadAnswer, &self.invite.head, ours, warning);
        work.out.push(Effect::Respond { transaction: self.invite.transaction, status, bytes });
        common.caller.is_over_now();
        Releasing::begin(common, Some(callee), Cause::BadAnswer, EndedBy::Callee, work)
    }

    /// The answer makes no dialog (RFC 3261 12.1.2).
    fn unusable(self: Box<Self>, common: &mut Common, mut media: MediaEnd, work: &mut Work<'_>) -> State {
        media.close(work);
        self.refuse(common, Cause::BadAnswer, EndedBy::Callee, work)
    }
}

/// The lines of a description but its origin: that of an offer which was refused may have been counted on.
fn content(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|&octet| octet == b'\n').filter(|line| !line.starts_with(b"o="))
}
