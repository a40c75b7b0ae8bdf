//! rsip reads along: where it can represent a message, both must read it alike; where it cannot, the reason must be known.

use bytes::Bytes;
use proptest::prelude::*;
use trunkline::sip::cross_check::{Agreement, Difference, Weakness, cross_check};
use trunkline::sip::frame::datagram;
use trunkline::sip::message::SipMessage;

use crate::corpus;
use crate::probes::{invite_to, invite_with};
use crate::reading::source;

fn checked(octets: &[u8]) -> Agreement {
    match datagram(&Bytes::copy_from_slice(octets), source()) {
        Some(Ok(message)) => cross_check(&message),
        other => panic!("not read: {other:?}"),
    }
}

fn user() -> impl Strategy<Value = String> {
    "[a-z0-9+][a-z0-9.]{0,14}"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9]{0,8}\\.example\\.(com|net)",
        (1_u8..=223, 0_u8..=255).prop_map(|(a, b)| format!("{a}.0.2.{b}"))
    ]
}

fn address() -> impl Strategy<Value = String> {
    (proptest::option::of("\"[A-Za-z ]{1,12}\" "), user(), host(), proptest::option::of(1024_u16..65535)).prop_map(
        |(display, user, host, port)| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}<sip:{user}@{host}{port}>", display.unwrap_or_default())
        },
    )
}

prop_compose! {
    /// A message of the family that rsip can represent.
    fn message()(
        start in prop_oneof![
            (prop_oneof![Just("INVITE"), Just("BYE"), Just("OPTIONS"), Just("REGISTER"), Just("REFER")], user(), host())
                .prop_map(|(method, user, host)| (format!("{method} sip:{user}@{host} SIP/2.0"), method)),
            prop_oneof![Just("180 Ringing"), Just("200 OK"), Just("486 Busy Here"), Just("603 Decline")]
                .prop_map(|status| (format!("SIP/2.0 {status}"), "INVITE")),
        ],
        from in address(), to in address(), via_host in host(),
        from_tag in "[a-z0-9]{1,16}", to_tag in proptest::option::of("[a-z0-9]{1,16}"),
        branch in "z9hG4bK[A-Za-z0-9]{1,20}", call_id in "[a-f0-9]{1,32}(@[a-z]{1,8})?", cseq in 0_u32..2_147_483_647,
        transport in prop_oneof![Just("UDP"), Just("TCP"), Just("TLS")], body in "[ -~]{0,40}",
    ) -> String {
        let (start, method) = start;
        let to_tag = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
        format!(
            "{start}\r\nVia: SIP/2.0/{transport} {via_host};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: {from};tag={from_tag}\r\n\
             To: {to}{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContent-Length: {}\r\n\r\n{body}", body.len()
        )
    }
}

proptest! {
    #[test]
    fn whatever_rsip_can_represent_both_read_alike(text in message()) {
        prop_assert_eq!(checked(text.as_bytes()), Agreement::Agrees, "{}", text);
    }
}

#[test]
fn the_request_uri_of_a_plain_request_is_the_same_text() {
    let text = invite_to("sip:+4930123@h.example:5061;transport=tls").replace("ü", "u");
    let theirs = rsip::Request::try_from(text.as_bytes()).unwrap();
    let ours = crate::reading::request(text.as_bytes());
    assert_eq!(theirs.uri.to_string().to_lowercase(), ours.uri.to_string());
}

#[test]
fn each_refusal_of_rsip_has_its_known_reason() {
    for (text, weakness) in [
        (invite_with("Subject: one\r\n two"), Weakness::Fold),
        (invite_with("f: <sip:a@h>;tag=1").replace("From: \"Müller, Anna\"", "X-From:"), Weakness::CompactName),
        (invite_to("tel:+4930123456"), Weakness::TelUri),
        (invite_to("urn:service:sos"), Weakness::OtherScheme),
        (invite_to("sip:b@[2001:db8::1]:5061"), Weakness::Ipv6),
        (invite_with("CSeq: 1 FOO").replacen("INVITE", "FOO", 1), Weakness::ExtensionMethod),
        (invite_with("From: <sip:a@h>; tag=1"), Weakness::WhiteSpace),
        (invite_with("Via: SIP/2.0/QUIC h;branch=z9hG4bKx"), Weakness::ViaTransport),
        (invite_to("sip:user;par=u%40example.net@h"), Weakness::UserPart),
        (invite_with("From: \"a \\\"b\\\" <sip:x@y>\" <sip:a@h>;tag=1"), Weakness::DisplayName),
    ] {
        let text = text.replace("From: \"Müller, Anna\"", "From: \"Anna\"");
        let text = text.replacen(
            "X-From: <sip:+4989123456@sip.pstnhub.microsoft.com:5061;user=phone>;tag=c8f3e2a1b0\r\n",
            "",
            1,
        );
        assert_eq!(checked(text.as_bytes()), Agreement::RsipRefuses(weakness), "{text}");
    }
}

#[test]
fn an_octet_that_is_no_utf_8_is_beyond_rsip() {
    let mut octets = invite_with("Subject: x?y").into_bytes();
    let at = octets.windows(3).position(|text| text == b"x?y").unwrap() + 1;
    octets[at] = 0xff;
    assert_eq!(checked(&octets), Agreement::RsipRefuses(Weakness::NotUtf8));
}

#[test]
fn a_branch_that_rsip_loses_behind_a_space_is_a_known_difference() {
    let text = invite_with("Via: SIP/2.0/TLS h; branch=z9hG4bKx").replace("\"Müller, Anna\" ", "");
    assert_eq!(checked(text.as_bytes()), Agreement::Differs(Difference::WhiteSpace));
}

#[test]
fn over_both_corpora_nothing_is_unexplained() {
    for set in ["rfc4475", "sip-hostile"] {
        for (name, octets) in corpus::files(set) {
            let Some(Ok(message)) = datagram(&octets, source()) else { continue };
            let agreement = cross_check(&message);
            let explained = matches!(agreement, Agreement::Agrees | Agreement::Differs(Difference::WhiteSpace))
                || matches!(agreement, Agreement::RsipRefuses(weakness) if weakness != Weakness::Unexplained);
            assert!(explained, "{name}: {agreement:?}");
        }
    }
}

#[test]
fn what_we_write_rsip_can_read() {
    let request = crate::reading::request(invite_with("From: <sip:a@h>;tag=1").as_bytes());
    let answer =
        trunkline::sip::Writer::response(trunkline::sip::Status::OK, None, &request, source(), Some(b"t")).finish();
    let SipMessage::Response(response) = datagram(&answer, source()).unwrap().unwrap() else { panic!("no response") };
    assert_eq!(cross_check(&SipMessage::Response(response)), Agreement::Agrees);
}
