//! Requests out of a dialog on trunks whose peer must prove who it is (S-A2, S-A3): challenged before a body is read, a
//! number looked at, or anything held.

use crate::base::Now;
use crate::call::compose;
use crate::call::own_address::OwnAddress;
use crate::route::trunk::Trunk;
use crate::sip::auth::{Freshness, Verdict};
use crate::sip::flow::{Bearing, Flow};
use crate::sip::{Method, Request, ResponseHead, Status};

use super::Engine;
use super::io::{Event, Outbox, Output};
use super::transactions::User;

impl Engine {
    /// True when the request may go on. Otherwise it is answered 401. OPTIONS is a question about life, which we answer to
    /// whoever the trunk's sources let in.
    pub(super) fn authorized(
        &mut self,
        now: Now,
        request: &Request,
        flow: Flow,
        trunk: &Trunk,
        out: &mut Outbox,
    ) -> bool {
        let Some((auth, demand)) = trunk.auth.as_ref().and_then(|auth| Some((auth, auth.demand?))) else { return true };
        if request.method == Method::Options {
            return true;
        }
        let binding = binding(flow);
        let verdict = self.digest.verify(now.instant, request, &auth.credentials, demand, &binding);
        let (freshness, label) = match verdict {
            Verdict::Granted => {
                out.push(Output::Bearing(flow, Bearing::Trusted));
                return true;
            }
            Verdict::Missing => (Freshness::First, "no_credentials"),
            Verdict::Stale => (Freshness::Stale, "stale_nonce"),
            Verdict::Wrong => (Freshness::First, "wrong_credentials"),
        };
        if verdict == Verdict::Wrong {
            out.push(Output::Bearing(flow, Bearing::WrongCredentials));
        }
        let credentials = &auth.credentials;
        let challenges =
            self.digest.challenge(now.instant, credentials, demand, freshness, &binding, &mut *self.entropy);
        if let Some(transaction) = self.open(now, request, flow, User::Nobody, out) {
            let tag = self.tag();
            let head = ResponseHead::new(request, flow.remote);
            let bytes = compose::challenge(&head, &tag, &OwnAddress::of(trunk), &challenges);
            self.transactions.respond(now.instant, transaction, Status::UNAUTHORIZED, bytes);
            out.push(Output::Event(Event::Refused { remote: flow.remote, status: Status::UNAUTHORIZED, label }));
        }
        false
    }
}

/// What a nonce is good for: one connection, or one remote address of a datagram listener.
fn binding(flow: Flow) -> Vec<u8> {
    let connection = if flow.transport.is_reliable() { flow.id.0 } else { 0 };
    format!("{}|{}|{connection}", flow.listener.0, flow.remote).into_bytes()
}
