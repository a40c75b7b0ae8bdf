//! Who a peer is shown as the caller: the privacy matrix of RFC 3323 and RFC 3325 (PF-135, PF-136, MD-86, MD-87, MD-98).

use bytes::Bytes;
use trunkline::route::caller::{
    AnonymousHost, AssertedShows, Caller, CallerReading, CallerShowing, DisplayRule, FromShows, IdentityHeader,
    PrivateFrom,
};
use trunkline::route::diverting::{DiversionReason, Diversions, Diverted};
use trunkline::route::number::{E164, NumberPlan, Party};
use trunkline::sip::{Host, Request, SipMessage, SipUri, frame};

fn request(from: &str, headers: &str) -> Request {
    let text = format!(
        "INVITE sip:+4930999@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: {from};tag=1\r\nTo: <sip:b@b>\r\n\
         Call-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    match frame::datagram(&Bytes::from(text), "127.0.0.1:5060".parse().unwrap()) {
        Some(Ok(SipMessage::Request(request))) => *request,
        other => panic!("{other:?}"),
    }
}

fn number(text: &str) -> Party {
    Party::of(E164::parse(text).unwrap())
}

/// Every line that names the caller, as a peer with these settings sees it.
fn seen(from: &str, headers: &str, showing: &CallerShowing) -> String {
    seen_of(from, headers, showing, &Diversions::default())
}

fn seen_of(from: &str, headers: &str, showing: &CallerShowing, list: &Diversions) -> String {
    let plan = NumberPlan::default();
    let caller = Caller::read(&request(from, headers), &CallerReading::default(), &plan);
    let host = SipUri::new(None, Host::parse("sbc.example").unwrap(), None);
    let shown = caller.write(showing, list, &plan, &host);
    let mut lines = vec![format!("From: {}", String::from_utf8_lossy(&shown.from.to_bytes()))];
    lines.extend(
        shown.headers.iter().map(|(name, value)| format!("{}: {}", name.as_str(), String::from_utf8_lossy(value))),
    );
    lines.join("\n")
}

const ALICE: &str = "\"Alice\" <sip:+49301@pbx>";
const HIDDEN: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
const PAI: &str = "P-Asserted-Identity: \"Alice B.\" <sip:+49302@net>, <tel:+49302>\r\n";

fn with_pai(trusted: bool) -> CallerShowing {
    CallerShowing { trusted, headers: vec![IdentityHeader::Asserted], ..CallerShowing::default() }
}

#[test]
fn an_open_caller_is_shown_to_everybody() {
    for trusted in [true, false] {
        assert_eq!(
            seen(ALICE, PAI, &with_pai(trusted)),
            "From: \"Alice\" <sip:+49301@sbc.example>\nP-Asserted-Identity: \"Alice B.\" <sip:+49302@sbc.example>"
        );
    }
}

#[test]
fn a_hidden_identity_goes_to_trusted_peers_only_and_never_without_its_privacy() {
    for privacy in ["id", "user", "header", "user;id", "id;critical"] {
        let headers = format!("{PAI}Privacy: {privacy}\r\n");
        let trusted = seen(ALICE, &headers, &with_pai(true));
        assert!(trusted.starts_with("From: \"Anonymous\" <sip:anonymous@anonymous.invalid>\n"), "{privacy}: {trusted}");
        assert!(
            trusted.contains("\nP-Asserted-Identity: \"Alice B.\" <sip:+49302@sbc.example>\n"),
            "{privacy}: {trusted}"
        );
        let written = trusted.split("\nPrivacy: ").nth(1).expect("Privacy goes with the identity");
        assert!(written.split(';').any(|token| token == "id"), "{privacy}: {trusted}");
        let untrusted = seen(ALICE, &headers, &with_pai(false));
        assert!(!untrusted.contains("+4930"), "{privacy}: {untrusted}");
        assert!(!untrusted.contains("Alice"), "{privacy}: {untrusted}");
    }
}

#[test]
fn an_anonymous_from_hides_the_asserted_number_even_without_a_privacy_header() {
    let trusted = seen(HIDDEN, PAI, &with_pai(true));
    assert!(trusted.ends_with("P-Asserted-Identity: \"Alice B.\" <sip:+49302@sbc.example>\nPrivacy: id"), "{trusted}");
    let untrusted = seen(HIDDEN, PAI, &with_pai(false));
    assert_eq!(untrusted, format!("From: {HIDDEN}"));
    let by_user = seen("<sip:Anonymous@pbx>", PAI, &with_pai(false));
    assert_eq!(by_user, format!("From: {HIDDEN}"));
}

#[test]
fn privacy_none_hides_nothing() {
    let shown = seen(ALICE, &format!("{PAI}Privacy: none\r\n"), &with_pai(false));
    assert_eq!(
        shown,
        "From: \"Alice\" <sip:+49301@sbc.example>\nP-Asserted-Identity: \"Alice B.\" <sip:+49302@sbc.example>\nPrivacy: none"
    );
}

#[test]
fn a_platform_that_displays_from_gets_the_asserted_number_there_unless_it_is_hidden() {
    // MD-86.
    let showing = CallerShowing { from: FromShows::Asserted, ..CallerShowing::default() };
    assert_eq!(seen(ALICE, PAI, &showing), "From: \"Alice B.\" <sip:+49302@sbc.example>");
    let hidden = seen(ALICE, &format!("{PAI}Privacy: id\r\n"), &showing);
    assert_eq!(hidden, format!("From: {HIDDEN}\nPrivacy: id"));
}

#[test]
fn a_carrier_that_needs_a_number_in_from_gets_it_back_beside_privacy_id() {
    // MD-98: the platform writes an anonymous From, and the number in P-Asserted-Identity.
    let showing = CallerShowing { private_from: PrivateFrom::Asserted, ..with_pai(true) };
    let shown = seen(HIDDEN, &format!("{PAI}Privacy: id\r\n"), &showing);
    let (from, rest) = shown.split_once('\n').unwrap();
    assert_eq!(from, "From: \"Alice B.\" <sip:+49302@sbc.example>");
    assert_eq!(rest, "P-Asserted-Identity: \"Alice B.\" <sip:+49302@sbc.example>\nPrivacy: id");
    let untrusted = CallerShowing { trusted: false, ..showing };
    assert!(!seen(HIDDEN, &format!("{PAI}Privacy: id\r\n"), &untrusted).contains("+49302"));
}

#[test]
fn the_pilot_number_is_asserted_with_the_caller_in_from() {
    let showing = CallerShowing { asserted: AssertedShows::Pilot, pilot: Some(number("+49300")), ..with_pai(true) };
    assert_eq!(
        seen(ALICE, "", &showing),
        "From: \"Alice\" <sip:+49301@sbc.example>\nP-Asserted-Identity: <sip:+49300@sbc.example>"
    );
}

#[test]
fn a_call_sent_on_is_asserted_for_who_sent_it() {
    // MD-100.
    let showing = CallerShowing { asserted: AssertedShows::Diverting, ..with_pai(true) };
    let list = Diversions::new(vec![
        Diverted::once(number("+49307"), DiversionReason::UserBusy),
        Diverted::once(number("+49308"), DiversionReason::NoAnswer),
    ]);
    let shown = seen_of(ALICE, PAI, &showing, &list);
    assert!(shown.ends_with("P-Asserted-Identity: <sip:+49308@sbc.example>"), "{shown}");
    assert!(seen(ALICE, PAI, &showing).ends_with("P-Asserted-Identity: \"Alice B.\" <sip:+49302@sbc.example>"));
}

#[test]
fn what_an_untrusted_peer_asserts_is_not_believed() {
    let reading = CallerReading { believed: Vec::new() };
    let caller = Caller::read(&request(ALICE, PAI), &reading, &NumberPlan::default());
    assert_eq!((caller.asserted.as_ref(), caller.identity().party.clone()), (None, number("+49301")));
}

#[test]
fn remote_party_id_hides_and_is_written_with_its_own_words() {
    let reading = CallerReading { believed: vec![IdentityHeader::RemoteParty] };
    let header = "Remote-Party-ID: \"A\" <sip:+49302@net>;party=calling;privacy=full\r\n";
    let caller = Caller::read(&request(ALICE, header), &reading, &NumberPlan::default());
    assert!(caller.is_private());
    let showing = CallerShowing { headers: vec![IdentityHeader::RemoteParty], ..CallerShowing::default() };
    assert_eq!(
        seen(ALICE, PAI, &showing).lines().nth(1).unwrap(),
        "Remote-Party-ID: \"Alice B.\" <sip:+49302@sbc.example>;party=calling;screen=yes;privacy=off"
    );
}

#[test]
fn display_names_are_limited_and_never_break_a_header() {
    let limited = CallerShowing { display: DisplayRule::Ascii { characters: 5 }, ..CallerShowing::default() };
    assert_eq!(
        seen("\"J\u{fc}rgen M\u{fc}ller\" <sip:+49301@x>", "", &limited),
        "From: \"Jrgen\" <sip:+49301@sbc.example>"
    );
    let keep = CallerShowing::default();
    assert_eq!(seen("\"a\\\"b\\\\c\" <sip:+49301@x>", "", &keep), "From: \"a\\\"b\\\\c\" <sip:+49301@sbc.example>");
    let strip = CallerShowing { display: DisplayRule::Strip, ..CallerShowing::default() };
    assert_eq!(seen(ALICE, "", &strip), "From: <sip:+49301@sbc.example>");
}

#[test]
fn an_anonymous_from_may_carry_our_own_name() {
    let showing = CallerShowing { anonymous_host: AnonymousHost::Own, ..CallerShowing::default() };
    assert_eq!(seen(HIDDEN, "", &showing), "From: \"Anonymous\" <sip:anonymous@sbc.example>");
}

/// What a hostile peer puts into From, and what another peer's message says then: one line, and no more of it.
#[test]
fn nothing_in_a_name_or_a_user_part_makes_a_line_of_its_own() {
    let keep = CallerShowing::default();
    let rows = [
        ("<sip:a%0D%0AX-Evil:%201@x>", "From: <sip:sbc.example>"),
        ("<sip:+49301%0d%0aX-Evil:1@x>", "From: <sip:sbc.example>"),
        ("<sip:a%00b@x>", "From: <sip:sbc.example>"),
        ("<sip:a%20b@x>", "From: <sip:sbc.example>"),
        ("<sip:a%3Cb%3E@x>", "From: <sip:sbc.example>"),
        ("<sip:a%40b@x>", "From: <sip:a%40b@sbc.example>"),
        ("<sip:%2369@x>", "From: <sip:%2369@sbc.example>"),
        ("<sip:%EF%BC%94%EF%BC%99@x>", "From: <sip:sbc.example>"),
        (
            "\"<script>alert(1)</script>\" <sip:+49301@x>",
            "From: \"<script>alert(1)</script>\" <sip:+49301@sbc.example>",
        ),
        ("\"a, b; c\" <sip:+49301@x>", "From: \"a, b; c\" <sip:+49301@sbc.example>"),
        ("\"+4930999\" <sip:+49301@x>", "From: \"+4930999\" <sip:+49301@sbc.example>"),
        ("\"\u{202e}gnp.exe\" <sip:+49301@x>", "From: \"\u{202e}gnp.exe\" <sip:+49301@sbc.example>"),
    ];
    for (from, expected) in rows {
        assert_eq!(seen(from, "", &keep), expected, "{from}");
    }
    let evil = "P-Asserted-Identity: <sip:b%0D%0AX-Evil:1@net>\r\n";
    let shown = seen(ALICE, evil, &with_pai(true));
    assert!(!shown.contains("Evil") && shown.lines().count() <= 2, "{shown}");
}
