//! A lab user agent: one address, one transport, any number of calls. Answers OPTIONS by itself; INVITEs go to the
//! script that waits for the called number.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rsip::Method;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::call::{Call, CallEvent, Command};
use super::call_task::{CallTask, Dialog, Role};
use super::endpoint::random;
use super::ladder::{Entry, Ladder, Way};
use super::link::{Link, Peer};
use super::message::{Incoming, Kind, Outgoing, Reply, request, response};
use super::session::{MediaSettings, Session};
use super::signal::{Side, Signal};
use super::stream::Signals;
use super::streams::{Arrived, Origin};
use super::tls::TlsSettings;

/// Messages and commands that wait for one call.
const CALL_QUEUE: usize = 64;
/// Octet strings remembered to tell repetitions from news.
const SEEN_LIMIT: usize = 20_000;
/// Findings kept.
const FAULT_LIMIT: usize = 50;
/// Calls at one time; more are refused with 480.
const CALL_LIMIT: usize = 200;

/// How the agent is reached.
pub enum Transport {
    Udp,
    Tls(TlsSettings),
}

/// What an agent is.
pub struct AgentSettings {
    /// For the ladder and for findings.
    pub name: &'static str,
    /// Port 0: any.
    pub address: SocketAddr,
    pub transport: Transport,
    /// What it calls itself in From and Contact: a name or an address.
    pub host: String,
    pub media: MediaSettings,
    pub ladder: Ladder,
    /// Words of the far side's topology: a message that shows one is a finding.
    pub hidden: Vec<String>,
}

/// What becomes of an INVITE that no script waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guests {
    /// 404.
    #[default]
    Refuse,
    /// Rung, answered, and played to until they hang up.
    Answer,
}

/// One message for a call.
pub(super) struct Delivery {
    pub message: Incoming,
    pub origin: Origin,
}

/// A user agent. It stops when dropped.
pub struct Agent {
    shared: Arc<Shared>,
    router: JoinHandle<()>,
}

struct Expected {
    signals: Signals,
    give: oneshot::Sender<Call>,
}

/// What the calls of one agent share.
pub(super) struct Shared {
    name: &'static str,
    link: Link,
    local: SocketAddr,
    host: String,
    media: MediaSettings,
    ladder: Ladder,
    hidden: Vec<String>,
    peer: OnceLock<Peer>,
    calls: Mutex<HashMap<String, mpsc::Sender<Delivery>>>,
    expected: Mutex<HashMap<String, Expected>>,
    guests: Mutex<Guests>,
    seen: Mutex<HashSet<u64>>,
    faults: Mutex<Vec<String>>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.router.abort();
    }
}

impl Agent {
    /// Binds and begins to answer.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn bind(settings: AgentSettings) -> Result<Agent, String> {
        let (link, arrivals) = match settings.transport {
            Transport::Udp => Link::udp(settings.address).await?,
            Transport::Tls(tls) => Link::tls(settings.address, tls).await?,
        };
        let shared = Arc::new(Shared {
            name: settings.name,
            local: link.local()?,
            link,
            host: settings.host,
            media: settings.media,
            ladder: settings.ladder,
            hidden: settings.hidden,
            peer: OnceLock::new(),
            calls: Mutex::default(),
            expected: Mutex::default(),
            guests: Mutex::default(),
            seen: Mutex::default(),
            faults: Mutex::default(),
        });
        let router = tokio::spawn(route(shared.clone(), arrivals));
        Ok(Agent { shared, router })
    }

    /// Where it is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.local
    }

    /// Names the other end: the SBC. Only the first naming counts.
    pub fn point_at(&self, peer: Peer) {
        self.shared.link.expect_name(&peer.name);
        let _ = self.shared.peer.set(peer);
    }

    /// Chooses what becomes of unexpected callers.
    pub fn receive_guests(&self, guests: Guests) {
        *lock(&self.shared.guests) = guests;
    }

    /// Waits for a call to `user`; to be asked before the caller dials.
    pub fn expect(&self, user: &str, signals: Signals) -> oneshot::Receiver<Call> {
        let (give, take) = oneshot::channel();
        lock(&self.shared.expected).insert(user.to_owned(), Expected { signals, give });
        take
    }

    /// Dials `user` as `caller`.
    ///
    /// # Errors
    /// No peer was named, or no media port is free.
    pub async fn call(&self, user: &str, caller: &str, signals: Signals) -> Result<Call, String> {
        let session = Session::new(self.shared.media.clone(), signals).await?;
        let dialog = Dialog {
            call_id: self.shared.new_call_id(),
            local: self.shared.identity(caller),
            remote: format!("<sip:{user}@{}>", self.shared.peer()?.name),
            target: self.shared.uri_at_peer(user)?,
            cseq: 0,
        };
        let (call, task, mailbox, commands) = self.shared.open(Role::Caller, dialog, session);
        tokio::spawn(task.run_caller(mailbox, commands));
        Ok(call)
    }

    /// Sends OPTIONS and gives the answer.
    ///
    /// # Errors
    /// None came within `limit`.
    pub async fn probe(&self, limit: Duration) -> Result<Incoming, String> {
        let shared = &self.shared;
        let call_id = shared.new_call_id();
        let octets = request(Outgoing {
            method: Method::Options,
            uri: &shared.uri_at_peer("")?,
            via: shared.via(&shared.new_branch()),
            from: shared.identity("lab"),
            to: format!("<sip:{}>", shared.peer()?.name),
            call_id: &call_id,
            cseq: 1,
            contact: Some(shared.contact()),
            body: None,
        })?;
        let (give, mut mailbox) = mpsc::channel(CALL_QUEUE);
        lock(&shared.calls).insert(call_id.clone(), give);
        let answer = tokio::time::timeout(limit, ask(shared, octets, &mut mailbox)).await;
        shared.forget(&call_id);
        answer.map_err(|_| format!("{}: no answer to OPTIONS in {} s", shared.name, limit.as_secs()))?
    }

    /// What went wrong outside of scripts: messages rsip could not read, handshakes that failed.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        lock(&self.shared.faults).clone()
    }

    /// What it saw.
    #[must_use]
    pub fn ladder(&self) -> &Ladder {
        &self.shared.ladder
    }
}

/// Repeats a request every half second where the transport does not, until an answer that is final.
async fn ask(shared: &Shared, octets: Bytes, mailbox: &mut mpsc::Receiver<Delivery>) -> Result<Incoming, String> {
    let mut clock = tokio::time::interval(super::repeat::T1);
    let mut sent = false;
    loop {
        tokio::select! {
            _ = clock.tick() => if !sent || shared.repeats() {
                shared.send(octets.clone()).await?;
                sent = true;
            },
            delivery = mailbox.recv() => match delivery {
                Some(Delivery { message, .. }) if matches!(message.kind, Kind::Response(200..)) => return Ok(message),
                Some(_) => {}
                None => return Err("the agent is gone".to_owned()),
            },
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn token() -> String {
    random::<8>().iter().map(|octet| format!("{octet:02x}")).collect()
}

impl Shared {
    /// True when the transport loses messages.
    pub(super) fn repeats(&self) -> bool {
        match self.link {
            Link::Udp(_) => true,
            Link::Tls(_) => false,
        }
    }

    fn peer(&self) -> Result<&Peer, String> {
        self.peer.get().ok_or_else(|| format!("{}: no peer was named", self.name))
    }

    fn uri_at_peer(&self, user: &str) -> Result<String, String> {
        let peer = self.peer()?;
        let at = if user.is_empty() { "" } else { "@" };
        Ok(format!("sip:{user}{at}{}:{}{}", peer.name, peer.address.port(), self.uri_parameters()))
    }

    fn uri_parameters(&self) -> &'static str {
        match self.link {
            Link::Udp(_) => "",
            Link::Tls(_) => ";transport=tls",
        }
    }

    /// The Contact value.
    pub(super) fn contact(&self) -> String {
        format!("<sip:lab@{}:{}{}>", self.host, self.local.port(), self.uri_parameters())
    }

    fn identity(&self, user: &str) -> String {
        format!("<sip:{user}@{}>;tag={}", self.host, token())
    }

    fn new_call_id(&self) -> String {
        format!("{}@{}", token(), self.host)
    }

    pub(super) fn new_branch(&self) -> String {
        format!("z9hG4bK{}", token())
    }

    /// The Via value of a request (RFC 3581: rport on UDP).
    pub(super) fn via(&self, branch: &str) -> String {
        let rport = if self.repeats() { ";rport" } else { "" };
        format!("SIP/2.0/{} {};branch={branch}{rport}", self.link.token(), self.local)
    }

    /// The tag of one of our own name-addrs.
    pub(super) fn tag_of(&self, identity: &str) -> Option<String> {
        identity.rsplit_once(";tag=").map(|(_, tag)| tag.to_owned())
    }

    pub(super) fn forget(&self, call_id: &str) {
        lock(&self.calls).remove(call_id);
    }

    /// Sends a request to the peer.
    pub(super) async fn send(&self, octets: Bytes) -> Result<(), String> {
        self.note(Way::Sent, &octets, Incoming::read(&octets).ok().as_ref());
        self.link.send(self.peer()?, octets).await
    }

    /// Sends a response where its request came from.
    pub(super) async fn reply(&self, origin: Origin, octets: Bytes) -> Result<(), String> {
        self.note(Way::Sent, &octets, Incoming::read(&octets).ok().as_ref());
        self.link.reply(origin, octets).await
    }

    fn note(&self, way: Way, octets: &Bytes, message: Option<&Incoming>) {
        let Some(message) = message else { return };
        self.ladder.record(Entry {
            at: Duration::ZERO,
            agent: self.name,
            way,
            call_id: message.call_id.clone(),
            label: message.label(),
            method: message.method.to_string(),
            sdp: message.sdp_direction(),
            repeated: self.was_seen(way, octets),
        });
    }

    fn was_seen(&self, way: Way, octets: &Bytes) -> bool {
        let mut hasher = DefaultHasher::new();
        (way == Way::Sent, octets).hash(&mut hasher);
        let mut seen = lock(&self.seen);
        seen.len() < SEEN_LIMIT && !seen.insert(hasher.finish())
    }

    fn fault(&self, words: String) {
        let mut faults = lock(&self.faults);
        if faults.len() < FAULT_LIMIT {
            faults.push(format!("{}: {words}", self.name));
        }
    }

    /// Writes down what a message lacks and what it should not show; the call goes on.
    fn inspect(&self, octets: &Bytes, message: &Incoming) {
        for defect in message.defects() {
            self.fault(format!("{defect}: {}", message.start_line));
        }
        let text = String::from_utf8_lossy(octets);
        for word in self.hidden.iter().filter(|word| text.contains(word.as_str())) {
            self.fault(format!("{word} of the other side is visible: {}", message.start_line));
        }
    }

    /// A new call: the script's handle, the task and its two queues.
    fn open(
        self: &Arc<Self>,
        role: Role,
        dialog: Dialog,
        session: Session,
    ) -> (Call, CallTask, mpsc::Receiver<Delivery>, mpsc::Receiver<Command>) {
        let (deliver, mailbox) = mpsc::channel(CALL_QUEUE);
        let (commands, command_queue) = mpsc::channel(CALL_QUEUE);
        let (tell, events) = mpsc::channel(CALL_QUEUE);
        let call = Call {
            agent: self.name,
            call_id: dialog.call_id.clone(),
            commands,
            events,
            endpoint: session.endpoint().clone(),
        };
        lock(&self.calls).insert(dialog.call_id.clone(), deliver);
        (call, CallTask::new(self.clone(), role, dialog, session, tell), mailbox, command_queue)
    }
}

async fn route(shared: Arc<Shared>, mut arrivals: mpsc::Receiver<Arrived>) {
    while let Some(arrived) = arrivals.recv().await {
        match arrived {
            Arrived::Trouble(words) => shared.fault(words),
            Arrived::Message(octets, origin) => match Incoming::read(&octets) {
                Ok(message) => {
                    shared.note(Way::Received, &octets, Some(&message));
                    shared.inspect(&octets, &message);
                    dispatch(&shared, Delivery { message, origin }).await;
                }
                Err(words) => shared.fault(format!("{words}: {}", super::message::start_line(&octets))),
            },
        }
    }
}

async fn dispatch(shared: &Arc<Shared>, delivery: Delivery) {
    let mailbox = lock(&shared.calls).get(&delivery.message.call_id).cloned();
    if let Some(mailbox) = mailbox {
        // A full mailbox drops; the peer's repetition brings it again.
        let _ = mailbox.try_send(delivery);
        return;
    }
    match delivery.message.kind {
        Kind::Request(Method::Invite) => welcome(shared, delivery).await,
        Kind::Request(Method::Options) => refuse(shared, 200, &delivery).await,
        Kind::Request(Method::Ack) | Kind::Response(_) => {}
        Kind::Request(_) => refuse(shared, 481, &delivery).await,
    }
}

async fn refuse(shared: &Shared, status: u16, delivery: &Delivery) {
    let contact = (status == 200).then(|| shared.contact());
    let reply = Reply { status, to_tag: Some(token()), contact, body: None };
    if let Err(words) = shared.reply(delivery.origin, response(&delivery.message, reply)).await {
        shared.fault(words);
    }
}

/// Hands a new call to the script that waits for it, or to nobody.
async fn welcome(shared: &Arc<Shared>, delivery: Delivery) {
    if lock(&shared.calls).len() >= CALL_LIMIT {
        return refuse(shared, 480, &delivery).await;
    }
    let expected = lock(&shared.expected).remove(&delivery.message.user);
    let guests = *lock(&shared.guests);
    match (expected, guests) {
        (Some(expected), _) => {
            if let Some(call) = begin(shared, delivery, expected.signals).await {
                // A script that stopped waiting drops the call; its task answers and lingers.
                let _ = expected.give.send(call);
            }
        }
        (None, Guests::Answer) => {
            let signals = Signals { own: Signal::new(0, Side::Called), far: None };
            if let Some(call) = begin(shared, delivery, signals).await {
                tokio::spawn(entertain(call));
            }
        }
        (None, Guests::Refuse) => refuse(shared, 404, &delivery).await,
    }
}

async fn begin(shared: &Arc<Shared>, delivery: Delivery, signals: Signals) -> Option<Call> {
    let session = match Session::new(shared.media.clone(), signals).await {
        Ok(session) => session,
        Err(words) => {
            shared.fault(words);
            refuse(shared, 480, &delivery).await;
            return None;
        }
    };
    let message = &delivery.message;
    let dialog = Dialog {
        call_id: message.call_id.clone(),
        local: format!("{};tag={}", message.header("To").unwrap_or_default(), token()),
        remote: message.header("From").unwrap_or_default().to_owned(),
        target: message.contact().unwrap_or_default(),
        cseq: 0,
    };
    let (call, task, mailbox, commands) = shared.open(Role::Called, dialog, session);
    tokio::spawn(task.run_called(delivery, mailbox, commands));
    Some(call)
}

/// Rings for a second, answers, and stays until the guest hangs up (an hour at most).
async fn entertain(mut call: Call) {
    call.perform(Command::Ring).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    call.perform(Command::Answer).await;
    let _ = call.wait(&CallEvent::Ended, Duration::from_secs(3_600)).await;
}
