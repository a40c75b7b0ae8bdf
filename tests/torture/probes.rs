//! One test for each row of the probe table (reference/sip-parsers-probed.md): traffic an SBC must read and pass unchanged.

use bytes::Bytes;
use trunkline::sip::header::Name;
use trunkline::sip::message::RejectionKind;
use trunkline::sip::method::Method;
use trunkline::sip::status::Status;
use trunkline::sip::uri::{Host, Uri};

use crate::reading::{Outcome, as_datagram, as_stream, refusal, request, response};

/// A message like Teams sends, with one line changed: `line` replaces the field of its name, or is added.
pub fn invite_with(line: &str) -> String {
    with_start("INVITE sip:+15551234567@sbc.example.net:5061;user=phone;transport=tls SIP/2.0", line, SDP)
}

/// The same with its own Request-URI.
pub fn invite_to(uri: &str) -> String {
    with_start(&format!("INVITE {uri} SIP/2.0"), "", SDP)
}

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 52.113.1.1\r\ns=-\r\nc=IN IP4 52.113.1.1\r\nt=0 0\r\nm=audio 3480 RTP/SAVP 8\r\n";

fn with_start(start: &str, line: &str, body: &str) -> String {
    let length = format!("Content-Length: {}", body.len());
    let fields = [
        "Via: SIP/2.0/TLS 52.114.75.24:5061;branch=z9hG4bKa2f1c3d4;alias",
        "Max-Forwards: 68",
        "From: \"Müller, Anna\" <sip:+4989123456@sip.pstnhub.microsoft.com:5061;user=phone>;tag=c8f3e2a1b0",
        "To: <sip:+15551234567@sbc.example.net:5061;user=phone>",
        "Call-ID: 2ee3dd4cd5ee5bd1b8a7a7f7a9b0ad1c",
        "CSeq: 1 INVITE",
        "Contact: <sip:api-du-a-euno.pstnhub.microsoft.com:443;x-i=6f3b/c2;x-c=2ee3dd4c/d/8/abc/def>",
        "Content-Type: application/sdp",
        &length,
    ];
    let name = |text: &str| text.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut text = format!("{start}\r\n");
    for field in fields.iter().filter(|field| line.is_empty() || name(field) != name(line)) {
        text += &format!("{field}\r\n");
    }
    if !line.is_empty() {
        text += &format!("{line}\r\n");
    }
    text + "\r\n" + body
}

fn from_of(line: &str) -> trunkline::sip::NameAddr {
    request(invite_with(line).as_bytes()).from
}

fn uri_is_kept(text: &str) -> Uri {
    let read = request(invite_to(text).as_bytes()).uri;
    assert_eq!(read.to_bytes(), text);
    read
}

#[test]
fn a_plain_teams_invite_keeps_plus_signs_and_quotes() {
    let read = request(invite_with("").as_bytes());
    assert_eq!(read.uri.to_bytes(), "sip:+15551234567@sbc.example.net:5061;user=phone;transport=tls");
    assert_eq!(
        read.from.to_bytes(),
        "\"Müller, Anna\" <sip:+4989123456@sip.pstnhub.microsoft.com:5061;user=phone>;tag=c8f3e2a1b0"
    );
    assert_eq!((read.max_forwards, read.cseq.number), (Some(68), 1));
    assert_eq!(read.message.body(), SDP);
}

#[test]
fn compact_header_names_are_the_long_ones() {
    let text = "INVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: 1@h\r\n\
                CSeq: 1 INVITE\r\nm: <sip:a@h>\r\nk: timer\r\nc: application/sdp\r\nl: 3\r\n\r\nabc";
    let read = request(text.as_bytes());
    assert_eq!((read.call_id.as_ref(), read.from_tag()), (b"1@h".as_slice(), Some(b"1".as_slice())));
    assert!(read.message.has_token(Name::Supported, "timer"));
    assert_eq!(read.message.header_named(b"Content-Type").unwrap().as_ref(), b"application/sdp");
}

#[test]
fn a_folded_header_is_one_value() {
    let read = request(invite_with("Subject: one\r\n\t two").as_bytes());
    assert_eq!(read.message.header(Name::Subject).unwrap().as_ref(), b"one two");
    assert!(read.message.raw_headers().any(|(_, value)| value == b"one\r\n\t two"));
}

#[test]
fn two_vias_in_one_line_are_two() {
    let read = request(invite_with("Via: SIP/2.0/TLS a;branch=z9hG4bKa, SIP/2.0/UDP b;branch=z9hG4bKb").as_bytes());
    assert_eq!(read.via.branch(), Some(b"z9hG4bKa".as_slice()));
    assert_eq!(read.message.list(Name::Via).len(), 2);
}

#[test]
fn two_contacts_in_one_line_with_a_comma_in_a_quoted_name_are_two() {
    let read = request(invite_with("Contact: \"A, B\" <sip:a@h>;q=1, <sip:c@h>").as_bytes());
    let contacts = read.message.name_addrs(Name::Contact).unwrap();
    assert_eq!(
        contacts.iter().map(|contact| contact.to_bytes()).collect::<Vec<_>>(),
        ["\"A, B\" <sip:a@h>;q=1", "<sip:c@h>"]
    );
}

#[test]
fn a_tel_request_uri_is_a_number() {
    let Uri::Tel(tel) = uri_is_kept("tel:+49-30-123456;phone-context=example.com") else { panic!("not tel") };
    assert_eq!(tel.number, "+49-30-123456");
    assert_eq!(tel.param("phone-context").flatten().unwrap(), b"example.com");
}

#[test]
fn a_tel_uri_in_to_is_a_number() {
    let read = request(invite_with("To: <tel:+4930123456>").as_bytes());
    assert_eq!(*read.to.uri.user_decoded().unwrap(), *b"+4930123456");
}

#[test]
fn user_part_parameters_do_not_become_the_host() {
    let read = uri_is_kept("sip:+15551234;npdi;rn=+15550000@carrier.example;user=phone");
    let sip = read.as_sip().unwrap();
    assert_eq!(sip.user.as_deref(), Some(b"+15551234;npdi;rn=+15550000".as_slice()));
    assert_eq!(sip.host, Host::Name(Bytes::from_static(b"carrier.example")));
}

#[test]
fn a_trunk_group_in_a_contact_keeps_its_host_and_port() {
    let read = request(
        invite_with("Contact: <sip:+4930;tgrp=tg1;trunk-context=example.com@h1:5061;transport=tls>").as_bytes(),
    );
    let contact = read.message.name_addrs(Name::Contact).unwrap().remove(0);
    let sip = contact.uri.as_sip().unwrap().clone();
    assert_eq!((sip.host.to_string().as_str(), sip.port), ("h1", Some(5061)));
}

#[test]
fn ipv6_host_and_port_keep_their_brackets_in_uri_and_via() {
    uri_is_kept("sip:b@[2001:db8::1]:5061;transport=tls");
    let read = request(invite_with("Via: SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bKx").as_bytes());
    assert_eq!(read.via.to_bytes(), "SIP/2.0/TLS [2001:db8::9]:5061;branch=z9hG4bKx");
}

#[test]
fn one_latin_1_octet_in_a_display_name_hurts_nothing() {
    let mut octets = invite_with("From: \"J?rgen\" <sip:a@h>;tag=1").into_bytes();
    let at = octets.windows(3).position(|text| text == b"J?r").unwrap() + 1;
    octets[at] = 0xfc;
    let read = request(&octets);
    assert_eq!(read.from.display.as_deref(), Some(b"\"J\xfcrgen\"".as_slice()));
    assert_eq!(read.message.header_count(), 9);
}

#[test]
fn a_space_before_the_colon_of_content_length_is_seen_on_both_transports() {
    let text = invite_with(&format!("Content-Length : {}", SDP.len()));
    let datagram = as_datagram(&Bytes::from(text.clone())).unwrap();
    let (outcomes, waits) = as_stream([text.as_bytes()]);
    assert!(matches!(datagram, Outcome::Accepted(_)));
    assert_eq!((outcomes, waits), (vec![datagram], false));
}

#[test]
fn a_datagram_without_content_length_keeps_its_body() {
    let text = invite_with("").replace("Content-Length: ", "X-Length: ");
    assert_eq!(request(text.as_bytes()).message.body(), SDP);
}

#[test]
fn a_content_length_above_the_datagram_is_refused() {
    assert_eq!(refusal(invite_with("Content-Length: 9999").as_bytes()).kind, RejectionKind::BodyTruncated);
}

#[test]
fn a_negative_content_length_is_refused() {
    assert_eq!(refusal(invite_with("Content-Length: -5").as_bytes()).kind, RejectionKind::BadContentLength);
}

#[test]
fn two_different_content_lengths_are_refused_everywhere() {
    let text = invite_with("Content-Length: 5\r\nl: 7");
    assert_eq!(refusal(text.as_bytes()).kind, RejectionKind::SeveralContentLengths);
    let (outcomes, _) = as_stream([text.as_bytes()]);
    assert!(matches!(
        outcomes.as_slice(),
        [Outcome::Refused { kind: RejectionKind::SeveralContentLengths, close: true, .. }]
    ));
}

#[test]
fn a_content_length_of_2_to_the_64_minus_1_is_refused_without_waiting() {
    for number in ["18446744073709551615", "18446744073709551616"] {
        let text = invite_with(&format!("Content-Length: {number}"));
        let (outcomes, waits) = as_stream([text.as_bytes()]);
        assert!(
            matches!(outcomes.as_slice(), [Outcome::Refused { close: true, answer: Some(_), .. }]) && !waits,
            "{outcomes:?}"
        );
    }
}

#[test]
fn a_bare_lf_inside_a_header_line_is_refused() {
    assert_eq!(
        refusal(invite_with("Subject: x\nP-Asserted-Identity: <sip:i@h>").as_bytes()).kind,
        RejectionKind::BareLineFeed
    );
}

#[test]
fn an_angle_bracket_inside_a_quoted_name_is_no_uri() {
    assert_eq!(from_of("From: \"a <x> b\" <sip:a@h>;tag=1").uri.to_bytes(), "sip:a@h");
}

#[test]
fn an_escaped_quote_in_a_display_name_is_read() {
    let from = from_of("From: \"say \\\"hi\\\"\" <sip:a@h>;tag=1");
    assert_eq!((from.display_text().as_slice(), from.tag()), (b"say \"hi\"".as_slice(), Some(b"1".as_slice())));
}

#[test]
fn a_quoted_contact_parameter_with_a_semicolon_keeps_its_quotes() {
    let value = "<sip:a@h>;+sip.instance=\"<urn:uuid:1;2>\";reg-id=1";
    let read = request(invite_with(&format!("Contact: {value}")).as_bytes());
    assert_eq!(read.message.name_addrs(Name::Contact).unwrap()[0].to_bytes(), value);
}

#[test]
fn escapes_in_a_user_part_are_written_back_untouched() {
    let read = uri_is_kept("sip:%2B49%2330%23@h");
    assert_eq!(*read.user_decoded().unwrap(), *b"+49#30#");
}

#[test]
fn spaces_around_via_slashes_are_legal() {
    let read = request(invite_with("Via: SIP / 2.0 / TLS h;branch=z9hG4bKx").as_bytes());
    assert_eq!(
        (read.via.transport_token.as_ref(), read.via.branch()),
        (b"TLS".as_slice(), Some(b"z9hG4bKx".as_slice()))
    );
}

#[test]
fn an_unknown_via_transport_is_kept() {
    let read = request(invite_with("Via: SIP/2.0/TLS-SCTP h;branch=z9hG4bKx").as_bytes());
    assert_eq!((read.via.transport, read.via.transport_token.as_ref()), (None, b"TLS-SCTP".as_slice()));
}

#[test]
fn an_emergency_urn_is_opaque() {
    let read = uri_is_kept("urn:service:sos");
    assert!(matches!(read, Uri::Other { ref scheme, ref rest } if scheme == "urn" && rest == "service:sos"));
}

#[test]
fn a_teams_contact_with_slashes_in_a_parameter_is_whole() {
    let read = request(invite_with("").as_bytes());
    let contact = read.message.name_addrs(Name::Contact).unwrap().remove(0);
    assert_eq!(
        contact.to_bytes(),
        "<sip:api-du-a-euno.pstnhub.microsoft.com:443;x-i=6f3b/c2;x-c=2ee3dd4c/d/8/abc/def>"
    );
}

#[test]
fn a_teams_refer_to_keeps_its_escapes() {
    let value = "<sip:+4930@sbc.example.net:5061;transport=tls?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&X-MS=%3D>";
    let read = request(invite_with(&format!("Refer-To: {value}")).as_bytes());
    assert_eq!(read.message.name_addrs(Name::ReferTo).unwrap()[0].to_bytes(), value);
}

#[test]
fn a_peers_own_reason_phrase_is_kept() {
    let text = "SIP/2.0 403 Number barred, ask Anna\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n\
                Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
    let read = response(text.as_bytes());
    assert_eq!((read.status, read.reason.as_ref()), (Status::FORBIDDEN, b"Number barred, ask Anna".as_slice()));
}

#[test]
fn the_case_of_a_transport_parameter_is_kept() {
    uri_is_kept("sip:a@h;transport=tls");
    uri_is_kept("sip:a@h;transport=TLS");
}

#[test]
fn an_unknown_method_can_be_answered() {
    let text = invite_with("CSeq: 1 NEWMETHOD").replacen("INVITE", "NEWMETHOD", 1);
    assert_eq!(request(text.as_bytes()).method, Method::Other("NEWMETHOD".into()));
}

#[test]
fn an_unknown_uri_scheme_can_be_answered() {
    uri_is_kept("nobodyKnowsThisScheme:totallyopaquecontent");
    uri_is_kept("soap.beep://192.0.2.103:3002");
}
