//! A re-INVITE in an answered call: it crosses to the other party, is answered here, or is refused (RFC 3261 14).

use std::time::Duration;

use bytes::Bytes;

use super::asking::Change;
use super::call::{CallTimer, Common, State, media_refusal};
use super::cause::Cause;
use super::compose;
use super::effect::{Effect, Work};
use super::established::{Established, by, refuse, respond};
use super::exchange::{Crossing, Exchange, Held, Room};
use super::hunting::description;
use super::leg::{Leg, Pending};
use super::media_end;
use super::negotiate::{AudioPlan, Direction, RemoteOffer};
use super::record::Side;
use super::screening;
use crate::base::ids::TransactionId;
use crate::dialog::Role;
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
        let room = self.room_for(common, side);
        let (leg, _) = self.legs(common, side);
        let Ok(body) = screening::described(&request.message) else {
            refuse(&asked, Status::UNSUPPORTED_MEDIA_TYPE, leg, None, work);
            return State::Established(self);
        };
        match room {
            Room::Free => {}
            Room::Later => {
                self.hold(common, Held { side, asked, request: request.clone(), flow }, work);
                return State::Established(self);
            }
            Room::Glare => {
                respond(&asked, Status::REQUEST_PENDING, leg, work);
                return State::Established(self);
            }
            Room::Twice => {
                self.try_again_later(common, side, &asked, work);
                return State::Established(self);
            }
        }
        leg.follow(&Method::Invite, &request.message, flow);
        if body.is_empty() {
            self.offer_ourselves(common, side, &asked, work)
        } else {
            self.offered(common, side, asked, &body, work)
        }
    }

    /// The re-INVITE or UPDATE carries an offer.
    pub(super) fn offered(
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
        if let Some(body) = answer_here(leg, other, &offer) {
            media_end::connect(&mut leg.media, &mut other.media, work);
            leg.accept(&asked, &body, work);
            return State::Established(self);
        }
        match other.media.media.write_offer(&offer.plan) {
            Ok(body) => {
                begin_crossing(&asked, leg, work);
                let branch = other.ask_change(other.change_for(asked.by), &body, work);
                let patience = work.now.instant + patience(&asked, leg, other);
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
        request: &Request,
        work: &mut Work<'_>,
    ) -> State {
        self.exchange = Exchange::Idle;
        let (leg, other) = self.legs(common, side);
        let before = direction(leg);
        let body = screening::described(&request.message).unwrap_or_default();
        if leg.media.media.read_answer(&body).is_err() {
            leg.media.media.withdraw_offer();
            return self.hang_up(common, Cause::BadAnswer, by(side), work);
        }
        media_end::connect(&mut leg.media, &mut other.media, work);
        // A later answer may hold or resume. The first one of a call was offered what the other party had said: a hold
        // in it is news there.
        let turned = match before {
            Some(before) => Some(before) != direction(leg),
            None => must_hear(other, leg),
        };
        if turned || is_sent_in_vain(other, leg) {
            self.tell(common, side.other(), work)
        } else {
            State::Established(self)
        }
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
            .read_answer(&description(response).unwrap_or_default())
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
            // RFC 4320 4.2: 408 is for INVITE alone.
            _ if is_gone(cause) && crossing.asked.by == Change::Update => Status::SERVER_TIMEOUT,
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
        if self.held_cancelled(common, transaction, work) {
            return State::Established(self);
        }
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
        let asked = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Crossing(crossing) if crossing.asked.by == Change::Update => {
                self.refuse_in_time(common, *crossing, work)
            }
            exchange => {
                self.exchange = exchange;
                match &self.exchange {
                    Exchange::Crossing(crossing) => crossing.from.other(),
                    Exchange::Telling { side, .. }
                    | Exchange::Refreshing { side, .. }
                    | Exchange::Unwanted { side, .. } => *side,
                    Exchange::Idle | Exchange::AwaitingAnswer(_) => return State::Established(self),
                }
            }
        };
        let (leg, _) = self.legs(common, asked);
        leg.cancel(Cause::NoAnswer, work);
        State::Established(self)
    }

    /// RFC 3311 5.2: an UPDATE whose answer takes too long gets 504, while its transaction lives. Who was asked.
    fn refuse_in_time(&mut self, common: &mut Common, crossing: Crossing, work: &mut Work<'_>) -> Side {
        let (asker, _) = self.legs(common, crossing.from);
        refuse(&crossing.asked, Status::SERVER_TIMEOUT, asker, None, work);
        let side = crossing.from.other();
        self.exchange = Exchange::Unwanted { side, branch: crossing.branch };
        side
    }

    /// It took after all what nobody wants any more: it is told how things stand.
    pub(super) fn unwanted_taken(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        common.timers.stop(CallTimer::Exchange);
        let (leg, other) = self.legs(common, side);
        match leg.media.media.read_answer(&description(response).unwrap_or_default()) {
            Ok(_) => {
                media_end::connect(&mut leg.media, &mut other.media, work);
                self.tell(common, side, work)
            }
            Err(_) => self.hang_up(common, Cause::BadAnswer, by(side), work),
        }
    }

    // ---- telling

    /// `side` is asked, by a re-INVITE of ours, to take what the other party has said.
    pub(super) fn tell(mut self: Box<Self>, common: &mut Common, side: Side, work: &mut Work<'_>) -> State {
        let (leg, other) = self.legs(common, side);
        let plan = other.media.media.remote_plan();
        if leg.awaits_ack() {
            return self.tell_later(common, side, work);
        }
        if let Some(body) = plan.and_then(|plan| leg.media.media.write_offer(&plan).ok()) {
            let branch = leg.ask_change(leg.change_for(Change::Invite), &body, work);
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
                self.tell_rest(common, work)
            }
            Err(_) => self.hang_up(common, Cause::BadAnswer, by(side), work),
        }
    }

    /// Who else must be told is, unless a glare must be over first.
    fn tell_rest(self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        match common.timers.deadline(CallTimer::Again) {
            None => self.tell_again(common, work),
            Some(_) => State::Established(self),
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
            _ => self.tell_rest(common, work),
        }
    }

    /// RFC 3261 14.1: 2.1 to 4 seconds on the leg whose Call-ID is ours, up to 2 seconds on the other, in steps of 10 ms.
    fn tell_later(mut self: Box<Self>, common: &mut Common, side: Side, work: &mut Work<'_>) -> State {
        let (leg, _) = self.legs(common, side);
        let pause = pause(leg.dialog.role(), work);
        common.timers.set(CallTimer::Again, work.now.instant + pause);
        self.untold.add(side);
        State::Established(self)
    }

    /// The pause is over. What crosses meanwhile goes first.
    pub(super) fn tell_again(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        match (self.untold.take_next(), &self.exchange) {
            (Some(side), Exchange::Idle) => self.tell(common, side, work),
            (Some(side), _) => self.tell_later(common, side, work),
            (None, _) => State::Established(self),
        }
    }
}

/// RFC 3261 14.1: how long who was told 491 waits, in the role it has in the dialog.
pub(super) fn pause(role: Role, work: &mut Work<'_>) -> Duration {
    let (first, steps) = match role {
        Role::Uac => (2100, 190),
        Role::Uas => (0, 200),
    };
    Duration::from_millis(first + 10 * work.entropy.below(steps))
}

/// True when what `sayer` says of itself asks for another description on the leg of `hearer`.
pub(super) fn must_hear(hearer: &Leg, sayer: &Leg) -> bool {
    sayer.media.media.wish().is_some_and(|plan| hearer.media.media.must_hear(&plan))
}

/// What the leg's peer last said about sending and receiving.
pub(super) fn direction(leg: &Leg) -> Option<Direction> {
    leg.media.media.remote_plan().map(|plan| plan.direction)
}

/// True when the codec that `sender` sends is none of those that `hearer` has taken since: it must hear which are left.
pub(super) fn is_sent_in_vain(sender: &Leg, hearer: &Leg) -> bool {
    !hearer.media.media.takes_what_is_sent(&sender.media.media)
}

/// True when a request inside the dialog ended so because the dialog is no more (RFC 3261 12.2.1.2, 14.1).
pub(super) const fn is_gone(cause: Cause) -> bool {
    match cause {
        Cause::Refused(status) => matches!(status.code(), 408 | 481),
        // No room on our own side says nothing about the peer.
        Cause::TooManyCalls => false,
        _ => true,
    }
}

/// The answer to an offer that says nothing the other party must hear of: another address or key of the sender, or fewer
/// codecs of those agreed on, the one it is sent among them (MD-125; RFC 3264 10.2, the lock-down to one codec).
fn answer_here(leg: &mut Leg, other: &Leg, offer: &RemoteOffer) -> Option<Bytes> {
    let plan = other.media.media.remote_plan()?;
    if !leg.media.media.changes_only_here(offer, &plan) {
        return None;
    }
    leg.media.media.write_answer(offer, &plan).ok()
}

/// RFC 3261 17.2.1: the answer takes a round trip, so that whoever sent INVITE must hear something first.
fn begin_crossing(asked: &Pending, asker: &Leg, work: &mut Work<'_>) {
    if asked.by == Change::Invite {
        let bytes = compose::plain_response(Status::TRYING, &asked.head, None, Some(&asker.own));
        work.out.push(Effect::Respond { transaction: asked.transaction, status: Status::TRYING, bytes });
    }
}

/// How long the other party may take: as on a call, or for an UPDATE three quarters of its transaction's life.
fn patience(asked: &Pending, asker: &Leg, answerer: &Leg) -> Duration {
    let as_on_a_call = answerer.trunk.timers.no_answer;
    match asked.by {
        Change::Invite => as_on_a_call,
        Change::Update => as_on_a_call.min(asker.trunk.timers.t1 * 48),
    }
}
