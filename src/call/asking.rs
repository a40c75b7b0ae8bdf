//! Requests of ours that change or refresh a leg's session: re-INVITE (RFC 3261 14) and UPDATE (RFC 3311). They go again
//! with credentials (401, 407), with a longer interval (422), or the one instead of the other (405, 501, 504).

use bytes::Bytes;

use super::anonymity::Anonymity;
use super::cancelling::Cancelling;
use super::cause::Cause;
use super::compose::{Carried, Inside};
use super::effect::{Branch, Work};
use super::leg::{Leg, Pending};
use super::parting::Parting;
use super::proof::{Challenge, Credentials};
use crate::dialog::session_timer::{Said, SessionTimer};
use crate::media::dtmf::HeardDigit;
use crate::route::methods::ReinviteAs;
use crate::sip::flow::Flow;
use crate::sip::{Method, Name, Response, Status};

/// How a party is asked to change the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Invite,
    /// It must be answered at once (RFC 3311 5.2).
    Update,
}

impl Change {
    pub const fn method(self) -> Method {
        match self {
            Change::Invite => Method::Invite,
            Change::Update => Method::Update,
        }
    }

    /// Of a request; everything but UPDATE is treated as INVITE.
    pub fn of(method: &Method) -> Change {
        if *method == Method::Update { Change::Update } else { Change::Invite }
    }
}

/// A request of ours with an offer, without a final answer.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub branch: Branch,
    by: Change,
    cseq: u32,
    offer: Bytes,
    pub cancelling: Cancelling,
}

/// What one of our requests was, to send it again.
enum Asked {
    Change(Change, Bytes),
    Refresh,
    Bye(Parting),
    Digit(HeardDigit),
}

impl Asked {
    const fn method(&self) -> Method {
        match self {
            Asked::Change(by, _) => by.method(),
            Asked::Refresh => Method::Update,
            Asked::Bye(_) => Method::Bye,
            Asked::Digit(_) => Method::Info,
        }
    }
}

impl Leg {
    // ---- which request

    /// How this peer is asked for what its partner's request asks for: as the partner asked where that is possible, by
    /// re-INVITE where the peer knows no UPDATE or must not be sent one (MD-72).
    pub fn change_for(&self, partner: Change) -> Change {
        match (partner, self.trunk.methods.reinvites) {
            (Change::Update, _) | (Change::Invite, ReinviteAs::Update) if self.takes_update() => Change::Update,
            (Change::Update | Change::Invite, _) => Change::Invite,
        }
    }

    /// RFC 3311 5.1: only to a peer whose Allow has it.
    pub fn takes_update(&self) -> bool {
        self.trunk.methods.sends.update && self.taken.takes(&Method::Update) == Some(true)
    }

    // ---- sending

    /// Sends a re-INVITE or UPDATE with `offer`; its branch is returned.
    pub fn ask_change(&mut self, by: Change, offer: &[u8], work: &mut Work<'_>) -> Branch {
        self.proof.begin();
        self.send_change(by, Bytes::copy_from_slice(offer), &Credentials::new(), work)
    }

    /// UPDATE with `offer` went out before the answer of the call under this branch, and has none yet.
    pub fn awaits_update(&mut self, branch: Branch, offer: Bytes) {
        let cseq = self.dialog.last_cseq();
        self.asking =
            Some(Box::new(Asking { branch, by: Change::Update, cseq, offer, cancelling: Cancelling::Unheard }));
    }

    /// Sends a re-INVITE with `offer`; its branch is returned.
    pub fn invite_again(&mut self, offer: &[u8], work: &mut Work<'_>) -> Branch {
        self.ask_change(Change::Invite, offer, work)
    }

    fn send_change(&mut self, by: Change, offer: Bytes, credentials: &Credentials, work: &mut Work<'_>) -> Branch {
        let cseq = self.dialog.next_cseq();
        let fields = self.with_session(credentials);
        let what = match by {
            Change::Invite => Inside::Invite(&offer, &fields),
            Change::Update => Inside::Update(Some(&offer), &fields),
        };
        let branch = self.request(by.method(), cseq, &what, work);
        let asking = Asking { branch: branch.clone(), by, cseq, offer, cancelling: Cancelling::Unheard };
        self.asking = Some(Box::new(asking));
        branch
    }

    /// Refreshes the session by UPDATE without a description (RFC 4028 7.4).
    pub fn refresh_by_update(&mut self, work: &mut Work<'_>) {
        self.proof.begin();
        self.send_refresh(&Credentials::new(), work);
    }

    fn send_refresh(&mut self, credentials: &Credentials, work: &mut Work<'_>) -> Branch {
        let cseq = self.dialog.next_cseq();
        let fields = self.with_session(credentials);
        let branch = self.request(Method::Update, cseq, &Inside::Update(None, &fields), work);
        self.refreshing = Some(Box::new(branch.clone()));
        branch
    }

    fn with_session(&self, credentials: &Credentials) -> Credentials {
        self.session.asking().into_iter().chain(credentials.iter().cloned()).collect()
    }

    /// Takes our re-INVITE back, as soon as that is allowed. An UPDATE cannot be taken back.
    pub fn cancel(&mut self, cause: Cause, work: &mut Work<'_>) {
        let asking = self.asking.as_mut().filter(|asking| asking.by == Change::Invite);
        if let Some(cause) = asking.and_then(|asking| asking.cancelling.want(cause)) {
            self.send_cancel(cause, work);
        }
    }

    fn send_cancel(&self, cause: Cause, work: &mut Work<'_>) {
        let Some(asking) = &self.asking else { return };
        let (branch, cseq) = (asking.branch.clone(), asking.cseq);
        self.transact(Method::Cancel, cseq, branch, &Inside::Cancel(cause), work);
    }

    // ---- sending again

    /// A 401 or 407 to a request of ours: it goes again with credentials, under the branch that is given. `None`: it
    /// must not, or nobody waits for its answer any more.
    pub fn prove(&mut self, branch: &Branch, response: &Response, flow: Flow, work: &mut Work<'_>) -> Option<Branch> {
        let asked = self.asked(branch)?;
        let credentials = self.credentials(&asked.method(), response, flow, work)?;
        Some(match asked {
            Asked::Change(by, offer) => self.send_change(by, offer, &credentials, work),
            Asked::Refresh => self.send_refresh(&credentials, work),
            Asked::Bye(parting) => self.send_bye_with(parting, &credentials, work),
            Asked::Digit(digit) => self.send_digit_with(digit, &credentials, work),
        })
    }

    /// Our answer to a challenge of this leg's peer; `None`: it gets none.
    pub fn credentials(
        &mut self,
        method: &Method,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> Option<Credentials> {
        let uri = self.dialog.request_path().uri;
        let challenge = Challenge { response, flow, trunk: &self.trunk, sent_to: &self.hop.to };
        self.proof.answer(&challenge, method, &uri, work)
    }

    /// The same for a request that somebody else keeps: `carried` goes again with credentials.
    pub fn prove_carried(
        &mut self,
        carried: &Carried,
        response: &Response,
        flow: Flow,
        work: &mut Work<'_>,
    ) -> Option<Branch> {
        let credentials = self.credentials(&carried.method, response, flow, work)?;
        let mut proven = carried.clone();
        let field = |(name, value): (Name, Vec<u8>)| (Bytes::from_static(name.as_str().as_bytes()), value.into());
        proven.headers.extend(credentials.into_iter().map(field));
        Some(self.ask_with_proof(&Inside::Carried(&proven), work))
    }

    fn asked(&self, branch: &Branch) -> Option<Asked> {
        if let Some(asking) = self.asking.as_ref().filter(|asking| asking.branch == *branch) {
            return (!asking.cancelling.is_unwanted()).then(|| Asked::Change(asking.by, asking.offer.clone()));
        }
        if self.refreshes_by(branch) {
            return Some(Asked::Refresh);
        }
        self.ends_by(branch).cloned().map(Asked::Bye).or_else(|| self.digits.told_by(branch).map(Asked::Digit))
    }

    /// 422 (RFC 4028 7.3): it goes again with the interval the peer wants. `None`: that is no longer one than before.
    pub fn ask_longer(&mut self, branch: &Branch, response: &Response, work: &mut Work<'_>) -> Option<Branch> {
        let asked = self.asked(branch)?;
        if !self.session.refused(&Said::of(&response.message)) {
            return None;
        }
        match asked {
            Asked::Change(by, offer) => Some(self.send_change(by, offer, &Credentials::new(), work)),
            Asked::Refresh => Some(self.send_refresh(&Credentials::new(), work)),
            Asked::Bye(_) | Asked::Digit(_) => None,
        }
    }

    /// Our UPDATE with an offer was refused as a method, or because its answer needs a person (RFC 3311 5.2): a re-INVITE
    /// goes instead.
    pub fn ask_by_invite(&mut self, branch: &Branch, status: Status, work: &mut Work<'_>) -> Option<Branch> {
        let asking = self.asking.as_ref().filter(|asking| asking.branch == *branch && asking.by == Change::Update)?;
        let offer = asking.offer.clone();
        match status.code() {
            405 | 501 => self.taken.refuse(&Method::Update),
            504 => {}
            _ => return None,
        }
        Some(self.send_change(Change::Invite, offer, &Credentials::new(), work))
    }

    // ---- answers

    /// A response to our re-INVITE or UPDATE came: a provisional one lets a waiting CANCEL go, a final one is the end
    /// of it.
    pub fn answered(&mut self, branch: &Branch, status: Status, work: &mut Work<'_>) {
        let Some(asking) = self.asking.as_mut().filter(|asking| asking.branch == *branch) else { return };
        if status.is_final() {
            self.asking = None;
        } else if let Some(cause) = asking.cancelling.heard() {
            self.send_cancel(cause, work);
        }
    }

    /// Our re-INVITE or UPDATE will not be answered.
    pub fn unanswered(&mut self, branch: &Branch) {
        self.asking.take_if(|asking| asking.branch == *branch);
    }

    /// True for our UPDATE without a description.
    pub fn refreshes_by(&self, branch: &Branch) -> bool {
        self.refreshing.as_deref() == Some(branch)
    }

    /// The 2xx that made the dialog: what its INVITE asked of the session is agreed.
    pub fn begins(&mut self, session: SessionTimer, response: &Response, work: &Work<'_>) {
        self.session = session;
        self.session.answered(work.now.instant, &Said::of(&response.message));
        self.taken.hear(&response.message);
        self.anonymity = Anonymity::of_answer(response);
    }

    /// A 2xx to a re-INVITE or UPDATE of ours: the session lives on, and the peer may be reached elsewhere.
    pub fn follow_answer(&mut self, response: &Response, flow: Flow, work: &Work<'_>) {
        self.follow(&response.cseq.method, &response.message, flow);
        self.session.answered(work.now.instant, &Said::of(&response.message));
    }

    /// Whether the peer's INVITE or UPDATE asks for a session that may be.
    ///
    /// # Errors
    /// It is refused with 422 and this Min-SE.
    pub fn session_of(&self, asked: &Pending) -> Result<(), u32> {
        self.session.check(&asked.session).map_err(|too_small| too_small.0)
    }
}
