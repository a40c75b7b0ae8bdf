//! A call that is over for its parties: answers to BYE and CANCEL and the relay's counts are awaited.

use super::call::{CallInput, CallTimer, Common, State};
use super::cause::Cause;
use super::compose;
use super::effect::{Branch, Effect, Work};
use super::event::CallEvent;
use super::leg::Leg;
use super::media_end::MediaEnd;
use super::proof::is_challenge;
use super::record::{EndedBy, Side};
use crate::base::ids::TransactionId;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Response, ResponseHead, Status};

/// See the module.
#[derive(Debug)]
pub(super) struct Releasing {
    callee: Option<Box<Leg>>,
}

impl Releasing {
    /// Closes the media of both legs and starts the guard timer. The legs' dialogs are being ended by the caller of this.
    pub fn begin(
        common: &mut Common,
        mut callee: Option<Box<Leg>>,
        cause: Cause,
        by: EndedBy,
        work: &mut Work<'_>,
    ) -> State {
        common.ended(callee.as_deref(), cause, by, work);
        common.caller.media.close(work);
        if let Some(callee) = &mut callee {
            callee.media.close(work);
        }
        State::Releasing(Box::new(Releasing { callee }))
    }

    pub fn callee(&self) -> Option<&Leg> {
        self.callee.as_deref()
    }

    /// True when nothing is awaited any more.
    pub fn is_done(&self, common: &Common) -> bool {
        common.caller.is_done()
            && self.callee.as_deref().is_none_or(Leg::is_done)
            && common.losers.is_empty()
            && common.departing.is_empty()
            && common.tried.as_ref().is_none_or(|media| media.is_gone())
    }

    /// Writes the record and lets the dialogs go.
    pub fn end(&self, common: &mut Common, work: &mut Work<'_>) {
        work.out.push(Effect::DialogClosed { key: common.caller.key() });
        if let Some(callee) = &self.callee {
            work.out.push(Effect::DialogClosed { key: callee.key() });
        }
        let callee = self.callee.as_ref().map(|leg| &leg.media).or(common.tried.as_deref());
        let callee = callee.map(MediaEnd::counts).unwrap_or_default();
        let record = common.ledger.close(common.caller.media.counts(), callee);
        work.out.push(Effect::Event(CallEvent::Ended(record)));
    }

    fn leg<'a>(&'a mut self, common: &'a mut Common, side: Side) -> Option<&'a mut Leg> {
        match side {
            Side::Caller => Some(&mut common.caller),
            Side::Callee => self.callee.as_deref_mut(),
        }
    }

    /// Handles one input.
    pub fn handle(mut self: Box<Self>, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> State {
        match input {
            CallInput::Request { side, transaction, request, flow } => {
                self.request(common, side, transaction, &request, flow, work);
            }
            CallInput::Ack { side, request } => {
                if let Some(leg) = self.leg(common, side) {
                    leg.acknowledged(request.cseq.number, work);
                }
            }
            CallInput::Response { side, branch, response, flow } => {
                self.response(common, side, &branch, &response, flow, work);
            }
            CallInput::Failed { side, branch, .. } => {
                if !common.loser_failed(&branch)
                    && let Some(leg) = self.leg(common, side)
                {
                    leg.bye_done(&branch);
                    leg.unanswered(&branch);
                }
            }
            CallInput::MediaClosed { endpoint, counts } => {
                common.tried_closed(endpoint, &counts);
                let caller = &mut common.caller;
                for leg in [Some(caller), self.callee.as_deref_mut()].into_iter().flatten() {
                    if leg.media.endpoint() == endpoint {
                        leg.media.closed(&counts);
                    }
                }
            }
            // It came too late for the call it was asked into.
            CallInput::Joined(Ok(leg)) => common.departing.dismiss(*leg, Cause::Transferred, work),
            CallInput::Replacing(replacement) => {
                let (cause, tag) = (Cause::DialogLost, work.token(10));
                let own = replacement.own(&common.whose);
                let bytes = compose::refusal_with(Status::DECLINE, cause, &replacement.invite.head, (&tag, &own), None);
                let transaction = replacement.invite.transaction;
                work.out.push(Effect::Respond { transaction, status: Status::DECLINE, bytes });
            }
            CallInput::Joined(Err(_))
            | CallInput::WayLost { .. }
            | CallInput::Presence { .. }
            | CallInput::Digit { .. }
            | CallInput::Cancelled { .. }
            | CallInput::Resolved(_)
            | CallInput::HangUp(_) => {}
        }
        State::Releasing(self)
    }

    fn response(
        &mut self,
        common: &mut Common,
        side: Side,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) {
        let to_invite = response.cseq.method == Method::Invite;
        if to_invite && common.loser_response(branch, response, flow, work) {
            return;
        }
        let Some(leg) = self.leg(common, side) else { return };
        if to_invite {
            leg.answered(branch, response.status, work);
            if response.status.is_success() {
                // RFC 5407 3.2.3: it crossed our BYE, and its sender repeats it until the ACK.
                leg.acknowledge(branch, response.cseq.number, work);
            }
        } else if is_challenge(response) && leg.prove(branch, response, flow, work).is_some() {
            // The BYE went again, with credentials.
        } else if response.status.is_final() {
            leg.bye_done(branch);
        }
    }

    /// BYE crossing BYE is answered 200; everything else is too late.
    fn request(
        &mut self,
        common: &mut Common,
        side: Side,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        work: &mut Work<'_>,
    ) {
        let Some(leg) = self.leg(common, side) else { return };
        let in_order = leg.dialog.check_request(&request.cseq).is_ok();
        let status = match request.method {
            // RFC 3261 12.2.2.
            _ if !in_order => Status::SERVER_INTERNAL_ERROR,
            Method::Bye => Status::OK,
            Method::Prack => leg.late_prack(request),
            _ => Status::CALL_DOES_NOT_EXIST,
        };
        let head = ResponseHead::new(request, flow.remote);
        let bytes = compose::plain_response(status, &head, None, Some(&leg.own));
        work.out.push(Effect::Respond { transaction, status, bytes });
        if request.method == Method::Bye && in_order {
            leg.is_over_now();
        }
    }

    /// A 2xx of ours that still lacks its ACK goes again; after 64*T1 the BYE that waited for it goes.
    pub fn retransmissions(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        for leg in [Some(&mut common.caller), self.callee.as_deref_mut()].into_iter().flatten() {
            if leg.timeout(work) {
                leg.end_without_ack(Cause::NoAck, work);
            }
        }
        State::Releasing(self)
    }

    /// The guard fired: what has not been answered by now never will be.
    pub fn timer(mut self: Box<Self>, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> State {
        match timer {
            CallTimer::ReleaseGuard => {
                for invite in common.losers.drain(..) {
                    work.out.push(Effect::Abandon { branch: invite.branch });
                }
                common.departing.forget(work);
                common.tried = None;
                common.caller.forget(work);
                if let Some(callee) = &mut self.callee {
                    callee.forget(work);
                }
            }
            CallTimer::NoResponse
            | CallTimer::NoAnswer
            | CallTimer::Ringing
            | CallTimer::Expires
            | CallTimer::Progress
            | CallTimer::Exchange
            | CallTimer::Again
            | CallTimer::MaxDuration => {}
        }
        State::Releasing(self)
    }
}
