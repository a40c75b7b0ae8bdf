//! What the signalling shell counts. Plain values: the metrics shell reads them when it is scraped.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use memchr::memmem::Finder;

use super::arrival::Class;
use super::guard::Offence;
use super::tls::HandshakeFailure;
use crate::sip::flow::{ResolveFailure, TransmitFailure, Transport};
use crate::sip::{Method, RejectionKind, SipMessage};

/// Counts by the variants of an enum. The enum bounds the table.
#[derive(Debug)]
pub struct Tally<K>(Mutex<HashMap<K, u64>>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Tally(Mutex::new(HashMap::new()))
    }
}

impl<K: Copy + Eq + Hash + Debug> Tally<K> {
    /// Counts one.
    pub fn add(&self, key: K) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(0) += 1;
    }

    /// How often `key` was counted.
    pub fn count(&self, key: K) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied().unwrap_or(0)
    }

    /// All counts with their metric labels (the variant's name in snake case), in order of the label.
    pub fn labelled(&self) -> Vec<(String, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out: Vec<_> = counts.iter().map(|(key, count)| (label(key), *count)).collect();
        drop(counts);
        out.sort();
        out
    }
}

/// The metric label of an enum's variant: its name in snake case, values in it as further words.
pub fn label(key: &impl Debug) -> String {
    let mut out = String::new();
    for c in format!("{key:?}").chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_end_matches('_').to_owned()
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionOutcome {
    /// An incoming one is up.
    Accepted,
    /// An outgoing one is up.
    Dialled,
    /// Refused: `limits.max_connections`.
    TooMany,
    /// Refused: `limits.max_connections_per_source`.
    TooManyOfSource,
    /// Refused: `limits.max_unknown_connections`.
    TooManyStrangers,
    /// Refused: `limits.max_handshakes`, or a stranger's share of them.
    TooManyHandshakes,
    /// Refused: `limits.unknown_connections_per_s`.
    TooFast,
    /// Refused or closed: its source is banned.
    Banned,
    /// An outgoing one failed.
    DialFailed,
    /// The far end closed it.
    PeerClosed,
    /// The connection broke.
    Broken,
    /// Nothing came for `limits.idle_connection_s`.
    Idle,
    /// A stranger said nothing in `limits.first_message_s`.
    Silent,
    /// A stranger sent more than `limits.unknown_requests_per_s`.
    Flood,
    /// A message was begun and not finished in `limits.message_s`.
    MessageTimeout,
    /// The stream lost its framing.
    BadFraming,
    /// Our keep-alive was not answered.
    NoPong,
    /// More keep-alives than anyone needs.
    PingFlood,
    /// More waited to be written than `limits.connection_write_octets`.
    Congested,
    /// What waited to be written was not taken in `limits.write_s`.
    Stalled,
    /// It showed a certificate of ours that was renewed since.
    Renewed,
    /// We closed it.
    Closed,
}

/// Why a message was turned away before the engine saw it. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TurnedAway {
    /// A datagram of a banned source, not read.
    Banned,
    /// A stranger's datagram beyond `limits.unknown_requests_per_s`, not read.
    StrangerRate,
    /// A peer's request beyond `limits.max_requests_per_s_per_source`: 503.
    PeerRate,
}

impl TurnedAway {
    /// Every reason, for the metrics' start at zero.
    pub const ALL: [TurnedAway; 3] = [TurnedAway::Banned, TurnedAway::StrangerRate, TurnedAway::PeerRate];
}

/// One count of [`MessageCounts`].
pub type Cell = (Transport, Direction, MessageKind, u64);

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Received,
    Sent,
}

impl Direction {
    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Direction::Received => "received",
            Direction::Sent => "sent",
        }
    }
}

/// Method of a request or class of a response, as a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageKind(usize);

/// Methods, which are the labels of requests.
const METHODS: [&str; 15] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
    "other",
];
/// Classes of responses.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"];
/// What responses answer, as far as they are told apart (PF-57).
const ANSWERED: [&str; 3] = ["INVITE", "OPTIONS", "other"];
/// Kinds there are: requests by method, responses by class and what they answer.
const KINDS: usize = METHODS.len() + CLASSES.len() * ANSWERED.len();
/// Place of "other" in [`METHODS`].
const OTHER: usize = 14;
/// Transports times directions times kinds.
const CELLS: usize = 3 * 2 * KINDS;

impl MessageKind {
    /// Of a message that was read.
    pub fn of(message: &SipMessage) -> MessageKind {
        match message {
            SipMessage::Request(request) => MessageKind::of_method(&request.method),
            SipMessage::Response(response) => {
                let answered = match &response.cseq.method {
                    Method::Invite => 0,
                    Method::Options => 1,
                    _ => 2,
                };
                MessageKind(class_place(response.status.code() / 100, answered))
            }
        }
    }

    /// A 5xx to an INVITE.
    pub const SERVER_FAILURE_OF_INVITE: MessageKind = MessageKind(class_place(5, 0));

    /// Of a request of this method.
    pub const fn of_method(method: &Method) -> MessageKind {
        MessageKind(method_place(method))
    }

    /// Of a message that we wrote.
    pub fn of_octets(octets: &[u8]) -> MessageKind {
        if let Some(rest) = octets.strip_prefix(b"SIP/2.0 ") {
            let class = rest.first().map_or(0, |digit| u16::from(digit.wrapping_sub(b'0')));
            return MessageKind(class_place(class, answered_by(rest)));
        }
        let end = octets.iter().take(16).position(|octet| *octet == b' ').unwrap_or(0);
        let token = octets.get(..end).unwrap_or_default();
        MessageKind(METHODS.iter().position(|kind| kind.as_bytes() == token).unwrap_or(OTHER))
    }

    /// The label.
    pub fn label(self) -> &'static str {
        let class = self.0.checked_sub(METHODS.len()).and_then(|place| CLASSES.get(place / ANSWERED.len()));
        METHODS.get(self.0).or(class).copied().unwrap_or("other")
    }

    /// Of a response, the method it answers: INVITE, OPTIONS or other.
    pub fn answers(self) -> Option<&'static str> {
        let place = self.0.checked_sub(METHODS.len())?;
        ANSWERED.get(place % ANSWERED.len()).copied()
    }
}

/// What a response that we wrote answers: the method of its CSeq.
fn answered_by(octets: &[u8]) -> usize {
    const FIELD: &[u8] = b"\r\nCSeq: ";
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(FIELD));
    let start = FINDER.find(octets).map_or(octets.len(), |at| at + FIELD.len());
    let value = octets.get(start..).unwrap_or_default();
    let method =
        value.iter().position(|octet| *octet == b' ').and_then(|space| value.get(space + 1..)).unwrap_or_default();
    ["INVITE\r", "OPTIONS\r"].iter().position(|known| method.starts_with(known.as_bytes())).unwrap_or(2)
}

const fn class_place(class: u16, answered: usize) -> usize {
    match class {
        1..=6 => METHODS.len() + (class - 1) as usize * ANSWERED.len() + answered,
        _ => OTHER,
    }
}

const fn method_place(method: &Method) -> usize {
    match method {
        Method::Invite => 0,
        Method::Ack => 1,
        Method::Bye => 2,
        Method::Cancel => 3,
        Method::Options => 4,
        Method::Register => 5,
        Method::Prack => 6,
        Method::Update => 7,
        Method::Info => 8,
        Method::Refer => 9,
        Method::Notify => 10,
        Method::Subscribe => 11,
        Method::Message => 12,
        Method::Publish => 13,
        Method::Other(_) => OTHER,
    }
}

/// Messages by transport, direction and kind: the one count of every message's way, so no lock.
#[derive(Debug)]
pub struct MessageCounts([AtomicU64; CELLS]);

impl Default for MessageCounts {
    fn default() -> Self {
        MessageCounts(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl MessageCounts {
    /// Counts one.
    pub fn add(&self, transport: Transport, direction: Direction, kind: MessageKind) {
        if let Some(cell) = self.0.get(cell(transport, direction, kind)) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Everything that was counted at least once.
    pub fn all(&self) -> Vec<Cell> {
        let mut out = Vec::new();
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            for direction in [Direction::Received, Direction::Sent] {
                for kind in (0..KINDS).map(MessageKind) {
                    let count = self.0.get(cell(transport, direction, kind)).map_or(0, |c| c.load(Ordering::Relaxed));
                    if count > 0 {
                        out.push((transport, direction, kind, count));
                    }
                }
            }
        }
        out
    }
}

const fn cell(transport: Transport, direction: Direction, kind: MessageKind) -> usize {
    let transport = match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
    };
    let direction = match direction {
        Direction::Received => 0,
        Direction::Sent => 1,
    };
    (transport * 2 + direction) * KINDS + kind.0
}

/// Everything the signalling shell counts.
#[derive(Debug, Default)]
pub struct Counters {
    pub messages: MessageCounts,
    /// Messages refused by the wire layer, by its reason.
    pub refused: Tally<RejectionKind>,
    /// Messages that found their inbox full: dropped, or answered 503.
    pub inbox_full: Tally<Class>,
    /// Messages turned away at the gate.
    pub turned_away: Tally<TurnedAway>,
    /// What strangers and peers did that brings a stranger nearer to a ban.
    pub offences: Tally<Offence>,
    /// Bans, by what brought them.
    pub bans: Tally<Offence>,
    pub transmit_failures: Tally<TransmitFailure>,
    pub handshake_failures: Tally<HandshakeFailure>,
    pub connections: Tally<ConnectionOutcome>,
    pub resolve_failures: Tally<ResolveFailure>,
    /// Keep-alives answered (RFC 5626 4.4.1) and datagrams without a message.
    pub keep_alives: AtomicU64,
    /// Connections open now, both directions.
    pub open: AtomicI64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_variants_name_in_snake_case() {
        assert_eq!(label(&TransmitFailure::FlowGone), "flow_gone");
        assert_eq!(label(&ConnectionOutcome::TooManyOfSource), "too_many_of_source");
        assert_eq!(label(&Some(Transport::Tls)), "some_tls");
    }

    #[test]
    fn what_we_wrote_is_counted_by_method_or_class() {
        assert_eq!(MessageKind::of_octets(b"INVITE sip:a@b SIP/2.0\r\n").label(), "INVITE");
        assert_eq!(MessageKind::of_octets(b"SIP/2.0 183 Session Progress\r\n").label(), "1xx");
        assert_eq!(MessageKind::of_octets(b"SIP/2.0 603 Decline\r\n").label(), "6xx");
        let kind = MessageKind::of_octets(b"SIP/2.0 200 OK\r\nVia: x\r\nCSeq: 7 OPTIONS\r\n\r\n");
        assert_eq!((kind.label(), kind.answers()), ("2xx", Some("OPTIONS")));
        let kind = MessageKind::of_octets(b"SIP/2.0 486 Busy\r\nCSeq: 1 INVITE\r\n\r\n");
        assert_eq!((kind.label(), kind.answers()), ("4xx", Some("INVITE")));
        assert_eq!(MessageKind::of_octets(b"BYE sip:a@b SIP/2.0\r\n").answers(), None);
        assert_eq!(MessageKind::of_octets(b"FOO sip:a@b SIP/2.0\r\n").label(), "other");
        assert_eq!(MessageKind::of_octets(b"").label(), "other");
    }

    #[test]
    fn each_cell_counts_for_itself() {
        let counts = MessageCounts::default();
        let kind = MessageKind::of_octets(b"BYE sip:a@b SIP/2.0\r\n");
        counts.add(Transport::Tls, Direction::Sent, kind);
        counts.add(Transport::Tls, Direction::Sent, kind);
        counts.add(Transport::Udp, Direction::Received, kind);
        let expected = vec![(Transport::Udp, Direction::Received, kind, 1), (Transport::Tls, Direction::Sent, kind, 2)];
        assert_eq!(counts.all(), expected);
    }
}
