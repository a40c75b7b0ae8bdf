//! The step in which a new party takes the place of an old one.

use std::sync::Arc;

use super::reports::Reports;
use super::{Fit, Stage, note_end};
use crate::base::limits::TRANSFEROR_LEAVES;
use crate::call::asked;
use crate::call::call::{CallTimer, Common, State};
use crate::call::cause::Cause;
use crate::call::effect::Work;
use crate::call::established::Established;
use crate::call::exchange::Exchange;
use crate::call::leg::Leg;
use crate::call::media_end;
use crate::call::negotiate::AudioPlan;
use crate::call::record::{EndedBy, Side};
use crate::sip::Status;

impl Established {
    /// The new party of a transfer is there, and nothing is being agreed between the old ones. `exchange`: what is
    /// still to be agreed with the new one.
    pub(super) fn arrived_takes_place(
        mut self: Box<Self>,
        common: &mut Common,
        exchange: Exchange,
        work: &mut Work<'_>,
    ) -> State {
        let Some(mut transfer) = self.moves.transfer.take() else { return State::Established(self) };
        let Stage::Arrived(leg) = std::mem::replace(&mut transfer.stage, Stage::Joining { tries: 0 }) else {
            return State::Established(self);
        };
        let side = transfer.by;
        let name = Arc::clone(&self.leg(common, side).trunk.name);
        note_end(common, transfer.exchanged(), name, Some(&leg), Cause::Transferred, work);
        self.report(common, side, Status::OK, work);
        let reports = self.take_reports(side);
        let named = asked::named(&transfer.refer.target, &self.leg(common, side).trunk.presentation);
        if let Ok((called, user)) = named {
            common.numbers.renamed(side, called, user);
        }
        self.take_place(common, side, *leg, reports, Cause::Transferred, work);
        self.exchange = exchange;
        self.must_settle(side);
        self.proceed(common, work)
    }

    /// `leg` stands where the leg of `side` stood, and is joined with the other party; the old leg leaves. The party that
    /// stays keeps port, key and SSRC (MD-126). Those who now talk may do so for the smaller `max_duration_s` of their two
    /// trunks, counted from here: what the old party's trunk allowed went with it.
    pub(super) fn take_place(
        &mut self,
        common: &mut Common,
        side: Side,
        leg: Leg,
        reports: Option<Reports>,
        cause: Cause,
        work: &mut Work<'_>,
    ) {
        self.refuse_waiting(common, Some(side), work);
        let (place, staying) = self.legs(common, side);
        let old = std::mem::replace(place, leg);
        staying.media.stop_ringing(work);
        place.media.media.answered();
        media_end::join(&mut staying.media, &mut place.media, work);
        let longest = staying.trunk.timers.max_duration.min(place.trunk.timers.max_duration);
        common.timers.set(CallTimer::MaxDuration, work.now.instant + longest);
        if self.untold.forget(side) && self.untold.is_empty() {
            common.timers.stop(CallTimer::Again);
        }
        let until = work.now.instant + TRANSFEROR_LEAVES;
        common.departing.add(old, reports, until, cause, &mut common.ledger, work);
    }

    /// The newcomer on `side` and the party that stays may have to be asked to take each other's description.
    pub(super) fn must_settle(&mut self, side: Side) {
        self.moves.unsettled = vec![side.other(), side];
        self.moves.fit = Fit::Open;
    }

    /// Parties that were joined anew are asked, one after the other, to take what the other one says, where they must
    /// (MD-150). When both have been asked and speak no common codec the call ends: it would stay up in silence.
    pub(super) fn settle_parties(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        while let Some(&side) = self.moves.unsettled.first() {
            let (leg, other) = self.legs(common, side);
            if leg.awaits_ack() {
                break;
            }
            let needed = other.media.media.plan_for_newcomer().filter(|plan| leg.media.media.must_hear(plan));
            self.moves.unsettled.remove(0);
            if let Some(plan) = needed
                && self.ask_to_settle(common, side, &plan, work)
            {
                break;
            }
        }
        self.prove_fit(common, work)
    }

    fn prove_fit(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let is_open = self.moves.fit == Fit::Open && self.moves.unsettled.is_empty() && self.untold.is_empty();
        if !is_open || !matches!(self.exchange, Exchange::Idle) {
            return State::Established(self);
        }
        self.moves.fit = Fit::Proven;
        if common.caller.media.media.speaks_with(&self.callee.media.media) {
            return State::Established(self);
        }
        self.hang_up(common, Cause::MediaRefused, EndedBy::Node, work)
    }

    /// True when a re-INVITE went out.
    fn ask_to_settle(&mut self, common: &mut Common, side: Side, plan: &AudioPlan, work: &mut Work<'_>) -> bool {
        let (leg, _) = self.legs(common, side);
        let Ok(body) = leg.media.media.write_offer(plan) else { return false };
        let branch = leg.invite_again(&body, work);
        let patience = work.now.instant + leg.trunk.timers.no_answer;
        common.timers.set(CallTimer::Exchange, patience);
        self.exchange = Exchange::Telling { side, branch };
        true
    }
}
