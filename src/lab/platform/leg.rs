//! One dialog of a station: what scripts do with it, and what it does by itself when the SBC asks (RFC 3261 12, 13, 15).

mod reacting;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use self::reacting::Writing;
use super::manner::{Dress, Line, dressed, hex};
use super::station::{Delivery, Shared, Station, lock};
use super::text::Text;
use super::wire::From;
use crate::lab::endpoint::Endpoint;
use crate::lab::sdp::Direction;
use crate::lab::session::{Rollover, Session};
use crate::lab::signal::Signal;
use crate::lab::srtp::Suite;
use crate::lab::streams::Origin;

/// Messages that wait for a script.
const QUEUE: usize = 256;
/// For one signalling step.
pub const STEP: Duration = Duration::from_secs(8);

/// The side of a call that is shared with the dispatcher.
pub(super) struct Core {
    shared: Arc<Shared>,
    call_id: String,
    state: Mutex<State>,
    tell: mpsc::Sender<Delivery>,
}

/// Who answers a re-INVITE of the SBC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reoffers {
    /// The leg, at once.
    Answered,
    /// The script.
    Scripted,
}

struct State {
    /// Name-addr with our tag.
    local: String,
    /// Name-addr, with a tag once it is known.
    remote: String,
    target: String,
    routes: Vec<String>,
    contact: String,
    cseq: u32,
    session: Session,
    /// Our last description as it was sent.
    described: String,
    /// CSeq of our last INVITE.
    invited: u32,
    /// Our INVITE without a final answer.
    open_invite: Option<Sent>,
    /// It had no offer: theirs comes in the 200.
    offerless: bool,
    /// Their first INVITE.
    invite: Option<Delivery>,
    answered: bool,
    reoffers: Reoffers,
    /// Requests of theirs answered by a 2xx with an offer of ours: the ACK has the answer.
    offered_in_answer: bool,
}

/// A request of ours under way.
#[derive(Clone, Debug)]
pub struct Sent {
    pub cseq: u32,
    pub branch: String,
    /// The whole Via value: CANCEL and the ACK of a failure repeat it (RFC 3261 9.1, 17.1.1.3).
    pub via: String,
    pub origin: Origin,
}

/// A call a script makes.
pub struct Invitation<'a> {
    pub user: &'a str,
    pub caller: &'a str,
    /// Instead of the manner's Request-URI.
    pub uri: Option<String>,
    /// Instead of the manner's From, without tag.
    pub from: Option<String>,
    pub more: Vec<Line>,
    pub offer: Offer,
    pub leaves: From,
}

/// What an INVITE of a script carries.
pub enum Offer {
    Usual,
    /// The usual one of a party that knows no ICE.
    Unchecked,
    /// No description: the SBC offers (RFC 3261 13.2.1).
    None,
    /// The usual one with a key of this suite and no other.
    Alone(Suite),
    /// The usual description, changed.
    Changed(fn(&str) -> String),
    /// A multipart body made from the usual description: content type and body.
    Wrapped(fn(&str) -> (String, String)),
}

impl<'a> Invitation<'a> {
    /// A plain call.
    #[must_use]
    pub fn new(user: &'a str, caller: &'a str) -> Invitation<'a> {
        let (more, offer, leaves) = (Vec::new(), Offer::Usual, From::AnyAddress);
        Invitation { user, caller, uri: None, from: None, more, offer, leaves }
    }
}

/// One dialog in the hands of a script.
pub struct Leg {
    core: Arc<Core>,
    inbox: mpsc::Receiver<Delivery>,
    backlog: VecDeque<Delivery>,
    signal: Signal,
    endpoint: Arc<Endpoint>,
}

impl Drop for Leg {
    fn drop(&mut self) {
        self.endpoint.stream().set_sending(false);
        // The dialog stays known for a while: the SBC may still ask, and is answered.
    }
}

impl Leg {
    /// Places a call.
    ///
    /// # Errors
    /// No media port, or no connection to the SBC.
    pub async fn dial(station: &Station, wish: Invitation<'_>) -> Result<Leg, String> {
        let shared = station.shared().clone();
        let (mut session, signal) = shared.session().await?;
        let endpoint = session.endpoint().clone();
        let manner = &shared.manner;
        let place = shared.sbc_place();
        let target = wish.uri.unwrap_or_else(|| shared.fill(manner.calls, wish.user));
        let from = wish.from.unwrap_or_else(|| shared.fill(manner.from, wish.caller));
        let with = manner.calls_with.iter().map(|(name, value)| (*name, shared.fill(value, wish.caller)));
        let with: Vec<Line> = with.collect();
        if matches!(wish.offer, Offer::Unchecked) {
            session.leave_ice();
        }
        let mut dress = manner.dress;
        if let Offer::Alone(suite) = wish.offer {
            session.speak(suite);
            dress = Dress::Plain;
        }
        let described = dressed(&session.offer(Direction::SendReceive), dress);
        let call_id = hex::<16>();
        let state = State {
            local: format!("{from};tag={}", hex::<8>()),
            remote: format!("<{}>", target.replace(";transport=tls", "")),
            target,
            routes: Vec::new(),
            contact: manner.fill(manner.contact, wish.caller, &place),
            cseq: 0,
            session,
            described: described.clone(),
            invited: 0,
            open_invite: None,
            offerless: false,
            invite: None,
            answered: false,
            reoffers: Reoffers::Answered,
            offered_in_answer: false,
        };
        let leg = Leg::open(shared, call_id, state, signal, endpoint);
        let mut more = leg.dialog_lines();
        // What a script writes itself is not written twice.
        let spoken: Vec<&str> = wish.more.iter().map(|(name, _)| *name).collect();
        more.extend(with.into_iter().filter(|(name, _)| !spoken.contains(name)));
        more.extend(wish.more);
        let body = match wish.offer {
            Offer::Usual | Offer::Unchecked | Offer::Alone(_) => Some(("application/sdp".to_owned(), described)),
            Offer::None => None,
            Offer::Changed(change) => Some(("application/sdp".to_owned(), leg.core.redescribe(change(&described)))),
            Offer::Wrapped(wrap) => Some(wrap(&described)),
        };
        leg.invite(more, body, wish.leaves).await?;
        Ok(leg)
    }

    /// A call that came.
    pub(super) async fn called(shared: Arc<Shared>, invite: Delivery) -> Result<Leg, String> {
        let (session, signal) = shared.session().await?;
        let endpoint = session.endpoint().clone();
        let text = invite.text.clone();
        let manner = &shared.manner;
        let user = super::text::user_of(text.uri()).to_owned();
        let mut state = State {
            local: format!("{};tag={}", text.value("To"), hex::<8>()),
            remote: text.value("From").to_owned(),
            target: text.address("Contact"),
            routes: text.values("Record-Route").map(str::to_owned).collect(),
            contact: manner.fill(manner.contact, &user, &shared.sbc_place()),
            cseq: 0,
            session,
            described: String::new(),
            invited: 0,
            open_invite: None,
            offerless: false,
            invite: Some(invite),
            answered: false,
            reoffers: Reoffers::Answered,
            offered_in_answer: false,
        };
        // A call without or with a bad offer is for the checks; the script may still refuse it.
        let _ = state.session.take_offer(&text.session());
        let call_id = text.call_id().to_owned();
        Ok(Leg::open(shared, call_id, state, signal, endpoint))
    }

    fn open(shared: Arc<Shared>, call_id: String, state: State, signal: Signal, endpoint: Arc<Endpoint>) -> Leg {
        let (tell, inbox) = mpsc::channel(QUEUE);
        let core = Arc::new(Core { shared: shared.clone(), call_id: call_id.clone(), state: Mutex::new(state), tell });
        shared.keep(&call_id, core.clone());
        Leg { core, inbox, backlog: VecDeque::new(), signal, endpoint }
    }

    // ---- what a script sees ----

    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.core.call_id
    }

    /// Its media.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// What it plays.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Name-addr of this end with its tag, and of the other.
    #[must_use]
    pub fn ends(&self) -> (String, String) {
        let state = lock(&self.core.state);
        (state.local.clone(), state.remote.clone())
    }

    /// The SBC's first INVITE, when it called.
    #[must_use]
    pub fn invite_text(&self) -> Option<Arc<Text>> {
        lock(&self.core.state).invite.as_ref().map(|invite| invite.text.clone())
    }

    /// Waits for a message for which `fits` holds; others stay for later waits.
    ///
    /// # Errors
    /// None came in time.
    pub async fn wait(
        &mut self,
        what: &str,
        limit: Duration,
        fits: impl Fn(&Text) -> bool,
    ) -> Result<Delivery, String> {
        if let Some(at) = self.backlog.iter().position(|delivery| fits(&delivery.text)) {
            return self.backlog.remove(at).ok_or_else(|| what.to_owned());
        }
        let side = self.core.shared.side.name();
        let waiting = async {
            loop {
                let delivery = self.inbox.recv().await.ok_or_else(|| format!("{side}: the station is gone"))?;
                if fits(&delivery.text) {
                    return Ok(delivery);
                }
                self.backlog.push_back(delivery);
            }
        };
        let waited = tokio::time::timeout(limit, waiting).await;
        waited.map_err(|_| format!("{side}: waited {} s in vain for {what}", limit.as_secs_f32()))?
    }

    /// Waits for a request of the SBC.
    ///
    /// # Errors
    /// None came in time.
    pub async fn wait_request(&mut self, method: &str) -> Result<Delivery, String> {
        self.wait(method, STEP, |text| text.asks(method)).await
    }

    /// Waits for the final answer to our last request of that method.
    ///
    /// # Errors
    /// None came in time.
    pub async fn wait_final(&mut self, method: &str) -> Result<Delivery, String> {
        let what = format!("an answer to {method}");
        // RFC 3261 13.3.1.4: the 200 to an earlier INVITE is repeated until its ACK came, however late.
        let invited = lock(&self.core.state).invited;
        let final_one = |text: &Text| {
            text.status().is_some_and(|status| status >= 200)
                && text.method() == method
                && (method != "INVITE" || text.cseq() == invited)
        };
        self.wait(&what, STEP, final_one).await
    }

    /// Waits for the 200 to our INVITE; it is acknowledged by itself.
    ///
    /// # Errors
    /// Another final answer, or none.
    pub async fn wait_answer(&mut self) -> Result<Delivery, String> {
        let answer = self.wait_final("INVITE").await?;
        match answer.text.status() {
            Some(200..=299) => Ok(answer),
            Some(_) | None => Err(format!("{}: {} to our INVITE", self.core.shared.side.name(), answer.text.start)),
        }
    }

    /// True when a message that fits came and was not taken yet.
    pub fn has(&mut self, fits: impl Fn(&Text) -> bool) -> bool {
        while let Ok(delivery) = self.inbox.try_recv() {
            self.backlog.push_back(delivery);
        }
        self.backlog.iter().any(|delivery| fits(&delivery.text))
    }

    /// The last message that fits among those not taken yet.
    pub fn latest(&mut self, fits: impl Fn(&Text) -> bool) -> Option<Arc<Text>> {
        self.has(|_| false);
        self.backlog.iter().rev().map(|delivery| &delivery.text).find(|text| fits(text)).cloned()
    }

    /// Who answers re-INVITEs from now on.
    pub fn reoffers(&self, reoffers: Reoffers) {
        lock(&self.core.state).reoffers = reoffers;
    }

    // ---- answers to the SBC's INVITE ----

    /// A provisional or failing answer without a description.
    ///
    /// # Errors
    /// Nobody called.
    pub async fn respond(&self, status: u16, tag: Option<&str>, more: Vec<Line>) -> Result<(), String> {
        self.respond_with(status, tag, more, None).await
    }

    /// An answer with this description (or none), from a fork of that tag.
    ///
    /// # Errors
    /// Nobody called.
    pub async fn respond_with(
        &self,
        status: u16,
        tag: Option<&str>,
        more: Vec<Line>,
        sdp: Option<String>,
    ) -> Result<(), String> {
        let (invite, own) = {
            let state = lock(&self.core.state);
            (state.invite.clone().ok_or("nobody called")?, tag_of(&state.local))
        };
        let mut lines = if (101..300).contains(&status) { self.dialog_lines() } else { Vec::new() };
        lines.extend(more);
        let body = sdp.as_deref().map(|sdp| ("application/sdp", sdp));
        let tag = tag.map_or(own, str::to_owned);
        let octets = self.core.shared.response(&invite.text, status, (status > 100).then_some(&tag), &lines, body);
        self.core.shared.reply(&invite, octets).await;
        Ok(())
    }

    /// 200 with a description, from the fork of that tag (the leg's own when `None`); waits for the ACK.
    ///
    /// # Errors
    /// No usable offer, or no ACK in time.
    pub async fn answer(&mut self, tag: Option<&str>, more: Vec<Line>) -> Result<Delivery, String> {
        let sdp = self.answer_text()?;
        if let Some(tag) = tag {
            let mut state = lock(&self.core.state);
            let bare = state.local.split(";tag=").next().unwrap_or_default().to_owned();
            state.local = format!("{bare};tag={tag}");
        }
        lock(&self.core.state).answered = true;
        self.respond_with(200, tag, more, Some(sdp)).await?;
        self.wait_request("ACK").await
    }

    /// 183 with the description that the 200 will repeat.
    ///
    /// # Errors
    /// No usable offer.
    pub async fn progress(&self) -> Result<(), String> {
        let sdp = self.answer_text()?;
        self.respond_with(183, None, Vec::new(), Some(sdp)).await
    }

    fn answer_text(&self) -> Result<String, String> {
        let mut state = lock(&self.core.state);
        let offered = state.invite.as_ref().is_some_and(|invite| !invite.text.session().is_empty());
        let text = if offered { state.session.answer()? } else { state.session.offer(Direction::SendReceive) };
        state.offered_in_answer = !offered;
        let text = dressed(&text, self.core.shared.manner.dress);
        state.described.clone_from(&text);
        Ok(text)
    }

    // ---- requests inside the dialog ----

    /// Sends a request inside the dialog.
    ///
    /// # Errors
    /// No connection to the SBC.
    pub async fn request(
        &self,
        method: &str,
        more: Vec<Line>,
        body: Option<(String, String)>,
        leaves: From,
    ) -> Result<Sent, String> {
        let cseq = {
            let mut state = lock(&self.core.state);
            state.cseq += 1;
            state.cseq
        };
        self.core.send(Writing { method, cseq, same: None, more, body, leaves }).await
    }

    async fn invite(&self, more: Vec<Line>, body: Option<(String, String)>, leaves: From) -> Result<(), String> {
        lock(&self.core.state).offerless = body.is_none();
        let sent = self.request("INVITE", more, body, leaves).await?;
        let mut state = lock(&self.core.state);
        state.invited = sent.cseq;
        state.open_invite = Some(sent);
        Ok(())
    }

    /// From now on a party that knows no ICE.
    pub fn leave_ice(&self) {
        lock(&self.core.state).session.leave_ice();
    }

    /// New ICE credentials with the next offer (MD-201).
    pub fn restart_ice(&self) {
        lock(&self.core.state).session.restart_ice();
    }

    /// Another client that rings for the same INVITE: its media, and what it answers.
    ///
    /// # Errors
    /// No media port, or no usable offer.
    pub async fn second_client(&self) -> Result<(Session, String), String> {
        let (mut session, _) = self.core.shared.session().await?;
        let invite = self.invite_text().ok_or("nobody called")?;
        session.take_offer(&invite.session())?;
        let text = dressed(&session.answer()?, self.core.shared.manner.dress);
        Ok((session, text))
    }

    /// A re-INVITE with this direction. A new version of the description.
    ///
    /// # Errors
    /// No connection to the SBC.
    pub async fn reoffer(&self, direction: Direction) -> Result<(), String> {
        let described = {
            let mut state = lock(&self.core.state);
            let text = dressed(&state.session.offer(direction), self.core.shared.manner.dress);
            state.described.clone_from(&text);
            text
        };
        self.invite(self.dialog_lines(), Some(("application/sdp".to_owned(), described)), From::AnyAddress).await
    }

    /// A re-INVITE that repeats our last description octet for octet (MD-134).
    ///
    /// # Errors
    /// No connection to the SBC.
    pub async fn refresh(&self) -> Result<(), String> {
        let described = lock(&self.core.state).described.clone();
        self.invite(self.dialog_lines(), Some(("application/sdp".to_owned(), described)), From::AnyAddress).await
    }

    /// A re-INVITE with a body of the script's, or none.
    ///
    /// # Errors
    /// No connection to the SBC.
    pub async fn reinvite_with(&self, change: Option<fn(&str) -> String>) -> Result<(), String> {
        let body = change.map(|change| {
            let mut state = lock(&self.core.state);
            let text = dressed(&state.session.offer(Direction::SendReceive), self.core.shared.manner.dress);
            state.described = change(&text);
            ("application/sdp".to_owned(), state.described.clone())
        });
        self.invite(self.dialog_lines(), body, From::AnyAddress).await
    }

    /// A re-INVITE with this description, which the leg does not make its own: it is expected to be refused.
    ///
    /// # Errors
    /// No connection to the SBC.
    pub async fn reinvite_body(&self, sdp: String) -> Result<(), String> {
        self.invite(self.dialog_lines(), Some(("application/sdp".to_owned(), sdp)), From::AnyAddress).await
    }

    /// A re-INVITE with a new key of ours (MD-173).
    ///
    /// # Errors
    /// No connection to the SBC.
    pub async fn rekey(&self, rollover: Rollover) -> Result<(), String> {
        lock(&self.core.state).session.rekey(rollover);
        self.reoffer(Direction::SendReceive).await
    }

    /// CANCEL of our open INVITE, over a connection of its own (MD-106).
    ///
    /// # Errors
    /// Nothing is open, or no connection to the SBC.
    pub async fn cancel(&self) -> Result<(), String> {
        let open = lock(&self.core.state).open_invite.clone();
        let open = open.ok_or("no INVITE to cancel")?;
        let (method, cseq, more, leaves) = ("CANCEL", open.cseq, Vec::new(), From::AnyAddress);
        self.core.send(Writing { method, cseq, same: Some(open), more, body: None, leaves }).await.map(drop)
    }

    /// BYE, and its answer.
    ///
    /// # Errors
    /// No connection, or no answer.
    pub async fn bye(&mut self, more: Vec<Line>) -> Result<Delivery, String> {
        self.endpoint.stream().set_sending(false);
        self.request("BYE", more, None, From::AnyAddress).await?;
        self.wait_final("BYE").await
    }

    /// Hangs up whatever state it is in, without looking at the outcome.
    pub async fn drop_call(&mut self) {
        let (pending, ours) = {
            let state = lock(&self.core.state);
            (state.invite.is_some() && !state.answered, state.open_invite.is_some() && !state.answered)
        };
        let _ = match (pending, ours) {
            (true, _) => self.respond(480, None, Vec::new()).await,
            (false, true) => self.cancel().await,
            (false, false) => self.bye(Vec::new()).await.map(drop),
        };
    }

    /// A re-INVITE that moves our media to another port, key and party: what plays from now on is new (MD-137).
    ///
    /// # Errors
    /// No media port, or no connection to the SBC.
    pub async fn relocate(&mut self) -> Result<(), String> {
        let (mut session, signal) = self.core.shared.session().await?;
        self.endpoint.stream().set_sending(false);
        self.endpoint = session.endpoint().clone();
        self.signal = signal;
        let described = {
            let mut state = lock(&self.core.state);
            session.follow(&state.session);
            let text = dressed(&session.offer(Direction::SendReceive), self.core.shared.manner.dress);
            state.session = session;
            state.described.clone_from(&text);
            text
        };
        self.invite(self.dialog_lines(), Some(("application/sdp".to_owned(), described)), From::AnyAddress).await
    }

    /// The Contact of this end, as a field.
    #[must_use]
    pub fn contact_line(&self) -> Line {
        ("Contact", lock(&self.core.state).contact.clone())
    }

    /// Fields of messages that make a dialog or change its target.
    fn dialog_lines(&self) -> Vec<Line> {
        let manner = &self.core.shared.manner;
        let contact = lock(&self.core.state).contact.clone();
        let mut lines = vec![("Contact", contact)];
        lines.extend(manner.record_route.map(|route| ("Record-Route", manner.fill(route, "", ""))));
        lines.extend(manner.supported.map(|tags| ("Supported", tags.to_owned())));
        lines
    }
}

fn tag_of(identity: &str) -> String {
    identity.rsplit_once(";tag=").map(|(_, tag)| tag.to_owned()).unwrap_or_default()
}
