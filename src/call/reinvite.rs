//! A re-INVITE in an answered call: it crosses to the other party, is answered here, or is refused (RFC 3261 14).

use std::time::Duration;

use bytes::Bytes;

use super::call::{CallTimer, Common, State, media_refusal};
use super::cause::Cause;
use super::compose;
use super::effect::{Effect, Work};
use super::established::{Established, by, refuse, respond};
use super::exchange::{Crossing, Exchange};
use super::leg::{Leg, Pending};
use super::media_end;
use super::negotiate::{AudioPlan, Direction};
use super::record::Side;
use super::screening;
use crate::base::ids::TransactionId;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Response, Status};

impl Established {
    /// A party sent INVITE again.
    pub(super) fn invited_again(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: Pending,
        request: &Request,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let busy = !matches!(self.exchange, Exchange::Idle);
        let (leg, other) = self.legs(common, side);
        if let Err(refusal) = screening::extensions(request, &leg.trunk) {
            refuse_extension(&asked, &refusal, work);
            return State::Established(self);
        }
        let body = request.message.body();
        if !body.is_empty() && !screening::is_sdp(request) {
            refuse(&asked, Status::UNSUPPORTED_MEDIA_TYPE, leg, None, work);
            return State::Established(self);
        }
        // RFC 3261 14.1, 14.2: one exchange at a time, and none to a party that has yet to acknowledge our 200; who asked
        // tries again after a random wait.
        if busy || other.awaits_ack() {
            respond(&asked, Status::REQUEST_PENDING, leg, work);
            return State::Established(self);
        }
        leg.follow(&Method::Invite, &request.message, flow);
        if body.is_empty() {
            self.offer_ourselves(common, side, &asked, work)
        } else {
            self.offered(common, side, asked, &body, work)
        }
    }

    /// The re-INVITE carries an offer.
    fn offered(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: Pending,
        body: &Bytes,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, other) = self.legs(common, side);
        let offer = match leg.media.media.read_offer(body) {
            Ok(offer) => offer,
            Err(refusal) => {
                let (status, warning) = media_refusal(refusal);
                refuse(&asked, status, leg, warning, work);
                return State::Established(self);
            }
        };
        // MD-134: a refresh is answered here, with the description of before.
        if leg.media.media.is_refresh(&offer)
            && let Some(body) = leg.media.media.repeat()
        {
            leg.accept(&asked, &body, work);
            return State::Established(self);
        }
        match other.media.media.write_offer(&offer.plan) {
            Ok(body) => {
                // RFC 3261 17.2.1: the answer takes a round trip, so that who asked must hear something first.
                let trying = compose::plain_response(Status::TRYING, &asked.head, None);
                work.out.push(Effect::Respond {
                    transaction: asked.transaction,
                    status: Status::TRYING,
                    bytes: trying,
                });
                let branch = other.invite_again(&body, work);
                let patience = work.now.instant + other.trunk.timers.no_answer;
                common.timers.set(CallTimer::Exchange, patience);
                self.exchange = Exchange::Crossing(Box::new(Crossing { from: side, asked, offer, branch }));
            }
            Err(refusal) => {
                let (status, warning) = media_refusal(refusal);
                refuse(&asked, status, leg, warning, work);
            }
        }
        State::Established(self)
    }

    /// A re-INVITE without a description: our 200 offers what the other party last said, and to send and receive,
    /// whatever either held before (MD-131: so a platform resumes).
    fn offer_ourselves(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: &Pending,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, other) = self.legs(common, side);
        let plan =
            other.media.media.remote_plan().map(|plan| AudioPlan { direction: Direction::SendRecv, ..plan.clone() });
        match plan.and_then(|plan| leg.media.media.write_offer(&plan).ok()) {
            Some(body) => {
                leg.accept(asked, &body, work);
                self.exchange = Exchange::AwaitingAnswer(side);
            }
            None => refuse(asked, Status::NOT_ACCEPTABLE_HERE, leg, None, work),
        }
        State::Established(self)
    }

    /// The answer that rode on the ACK. Without a usable one there is no session: the call ends (RFC 6337 2.3).
    pub(super) fn late_answer(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        body: &Bytes,
        work: &mut Work<'_>,
    ) -> State {
        self.exchange = Exchange::Idle;
        let (leg, other) = self.legs(common, side);
        let before = direction(leg);
        if leg.media.media.read_answer(body).is_err() {
            leg.media.media.withdraw_offer();
            return self.hang_up(common, Cause::BadAnswer, by(side), work);
        }
        media_end::connect(&mut leg.media, &mut other.media, work);
        // The first answer of a call was offered what the other party had said; a later one may hold or resume.
        let turned = before.is_some() && before != direction(leg);
        if turned { self.tell(common, side.other(), work) } else { State::Established(self) }
    }

    // ---- crossing

    /// The other party took the offer (its 2xx is acknowledged): its answer goes back to who asked.
    pub(super) fn crossed(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        crossing: Crossing,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        common.timers.stop(CallTimer::Exchange);
        let (answerer, asker) = self.legs(common, side);
        let answer = answerer
            .media
            .media
            .read_answer(&response.message.body())
            .and_then(|plan| asker.media.media.write_answer(&crossing.offer, &plan));
        match answer {
            Ok(body) => {
                media_end::connect(&mut asker.media, &mut answerer.media, work);
                asker.accept(&crossing.asked, &body, work);
                State::Established(self)
            }
            Err(refusal) => {
                // The parties no longer mean the same session: nothing but the end is left (RFC 3261 13.2.2.4).
                let (_, warning) = media_refusal(refusal);
                refuse(&crossing.asked, Status::NOT_ACCEPTABLE_HERE, asker, warning, work);
                self.hang_up(common, Cause::BadAnswer, by(side), work)
            }
        }
    }

    /// The other party did not take it: the session stays as it was, unless the party is gone (RFC 3261 12.2.1.2).
    pub(super) fn not_crossed(
        mut self: Box<Self>,
        common: &mut Common,
        crossing: Crossing,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        common.timers.stop(CallTimer::Exchange);
        let (asker, answerer) = self.legs(common, crossing.from);
        answerer.media.media.withdraw_offer();
        let status = match cause {
            Cause::Refused(status) if matches!(status.code(), 487 | 488 | 491 | 606) => status,
            Cause::TooManyCalls => Status::SERVICE_UNAVAILABLE,
            _ if is_gone(cause) => Status::REQUEST_TIMEOUT,
            _ => Status::NOT_ACCEPTABLE_HERE,
        };
        refuse(&crossing.asked, status, asker, None, work);
        if is_gone(cause) {
            return self.hang_up(common, Cause::DialogLost, by(crossing.from.other()), work);
        }
        State::Established(self)
    }

    /// CANCEL of a re-INVITE that is crossing: ours is cancelled too, and its final answer decides (RFC 3261 9.2). For
    /// any other INVITE it is too late.
    pub(super) fn cancelled(
        mut self: Box<Self>,
        common: &mut Common,
        transaction: TransactionId,
        work: &mut Work<'_>,
    ) -> State {
        if let Exchange::Crossing(crossing) = &self.exchange
            && crossing.asked.transaction == transaction
        {
            let from = crossing.from;
            let (_, answerer) = self.legs(common, from);
            answerer.cancel(Cause::CallerCancelled, work);
        }
        State::Established(self)
    }

    /// The party we sent a re-INVITE rings for longer than on a call: it is taken back.
    pub(super) fn asking_too_long(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let asked = match &self.exchange {
            Exchange::Crossing(crossing) => crossing.from.other(),
            Exchange::Telling { side, .. } => *side,
            Exchange::Idle | Exchange::AwaitingAnswer(_) => return State::Established(self),
        };
        let (leg, _) = self.legs(common, asked);
        leg.cancel(Cause::NoAnswer, work);
        State::Established(self)
    }

    // ---- telling

    /// `side` is asked, by a re-INVITE of ours, to take what the other party has said.
    fn tell(mut self: Box<Self>, common: &mut Common, side: Side, work: &mut Work<'_>) -> State {
        let (leg, other) = self.legs(common, side);
        let plan = other.media.media.remote_plan();
        if leg.awaits_ack() {
            return self.tell_later(common, side, work);
        }
        if let Some(body) = plan.and_then(|plan| leg.media.media.write_offer(&plan).ok()) {
            let branch = leg.invite_again(&body, work);
            let patience = work.now.instant + leg.trunk.timers.no_answer;
            common.timers.set(CallTimer::Exchange, patience);
            self.exchange = Exchange::Telling { side, branch };
        }
        State::Established(self)
    }

    /// It took it.
    pub(super) fn told(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        body: &Bytes,
        work: &mut Work<'_>,
    ) -> State {
        common.timers.stop(CallTimer::Exchange);
        let (leg, other) = self.legs(common, side);
        match leg.media.media.read_answer(body) {
            Ok(_) => {
                media_end::connect(&mut leg.media, &mut other.media, work);
                State::Established(self)
            }
            Err(_) => self.hang_up(common, Cause::BadAnswer, by(side), work),
        }
    }

    /// It did not: asked again after a glare, else left as it was, unless it is gone.
    pub(super) fn not_told(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        common.timers.stop(CallTimer::Exchange);
        let (leg, _) = self.legs(common, side);
        leg.media.media.withdraw_offer();
        match cause {
            Cause::Refused(Status::REQUEST_PENDING) => self.tell_later(common, side, work),
            _ if is_gone(cause) => self.hang_up(common, Cause::DialogLost, by(side), work),
            _ => State::Established(self),
        }
    }

    /// RFC 3261 14.1: 2.1 to 4 seconds on the leg whose Call-ID is ours, up to 2 seconds on the other, in steps of 10 ms.
    fn tell_later(mut self: Box<Self>, common: &mut Common, side: Side, work: &mut Work<'_>) -> State {
        let (first, steps) = match side {
            Side::Callee => (2100, 190),
            Side::Caller => (0, 200),
        };
        let pause = Duration::from_millis(first + 10 * work.entropy.below(steps));
        common.timers.set(CallTimer::Again, work.now.instant + pause);
        self.untold = Some(side);
        State::Established(self)
    }

    /// The pause is over. What crosses meanwhile goes first.
    pub(super) fn tell_again(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        match (self.untold.take(), &self.exchange) {
            (Some(side), Exchange::Idle) => self.tell(common, side, work),
            (Some(side), _) => self.tell_later(common, side, work),
            (None, _) => State::Established(self),
        }
    }
}

/// What the leg's peer last said about sending and receiving.
fn direction(leg: &Leg) -> Option<Direction> {
    leg.media.media.remote_plan().map(|plan| plan.direction)
}

/// True when a request inside the dialog ended so because the dialog is no more (RFC 3261 12.2.1.2, 14.1).
const fn is_gone(cause: Cause) -> bool {
    match cause {
        Cause::Refused(status) => matches!(status.code(), 408 | 481),
        // No room on our own side says nothing about the peer.
        Cause::TooManyCalls => false,
        _ => true,
    }
}

fn refuse_extension(asked: &Pending, refusal: &screening::Refusal, work: &mut Work<'_>) {
    let bytes = compose::screened(refusal, &asked.head, None);
    work.out.push(Effect::Respond { transaction: asked.transaction, status: refusal.status(), bytes });
}
