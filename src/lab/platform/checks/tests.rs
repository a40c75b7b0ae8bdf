//! Each check sees a breach in the very line that breaks it, and nothing in a good message.

use std::sync::Arc;
use std::time::Duration;

use super::super::statement::Statement;
use super::super::text::Text;
use super::super::transcript::{Author, Evidence, Seen, Side};
use super::{description, header, identity, options};

/// An INVITE as section 19.3 of the sheet has it.
const INVITE: &str = "INVITE sip:+14255550100@sip.pstnhub.microsoft.com:5061;user=phone;transport=tls SIP/2.0\r\n\
Via: SIP/2.0/TLS sbc1.example.com:5061;branch=z9hG4bK1\r\nMax-Forwards: 69\r\n\
From: <sip:+12065550199@sbc1.example.com;user=phone>;tag=77ab10\r\n\
To: <sip:+14255550100@sip.pstnhub.microsoft.com;user=phone>\r\nCall-ID: 8d0c\r\nCSeq: 1 INVITE\r\n\
Contact: <sip:+12065550199@sbc1.example.com:5061;transport=tls>\r\n\
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY\r\nSupported: replaces, timer\r\n\
User-Agent: ExampleSBC/1.4.2\r\nX-MS-SBC: ExampleVendor/ExampleSBC/1.4.2\r\nContent-Type: application/sdp\r\n\r\n\
v=0\r\no=sbc1 7300551 1 IN IP4 203.0.113.10\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=0 0\r\n\
m=audio 30000 RTP/SAVP 8 0 101 13\r\na=rtcp:30001\r\n\
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:UBHoo1J3GOVPzs6ay8d7FqpePd9yvJhiUkdDpWOP|2^31\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";

fn evidence(messages: &[String]) -> Evidence {
    let seen = |text: &String| Seen {
        at: Duration::from_secs(1),
        side: Side::Platform,
        author: Author::Sbc,
        connection: Some(1),
        scenario: "test",
        text: Arc::new(Text::read(text.as_bytes()).expect("readable")),
    };
    Evidence {
        name: "sbc1.example.com".to_owned(),
        messages: messages.iter().map(seen).collect(),
        ..Evidence::default()
    }
}

fn statement(number: &str) -> &'static Statement {
    let all = [description::STATEMENTS, header::STATEMENTS, identity::STATEMENTS, options::STATEMENTS];
    all.into_iter().flatten().find(|statement| statement.number == number).expect("a statement")
}

/// The good message passes; changed, the statement is broken by a line with these words.
fn assert_told(number: &str, from: &str, to: &str, words: &str) {
    let check = statement(number).check;
    let good = check(&evidence(&[INVITE.to_owned()]));
    assert_eq!((good.looked > 0, good.faults.len()), (true, 0), "{number}: {good:?}");
    let changed = INVITE.replace(from, to);
    assert_ne!(changed, INVITE, "{from} is not in the message");
    let bad = check(&evidence(&[changed]));
    assert!(bad.faults.iter().any(|fault| fault.line.contains(words)), "{number}: {bad:?}");
}

#[test]
fn a_broken_line_is_quoted_under_its_number() {
    let at = "@sbc1.example.com:5061;transport=tls>";
    for (number, from, to, words) in [
        ("MD-50", at, "@203.0.113.10:5061;transport=tls>", "Contact: <sip:+12065550199@203.0.113.10"),
        ("MD-56", "Contact: <sip:+12065550199@", "Contact: <sip:", "Contact: <sip:sbc1.example.com"),
        ("MD-56", at, "@sbc1.example.com:5061>", "Contact:"),
        ("MD-69", "Contact: <sip:", "Contact: <sips:", "Contact: <sips:"),
        ("MD-70", ";transport=tls SIP/2.0\r\n", ";transport=tls SIP/2.1\r\n", "SIP/2.1"),
        ("MD-73", ", NOTIFY", "", "Allow: INVITE"),
        ("MD-74", "Supported: replaces, timer", "Require: 100rel", "Require: 100rel"),
        ("MD-75", "Supported: replaces, timer", "Replaces: a;to-tag=b;from-tag=c", "Replaces: a"),
        ("MD-78", "Content-Type: application/sdp", "Content-Type: multipart/mixed;boundary=b", "multipart/mixed"),
        ("MD-79", "X-MS-SBC: ExampleVendor/ExampleSBC/1.4.2", "X-Other: 1", "(no X-MS-SBC)"),
        ("MD-80", "TLS sbc1.example.com:5061", "TLS 10.0.0.1:5061", "Via: SIP/2.0/TLS 10.0.0.1"),
        (
            "MD-84",
            "sip:+14255550100@sip.pstnhub.microsoft.com:5061",
            "sip:14255550100@sip.pstnhub.microsoft.com:5061",
            "INVITE sip:14255550100",
        ),
        ("MD-85", ":5061;user=phone", ":5061", "INVITE sip:"),
        (
            "MD-86",
            "<sip:+12065550199@sbc1.example.com;user=phone>",
            "<sip:2065550199@sbc1.example.com>",
            "From: <sip:2065550199",
        ),
        ("MD-127", "a=sendrecv", "a=sendonly", "a=sendonly"),
        ("MD-129", "c=IN IP4 203.0.113.10", "c=IN IP4 0.0.0.0", "c=IN IP4 0.0.0.0"),
        ("MD-167", "RTP/SAVP", "RTP/AVP", "RTP/AVP"),
        ("MD-168", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "SHA1_32"),
        ("MD-169", "|2^31", "", "a=crypto:1"),
        ("MD-170", "|2^31", "|2^31|1:1", "|1:1"),
        ("MD-177", "a=ptime:20", "a=ptime:20\r\na=label:x", "a=label:x"),
        ("MD-178", "a=sendrecv", "a=sendrecv\r\nm=video 40000 RTP/SAVP 99", "m=video 40000"),
        ("MD-179", "s=-", "s=-\r\na=group:BUNDLE 0", "a=group"),
        ("MD-190", "a=rtpmap:101 telephone-event/8000\r\n", "", "m=audio"),
        ("MD-203", "a=ptime:20", "a=ptime:20\r\na=ice-ufrag:abcd", "a=ice-ufrag"),
    ] {
        assert_told(number, from, to, words);
    }
}

/// MD-84: on a connection that is not known by a name, the host is one that the SBC has asked for.
#[test]
fn a_host_that_was_never_called_by_name_is_told() {
    let check = statement("MD-84").check;
    let asked = |host: &str| INVITE.replace("INVITE", "OPTIONS").replace("sip.pstnhub.microsoft.com", host);
    let called = |host: &str| check(&evidence(&[asked(host), INVITE.to_owned()])).faults;
    assert_eq!(called("SIP.pstnhub.microsoft.com"), Vec::new());
    assert!(called("sip2.pstnhub.microsoft.com")[0].line.starts_with("INVITE sip:+14255550100@sip.pstnhub"));
}

#[test]
fn a_dialog_that_changes_key_port_contact_or_version_is_told() {
    let again = |from: &str, to: &str| INVITE.replace("CSeq: 1", "CSeq: 2").replace(from, to);
    for (number, from, to) in [
        ("MD-64", "Contact: <sip:+12065550199@", "Contact: <sip:+12065550198@"),
        ("MD-126", "m=audio 30000", "m=audio 30002"),
        ("MD-172", "inline:UBHoo1J3", "inline:XXXXX1J3"),
        ("MD-176", "7300551 1 ", "7300551 2 "),
    ] {
        let check = statement(number).check;
        let same = check(&evidence(&[INVITE.to_owned(), again("CSeq: 2", "CSeq: 2")]));
        assert_eq!(same.faults, Vec::new(), "{number}");
        let other = check(&evidence(&[INVITE.to_owned(), again(from, to)]));
        assert_eq!(other.faults.len(), 1, "{number}: {other:?}");
    }
}
