//! Parties that move between calls: REFER that names a dialog of ours, and INVITE with Replaces (RFC 3891). Only here are
//! all dialogs of the process known.

use std::sync::Arc;

use crate::base::Now;
use crate::base::ids::{CallId, TrunkId};
use crate::call::own_address::OwnAddress;
use crate::call::screening::Refusal;
use crate::call::{CallInput, CallRecord, Leg, Replacement, Side, Unjoined, compose};
use crate::dialog::DialogKey;
use crate::route::transfer::ReplacesPolicy;
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::header::replaces::Replaces;
use crate::sip::{Name, Request, ResponseHead, Status};

use super::Engine;
use super::io::Outbox;
use super::transactions::User;
use super::turning_away::Barred;

impl Engine {
    /// Takes the party that talks to the peer of `key` out of its call and gives it to `call`.
    pub(super) fn join(
        &mut self,
        now: Now,
        call: CallId,
        (key, side, trunk): (DialogKey, Side, TrunkId),
        out: &mut Outbox,
    ) {
        let answer = self.fetched(now, call, (&key, side, trunk), out);
        self.with_call(now, call, out, |call, work| call.handle(CallInput::Joined(answer), work));
    }

    fn fetched(
        &mut self,
        now: Now,
        call: CallId,
        (key, side, trunk): (&DialogKey, Side, TrunkId),
        out: &mut Outbox,
    ) -> Result<Box<Leg>, Unjoined> {
        let &(from, _) = self.dialogs.get(key).ok_or(Unjoined::Foreign)?;
        if from == call {
            return Err(Unjoined::Itself);
        }
        let mut yielded = Err(Unjoined::NotTalking);
        self.with_call(now, from, out, |call, work| yielded = call.yield_party(key, trunk, work));
        match yielded {
            // Its end is told at once, with its cause.
            Err(Unjoined::Ringing) => self.awaited.insert(from, call),
            Err(_) | Ok(_) => self.awaited.remove(&from),
        };
        let mut leg = yielded?;
        leg.side = side;
        self.dialogs.insert(leg.key(), (call, side));
        self.supply.endpoints.insert(leg.media.endpoint(), call);
        self.supply.admission.moved(&leg.trunk, from, call);
        Ok(leg)
    }

    /// A call is over. The one that waits for its called party to answer hears why it never will.
    pub(super) fn no_longer_awaited(&mut self, now: Now, record: &CallRecord, out: &mut Outbox) {
        let Some(waiting) = self.awaited.remove(&record.id).filter(|_| record.answered.is_none()) else { return };
        let input = CallInput::Joined(Err(Unjoined::Unanswered(record.cause)));
        self.with_call(now, waiting, out, |call, work| call.handle(input, work));
    }

    /// INVITE with Replaces: refused, or handed to the call it names. An INVITE without one comes back.
    pub(super) fn replaced(
        &mut self,
        now: Now,
        request: Box<Request>,
        flow: Flow,
        trunk: &Arc<Trunk>,
        out: &mut Outbox,
    ) -> Option<Box<Request>> {
        match self.replaced_dialog(&request, trunk) {
            Ok(None) => return Some(request),
            Ok(Some((call, side))) => {
                let transaction = self.open(now, &request, flow, User::Call { call, side }, out)?;
                self.merging.insert(&request, transaction);
                let head = ResponseHead::new(&request, flow.remote);
                let trying = compose::plain_response(Status::TRYING, &head, None, Some(&OwnAddress::of(trunk)));
                self.transactions.respond(now.instant, transaction, Status::TRYING, trying);
                let replacement = Replacement::new(side, transaction, request, flow, Arc::clone(trunk));
                let input = CallInput::Replacing(Box::new(replacement));
                self.with_call(now, call, out, |call, work| call.handle(input, work));
            }
            Err(refusal) => self.turn_away(now, (&request, flow, trunk), (&Barred::Refused(refusal), None), out),
        }
        None
    }

    fn replaced_dialog(&self, request: &Request, trunk: &Trunk) -> Result<Option<(CallId, Side)>, Refusal> {
        let named: Vec<_> = request.message.list(Name::Replaces);
        if request.message.header_named(b"Join").is_some() {
            // RFC 3911 5: never both; and nobody can be joined to a call of two parties here.
            let both = !named.is_empty();
            return Err(if both { Refusal::BadReplaces } else { Refusal::BadExtension(vec!["join".to_owned()]) });
        }
        let value = match named.as_slice() {
            [] if request.message.header(Name::Replaces).is_none() => return Ok(None),
            [] => return Err(Refusal::BadReplaces),
            [value] => value,
            [_, _, ..] => return Err(Refusal::BadReplaces),
        };
        if trunk.transfer.replaces == ReplacesPolicy::Refuse {
            return Err(Refusal::BadExtension(vec!["replaces".to_owned()]));
        }
        let replaces = Replaces::parse(value).map_err(|_| Refusal::BadReplaces)?;
        let key = DialogKey::new(&replaces.call_id, &replaces.to_tag, &replaces.from_tag);
        let &(call, _) = self.dialogs.get(&key).ok_or(Refusal::NoDialog)?;
        let found = self.calls.get(&call).ok_or(Refusal::NoDialog)?;
        let side = found.replaceable(&key, trunk.id, replaces.extent).map_err(Refusal::NotReplaceable)?;
        Ok(Some((call, side)))
    }
}
