//! RFC 3261 17.1.3 and 17.2.3: which transaction a message belongs to.

use std::net::SocketAddr;

use bytes::Bytes;
use trunkline::sip::{Method, Request, Response, SipMessage, frame};
use trunkline::transaction::{ClientKey, ServerKey};

/// What a test varies; the rest of the request is the same every time.
#[derive(Clone, Copy)]
struct Fields {
    method: &'static str,
    via: &'static str,
    uri: &'static str,
    from_tag: &'static str,
    to_tag: &'static str,
    call_id: &'static str,
    number: u32,
}

const INVITE: Fields = Fields {
    method: "INVITE",
    via: "SIP/2.0/UDP peer.example.com:5060;branch=z9hG4bK776",
    uri: "sip:bob@example.com",
    from_tag: ";tag=1",
    to_tag: "",
    call_id: "call@peer",
    number: 1,
};

/// From a peer of RFC 2543: no cookie.
const OLD: Fields = Fields { via: "SIP/2.0/UDP peer.example.com:5060;branch=1", ..INVITE };

fn read(text: String) -> SipMessage {
    let source: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    frame::datagram(&Bytes::from(text), source).unwrap().unwrap()
}

fn request(fields: Fields) -> Request {
    let Fields { method, via, uri, from_tag, to_tag, call_id, number } = fields;
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>{from_tag}\r\n\
         To: <sip:bob@example.com>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
    );
    match read(text) {
        SipMessage::Request(request) => *request,
        SipMessage::Response(_) => panic!("a request was written"),
    }
}

fn response(branch: &str, cseq_method: &str) -> Response {
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP us.example.com;branch={branch}\r\nFrom: <sip:a@example.com>;tag=1\r\n\
         To: <sip:bob@example.com>;tag=2\r\nCall-ID: call@us\r\nCSeq: 1 {cseq_method}\r\nContent-Length: 0\r\n\r\n"
    );
    match read(text) {
        SipMessage::Response(response) => *response,
        SipMessage::Request(_) => panic!("a response was written"),
    }
}

fn key(fields: Fields) -> ServerKey {
    ServerKey::of(&request(fields))
}

#[test]
fn a_repeated_request_has_the_key_of_the_first() {
    assert_eq!(key(INVITE), key(INVITE));
    assert_eq!(key(OLD), key(OLD));
}

#[test]
fn an_ack_with_the_invites_branch_has_the_invites_key() {
    assert_eq!(key(Fields { method: "ACK", to_tag: ";tag=2", ..INVITE }), key(INVITE));
}

#[test]
fn a_cancel_has_its_own_key_and_leads_to_the_invites() {
    let cancel = key(Fields { method: "CANCEL", ..INVITE });
    assert_ne!(cancel, key(INVITE));
    assert_eq!(cancel.invite_key(), key(INVITE));
}

#[test]
fn the_invite_key_of_an_invite_is_itself() {
    assert_eq!(key(INVITE).invite_key(), key(INVITE));
}

#[test]
fn another_branch_is_another_transaction() {
    assert_ne!(key(Fields { via: "SIP/2.0/UDP peer.example.com:5060;branch=z9hG4bK777", ..INVITE }), key(INVITE));
}

#[test]
fn the_same_branch_from_another_host_or_port_is_another_transaction() {
    for via in
        ["SIP/2.0/UDP other.example.com:5060;branch=z9hG4bK776", "SIP/2.0/UDP peer.example.com:5070;branch=z9hG4bK776"]
    {
        assert_ne!(key(Fields { via, ..INVITE }), key(INVITE), "{via}");
    }
}

#[test]
fn sent_by_compares_without_case_and_with_the_default_port_filled_in() {
    for via in ["SIP/2.0/UDP PEER.Example.COM:5060;branch=z9hG4bK776", "SIP/2.0/UDP peer.example.com;branch=z9hG4bK776"]
    {
        assert_eq!(key(Fields { via, ..INVITE }), key(INVITE), "{via}");
    }
    let tls = |via| key(Fields { via, ..INVITE });
    assert_eq!(tls("SIP/2.0/TLS h;branch=z9hG4bK776"), tls("SIP/2.0/TLS h:5061;branch=z9hG4bK776"));
}

#[test]
fn the_branch_compares_without_case() {
    assert_eq!(key(Fields { via: "SIP/2.0/UDP peer.example.com;branch=Z9HG4BK776", ..INVITE }), key(INVITE));
}

#[test]
fn addresses_of_both_families_are_told_apart() {
    let of = |via| key(Fields { via, ..INVITE });
    assert_ne!(of("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK776"), of("SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK776"));
    assert_eq!(
        of("SIP/2.0/UDP [2001:DB8:0::1];branch=z9hG4bK776"),
        of("SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK776")
    );
}

#[test]
fn the_method_belongs_to_the_key() {
    assert_ne!(key(Fields { method: "BYE", ..INVITE }), key(Fields { method: "INFO", ..INVITE }));
    assert_ne!(key(Fields { method: "FOO", ..INVITE }), key(Fields { method: "foo", ..INVITE }));
}

#[test]
fn with_a_cookie_only_branch_sent_by_and_method_count() {
    let other = Fields { uri: "sip:x@y", from_tag: ";tag=9", call_id: "else", number: 7, ..INVITE };
    assert_eq!(key(other), key(INVITE));
}

#[test]
fn without_a_cookie_every_field_of_17_2_3_counts() {
    for other in [
        Fields { uri: "sip:carol@example.com", ..OLD },
        Fields { from_tag: ";tag=9", ..OLD },
        Fields { call_id: "else", ..OLD },
        Fields { number: 2, ..OLD },
        Fields { via: "SIP/2.0/UDP peer.example.com:5060;branch=2", ..OLD },
        Fields { via: "SIP/2.0/TCP peer.example.com:5060;branch=1", ..OLD },
        Fields { via: "SIP/2.0/UDP other.example.com:5060;branch=1", ..OLD },
    ] {
        assert_ne!(key(other), key(OLD));
    }
}

#[test]
fn without_a_cookie_ack_and_cancel_find_their_invite() {
    assert_eq!(key(Fields { method: "ACK", to_tag: ";tag=2", ..OLD }), key(OLD));
    assert_eq!(key(Fields { method: "CANCEL", ..OLD }).invite_key(), key(OLD));
}

#[test]
fn a_missing_branch_is_matched_as_rfc_2543() {
    let none = Fields { via: "SIP/2.0/UDP peer.example.com", ..INVITE };
    assert_eq!(key(none), key(none));
    assert_ne!(key(none), key(Fields { call_id: "else", ..none }));
}

#[test]
fn no_octets_can_move_from_one_part_of_a_key_into_the_next() {
    let one = Fields { from_tag: ";tag=ab", call_id: "c", ..OLD };
    let other = Fields { from_tag: ";tag=a", call_id: "bc", ..OLD };
    assert_ne!(key(one), key(other));
}

#[test]
fn a_response_finds_the_request_by_branch_and_cseq_method() {
    let key = ClientKey::new(b"z9hG4bKours", &Method::Invite);
    assert_eq!(ClientKey::of(&response("z9hG4bKours", "INVITE")), key);
    assert_eq!(ClientKey::of(&response("Z9hg4bkOURS", "INVITE")), key);
    assert_ne!(ClientKey::of(&response("z9hG4bKours", "CANCEL")), key);
    assert_ne!(ClientKey::of(&response("z9hG4bKother", "INVITE")), key);
}
