//! REFER with Replaces that names a dialog of ours: the party behind it is taken out of its call and joined with the
//! transferee here, with no INVITE sent to anybody (PF-150, RFC 5589 7). A party that only rings is waited for until it
//! answers or its call ends; that call's own `no_answer_s` bounds the wait, and its cause is what the transferor hears.
//! Assumed: a transferor that takes its ringing call back wants no third one placed for it; it hears 487, and the parties
//! talk on.

use std::time::Duration;

use super::Stage;
use crate::base::ids::TrunkId;
use crate::call::call::{CallTimer, Common, State};
use crate::call::cause::Cause;
use crate::call::effect::{Effect, Work};
use crate::call::established::{Established, by};
use crate::call::exchange::Exchange;
use crate::call::leg::Leg;
use crate::call::record::Side;
use crate::call::releasing::Releasing;
use crate::dialog::DialogKey;
use crate::sip::Status;

/// How long a party that rings or is in an exchange is waited for; how often for one in an exchange.
const PAUSE: Duration = Duration::from_millis(500);
const TRIES: u32 = 20;

/// Why a party of another call cannot come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unjoined {
    /// The dialog is none of ours: the party is called with Replaces.
    Foreign,
    /// It is of this very call.
    Itself,
    /// It belongs to another trunk.
    NotAllowed,
    /// It is over, or its caller may not be asked for.
    NotTalking,
    /// It is not answered yet.
    Ringing,
    /// It rang, and its call is over without an answer.
    Unanswered(Cause),
    /// Something is being agreed in it.
    Busy,
}

impl Established {
    /// Asks for the party behind the dialog that Refer-To names.
    pub(super) fn ask_for_party(self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let Some(transfer) = &self.moves.transfer else { return State::Established(self) };
        let Some(replaces) = &transfer.refer.replaces else { return self.seek(common, work) };
        // RFC 3891 3: the tags are written as the INVITE's receiver knows them, so To is ours.
        let key = DialogKey::new(&replaces.call_id, &replaces.to_tag, &replaces.from_tag);
        let trunk = self.leg(common, transfer.by).trunk.id;
        work.out.push(Effect::Join { key, side: transfer.by, trunk });
        State::Established(self)
    }

    /// The party has come, or not.
    pub(super) fn joined(
        mut self: Box<Self>,
        common: &mut Common,
        answer: Result<Box<Leg>, Unjoined>,
        work: &mut Work<'_>,
    ) -> State {
        let Some(transfer) = &mut self.moves.transfer else {
            if let Ok(leg) = answer {
                common.departing.dismiss(*leg, Cause::Transferred, work);
            }
            return State::Established(self);
        };
        match (answer, &mut transfer.stage) {
            (Ok(leg), stage) => {
                *stage = Stage::Arrived(leg);
                State::Established(self)
            }
            (Err(Unjoined::Busy), Stage::Joining { tries }) if *tries < TRIES => {
                *tries += 1;
                common.timers.set(CallTimer::NoResponse, work.now.instant + PAUSE);
                State::Established(self)
            }
            (Err(Unjoined::Ringing), _) => self.awaits_answer(common, work),
            // It rang, and its call is no more.
            (Err(Unjoined::Foreign), _) if transfer.rings.is_some() => {
                self.transfer_failed(common, Cause::NoSuchDialog, work)
            }
            (Err(Unjoined::Unanswered(cause)), Stage::Joining { .. }) => self.transfer_failed(common, cause, work),
            (Err(Unjoined::Unanswered(_)), Stage::Seeking(_) | Stage::Arrived(_)) => State::Established(self),
            (Err(Unjoined::Foreign), _) => self.seek(common, work),
            (Err(Unjoined::Busy), _) => self.transfer_failed(common, Cause::Pending, work),
            (Err(Unjoined::Itself), _) => self.transfer_failed(common, Cause::Loop, work),
            (Err(Unjoined::NotAllowed), _) => self.transfer_failed(common, Cause::NotAllowed, work),
            (Err(Unjoined::NotTalking), _) => self.transfer_failed(common, Cause::NoSuchDialog, work),
        }
    }

    /// The party rings: the transferor hears so, and it is asked for again a little later.
    fn awaits_answer(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        common.timers.set(CallTimer::NoResponse, work.now.instant + PAUSE);
        let Some(transfer) = &mut self.moves.transfer else { return State::Established(self) };
        if transfer.rings.replace(Status::RINGING).is_none() {
            let side = transfer.by;
            self.report(common, side, Status::RINGING, work);
            self.transferee_hears_ringing(common, work);
        }
        State::Established(self)
    }

    /// Whether the partner of the party with this dialog may leave this call: the dialog must be of `trunk`, nothing being
    /// agreed. Gives the side of the dialog.
    pub(in crate::call) fn may_yield(
        &self,
        common: &Common,
        key: &DialogKey,
        trunk: TrunkId,
    ) -> Result<Side, Unjoined> {
        let side = [Side::Caller, Side::Callee].into_iter().find(|&side| self.leg(common, side).key() == *key);
        let side = side.ok_or(Unjoined::NotTalking)?;
        let (near, far) = (self.leg(common, side), self.leg(common, side.other()));
        if near.trunk.id != trunk {
            Err(Unjoined::NotAllowed)
        } else if near.is_over() || far.is_over() {
            Err(Unjoined::NotTalking)
        } else if !matches!(self.exchange, Exchange::Idle) || self.moves.transfer.is_some() || far.awaits_ack() {
            Err(Unjoined::Busy)
        } else {
            Ok(side)
        }
    }

    /// The partner of the party on `side` leaves for another call; this call is over, and its transferor is told so.
    pub(in crate::call) fn yields(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        work: &mut Work<'_>,
    ) -> (State, Leg) {
        self.refuse_waiting(common, None, work);
        let (near, far) = self.legs(common, side);
        let leaving = far.clone();
        far.moved_away();
        near.end(Cause::Transferred, work);
        self.give_up_moves(common, Cause::Transferred, work);
        (Releasing::begin(common, Some(self.callee), Cause::Transferred, by(side), work), leaving)
    }
}
