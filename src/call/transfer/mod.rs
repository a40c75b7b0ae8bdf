//! A party of an answered call is exchanged for another: REFER, blind or with Replaces (RFC 3515, RFC 5589), and INVITE
//! with Replaces (RFC 3891); and a call that is redirected before its answer (RFC 3261 8.1.3.4).
//!
//! Every exchange ends in one step, `take_place` in [`arrival`]: a new leg stands where the old one stood, media is
//! joined anew, the old leg goes to [`departing`]. The leg that stays keeps its port, its key and its SSRC (MD-126), and
//! hears a re-INVITE only when its description must change (MD-150). Obeyed: MD-138 to MD-155 but for what belongs to a
//! profile, PF-80, PF-150. Assumed: one exchange at a time in one call; what comes meanwhile is answered 491.

mod arrival;
mod departing;
mod joining;
mod passing;
mod picking_up;
mod redirect;
mod referral;
mod replacing;
mod reports;
mod seeking;
mod waiting;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::call::{CallInput, CallTimer, Common, State};
use super::cause::Cause;
use super::effect::{Branch, Effect, Work};
use super::established::Established;
use super::event::CallEvent;
use super::exchange::Exchange;
use super::leg::Leg;
use super::proof::is_challenge;
use super::record::{Entered, LegMediaCounts, Side, TransferKind, TransferRecord, Written, user_of};
use crate::base::ids::TransactionId;
use crate::base::{Instant, WallTime};
use crate::dialog::refer::{self, Refer};
use crate::dialog::{DialogKey, Role};
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Status};

pub use departing::Departing;
pub use joining::Unjoined;
pub(super) use redirect::Diverted;
pub use replacing::Replacement;

use passing::{Passing, Subscriptions};
use reports::Reports;
use seeking::Seeking;

/// Everything about exchanges of parties that an answered call has in hand.
#[derive(Debug, Default)]
pub(super) struct Moves {
    transfer: Option<Box<Transfer>>,
    /// INVITE with Replaces that waits for an exchange to be over.
    entering: Option<Box<Replacement>>,
    /// Who must still be asked, by a re-INVITE, to talk to its new partner.
    unsettled: Vec<Side>,
    fit: Fit,
    /// What transferors are still told.
    reports: Vec<(Side, Reports)>,
    passing: Passing,
    /// REFERs and replacements so far.
    count: u32,
    /// Sides that have sent REFER before: further ones are told apart by their number.
    referred: Vec<Side>,
}

/// Whether parties that were joined are known to speak a common codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fit {
    #[default]
    Proven,
    /// They were joined, and are still being asked.
    Open,
}

/// What a checkpoint keeps of the exchanges of parties: those that are over.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptMoves {
    count: u32,
    referred: Vec<Side>,
    subscriptions: Subscriptions,
}

impl Moves {
    /// `None` while one is in hand.
    pub fn kept(&self) -> Option<KeptMoves> {
        let waits = self.transfer.is_some() || self.entering.is_some();
        let is_settled = self.unsettled.is_empty() && self.fit == Fit::Proven;
        let is_idle = !waits && is_settled && self.reports.is_empty();
        let subscriptions = self.passing.kept().filter(|_| is_idle)?;
        Some(KeptMoves { count: self.count, referred: self.referred.clone(), subscriptions })
    }

    /// As it was kept.
    pub fn restored(kept: KeptMoves) -> Moves {
        let passing = Passing::restored(kept.subscriptions);
        Moves { passing, count: kept.count, referred: kept.referred, ..Moves::default() }
    }
}

/// A transfer under way.
#[derive(Debug)]
struct Transfer {
    kind: TransferKind,
    /// Whose place is to be taken.
    by: Side,
    refer: Refer,
    /// The number that Refer-To names, as the transferor's trunk reads it.
    asked: String,
    began: WallTime,
    /// The last the new party let us hear of its ringing.
    rings: Option<Status>,
    stage: Stage,
}

/// A request inside the call.
struct Asked {
    side: Side,
    transaction: TransactionId,
    request: Box<Request>,
    flow: Flow,
}

#[derive(Debug)]
enum Stage {
    /// The new party is being called.
    Seeking(Box<Seeking>),
    /// A party of another call is asked for; so often it was busy.
    Joining { tries: u32 },
    /// It answered, and an exchange between the old parties must end first.
    Arrived(Box<Leg>),
}

/// What became of an input.
pub(super) enum Turn {
    Done(State),
    /// It has nothing to do with a transfer.
    Left(Box<Established>, CallInput),
}

/// What a request inside the call is to its transfers.
enum Part {
    Refer,
    Report,
    /// The transferor says BYE while the new party is sought.
    LeftEarly,
    /// The transferee, whose partner has left, sends INVITE.
    Alone,
    /// The new party, whose place is not free yet.
    Arrived,
    /// The new party before its answer.
    Sought,
    Other,
}

impl Established {
    /// Handles an input that concerns an exchange of parties; anything else comes back.
    pub(super) fn moved(mut self: Box<Self>, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> Turn {
        Turn::Done(match input {
            CallInput::Request { side, transaction, request, flow } => {
                return self.moved_by(common, Asked { side, transaction, request, flow }, work);
            }
            CallInput::Response { branch, response, flow, .. } if self.seeks(&branch) => {
                self.sought(common, work, |seeking, common, work| seeking.response(common, &response, flow, work))
            }
            CallInput::Response { branch, response, flow, .. } if response.cseq.method == Method::Prack => {
                if let Some(Stage::Seeking(seeking)) = self.moves.transfer.as_mut().map(|transfer| &mut transfer.stage)
                {
                    seeking.prack_answered(&branch, &response, flow, work);
                }
                State::Established(self)
            }
            CallInput::Failed { branch, cause, .. } if self.seeks(&branch) => {
                self.sought(common, work, |seeking, common, work| seeking.failed(common, cause, work))
            }
            CallInput::WayLost { branch } if self.seeks(&branch) => {
                self.sought(common, work, |seeking, common, work| seeking.way_lost(common, work))
            }
            CallInput::Resolved(resolution) => {
                self.sought(common, work, |seeking, common, work| seeking.resolved(common, resolution, work))
            }
            CallInput::Response { branch, response, flow, .. } if self.reports_by(&branch) => {
                if is_challenge(&response) && self.proves_report(common, &branch, &response, flow, work) {
                    return Turn::Done(State::Established(self));
                }
                self.reported(common, &branch, Some(response.status), work)
            }
            CallInput::Failed { branch, .. } if self.reports_by(&branch) => self.reported(common, &branch, None, work),
            CallInput::Response { branch, response, flow, .. } if self.moves.passing.awaits(&branch) => {
                if is_challenge(&response) && self.proves_passed(common, &branch, &response, flow, work) {
                    return Turn::Done(State::Established(self));
                }
                self.passed(common, &branch, response.status, work)
            }
            CallInput::Failed { branch, .. } if self.moves.passing.awaits(&branch) => {
                self.passed(common, &branch, Status::REQUEST_TIMEOUT, work)
            }
            CallInput::MediaClosed { endpoint, counts } => {
                let legs = [&mut common.caller, &mut self.callee].into_iter();
                legs.filter(|leg| leg.media.endpoint() == endpoint).for_each(|leg| leg.media.closed(&counts));
                State::Established(self)
            }
            CallInput::Joined(answer) => self.joined(common, answer, work),
            CallInput::Replacing(replacement) => self.replacing(common, replacement, work),
            CallInput::Cancelled { transaction, .. } if self.enters_by(transaction) => {
                self.replacement_cancelled(common, work)
            }
            input @ (CallInput::Response { .. }
            | CallInput::Failed { .. }
            | CallInput::WayLost { .. }
            | CallInput::Cancelled { .. }
            | CallInput::Ack { .. }
            | CallInput::Digit { .. }
            | CallInput::Presence { .. }
            | CallInput::HangUp(_)) => return Turn::Left(self, input),
        })
    }

    fn moved_by(self: Box<Self>, common: &mut Common, asked: Asked, work: &mut Work<'_>) -> Turn {
        Turn::Done(match self.part(common, &asked) {
            Part::Refer => self.referred(common, asked, work),
            Part::Report => self.report_passes(common, asked, work),
            Part::LeftEarly => self.transferor_left(common, asked, work),
            Part::Alone => self.invited_alone(common, asked, work),
            Part::Arrived => self.arrived_said(common, asked, work),
            Part::Sought => self.sought_said(common, &asked, work),
            Part::Other => {
                let Asked { side, transaction, request, flow } = asked;
                return Turn::Left(self, CallInput::Request { side, transaction, request, flow });
            }
        })
    }

    fn part(&self, common: &Common, asked: &Asked) -> Part {
        let key = DialogKey::of_request(&asked.request);
        let is_leaving = self.leaving() == Some(asked.side);
        match (&self.stage(), &asked.request.method) {
            (Some(Stage::Arrived(leg)), _) if Some(leg.key()) == key => Part::Arrived,
            (Some(Stage::Seeking(seeking)), _) if key.as_ref().is_some_and(|key| seeking.rings_in(key)) => Part::Sought,
            (_, Method::Refer) => Part::Refer,
            (_, Method::Notify) if refer::is_report(&asked.request) => Part::Report,
            (Some(_), Method::Bye) if is_leaving => Part::LeftEarly,
            (Some(_), Method::Invite | Method::Update)
                if !is_leaving && self.leg(common, asked.side.other()).is_over() =>
            {
                Part::Alone
            }
            _ => Part::Other,
        }
    }

    fn stage(&self) -> Option<&Stage> {
        self.moves.transfer.as_ref().map(|transfer| &transfer.stage)
    }

    fn seeks(&self, branch: &Branch) -> bool {
        matches!(self.stage(), Some(Stage::Seeking(seeking)) if seeking.awaits(branch))
    }

    fn reports_by(&self, branch: &Branch) -> bool {
        self.moves.reports.iter().any(|(_, reports)| reports.awaits(branch))
    }

    fn enters_by(&self, transaction: TransactionId) -> bool {
        self.moves.entering.as_ref().is_some_and(|entering| entering.invite.transaction == transaction)
    }

    /// Whose place is to be taken, if a transfer is under way.
    fn leaving(&self) -> Option<Side> {
        self.moves.transfer.as_ref().map(|transfer| transfer.by)
    }

    /// The leg of `side`.
    fn leg<'a>(&'a self, common: &'a Common, side: Side) -> &'a Leg {
        match side {
            Side::Caller => &common.caller,
            Side::Callee => &self.callee,
        }
    }

    /// A timer that is only set while a new party is sought.
    pub(super) fn transfer_timer(self: Box<Self>, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> State {
        if matches!(self.stage(), Some(Stage::Joining { .. })) {
            return self.ask_for_party(common, work);
        }
        self.sought(common, work, |seeking, common, work| seeking.timed_out(common, timer, work))
    }

    /// When the first request that crosses for a transfer must be answered.
    pub(super) fn passed_until(&self) -> Option<Instant> {
        self.moves.passing.until()
    }

    /// Those that took too long are answered.
    pub(super) fn passed_too_long(&mut self, work: &mut Work<'_>) {
        self.moves.passing.too_long(work);
    }

    /// What had to wait for an exchange to end happens now. Called after everything that may have ended one.
    pub(super) fn proceed(self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        if !matches!(self.exchange, Exchange::Idle) {
            return State::Established(self);
        }
        if matches!(self.stage(), Some(Stage::Arrived(_))) {
            return self.arrived_takes_place(common, Exchange::Idle, work);
        }
        if self.moves.entering.is_some() {
            return self.enter(common, work);
        }
        self.settle_parties(common, work)
    }

    /// The call ends: nobody new comes into it, and its transferors hear so.
    pub(super) fn give_up_moves(&mut self, common: &mut Common, cause: Cause, work: &mut Work<'_>) {
        self.refuse_replacement(common, Cause::DialogLost, work);
        self.moves.passing.refuse_all(work);
        let Some(transfer) = self.moves.transfer.take() else { return };
        let cause = if cause == Cause::NormalClearing { Cause::CallerCancelled } else { cause };
        self.report(common, transfer.by, cause.status(), work);
        let by = Arc::clone(&self.leg(common, transfer.by).trunk.name);
        note_end(common, transfer.exchanged(), by, None, cause, work);
        match transfer.stage {
            Stage::Seeking(seeking) => seeking.give_up(common, cause, work),
            Stage::Joining { .. } => common.timers.stop(CallTimer::NoResponse),
            Stage::Arrived(leg) => common.departing.dismiss(*leg, cause, work),
        }
    }
}

/// One exchange as the record knows it.
struct Exchanged {
    kind: TransferKind,
    side: Side,
    asked: String,
    began: WallTime,
}

impl Transfer {
    fn exchanged(&self) -> Exchanged {
        Exchanged { kind: self.kind, side: self.by, asked: self.asked.clone(), began: self.began }
    }
}

/// Writes into the record how an exchange ended, and tells the world. `by`: trunk of the leg on that side; `to`: the new
/// party's leg.
fn note_end(
    common: &mut Common,
    exchanged: Exchanged,
    by: Arc<str>,
    to: Option<&Leg>,
    cause: Cause,
    work: &mut Work<'_>,
) {
    let record = TransferRecord {
        kind: exchanged.kind,
        side: exchanged.side,
        by,
        asked: exchanged.asked,
        to: to.map(|leg| Arc::clone(&leg.trunk.name)),
        call_id: to.map(|leg| String::from_utf8_lossy(leg.dialog.call_id()).into_owned()),
        began: exchanged.began,
        ended: work.now.wall,
        cause,
        media: LegMediaCounts::default(),
        entered: to.map(|leg| Box::new(entered(leg))),
    };
    common.ledger.transfer(record.clone());
    work.out.push(Effect::Event(CallEvent::TransferEnded { call: common.ledger.id(), transfer: Box::new(record) }));
}

/// What the record says of a new party's leg. Whoever began its dialog is the calling one.
fn entered(leg: &Leg) -> Entered {
    let (local, remote) = (user_of(leg.dialog.local()), user_of(leg.dialog.remote()));
    let (calling, called) = match leg.dialog.role() {
        Role::Uac => (local, remote),
        Role::Uas => (remote, local),
    };
    let written = Written { calling, called };
    Entered { address: leg.heard_from(), policy: Arc::clone(&leg.trunk.policy), written }
}
