//! The hostile set with each message's verdict at this layer; what is decided above is named.

use trunkline::sip::header::Name;
use trunkline::sip::message::RejectionKind::*;

use crate::corpus;
use crate::reading::{Outcome, as_datagram, as_stream_however_cut, request};
use crate::rfc4475::Verdict::{self, *};
use crate::rfc4475::{assert_verdict, without_close};

/// File, verdict as a datagram, verdict on a stream (`None`: the same; a stream also closes where it says so).
const ROWS: [(&str, Verdict, Option<Verdict>); 38] = [
    ("cl-two-different.dat", AnswerAndClose(400, SeveralContentLengths), None),
    ("cl-two-equal.dat", AnswerAndClose(400, SeveralContentLengths), None),
    ("cl-list.dat", AnswerAndClose(400, BadContentLength), None),
    ("cl-plus.dat", AnswerAndClose(400, BadContentLength), None),
    ("cl-hex.dat", AnswerAndClose(400, BadContentLength), None),
    ("cl-u32-wrap.dat", AnswerAndClose(413, BodyTooLarge), None),
    ("cl-huge.dat", AnswerAndClose(413, BodyTooLarge), None),
    ("cl-missing-stream.dat", Accept("a datagram ends where it ends"), Some(AnswerAndClose(400, MissingContentLength))),
    ("hdr-name-trailing-space.dat", Accept("found by its name, so stripped by the policy above"), None),
    ("hdr-name-trailing-tab.dat", Accept("found by its name, so stripped by the policy above"), None),
    ("bare-lf.dat", AnswerAndClose(400, BareLineFeed), None),
    ("bare-lf-hidden-header.dat", AnswerAndClose(400, BareLineFeed), None),
    ("nul-in-header.dat", AnswerAndClose(400, NulOctet), None),
    ("crlf-percent-user.dat", Accept("routing answers 404 or 484"), None),
    ("log-ansi.dat", Accept("logs escape it"), None),
    ("log-newline-utf8.dat", Accept("logs escape it"), None),
    ("sql-user.dat", Accept("routing answers 404"), None),
    ("dup-from.dat", Answer(400, RepeatedFrom), None),
    ("dup-callid-compact.dat", Answer(400, RepeatedCallId), None),
    ("via-500.dat", AnswerAndClose(513, TooManyVias), None),
    ("line-64k.dat", AnswerAndClose(513, LineTooLong), None),
    ("params-5000.dat", Answer(414, UriTooLong), None),
    ("comma-flood.dat", AnswerAndClose(513, LineTooLong), None),
    ("cseq-method-64k.dat", AnswerAndClose(513, LineTooLong), None),
    ("maxfwd-256.dat", Answer(400, BadMaxForwards), None),
    ("maxfwd-zero-invite.dat", Accept("the engine answers 483"), None),
    ("bye-old-cseq.dat", Accept("the dialog answers 500"), None),
    ("cancel-foreign.dat", Accept("the engine answers 481"), None),
    ("response-stray.dat", Accept("matches no transaction: dropped, counted"), None),
    ("response-407-foreign-realm.dat", Accept("matches no transaction: dropped, counted"), None),
    ("refer-premium.dat", Accept("refused by routing"), None),
    ("diversion-loop.dat", Accept("refused by routing above its limit"), None),
    ("identity-x5u-internal.dat", Accept("nothing is fetched"), None),
    ("multipart-bad-boundary.dat", Accept("the engine answers 400 or 415"), None),
    ("http-on-sip.dat", DropAndClose(NotSip), None),
    ("crlf-keepalive-flood.dat", Pings(4000), None),
    ("tel-uri-2k.dat", Accept("routing answers 484 or 414"), None),
    ("e164-lookalike.dat", Accept("routing answers 404 or 484"), None),
];

#[test]
fn the_files_are_those_of_the_index_and_the_table_names_each_once() {
    corpus::check_index("sip-hostile", 38);
    let mut named: Vec<_> = ROWS.iter().map(|row| row.0.to_owned()).collect();
    named.sort();
    assert_eq!(named, corpus::files("sip-hostile").into_keys().collect::<Vec<_>>());
}

#[test]
fn every_message_has_its_verdict_as_a_datagram() {
    for (name, verdict, _) in ROWS {
        assert_verdict(name, as_datagram(&corpus::file("sip-hostile", name)).as_ref(), without_close(verdict));
    }
}

#[test]
fn every_message_has_its_verdict_on_a_stream_however_it_is_cut() {
    for (name, verdict, on_stream) in ROWS {
        let verdict = on_stream.unwrap_or(verdict);
        let (outcomes, waits) = as_stream_however_cut(name, &corpus::file("sip-hostile", name));
        assert_verdict(name, outcomes.first(), verdict);
        let count = if let Pings(count) = verdict { count } else { 1 };
        assert_eq!((outcomes.len(), waits), (count, false), "{name}: {outcomes:?}");
    }
}

#[test]
fn a_hidden_identity_is_never_answered_or_read() {
    for name in ["bare-lf-hidden-header.dat", "cl-two-different.dat"] {
        let Some(Outcome::Refused { answer: Some(answer), .. }) = as_datagram(&corpus::file("sip-hostile", name))
        else {
            panic!("{name} accepted")
        };
        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains("trusted.example") && !text.contains("smuggled"), "{text}");
    }
}

#[test]
fn a_private_header_is_found_whatever_stands_before_its_colon() {
    for name in ["hdr-name-trailing-space.dat", "hdr-name-trailing-tab.dat"] {
        let request = request(&corpus::file("sip-hostile", name));
        assert_eq!(request.message.header_named(b"x-internal-trunk").unwrap().as_ref(), b"gold", "{name}");
        assert!(request.message.raw_headers().any(|(name, _)| name == b"X-Internal-Trunk"));
    }
}

#[test]
fn an_escaped_line_end_stays_escaped_on_the_wire() {
    let request = request(&corpus::file("sip-hostile", "crlf-percent-user.dat"));
    assert_eq!(request.uri.to_bytes(), "sip:+4989%0d%0aP-Asserted-Identity:%20x@sbc.example.net");
    assert!(request.message.header(Name::PAssertedIdentity).is_none());
}
