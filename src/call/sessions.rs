//! Session timers of an answered call (RFC 4028): each leg's own, they never cross (PF-145, MD-135). A refresh of ours is
//! an UPDATE without a description where the peer takes one, else a re-INVITE with the description of before.

use super::call::{CallTimer, Common, State};
use super::cause::Cause;
use super::effect::{Branch, Work};
use super::established::{Established, by};
use super::exchange::Exchange;
use super::media_end;
use super::record::{EndedBy, Side};
use super::reinvite::{direction, is_gone, is_sent_in_vain};
use crate::base::Instant;
use crate::dialog::session_timer::Due;
use crate::sip::flow::Flow;
use crate::sip::{Method, Response, Status};

impl Established {
    /// When something is due on either leg.
    pub fn next_timeout(&self, common: &Common) -> Option<Instant> {
        let sessions = [common.caller.session.next(), self.callee.session.next()];
        sessions
            .into_iter()
            .chain([self.callee.next_timeout(), self.handed_until(), self.passed_until()])
            .flatten()
            .min()
    }

    /// Refreshes what is due; a session that nobody refreshed ends the call.
    pub(super) fn sessions(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        self.handed_too_long(common, work);
        self.passed_too_long(work);
        for side in [Side::Caller, Side::Callee] {
            let (leg, _) = self.legs(common, side);
            match leg.session.due(work.now.instant) {
                None => {}
                Some(Due::Expired) => return self.hang_up(common, Cause::SessionExpired, EndedBy::Node, work),
                Some(Due::Refresh) => self.refresh(common, side, work),
            }
        }
        State::Established(self)
    }

    fn refresh(&mut self, common: &mut Common, side: Side, work: &mut Work<'_>) {
        let is_idle = matches!(self.exchange, Exchange::Idle);
        let (leg, _) = self.legs(common, side);
        if leg.takes_update() {
            return leg.refresh_by_update(work);
        }
        // Only an offer that goes may count as one without an answer.
        let may_offer = is_idle && !leg.awaits_ack();
        match may_offer.then(|| leg.media.media.offer_again()).flatten() {
            Some(offer) => {
                let branch = leg.invite_again(&offer, work);
                let patience = work.now.instant + leg.trunk.timers.no_answer;
                common.timers.set(CallTimer::Exchange, patience);
                self.exchange = Exchange::Refreshing { side, branch };
            }
            // What is under way refreshes the session too; if it does not, there is another time.
            None => leg.session.not_refreshed(work.now.instant),
        }
    }

    /// The answer to our UPDATE without a description.
    pub(super) fn refreshed(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, _) = self.legs(common, side);
        if !response.status.is_final() {
            return State::Established(self);
        }
        if response.status == Status::SESSION_INTERVAL_TOO_SMALL && leg.ask_longer(branch, response, work).is_some() {
            return State::Established(self);
        }
        leg.refreshing = None;
        match response.status.code() {
            200..=299 => leg.follow_answer(response, flow, work),
            405 | 501 => {
                leg.taken.refuse(&Method::Update);
                self.refresh(common, side, work);
            }
            _ => return self.not_refreshed(common, side, Cause::Refused(response.status), work),
        }
        State::Established(self)
    }

    /// A refresh of ours was not taken. Silence, 408 and 481 say that the dialog is gone.
    pub(super) fn not_refreshed(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, _) = self.legs(common, side);
        leg.refreshing = None;
        if is_gone(cause) {
            return self.hang_up(common, Cause::DialogLost, by(side), work);
        }
        leg.session.not_refreshed(work.now.instant);
        State::Established(self)
    }

    /// The peer answered the re-INVITE that refreshed its session, and may have said something new.
    pub(super) fn refreshed_by_invite(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        body: &[u8],
        work: &mut Work<'_>,
    ) -> State {
        common.timers.stop(CallTimer::Exchange);
        let (leg, other) = self.legs(common, side);
        let before = direction(leg);
        if leg.media.media.read_answer(body).is_err() {
            leg.media.media.withdraw_offer();
            return self.hang_up(common, Cause::BadAnswer, by(side), work);
        }
        media_end::connect(&mut leg.media, &mut other.media, work);
        let turned = before != direction(leg) || is_sent_in_vain(other, leg);
        if turned { self.tell(common, side.other(), work) } else { State::Established(self) }
    }
}
