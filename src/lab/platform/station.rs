//! One end of the lab: it takes what the SBC sends, gives new calls to the script that waits for them and the rest to
//! the leg it belongs to, by Call-ID alone (MD-36).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::gate::refusal;
use super::leg::{Core, Leg};
use super::manner::{Line, Manner, hex, phrase, written};
use super::posture::Versions;
use super::registrar::Registrar;
use super::text::{Text, user_of};
use super::transcript::{Author, Side, Transcript};
use super::wire::{From, Wire};
use crate::lab::message::Incoming;
use crate::lab::repeat::{PATIENCE, T1};
use crate::lab::session::{MediaSettings, Session};
use crate::lab::signal::Signal;
use crate::lab::stream::Signals;
use crate::lab::streams::{Arrived, Origin};

/// Answers kept for repeated requests.
const ANSWER_LIMIT: usize = 500;
/// Calls of a run; what comes beyond is answered 481. A whole run has about a hundred.
const LEG_LIMIT: usize = 2_000;
/// Legs that wait for a script.
const EXPECTED_LIMIT: usize = 16;

/// What a station is.
pub struct StationSettings {
    pub side: Side,
    pub manner: Manner,
    /// Where the SBC takes requests of this side.
    pub sbc: SocketAddr,
    /// What the SBC is called in Request-URIs and in its certificate, without port.
    pub sbc_name: String,
    pub media: MediaSettings,
    pub transcript: Transcript,
    /// Takes REGISTER and demands proofs; `None`: a peer known by its address.
    pub registrar: Option<Registrar>,
}

/// One message with the way back.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub text: Arc<Text>,
    pub origin: Origin,
}

/// Which new calls a script waits for.
type Matcher = Box<dyn Fn(&Text) -> bool + Send>;

struct Awaited {
    number: u64,
    matches: Matcher,
    welcome: Welcome,
    give: mpsc::Sender<Leg>,
}

/// What an expected INVITE gets before the script has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// 100.
    Trying,
    /// Nothing.
    Silence,
    /// This final failure, at once, with Retry-After 1 for 503.
    Refusal(u16),
    /// 407 until the registrar is content, then 100.
    Challenge,
}

/// A script's claim to new calls; it ends when dropped.
pub struct Expectation {
    shared: Arc<Shared>,
    number: u64,
    legs: mpsc::Receiver<Leg>,
}

impl Drop for Expectation {
    fn drop(&mut self) {
        let number = self.number;
        lock(&self.shared.awaited).retain(|awaited| awaited.number != number);
    }
}

impl Expectation {
    /// The next call that fits.
    ///
    /// # Errors
    /// None came in time.
    pub async fn next(&mut self, limit: Duration) -> Result<Leg, String> {
        match tokio::time::timeout(limit, self.legs.recv()).await {
            Ok(Some(leg)) => Ok(leg),
            Ok(None) | Err(_) => {
                Err(format!("no INVITE came to the {} in {} s", self.shared.side.name(), limit.as_secs()))
            }
        }
    }
}

/// A station. It stops when dropped.
pub struct Station {
    shared: Arc<Shared>,
    router: JoinHandle<()>,
}

impl Drop for Station {
    fn drop(&mut self) {
        self.router.abort();
    }
}

/// What the legs of a station share.
pub(super) struct Shared {
    pub(super) side: Side,
    pub(super) manner: Manner,
    wire: Wire,
    sbc: SocketAddr,
    pub(super) sbc_name: String,
    media: MediaSettings,
    registrar: Option<Registrar>,
    pub(super) transcript: Transcript,
    legs: Mutex<HashMap<String, Arc<Core>>>,
    awaited: Mutex<Vec<Awaited>>,
    /// Last answer to each request of the SBC, by branch and method.
    answers: Mutex<Vec<(String, Origin, Bytes)>>,
    signals: AtomicU64,
    /// Requests of ours over UDP that have no answer yet, by branch and method.
    open: Mutex<std::collections::BTreeSet<String>>,
    /// Odd readings of rsip, the second reader, in words.
    pub(super) second_reader: Mutex<Vec<String>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Station {
    /// Begins to serve what comes over `wire`.
    #[must_use]
    pub fn new(settings: StationSettings, wire: Wire, arrivals: mpsc::Receiver<Arrived>) -> Station {
        let shared = Arc::new(Shared {
            side: settings.side,
            manner: settings.manner,
            wire,
            sbc: settings.sbc,
            sbc_name: settings.sbc_name,
            media: settings.media,
            registrar: settings.registrar,
            transcript: settings.transcript,
            legs: Mutex::default(),
            awaited: Mutex::default(),
            answers: Mutex::default(),
            signals: AtomicU64::new(match settings.side {
                Side::Platform => 1_000,
                Side::Carrier => 2_000,
            }),
            open: Mutex::default(),
            second_reader: Mutex::default(),
        });
        let router = tokio::spawn(route(shared.clone(), arrivals));
        Station { shared, router }
    }

    /// Claims the new calls for which `matches` holds. The newest claim is asked first.
    pub fn expect(&self, welcome: Welcome, matches: impl Fn(&Text) -> bool + Send + 'static) -> Expectation {
        let (give, legs) = mpsc::channel(EXPECTED_LIMIT);
        let number = self.shared.signals.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.awaited).insert(0, Awaited { number, matches: Box::new(matches), welcome, give });
        Expectation { shared: self.shared.clone(), number, legs }
    }

    /// Claims the calls to a number, wherever plus and prefixes went: as the Request-URI names it, or To where an
    /// identifier took its place (PF-69).
    pub fn expect_number(&self, number: &str) -> Expectation {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let tail = digits.get(digits.len().saturating_sub(8)..).unwrap_or_default().to_owned();
        self.expect(Welcome::Trying, move |text| {
            let called = user_of(text.uri());
            let digits = called.bytes().any(|octet| octet.is_ascii_digit());
            called.contains(&tail) || (!digits && user_of(&text.address("To")).contains(&tail))
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How it writes.
    #[must_use]
    pub fn manner(&self) -> &Manner {
        &self.shared.manner
    }

    /// Its registrar, where it has one.
    #[must_use]
    pub fn registrar(&self) -> Option<&Registrar> {
        self.shared.registrar.as_ref()
    }

    /// What rsip read otherwise than the lab's own reader.
    #[must_use]
    pub fn second_reader(&self) -> Vec<String> {
        lock(&self.shared.second_reader).clone()
    }

    /// A connection of its own to the SBC, and the address it left from.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn dial(&self, name: &str, from: From, versions: Versions) -> Result<(u64, IpAddr), String> {
        match &self.shared.wire {
            Wire::Udp(_) => Err("this station has no connections".to_owned()),
            Wire::Tls(wire) => wire.dial(self.shared.sbc, name, from, versions).await,
        }
    }
}

impl Shared {
    /// Media of one new party, with a signal nobody else plays.
    pub(super) async fn session(&self) -> Result<(Session, Signal), String> {
        let number = self.signals.fetch_add(1, Ordering::Relaxed);
        let signal = Signal::new(number, crate::lab::signal::Side::Caller);
        let session = Session::new(self.media.clone(), Signals { own: signal, far: None }).await?;
        Ok((session, signal))
    }

    /// Legs stay known after their scripts: the SBC may still ask, and is answered.
    pub(super) fn keep(&self, call_id: &str, core: Arc<Core>) {
        let mut legs = lock(&self.legs);
        if legs.len() < LEG_LIMIT {
            legs.insert(call_id.to_owned(), core);
        }
    }

    /// The Via value of a request from this address.
    pub(super) fn via(&self, branch: &str, source: Option<IpAddr>) -> String {
        let mut address = self.manner.address;
        if let Some(source) = source {
            address.set_ip(source);
        }
        let rport = if self.wire.token() == "UDP" { ";rport" } else { "" };
        format!("SIP/2.0/{} {address};branch={branch}{rport}", self.wire.token())
    }

    /// A template of the manner, filled.
    pub(super) fn fill(&self, template: &str, user: &str) -> String {
        self.manner.fill(template, user, &self.sbc_place()).replace("{sbc_address}", &self.sbc.to_string())
    }

    /// `name:port` as it stands in Request-URIs.
    pub(super) fn sbc_place(&self) -> String {
        format!("{}:{}", self.sbc_name, self.sbc.port())
    }

    /// Sends a request: over TLS on a new connection (MD-36, MD-228), whose address then stands in the Via that `write`
    /// is given.
    pub(super) async fn request(
        self: &Arc<Self>,
        from: From,
        write: impl FnOnce(Option<IpAddr>) -> Vec<u8> + Send,
    ) -> Result<Origin, String> {
        let (origin, octets) = match &self.wire {
            Wire::Udp(_) => (Origin::Datagram(self.sbc), write(None)),
            Wire::Tls(wire) => {
                let (id, source) = wire.dial(self.sbc, &self.sbc_name, from, Versions::Both).await?;
                (Origin::Connection(id), write(Some(source)))
            }
        };
        let octets = Bytes::from(octets);
        self.send(origin, octets.clone()).await?;
        if matches!(self.wire, Wire::Udp(_)) {
            self.repeat(origin, octets);
        }
        Ok(origin)
    }

    /// RFC 3261 17.1.1.2, 17.1.2.2: over UDP again and again until something answers.
    fn repeat(self: &Arc<Self>, origin: Origin, octets: Bytes) {
        let Some(text) = Text::read(&octets).ok().filter(|text| !text.asks("ACK")) else { return };
        let key = answer_key(&text);
        lock(&self.open).insert(key.clone());
        let shared = self.clone();
        tokio::spawn(async move {
            let mut wait = T1;
            while wait < PATIENCE {
                tokio::time::sleep(wait).await;
                if !lock(&shared.open).contains(&key) {
                    return;
                }
                let _ = shared.wire.write(origin, octets.clone()).await;
                wait *= 2;
            }
            lock(&shared.open).remove(&key);
        });
    }

    /// Sends what is written already.
    pub(super) async fn send(&self, origin: Origin, octets: Bytes) -> Result<(), String> {
        if let Ok(text) = Text::read(&octets) {
            self.transcript.record(self.side, Author::Lab, origin.connection(), Arc::new(text));
        }
        let sent = self.wire.write(origin, octets).await;
        if let Err(words) = &sent {
            self.transcript.trouble(format!("{}: {words}", self.side.name()));
        }
        sent
    }

    /// Answers a request and keeps the answer for its repetitions.
    pub(super) async fn reply(&self, request: &Delivery, octets: Bytes) {
        let key = answer_key(&request.text);
        {
            let mut answers = lock(&self.answers);
            answers.retain(|(known, _, _)| *known != key);
            if answers.len() >= ANSWER_LIMIT {
                answers.remove(0);
            }
            answers.push((key, request.origin, octets.clone()));
        }
        // A connection the SBC closed in between is noted by `send`.
        let _ = self.send(request.origin, octets).await;
    }

    /// A response to `request` (RFC 3261 8.2.6.2): copied fields, then `more`.
    pub(super) fn response(
        &self,
        request: &Text,
        status: u16,
        tag: Option<&str>,
        more: &[Line],
        body: Option<(&str, &str)>,
    ) -> Bytes {
        let mut lines: Vec<Line> = vec![("From", request.value("From").to_owned())];
        let to = request.value("To");
        lines.push((
            "To",
            match (tag, request.tag("To")) {
                (Some(tag), None) => format!("{to};tag={tag}"),
                (Some(_), Some(_)) | (None, _) => to.to_owned(),
            },
        ));
        lines.push(("CSeq", request.value("CSeq").to_owned()));
        lines.push(("Call-ID", request.call_id().to_owned()));
        lines.extend(request.values("Via").map(|via| ("Via", via.to_owned())));
        lines.extend(request.values("Record-Route").map(|route| ("Record-Route", route.to_owned())));
        lines.extend_from_slice(more);
        if status > 100 {
            lines.push(("Allow", self.manner.allow.to_owned()));
            lines.push(("Server", self.manner.product.clone()));
        }
        written(&self.manner, &format!("SIP/2.0 {status} {}", phrase(status)), &lines, body).into()
    }

    fn compare(&self, octets: &Bytes, text: &Text) {
        let words = match Incoming::read(octets) {
            Ok(read) if read.call_id == text.call_id() && read.cseq == text.cseq() => return,
            Ok(_) => format!("rsip reads another Call-ID or CSeq: {}", text.start),
            Err(words) => {
                let short: String = words.split(':').take(2).collect::<Vec<_>>().join(":");
                format!("{short}: {}", text.start)
            }
        };
        let mut odd = lock(&self.second_reader);
        if odd.len() < ANSWER_LIMIT {
            odd.push(words);
        }
    }
}

fn answer_key(text: &Text) -> String {
    format!("{} {}", text.branch(), text.method())
}

async fn route(shared: Arc<Shared>, mut arrivals: mpsc::Receiver<Arrived>) {
    while let Some(arrived) = arrivals.recv().await {
        match arrived {
            Arrived::Trouble(words) => shared.transcript.trouble(words),
            Arrived::Message(octets, origin) => match Text::read(&octets) {
                Ok(text) => {
                    shared.compare(&octets, &text);
                    take(&shared, Delivery { text: Arc::new(text), origin }).await;
                }
                Err(words) => {
                    shared.transcript.trouble(format!("{}: unreadable message: {words}", shared.side.name()));
                }
            },
        }
    }
}

async fn take(shared: &Arc<Shared>, delivery: Delivery) {
    let Delivery { text, origin } = &delivery;
    if answer_again(shared, text, *origin).await {
        return;
    }
    if !text.is_request() {
        lock(&shared.open).remove(&answer_key(text));
    }
    shared.transcript.record(shared.side, Author::Sbc, origin.connection(), text.clone());
    dispatch(shared, delivery).await;
}

/// RFC 3261 17.2: a repeated request gets the last answer again and is no news.
async fn answer_again(shared: &Shared, text: &Text, origin: Origin) -> bool {
    if !text.is_request() || text.method() == "ACK" {
        return false;
    }
    let key = answer_key(text);
    let known = lock(&shared.answers).iter().find(|(known, _, _)| *known == key).map(|(_, _, octets)| octets.clone());
    match known {
        Some(octets) => {
            let _ = shared.wire.write(origin, octets).await;
            true
        }
        None => false,
    }
}

async fn dispatch(shared: &Arc<Shared>, delivery: Delivery) {
    // An INVITE without To tag is a new call, under an old Call-ID too (RFC 4028 7.4: again after 422).
    let is_new = delivery.text.asks("INVITE") && delivery.text.tag("To").is_none();
    let core = lock(&shared.legs).get(delivery.text.call_id()).cloned().filter(|_| !is_new);
    if let Some(core) = core {
        return core.take(delivery).await;
    }
    if delivery.text.is_request()
        && matches!(delivery.text.method(), "INVITE" | "OPTIONS")
        && let Some(status) = refusal(shared.manner.gate, &shared.sbc_name, &delivery.text)
    {
        return refuse(shared, &delivery, status).await;
    }
    match delivery.text.method() {
        "INVITE" if delivery.text.is_request() => welcome(shared, delivery).await,
        "OPTIONS" if delivery.text.is_request() => {
            let tag = (!shared.manner.untagged_options).then(hex::<8>);
            let octets = shared.response(&delivery.text, 200, tag.as_deref(), &[], None);
            shared.reply(&delivery, octets).await;
        }
        "REGISTER" if delivery.text.is_request() => register(shared, &delivery).await,
        "ACK" => {}
        _ if delivery.text.is_request() => refuse(shared, &delivery, 481).await,
        _ => {}
    }
}

async fn refuse(shared: &Shared, delivery: &Delivery, status: u16) {
    let more = if status == 503 { vec![("Retry-After", "1".to_owned())] } else { Vec::new() };
    let octets = shared.response(&delivery.text, status, Some(&hex::<8>()), &more, None);
    shared.reply(delivery, octets).await;
}

async fn register(shared: &Shared, delivery: &Delivery) {
    let Some(registrar) = &shared.registrar else { return refuse(shared, delivery, 405).await };
    let answer = registrar.answer(&delivery.text);
    let octets = shared.response(&delivery.text, answer.status, Some(&hex::<8>()), &answer.lines, None);
    shared.reply(delivery, octets).await;
}

/// Hands a new call to the script that waits for it; 404 when nobody does.
async fn welcome(shared: &Arc<Shared>, delivery: Delivery) {
    let found = {
        let awaited = lock(&shared.awaited);
        let found = awaited.iter().find(|awaited| (awaited.matches)(&delivery.text));
        found.map(|awaited| (awaited.welcome, awaited.give.clone()))
    };
    let Some((welcome, give)) = found else { return refuse(shared, &delivery, 404).await };
    let challenge = shared.registrar.as_ref().filter(|_| welcome == Welcome::Challenge);
    if let Some(demand) = challenge.and_then(|registrar| registrar.demand(&delivery.text)) {
        let octets = shared.response(&delivery.text, demand.status, Some(&hex::<8>()), &demand.lines, None);
        return shared.reply(&delivery, octets).await;
    }
    match welcome {
        Welcome::Silence => {}
        Welcome::Trying | Welcome::Challenge => {
            let octets = shared.response(&delivery.text, 100, None, &[], None);
            let _ = shared.send(delivery.origin, octets).await;
        }
        Welcome::Refusal(status) => refuse(shared, &delivery, status).await,
    }
    match Leg::called(shared.clone(), delivery).await {
        // A script that no longer listens lets go of the call.
        Ok(leg) => drop(give.try_send(leg)),
        Err(words) => shared.transcript.trouble(words),
    }
}
