//! An answered call: requests cross, are answered here, or are refused, by one table. What a re-INVITE does is in
//! `reinvite`.

use super::call::{CallInput, CallTimer, Common, State};
use super::cause::Cause;
use super::compose;
use super::digits::{InfoBody, read_info};
use super::effect::{Branch, Effect, Work};
use super::exchange::{Exchange, Held, Untold};
use super::handing::Handed;
use super::hunting::description;
use super::leg::{Leg, Pending};
use super::parting::Parting;
use super::proof::is_challenge;
use super::record::{EndedBy, Side};
use super::releasing::Releasing;
use super::screening;
use super::transfer::{Moves, Turn};
use super::treatment::{Treatment, by_rule, treatment};
use crate::base::ids::{EndpointId, TransactionId};
use crate::media::dtmf::HeardDigit;
use crate::route::media::TrunkDtmf;
use crate::route::methods::Rule;
use crate::sip::flow::Flow;
use crate::sip::{Method, Request, Response, Status};

/// See the module.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) callee: Box<Leg>,
    pub(super) exchange: Exchange,
    /// Who must still be told what the other party said, once there is room or a glare is over.
    pub(super) untold: Untold,
    /// Parties that are exchanged for others.
    pub(super) moves: Moves,
    /// A re-INVITE that waits for the exchange before it.
    pub(super) held: Option<Box<Held>>,
    /// Requests that are on their way from one party to the other.
    pub(super) handed: Vec<Handed>,
}

impl Established {
    pub fn new(callee: Box<Leg>, exchange: Exchange) -> Established {
        Established {
            callee,
            exchange,
            untold: Untold::default(),
            moves: Moves::default(),
            held: None,
            handed: Vec::new(),
        }
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
        match self.take(common, input, work) {
            State::Established(established) => established.next_in_line(common, work),
            state => state,
        }
    }

    fn take(self: Box<Self>, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> State {
        match self.moved(common, input, work) {
            Turn::Done(state) => state,
            Turn::Left(established, input) => established.take_own(common, input, work),
        }
    }

    /// What has nothing to do with a transfer.
    fn take_own(self: Box<Self>, common: &mut Common, input: CallInput, work: &mut Work<'_>) -> State {
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
            CallInput::Resolved(_)
            | CallInput::WayLost { .. }
            | CallInput::MediaClosed { .. }
            | CallInput::Joined(_)
            | CallInput::Replacing(_) => State::Established(self),
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
        let treatment = treatment(&request.method, &leg.trunk.methods);
        if treatment != Treatment::End {
            self = match self.screened(common, side, &pending, request, work) {
                Ok(established) => established,
                Err(refused) => return refused,
            };
        }
        let (leg, _) = self.legs(common, side);
        let status = match treatment {
            Treatment::Cross => return self.invited_again(common, side, pending, request, flow, work),
            Treatment::Update => return self.updated(common, side, pending, request, flow, work),
            Treatment::Hand => return self.hand_over(common, side, pending, request, work),
            Treatment::End => {
                // RFC 3261 table 2: the answer to a BYE names no Contact.
                let bytes = compose::plain_response(Status::OK, &pending.head, None, Some(&leg.own));
                work.out.push(Effect::Respond { transaction: pending.transaction, status: Status::OK, bytes });
                common.ledger.heard(side, &request.message);
                let passed = common.passed(side.other(), &self.callee.trunk, &request.message);
                let parting = Parting::of_bye(&request.message, passed);
                return self.ended_by(common, side, parting, work);
            }
            Treatment::Answer => Status::OK,
            Treatment::Digits(rule) => return self.info(common, side, pending, request, rule, work),
            Treatment::Acknowledge => leg.late_prack(request),
            Treatment::Refuse => Status::METHOD_NOT_ALLOWED,
            Treatment::Unknown => Status::NOT_IMPLEMENTED,
        };
        respond(&pending, status, leg, work);
        State::Established(self)
    }

    /// RFC 3261 8.2.2.3 and RFC 4028 6: an extension that is required and not known, an interval that is too small. A
    /// BYE is never refused for it: the call is over whatever it requires.
    fn screened(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: &Pending,
        request: &Request,
        work: &mut Work<'_>,
    ) -> Result<Box<Self>, State> {
        let (leg, _) = self.legs(common, side);
        let (status, bytes) = match (screening::extensions(request, &leg.trunk), leg.session_of(asked)) {
            (Err(refusal), _) => {
                (refusal.status(), compose::screened(&refusal, &asked.head, (None, None), Some(&leg.own)))
            }
            (Ok(()), Err(min_se)) if matches!(request.method, Method::Invite | Method::Update) => {
                let bytes = compose::interval_too_small(&asked.head, &leg.dialog.local_tag, &leg.own, min_se);
                (Status::SESSION_INTERVAL_TOO_SMALL, bytes)
            }
            (Ok(()), Ok(()) | Err(_)) => return Ok(self),
        };
        work.out.push(Effect::Respond { transaction: asked.transaction, status, bytes });
        Err(State::Established(self))
    }

    /// INFO: a digit for the other party, from a trunk that sends its digits so; anything else as the table says.
    fn info(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: Pending,
        request: &Request,
        rule: Rule,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, other) = self.legs(common, side);
        let (status, digit) = match (leg.media.media.dtmf(), read_info(request), by_rule(rule)) {
            (TrunkDtmf::Info, InfoBody::Digit(digit), _) => (Status::OK, Some(digit)),
            (TrunkDtmf::Info, InfoBody::Nothing, _) => (Status::OK, None),
            (TrunkDtmf::Info, InfoBody::Malformed, _) => (Status::BAD_REQUEST, None),
            // Its digits travel otherwise: told twice they would be heard twice.
            (_, InfoBody::Digit(_) | InfoBody::Malformed, _) => (Status::METHOD_NOT_ALLOWED, None),
            (_, InfoBody::OtherType | InfoBody::Nothing, Treatment::Hand) => {
                return self.hand_over(common, side, asked, request, work);
            }
            (_, InfoBody::OtherType | InfoBody::Nothing, Treatment::Answer) => (Status::OK, None),
            (TrunkDtmf::Info, InfoBody::OtherType, _) => (Status::UNSUPPORTED_MEDIA_TYPE, None),
            (_, InfoBody::OtherType | InfoBody::Nothing, _) => (Status::METHOD_NOT_ALLOWED, None),
        };
        respond(&asked, status, leg, work);
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
            Exchange::AwaitingAnswer(waiting) if waiting == side => self.late_answer(common, side, request, work),
            Exchange::AwaitingAnswer(_)
            | Exchange::Idle
            | Exchange::Crossing(_)
            | Exchange::Telling { .. }
            | Exchange::Refreshing { .. }
            | Exchange::Unwanted { .. } => State::Established(self),
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
        if self.hands_by(branch) {
            return self.handed_answer(common, branch, response, flow, work);
        }
        if response.cseq.method == Method::Invite && common.loser_response(branch, response, flow, work) {
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
        match response.cseq.method {
            Method::Update if leg.refreshes_by(branch) => self.refreshed(common, side, branch, response, flow, work),
            Method::Invite | Method::Update => self.change_answered(common, side, branch, response, flow, work),
            _ => {
                if response.status.is_final() {
                    leg.digit_told(branch, work);
                }
                State::Established(self)
            }
        }
    }

    /// A response to our re-INVITE or UPDATE with an offer.
    fn change_answered(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        let (leg, _) = self.legs(common, side);
        let again = match response.status {
            Status::SESSION_INTERVAL_TOO_SMALL => leg.ask_longer(branch, response, work),
            status => leg.ask_by_invite(branch, status, work),
        };
        if let Some(again) = again {
            self.exchange.moved(branch, again);
            return State::Established(self);
        }
        leg.answered(branch, response.status, work);
        if response.status.is_provisional() {
            return State::Established(self);
        }
        if response.status.is_success() {
            leg.follow_answer(response, flow, work);
            if response.cseq.method == Method::Invite {
                leg.acknowledge(branch, response.cseq.number, work);
            }
        }
        match self.exchange.take_by(branch) {
            Some(exchange) if response.status.is_success() => self.taken(common, exchange, response, work),
            Some(exchange) => self.not_taken(common, exchange, Cause::Refused(response.status), work),
            None => State::Established(self),
        }
    }

    /// The party that was asked said yes.
    fn taken(
        self: Box<Self>,
        common: &mut Common,
        exchange: Exchange,
        response: &Response,
        work: &mut Work<'_>,
    ) -> State {
        match exchange {
            Exchange::Crossing(crossing) => self.crossed(common, crossing.from.other(), *crossing, response, work),
            Exchange::Telling { side, .. } => self.told(common, side, &description(response).unwrap_or_default(), work),
            Exchange::Refreshing { side, .. } => {
                self.refreshed_by_invite(common, side, &description(response).unwrap_or_default(), work)
            }
            Exchange::Unwanted { side, .. } => self.unwanted_taken(common, side, response, work),
            Exchange::Idle | Exchange::AwaitingAnswer(_) => State::Established(self),
        }
    }

    /// It said no, or nothing.
    fn not_taken(
        mut self: Box<Self>,
        common: &mut Common,
        exchange: Exchange,
        cause: Cause,
        work: &mut Work<'_>,
    ) -> State {
        match exchange {
            Exchange::Crossing(crossing) => self.not_crossed(common, *crossing, cause, work),
            Exchange::Telling { side, .. } => self.not_told(common, side, cause, work),
            Exchange::Refreshing { side, .. } | Exchange::Unwanted { side, .. } => {
                common.timers.stop(CallTimer::Exchange);
                self.legs(common, side).0.media.media.withdraw_offer();
                self.not_refreshed(common, side, cause, work)
            }
            Exchange::Idle | Exchange::AwaitingAnswer(_) => State::Established(self),
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
        if self.hands_by(branch) {
            return self.handed_in_vain(common, branch, work);
        }
        let (leg, _) = self.legs(common, side);
        if leg.refreshes_by(branch) {
            return self.not_refreshed(common, side, cause, work);
        }
        leg.unanswered(branch);
        leg.digit_told(branch, work);
        match self.exchange.take_by(branch) {
            Some(exchange) => self.not_taken(common, exchange, cause, work),
            None => State::Established(self),
        }
    }

    // ---- the end

    /// One party said BYE: the other hears it too.
    fn ended_by(mut self: Box<Self>, common: &mut Common, side: Side, parting: Parting, work: &mut Work<'_>) -> State {
        self.refuse_pending(common, work);
        let (leg, _) = self.legs(common, side);
        leg.is_over_now();
        self.give_up_moves(common, Cause::NormalClearing, work);
        let (_, other) = self.legs(common, side);
        other.end(parting, work);
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
        self.refuse_waiting(common, None, work);
    }

    /// A 2xx without its ACK goes again; after 64*T1 the call ends. Sessions are refreshed.
    pub fn retransmissions(mut self: Box<Self>, common: &mut Common, work: &mut Work<'_>) -> State {
        let lost = [&mut common.caller, &mut self.callee].map(|leg| leg.timeout(work));
        let side = match lost {
            [true, _] => Side::Caller,
            [false, true] => Side::Callee,
            [false, false] => return self.sessions(common, work),
        };
        self.hang_up(common, Cause::NoAck, by(side), work)
    }

    /// A timer of the call fired.
    pub fn timer(self: Box<Self>, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> State {
        match self.fired(common, timer, work) {
            State::Established(established) => established.next_in_line(common, work),
            state => state,
        }
    }

    fn fired(self: Box<Self>, common: &mut Common, timer: CallTimer, work: &mut Work<'_>) -> State {
        match timer {
            CallTimer::MaxDuration => self.hang_up(common, Cause::TooLong, EndedBy::Node, work),
            CallTimer::Exchange => self.asking_too_long(common, work),
            CallTimer::Again => self.tell_again(common, work),
            CallTimer::NoResponse | CallTimer::NoAnswer => self.transfer_timer(common, timer, work),
            CallTimer::Ringing | CallTimer::Expires | CallTimer::Progress | CallTimer::ReleaseGuard => {
                State::Established(self)
            }
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
    let bytes = compose::refusal_with(status, cause, &pending.head, (&leg.dialog.local_tag, &leg.own), warning);
    work.out.push(Effect::Respond { transaction: pending.transaction, status, bytes });
}
