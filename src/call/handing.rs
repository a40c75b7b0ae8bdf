//! Requests of one party that the other answers: INFO that is no digit, MESSAGE, NOTIFY and what the trunk's table says
//! (`treatment`). Body and the fields about it cross octet for octet, everything else is written fresh (DESIGN rule 4).

use bytes::Bytes;

use super::call::{Common, State};
use super::cause::Cause;
use super::compose::{self, Carried, Inside};
use super::effect::{Branch, Effect, Work};
use super::established::{Established, by, respond};
use super::leg::{Leg, Pending};
use super::passed::{Passed, without};
use super::proof::is_challenge;
use super::record::Side;
use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::limits::{PASSED_BODY_OCTETS, PASSED_REQUESTS};
use crate::sip::flow::Flow;
use crate::sip::{Message, Method, Name, Request, Response, Status};

/// Fields that belong to a body or say what the request is about; others pass by the policy of who gets it (`passed`)
/// (RFC 3261 20.11 to 20.15, RFC 6086 8, RFC 6665 8.2).
const FIELDS: [&[u8]; 9] = [
    b"MIME-Version",
    b"Content-Disposition",
    b"Content-Language",
    b"Content-Encoding",
    b"Content-ID",
    b"Info-Package",
    b"Event",
    b"Subscription-State",
    b"Expires",
];

/// A request on its way across.
#[derive(Debug)]
pub(super) struct Handed {
    from: Side,
    asked: Pending,
    branch: Branch,
    carried: Carried,
    /// When the sender is answered in any case.
    until: Instant,
}

/// Part of 64*T1 that the other party may take, in T1: after all of it the sender hears no answer any more (RFC 4320 4.2).
pub(super) const PATIENCE: u32 = 48;

impl Carried {
    /// What crosses of a message. A body without a Content-Type is opaque octets.
    fn of(method: &Method, message: &Message, passed: Passed) -> Carried {
        let field = |name: &'static [u8]| {
            message.header_named(name).map(|value| (Bytes::from_static(name), Bytes::from(value.into_owned())))
        };
        let kind = message.header(Name::ContentType).map(|value| String::from_utf8_lossy(&value).into_owned());
        let body = Some(message.body()).filter(|body| !body.is_empty());
        Carried {
            method: method.clone(),
            headers: FIELDS.into_iter().filter_map(field).chain(without(passed, &FIELDS)).collect(),
            body: body.map(|body| (kind.unwrap_or_else(|| "application/octet-stream".to_owned()), body)),
        }
    }
}

impl Leg {
    /// Whether the peer may be sent such a request: its trunk allows it, and its Allow does not leave it out.
    fn may_be_sent(&self, method: &Method) -> bool {
        self.trunk.methods.sends.allows(method) && self.taken.takes(method) != Some(false) && !self.is_over()
    }
}

impl Established {
    /// The other party gets the request, or the sender hears why not.
    pub(super) fn hand_over(
        mut self: Box<Self>,
        common: &mut Common,
        side: Side,
        asked: Pending,
        request: &Request,
        work: &mut Work<'_>,
    ) -> State {
        let open = self.handed.iter().filter(|handed| handed.from == side).count();
        let (leg, other) = self.legs(common, side);
        let refusal = match &request.method {
            Method::Other(_) if !other.may_be_sent(&request.method) => Some(Status::NOT_IMPLEMENTED),
            method if !other.may_be_sent(method) => Some(Status::METHOD_NOT_ALLOWED),
            _ if request.message.body().len() > PASSED_BODY_OCTETS => {
                Bound::PassedBodyOctets.reached();
                Some(Status::REQUEST_ENTITY_TOO_LARGE)
            }
            _ if open >= PASSED_REQUESTS => {
                Bound::PassedRequests.reached();
                Some(Status::SERVER_INTERNAL_ERROR)
            }
            _ => None,
        };
        if let Some(status) = refusal {
            respond(&asked, status, leg, work);
            return State::Established(self);
        }
        let passed = common.passed(side.other(), &self.callee.trunk, &request.message);
        let carried = Carried::of(&request.method, &request.message, passed);
        let (leg, other) = self.legs(common, side);
        let branch = other.ask(&Inside::Carried(&carried), work);
        let until = work.now.instant + leg.trunk.timers.t1 * PATIENCE;
        self.handed.push(Handed { from: side, asked, branch, carried, until });
        State::Established(self)
    }

    /// True for a request that crossed and has no final answer yet.
    pub(super) fn hands_by(&self, branch: &Branch) -> bool {
        self.handed.iter().any(|handed| handed.branch == *branch)
    }

    /// The other party answered: the sender hears it, with the body. A challenge is answered here or is a refusal.
    pub(super) fn handed_answer(
        mut self: Box<Self>,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> State {
        if !response.status.is_final() {
            return State::Established(self);
        }
        let Some(mut handed) = self.take_handed(branch) else { return State::Established(self) };
        let passed = common.passed(handed.from, &self.callee.trunk, &response.message);
        let (sender, other) = self.legs(common, handed.from);
        if is_challenge(response)
            && let Some(again) = other.prove_carried(&handed.carried, response, flow, work)
        {
            handed.branch = again;
            self.handed.push(handed);
            return State::Established(self);
        }
        let Some(status) = told(response.status, &handed.carried.method) else {
            respond(&handed.asked, Status::CALL_DOES_NOT_EXIST, sender, work);
            return self.hang_up(common, Cause::DialogLost, by(handed.from.other()), work);
        };
        let mut answer = Carried::of(&handed.carried.method, &response.message, passed);
        if answer.body.take_if(|(_, body)| body.len() > PASSED_BODY_OCTETS).is_some() {
            Bound::PassedBodyOctets.reached();
        }
        let bytes = compose::carried_response(status, &handed.asked.head, &sender.own, &answer);
        work.out.push(Effect::Respond { transaction: handed.asked.transaction, status, bytes });
        State::Established(self)
    }

    /// It will never be answered. The call goes on: what matters to it finds out by itself whether the party is gone.
    pub(super) fn handed_in_vain(
        mut self: Box<Self>,
        common: &mut Common,
        branch: &Branch,
        work: &mut Work<'_>,
    ) -> State {
        if let Some(handed) = self.take_handed(branch) {
            let (sender, _) = self.legs(common, handed.from);
            respond(&handed.asked, Status::SERVER_TIMEOUT, sender, work);
        }
        State::Established(self)
    }

    /// When the first of them must be answered.
    pub(super) fn handed_until(&self) -> Option<Instant> {
        self.handed.iter().map(|handed| handed.until).min()
    }

    /// Those that took too long are answered.
    pub(super) fn handed_too_long(&mut self, common: &mut Common, work: &mut Work<'_>) {
        let late = |handed: &Handed| handed.until <= work.now.instant;
        let (late, open) = std::mem::take(&mut self.handed).into_iter().partition(late);
        self.handed = open;
        for handed in late {
            let (sender, _) = self.legs(common, handed.from);
            respond(&handed.asked, Status::SERVER_TIMEOUT, sender, work);
        }
    }

    fn take_handed(&mut self, branch: &Branch) -> Option<Handed> {
        let place = self.handed.iter().position(|handed| handed.branch == *branch)?;
        Some(self.handed.swap_remove(place))
    }

    /// The call ends: who still waits is answered (RFC 3261 15.1.2).
    pub(super) fn refuse_handed(&mut self, common: &mut Common, work: &mut Work<'_>) {
        for handed in std::mem::take(&mut self.handed) {
            let (sender, _) = self.legs(common, handed.from);
            respond(&handed.asked, Status::REQUEST_TERMINATED, sender, work);
        }
    }
}

/// What the sender is told. `None`: the other party's dialog is gone (RFC 5057 5.1; of a NOTIFY only its subscription).
pub(super) fn told(status: Status, method: &Method) -> Option<Status> {
    match status.code() {
        481 if *method != Method::Notify => None,
        // Ours to answer, and ours alone.
        300..=399 | 401 | 407 => Some(Status::FORBIDDEN),
        // RFC 4320 4.2: 408 is never sent to such a request. 503 would speak of this node.
        408 => Some(Status::SERVER_TIMEOUT),
        503 => Some(Status::SERVER_INTERNAL_ERROR),
        _ => Some(status),
    }
}
