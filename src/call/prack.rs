//! PRACK of a caller (RFC 3262): what it acknowledges, offers and answers, and the answer of the call that waited for it.

use bytes::Bytes;

use super::attempt::{self, Attempt};
use super::call::{Common, State, media_refusal};
use super::cause::Cause;
use super::compose;
use super::early_update::{Changed, Updating, tell_early};
use super::effect::{Effect, Work};
use super::established::{refuse, respond};
use super::hunting::{Hunting, Session};
use super::leg::Pending;
use super::media_end::{self, MediaEnd};
use super::negotiate::{AudioPlan, MediaRefusal};
use super::record::EndedBy;
use super::screening;
use crate::sip::{RAck, Request, Status};

/// What the description in a PRACK makes of it.
enum Reading {
    /// Nothing, or an answer: 200.
    Done,
    /// An offer, with our answer: 200 with it.
    Answered(Bytes),
    /// An offer that cannot be taken: the response is acknowledged all the same.
    Refused(MediaRefusal),
}

impl Hunting {
    /// The caller acknowledges a provisional response.
    pub(super) fn pracked(
        mut self: Box<Self>,
        common: &mut Common,
        asked: &Pending,
        request: &Request,
        work: &mut Work<'_>,
    ) -> State {
        let rack = common.caller.acknowledged_by(request);
        let reading = rack.and_then(|rack| self.read_prack(common, &rack, request, work));
        match reading {
            Err(status) => {
                respond(asked, status, &common.caller, work);
                return State::Hunting(self);
            }
            Ok(Reading::Done) => respond_with(asked, None, common, work),
            Ok(Reading::Answered(body)) => respond_with(asked, Some(&body), common, work),
            Ok(Reading::Refused(refusal)) => {
                let (status, warning) = media_refusal(refusal);
                refuse(asked, status, &common.caller, warning, work);
            }
        }
        common.caller.say_next(&self.invite, work);
        tell_early(self.answer_if_ready(common, work), common, work)
    }

    /// RFC 3262 5. Only a PRACK without the answer that is owed acknowledges nothing.
    fn read_prack(
        &mut self,
        common: &mut Common,
        rack: &RAck,
        request: &Request,
        work: &mut Work<'_>,
    ) -> Result<Reading, Status> {
        let body = screening::described(&request.message).map_err(|_| Status::UNSUPPORTED_MEDIA_TYPE)?;
        let reading = match (self.session, body.is_empty()) {
            (Session::Offered, true) if common.caller.withholds_answer() => return Err(Status::BAD_REQUEST),
            (Session::Offered, false) => {
                let read = common.caller.media.media.read_answer(&body);
                read.map_err(|_| Status::NOT_ACCEPTABLE_HERE)?;
                self.session = Session::Agreed;
                // It may hold, or leave out what the called party sends.
                self.changed = Changed::Yes;
                Reading::Done
            }
            (Session::Agreed, false) => match self.answer_here(common, &body) {
                Ok(answer) => Reading::Answered(answer),
                Err(refusal) => Reading::Refused(refusal),
            },
            // An offer while the INVITE's own is open (RFC 3264 4).
            (Session::Open, false) => return Err(Status::BAD_REQUEST),
            (Session::Open | Session::Offered | Session::Agreed, true) => Reading::Done,
        };
        common.caller.take_prack(rack);
        if let Some(callee) = self.callee_media() {
            media_end::connect(&mut common.caller.media, callee, work);
        }
        Ok(reading)
    }

    /// A new offer of the caller is answered with what the called side has said so far, which hears of it when it may.
    pub(super) fn answer_here(&mut self, common: &mut Common, body: &Bytes) -> Result<Bytes, MediaRefusal> {
        let offer = common.caller.media.media.read_offer(body)?;
        let said = self.callee_media().and_then(|callee| callee.media.wish());
        let accepted: AudioPlan = said.unwrap_or_else(|| offer.plan.clone());
        let is_heard_of = !common.caller.media.media.changes_only_here(&offer, &accepted);
        let answer = common.caller.media.media.write_answer(&offer, &accepted)?;
        if is_heard_of {
            (self.untold, self.changed) = (true, Changed::Yes);
        }
        self.offer = Some(offer);
        Ok(answer)
    }

    /// Media of the called side, once there is one.
    pub(super) fn callee_media(&mut self) -> Option<&mut MediaEnd> {
        match &mut self.attempt {
            Attempt::Inviting(inviting) => Some(&mut inviting.media),
            Attempt::Answered(answered) => Some(&mut answered.callee.media),
            Attempt::None | Attempt::Resolving { .. } => None,
        }
    }

    // ---- the answer that waits

    /// The called party answered: the caller hears so, at once or when nothing it must acknowledge is open.
    pub(super) fn answer_if_ready(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Answered(answered)
                if !common.caller.withholds_answer()
                    && self.updating.as_ref().is_none_or(Updating::outlives_the_answer)
                    && !matches!(answered.reading, attempt::Reading::InAck) =>
            {
                self.complete(common, *answered, work)
            }
            attempt => {
                self.attempt = attempt;
                State::Hunting(self)
            }
        }
    }

    /// What was said reliably and is not acknowledged goes again; after 64*T1 the INVITE is refused (RFC 3262 3).
    pub(super) fn retransmissions(self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        if common.caller.repeat_provisional(self.invite.transaction, work) {
            return self.cancelled(common, Cause::NoPrack, EndedBy::Node, work);
        }
        self.picked_up_repeats(common, work)
    }
}

/// 200 to a PRACK or an UPDATE of the caller.
fn respond_with(asked: &Pending, body: Option<&[u8]>, common: &Common, work: &mut Work<'_>) {
    let bytes = compose::answering_response(&asked.head, &common.caller.own, body);
    work.out.push(Effect::Respond { transaction: asked.transaction, status: Status::OK, bytes });
}
