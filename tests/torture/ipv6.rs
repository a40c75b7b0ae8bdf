//! RFC 5118: IPv6 in SIP, written from the rules of its section 4.

use std::net::Ipv6Addr;

use trunkline::sip::header::Name;
use trunkline::sip::message::RejectionKind;
use trunkline::sip::status::Status;
use trunkline::sip::uri::Host;
use trunkline::sip::write::Writer;

use crate::reading::{refusal, request};

fn message(uri: &str, via: &str, contact: &str) -> String {
    format!(
        "REGISTER {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: <sip:user@example.com>;tag=81x2\r\n\
         To: <sip:user@example.com>\r\nCall-ID: SSG95523997077@hlau_4100\r\nCSeq: 98176 REGISTER\r\nContact: {contact}\r\nContent-Length: 0\r\n\r\n"
    )
}

const VIA: &str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111";
const CONTACT: &str = "\"Caller\" <sip:caller@[2001:db8::1]>";

fn address(text: &str) -> Host {
    Host::V6(text.parse::<Ipv6Addr>().unwrap())
}

#[test]
fn a_bracketed_address_in_the_request_uri_is_a_host() {
    let read = request(message("sip:[2001:db8::10]", VIA, CONTACT).as_bytes());
    assert_eq!(read.uri.as_sip().unwrap().host, address("2001:db8::10"));
}

#[test]
fn an_address_without_brackets_in_the_request_uri_is_refused() {
    let refused = refusal(message("sip:2001:db8::10", VIA, CONTACT).as_bytes());
    assert_eq!((refused.kind, refused.answer.is_some()), (RejectionKind::BadRequestUri, true));
}

#[test]
fn a_port_inside_the_brackets_is_part_of_the_address() {
    let read = request(message("sip:[2001:db8::10:5070]", VIA, CONTACT).as_bytes());
    let uri = read.uri.as_sip().unwrap();
    assert_eq!((&uri.host, uri.port), (&address("2001:db8::10:5070"), None));
}

#[test]
fn a_port_behind_the_brackets_is_a_port() {
    let read = request(message("sip:[2001:db8::10]:5070", VIA, CONTACT).as_bytes());
    let uri = read.uri.as_sip().unwrap();
    assert_eq!((&uri.host, uri.port), (&address("2001:db8::10"), Some(5070)));
}

#[test]
fn received_is_read_with_and_without_brackets_and_replaced_in_the_answer() {
    for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let via = format!("SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111");
        let read = request(message("sip:[2001:db8::10]", &via, CONTACT).as_bytes());
        assert_eq!(read.via.host, address("2001:db8::9:1"));
        assert_eq!(read.via.param("received").flatten().unwrap(), received.as_bytes());
        let answer = Writer::response(Status::OK, None, &read, "[2001:db8::9:77]:5060".parse().unwrap(), None).finish();
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.contains("Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111;received=2001:db8::9:77\r\n"),
            "{text}"
        );
    }
}

#[test]
fn no_received_is_added_when_another_spelling_names_the_source() {
    let via = "SIP/2.0/UDP [2001:DB8:0:0::9:1];branch=z9hG4bKas3-111";
    let read = request(message("sip:[2001:db8::10]", via, CONTACT).as_bytes());
    let answer = Writer::response(Status::OK, None, &read, "[2001:db8::9:1]:5060".parse().unwrap(), None).finish();
    assert!(String::from_utf8_lossy(&answer).contains(&format!("Via: {via}\r\n")));
}

#[test]
fn addresses_of_both_families_stand_side_by_side() {
    let contact = "<sip:caller@[2001:db8::1]>, <sip:caller@192.0.2.7:5062>";
    let read = request(message("sip:[2001:db8::10]", VIA, contact).as_bytes());
    let contacts = read.message.name_addrs(Name::Contact).unwrap();
    let hosts: Vec<_> = contacts.iter().map(|contact| contact.uri.as_sip().unwrap().host.to_string()).collect();
    assert_eq!(hosts, ["[2001:db8::1]", "192.0.2.7"]);
}

#[test]
fn an_ipv4_mapped_address_is_an_ipv6_address() {
    let read = request(message("sip:[::ffff:192.0.2.10]:5060", VIA, CONTACT).as_bytes());
    assert_eq!(read.uri.as_sip().unwrap().host, address("::ffff:192.0.2.10"));
    assert_eq!(read.uri.to_bytes(), "sip:[::ffff:192.0.2.10]:5060");
}

#[test]
fn three_colons_before_an_embedded_ipv4_address_are_refused() {
    let refused = refusal(message("sip:[2001:db8:::192.0.2.1]", VIA, CONTACT).as_bytes());
    assert_eq!(refused.kind, RejectionKind::BadRequestUri);
}

#[test]
fn an_address_without_brackets_in_a_via_is_refused() {
    let refused =
        refusal(message("sip:[2001:db8::10]", "SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bKas3", CONTACT).as_bytes());
    assert_eq!(refused.kind, RejectionKind::BadVia);
}

#[test]
fn the_text_of_an_address_is_kept_as_written() {
    let uri = "sip:[2001:DB8:0:0:0::10]:05070;transport=tcp";
    assert_eq!(request(message(uri, VIA, CONTACT).as_bytes()).uri.to_bytes(), uri);
}
