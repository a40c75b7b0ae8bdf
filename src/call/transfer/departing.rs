//! Legs that another party has taken the place of: they hear how the transfer ended, and end; the call goes on.

use std::time::Duration;

use super::reports::{Heard, Reports};
use crate::base::Instant;
use crate::base::ids::TransactionId;
use crate::call::call::CallInput;
use crate::call::cause::Cause;
use crate::call::compose;
use crate::call::effect::{Branch, Effect, Work};
use crate::call::ledger::Ledger;
use crate::call::leg::Leg;
use crate::call::proof::is_challenge;
use crate::dialog::DialogKey;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Response, ResponseHead, Status};

/// One that leaves.
#[derive(Debug)]
struct Leaver {
    leg: Leg,
    /// What it still hears of its REFER.
    reports: Option<Reports>,
    /// It ends its leg itself until then, and is ended after that.
    until: Option<Instant>,
    cause: Cause,
    /// Index of the transfer in the call's record.
    transfer: Option<usize>,
}

/// All of them, at most `CALL_TRANSFERS`.
#[derive(Debug, Default)]
pub struct Departing {
    leavers: Vec<Leaver>,
}

impl Departing {
    /// A leg leaves. With `reports` it is waited for until `until`; without it is ended now.
    pub fn add(
        &mut self,
        mut leg: Leg,
        reports: Option<Reports>,
        until: Instant,
        cause: Cause,
        ledger: &mut Ledger,
        work: &mut Work<'_>,
    ) {
        let waited_for = reports.is_some() && !leg.is_over();
        leg.media.close(work);
        if !waited_for {
            leg.end(cause, work);
        }
        let transfer = ledger.transfers().checked_sub(1);
        self.leavers.push(Leaver { leg, reports, until: waited_for.then_some(until), cause, transfer });
        self.sweep(ledger, work);
    }

    /// A party that answered and never came into the call is hung up.
    pub fn dismiss(&mut self, mut leg: Leg, cause: Cause, work: &mut Work<'_>) {
        leg.media.close(work);
        leg.end(cause, work);
        self.leavers.push(Leaver { leg, reports: None, until: None, cause, transfer: None });
    }

    /// Handles what belongs to one of these legs; anything else comes back.
    pub fn handle(&mut self, input: CallInput, ledger: &mut Ledger, work: &mut Work<'_>) -> Option<CallInput> {
        let place = self.leavers.iter().position(|leaver| leaver.concerns(&input));
        let Some(leaver) = place.and_then(|place| self.leavers.get_mut(place)) else { return Some(input) };
        leaver.handle(input, work);
        self.sweep(ledger, work);
        None
    }

    /// When [`Departing::timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Instant> {
        let times = self.leavers.iter().flat_map(|leaver| [leaver.until, leaver.leg.next_timeout()]);
        times.flatten().min()
    }

    /// Ends who has stayed too long, and repeats a 200 that lacks its ACK.
    pub fn timeout(&mut self, ledger: &mut Ledger, work: &mut Work<'_>) {
        for leaver in &mut self.leavers {
            if leaver.until.is_some_and(|until| until <= work.now.instant) {
                leaver.end(work);
            }
            if leaver.leg.timeout(work) {
                leaver.leg.end_without_ack(Cause::NoAck, work);
            }
        }
        self.sweep(ledger, work);
    }

    /// The call is over: nobody is waited for.
    pub fn end_all(&mut self, work: &mut Work<'_>) {
        self.leavers.iter_mut().for_each(|leaver| leaver.end(work));
    }

    /// The guard's last resort.
    pub fn forget(&mut self, work: &mut Work<'_>) {
        for mut leaver in self.leavers.drain(..) {
            leaver.leg.forget(work);
            work.out.push(Effect::DialogClosed { key: leaver.leg.key() });
        }
    }

    /// True when nobody is left.
    pub fn is_empty(&self) -> bool {
        self.leavers.is_empty()
    }

    /// The largest T1 of those that leave.
    pub fn slowest(&self) -> Duration {
        self.leavers.iter().map(|leaver| leaver.leg.trunk.timers.t1).max().unwrap_or_default()
    }

    /// Lets go of those that are done: their dialog, their place on the trunk; the record gets their counts.
    fn sweep(&mut self, ledger: &mut Ledger, work: &mut Work<'_>) {
        let (done, staying) = std::mem::take(&mut self.leavers).into_iter().partition(|leaver| leaver.leg.is_done());
        self.leavers = staying;
        let done: Vec<Leaver> = done;
        for leaver in done {
            work.out.push(Effect::DialogClosed { key: leaver.leg.key() });
            work.supply.leave(&leaver.leg.trunk);
            if let Some(transfer) = leaver.transfer {
                ledger.left(transfer, leaver.leg.media.counts());
            }
        }
    }
}

impl Leaver {
    fn concerns(&self, input: &CallInput) -> bool {
        let key = self.leg.key();
        match input {
            CallInput::Request { request, .. } | CallInput::Ack { request, .. } => {
                DialogKey::of_request(request).is_some_and(|of| of == key)
            }
            CallInput::Response { branch, .. } | CallInput::Failed { branch, .. } => {
                self.leg.awaits(branch) || self.reports.as_ref().is_some_and(|reports| reports.awaits(branch))
            }
            CallInput::MediaClosed { endpoint, .. } => self.leg.media.endpoint() == *endpoint,
            CallInput::Cancelled { .. }
            | CallInput::WayLost { .. }
            | CallInput::Resolved(_)
            | CallInput::Digit { .. }
            | CallInput::Presence { .. }
            | CallInput::Joined(_)
            | CallInput::Replacing(_)
            | CallInput::HangUp(_) => false,
        }
    }

    fn handle(&mut self, input: CallInput, work: &mut Work<'_>) {
        match input {
            CallInput::Request { transaction, request, flow, .. } => self.request(transaction, &request, flow, work),
            CallInput::Ack { request, .. } => {
                self.leg.acknowledged(request.cseq.number, work);
            }
            CallInput::Response { branch, response, flow, .. } => self.response(&branch, &response, flow, work),
            CallInput::Failed { branch, .. } => {
                self.reported(&branch, None, work);
                self.leg.bye_done(&branch);
                self.leg.unanswered(&branch);
            }
            CallInput::MediaClosed { counts, .. } => self.leg.media.closed(&counts),
            CallInput::Cancelled { .. }
            | CallInput::WayLost { .. }
            | CallInput::Resolved(_)
            | CallInput::Digit { .. }
            | CallInput::Presence { .. }
            | CallInput::Joined(_)
            | CallInput::Replacing(_)
            | CallInput::HangUp(_) => {}
        }
    }

    /// Its BYE is what is waited for; for everything else there is no session any more.
    fn request(&mut self, transaction: TransactionId, request: &Request, flow: Flow, work: &mut Work<'_>) {
        let status = if request.method == Method::Bye { Status::OK } else { Status::CALL_DOES_NOT_EXIST };
        let head = ResponseHead::new(request, flow.remote);
        let bytes = compose::plain_response(status, &head, None, Some(&self.leg.own));
        work.out.push(Effect::Respond { transaction, status, bytes });
        if request.method == Method::Bye {
            self.until = None;
            self.leg.is_over_now();
        }
    }

    fn response(&mut self, branch: &Branch, response: &Response, flow: Flow, work: &mut Work<'_>) {
        if response.cseq.method == Method::Invite {
            self.leg.answered(branch, response.status, work);
            if response.status.is_success() {
                // RFC 5407 3.2.3: it crossed our BYE.
                self.leg.acknowledge(branch, response.cseq.number, work);
            }
        } else if is_challenge(response) && self.leg.prove(branch, response, flow, work).is_some() {
            // The BYE went again, with credentials.
        } else if is_challenge(response) && self.proves_report(branch, response, flow, work) {
            // So did the NOTIFY.
        } else if response.status.is_final() {
            self.reported(branch, Some(response.status), work);
            self.leg.bye_done(branch);
        }
    }

    fn proves_report(&mut self, branch: &Branch, response: &Response, flow: Flow, work: &mut Work<'_>) -> bool {
        let Leaver { leg, reports, .. } = self;
        reports.as_mut().is_some_and(|reports| reports.prove(branch, response, flow, leg, work))
    }

    /// MD-147: a transferor that knows ends its leg itself; one that does not is ended.
    fn reported(&mut self, branch: &Branch, status: Option<Status>, work: &mut Work<'_>) {
        let Some(reports) = &mut self.reports else { return };
        match reports.answered(branch, status, &mut self.leg, work) {
            Some(Heard::Lost) => self.end(work),
            Some(Heard::Going | Heard::All) | None => {}
        }
    }

    fn end(&mut self, work: &mut Work<'_>) {
        self.until = None;
        self.leg.end(self.cause, work);
    }
}
