//! Messages as octets, with the header lines a test adds.

use std::net::SocketAddr;

use bytes::Bytes;
use trunkline::dialog::{Dialog, OutgoingRequestFacts};
use trunkline::sip::flow::Transport;
use trunkline::sip::{Request, Response, SipMessage, Uri, frame};

fn read(text: String) -> SipMessage {
    let source: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    frame::datagram(&Bytes::from(text), source).unwrap().unwrap()
}

pub fn uri(text: &'static str) -> Uri {
    Uri::parse(&Bytes::from_static(text.as_bytes())).unwrap()
}

/// A request with `lines` (each ended by CR LF) besides the mandatory fields.
pub fn request(method: &str, request_uri: &str, transport: &str, to: &str, lines: &str) -> Request {
    let text = format!(
        "{method} {request_uri} SIP/2.0\r\nVia: SIP/2.0/{transport} peer.example.com;branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: \"Ann\"  <sip:ann@example.com>;x=1;tag=AnnTag\r\nTo: {to}\r\nCall-ID: Call@Peer\r\n\
         CSeq: 314 {method}\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    match read(text) {
        SipMessage::Request(request) => *request,
        SipMessage::Response(_) => panic!("a request was written"),
    }
}

/// An INVITE from Ann that opens a dialog.
pub fn invite(lines: &str) -> Request {
    request("INVITE", "sip:bob@sbc.example.com", "UDP", "Bob <sip:bob@example.com>;y=2", lines)
}

/// A response of Bob's to our INVITE.
pub fn response(code: u16, lines: &str) -> Response {
    let text = format!(
        "SIP/2.0 {code} Any\r\nVia: SIP/2.0/UDP us.example.com;branch=z9hG4bK1\r\nFrom: <sip:us@example.com>;tag=ours\r\n\
         To: \"Bob\" <sip:bob@example.com>;tag=BobTag\r\nCall-ID: call@us\r\nCSeq: 7 INVITE\r\n{lines}\
         Content-Length: 0\r\n\r\n"
    );
    match read(text) {
        SipMessage::Response(response) => *response,
        SipMessage::Request(_) => panic!("a response was written"),
    }
}

/// The INVITE of ours that `response` answers.
pub fn our_invite() -> OutgoingRequestFacts {
    OutgoingRequestFacts {
        uri: uri("sip:bob@carrier.example.com"),
        from: Bytes::from_static(b"<sip:us@example.com>;tag=ours"),
        local_tag: Bytes::from_static(b"ours"),
        call_id: Bytes::from_static(b"call@us"),
        cseq: 7,
        transport: Transport::Udp,
    }
}

pub const ANN: &str = "Contact: <sip:ann@192.0.2.7:5070>\r\n";
pub const BOB: &str = "Contact: <sip:bob@192.0.2.9>\r\n";

/// We answered Ann's INVITE with the tag `ours`.
pub fn uas(lines: &str) -> Dialog {
    Dialog::from_uas(&invite(&format!("{ANN}{lines}")), b"ours").unwrap()
}

/// Bob answered our INVITE with 200.
pub fn uac(lines: &str) -> Dialog {
    Dialog::from_uac(&our_invite(), &response(200, &format!("{BOB}{lines}"))).unwrap()
}
