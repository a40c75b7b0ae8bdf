//! While the new party is sought: the transferor may leave, and the transferee waits.

use super::{Asked, Stage};
use crate::audio::ringing::ANNOUNCED_MEDIA_GRACE;
use crate::call::asking::Change;
use crate::call::call::{Common, State, media_refusal};
use crate::call::cause::Cause;
use crate::call::compose;
use crate::call::effect::{Effect, Work};
use crate::call::established::{Established, refuse, respond};
use crate::call::exchange::Exchange;
use crate::call::leg::Pending;
use crate::call::negotiate::{AudioPlan, Direction};
use crate::call::passed::Passed;
use crate::call::record::Side;
use crate::call::screening;
use crate::sip::{Method, Status};

impl Established {
    /// The new party is none of the call's before its answer: requests in its early dialog get 481.
    pub(super) fn sought_said(self: Box<Self>, common: &mut Common, asked: &Asked, work: &mut Work<'_>) -> State {
        let pending = Pending::new(asked.transaction, &asked.request, asked.flow);
        respond(&pending, Status::CALL_DOES_NOT_EXIST, self.leg(common, asked.side), work);
        State::Established(self)
    }

    /// The transferor does not wait for the end: its leg is over, the other party stays and waits for the new one.
    pub(super) fn transferor_left(
        mut self: Box<Self>,
        common: &mut Common,
        asked: Asked,
        work: &mut Work<'_>,
    ) -> State {
        let pending = Pending::new(asked.transaction, &asked.request, asked.flow);
        let (leg, _) = self.legs(common, asked.side);
        if leg.dialog.check_request(&asked.request.cseq).is_err() {
            respond(&pending, Status::SERVER_INTERNAL_ERROR, leg, work);
            return State::Established(self);
        }
        let bytes = compose::plain_response(Status::OK, &pending.head, None, Some(&leg.own));
        work.out.push(Effect::Respond { transaction: pending.transaction, status: Status::OK, bytes });
        leg.is_over_now();
        leg.media.close(work);
        self.moves.reports.retain(|(side, _)| *side != asked.side);
        self.end_exchange_with(common, asked.side, work);
        self.transferee_hears_ringing(common, work);
        State::Established(self)
    }

    /// What was being agreed with the leg that has left will not be.
    fn end_exchange_with(&mut self, common: &mut Common, gone: Side, work: &mut Work<'_>) {
        self.exchange = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Crossing(crossing) if crossing.from == gone => {
                refuse(&crossing.asked, Status::REQUEST_TERMINATED, self.leg(common, gone), None, work);
                // Our INVITE on the other leg is out: its answer is taken.
                Exchange::Telling { side: gone.other(), branch: crossing.branch }
            }
            Exchange::Crossing(crossing) => {
                refuse(&crossing.asked, Status::REQUEST_PENDING, self.leg(common, crossing.from), None, work);
                Exchange::Idle
            }
            Exchange::Telling { side, .. }
            | Exchange::Refreshing { side, .. }
            | Exchange::Unwanted { side, .. }
            | Exchange::AwaitingAnswer(side)
                if side == gone =>
            {
                Exchange::Idle
            }
            exchange => exchange,
        };
        self.untold.forget(gone);
        self.refuse_waiting(common, Some(gone), work);
        self.legs(common, gone).0.media.media.withdraw_offer();
    }

    /// MD-149: the tone sounds unless the transferor, or the new party, is to be heard.
    pub(super) fn transferee_hears_ringing(&mut self, common: &mut Common, work: &mut Work<'_>) {
        let Some(mut transfer) = self.moves.transfer.take() else { return };
        let (transferor, transferee) = self.legs(common, transfer.by);
        let gone = transferor.is_over();
        let speaks = match &mut transfer.stage {
            Stage::Seeking(seeking) => gone && seeking.heard_by(&mut transferee.media, work),
            Stage::Joining { .. } | Stage::Arrived(_) => false,
        };
        let tone = transferee.media.media.ringback().filter(|_| transfer.rings.is_some());
        if let Some(tone) = tone {
            let after = if gone && !speaks { std::time::Duration::ZERO } else { ANNOUNCED_MEDIA_GRACE };
            transferee.media.ring(tone, after, work);
        }
        self.moves.transfer = Some(transfer);
    }

    /// The party that waits holds, resumes or refreshes: there is nobody to ask, so that it is answered here.
    pub(super) fn invited_alone(mut self: Box<Self>, common: &mut Common, asked: Asked, work: &mut Work<'_>) -> State {
        let pending = Pending::new(asked.transaction, &asked.request, asked.flow);
        let busy = !matches!(self.exchange, Exchange::Idle);
        let (leg, _) = self.legs(common, asked.side);
        let body = screening::described(&asked.request.message).unwrap_or_default();
        if leg.dialog.check_request(&asked.request.cseq).is_err() {
            respond(&pending, Status::SERVER_INTERNAL_ERROR, leg, work);
        } else if pending.by == Change::Update && body.is_empty() {
            leg.follow(&Method::Update, &asked.request.message, asked.flow);
            leg.accept_with(&pending, &Passed::new(), None, work);
        } else if busy || body.is_empty() {
            respond(&pending, Status::REQUEST_PENDING, leg, work);
        } else {
            leg.follow(&asked.request.method, &asked.request.message, asked.flow);
            let media = &mut leg.media.media;
            let answered = media.read_offer(&body).and_then(|offer| match media.repeat() {
                Some(body) if media.is_refresh(&offer) => Ok(body),
                Some(_) | None => {
                    let taken = AudioPlan { direction: Direction::SendRecv, ..offer.plan.clone() };
                    media.write_answer(&offer, &taken)
                }
            });
            match answered {
                Ok(body) => {
                    leg.media.apply_alone(work);
                    leg.accept(&pending, &body, work);
                }
                Err(refusal) => {
                    let (status, warning) = media_refusal(refusal);
                    refuse(&pending, status, leg, warning, work);
                }
            }
        }
        State::Established(self)
    }

    /// The new party says something before its place is free: a BYE is the end of the transfer.
    pub(super) fn arrived_said(mut self: Box<Self>, common: &mut Common, asked: Asked, work: &mut Work<'_>) -> State {
        let pending = Pending::new(asked.transaction, &asked.request, asked.flow);
        let bye = asked.request.method == Method::Bye;
        let status = if bye { Status::OK } else { Status::REQUEST_PENDING };
        let bytes = compose::plain_response(status, &pending.head, None, Some(&self.leg(common, asked.side).own));
        work.out.push(Effect::Respond { transaction: pending.transaction, status, bytes });
        if !bye {
            return State::Established(self);
        }
        if let Some(transfer) = &mut self.moves.transfer
            && let Stage::Arrived(leg) = std::mem::replace(&mut transfer.stage, Stage::Joining { tries: 0 })
        {
            let mut leg = *leg;
            leg.is_over_now();
            common.departing.dismiss(leg, Cause::NormalClearing, work);
        }
        self.transfer_failed(common, Cause::NoAnswer, work)
    }
}
