//! An answered call: requests cross, are answered here, or are refused, by one table. What a re-INVITE does is in
//! `reinvite`.

use super::call::{CallInput, CallTimer, Common, State};
use super::cause::Cause;
use super::compose;
use super::digits::{InfoBody, read_info};
use super::effect::{Branch, Effect, Work};
use super::exchange::Exchange;
use super::leg::{Leg, Pending};
use super::proof::is_challenge;
use super::record::{EndedBy, Side};
use super::releasing::Releasing;
use super::transfer::{Moves, Turn};
use super::treatment::{Treatment, treatment};
use crate::base::ids::{EndpointId, TransactionId};
use crate::media::dtmf::HeardDigit;
use crate::route::media::TrunkDtmf;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Response, Status};

/// See the module.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) callee: Leg,
    pub(super) exchange: Exchange,
    /// Who must still be told what the other party said, once a glare is over.
    pub(super) untold: Option<Side>,
    /// Parties that are exchanged for others.
    pub(super) moves: Moves,
}

impl Established {
    pub fn new(callee: Leg, exchange: Exchange) -> Established {
        Established { callee, exchange, untold: None, moves: Moves::default() }
    }

    pub const fn callee(&self) -> &Leg {
        &self.callee
    }

    /// The leg of `side`, and the other one.
    pub(super) fn legs<'a>(&'a mut self, common: &'a mut Common, side: Side) -> (&'a mut Leg, &'a mut Leg) {
        match side {
            Side::Caller => (&mut common.caller, &mut self.callee),
            Side::Callee => (&mut self.callee, &mut common.caller),
        }
    }

    /// Handles one input.
    pub fn handle(self: Box<Self>, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> State {
        match self.moved(common, input, work) {
            Turn::Done(state) => state,
            Turn::Left(established, input) => established.handle_own(common, input, work),
        }
    }

    /// What has nothing to do with a transfer.
    fn handle_own(self: Box<Self>, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> State {
        match input {
            CallInput::Request { side, transaction, request, flow } => {
                self.request(common, side, transaction, &request, flow, work)
            }
            CallInput::Ack { side, request } => self.ack(common, side, &request, work),
            CallInput::Cancelled { transaction, .. } => self.cancelled(common, transaction, work),
            CallInput::Response { side, branch, response, flow } => {
                self.response(common, side, &branch, &response, flow, work)
            }
            CallInput::Failed { side, branch, cause } => self.failed(common, side, &branch, cause, work),
            CallInput::HangUp(cause) => self.hang_up(common, cause, EndedBy::Node, work),
            CallInput::Digit { endpoint, digit } => self.digit_pressed(common, endpoint, digit, work),
            CallInput::Presence { endpoint, change } => self.presence(common, endpoint, change, work),
            CallInput::Resolved(_) | CallInput::MediaClosed { .. } | CallInput::Joined(_) | CallInput::Replacing(_) => {
                State::Established(self)
            }
        }
    }

    fn request(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        transaction: TransactionId,
        request: &Request,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, _) = self.legs(common, side);
        let pending = Pending::new(transaction, request, flow);
        if leg.dialog.check_request(&request.cseq).is_err() {
            // RFC 3261 12.2.2: an old CSeq never ends a call (bye-old-cseq).
            respond(&pending, Status::SERVER_INTERNAL_ERROR, leg, work);
            return State::Established(self);
        }
        let status = match treatment(&request.method) {
            Treatment::Cross => return self.invited_again(common, side, pending, request, flow, work),
            Treatment::End => {
                // RFC 3261 table 2: the answer to a BYE names no Contact.
                let bytes = compose::plain_response(Status::OK, &pending.head, None);
                work.out.push(Effect::Respond { transaction: pending.transaction, status: Status::OK, bytes });
                return self.ended_by(common, side, work);
            }
            Treatment::Answer => Status::OK,
            Treatment::Digits => return self.digits(common, side, &pending, request, work),
            Treatment::Acknowledge => leg.late_prack(request),
            Treatment::Refuse => Status::METHOD_NOT_ALLOWED,
            Treatment::Unknown => Status::NOT_IMPLEMENTED,
        };
        respond(&pending, status, leg, work);
        State::Established(self)
    }

    /// INFO: a digit for the other party, from a trunk that sends its digits so.
    fn digits(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: &Pending,
        request: &Request,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, other) = self.legs(common, side);
        let (status, digit) = match (leg.media.media.dtmf(), read_info(request)) {
            (TrunkDtmf::Rfc4733 | TrunkDtmf::Inband, _) => (Status::METHOD_NOT_ALLOWED, None),
            (TrunkDtmf::Info, InfoBody::Digit(digit)) => (Status::OK, Some(digit)),
            (TrunkDtmf::Info, InfoBody::Nothing) => (Status::OK, None),
            (TrunkDtmf::Info, InfoBody::OtherType) => (Status::UNSUPPORTED_MEDIA_TYPE, None),
            (TrunkDtmf::Info, InfoBody::Malformed) => (Status::BAD_REQUEST, None),
        };
        respond(asked, status, leg, work);
        if let Some(digit) = digit {
            other.tell_digit(digit, work);
        }
        State::Established(self)
    }

    /// A party pressed a digit in its media, and the other party's trunk takes digits as INFO.
    fn digit_pressed(
        mut self: Box<Self>,
        common: &mut Common,
        endpoint: EndpointId,
        digit: HeardDigit,
        work: &mut Work<'_>,
    ) -> State {
        let by = if common.caller.media.endpoint() == endpoint { Side::Caller } else { Side::Callee };
        let (leg, other) = self.legs(common, by);
        if leg.media.endpoint() == endpoint {
            other.tell_digit(digit, work);
        }
        State::Established(self)
    }

    fn ack(mut self: Box<Self>, common: &mut Common, side: Side, request: &Request, work: &mut Work<'_>) -> State {
        let (leg, _) = self.legs(common, side);
        if !leg.acknowledged(request.cseq.number, work) {
            return State::Established(self);
        }
        match self.exchange {
            Exchange::AwaitingAnswer(waiting) if waiting == side => {
                self.late_answer(common, side, &request.message.body(), work)
            }
            Exchange::AwaitingAnswer(_) | Exchange::Idle | Exchange::Crossing(_) | Exchange::Telling { .. } => {
                State::Established(self)
            }
        }
    }

    fn response(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        if response.cseq.method == Method::Info && response.status.is_final() {
            self.legs(common, side).0.digit_told(branch, work);
        }
        if response.cseq.method != Method::Invite || common.loser_response(branch, response, flow, work) {
            return State::Established(self);
        }
        let (leg, _) = self.legs(common, side);
        // A challenge is answered or refused here: it never crosses.
        if is_challenge(response)
            && let Some(again) = leg.prove(branch, response, flow, work)
        {
            self.exchange.moved(branch, again);
            return State::Established(self);
        }
        leg.answered(branch, response.status, work);
        if response.status.is_provisional() {
            return State::Established(self);
        }
        if response.status.is_success() {
            leg.follow(&Method::Invite, &response.message, flow);
            leg.acknowledge(branch, response.cseq.number, work);
        }
        match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Crossing(crossing) if crossing.branch == *branch && response.status.is_success() => {
                self.crossed(common, side, *crossing, response, work)
            }
            Exchange::Crossing(crossing) if crossing.branch == *branch => {
                self.not_crossed(common, *crossing, Cause::Refused(response.status), work)
            }
            Exchange::Telling { side, branch: telling } if telling == *branch && response.status.is_success() => {
                self.told(common, side, &response.message.body(), work)
            }
            Exchange::Telling { side, branch: telling } if telling == *branch => {
                self.not_told(common, side, Cause::Refused(response.status), work)
            }
            exchange => {
                self.exchange = exchange;
                State::Established(self)
            }
        }
    }

    fn failed(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        branch: &Branch,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        if common.loser_failed(branch) {
            return State::Established(self);
        }
        let (leg, _) = self.legs(common, side);
        leg.unanswered(branch);
        leg.digit_told(branch, work);
        match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Crossing(crossing) if crossing.branch == *branch => {
                self.not_crossed(common, *crossing, cause, work)
            }
            Exchange::Telling { side, branch: telling } if telling == *branch => {
                self.not_told(common, side, cause, work)
            }
            exchange => {
                self.exchange = exchange;
                State::Established(self)
            }
        }
    }

    // ---- the end

    /// One party said BYE: the other hears it too.
    fn ended_by(mut self: Box<Self>, common: &mut Common, side: Side, work: &mut Work<'_>) -> State {
        self.refuse_pending(common, work);
        let (leg, _) = self.legs(common, side);
        leg.is_over_now();
        self.give_up_moves(common, Cause::NormalClearing, work);
        let (_, other) = self.legs(common, side);
        other.end(Cause::NormalClearing, work);
        Releasing::begin(common, Some(self.callee), Cause::NormalClearing, by(side), work)
    }

    /// Both parties hear BYE.
    pub(super) fn hang_up(
        mut self: Box<Self>,
        common: &mut Common,
        cause: Cause,
        by: EndedBy,
        work: &mut Work<'_>,
    ) -> State {
        self.refuse_pending(common, work);
        self.give_up_moves(common, cause, work);
        common.caller.end(cause, work);
        self.callee.end(cause, work);
        Releasing::begin(common, Some(self.callee), cause, by, work)
    }

    /// A re-INVITE that is still crossing gets its final answer before the end (RFC 3261 15.1.2: 487).
    fn refuse_pending(&mut self, common: &mut Common, work: &mut Work<'_>) {
        if let Exchange::Crossing(crossing) = std::mem::replace(&mut self.exchange, Exchange::Idle) {
            let (asker, _) = self.legs(common, crossing.from);
            refuse(&crossing.asked, Status::REQUEST_TERMINATED, asker, None, work);
        }
    }

    /// A 2xx without its ACK goes again; after 64*T1 the call ends.
    pub fn retransmissions(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let lost = [&mut common.caller, &mut self.callee].map(|leg| leg.timeout(work));
        let side = match lost {
            [true, _] => Side::Caller,
            [false, true] => Side::Callee,
            [false, false] => return State::Established(self),
        };
        self.hang_up(common, Cause::NoAck, by(side), work)
    }

    /// A timer of the call fired.
    pub fn timer(self: Box<Self>, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> State {
        match timer {
            CallTimer::MaxDuration => self.hang_up(common, Cause::TooLong, EndedBy::Node, work),
            CallTimer::Exchange => self.asking_too_long(common, work),
            CallTimer::Again => self.tell_again(common, work),
            CallTimer::NoResponse | CallTimer::NoAnswer => self.transfer_timer(common, timer, work),
            CallTimer::Ringing | CallTimer::Progress | CallTimer::ReleaseGuard => State::Established(self),
        }
    }
}

pub(super) const fn by(side: Side) -> EndedBy {
    match side {
        Side::Caller => EndedBy::Caller,
        Side::Callee => EndedBy::Callee,
    }
}

pub(super) fn respond(pending: &Pending, status: Status, leg: &Leg, work: &mut Work<'_>) {
    let bytes = compose::inside_response(status, &pending.head, &leg.own);
    work.out.push(Effect::Respond { transaction: pending.transaction, status, bytes });
}

pub(super) fn refuse(pending: &Pending, status: Status, leg: &Leg, warning: Option<String>, work: &mut Work<'_>) {
    let cause = Cause::Refused(status);
    let bytes = compose::refusal_with(status, cause, &pending.head, &leg.dialog.local_tag, warning);
    work.out.push(Effect::Respond { transaction: pending.transaction, status, bytes });
}
