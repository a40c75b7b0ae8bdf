//! R1 to R24 of reference/crates-measured.md 3.3: inputs another parser gets wrong, and what SIP says of them.

use bytes::Bytes;
use trunkline::sip::header::Name;
use trunkline::sip::message::RejectionKind;
use trunkline::sip::method::Method;
use trunkline::sip::uri::Uri;
use trunkline::sip::write::Writer;

use crate::corpus;
use crate::probes::{invite_to, invite_with};
use crate::reading::{Outcome, as_stream, refusal, request, response};

#[test]
fn r1_compact_names_are_read() {
    let text = "OPTIONS sip:h SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\ni: 1\r\nm: <sip:a@h>\r\n\
                CSeq: 1 OPTIONS\r\nl: 0\r\n\r\n";
    assert_eq!(request(text.as_bytes()).message.name_addrs(Name::Contact).unwrap().len(), 1);
}

#[test]
fn r2_a_folded_subject_is_read() {
    assert_eq!(
        request(invite_with("Subject: one\r\n two").as_bytes()).message.header(Name::Subject).unwrap().as_ref(),
        b"one two"
    );
}

#[test]
fn r3_spaces_at_the_semicolon_of_a_via_do_not_lose_the_branch() {
    for value in ["h; branch=z9hG4bKx", "h ;branch=z9hG4bKx", "h ; branch = z9hG4bKx"] {
        let read = request(invite_with(&format!("Via: SIP/2.0/TLS {value}")).as_bytes());
        assert_eq!(read.via.branch(), Some(b"z9hG4bKx".as_slice()), "{value}");
    }
}

#[test]
fn r4_spaces_at_the_semicolon_of_a_from_do_not_lose_the_tag() {
    for value in ["<sip:a@h>; tag=1", "Alice <sip:a@h> ;tag=1"] {
        assert_eq!(
            request(invite_with(&format!("From: {value}")).as_bytes()).from_tag(),
            Some(b"1".as_slice()),
            "{value}"
        );
    }
}

#[test]
fn r5_ipv6_is_read_in_request_uri_via_and_from() {
    assert_eq!(request(invite_to("sip:b@[2001:db8::1]:5061").as_bytes()).uri.as_sip().unwrap().port, Some(5061));
    assert!(
        request(invite_with("Via: SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK1").as_bytes()).via.host.ip().is_some()
    );
    assert!(
        request(invite_with("From: <sip:b@[2001:db8::1]:5061>;tag=1").as_bytes())
            .from
            .uri
            .as_sip()
            .unwrap()
            .host
            .ip()
            .is_some()
    );
}

#[test]
fn r6_a_long_telephone_number_is_no_port() {
    assert!(matches!(request(invite_to("tel:+4930123456").as_bytes()).uri, Uri::Tel(_)));
    assert!(matches!(request(invite_with("From: <tel:+4930123456>;tag=1").as_bytes()).from.uri, Uri::Tel(_)));
    assert!(matches!(request(invite_to("tel:112").as_bytes()).uri, Uri::Tel(_)));
}

#[test]
fn r7_urn_and_unknown_schemes_are_read() {
    for uri in ["urn:service:sos", "urn:service:sos.police", "x-new+scheme.1:a:b"] {
        assert_eq!(request(invite_to(uri).as_bytes()).uri.to_bytes(), uri);
    }
}

#[test]
fn r8_an_extension_method_is_read() {
    let text = invite_with("CSeq: 1 FOO").replacen("INVITE", "FOO", 1);
    assert_eq!(request(text.as_bytes()).method.as_str(), "FOO");
}

fn response_text(start: &str) -> String {
    format!(
        "{start}\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\n\
         CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn r9_a_reason_of_two_words_stays_two_words() {
    for phrase in ["Session Progress", "Early   media \"ok\""] {
        let read = response(response_text(&format!("SIP/2.0 183 {phrase}")).as_bytes());
        assert_eq!((read.status.code(), read.reason.as_ref()), (183, phrase.as_bytes()));
    }
}

#[test]
fn r10_a_space_before_the_colon_is_legal() {
    assert_eq!(request(invite_with("Subject : x").as_bytes()).message.header(Name::Subject).unwrap().as_ref(), b"x");
}

#[test]
fn r11_a_quoted_name_may_hold_escapes_and_a_uri() {
    let from = request(invite_with("From: \"a \\\"b\\\" <sip:x@y>;tag=no\" <sip:a@h>;tag=1").as_bytes()).from;
    assert_eq!((from.uri.to_bytes().as_ref(), from.tag()), (b"sip:a@h".as_slice(), Some(b"1".as_slice())));
}

#[test]
fn r12_both_vias_of_a_list_come_back_in_the_response() {
    let read = request(invite_with("Via: SIP/2.0/TLS a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2").as_bytes());
    let answer =
        Writer::response(trunkline::sip::Status::OK, None, &read, crate::reading::source(), Some(b"t")).finish();
    let back = response(&answer);
    assert_eq!(back.message.list(Name::Via).len(), 2);
}

#[test]
fn r13_a_contact_list_is_read() {
    let read = request(invite_with("Contact: <sip:a@h>, <sip:b@h>").as_bytes());
    assert_eq!(read.message.name_addrs(Name::Contact).unwrap().len(), 2);
}

#[test]
fn r14_user_parameters_and_passwords_are_read() {
    let read = request(invite_to("sip:+4930;ext=5:pw@h").as_bytes());
    let sip = read.uri.as_sip().unwrap();
    assert_eq!(
        (sip.user.as_deref(), sip.password().map(|password| password.as_ref())),
        (Some(b"+4930;ext=5".as_slice()), Some(b"pw".as_slice()))
    );
    let read = request(invite_to("sip:user;par=u%40x@h").as_bytes());
    assert_eq!(read.uri.as_sip().unwrap().user.as_deref(), Some(b"user;par=u%40x".as_slice()));
}

#[test]
fn r15_an_octet_that_is_no_utf_8_passes_in_any_header() {
    let mut octets = invite_with("Subject: x?y").into_bytes();
    let at = octets.windows(3).position(|text| text == b"x?y").unwrap() + 1;
    octets[at] = 0xff;
    assert_eq!(request(&octets).message.header(Name::Subject).unwrap().as_ref(), b"x\xffy");
}

#[test]
fn r16_a_binary_body_is_kept_octet_for_octet() {
    let body: Vec<u8> = (0..=255).collect();
    let mut octets = invite_with("").into_bytes();
    let end = octets.windows(4).position(|text| text == b"\r\n\r\n").unwrap() + 4;
    octets.truncate(end);
    octets.extend(&body);
    let text = String::from_utf8_lossy(&octets[..end]).into_owned();
    let length = text.lines().find(|line| line.starts_with("Content-Length")).unwrap().to_owned();
    let mut octets = text.replace(&length, "Content-Length: 256").into_bytes();
    octets.extend(&body);
    assert_eq!(request(&octets).message.body(), body);
}

#[test]
fn r17_a_star_contact_is_no_address() {
    let text = invite_with("Contact: *").replace("INVITE", "REGISTER");
    let read = request(text.as_bytes());
    assert!(read.message.has_star_contact());
    assert_eq!(read.message.name_addrs(Name::Contact).unwrap_err().kind, RejectionKind::BadContact);
    assert!(read.message.raw_headers().any(|(name, value)| name == b"Contact" && value == b"*"));
}

#[test]
fn r18_keep_alives_and_several_messages_in_one_buffer_are_framed() {
    let one = invite_with("");
    let (outcomes, waits) = as_stream([format!("\r\n\r\n{one}\r\n{one}{one}").as_bytes()]);
    assert_eq!((outcomes.len(), waits), (4, false));
    assert_eq!(outcomes[0], Outcome::Ping);
    assert!(outcomes[1..].iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))));
    let text = format!("\r\n{one}");
    assert_eq!(request(text.as_bytes()).method, Method::Invite);
}

#[test]
fn r19_content_length_decides_and_is_checked() {
    let read = request(invite_with("Content-Length: 3").as_bytes());
    assert_eq!(read.message.body(), "v=0");
    for bad in ["-1", "1,1", "+1", "0x1", "", "1 1"] {
        assert_eq!(
            refusal(invite_with(&format!("Content-Length: {bad}")).as_bytes()).kind,
            RejectionKind::BadContentLength,
            "{bad}"
        );
    }
}

#[test]
fn r20_methods_are_case_sensitive_and_an_empty_field_stays_empty() {
    let read = request(invite_with("CSeq: 1 invite").replacen("INVITE", "invite", 1).as_bytes());
    assert_eq!(read.method, Method::Other("invite".into()));
    assert_eq!(request(invite_with("Subject:").as_bytes()).message.header(Name::Subject).unwrap().as_ref(), b"");
}

#[test]
fn r21_a_cseq_above_its_range_and_lf_only_lines_are_refused() {
    assert_eq!(refusal(invite_with("CSeq: 4294967297 INVITE").as_bytes()).kind, RejectionKind::BadCSeq);
    assert_eq!(refusal(invite_with("").replace("\r\n", "\n").as_bytes()).kind, RejectionKind::BareLineFeed);
}

#[test]
fn r22_credentials_of_an_unknown_scheme_do_not_matter_here() {
    let read = request(&corpus::file("rfc4475", "regaut01.dat"));
    assert_eq!(read.message.header(Name::Authorization).unwrap().as_ref(), b"NoOneKnowsThisScheme opaque-data=here");
}

#[test]
fn r23_unknown_transports_below_the_top_via_are_legal() {
    let read = request(&corpus::file("rfc4475", "transports.dat"));
    assert_eq!(read.message.list(Name::Via).len(), 5);
}

#[test]
fn r24_spaces_round_the_slashes_of_a_via_are_legal() {
    let value = Bytes::from_static(b"SIP / 2.0 / TLS h");
    assert_eq!(trunkline::sip::Via::parse(&value).unwrap().transport, Some(trunkline::sip::flow::Transport::Tls));
}
