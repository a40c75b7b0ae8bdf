//! Call pick-up: INVITE with Replaces that names an early dialog of an INVITE of ours (RFC 3891 3). Its sender is answered in
//! the place of who rings, whose INVITE is taken back, with all its forks; the caller then hears of an answer like any other.
//! Without an offer in that INVITE the caller waits for the ACK that brings the answer to ours. An early dialog that its
//! sender began, the caller's, is no match: 481. The new party of a transfer that only rings is picked up as well, and the
//! transfer has then succeeded.

use std::sync::Arc;

use super::replacing::{Misfit, Replacement};
use super::{Stage, note_end};
use crate::base::ids::TrunkId;
use crate::call::attempt::{Answered, Attempt, Inviting, Reading};
use crate::call::call::{Common, State};
use crate::call::cause::Cause;
use crate::call::early_update::Changed;
use crate::call::effect::{Effect, Work};
use crate::call::established::Established;
use crate::call::event::CallEvent;
use crate::call::exchange::Exchange;
use crate::call::hunting::Hunting;
use crate::call::leg::Leg;
use crate::call::passed::Passed;
use crate::call::record::{EndedBy, Side, TransferKind};
use crate::call::screening;
use crate::dialog::DialogKey;
use crate::sip::header::{Extent, Replaces};
use crate::sip::{Name, Request, Status};

impl Hunting {
    /// See [`super::super::call::Call::replaceable`].
    pub(in crate::call) fn replaceable(&self, key: &DialogKey, trunk: TrunkId, extent: Extent) -> Result<Side, Status> {
        match &self.attempt {
            Attempt::Inviting(inviting) => inviting.replaceable(key, trunk).map(|()| Side::Callee),
            Attempt::Answered(answered) if answered.callee.key() == *key => match extent {
                _ if answered.callee.trunk.id != trunk => Err(Status::FORBIDDEN),
                Extent::EarlyOnly => Err(Status::BUSY_HERE),
                // The caller must still acknowledge what it heard before the answer.
                Extent::Any => Err(Status::REQUEST_PENDING),
            },
            Attempt::None | Attempt::Resolving { .. } | Attempt::Answered(_) => Err(Status::CALL_DOES_NOT_EXIST),
        }
    }

    /// An INVITE picks the call up.
    pub(in crate::call) fn picked_up(
        mut self: Box<Self>,
        common: &mut Common,
        replacement: &Replacement,
        work: &mut Work<'_>,
    ) -> State {
        let (call, kind) = (common.ledger.id(), TransferKind::Replaces);
        work.out.push(Effect::Event(CallEvent::TransferBegan { call, kind }));
        let worker = common.caller.media.media.lease().worker;
        let inviting = match std::mem::replace(&mut self.attempt, Attempt::None) {
            Attempt::Inviting(inviting) => inviting,
            attempt => {
                self.attempt = attempt;
                let by = Arc::clone(&replacement.trunk.name);
                replacement.refused(common, by, Cause::NoSuchDialog.into(), work);
                return State::Hunting(self);
            }
        };
        let plan = self.plan_for_called(common);
        match replacement.leg(common, (worker, &plan), work) {
            Ok((mut callee, body, exchange)) => {
                work.out.push(Effect::DialogOpened { key: callee.key(), side: Side::Callee });
                callee.accept(&replacement.invite, &body, work);
                self.takes_over(common, inviting, replacement, &callee, work);
                let reading = match exchange {
                    Exchange::AwaitingAnswer(_) => Reading::InAck,
                    Exchange::Idle
                    | Exchange::Crossing(_)
                    | Exchange::Telling { .. }
                    | Exchange::Refreshing { .. }
                    | Exchange::Unwanted { .. } => Reading::Read(Ok(callee.media.media.agreed_plan())),
                };
                self.attempt =
                    Attempt::Answered(Box::new(Answered { callee: Box::new(callee), reading, passed: Passed::new() }));
                self.answer_if_ready(common, work)
            }
            Err(misfit) => self.not_picked_up(common, inviting, (replacement, misfit), work),
        }
    }

    /// Whoever rang is let go, and whoever picked up stands in its place on the trunk: no limit stops that.
    fn takes_over(
        &mut self,
        common: &mut Common,
        inviting: Box<Inviting>,
        replacement: &Replacement,
        callee: &Leg,
        work: &mut Work<'_>,
    ) {
        let by = Arc::clone(&inviting.candidate.trunk.name);
        work.supply.enter_urgent(&callee.trunk);
        // It was told how things stand.
        (self.untold, self.changed) = (false, Changed::No);
        self.forget_losers_update(common, callee.dialog.remote_tag.as_ref(), work);
        inviting.abandon(common, Cause::Replaced, work);
        self.stop_timers(common);
        note_end(common, replacement.exchanged(work), by, Some(callee), Cause::Replaced, work);
        if let Ok((number, user)) = screening::called(&replacement.request.from.uri) {
            common.numbers.renamed(Side::Callee, number, user);
        }
    }

    /// It fits nobody here: who rings goes on ringing.
    fn not_picked_up(
        mut self: Box<Self>,
        common: &mut Common,
        inviting: Box<Inviting>,
        (replacement, misfit): (&Replacement, Misfit),
        work: &mut Work<'_>,
    ) -> State {
        let by = Arc::clone(&inviting.candidate.trunk.name);
        self.attempt = Attempt::Inviting(inviting);
        replacement.refused(common, by, misfit, work);
        State::Hunting(self)
    }

    /// ACK of the 200 to whoever picked up. Where that offered, the answer is in it.
    pub(in crate::call) fn pick_up_acknowledged(
        mut self: Box<Self>,
        common: &mut Common,
        request: &Request,
        work: &mut Work<'_>,
    ) -> State {
        let Attempt::Answered(answered) = &mut self.attempt else { return State::Hunting(self) };
        if answered.callee.acknowledged(request.cseq.number, work) && matches!(answered.reading, Reading::InAck) {
            let body = screening::described(&request.message).unwrap_or_default();
            let read = answered.callee.media.media.read_answer(&body);
            answered.reading = Reading::Read(read.map(Some));
        }
        self.answer_if_ready(common, work)
    }

    /// The 200 to whoever picked up goes again while it lacks its ACK; without one the call has nobody who answers.
    pub(in crate::call) fn picked_up_repeats(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let is_lost = match &mut self.attempt {
            Attempt::Answered(answered) => answered.callee.timeout(work),
            Attempt::None | Attempt::Resolving { .. } | Attempt::Inviting(_) => false,
        };
        if is_lost { self.cancelled(common, Cause::NoAck, EndedBy::Node, work) } else { State::Hunting(self) }
    }

    /// The leg of whoever has answered while the caller does not hear of it yet.
    pub(in crate::call) const fn answered_leg(&self) -> Option<&Leg> {
        match &self.attempt {
            Attempt::Answered(answered) => Some(&answered.callee),
            Attempt::None | Attempt::Resolving { .. } | Attempt::Inviting(_) => None,
        }
    }
}

impl Established {
    /// See [`super::super::call::Call::replaceable`]: the new party of a transfer, which rings. A dialog of any other is one of
    /// a leg that has left, or has not come yet.
    pub(super) fn new_party_replaceable(&self, key: &DialogKey, trunk: TrunkId) -> Result<Side, Status> {
        let Some(transfer) = &self.moves.transfer else { return Err(Status::DECLINE) };
        match &transfer.stage {
            Stage::Seeking(seeking) if seeking.rings_in(key) => seeking.replaceable(key, trunk).map(|()| transfer.by),
            Stage::Seeking(_) | Stage::Joining { .. } | Stage::Arrived(_) => Err(Status::DECLINE),
        }
    }

    /// True when this INVITE names an early dialog of the new party that is being called.
    pub(super) fn rings_for(&self, replacement: &Replacement) -> bool {
        let named = replacement.request.message.header_bytes(Name::Replaces);
        let Some(Ok(named)) = named.map(|value| Replaces::parse(&value)) else { return false };
        let key = DialogKey::new(&named.call_id, &named.to_tag, &named.from_tag);
        matches!(self.stage(), Some(Stage::Seeking(seeking)) if seeking.rings_in(&key))
    }

    /// Its sender is the new party, and the transfer is done. While something is being agreed in the call it is to come again.
    pub(super) fn new_party_picked_up(
        mut self: Box<Self>,
        common: &mut Common,
        replacement: &Replacement,
        work: &mut Work<'_>,
    ) -> State {
        let (call, kind) = (common.ledger.id(), TransferKind::Replaces);
        work.out.push(Effect::Event(CallEvent::TransferBegan { call, kind }));
        let by = Arc::clone(&self.leg(common, replacement.side).trunk.name);
        if !matches!(self.exchange, Exchange::Idle) {
            replacement.refused(common, by, Cause::Pending.into(), work);
            return State::Established(self);
        }
        match self.new_leg(common, replacement, work) {
            Ok((mut leg, body, exchange)) => {
                work.out.push(Effect::DialogOpened { key: leg.key(), side: leg.side });
                leg.accept(&replacement.invite, &body, work);
                work.supply.enter_urgent(&leg.trunk);
                note_end(common, replacement.exchanged(work), by, Some(&leg), Cause::Replaced, work);
                let Some(transfer) = &mut self.moves.transfer else { return State::Established(self) };
                let sought = std::mem::replace(&mut transfer.stage, Stage::Arrived(Box::new(leg)));
                if let Stage::Seeking(seeking) = sought {
                    seeking.give_up(common, Cause::Replaced, work);
                }
                self.arrived_takes_place(common, exchange, work)
            }
            Err(misfit) => {
                replacement.refused(common, by, misfit, work);
                State::Established(self)
            }
        }
    }
}
