//! REFER and its NOTIFYs where a trunk's transfers are for the other party to execute: they cross, Refer-To and
//! Referred-By octet for octet; the `id` of a subscription is each leg's own.

use bytes::Bytes;

use super::Asked;
use crate::base::Instant;
use crate::base::bounds::Bound;
use crate::base::limits::PASSED_REQUESTS;
use crate::call::call::{Common, State};
use crate::call::cause::Cause;
use crate::call::compose::{self, Carried, Inside};
use crate::call::effect::{Branch, Effect, Work};
use crate::call::established::{Established, by as ended_by, respond};
use crate::call::handing::{PATIENCE, told};
use crate::call::leg::Pending;
use crate::call::own_address::OwnAddress;
use crate::call::passed::without;
use crate::call::record::Side;
use crate::dialog::refer;
use crate::sip::flow::Flow;
use crate::sip::{Method, Name, Request, Response, Status};

/// Fields of a REFER that cross whatever the policy of who gets it.
const OF_REFER: [&[u8]; 4] = [b"Refer-To", b"Referred-By", b"Refer-Sub", b"Target-Dialog"];

/// What is on its way across.
#[derive(Debug, Default)]
pub(super) struct Passing {
    out: Vec<Passed>,
    /// REFERs that crossed: who was asked, the number there, the number here.
    subscriptions: Subscriptions,
}

/// Of each: who was asked, the number there, the number here.
pub(super) type Subscriptions = Vec<(Side, u32, u32)>;

#[derive(Debug)]
struct Passed {
    branch: Branch,
    asked: Pending,
    /// Who asked, and who we are there.
    by: Side,
    own: OwnAddress,
    carried: Carried,
    /// When the sender is answered in any case.
    until: Instant,
}

impl Passing {
    /// What a checkpoint keeps. `None` while a request is on its way.
    pub fn kept(&self) -> Option<Subscriptions> {
        self.out.is_empty().then(|| self.subscriptions.clone())
    }

    /// As it was kept.
    pub const fn restored(subscriptions: Subscriptions) -> Passing {
        Passing { out: Vec::new(), subscriptions }
    }

    /// True for a request that crossed and has no final answer yet.
    pub fn awaits(&self, branch: &Branch) -> bool {
        self.out.iter().any(|passed| passed.branch == *branch)
    }

    /// When the first of them must be answered.
    pub fn until(&self) -> Option<Instant> {
        self.out.iter().map(|passed| passed.until).min()
    }

    /// Those that took too long are answered.
    pub fn too_long(&mut self, work: &mut Work<'_>) {
        self.out.retain(|passed| {
            let is_late = passed.until <= work.now.instant;
            if is_late {
                passed.refuse(Status::SERVER_TIMEOUT, work);
            }
            !is_late
        });
    }

    /// The call ends: who still waits is answered.
    pub fn refuse_all(&mut self, work: &mut Work<'_>) {
        for passed in self.out.drain(..) {
            passed.refuse(Status::REQUEST_TERMINATED, work);
        }
    }

    /// Value of Event for the one who sent the REFER; `None`: there is no such subscription.
    fn event(&self, from: Side, request: &Request) -> Option<String> {
        let value = request.message.header(Name::Event).filter(|_| refer::is_report(request))?;
        let id = value.split(|&octet| octet == b';').find_map(|part| part.trim_ascii().strip_prefix(b"id="));
        let number = id.and_then(|id| std::str::from_utf8(id).ok()).and_then(|id| id.parse::<u32>().ok());
        let mut known = self.subscriptions.iter().filter(|(side, ..)| *side == from);
        match (id, number) {
            (None, _) => known.next().map(|_| refer::event(None)),
            (Some(_), number) => {
                known.find(|(_, there, _)| Some(*there) == number).map(|&(_, _, here)| refer::event(Some(here)))
            }
        }
    }
}

impl Passed {
    fn refuse(&self, status: Status, work: &mut Work<'_>) {
        let bytes = compose::plain_response(status, &self.asked.head, None, Some(&self.own));
        work.out.push(Effect::Respond { transaction: self.asked.transaction, status, bytes });
    }
}

impl Established {
    /// A REFER for the other party.
    pub(super) fn refer_passes(
        mut self: Box<Self>,
        common: &mut Common,
        asked: &Asked,
        pending: Pending,
        work: &mut Work<'_>,
    ) -> State {
        let fields = |name: &'static [u8]| {
            let values = asked.request.message.headers_named(name);
            values.map(|value| (Bytes::from_static(name), Bytes::from(value.into_owned()))).collect::<Vec<_>>()
        };
        let passed = common.passed(asked.side.other(), &self.callee.trunk, &asked.request.message);
        let headers = OF_REFER.into_iter().flat_map(fields).chain(without(passed, &OF_REFER)).collect();
        let carried = Carried { method: Method::Refer, headers, body: None };
        self.pass(common, asked.side, pending, carried, work);
        let there = self.leg(common, asked.side.other()).dialog.last_cseq();
        let known = &mut self.moves.passing.subscriptions;
        if known.len() < PASSED_REQUESTS {
            known.push((asked.side.other(), there, asked.request.cseq.number));
        }
        State::Established(self)
    }

    /// A NOTIFY about a REFER that crossed.
    pub(super) fn report_passes(mut self: Box<Self>, common: &mut Common, asked: Asked, work: &mut Work<'_>) -> State {
        let pending = Pending::new(asked.transaction, &asked.request, asked.flow);
        let (leg, _) = self.legs(common, asked.side);
        if leg.dialog.check_request(&asked.request.cseq).is_err() {
            respond(&pending, Status::SERVER_INTERNAL_ERROR, leg, work);
            return State::Established(self);
        }
        let Some(event) = self.moves.passing.event(asked.side, &asked.request) else {
            let leg = self.leg(common, asked.side);
            // RFC 6665 4.1.3; where no REFER is ever sent a NOTIFY is no method of this trunk either.
            let known = leg.own.allow().contains("NOTIFY");
            let status = if known { Status::CALL_DOES_NOT_EXIST } else { Status::METHOD_NOT_ALLOWED };
            respond(&pending, status, leg, work);
            return State::Established(self);
        };
        let message = &asked.request.message;
        let text = |name: Name| message.header(name).map(|value| Bytes::from(value.into_owned()));
        let mut headers = vec![(Bytes::from_static(b"Event"), Bytes::from(event))];
        headers.extend(text(Name::SubscriptionState).map(|state| (Bytes::from_static(b"Subscription-State"), state)));
        let kind = text(Name::ContentType).map(|kind| String::from_utf8_lossy(&kind).into_owned());
        let body = kind.map(|kind| (kind, message.body()));
        let carried = Carried { method: Method::Notify, headers, body };
        self.pass(common, asked.side, pending, carried, work);
        State::Established(self)
    }

    fn pass(&mut self, common: &mut Common, by: Side, asked: Pending, carried: Carried, work: &mut Work<'_>) {
        let full = self.moves.passing.out.len() >= PASSED_REQUESTS;
        if full {
            Bound::PassedRequests.reached();
        }
        let (leg, other) = self.legs(common, by);
        if full || other.is_over() {
            return respond(&asked, Status::REQUEST_PENDING, leg, work);
        }
        let (own, until) = (leg.own.clone(), work.now.instant + leg.trunk.timers.t1 * PATIENCE);
        let branch = other.ask(&Inside::Carried(&carried), work);
        self.moves.passing.out.push(Passed { branch, asked, by, own, carried, until });
    }

    /// The other party wants to know who asks. True when the request went again, with credentials: the subscription of a
    /// REFER has the number of the one that is taken (RFC 3515 2.4.6).
    pub(super) fn proves_passed(
        &mut self,
        common: &mut Common,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> bool {
        let mut out = std::mem::take(&mut self.moves.passing.out);
        let again = out.iter_mut().find(|passed| passed.branch == *branch).and_then(|passed| {
            let (_, other) = self.legs(common, passed.by);
            passed.branch = other.prove_carried(&passed.carried, response, flow, work)?;
            Some((passed.by.other(), &passed.carried.method, other.dialog.last_cseq()))
        });
        if let Some((asked, &Method::Refer, there)) = again {
            let before = response.cseq.number;
            let of = self.moves.passing.subscriptions.iter_mut().find(|known| known.0 == asked && known.1 == before);
            of.into_iter().for_each(|known| known.1 = there);
        }
        let goes_again = again.is_some();
        self.moves.passing.out = out;
        goes_again
    }

    /// The other party has answered, or never will.
    pub(super) fn passed(
        mut self: Box<Self>,
        common: &mut Common,
        branch: &Branch,
        status: Status,
        work: &mut Work<'_>,
    ) -> State {
        let place = self.moves.passing.out.iter().position(|passed| passed.branch == *branch);
        let Some(place) = place.filter(|_| status.is_final()) else { return State::Established(self) };
        let Passed { asked, by, carried, .. } = self.moves.passing.out.swap_remove(place);
        let status = match (status.code(), &carried.method) {
            (200..=299, Method::Refer) => Some(Status::ACCEPTED),
            (200..=299, _) => Some(Status::OK),
            // A challenge to us is never handed on; what could be proven was.
            (300..=399 | 401 | 407, _) => Some(Status::DECLINE),
            (_, method) => told(status, method),
        };
        respond(&asked, status.unwrap_or(Status::CALL_DOES_NOT_EXIST), self.leg(common, by), work);
        match status {
            Some(_) => State::Established(self),
            None => self.hang_up(common, Cause::DialogLost, ended_by(by.other()), work),
        }
    }
}
