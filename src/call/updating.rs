//! UPDATE in an answered call (RFC 3311): with an offer it crosses like a re-INVITE, without one it refreshes the session
//! and the target, and is answered here. Also re-INVITEs that wait for the exchange before theirs.

use super::call::{Common, State};
use super::compose;
use super::effect::{Effect, Work};
use super::established::{Established, refuse, respond};
use super::exchange::{Held, Room};
use super::leg::Pending;
use super::passed::Passed;
use super::record::Side;
use super::screening;
use crate::base::ids::TransactionId;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Status};

impl Established {
    /// A party sent UPDATE.
    pub(super) fn updated(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: Pending,
        request: &Request,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let description = screening::described(&request.message);
        let room = self.room_for(common, side);
        let (leg, _) = self.legs(common, side);
        let Ok(body) = description else {
            refuse(&asked, Status::UNSUPPORTED_MEDIA_TYPE, leg, None, work);
            return State::Established(self);
        };
        if body.is_empty() {
            leg.follow(&Method::Update, &request.message, flow);
            leg.accept_with(&asked, &Passed::new(), None, work);
            return State::Established(self);
        }
        match room {
            Room::Free => {
                leg.follow(&Method::Update, &request.message, flow);
                self.offered(common, side, asked, &body, work)
            }
            // It cannot wait as long as a re-INVITE: its transaction ends (RFC 3261 17.1.2.2).
            Room::Later | Room::Glare => {
                respond(&asked, Status::REQUEST_PENDING, leg, work);
                State::Established(self)
            }
            Room::Twice => {
                self.try_again_later(common, side, &asked, work);
                State::Established(self)
            }
        }
    }

    /// Whether an offer of `side` may be taken now. None crosses to a party that has yet to acknowledge our 200.
    pub(super) fn room_for(&mut self, common: &mut Common, side: Side) -> Room {
        let (_, other) = self.legs(common, side);
        let other_is_busy = other.awaits_ack();
        match self.exchange.room_for(side) {
            Room::Free if other_is_busy => Room::Later,
            room => room,
        }
    }

    /// RFC 3261 14.2: 500, and a random wait of up to ten seconds.
    pub(super) fn try_again_later(&mut self, common: &mut Common, side: Side, asked: &Pending, work: &mut Work<'_>) {
        let seconds = work.entropy.below(11);
        let (leg, _) = self.legs(common, side);
        let bytes = compose::try_again(&asked.head, &leg.own, seconds);
        let status = Status::SERVER_INTERNAL_ERROR;
        work.out.push(Effect::Respond { transaction: asked.transaction, status, bytes });
    }

    // ---- waiting

    /// A re-INVITE that may be taken later: it waits here rather than at its sender (RFC 6337 4.3). Another one already
    /// does: 491.
    pub(super) fn hold(&mut self, common: &mut Common, held: Held, work: &mut Work<'_>) {
        if self.held.is_some() {
            let (leg, _) = self.legs(common, held.side);
            return respond(&held.asked, Status::REQUEST_PENDING, leg, work);
        }
        let (leg, _) = self.legs(common, held.side);
        let bytes = compose::plain_response(Status::TRYING, &held.asked.head, None, Some(&leg.own));
        work.out.push(Effect::Respond { transaction: held.asked.transaction, status: Status::TRYING, bytes });
        self.held = Some(Box::new(held));
    }

    /// What waited goes as soon as there is room.
    pub(super) fn next_in_line(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let Some(side) = self.held.as_ref().map(|held| held.side) else { return State::Established(self) };
        if self.room_for(common, side) != Room::Free {
            return State::Established(self);
        }
        match self.held.take() {
            Some(held) => {
                let Held { side, asked, request, flow } = *held;
                self.invited_again(common, side, asked, &request, flow, work)
            }
            None => State::Established(self),
        }
    }

    /// The party of this side, or both (`None`), leave: an offer of theirs that waits is taken from the line, and what
    /// is on its way between the parties is answered.
    pub(super) fn refuse_waiting(&mut self, common: &mut Common, side: Option<Side>, work: &mut Work<'_>) {
        if let Some(held) = self.held.take_if(|held| side.is_none_or(|side| held.side == side)) {
            let (asker, _) = self.legs(common, held.side);
            refuse(&held.asked, Status::REQUEST_TERMINATED, asker, None, work);
        }
        self.refuse_handed(common, work);
    }

    /// CANCEL of a re-INVITE that waits. True when it was that one.
    pub(super) fn held_cancelled(
        &mut self,
        common: &mut Common,
        transaction: TransactionId,
        work: &mut Work<'_>,
    ) -> bool {
        let held = self.held.take_if(|held| held.asked.transaction == transaction);
        let is_held = held.is_some();
        if let Some(held) = held {
            let (leg, _) = self.legs(common, held.side);
            refuse(&held.asked, Status::REQUEST_TERMINATED, leg, None, work);
        }
        is_held
    }
}
