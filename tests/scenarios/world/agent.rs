//! User agents that speak raw text. An agent repeats what the network may have lost, as RFC 3261 s.17 says, answers
//! repetitions as before, and acknowledges failures; everything else is the scenario's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use trunkline::base::Instant;
use trunkline::sip::flow::{Flow, Transport};

use super::flow;
use super::text::Text;

/// Who is in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A cloud platform over TLS with SRTP.
    Platform,
    /// Two carriers over UDP with plain RTP; the second is tried when the first fails.
    CarrierA,
    CarrierB,
    /// Nobody we know, over UDP.
    Stranger,
}

/// Which side of the node: nothing of one is shown on the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sphere {
    Cloud,
    Pstn,
    Elsewhere,
}

impl Name {
    pub const ALL: [Name; 4] = [Name::Platform, Name::CarrierA, Name::CarrierB, Name::Stranger];

    pub fn side(self) -> Sphere {
        match self {
            Name::Platform => Sphere::Cloud,
            Name::CarrierA | Name::CarrierB => Sphere::Pstn,
            Name::Stranger => Sphere::Elsewhere,
        }
    }

    pub fn at(address: SocketAddr, agents: &BTreeMap<Name, Agent>) -> Option<Name> {
        agents.iter().find(|(_, agent)| agent.listens == address).map(|(name, _)| *name)
    }

    /// Whose connection this is.
    pub fn on(flow: &Flow, agents: &BTreeMap<Name, Agent>) -> Option<Name> {
        agents.iter().find(|(_, agent)| agent.flow.id == flow.id).map(|(name, _)| *name)
    }
}

/// A message that is sent again until it is answered.
struct Repeated {
    octets: Bytes,
    key: Key,
    next: Instant,
    interval: Duration,
    end: Instant,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Invite,
    Request,
    /// Our final answer to an INVITE, until its ACK.
    Answer,
}

/// Call-ID, CSeq number, method of the CSeq.
type Key = (String, String, String);

/// The far end of the platform's own connection.
const EPHEMERAL: &str = "192.0.2.50:40123";

pub struct Agent {
    /// How it reaches us: for a connection it opened, from a port where nobody listens.
    pub flow: Flow,
    /// Where it is reached by whoever begins.
    pub listens: SocketAddr,
    pub certificate: Vec<String>,
    pub is_unreachable: bool,
    /// One that speaks datagrams answers TCP too, and says all it has to say on that connection from then on.
    pub takes_tcp: bool,
    /// A deaf agent receives nothing (its messages are lost).
    pub is_deaf: bool,
    inbox: VecDeque<Text>,
    heard: Vec<String>,
    seen: Vec<String>,
    repeated: Vec<Repeated>,
    /// Last answer to each request received, by its fingerprint.
    answers: BTreeMap<String, Bytes>,
    /// Requests received, by key: to find the fingerprint of what an answer answers.
    requests: BTreeMap<Key, String>,
    acks: BTreeMap<Key, Bytes>,
    invites: BTreeMap<Key, Text>,
    waiting: BTreeMap<Key, String>,
    /// Requests of this agent that have had their final answer.
    done: BTreeSet<Key>,
    secrets: Vec<String>,
    clock: Instant,
}

impl Agent {
    /// Everybody, at their addresses (those of the scenarios' configuration).
    pub fn cast() -> BTreeMap<Name, Agent> {
        let agent = |id, transport, listener, remote: &str, host: &str| Agent {
            flow: flow(id, transport, listener, if transport == Transport::Udp { remote } else { EPHEMERAL }),
            listens: remote.parse().expect("an address"),
            certificate: vec![host.to_owned()],
            is_unreachable: false,
            takes_tcp: false,
            is_deaf: false,
            inbox: VecDeque::new(),
            heard: Vec::new(),
            seen: Vec::new(),
            repeated: Vec::new(),
            answers: BTreeMap::new(),
            requests: BTreeMap::new(),
            acks: BTreeMap::new(),
            invites: BTreeMap::new(),
            waiting: BTreeMap::new(),
            done: BTreeSet::new(),
            secrets: vec![
                remote.rsplit_once(':').map(|(host, _)| host.to_owned()).unwrap_or_default(),
                host.to_owned(),
            ],
            clock: Instant::ZERO,
        };
        BTreeMap::from([
            (Name::Platform, agent(1, Transport::Tls, 1, "192.0.2.50:5061", "sip.platform.example")),
            (Name::CarrierA, agent(2, Transport::Udp, 0, "198.51.100.7:5060", "carrier-a.example")),
            (Name::CarrierB, agent(3, Transport::Udp, 0, "198.51.100.8:5060", "carrier-b.example")),
            (Name::Stranger, agent(4, Transport::Udp, 0, "198.51.100.99:5060", "stranger.example")),
        ])
    }

    /// What must never be shown on the other side: addresses, names, Call-IDs and tags of this one.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// Keeps track of what this agent sends.
    pub fn note_sent(&mut self, now: Instant, octets: &Bytes) {
        self.clock = now;
        let text = Text::new(octets);
        let key = key(&text);
        self.keep_secret(&text);
        match text.status() {
            None if text.method() == "ACK" => {
                self.acks.insert((key.0, key.1, "INVITE".into()), octets.clone());
            }
            None => {
                let kind = if text.method() == "INVITE" { Kind::Invite } else { Kind::Request };
                if kind == Kind::Invite {
                    self.invites.insert(key.clone(), Text::new(octets));
                }
                if !self.done.contains(&key) {
                    self.waiting.insert(key.clone(), text.start_line().to_owned());
                    self.again(octets, key, kind);
                }
            }
            Some(status) => {
                if let Some(fingerprint) = self.requests.get(&key) {
                    self.answers.insert(fingerprint.clone(), octets.clone());
                }
                if status >= 200 && key.2 == "INVITE" {
                    self.again(octets, key, Kind::Answer);
                }
            }
        }
    }

    fn keep_secret(&mut self, text: &Text) {
        let keys = text.body().lines().filter_map(|line| line.split("inline:").nth(1));
        self.secrets.extend(keys.map(|key| key.split('|').next().unwrap_or_default().to_owned()));
        let from_tag = text.tag("From");
        let ours = if text.status().is_none() { from_tag } else { text.tag("To") };
        if text.status().is_none() && self.requests.keys().all(|(call_id, ..)| *call_id != text.header("Call-ID")) {
            self.secrets.push(text.header("Call-ID"));
        }
        self.secrets.extend(ours.filter(|tag| tag.len() > 3));
        self.secrets.sort();
        self.secrets.dedup();
    }

    fn again(&mut self, octets: &Bytes, key: Key, kind: Kind) {
        let lossy = self.flow.transport == Transport::Udp;
        if self.repeated.iter().any(|repeated| repeated.key == key && repeated.kind == kind)
            || !(lossy || kind == Kind::Answer)
        {
            return;
        }
        let interval = Duration::from_millis(500);
        self.repeated.push(Repeated {
            octets: octets.clone(),
            key,
            next: self.clock + interval,
            interval,
            end: self.clock + Duration::from_secs(32),
            kind,
        });
    }

    /// When this agent sends something again.
    pub fn next_repeat(&self) -> Option<Instant> {
        self.repeated.iter().map(|repeated| repeated.next).min()
    }

    /// What is due to be sent again.
    pub fn repeats(&mut self, now: Instant) -> Vec<Bytes> {
        self.clock = now;
        self.repeated.retain(|repeated| repeated.end > now);
        let mut due = Vec::new();
        for repeated in self.repeated.iter_mut().filter(|repeated| repeated.next <= now) {
            repeated.interval = match repeated.kind {
                Kind::Invite => repeated.interval * 2,
                Kind::Request | Kind::Answer => (repeated.interval * 2).min(Duration::from_secs(4)),
            };
            repeated.next = now + repeated.interval;
            due.push(repeated.octets.clone());
        }
        due
    }

    /// Takes a message in; what comes back is what the agent sends by itself.
    pub fn receive(&mut self, now: Instant, octets: &Bytes) -> Vec<Bytes> {
        self.clock = now;
        if self.is_deaf {
            return Vec::new();
        }
        let text = Text::new(octets);
        self.heard.push(text.start_line().to_owned());
        let key = key(&text);
        let fingerprint = text.fingerprint();
        let is_new = !self.seen.contains(&fingerprint);
        let mut answers = Vec::new();
        match text.status() {
            None if text.method() == "ACK" => {
                self.repeated.retain(|r| !(r.kind == Kind::Answer && r.key.0 == key.0 && r.key.1 == key.1))
            }
            None => {
                if is_new {
                    self.requests.insert(key, fingerprint.clone());
                } else {
                    answers.extend(self.answers.get(&fingerprint).cloned());
                }
            }
            Some(status) => answers.extend(self.answered(&text, &key, status, is_new)),
        }
        if is_new {
            self.seen.push(fingerprint);
            self.inbox.push_back(text);
        }
        answers
    }

    fn answered(&mut self, text: &Text, key: &Key, status: u16, is_new: bool) -> Option<Bytes> {
        let stop = status >= 200 || key.2 == "INVITE";
        self.repeated.retain(|repeated| !(stop && repeated.key == *key && repeated.kind != Kind::Answer));
        if status >= 200 {
            self.waiting.remove(key);
            self.done.insert(key.clone());
        }
        if key.2 != "INVITE" || status < 200 {
            return None;
        }
        if status >= 300 {
            return self.invites.get(key).map(|invite| invite.ack_failure(text));
        }
        // A 2xx that comes again: the scenario's ACK goes again.
        if is_new { None } else { self.acks.get(key).cloned() }
    }

    /// The oldest message the scenario has not taken.
    pub fn next_new(&mut self) -> Option<Text> {
        self.inbox.pop_front()
    }

    /// Start lines of everything received, repetitions too.
    pub fn heard(&self) -> &[String] {
        &self.heard
    }

    pub fn peek_new(&self) -> Option<&Text> {
        self.inbox.front()
    }

    /// A request that the scenario never looked at.
    pub fn untaken(&self) -> Option<&str> {
        let requests = self.inbox.iter().filter(|text| text.status().is_none() && text.method() != "ACK");
        if self.is_deaf { None } else { requests.map(Text::start_line).next() }
    }

    /// A request of this agent that never had a final answer.
    pub fn unanswered(&self) -> Option<&String> {
        if self.is_deaf || self.is_unreachable { None } else { self.waiting.values().next() }
    }

    /// What is sent again is shown like what is new.
    pub fn sees_repetitions(&mut self) {
        self.seen.clear();
    }

    /// The agent no longer cares for an answer (it is a stranger, or gone).
    pub fn forget(&mut self) {
        self.waiting.clear();
        self.repeated.clear();
    }
}

fn key(text: &Text) -> Key {
    let cseq = text.header("CSeq");
    let (number, method) = cseq.split_once(' ').unwrap_or_default();
    (text.header("Call-ID"), number.to_owned(), method.trim().to_owned())
}
