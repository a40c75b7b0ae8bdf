//! INVITE with Replaces (RFC 3891): its sender takes the place of a party of an answered call; that of one that only rings
//! is `picking_up`. Obeyed: RFC 3891 3 (match, 481, 486, 603, authorisation), MD-76.

use std::sync::Arc;

use bytes::Bytes;

use super::{Exchanged, note_end};
use crate::base::bounds::Bound;
use crate::base::ids::{TransactionId, TrunkId, WorkerId};
use crate::base::limits::CALL_TRANSFERS;
use crate::call::anonymity::Anonymity;
use crate::call::asked;
use crate::call::call::{Common, State, leg_media, media_refusal};
use crate::call::cause::Cause;
use crate::call::compose;
use crate::call::effect::{Effect, Work};
use crate::call::established::Established;
use crate::call::event::CallEvent;
use crate::call::exchange::Exchange;
use crate::call::leg::{Leg, Pending};
use crate::call::media_end::MediaEnd;
use crate::call::negotiate::AudioPlan;
use crate::call::own_address::OwnAddress;
use crate::call::record::{Side, TransferKind};
use crate::call::screening;
use crate::dialog::{Dialog, DialogKey};
use crate::route::directory::Decision;
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::header::Extent;
use crate::sip::{Request, Status};

/// An INVITE that is to take the place of a party.
#[derive(Debug)]
pub struct Replacement {
    pub side: Side,
    pub invite: Pending,
    pub request: Box<Request>,
    pub flow: Flow,
    pub trunk: Arc<Trunk>,
}

impl Replacement {
    /// `request` came in on `flow` from `trunk`; it is to take the place of the party on `side`.
    pub fn new(
        side: Side,
        transaction: TransactionId,
        request: Box<Request>,
        flow: Flow,
        trunk: Arc<Trunk>,
    ) -> Replacement {
        Replacement { side, invite: Pending::new(transaction, &request, flow), request, flow, trunk }
    }

    /// Who we are to its sender, in a call of somebody's.
    pub fn own(&self, whose: &Decision) -> OwnAddress {
        OwnAddress::of_call(&self.trunk, whose).called(&self.request)
    }

    /// What the record will say of it.
    pub(super) fn exchanged(&self, work: &Work<'_>) -> Exchanged {
        let plan = &self.trunk.presentation.numbers;
        let asked = asked::identified(&self.request.from.uri, plan);
        Exchanged { kind: TransferKind::Replaces, side: self.side, asked, began: work.now.wall }
    }

    /// It is answered with a failure. `by`: trunk of the party that it was to replace.
    pub(super) fn refused(&self, common: &mut Common, by: Arc<str>, misfit: Misfit, work: &mut Work<'_>) {
        let Misfit { status, cause, warning } = misfit;
        let tag = work.token(10);
        let ours = (&*tag, &self.own(&common.whose));
        let bytes = compose::refusal_with(status, cause, &self.invite.head, ours, warning);
        work.out.push(Effect::Respond { transaction: self.invite.transaction, status, bytes });
        note_end(common, self.exchanged(work), by, None, cause, work);
    }

    /// Its leg, on the worker of the party that stays, and what its 200 carries. `plan`: what that party can talk with.
    pub(super) fn leg(
        &self,
        common: &Common,
        (worker, plan): (WorkerId, &AudioPlan),
        work: &mut Work<'_>,
    ) -> Result<(Leg, Bytes, Exchange), Misfit> {
        let Replacement { side, request, trunk, flow, .. } = self;
        let tag = work.token(10);
        let dialog = Dialog::from_uas(request, &tag).map_err(|_| Cause::Malformed)?;
        let own = self.own(&common.whose);
        let body = screening::described(&request.message).map_err(|_| Cause::Malformed)?;
        let mut media = leg_media(&common.snapshot, trunk, Some(worker), work)?;
        match described(&mut media, &body, plan, *side) {
            Ok((body, exchange)) => {
                let mut leg = Leg::new(*side, Arc::clone(trunk), own, dialog, media, *flow);
                leg.taken.hear(&request.message);
                leg.anonymity = Anonymity::of_invite(request, trunk);
                Ok((leg, body, exchange))
            }
            Err(misfit) => {
                media.close(work);
                Err(misfit)
            }
        }
    }
}

/// Why it cannot.
pub(super) struct Misfit {
    status: Status,
    cause: Cause,
    warning: Option<String>,
}

impl From<Cause> for Misfit {
    fn from(cause: Cause) -> Self {
        Misfit { status: cause.status(), cause, warning: None }
    }
}

impl Established {
    /// See [`super::super::call::Call::replaceable`].
    pub(in crate::call) fn replaceable(
        &self,
        common: &Common,
        key: &DialogKey,
        trunk: TrunkId,
        extent: Extent,
    ) -> Result<Side, Status> {
        let side = [Side::Caller, Side::Callee].into_iter().find(|&side| self.leg(common, side).key() == *key);
        let Some(side) = side else { return self.new_party_replaceable(key, trunk) };
        let leg = self.leg(common, side);
        if leg.trunk.id != trunk {
            Err(Status::FORBIDDEN)
        } else if extent == Extent::EarlyOnly {
            Err(Status::BUSY_HERE)
        } else if leg.is_over() {
            Err(Status::DECLINE)
        } else {
            Ok(side)
        }
    }

    /// Its sender waits until nothing is being agreed in the call (RFC 3264 4).
    pub(super) fn replacing(
        mut self: Box<Self>,
        common: &mut Common,
        replacement: Box<Replacement>,
        work: &mut Work<'_>,
    ) -> State {
        if self.rings_for(&replacement) {
            return self.new_party_picked_up(common, &replacement, work);
        }
        let busy = self.moves.transfer.is_some() || self.moves.entering.is_some();
        let circling = self.moves.count >= CALL_TRANSFERS;
        if circling {
            Bound::CallTransfers.reached();
        }
        self.moves.count += 1;
        let kind = TransferKind::Replaces;
        work.out.push(Effect::Event(CallEvent::TransferBegan { call: common.ledger.id(), kind }));
        if busy || circling {
            let cause = if circling { Cause::Loop } else { Cause::Pending };
            self.refused(common, &replacement, cause.into(), work);
        } else {
            self.moves.entering = Some(replacement);
        }
        State::Established(self)
    }

    /// Its sender gave up.
    pub(super) fn replacement_cancelled(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        self.refuse_replacement(common, Cause::CallerCancelled, work);
        State::Established(self)
    }

    /// The INVITE that waits is answered with a failure, if there is one.
    pub(super) fn refuse_replacement(&mut self, common: &mut Common, cause: Cause, work: &mut Work<'_>) {
        if let Some(replacement) = self.moves.entering.take() {
            self.refused(common, &replacement, cause.into(), work);
        }
    }

    fn refused(&mut self, common: &mut Common, replacement: &Replacement, misfit: Misfit, work: &mut Work<'_>) {
        let by = Arc::clone(&self.leg(common, replacement.side).trunk.name);
        replacement.refused(common, by, misfit, work);
    }

    /// The INVITE is answered and its sender joined with the party that stays.
    pub(super) fn enter(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let Some(replacement) = self.moves.entering.take() else { return State::Established(self) };
        let side = replacement.side;
        if !work.supply.enter(work.now.instant, &replacement.trunk) {
            self.refused(common, &replacement, Cause::TooManyCalls.into(), work);
            return State::Established(self);
        }
        match self.new_leg(common, &replacement, work) {
            Ok((mut leg, body, exchange)) => {
                work.out.push(Effect::DialogOpened { key: leg.key(), side });
                leg.accept(&replacement.invite, &body, work);
                let by = Arc::clone(&self.leg(common, side).trunk.name);
                note_end(common, replacement.exchanged(work), by, Some(&leg), Cause::Replaced, work);
                if let Ok((number, user)) = screening::called(&replacement.request.from.uri) {
                    common.numbers.renamed(side, number, user);
                }
                self.take_place(common, side, leg, None, Cause::Replaced, work);
                self.exchange = exchange;
                self.must_settle(side);
                self.proceed(common, work)
            }
            Err(misfit) => {
                work.supply.leave(&replacement.trunk);
                self.refused(common, &replacement, misfit, work);
                State::Established(self)
            }
        }
    }

    /// What it comes into the call with.
    pub(super) fn new_leg(
        &self,
        common: &Common,
        replacement: &Replacement,
        work: &mut Work<'_>,
    ) -> Result<(Leg, Bytes, Exchange), Misfit> {
        let staying = &self.leg(common, replacement.side.other()).media.media;
        let plan = staying.plan_for_newcomer().ok_or(Cause::MediaRefused)?;
        replacement.leg(common, (staying.lease().worker, &plan), work)
    }
}

/// The answer to its offer, or the offer it did not write itself.
fn described(media: &mut MediaEnd, offer: &Bytes, plan: &AudioPlan, side: Side) -> Result<(Bytes, Exchange), Misfit> {
    let described = if offer.is_empty() {
        media.media.write_offer(plan).map(|body| (body, Exchange::AwaitingAnswer(side)))
    } else {
        let offer = media.media.read_offer(offer);
        offer.and_then(|offer| media.media.write_answer(&offer, plan)).map(|body| (body, Exchange::Idle))
    };
    described.map_err(|refusal| {
        let (status, warning) = media_refusal(refusal);
        Misfit { status, cause: Cause::MediaRefused, warning }
    })
}
