//! Our INVITE to a called party, from its sending to its last possible answer.

use std::sync::Arc;

use bytes::Bytes;

use super::cancelling::Cancelling;
use super::cause::Cause;
use super::compose::{self, Inside, NewRequest};
use super::effect::{Acknowledgement, Branch, ClientRequest, Effect, Work};
use super::hop::Hop;
use super::leg::timer_values;
use super::own_address::OwnAddress;
use super::proof::{Challenge, Credentials, Proof};
use super::record::Side;
use crate::base::limits::EARLY_REQUESTS;
use crate::dialog::session_timer::{Said, SessionTimer};
use crate::dialog::{Dialog, OutgoingRequestFacts};
use crate::route::provisional::Reliability;
use crate::route::trunk::Trunk;
use crate::sip::flow::{Destination, Flow};
use crate::sip::{Method, Name, Response};

/// What an INVITE of ours says of reliable provisional responses (RFC 3262 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    Hidden,
    Supported,
    Required,
}

/// One INVITE of ours.
#[derive(Clone, Debug)]
pub struct OutgoingInvite {
    pub branch: Branch,
    pub trunk: Arc<Trunk>,
    pub own: OwnAddress,
    request: NewRequest,
    local_tag: Bytes,
    to: Destination,
    offer: Bytes,
    /// What the trunk's peer asked for so far.
    pub proof: Proof,
    /// What it asks for, and what 422 has raised that to.
    pub session: SessionTimer,
    reliability: Offered,
    cancelling: Cancelling,
}

impl OutgoingInvite {
    /// Sends it. `request.from` carries `local_tag`.
    pub fn send(
        trunk: Arc<Trunk>,
        own: OwnAddress,
        request: NewRequest,
        local_tag: Bytes,
        to: Destination,
        offer: Bytes,
        work: &mut Work<'_>,
    ) -> OutgoingInvite {
        let (branch, proof) = (work.branch(), Proof::of(&trunk));
        let cancelling = Cancelling::Unheard;
        let reliability = match trunk.provisional.reliable {
            Reliability::Off | Reliability::Accept => Offered::Hidden,
            Reliability::Supported => Offered::Supported,
            Reliability::Required => Offered::Required,
        };
        let session = SessionTimer::new(trunk.session_timer);
        let invite = OutgoingInvite {
            branch,
            trunk,
            own,
            request,
            local_tag,
            to,
            offer,
            proof,
            session,
            reliability,
            cancelling,
        };
        invite.send_invite(&Credentials::new(), work);
        invite
    }

    fn send_invite(&self, credentials: &Credentials, work: &mut Work<'_>) {
        let offered = match self.reliability {
            Offered::Hidden => None,
            Offered::Supported => Some(Name::Supported),
            Offered::Required => Some(Name::Require),
        };
        let offered = offered.map(|name| (name, compose::RELIABLE.as_bytes().to_vec()));
        let fields = offered.into_iter().chain(self.session.asking());
        let fields: Credentials = fields.chain(credentials.iter().cloned()).collect();
        let bytes = self.request.invite(&self.own, &self.branch, &self.offer, &fields);
        self.transact(Method::Invite, bytes, work);
    }

    /// It was refused with 401, 407, 421 or 422: true when it went again with what the peer asks for.
    pub fn goes_again(&mut self, response: &Response, flow: Flow, work: &mut Work<'_>) -> bool {
        match response.status.code() {
            401 | 407 => self.prove(response, flow, work),
            421 => self.support(response, work),
            422 => self.last_longer(response, work),
            _ => false,
        }
    }

    /// The peer wants to know who we are (its answer is acknowledged): the INVITE goes again in the same call, with the
    /// next number and credentials (RFC 3261 22.2, 8.1.3.5). False when it must not.
    fn prove(&mut self, response: &Response, flow: Flow, work: &mut Work<'_>) -> bool {
        let challenge = Challenge { response, flow, trunk: &self.trunk, sent_to: &self.to };
        let Some(credentials) = self.proof.answer(&challenge, &Method::Invite, &self.request.uri, work) else {
            return false;
        };
        self.send_again(&credentials, work);
        true
    }

    /// The peer takes no INVITE without 100rel (421, RFC 3261 21.4.16): it goes again with it. False when it was named
    /// already, or the trunk hides it.
    fn support(&mut self, response: &Response, work: &mut Work<'_>) -> bool {
        let wanted = response.message.has_token(Name::Require, compose::RELIABLE);
        if !wanted || self.is_reliable() || self.trunk.provisional.reliable == Reliability::Off {
            return false;
        }
        self.reliability = Offered::Supported;
        self.send_again(&Credentials::new(), work);
        true
    }

    /// The peer wants a longer session interval (422, RFC 4028 7.3): it goes again with that. False when it named none.
    fn last_longer(&mut self, response: &Response, work: &mut Work<'_>) -> bool {
        let goes_again = self.session.refused(&Said::of(&response.message));
        if goes_again {
            self.send_again(&Credentials::new(), work);
        }
        goes_again
    }

    /// Its answer is acknowledged: it goes again as a new request of the same call.
    fn send_again(&mut self, credentials: &Credentials, work: &mut Work<'_>) {
        self.request.cseq = self.request.cseq.saturating_add(1);
        self.branch = work.branch();
        self.cancelling = Cancelling::Unheard;
        self.send_invite(credentials, work);
    }

    /// True when the peer may answer provisionally in a way that we acknowledge.
    pub fn is_reliable(&self) -> bool {
        self.reliability != Offered::Hidden
    }

    fn transact(&self, method: Method, bytes: Bytes, work: &mut Work<'_>) {
        work.out.push(Effect::Request(Box::new(ClientRequest {
            side: Side::Callee,
            branch: self.branch.clone(),
            bytes,
            hop: self.to.clone().into(),
            large: self.trunk.large_requests,
            timers: timer_values(&self.trunk),
            opens: (method == Method::Invite).then(|| Box::new(self.clone())),
            method,
        })));
    }

    /// A provisional response came: a wanted CANCEL may go now.
    pub fn provisional(&mut self, work: &mut Work<'_>) {
        if let Some(cause) = self.cancelling.heard() {
            self.send_cancel(cause, work);
        }
    }

    /// Takes the INVITE back, as soon as that is allowed.
    pub fn cancel(&mut self, cause: Cause, work: &mut Work<'_>) {
        if let Some(cause) = self.cancelling.want(cause) {
            self.send_cancel(cause, work);
        }
    }

    fn send_cancel(&self, cause: Cause, work: &mut Work<'_>) {
        let bytes = self.request.cancel(&self.own, &self.branch, cause);
        self.transact(Method::Cancel, bytes, work);
    }

    /// CSeq number of the INVITE.
    pub const fn cseq(&self) -> u32 {
        self.request.cseq
    }

    /// The dialog a 2xx makes; `None` when the response cannot make one (a Contact or Record-Route beyond reading).
    pub fn dialog(&self, response: &Response) -> Option<Dialog> {
        Dialog::from_uac(&self.facts(), response).ok()
    }

    fn facts(&self) -> OutgoingRequestFacts {
        OutgoingRequestFacts {
            uri: self.request.uri.clone(),
            from: self.request.from.clone(),
            local_tag: self.local_tag.clone(),
            call_id: self.request.call_id.clone(),
            cseq: self.request.cseq,
            transport: self.trunk.transport,
        }
    }

    /// A 2xx nobody wants any more (CANCEL crossed it, another branch won): ACK it and end it with BYE (RFC 3261 13.2.2.4).
    pub fn end_unwanted(&self, response: &Response, flow: Flow, cause: Cause, work: &mut Work<'_>) {
        let facts = self.facts();
        let mut dialog =
            Dialog::from_uac(&facts, response).unwrap_or_else(|_| Dialog::from_uac_astray(&facts, response));
        // Its early dialog may have had requests of ours.
        dialog.number_above(self.request.cseq.saturating_add(EARLY_REQUESTS));
        let hop = Hop::of(&dialog, &self.trunk, flow);
        let ack = work.branch();
        let bytes = compose::inside(&dialog, &self.own, &ack, self.request.cseq, &Inside::Ack);
        let tag = dialog.remote_tag.clone();
        let ack = Acknowledgement { invite: self.branch.clone(), tag, hop: hop.clone(), bytes };
        work.out.push(Effect::Acknowledge(Box::new(ack)));
        let branch = work.branch();
        let cseq = dialog.next_cseq();
        let bytes =
            compose::inside(&dialog, &self.own, &branch, cseq, &Inside::Bye(&cause.into(), &Credentials::new()));
        work.out.push(Effect::Request(Box::new(ClientRequest {
            side: Side::Callee,
            branch,
            method: Method::Bye,
            bytes,
            hop,
            large: self.trunk.large_requests,
            timers: timer_values(&self.trunk),
            opens: None,
        })));
    }
}
