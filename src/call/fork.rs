//! One early dialog of an INVITE of ours (RFC 3261 12.1): what its party said before an answer, and what we asked it.

use bytes::Bytes;

use super::compose::{self, Inside};
use super::effect::{Branch, ClientRequest, Effect, Work};
use super::hop::Hop;
use super::leg::timer_values;
use super::negotiate::LegMedia;
use super::outgoing::OutgoingInvite;
use super::proof::{Challenge, Credentials};
use super::record::Side;
use super::taken::Taken;
use crate::base::bounds::Bound;
use crate::base::limits::{EARLY_REQUESTS, OPEN_PRACKS};
use crate::dialog::Dialog;
use crate::dialog::reliable::{Place, Receiver};
use crate::media::dtmf::HeardDigit;
use crate::route::provisional::EarlyMediaTrust;
use crate::route::trunk::Trunk;
use crate::sip::flow::Flow;
use crate::sip::header::EarlyMedia;
use crate::sip::{Message, Method, Name, RAck, RSeq, Response};

/// Whether the description of a fork may still change with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Nothing was said, or only in responses that may be lost.
    Open,
    /// It came reliably: it is the answer to our offer (RFC 3262 5).
    Closed,
}

/// Whether a fork is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Here,
    /// It rings no more (199, RFC 6228). Should it answer all the same, that counts.
    Ended,
    /// It said BYE: it has answered, and its 2xx is late or lost.
    Left,
}

/// What a message of a fork changes about what it described before (RFC 5009).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// It may be heard from now on.
    Released,
    /// It may be heard no more.
    Silenced,
    Not,
}

/// See the module.
#[derive(Debug)]
pub struct Fork {
    pub dialog: Dialog,
    hop: Hop,
    received: Receiver,
    /// The description it gave last.
    pub body: Option<Bytes>,
    pub agreement: Agreement,
    pub standing: Standing,
    /// What its network said last of early media, where that counts.
    pub early_media: Option<EarlyMedia>,
    /// What its Allow names.
    pub taken: Taken,
    /// The media of this fork, changed by UPDATE since its answer, while another one is heard.
    pub moved: Option<Box<LegMedia>>,
    pracks: Vec<(Branch, RAck)>,
    sent: u32,
}

impl Fork {
    /// The early dialog that this response makes; `None` when it cannot make one.
    pub fn of(invite: &OutgoingInvite, response: &Response, flow: Flow) -> Option<Fork> {
        let dialog = invite.dialog(response)?;
        let hop = Hop::of(&dialog, &invite.trunk, flow);
        let (received, agreement) = (Receiver::default(), Agreement::Open);
        let (standing, taken, moved) = (Standing::Here, Taken::default(), None);
        Some(Fork {
            dialog,
            hop,
            received,
            body: None,
            agreement,
            standing,
            early_media: None,
            taken,
            moved,
            pracks: Vec::new(),
            sent: 0,
        })
    }

    /// A reliable response came. False: it is neither acknowledged nor read (RFC 3262 4).
    pub fn takes(&mut self, number: RSeq) -> bool {
        if self.pracks.len() >= OPEN_PRACKS {
            Bound::OpenPracks.reached();
            return false;
        }
        self.has_requests_left() && self.received.place(number) == Place::Next
    }

    /// Reads what a response or an UPDATE says of early media, from a trunk of our trust domain.
    pub fn authorise(&mut self, message: &Message, trunk: &Trunk) -> Turned {
        let before = self.is_authorised();
        if trunk.provisional.early_media == EarlyMediaTrust::Trusted
            && let Some(said) = EarlyMedia::of(message)
        {
            self.early_media = Some(said);
        }
        match (before, self.is_authorised()) {
            (false, true) if self.body.is_some() => Turned::Released,
            (true, false) if self.body.is_some() => Turned::Silenced,
            (false | true, _) => Turned::Not,
        }
    }

    /// True when the caller may hear what it describes: whoever says nothing of it may be heard.
    pub fn is_authorised(&self) -> bool {
        self.early_media.is_none_or(EarlyMedia::is_heard)
    }

    /// Keeps what it described. After the answer has come reliably nothing else counts (RFC 6337 3.1.1).
    pub fn describes(&mut self, body: Bytes, agreement: Agreement) -> bool {
        if self.agreement == Agreement::Closed {
            return false;
        }
        (self.body, self.agreement) = (Some(body), agreement);
        true
    }

    /// Acknowledges a reliable response.
    pub fn acknowledge(&mut self, invite: &OutgoingInvite, rack: RAck, work: &mut Work<'_>) {
        self.send_prack(invite, rack, &Credentials::new(), work);
    }

    fn send_prack(&mut self, invite: &OutgoingInvite, rack: RAck, credentials: &Credentials, work: &mut Work<'_>) {
        let branch = work.branch();
        self.request(invite, Method::Prack, branch.clone(), &Inside::Prack(&rack, credentials), work);
        self.pracks.push((branch, rack));
    }

    /// RFC 3311 5.1: only to a party whose Allow has it, of a trunk that may be sent it (MD-72), and that has not had too
    /// many requests of ours.
    pub fn takes_update(&self, invite: &OutgoingInvite) -> bool {
        let is_known = invite.trunk.methods.sends.update && self.taken.takes(&Method::Update) == Some(true);
        is_known && self.has_requests_left()
    }

    /// Sends UPDATE with `offer`; its branch is returned.
    pub fn update(&mut self, invite: &OutgoingInvite, offer: &[u8], work: &mut Work<'_>) -> Branch {
        self.send_update(invite, offer, &Credentials::new(), work)
    }

    /// The same with credentials, after a challenge; `None` when it must not.
    pub fn update_again(
        &mut self,
        invite: &mut OutgoingInvite,
        offer: &[u8],
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> Option<Branch> {
        let credentials = self.credentials(invite, &Method::Update, response, flow, work)?;
        self.has_requests_left().then(|| self.send_update(invite, offer, &credentials, work))
    }

    fn has_requests_left(&self) -> bool {
        let left = self.sent < EARLY_REQUESTS;
        if !left {
            Bound::EarlyRequests.reached();
        }
        left
    }

    fn send_update(
        &mut self,
        invite: &OutgoingInvite,
        offer: &[u8],
        credentials: &Credentials,
        work: &mut Work<'_>,
    ) -> Branch {
        let branch = work.branch();
        self.request(invite, Method::Update, branch.clone(), &Inside::Update(Some(offer), credentials), work);
        branch
    }

    fn credentials(
        &self,
        invite: &mut OutgoingInvite,
        method: &Method,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> Option<Credentials> {
        let challenge = Challenge { response, flow, trunk: &invite.trunk, sent_to: &self.hop.to };
        invite.proof.answer(&challenge, method, &self.dialog.request_path().uri, work)
    }

    fn request(
        &mut self,
        invite: &OutgoingInvite,
        method: Method,
        branch: Branch,
        what: &Inside<'_>,
        work: &mut Work<'_>,
    ) {
        self.sent = self.sent.saturating_add(1);
        let cseq = self.dialog.next_cseq();
        let bytes = compose::inside(&self.dialog, &invite.own, &branch, cseq, what);
        work.out.push(Effect::Request(Box::new(ClientRequest {
            side: Side::Callee,
            branch,
            method,
            bytes,
            hop: self.hop.clone(),
            large: invite.trunk.large_requests,
            timers: timer_values(&invite.trunk),
            opens: None,
        })));
    }

    /// An INFO reaches its party before the answer: its Allow names it, and it has not had too many requests of ours.
    pub fn takes_info(&self) -> bool {
        self.standing == Standing::Here && self.has_requests_left() && self.taken.takes(&Method::Info) == Some(true)
    }

    /// Sends a digit as INFO; its branch is returned.
    pub fn tell_digit(&mut self, invite: &OutgoingInvite, digit: HeardDigit, work: &mut Work<'_>) -> Branch {
        let branch = work.branch();
        self.request(invite, Method::Info, branch.clone(), &Inside::Digit(digit, &Credentials::new()), work);
        branch
    }

    /// True when this PRACK of ours waits for its answer here.
    pub fn awaits(&self, branch: &Branch) -> bool {
        self.pracks.iter().any(|(open, _)| open == branch)
    }

    /// A PRACK of ours has its final answer, or will never have one.
    pub fn acknowledged(&mut self, branch: &Branch) {
        self.pracks.retain(|(open, _)| open != branch);
    }

    /// The peer wants to know who sends the PRACK: it goes again with credentials. False when it must not.
    pub fn prove(
        &mut self,
        invite: &mut OutgoingInvite,
        branch: &Branch,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> bool {
        let Some((_, rack)) = self.pracks.iter().find(|(open, _)| open == branch).cloned() else { return false };
        self.acknowledged(branch);
        match self.credentials(invite, &Method::Prack, response, flow, work) {
            Some(credentials) if self.has_requests_left() => {
                self.send_prack(invite, rack, &credentials, work);
                true
            }
            Some(_) | None => false,
        }
    }
}

/// Number of a response that is sent reliably; `None` for any other.
pub fn reliable_number(response: &Response) -> Option<RSeq> {
    let number = response.message.header(Name::RSeq)?;
    let required = response.message.has_token(Name::Require, compose::RELIABLE);
    RSeq::parse(&number).ok().filter(|_| required)
}
