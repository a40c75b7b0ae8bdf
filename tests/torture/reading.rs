//! What our layer makes of octets, in a form that can be compared between transports and cuts.

use std::net::SocketAddr;

use bytes::Bytes;
use trunkline::sip::frame::{Framed, StreamFramer, datagram};
use trunkline::sip::message::{Rejection, RejectionKind, Request, Response, SipMessage};

/// Where every test message comes from.
pub fn source() -> SocketAddr {
    "203.0.113.5:5070".parse().unwrap()
}

/// One thing that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Start line, fields and body as the layer above sees them.
    Accepted(String),
    Refused {
        kind: RejectionKind,
        answer: Option<Bytes>,
        close: bool,
    },
    Ping,
}

fn describe(message: &SipMessage) -> String {
    let parsed = match message {
        SipMessage::Request(request) => format!("{:?} {:?} {:?}", request.method, request.uri, request.max_forwards),
        SipMessage::Response(response) => format!("{:?} {:?}", response.status, response.reason),
    };
    let (via, cseq) = match message {
        SipMessage::Request(request) => (&request.via, &request.cseq),
        SipMessage::Response(response) => (&response.via, &response.cseq),
    };
    let fields: Vec<_> = message.message().raw_headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    format!("{parsed} {via:?} {cseq:?} {:?} {fields:?} {:?}", message.call_id(), message.message().body())
}

impl From<Rejection> for Outcome {
    fn from(rejection: Rejection) -> Outcome {
        Outcome::Refused { kind: rejection.kind, answer: rejection.answer, close: rejection.close }
    }
}

/// Reads one datagram; `None` is a keep-alive.
pub fn as_datagram(octets: &Bytes) -> Option<Outcome> {
    Some(match datagram(octets, source())? {
        Ok(message) => Outcome::Accepted(describe(&message)),
        Err(rejection) => rejection.into(),
    })
}

/// Feeds a stream piece by piece; everything it gave, and whether it waits inside a message.
pub fn as_stream<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Outcome>, bool) {
    let mut framer = StreamFramer::default();
    let mut outcomes = Vec::new();
    for piece in pieces {
        framer.buffer().extend_from_slice(piece);
        while let Some(framed) = framer.next(source()) {
            outcomes.push(match framed {
                Framed::Message(message) => Outcome::Accepted(describe(&message)),
                Framed::Ping => Outcome::Ping,
                Framed::Refused(rejection) => rejection.into(),
            });
        }
    }
    let waits = framer.is_inside_message();
    (outcomes, waits)
}

/// The stream's reading, after checking that no way to cut it changes anything: whole, octet by octet, and in two at every
/// position (sampled above 4 KiB).
pub fn as_stream_however_cut(name: &str, octets: &[u8]) -> (Vec<Outcome>, bool) {
    let whole = as_stream([octets]);
    assert_eq!(as_stream(octets.chunks(1)), whole, "{name} octet by octet");
    let step = if octets.len() <= 4096 { 1 } else { octets.len() / 199 };
    for at in (0..octets.len()).step_by(step) {
        let (one, two) = octets.split_at(at);
        assert_eq!(as_stream([one, two]), whole, "{name} cut at {at}");
    }
    whole
}

/// A datagram that must be a request.
pub fn request(octets: &[u8]) -> Request {
    match datagram(&Bytes::copy_from_slice(octets), source()) {
        Some(Ok(SipMessage::Request(request))) => *request,
        other => panic!("no request: {other:?}"),
    }
}

/// A datagram that must be a response.
pub fn response(octets: &[u8]) -> Response {
    match datagram(&Bytes::copy_from_slice(octets), source()) {
        Some(Ok(SipMessage::Response(response))) => *response,
        other => panic!("no response: {other:?}"),
    }
}

/// A datagram that must be refused.
pub fn refusal(octets: &[u8]) -> Rejection {
    match datagram(&Bytes::copy_from_slice(octets), source()) {
        Some(Err(rejection)) => rejection,
        other => panic!("not refused: {other:?}"),
    }
}

/// The status of a written answer.
pub fn status_of(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status line: {text}"))
}

/// An answer must be whole, end its head, and hold no octet below 0x20 outside line ends, folds and quoted pairs.
pub fn assert_answer_is_sound(name: &str, answer: &[u8]) {
    assert!(
        answer.starts_with(b"SIP/2.0 ") && answer.ends_with(b"\r\nContent-Length: 0\r\n\r\n"),
        "{name}: {answer:?}"
    );
    let text = answer.strip_suffix(b"\r\n\r\n").unwrap();
    for line in text.split(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(!line.is_empty() && !line.contains(&b'\r'), "{name}: stray line end");
        for pair in [b" ".as_slice(), line].concat().windows(2) {
            assert!(pair[1] >= b' ' || pair[1] == b'\t' || pair[0] == b'\\', "{name}: control octet {:#x}", pair[1]);
        }
    }
}
