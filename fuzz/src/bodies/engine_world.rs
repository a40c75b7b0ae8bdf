//! A small world around the engine: three peers that say what they are told, a relay that hands out ports, an invented
//! clock, and a book of what is owed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{CommandId, FlowId, ListenerId, NetworkId, TransmitId, WorkerId};
use trunkline::base::{Instant, Now, WallTime};
use trunkline::call::CallEvent;
use trunkline::config::{Files, parse};
use trunkline::engine::Engine;
use trunkline::engine::io::{Command, Event, Input, Output};
use trunkline::media::plan::{EndpointCounts, MediaCommand, MediaEvent, PortLease};
use trunkline::route::snapshot::Snapshot;
use trunkline::sip::flow::{
    Destination, Flow, PeerIdentity, Received, Resolution, ResolveFailure, Transmit, TransmitFailure, Transport,
};
use trunkline::sip::frame::{Framed, StreamFramer, datagram};
use trunkline::sip::{Method, SipMessage, Via};

/// Two carriers over datagrams and a platform on a connection.
pub const AGENTS: usize = 3;
const PLACES: [&str; AGENTS] = ["198.51.100.7:5060", "198.51.100.8:5060", "192.0.2.50:5061"];

const CONFIG: &str = r#"
[node]
name = "sbc1"
[networks.side]
bind = "203.0.113.1"
rtp_ports = "10000-19998"
allow_media = ["192.0.2.0/24", "198.51.100.0/24"]
[certificates.main]
chain = "c"
key = "k"
[trust.default]
roots = "r"
[listeners.udp]
network = "side"
transport = "udp"
port = 5060
[listeners.tls]
network = "side"
transport = "tls"
port = 5061
certificates = ["main"]
[trunks.a]
profile = "carrier-ip"
listener = "udp"
targets = ["198.51.100.7:5060"]
options = { interval_s = 0 }
[trunks.b]
profile = "carrier-ip"
listener = "udp"
targets = ["198.51.100.8:5060", "nobody.example"]
options = { interval_s = 0 }
[trunks.p]
profile = "generic-tls"
listener = "tls"
fqdn = "sbc.example.com"
targets = ["192.0.2.50:5061"]
sources = ["192.0.2.50/32"]
options = { interval_s = 0 }
[[routes]]
from = "p"
to = ["a", "b"]
[[routes]]
from = "a"
to = ["b", "p"]
[[routes]]
from = "b"
to = ["p"]
"#;

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let loaded = parse("fuzz.toml", CONFIG, Path::new("/"), Files::Ignored);
    loaded.unwrap_or_else(|report| panic!("{report}")).snapshot
});

/// One peer and what it remembers.
struct Agent {
    flow: Flow,
    /// Requests that came and were not finally answered, oldest first.
    open: Vec<String>,
    dialog: Option<Dialog>,
    /// Its last INVITE, and the last message of any kind.
    invite: Option<String>,
    last: Option<Vec<u8>>,
}

#[derive(Clone)]
struct Dialog {
    local: String,
    remote: String,
    call_id: String,
    target: String,
    cseq: u32,
}

/// What one answer answers: sent-by and branch of the top Via, CSeq, Call-ID.
type Key = (String, Vec<u8>, u32, String, Vec<u8>);

/// See the module.
pub struct World {
    engine: Engine,
    now: Instant,
    agents: Vec<Agent>,
    serial: u64,
    bend: Option<(u16, u8, Vec<u8>)>,
    next_port: u16,
    open_endpoints: BTreeSet<u64>,
    owed: BTreeMap<Key, String>,
    paid: BTreeSet<Key>,
    started: usize,
    records: usize,
    last_transmit: Option<TransmitId>,
    draining: bool,
}

impl World {
    pub fn new(seed: u8) -> World {
        let listener = |name: &str| SNAPSHOT.listeners.iter().find(|listener| &*listener.name == name).map(|l| l.id);
        let engine = Engine::new(Arc::clone(&SNAPSHOT), Box::new(SeededEntropy::new(u64::from(seed))));
        let agent = |at: usize| {
            let (transport, name) = if at == 2 { (Transport::Tls, "tls") } else { (Transport::Udp, "udp") };
            Agent {
                flow: flow(at as u64 + 1, transport, listener(name).expect("it is in the file"), PLACES[at]),
                open: Vec::new(),
                dialog: None,
                invite: None,
                last: None,
            }
        };
        let mut world = World {
            engine,
            now: Instant::from_nanos(1_000_000_000),
            agents: (0..AGENTS).map(agent).collect(),
            serial: 0,
            bend: None,
            next_port: 10_000,
            open_endpoints: BTreeSet::new(),
            owed: BTreeMap::new(),
            paid: BTreeSet::new(),
            started: 0,
            records: 0,
            last_transmit: None,
            draining: false,
        };
        let leases = world.bind(8);
        world.feed(Input::Media(MediaEvent::Ready { leases }));
        world.feed(Input::FlowOpened(FlowId(3), PeerIdentity::default()));
        world
    }

    // ---- what a peer does

    pub fn invite(&mut self, agent: usize, how: u8) {
        let serial = self.unique();
        let place = PLACES[agent];
        let body = if how & 1 == 0 { description(agent, how) } else { String::new() };
        let head = format!(
            "INVITE sip:+49309{serial}@sbc.example.com SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: \"A\" <sip:+4989{serial}@{place}>;tag=f{serial}\r\n\
             To: <sip:+49309@sbc.example.com>\r\nCall-ID: c{serial}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{place}>\r\nSupported: 100rel, timer, replaces\r\n",
            self.via(agent)
        );
        let text = finish(head, &body);
        self.agents[agent].invite = Some(text.clone());
        self.send(agent, text.into_bytes());
    }

    /// Answers the oldest request that waits.
    pub fn answer(&mut self, agent: usize, status: u16, with_body: bool) {
        let Some(request) = self.agents[agent].open.first().cloned() else { return };
        if status >= 200 {
            self.agents[agent].open.remove(0);
        }
        let is_invite = request.starts_with("INVITE");
        let body = if is_invite && (with_body || status == 200) { description(agent, 0) } else { String::new() };
        let text = respond(&request, status, agent, &body);
        if is_invite && status < 300 && status > 100 {
            self.agents[agent].dialog = Some(Dialog {
                local: header(&text, "To"),
                remote: header(&text, "From"),
                call_id: header(&text, "Call-ID"),
                target: contact(&request),
                cseq: 100,
            });
        }
        self.send(agent, text.into_bytes());
    }

    pub fn acknowledge(&mut self, agent: usize, with_body: bool) {
        let body = if with_body { description(agent, 0) } else { String::new() };
        let Some(dialog) = self.agents[agent].dialog.clone() else { return };
        let text = self.request(agent, &dialog, "ACK", &body);
        self.send(agent, text.into_bytes());
    }

    /// A request inside the last dialog.
    pub fn inside(&mut self, agent: usize, method: &str, with_body: bool) {
        let Some(mut dialog) = self.agents[agent].dialog.clone() else { return };
        if method != "ACK" {
            dialog.cseq += 1;
        }
        let body = if with_body { description(agent, 0x40) } else { String::new() };
        let text = self.request(agent, &dialog, method, &body);
        self.agents[agent].dialog = Some(dialog);
        if method == "INVITE" {
            self.agents[agent].invite = Some(text.clone());
        }
        self.send(agent, text.into_bytes());
    }

    pub fn cancel(&mut self, agent: usize) {
        let Some(invite) = self.agents[agent].invite.clone() else { return };
        let uri = invite.split(' ').nth(1).unwrap_or_default();
        let number = header(&invite, "CSeq").replace(" INVITE", "");
        let head = format!(
            "CANCEL {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} CANCEL\r\n",
            header(&invite, "Via"),
            header(&invite, "From"),
            header(&invite, "To"),
            header(&invite, "Call-ID")
        );
        self.send(agent, finish(head, "").into_bytes());
    }

    pub fn repeat(&mut self, agent: usize) {
        if let Some(last) = self.agents[agent].last.clone() {
            self.receive(agent, last);
        }
    }

    /// The next message leaves with `cut` octets from `at` on replaced.
    pub fn bend_next(&mut self, at: u16, cut: u8, new: &[u8]) {
        self.bend = Some((at, cut % 32, new.to_vec()));
    }

    /// The connection is gone and comes again; on datagrams the last transmission fails.
    pub fn cut(&mut self, agent: usize) {
        let flow = self.agents[agent].flow;
        if flow.transport == Transport::Udp {
            if let Some(id) = self.last_transmit.take() {
                self.feed(Input::TransmitFailed(id, TransmitFailure::ConnectFailed));
            }
            return;
        }
        self.feed(Input::FlowClosed(flow.id));
        self.agents[agent].flow.id = FlowId(100 + self.unique());
        let flow = self.agents[agent].flow.id;
        self.feed(Input::FlowOpened(flow, PeerIdentity::default()));
    }

    pub fn order(&mut self, which: u8) {
        match which {
            0..=39 => self.feed(Input::Command(CommandId(1), Command::HangUpAll)),
            40..=59 => self.drain(),
            _ => self.feed(Input::Snapshot(Arc::clone(&SNAPSHOT))),
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        self.feed(Input::Command(CommandId(2), Command::Drain));
    }

    pub fn send(&mut self, agent: usize, mut octets: Vec<u8>) {
        if let Some((at, cut, new)) = self.bend.take() {
            let at = usize::from(at) % (octets.len() + 1);
            let end = (at + usize::from(cut)).min(octets.len());
            octets.splice(at..end, new);
        }
        self.agents[agent].last = Some(octets.clone());
        self.receive(agent, octets);
    }

    fn receive(&mut self, agent: usize, octets: Vec<u8>) {
        let flow = self.agents[agent].flow;
        let octets = Bytes::from(octets);
        let messages = if flow.transport.is_reliable() {
            let mut framer = StreamFramer::default();
            framer.buffer().extend_from_slice(&octets);
            let framed = std::iter::from_fn(|| framer.next(flow.remote));
            framed
                .filter_map(|framed| if let Framed::Message(message) = framed { Some(message) } else { None })
                .collect()
        } else {
            datagram(&octets, flow.remote).and_then(Result::ok).into_iter().collect::<Vec<_>>()
        };
        for message in messages {
            let key = match &message {
                SipMessage::Request(request) if request.method != Method::Ack => Some((
                    key(&request.via, request.cseq.number, &request.method, &request.call_id),
                    request.method.to_string(),
                )),
                SipMessage::Request(_) | SipMessage::Response(_) => None,
            };
            if let Some((key, method)) = key.filter(|(key, _)| !self.paid.contains(key)) {
                self.owed.insert(key.clone(), method);
                // Whoever is dropped on purpose is owed nothing.
                if self.feed_dropped(Input::Message(Received { flow, message })) {
                    self.owed.remove(&key);
                }
            } else {
                self.feed(Input::Message(Received { flow, message }));
            }
        }
    }

    fn request(&mut self, agent: usize, dialog: &Dialog, method: &str, body: &str) -> String {
        let head = format!(
            "{method} {} SIP/2.0\r\n{}Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\nContact: <sip:a@{}>\r\n\
             Refer-To: <sip:+4930@sbc.example.com>\r\nRAck: 1 1 INVITE\r\n",
            dialog.target,
            self.via(agent),
            dialog.local,
            dialog.remote,
            dialog.call_id,
            dialog.cseq,
            PLACES[agent]
        );
        finish(head, body)
    }

    fn via(&mut self, agent: usize) -> String {
        let token = self.agents[agent].flow.transport.via_token();
        format!("Via: SIP/2.0/{token} {};rport;branch=z9hG4bK-{}\r\n", PLACES[agent], self.unique())
    }

    fn unique(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    // ---- time

    pub fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        self.run_to(end, 10_000);
        self.now = end;
    }

    fn run_to(&mut self, end: Instant, wakes: usize) {
        for _ in 0..wakes {
            let Some(next) = self.engine.next_timeout().filter(|next| *next <= end) else { return };
            self.now = self.now.max(next);
            let mut out = Vec::new();
            self.engine.handle_timeout(self.now(), &mut out);
            self.obey(out);
        }
        panic!("the engine wakes up without end");
    }

    /// Everybody is silent from here on.
    pub fn finish(mut self) {
        self.drain();
        self.feed(Input::Command(CommandId(3), Command::HangUpAll));
        self.run_to(self.now + Duration::from_secs(36 * 3600), 100_000);
        let held = self.engine.gauges();
        assert_eq!(
            (held.transactions, held.dialogs, held.calls, held.streams, held.ports_leased),
            (0, 0, 0, 0, 0),
            "still held after the end"
        );
        assert!(self.open_endpoints.is_empty(), "endpoints still open: {:?}", self.open_endpoints);
        assert_eq!(self.started, self.records, "calls and records");
        assert!(self.owed.is_empty(), "never answered: {:?}", self.owed);
    }

    // ---- the engine

    fn now(&self) -> Now {
        Now { instant: self.now, wall: WallTime(1_700_000_000_000 + self.now.as_nanos() / 1_000_000) }
    }

    fn feed(&mut self, input: Input) {
        self.feed_dropped(input);
    }

    /// True when the engine dropped it.
    fn feed_dropped(&mut self, input: Input) -> bool {
        let mut out = Vec::new();
        self.engine.handle(self.now(), input, &mut out);
        let dropped = out.iter().any(|output| matches!(output, Output::Event(Event::Dropped(_))));
        self.obey(out);
        dropped
    }

    fn obey(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Transmit(transmit) => self.transmitted(transmit),
                Output::Media(command) => self.relay(command),
                Output::Resolve(question) => {
                    let outcome = Err(ResolveFailure::NoSuchName);
                    self.feed(Input::Resolved(Resolution { id: question.id, outcome }));
                }
                Output::Event(Event::Call(CallEvent::Started { .. })) => self.started += 1,
                Output::Event(Event::Call(CallEvent::Ended(_))) => self.records += 1,
                Output::Event(_) | Output::CloseFlow(_) | Output::Bearing(..) | Output::Reply(..) => {}
            }
        }
    }

    fn transmitted(&mut self, transmit: Transmit) {
        self.last_transmit = Some(transmit.id);
        let remote = match &transmit.to {
            Destination::Flow(flow) | Destination::FlowOr(flow, _) => flow.remote,
            Destination::Target(target) => target.address,
        };
        let read = match datagram(&transmit.bytes, remote) {
            Some(Ok(read)) => read,
            other => panic!("we sent what we cannot read: {other:?}\n{}", String::from_utf8_lossy(&transmit.bytes)),
        };
        let agent = PLACES.iter().position(|place| place.parse() == Ok(remote));
        let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
        match read {
            SipMessage::Response(response) => {
                if response.status.is_final() {
                    let key = key(&response.via, response.cseq.number, &response.cseq.method, &response.call_id);
                    self.owed.remove(&key);
                    self.paid.insert(key);
                }
                let is_dialog = response.cseq.method == Method::Invite && (101..300).contains(&response.status.code());
                if let Some(agent) = agent.filter(|_| is_dialog) {
                    let cseq = response.cseq.number;
                    self.agents[agent].dialog = Some(Dialog {
                        local: header(&text, "From"),
                        remote: header(&text, "To"),
                        call_id: header(&text, "Call-ID"),
                        target: contact(&text),
                        cseq,
                    });
                }
            }
            SipMessage::Request(request) => {
                assert!(request.max_forwards.is_some(), "a request without Max-Forwards");
                let open = agent.map(|agent| &mut self.agents[agent].open);
                if let Some(open) =
                    open.filter(|open| request.method != Method::Ack && open.len() < 16 && !open.contains(&text))
                {
                    open.push(text);
                }
            }
        }
    }

    fn bind(&mut self, count: usize) -> Vec<PortLease> {
        let lease = |_| {
            self.next_port = self.next_port.wrapping_add(2).max(10_000);
            PortLease { network: NetworkId(0), worker: WorkerId(0), rtp_port: self.next_port }
        };
        (0..count).map(lease).collect()
    }

    fn relay(&mut self, command: MediaCommand) {
        match command {
            MediaCommand::Refill { count, .. } => {
                let leases = self.bind(count);
                self.feed(Input::Media(MediaEvent::Ready { leases }));
            }
            MediaCommand::Return { lease } => self.feed(Input::Media(MediaEvent::Ready { leases: vec![lease] })),
            MediaCommand::Open { endpoint, .. } => assert!(self.open_endpoints.insert(endpoint.0), "opened twice"),
            MediaCommand::Close { endpoint, .. } => {
                assert!(self.open_endpoints.remove(&endpoint.0), "closed what is not open");
                self.feed(Input::Media(MediaEvent::Closed { endpoint, counts: EndpointCounts::default() }));
            }
            _ => {}
        }
    }
}

fn key(via: &Via, number: u32, method: &Method, call_id: &[u8]) -> Key {
    let sent_by = format!("{}:{:?}", via.host, via.port).to_ascii_lowercase();
    (sent_by, via.branch().unwrap_or_default().to_vec(), number, method.to_string(), call_id.to_vec())
}

fn flow(id: u64, transport: Transport, listener: ListenerId, remote: &str) -> Flow {
    let local = SocketAddr::from(([203, 0, 113, 1], 5060));
    Flow { id: FlowId(id), transport, listener, local, remote: remote.parse().expect("an address") }
}

fn finish(mut head: String, body: &str) -> String {
    if !body.is_empty() {
        head += "Content-Type: application/sdp\r\n";
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn header(text: &str, name: &str) -> String {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let found = fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    found.map(str::to_owned).next().unwrap_or_default()
}

fn contact(text: &str) -> String {
    let value = header(text, "Contact");
    value.split(['<', '>']).nth(1).unwrap_or("sip:sbc.example.com").to_owned()
}

fn respond(request: &str, status: u16, agent: usize, body: &str) -> String {
    let to = header(request, "To");
    let tag = if to.contains(";tag=") || status == 100 { String::new() } else { format!(";tag=t{agent}") };
    let more = match status {
        180..=199 if request.contains("100rel") => "Require: 100rel\r\nRSeq: 1\r\n",
        401 => "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\"\r\n",
        422 => "Min-SE: 300\r\n",
        503 => "Retry-After: 5\r\n",
        _ => "",
    };
    let head = format!(
        "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:a@{}>\r\n{more}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        PLACES[agent]
    );
    finish(head, body)
}

fn description(agent: usize, how: u8) -> String {
    let host = PLACES[agent].split(':').next().unwrap_or_default();
    let direction = ["sendrecv", "sendonly", "inactive", "recvonly"][usize::from(how >> 6)];
    let (profile, crypto) = match agent {
        2 => ("RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP\r\n"),
        _ => ("RTP/AVP", ""),
    };
    format!(
        "v=0\r\no=- 1 {how} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 {profile} 8 0 101\r\n{crypto}\
         a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    )
}
