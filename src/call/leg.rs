//! One leg of a call: its dialog, its media, and what still waits for an answer on it.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::anonymity::Anonymity;
use super::asking::{Asking, Change};
use super::attempt::Word;
use super::cause::Cause;
use super::compose::{self, Inside};
use super::digits::DigitLine;
use super::effect::{Acknowledgement, Branch, ClientRequest, Effect, Work};
use super::event::CallEvent;
use super::hop::Hop;
use super::media_end::MediaEnd;
use super::negotiate::{KeptMedia, LegMedia};
use super::own_address::{KeptAddress, OwnAddress};
use super::parting::Parting;
use super::passed::Passed;
use super::proof::{Credentials, Proof};
use super::record::Side;
use super::taken::Taken;
use crate::base::ids::{EndpointId, TransactionId};
use crate::dialog::reliable::Sender;
use crate::dialog::session_timer::{Said, SessionTimer};
use crate::dialog::{Dialog, DialogKey};
use crate::media::dtmf::HeardDigit;
use crate::media::plan::AddressRules;
use crate::route::media::TrunkDtmf;
use crate::route::trunk::Trunk;
use crate::sip::auth::KeptNonces;
use crate::sip::flow::Flow;
use crate::sip::{Message, Method, Request, Response, ResponseHead, Status};
use crate::transaction::{AcceptedAction, AcceptedRetransmission, TimerValues};

/// A request of a peer that we have not answered finally yet.
#[derive(Clone, Debug)]
pub struct Pending {
    pub transaction: TransactionId,
    pub head: ResponseHead,
    /// Number of its CSeq.
    pub cseq: u32,
    /// For an INVITE or UPDATE: which of them, and what it says of session timers.
    pub by: Change,
    pub session: Said,
}

impl Pending {
    /// `transaction` was opened for `request`, which came in on `flow`.
    pub fn new(transaction: TransactionId, request: &Request, flow: Flow) -> Pending {
        Pending::with_head(transaction, request, ResponseHead::new(request, flow.remote))
    }

    /// The same for a request whose answers have had a head already.
    pub fn with_head(transaction: TransactionId, request: &Request, head: ResponseHead) -> Pending {
        Pending {
            transaction,
            head,
            cseq: request.cseq.number,
            by: Change::of(&request.method),
            session: Said::of(&request.message),
        }
    }
}

/// Our 2xx to an INVITE, repeated until its ACK comes (RFC 3261 13.3.1.4).
#[derive(Clone, Debug)]
struct Accepted {
    cseq: u32,
    transaction: TransactionId,
    repeat: AcceptedRetransmission,
}

/// How far the leg's end has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// The dialog lives (or never came to be).
    Open,
    /// BYE waits for the ACK of our 2xx (RFC 3261 15: a called party's agent sends no BYE before it).
    ByeWanted(Parting),
    /// Our BYE is out.
    ByeSent(Branch, Parting),
    Over,
}

/// One side of a call.
#[derive(Clone, Debug)]
pub struct Leg {
    pub side: Side,
    pub trunk: Arc<Trunk>,
    pub own: OwnAddress,
    pub dialog: Dialog,
    pub media: MediaEnd,
    pub proof: Proof,
    pub session: SessionTimer,
    /// What the peer says it takes.
    pub taken: Taken,
    /// Whether whoever comes into the call may learn who the peer is.
    pub anonymity: Anonymity,
    /// Where the peer's last message came from, and where requests of this dialog go.
    flow: Flow,
    pub(super) hop: Hop,
    /// Boxed like what follows: of a held call nothing of it is there.
    accepted: Option<Box<Accepted>>,
    /// A re-INVITE or UPDATE of ours with an offer.
    pub(super) asking: Option<Box<Asking>>,
    /// Our UPDATE without one.
    pub(super) refreshing: Option<Box<Branch>>,
    pub(super) digits: DigitLine,
    /// What was said before the answer, for a caller that acknowledges it.
    pub(super) reliable: Option<Box<Sender>>,
    ending: Ending,
}

/// What a checkpoint keeps of a leg.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptLeg {
    /// The trunk's name: its settings are those of the configuration it is restored under.
    pub trunk: Arc<str>,
    pub dialog: Dialog,
    flow: Flow,
    pub endpoint: EndpointId,
    media: KeptMedia,
    nonces: Option<KeptNonces>,
    session: SessionTimer,
    taken: Taken,
    anonymity: Anonymity,
    own: KeptAddress,
}

/// The transaction timers of a trunk.
pub fn timer_values(trunk: &Trunk) -> TimerValues {
    TimerValues { t1: trunk.timers.t1, t2: trunk.timers.t2, t4: trunk.timers.t4 }
}

impl Leg {
    /// A leg whose dialog exists; `flow` is where its peer's last message came from.
    pub fn new(side: Side, trunk: Arc<Trunk>, own: OwnAddress, dialog: Dialog, media: MediaEnd, flow: Flow) -> Leg {
        let hop = Hop::of(&dialog, &trunk, flow);
        let (proof, session) = (Proof::of(&trunk), SessionTimer::new(trunk.session_timer));
        Leg {
            side,
            trunk,
            own,
            dialog,
            media,
            proof,
            session,
            taken: Taken::default(),
            anonymity: Anonymity::default(),
            flow,
            hop,
            accepted: None,
            asking: None,
            refreshing: None,
            digits: DigitLine::default(),
            reliable: None,
            ending: Ending::Open,
        }
    }

    /// The peer refreshes its target, or sends on another flow: requests go there from now on. A Contact that cannot be
    /// used leaves the target as it was.
    pub fn follow(&mut self, method: &Method, message: &Message, flow: Flow) {
        let _ = self.dialog.follow(method, message);
        self.taken.hear(message);
        self.flow = flow;
        self.hop = Hop::of(&self.dialog, &self.trunk, flow);
    }

    /// Where the peer's last message came from.
    pub const fn heard_from(&self) -> SocketAddr {
        self.flow.remote
    }

    /// What a checkpoint keeps. `None` while something of the leg waits: an answer, an ACK, a digit, its end.
    pub fn kept(&self) -> Option<KeptLeg> {
        let waits = self.accepted.is_some() || self.asking.is_some() || self.refreshing.is_some();
        let is_stable = !waits && self.reliable.is_none() && self.digits.is_idle() && self.ending == Ending::Open;
        let media = self.media.media.kept().filter(|_| is_stable && self.media.is_open())?;
        Some(KeptLeg {
            trunk: Arc::clone(&self.trunk.name),
            dialog: self.dialog.clone(),
            flow: self.flow,
            endpoint: self.media.endpoint(),
            media,
            nonces: self.proof.kept(),
            session: self.session.clone(),
            taken: self.taken,
            anonymity: self.anonymity,
            own: self.own.kept(&self.trunk),
        })
    }

    /// A leg as it was kept, on its trunk.
    pub fn restored(kept: KeptLeg, side: Side, trunk: Arc<Trunk>, rules: Arc<AddressRules>) -> Leg {
        let media = LegMedia::restored(kept.media, Arc::clone(&trunk.media), rules);
        let proof = Proof::restored(&trunk, kept.nonces);
        let (own, media) = (OwnAddress::restored(kept.own, &trunk), MediaEnd::restored(media, kept.endpoint));
        let leg = Leg::new(side, trunk, own, kept.dialog, media, kept.flow);
        Leg { proof, session: kept.session, taken: kept.taken, anonymity: kept.anonymity, ..leg }
    }

    /// The key under which in-dialog requests of this leg's peer arrive.
    pub fn key(&self) -> DialogKey {
        self.dialog.key()
    }

    // ---- what we send

    /// Sends UPDATE with `offer` before the answer; its branch is returned.
    pub fn update(&mut self, offer: &[u8], work: &mut Work<'_>) -> Branch {
        self.ask(&Inside::Update(Some(offer), &Credentials::new()), work)
    }

    /// The same with credentials, after a challenge; `None` when it must not.
    pub fn update_again(
        &mut self,
        offer: &[u8],
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> Option<Branch> {
        let credentials = self.credentials(&Method::Update, response, flow, work)?;
        Some(self.ask_with_proof(&Inside::Update(Some(offer), &credentials), work))
    }

    /// Acknowledges the 2xx to our INVITE with `branch` and `cseq`.
    pub fn acknowledge(&self, invite: &Branch, cseq: u32, work: &mut Work<'_>) {
        let branch = work.branch();
        let bytes = compose::inside(&self.dialog, &self.own, &branch, cseq, &Inside::Ack);
        let tag = self.dialog.remote_tag.clone();
        let ack = Acknowledgement { invite: invite.clone(), tag, hop: self.hop.clone(), bytes };
        work.out.push(Effect::Acknowledge(Box::new(ack)));
    }

    /// Tells this leg's peer a digit: by INFO, or through the relay, as its trunk wants it.
    pub fn tell_digit(&mut self, digit: HeardDigit, work: &mut Work<'_>) {
        if self.is_over() {
            return;
        }
        match self.media.media.dtmf() {
            TrunkDtmf::Info => {
                self.keep_digit(digit, work);
                self.send_digit(work);
            }
            TrunkDtmf::Rfc4733 | TrunkDtmf::Inband => self.media.play_digit(digit, work),
        }
    }

    /// Tells a caller a digit before it is answered. RFC 6086 4.2.2: by INFO in its early dialog, which it has once it is
    /// `heard_of` something, and where its Allow has INFO; else the digit waits for the answer.
    pub fn tell_digit_early(&mut self, digit: HeardDigit, heard_of: Word, work: &mut Work<'_>) {
        let takes_info = heard_of == Word::Said && self.taken.takes(&Method::Info) == Some(true);
        match self.media.media.dtmf() {
            TrunkDtmf::Info if !takes_info => self.keep_digit(digit, work),
            TrunkDtmf::Info | TrunkDtmf::Rfc4733 | TrunkDtmf::Inband => self.tell_digit(digit, work),
        }
    }

    fn keep_digit(&mut self, digit: HeardDigit, work: &mut Work<'_>) {
        if !self.digits.push(digit) {
            let trunk = Arc::clone(&self.trunk.name);
            work.out.push(Effect::Event(CallEvent::DigitLost { trunk }));
        }
    }

    /// It is answered: a digit that waited for that goes.
    pub fn tell_kept_digits(&mut self, work: &mut Work<'_>) {
        self.send_digit(work);
    }

    /// Our INFO has its final answer, or will never have one: the next digit goes.
    pub fn digit_told(&mut self, branch: &Branch, work: &mut Work<'_>) {
        if self.digits.answered(branch) {
            self.send_digit(work);
        }
    }

    /// Digits that were pressed before the answer.
    pub fn take_digits(&mut self, digits: DigitLine, work: &mut Work<'_>) {
        self.digits = digits;
        self.send_digit(work);
    }

    fn send_digit(&mut self, work: &mut Work<'_>) {
        if let Some(digit) = self.digits.next() {
            self.proof.begin();
            self.send_digit_with(digit, &Credentials::new(), work);
        }
    }

    pub(super) fn send_digit_with(
        &mut self,
        digit: HeardDigit,
        credentials: &Credentials,
        work: &mut Work<'_>,
    ) -> Branch {
        let cseq = self.dialog.next_cseq();
        let branch = self.request(Method::Info, cseq, &Inside::Digit(digit, credentials), work);
        self.digits.sent(branch.clone(), digit);
        branch
    }

    /// Sends a request of another kind inside the dialog; its branch is returned.
    pub fn ask(&mut self, what: &Inside<'_>, work: &mut Work<'_>) -> Branch {
        self.proof.begin();
        self.ask_with_proof(what, work)
    }

    /// The same for a request that was challenged and goes again.
    pub fn ask_with_proof(&mut self, what: &Inside<'_>, work: &mut Work<'_>) -> Branch {
        let cseq = self.dialog.next_cseq();
        self.request(what.method(), cseq, what, work)
    }

    /// True when this leg waits for the answer to the request with this branch.
    pub fn awaits(&self, branch: &Branch) -> bool {
        self.asking.as_ref().is_some_and(|asking| asking.branch == *branch)
            || self.refreshes_by(branch)
            || self.ends_by(branch).is_some()
    }

    pub(super) fn request(&mut self, method: Method, cseq: u32, what: &Inside<'_>, work: &mut Work<'_>) -> Branch {
        let branch = work.branch();
        self.transact(method, cseq, branch.clone(), what, work);
        branch
    }

    pub(super) fn transact(&self, method: Method, cseq: u32, branch: Branch, what: &Inside<'_>, work: &mut Work<'_>) {
        let bytes = compose::inside(&self.dialog, &self.own, &branch, cseq, what);
        work.out.push(Effect::Request(Box::new(ClientRequest {
            side: self.side,
            branch,
            method,
            bytes,
            hop: self.hop.clone(),
            large: self.trunk.large_requests,
            timers: timer_values(&self.trunk),
            opens: None,
        })));
    }

    /// Accepts an INVITE or UPDATE of this leg's peer with 200 and `body`; to an INVITE it is repeated until the ACK comes.
    pub fn accept(&mut self, invite: &Pending, body: &[u8], work: &mut Work<'_>) {
        self.accept_with(invite, &Passed::new(), Some(body), work);
    }

    /// The same with headers that pass; without a body when the session was agreed on before the answer (RFC 3262 5).
    pub fn accept_with(&mut self, invite: &Pending, passed: &Passed, body: Option<&[u8]>, work: &mut Work<'_>) {
        self.said_finally();
        let fields = self.session.accept(work.now.instant, &invite.session);
        let bytes = compose::accepting_response(&invite.head, &self.dialog, &self.own, &fields, (passed, body));
        match invite.by {
            Change::Invite => {
                let repeat = AcceptedRetransmission::start(work.now.instant, bytes.clone(), timer_values(&self.trunk));
                let accepted = Accepted { cseq: invite.cseq, transaction: invite.transaction, repeat };
                self.accepted = Some(Box::new(accepted));
            }
            Change::Update => {}
        }
        work.out.push(Effect::Respond { transaction: invite.transaction, status: Status::OK, bytes });
    }

    // ---- the ACK of our 2xx

    /// An ACK came. True when it acknowledged the 2xx we are waiting with.
    pub fn acknowledged(&mut self, cseq: u32, work: &mut Work<'_>) -> bool {
        if self.accepted.as_ref().is_none_or(|accepted| accepted.cseq != cseq) {
            return false;
        }
        self.accepted = None;
        if let Ending::ByeWanted(parting) = &self.ending {
            self.send_bye(parting.clone(), work);
        }
        true
    }

    /// True while a 2xx of ours lacks its ACK: no INVITE of ours may go to this peer (RFC 3261 14.1).
    pub const fn awaits_ack(&self) -> bool {
        self.accepted.is_some()
    }

    /// When the 2xx, or what was said before it, must be sent again or given up.
    pub fn next_timeout(&self) -> Option<crate::base::Instant> {
        let accepted = self.accepted.as_ref().and_then(|accepted| accepted.repeat.next_timeout());
        let said = self.reliable.as_ref().and_then(|sender| sender.next_timeout());
        [accepted, said].into_iter().flatten().min()
    }

    /// Sends the 2xx again when it is due. True when no ACK came in 64*T1: the call must end.
    pub fn timeout(&mut self, work: &mut Work<'_>) -> bool {
        let Some(accepted) = &mut self.accepted else { return false };
        let mut actions = Vec::new();
        accepted.repeat.timeout(work.now.instant, &mut actions);
        let mut given_up = false;
        for action in actions {
            match action {
                // Through its transaction, which knows the way back and lives as long as the repetition (RFC 6026 8.5).
                AcceptedAction::Transmit(bytes) => {
                    work.out.push(Effect::Respond { transaction: accepted.transaction, status: Status::OK, bytes });
                }
                AcceptedAction::NoAck => given_up = true,
            }
        }
        if given_up {
            self.accepted = None;
        }
        given_up
    }

    // ---- the end

    /// Ends the dialog with BYE: at once, or after the ACK of our 2xx.
    pub fn end(&mut self, parting: impl Into<Parting>, work: &mut Work<'_>) {
        match self.ending {
            Ending::Open if self.accepted.is_some() => self.ending = Ending::ByeWanted(parting.into()),
            Ending::Open => self.send_bye(parting.into(), work),
            Ending::ByeWanted(_) | Ending::ByeSent(..) | Ending::Over => {}
        }
    }

    /// The 64*T1 for the ACK are over: a BYE that waited goes now.
    pub fn end_without_ack(&mut self, cause: Cause, work: &mut Work<'_>) {
        match &self.ending {
            Ending::Open => self.send_bye(cause.into(), work),
            Ending::ByeWanted(parting) => self.send_bye(parting.clone(), work),
            Ending::ByeSent(..) | Ending::Over => {}
        }
    }

    fn send_bye(&mut self, parting: Parting, work: &mut Work<'_>) {
        self.accepted = None;
        self.proof.begin();
        self.send_bye_with(parting, &Credentials::new(), work);
    }

    pub(super) fn send_bye_with(&mut self, parting: Parting, credentials: &Credentials, work: &mut Work<'_>) -> Branch {
        let cseq = self.dialog.next_cseq();
        let branch = self.request(Method::Bye, cseq, &Inside::Bye(&parting, credentials), work);
        self.ending = Ending::ByeSent(branch.clone(), parting);
        branch
    }

    /// The peer ended the dialog, or there is none to end.
    pub fn is_over_now(&mut self) {
        self.session.stop();
        self.said_finally();
        self.accepted = None;
        self.ending = Ending::Over;
    }

    /// True when the dialog is no more.
    pub fn is_over(&self) -> bool {
        self.ending == Ending::Over
    }

    /// The leg belongs to another call from now on: this copy of it holds nothing.
    pub fn moved_away(&mut self) {
        self.is_over_now();
        self.asking = None;
        self.refreshing = None;
        self.media.forget();
    }

    /// Why our BYE with this branch went.
    pub(super) fn ends_by(&self, branch: &Branch) -> Option<&Parting> {
        match &self.ending {
            Ending::ByeSent(sent, parting) if sent == branch => Some(parting),
            Ending::Open | Ending::ByeWanted(_) | Ending::ByeSent(..) | Ending::Over => None,
        }
    }

    /// A final answer (or silence) to our BYE. True when `branch` was it.
    pub fn bye_done(&mut self, branch: &Branch) -> bool {
        let ours = matches!(&self.ending, Ending::ByeSent(sent, _) if sent == branch);
        if ours {
            self.ending = Ending::Over;
        }
        ours
    }

    /// True when neither dialog nor endpoint of this leg is left, and no INVITE of ours may still be answered in it
    /// (RFC 5407 3.2.3: a 200 that crosses our BYE gets its ACK).
    pub fn is_done(&self) -> bool {
        self.ending == Ending::Over && self.asking.is_none() && self.media.is_gone()
    }

    /// Gives up waiting for anything: the guard timer's last resort.
    pub fn forget(&mut self, work: &mut Work<'_>) {
        self.is_over_now();
        if let Some(asking) = self.asking.take() {
            work.out.push(Effect::Abandon { branch: asking.branch });
        }
        self.media.forget();
    }
}
