//! The called party's 2xx: acknowledged, and made the answer of the call.

use bytes::Bytes;

use super::attempt::Inviting;
use super::call::{CallTimer, Common, State, media_refusal};
use super::cause::Cause;
use super::compose;
use super::effect::{Effect, Work};
use super::established::Established;
use super::event::CallEvent;
use super::exchange::Exchange;
use super::hunting::{Hunting, description};
use super::leg::Leg;
use super::media_end::{self, MediaEnd};
use super::negotiate::{AudioPlan, MediaRefusal};
use super::record::{EndedBy, Side};
use super::releasing::Releasing;
use crate::sip::flow::Flow;
use crate::sip::{Response, Status};

impl Hunting {
    /// 2xx: acknowledged at once, then handed to the caller.
    pub(super) fn answered(
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
        let mut callee = Leg::new(Side::Callee, candidate.trunk, invite.own.clone(), dialog, media, flow);
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
}
