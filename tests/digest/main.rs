//! Digest authentication as values: vectors, our answers to challenges, our own challenges.

mod client;
mod server;
mod vectors;

use bytes::Bytes;
use trunkline::base::Secret;
use trunkline::sip::auth::Credentials;
use trunkline::sip::{Request, Response, SipMessage, frame};

pub fn credentials() -> Credentials {
    Credentials::new("trunk-a".into(), "carrier.example".into(), Secret::new(b"s3cret".to_vec()))
}

fn read(text: String) -> SipMessage {
    let source = "198.51.100.7:5060".parse().expect("an address");
    frame::datagram(&Bytes::from(text), source).expect("a message").expect("a sound message")
}

/// A response to an INVITE of ours with these header lines.
pub fn response(status: u16, lines: &str) -> Response {
    let text = format!(
        "SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    match read(text) {
        SipMessage::Response(response) => *response,
        SipMessage::Request(_) => panic!("a response was read as a request"),
    }
}

/// An INVITE to us with these header lines.
pub fn invite(uri: &str, lines: &str) -> Request {
    let text = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    match read(text) {
        SipMessage::Request(request) => *request,
        SipMessage::Response(_) => panic!("a request was read as a response"),
    }
}

/// The value of one parameter of a header value.
pub fn param(value: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8(value.to_vec()).expect("text");
    let rest = text.strip_prefix("Digest ").expect("digest");
    let found = rest.split(", ").find_map(|param| param.strip_prefix(&format!("{name}=")));
    found.map(|value| value.trim_matches('"').to_owned())
}
