//! The eight requirements of reference/sip-parsers-probed.md that this layer can show.

use bytes::Bytes;
use proptest::prelude::*;
use trunkline::base::limits;
use trunkline::sip::frame::StreamFramer;
use trunkline::sip::header::{Name, NameAddr, Via};
use trunkline::sip::message::RejectionKind;
use trunkline::sip::method::Method;
use trunkline::sip::uri::Uri;
use trunkline::sip::write::Writer;

use crate::probes::invite_with;
use crate::reading::{Outcome, as_datagram, as_stream, refusal, request, source, status_of};

#[test]
fn requirement_1_any_octet_but_line_ends_and_nul_passes_in_a_value() {
    for octet in 1..=255_u8 {
        if matches!(octet, b'\r' | b'\n') {
            continue;
        }
        let mut octets = invite_with("X-Any: a?b").into_bytes();
        let at = octets.windows(3).position(|text| text == b"a?b").unwrap() + 1;
        octets[at] = octet;
        assert_eq!(
            request(&octets).message.header_named(b"x-any").unwrap().as_ref(),
            [b'a', octet, b'b'],
            "{octet:#x}"
        );
    }
}

#[test]
fn requirement_2_white_space_before_a_colon_belongs_to_the_separator_on_both_transports() {
    let text = invite_with("Content-Length \t :  3").replace("v=0", "abc");
    let (outcomes, _) = as_stream([text.as_bytes()]);
    assert_eq!(outcomes.first(), as_datagram(&Bytes::from(text)).as_ref());
}

#[test]
fn requirement_2_a_framing_defect_closes_a_stream_and_hides_what_follows() {
    for line in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: x",
        "Subject: a\rb",
        "Subject: a\nb",
        "Subject: a\0b",
        "no colon",
    ] {
        let text = invite_with(line).repeat(2);
        let (outcomes, waits) = as_stream([text.as_bytes()]);
        let [Outcome::Refused { answer: Some(answer), close: true, .. }] = outcomes.as_slice() else {
            panic!("{line}: {outcomes:?}")
        };
        assert_eq!((status_of(answer), waits), (400, false), "{line}");
    }
}

#[test]
fn requirement_2_a_refusal_that_keeps_the_framing_lets_the_next_message_through() {
    let text = invite_with("CSeq: 1 BYE") + &invite_with("");
    let (outcomes, _) = as_stream([text.as_bytes()]);
    assert!(
        matches!(outcomes.as_slice(), [Outcome::Refused { close: false, .. }, Outcome::Accepted(_)]),
        "{outcomes:?}"
    );
}

#[test]
fn requirement_3_each_limit_has_its_answer() {
    let subject = |octets: usize| format!("Subject: {}", "a".repeat(octets));
    let uri = |octets: usize| invite_with("").replacen("+15551234567@", &format!("{}@", "1".repeat(octets)), 1);
    let many = |line: &str, count: usize| invite_with(&vec![line; count].join("\r\n"));
    for (text, status, kind) in [
        (invite_with(&subject(limits::LINE_OCTETS)), 513, RejectionKind::LineTooLong),
        (invite_with(&vec![subject(8000); 5].join("\r\n")), 513, RejectionKind::HeaderBlockTooLarge),
        (many("X: 1", limits::HEADER_COUNT), 513, RejectionKind::TooManyHeaders),
        (many("Via: SIP/2.0/UDP h;branch=z9hG4bKa", limits::VIA_COUNT + 1), 513, RejectionKind::TooManyVias),
        (invite_with(&format!("Subject: a{}", "\r\n b".repeat(limits::FOLDS + 1))), 513, RejectionKind::TooManyFolds),
        (uri(limits::URI_OCTETS), 414, RejectionKind::UriTooLong),
        (invite_with(&format!("Content-Length: {}", limits::MESSAGE_OCTETS)), 413, RejectionKind::BodyTooLarge),
        (
            invite_with(&format!("{}: x", "n".repeat(limits::HEADER_NAME_OCTETS + 1))),
            400,
            RejectionKind::HeaderNameTooLong,
        ),
    ] {
        let refused = refusal(text.as_bytes());
        assert_eq!((refused.kind, refused.answer.map(|answer| status_of(&answer))), (kind, Some(status)));
    }
}

#[test]
fn requirement_3_a_datagram_above_the_message_limit_is_refused() {
    let mut octets = invite_with("").replace("Content-Length: ", "X-Length: ").into_bytes();
    octets.resize(limits::MESSAGE_OCTETS + 1, b'x');
    assert_eq!(refusal(&octets).kind, RejectionKind::MessageTooLarge);
}

#[test]
fn requirement_3_an_endless_line_is_refused_when_the_limit_is_passed() {
    let mut framer = StreamFramer::default();
    framer.buffer().extend_from_slice(b"OPTIONS sip:h SIP/2.0\r\nSubject: ");
    let mut fed = framer.buffer().len();
    while framer.next(source()).is_none() {
        framer.buffer().extend_from_slice(b"a");
        fed += 1;
        assert!(fed < limits::LINE_OCTETS + 100, "still waiting");
    }
}

#[test]
fn requirement_4_fields_keep_their_order_names_and_octets() {
    let text = "OPTIONS sip:h SIP/2.0\r\nX-b:1\r\nvia : SIP/2.0/UDP h;branch=z9hG4bK1\r\nFROM: <sip:a@h>;Tag=1;x=\"y\"\r\nT:<sip:b@h>\r\n\
                Call-ID: c\r\nX-b:   two  \r\nCSeq: 1 OPTIONS\r\n\r\n";
    let read = request(text.as_bytes());
    let fields: Vec<_> = read.message.raw_headers().map(|(name, value)| [name, b"|", value].concat()).collect();
    let expected = [
        "X-b|1",
        "via|SIP/2.0/UDP h;branch=z9hG4bK1",
        "FROM|<sip:a@h>;Tag=1;x=\"y\"",
        "T|<sip:b@h>",
        "Call-ID|c",
        "X-b|two",
        "CSeq|1 OPTIONS",
    ];
    assert_eq!(fields, expected.map(|text| text.as_bytes().to_vec()));
}

#[test]
fn requirement_5_uris_are_compared_by_the_rules_and_never_by_their_text() {
    let uri = |text: &str| Uri::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap();
    assert!(uri("sip:a@H.example;lr").equivalent(&uri("sip:%61@h.EXAMPLE")));
    assert!(!uri("sip:+1@h").equivalent(&uri("sip:%2B1@h")));
}

#[test]
fn requirement_6_the_views_of_day_one_read_what_teams_sends() {
    let text = invite_with(
        "Session-Expires: 3600;refresher=uac\r\nMin-SE: 90\r\nSupported: timer,100rel , replaces\r\nReason: Q.850;cause=16;text=\"ok\"\r\n\
         Replaces: x@h;to-tag=1;from-tag=2\r\nP-Asserted-Identity: <tel:+4930>, <sip:+4930@h>\r\nPrivacy: id\r\n\
         History-Info: <sip:a@h?Reason=SIP%3Bcause%3D302>;index=1\r\nDiversion: <sip:+49@h>;reason=unconditional\r\nRetry-After: 5",
    );
    let message = request(text.as_bytes()).message;
    use trunkline::sip::header::{ContentType, MinSe, Reason, Replaces, RetryAfter, SessionExpires};
    let field = |name| message.header_bytes(name).unwrap();
    assert_eq!(SessionExpires::parse(&field(Name::SessionExpires)).unwrap().interval, 3600);
    assert_eq!(MinSe::parse(&field(Name::MinSe)), Ok(MinSe(90)));
    assert!(message.has_token(Name::Supported, "100rel") && message.has_token(Name::Privacy, "ID"));
    assert_eq!(Reason::parse(&field(Name::Reason)).unwrap().cause(), Some(16));
    assert_eq!(Replaces::parse(&field(Name::Replaces)).unwrap().to_tag, "1");
    assert_eq!(message.name_addrs(Name::PAssertedIdentity).unwrap().len(), 2);
    assert_eq!(message.name_addrs(Name::HistoryInfo).unwrap()[0].param("index").flatten().unwrap(), b"1");
    assert_eq!(message.name_addrs(Name::Diversion).unwrap()[0].param("reason").flatten().unwrap(), b"unconditional");
    assert_eq!(RetryAfter::parse(&field(Name::RetryAfter)).unwrap().seconds, 5);
    assert!(ContentType::parse(&field(Name::ContentType)).unwrap().is("application/sdp"));
}

#[test]
fn requirement_7_a_bad_version_is_answered_505() {
    for version in ["SIP/1.0", "SIP/2.1", "SIP/20.0"] {
        let refused = refusal(invite_with("").replacen("SIP/2.0", version, 1).as_bytes());
        assert_eq!(refused.answer.map(|answer| status_of(&answer)), Some(505), "{version}");
    }
    assert_eq!(request(invite_with("").replacen("SIP/2.0", "sip/2.0", 1).as_bytes()).method, Method::Invite);
}

#[test]
fn an_ack_is_never_answered() {
    for line in ["CSeq: 1 BYE", "Content-Length: x", "Subject: a\nb"] {
        let refused = refusal(invite_with(line).replace("INVITE", "ACK").as_bytes());
        assert_eq!(refused.answer, None, "{line}");
    }
}

#[test]
fn fields_that_must_stand_once_are_refused_when_missing_or_repeated() {
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let without = invite_with("")
            .lines()
            .filter(|line| !line.starts_with(&format!("{name}:")))
            .collect::<Vec<_>>()
            .join("\r\n");
        let refused = refusal(format!("{without}\r\n").as_bytes());
        assert_eq!(refused.answer.map(|answer| status_of(&answer)), Some(400), "{name} missing");
    }
    for line in ["f: <sip:x@h>;tag=2", "t: <sip:x@h>", "i: other", "cseq: 2 INVITE", "MAX-FORWARDS: 5"] {
        let text = invite_with("").replacen("Contact:", &format!("{line}\r\nContact:"), 1);
        assert_eq!(refusal(text.as_bytes()).answer.map(|answer| status_of(&answer)), Some(400), "{line} repeated");
    }
}

/// RFC 3261 25.1 and 19.1.1: where a request goes by an address, it is read in one way or not at all.
#[test]
fn a_request_uri_that_could_be_read_in_two_ways_is_refused() {
    let with = |uri: &str| {
        let text = invite_with("");
        let written = text.split(' ').nth(1).expect("a Request-URI").to_owned();
        text.replacen(&written, uri, 1)
    };
    let bad = [
        "sip:+4930%1@h",
        "sip:+4930%@h",
        "sip:+4930%zz@h",
        "sip:a@h;x=%g1",
        "tel:+4930%4",
        "sip:a@h..example",
        "sip:a@.example",
        "sip:a:b:c@h",
        "sip:a@h;=x",
        "sip:a@h;;lr",
        "sip:a@h;user=phone;USER=ip",
        "sip:a@h;maddr=192.0.2.1;maddr=192.0.2.2",
    ];
    for uri in bad {
        assert_eq!(refusal(with(uri).as_bytes()).answer.map(|answer| status_of(&answer)), Some(400), "{uri}");
    }
    for uri in [
        "sip:+49%330:%40@h.example.;user=phone;x=%5B;x",
        "tel:+4930%2d4",
        "urn:x:%",
        "sip:a@h;transport=tls;transport=TLS",
    ] {
        assert_eq!(request(with(uri).as_bytes()).uri.to_bytes(), uri, "{uri}");
    }
}

/// RFC 3261 25.1: a tag is a token; with its quotes or without, two readers know two dialogs.
#[test]
fn a_quoted_tag_is_refused() {
    for (name, tag) in [("From", "\"a\""), ("To", "\"\"")] {
        let text = invite_with("");
        let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).expect("it stands there");
        let quoted = format!("{name}: <sip:a@h>;tag={tag}");
        assert_eq!(
            refusal(text.replacen(line, &quoted, 1).as_bytes()).answer.map(|answer| status_of(&answer)),
            Some(400)
        );
    }
}

#[test]
fn a_refused_message_without_a_usable_via_is_dropped() {
    for line in ["Via: x", "Via:", "Via: SIP/2.0/UDP a b"] {
        assert_eq!(refusal(invite_with(line).as_bytes()).answer, None, "{line}");
    }
}

fn uri_text() -> impl Strategy<Value = String> {
    let user = prop_oneof![Just(String::new()), "[a-zA-Z0-9+%;=,?/&$!~*'()._-]{1,20}(:[a-z%0-9]{0,6})?@"];
    let host = prop_oneof![
        "[a-zA-Z0-9-]{1,10}(\\.[a-z]{2,4}){0,2}",
        Just("192.0.2.1".to_owned()),
        Just("[2001:DB8::0:1]".to_owned())
    ];
    let port = prop_oneof![Just(String::new()), ":0{0,2}[1-9][0-9]{0,3}"];
    let sip = (
        "(sip|sips|SIP|SipS)",
        user,
        host,
        port,
        "(;[a-zA-Z-]{1,6}(=[a-z0-9%/:.]{0,8})?){0,4}",
        "(\\?[a-z]{1,4}=[a-z%0-9&=]{0,9})?",
    )
        .prop_map(|(scheme, user, host, port, params, headers)| {
            format!("{scheme}:{user}{host}{port}{params}{headers}")
        });
    prop_oneof![4 => sip, 1 => "tel:\\+?[0-9().-]{1,18}(;[a-z-]{1,8}(=[a-z.0-9]{1,8})?){0,2}", 1 => "[a-z][a-z0-9+.-]{3,8}:[!-;=?-~]{1,20}"]
}

fn param_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ";[a-zA-Z0-9.+-]{1,8}",
        ";[a-zA-Z0-9-]{1,8}=[a-zA-Z0-9./:%-]{1,10}",
        ";[a-z]{1,5}=\"[a-z;,<> ]{0,8}(\\\\\")?\""
    ]
}

proptest! {
    #[test]
    fn requirement_8_a_uri_is_written_as_it_was_read(text in uri_text()) {
        let octets = Bytes::from(text.clone());
        if let Ok(read) = Uri::parse(&octets) {
            prop_assert_eq!(read.to_bytes(), octets);
            prop_assert!(read.equivalent(&read));
        }
    }

    #[test]
    fn requirement_8_a_name_addr_is_the_same_after_writing_and_reading(
        display in proptest::option::of("(\"[ -!#-\\[\\]-~]{0,12}(\\\\[\"\\\\])?\"|[A-Za-z. -]{0,9}[A-Za-z])"), uri in uri_text(), params in prop::collection::vec(param_text(), 0..4)
    ) {
        let text = format!("{}<{uri}>{}", display.map(|text| text + " ").unwrap_or_default(), params.concat());
        if let Ok(read) = NameAddr::parse(&Bytes::from(text.clone())) {
            let written = read.to_bytes();
            prop_assert_eq!(NameAddr::parse(&written).unwrap(), read);
            prop_assert_eq!(written, text.trim_start());
        }
    }

    #[test]
    fn requirement_8_a_via_is_the_same_after_writing_and_reading(
        transport in "(UDP|TCP|TLS|SCTP|x-y)", host in "([a-z]{1,8}\\.net|192\\.0\\.2\\.7|\\[2001:db8::9\\])", port in proptest::option::of(1_u16..), params in prop::collection::vec(param_text(), 0..4)
    ) {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("SIP/2.0/{transport} {host}{port}{}", params.concat());
        let read = Via::parse(&Bytes::from(text.clone())).unwrap();
        prop_assert_eq!(read.to_bytes(), text);
    }

    #[test]
    fn requirement_8_a_message_is_the_same_after_writing_and_reading(
        values in prop::collection::vec("[!-~]([ -~]{0,20}[!-~])?", 0..8), body in prop::collection::vec(any::<u8>(), 0..64)
    ) {
        let first = request(invite_with("").as_bytes());
        let mut writer = Writer::request(&first.method, &first.uri);
        for (name, value) in first.message.raw_headers().filter(|(name, _)| !name.starts_with(b"Content-")) {
            writer = writer.raw(name, value);
        }
        for value in &values {
            writer = writer.raw(b"X-Any", value.as_bytes());
        }
        let written = writer.body("application/octet-stream", &body);
        let second = request(&written);
        let mut writer = Writer::request(&second.method, &second.uri);
        for (name, value) in second.message.raw_headers().filter(|(name, _)| !name.starts_with(b"Content-")) {
            writer = writer.raw(name, value);
        }
        prop_assert_eq!(second.message.body(), body.clone());
        prop_assert_eq!(writer.body("application/octet-stream", &body), written);
        let read: Vec<_> = second.message.headers_named(b"x-any").map(|value| value.into_owned()).collect();
        prop_assert_eq!(read, values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>());
    }
}
