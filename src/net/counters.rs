//! What the signalling shell counts. Plain values: the metrics shell reads them when it is scraped.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::arrival::Class;
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
    /// Refused: handshakes in flight.
    TooManyHandshakes,
    /// An outgoing one failed.
    DialFailed,
    /// The far end closed it.
    PeerClosed,
    /// The connection broke.
    Broken,
    /// Nothing came for `limits.idle_connection_s`.
    Idle,
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
    /// It showed a certificate of ours that was renewed since.
    Renewed,
    /// We closed it.
    Closed,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Received,
    Sent,
}

/// Method of a request or class of a response, as a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageKind(usize);

/// The labels of [`MessageKind`].
const KINDS: [&str; 21] = [
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
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "6xx",
];
/// Place of "other" in [`KINDS`].
const OTHER: usize = 14;
/// Transports times directions times kinds.
const CELLS: usize = 3 * 2 * KINDS.len();

impl MessageKind {
    /// Of a message that was read.
    pub fn of(message: &SipMessage) -> MessageKind {
        match message {
            SipMessage::Request(request) => MessageKind(method_place(&request.method)),
            SipMessage::Response(response) => MessageKind(class_place(response.status.code() / 100)),
        }
    }

    /// Of a message that we wrote.
    pub fn of_octets(octets: &[u8]) -> MessageKind {
        if let Some(rest) = octets.strip_prefix(b"SIP/2.0 ") {
            return MessageKind(class_place(rest.first().map_or(0, |digit| u16::from(digit.wrapping_sub(b'0')))));
        }
        let end = octets.iter().take(16).position(|octet| *octet == b' ').unwrap_or(0);
        let token = octets.get(..end).unwrap_or_default();
        MessageKind(KINDS.iter().position(|kind| kind.as_bytes() == token).unwrap_or(OTHER))
    }

    /// The label.
    pub fn label(self) -> &'static str {
        KINDS.get(self.0).copied().unwrap_or("other")
    }
}

fn class_place(class: u16) -> usize {
    match class {
        1..=6 => OTHER + usize::from(class),
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
    pub fn all(&self) -> Vec<(Transport, Direction, MessageKind, u64)> {
        let mut out = Vec::new();
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            for direction in [Direction::Received, Direction::Sent] {
                for kind in (0..KINDS.len()).map(MessageKind) {
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
    (transport * 2 + direction) * KINDS.len() + kind.0
}

/// Everything the signalling shell counts.
#[derive(Debug, Default)]
pub struct Counters {
    pub messages: MessageCounts,
    /// Messages refused by the wire layer, by its reason.
    pub refused: Tally<RejectionKind>,
    /// Messages that found their inbox full: dropped, or answered 503.
    pub inbox_full: Tally<Class>,
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
