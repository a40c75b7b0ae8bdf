//! One datagram: read, every view asked, answered, and read again.

use bytes::Bytes;
use trunkline::base::limits;
use trunkline::sip::frame::datagram;
use trunkline::sip::header::{
    ContentType, MinSe, Name, RAck, RSeq, Reason, Replaces, RetryAfter, SessionExpires, Warning,
};
use trunkline::sip::{Message, Request, ResponseHead, SipMessage, Status, Writer, multipart};

use super::{seen, source};

pub fn run(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    match datagram(&octets, source()) {
        None => assert!(octets.iter().all(|octet| matches!(octet, b'\r' | b'\n')), "only line ends are nothing"),
        Some(Ok(message)) => accepted(&message),
        Some(Err(rejection)) => {
            assert!(!rejection.close, "a datagram has nothing to close");
            rejection.answer.iter().for_each(|answer| sound(answer));
        }
    }
}

fn accepted(message: &SipMessage) {
    let inner = message.message();
    assert!(inner.bytes().len() <= limits::MESSAGE_OCTETS && inner.header_count() <= limits::HEADER_COUNT);
    assert!(inner.list(Name::Via).len() <= limits::VIA_COUNT);
    views(inner);
    // What was cut to its own octets reads the same.
    let again = datagram(&Bytes::copy_from_slice(inner.bytes()), source());
    let Some(Ok(again)) = again else { panic!("the message alone is not read: {again:?}") };
    assert_eq!(seen(message), seen(&again));
    if let SipMessage::Request(request) = message {
        answered(request);
    }
}

fn answered(request: &Request) {
    let head = ResponseHead::new(request, source());
    let answer = Writer::response_from(Status::OK, None, &head, Some(b"t")).finish();
    sound(&answer);
    let Some(Ok(SipMessage::Response(read))) = datagram(&answer, source()) else { panic!("our answer is not read") };
    assert_eq!((&read.call_id, &read.cseq), (&request.call_id, &request.cseq));
    assert_eq!(read.from.tag(), request.from.tag());
    assert_eq!(read.via.branch(), request.via.branch());
}

/// Reads every view of every field, whatever the field is.
fn views(message: &Message) {
    for name in Name::ALL {
        let _ = (message.name_addrs(name), message.tokens(name));
        for value in message.list(name) {
            let _ = ContentType::parse(&value).map(|media| multipart::parts(&media, &message.body()));
            let _ = (MinSe::parse(&value), RAck::parse(&value), RSeq::parse(&value), Reason::parse(&value));
            let _ = (Replaces::parse(&value), RetryAfter::parse(&value), SessionExpires::parse(&value));
            let _ = Warning::parse(&value);
        }
    }
}

/// An answer is one whole message without a body, and no octet of the peer ends a line in it.
pub fn sound(answer: &[u8]) {
    assert!(answer.starts_with(b"SIP/2.0 ") && answer.ends_with(b"\r\nContent-Length: 0\r\n\r\n"));
    let head = &answer[..answer.len() - 4];
    assert!(!head.windows(4).any(|window| window == b"\r\n\r\n"), "the answer's head ends early");
    for (at, octet) in answer.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| answer[before]);
        assert!(*octet != b'\n' || before == Some(b'\r'), "a bare LF");
        assert!(*octet != b'\r' || answer.get(at + 1) == Some(&b'\n'), "a bare CR");
    }
}
