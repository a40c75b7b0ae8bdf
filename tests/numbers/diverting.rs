//! Diversion and History-Info: three hops both ways, reasons, privacy, counters, and loops (PF-138, PF-139, PF-214).

use bytes::Bytes;
use trunkline::base::bounds::Bound;
use trunkline::base::limits::HISTORY_ENTRIES;
use trunkline::route::diverting::{
    DiversionReason, Diversions, Diverted, DivertingPrivacy, HistoryStyle, merged, read_diversions, read_history,
    write_diversions, write_history,
};
use trunkline::route::number::{E164, NumberPlan, Party, UriStyle};
use trunkline::sip::{Host, Message, SipMessage, SipUri, frame};

fn message(headers: &str) -> Message {
    let head = "INVITE sip:+4930999@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\n\
                To: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n";
    let text = format!("{head}{headers}Content-Length: 0\r\n\r\n");
    match frame::datagram(&Bytes::from(text), "127.0.0.1:5060".parse().unwrap()) {
        Some(Ok(SipMessage::Request(request))) => request.message,
        other => panic!("{other:?}"),
    }
}

fn host() -> SipUri {
    SipUri::new(None, Host::parse("sbc.example").unwrap(), None)
}

fn plan() -> NumberPlan {
    NumberPlan { uri_style: UriStyle::SipPhone, ..NumberPlan::default() }
}

fn number(text: &str) -> Party {
    Party::of(E164::parse(text).unwrap())
}

fn texts(values: &[Bytes]) -> Vec<&str> {
    values.iter().map(|value| std::str::from_utf8(value).unwrap()).collect()
}

/// A was called first and is busy, B does not answer, C sends everything on.
fn three_hops() -> Diversions {
    Diversions::new(vec![
        Diverted::once(number("+49301"), DiversionReason::UserBusy),
        Diverted::once(number("+49302"), DiversionReason::NoAnswer),
        Diverted::once(number("+49303"), DiversionReason::Unconditional),
    ])
}

#[test]
fn three_hops_are_read_from_diversion_newest_first() {
    let headers = "Diversion: <sip:+49303@x>;reason=unconditional;counter=1;privacy=off,\r\n \
                   <sip:+49302@x>;reason=no-answer\r\nDiversion: <sip:+49301@x>;reason=\"user-busy\"\r\n";
    assert_eq!(read_diversions(&message(headers), &plan()), three_hops());
}

#[test]
fn no_more_of_a_history_is_read_than_its_bound() {
    let entry = |depth: usize| format!("History-Info: <sip:+49{depth}@x;cause=302>;index=1{}\r\n", ".1".repeat(depth));
    let history = |entries: usize| message(&(0..entries).map(entry).collect::<String>());
    let read = |entries: usize| read_history(&history(entries), &plan()).oldest_first().len();
    let reached = Bound::HistoryEntries.count();
    assert_eq!((read(HISTORY_ENTRIES), Bound::HistoryEntries.count()), (HISTORY_ENTRIES - 1, reached));
    assert_eq!((read(HISTORY_ENTRIES + 9), Bound::HistoryEntries.count()), (HISTORY_ENTRIES - 1, reached + 1));
}

#[test]
fn three_hops_are_read_from_history_info_by_rfc_7044() {
    let headers = "History-Info: <sip:+49301@x>;index=1,<sip:+49302@x;cause=486>;index=1.1;mp=1,\
                   <sip:+49303@x;cause=408>;index=1.1.1;mp=1.1\r\n\
                   History-Info: <sip:+49309@x;cause=302>;index=1.1.1.1;mp=1.1.1\r\n";
    assert_eq!(read_history(&message(headers), &plan()), three_hops());
}

#[test]
fn three_hops_are_read_from_history_info_by_rfc_4244() {
    let headers = "History-Info: <sip:+49301@x?Reason=SIP%3Bcause%3D486>;index=1,\
                   <sip:+49302@x?Reason=SIP%3Bcause%3D408%3Btext%3D%22no%22>;index=1.1,\
                   <sip:+49303@x?Reason=SIP%3Bcause%3D302>;index=1.1.1,<sip:+49309@x>;index=1.1.1.1\r\n";
    assert_eq!(read_history(&message(headers), &plan()), three_hops());
}

#[test]
fn the_platforms_own_trace_tells_of_one_diversion() {
    // MD-99: a call forwarded by a user of Teams.
    let headers = "HISTORY-INFO: <sip:+14255550100@sip.pstnhub.microsoft.com:5061;user=phone\
                   ?Reason=SIP%3Bcause%3D302%3Btext%3D%22Moved%20temporarily%22>;index=1,\
                   <sip:+12065550142@sip.pstnhub.microsoft.com:5061;user=phone>;index=1.1\r\n";
    let read = read_history(&message(headers), &plan());
    assert_eq!(read.oldest_first(), [Diverted::once(number("+14255550100"), DiversionReason::Unconditional)]);
}

#[test]
fn diversion_is_written_newest_first() {
    let written = write_diversions(&three_hops(), &plan(), &host());
    assert_eq!(
        texts(&written),
        [
            "<sip:+49303@sbc.example;user=phone>;reason=unconditional;counter=1;privacy=off",
            "<sip:+49302@sbc.example;user=phone>;reason=no-answer;counter=1;privacy=off",
            "<sip:+49301@sbc.example;user=phone>;reason=user-busy;counter=1;privacy=off",
        ]
    );
}

#[test]
fn history_info_is_written_oldest_first_with_the_called_party_last() {
    let list = three_hops();
    let called = number("+49309");
    let written = write_history(&list, &called, &plan(), &host(), HistoryStyle::Rfc7044);
    assert_eq!(
        texts(&written),
        [
            "<sip:+49301@sbc.example;user=phone>;index=1",
            "<sip:+49302@sbc.example;user=phone;cause=486>;index=1.1;mp=1",
            "<sip:+49303@sbc.example;user=phone;cause=408>;index=1.1.1;mp=1.1",
            "<sip:+49309@sbc.example;user=phone;cause=302>;index=1.1.1.1;mp=1.1.1",
        ]
    );
    let written = write_history(&list, &called, &plan(), &host(), HistoryStyle::Rfc4244);
    assert_eq!(
        texts(&written),
        [
            "<sip:+49301@sbc.example;user=phone?Reason=SIP%3Bcause%3D486>;index=1",
            "<sip:+49302@sbc.example;user=phone?Reason=SIP%3Bcause%3D408>;index=1.1",
            "<sip:+49303@sbc.example;user=phone?Reason=SIP%3Bcause%3D302>;index=1.1.1",
            "<sip:+49309@sbc.example;user=phone>;index=1.1.1.1",
        ]
    );
}

/// What one header says is what the other says after the conversion and back.
#[test]
fn a_list_survives_both_headers_with_privacy_counter_and_reason() {
    let reasons = [
        DiversionReason::Unknown,
        DiversionReason::UserBusy,
        DiversionReason::NoAnswer,
        DiversionReason::Unavailable,
        DiversionReason::Unconditional,
        DiversionReason::Deflection,
    ];
    for reason in reasons {
        for privacy in [DivertingPrivacy::Off, DivertingPrivacy::Full] {
            for counter in [1, 3] {
                let mut list = three_hops();
                list.push(Diverted { privacy, counter, ..Diverted::once(number("+49304"), reason) });
                for style in [HistoryStyle::Rfc7044, HistoryStyle::Rfc4244] {
                    assert_eq!(by_history(&list, style), list, "{reason:?} {privacy:?} {counter} {style:?}");
                }
                assert_eq!(by_diversion(&list), list, "{reason:?} {privacy:?} {counter}");
            }
        }
    }
}

fn by_history(list: &Diversions, style: HistoryStyle) -> Diversions {
    let written = write_history(list, &number("+49309"), &plan(), &host(), style);
    let headers: String = texts(&written).iter().map(|value| format!("History-Info: {value}\r\n")).collect();
    read_history(&message(&headers), &plan())
}

fn by_diversion(list: &Diversions) -> Diversions {
    let written = write_diversions(list, &plan(), &host());
    let headers: String = texts(&written).iter().map(|value| format!("Diversion: {value}\r\n")).collect();
    read_diversions(&message(&headers), &plan())
}

#[test]
fn reasons_the_other_header_lacks_become_unknown_not_another_reason() {
    for reason in [DiversionReason::TimeOfDay, DiversionReason::DoNotDisturb, DiversionReason::FollowMe] {
        let list = Diversions::new(vec![Diverted::once(number("+49301"), reason)]);
        let back = by_history(&list, HistoryStyle::Rfc7044);
        assert_eq!(back.newest().unwrap().reason, DiversionReason::Unknown);
        assert_eq!(by_diversion(&list), list);
    }
}

#[test]
fn a_retargeting_without_a_cause_is_no_diversion() {
    let headers = "History-Info: <sip:+49301@x>;index=1,<sip:+49301@y>;index=1.1;rc=1\r\n";
    assert!(read_history(&message(headers), &plan()).is_empty());
}

#[test]
fn history_info_wins_where_both_tell_of_a_diversion() {
    let one = Diversions::new(vec![Diverted::once(number("+49301"), DiversionReason::UserBusy)]);
    assert_eq!(merged(three_hops(), one.clone()), three_hops());
    assert_eq!(merged(Diversions::default(), one.clone()), one);
}

#[test]
fn broken_entries_are_left_out_and_absurd_counters_are_bounded() {
    let headers = "Diversion: <<>>, <sip:+49301@x>;counter=99999999999;reason=\"\r\n";
    assert!(read_diversions(&message(headers), &plan()).is_empty());
    let headers = "Diversion: <sip:+49301@x>;counter=0;reason=bogus\r\n";
    let read = read_diversions(&message(headers), &plan());
    assert_eq!(read.oldest_first(), [Diverted::once(number("+49301"), DiversionReason::Unknown)]);
    let deep = format!("History-Info: <sip:+49301@x>;index=1{}\r\n", ".1".repeat(3000));
    assert!(read_history(&message(&deep), &plan()).is_empty());
}

/// `by reason counter privacy`, oldest first.
fn told(list: &Diversions) -> Vec<String> {
    let shown = |diverted: &Diverted| {
        let privacy = if diverted.privacy == DivertingPrivacy::Full { " private" } else { "" };
        format!("{} {} {}{privacy}", diverted.by.as_str(), diverted.reason.word(), diverted.counter)
    };
    list.oldest_first().iter().map(shown).collect()
}

#[test]
fn diversions_are_read_however_they_are_written() {
    let rows: [(&str, &[&str]); 12] = [
        ("Diversion: \"Sales, \\\"A\\\" <B>\" <sip:+49301@x>;reason=no-answer\r\n", &["+49301 no-answer 1"]),
        ("Diversion: <tel:+49-301>;reason=UNCONDITIONAL;counter=2\r\n", &["+49301 unconditional 2"]),
        ("Diversion: sip:+49301@x;reason=user-busy\r\n", &["+49301 user-busy 1"]),
        (
            "Diversion: \"B, C\" <sip:+49302@x>;reason=no-answer,\"A\" <sip:+49301@x>;reason=user-busy\r\n",
            &["+49301 user-busy 1", "+49302 no-answer 1"],
        ),
        ("diversion:<sip:+49301@x;user=phone>;privacy=\"full\";screen=no\r\n", &["+49301 unknown 1 private"]),
        (
            "Diversion: <sip:+49301@x>;reason=\"user-busy\" ; counter = 3 ;privacy=name\r\n",
            &["+49301 user-busy 3 private"],
        ),
        ("Diversion: <sip:+49301@x>;reason=busy-ish;counter=-1\r\n", &["+49301 unknown 1"]),
        ("Diversion: <sip:+49301@x>;counter=70000\r\n", &["+49301 unknown 1"]),
        ("Diversion: <sip:anonymous@anonymous.invalid>;reason=unconditional\r\n", &["anonymous unconditional 1"]),
        ("Diversion: <sip:+49301;ext=7@x>;reason=away\r\n", &["+49301 away 1"]),
        ("Diversion: \r\nDiversion: ,\r\n", &[]),
        ("Diversion: \"unclosed <sip:+49301@x>\r\n", &[]),
    ];
    for (headers, expected) in rows {
        assert_eq!(told(&read_diversions(&message(headers), &plan())), expected, "{headers}");
    }
}

#[test]
fn history_is_read_with_gaps_branches_and_either_kind_of_cause() {
    let rows: [(&str, &[&str]); 11] = [
        // Entries of hops that told us nothing are missing.
        ("<sip:+49301@x>;index=1, <sip:+49309@x;cause=302>;index=1.1.1", &["+49301 unconditional 2"]),
        ("<sip:+49301@x>;index=1, <sip:+49309@x;cause=302>;index=1.3", &["+49301 unconditional 1"]),
        // The first one tried was busy, the second takes the call: both times 1 sent it on (RFC 7044 mp).
        (
            "<sip:+49301@x>;index=1, <sip:+49302@x;cause=302>;index=1.1;mp=1, <sip:+49309@x;cause=408>;index=1.2;mp=1",
            &["+49301 unconditional 1", "+49301 no-answer 1"],
        ),
        // In any order on the wire.
        (
            "<sip:+49309@x;cause=408>;index=1.1.1;mp=1.1, <sip:+49301@x>;index=1, <sip:+49302@x;cause=486>;index=1.1;mp=1",
            &["+49301 user-busy 1", "+49302 no-answer 1"],
        ),
        // Routing by a proxy (rc) and an entry that names no cause are no diversions.
        (
            "<sip:+49301@x>;index=1, <sip:+49301@y>;index=1.1;rc=1, <sip:+49309@y;cause=486>;index=1.1.1;mp=1.1",
            &["+49301 user-busy 1"],
        ),
        (
            "<sip:+49301@x?Privacy=history>;index=1, <sip:+49309@x;cause=480>;index=1.1",
            &["+49301 deflection 1 private"],
        ),
        (
            "<sip:+49301@x?Reason=Q.850%3Bcause%3D17&Privacy=none>;index=1, <sip:+49309@x;cause=486>;index=1.1",
            &["+49301 user-busy 1"],
        ),
        (
            "<sip:+49301@x?Privacy=history%3Bid&Reason=SIP%3Bcause%3D408>;index=1, <sip:+49309@x>;index=1.1",
            &["+49301 no-answer 1 private"],
        ),
        (
            "<sip:+49301@x?Reason=Q.850%3Bcause%3D17%2CSIP%3Bcause%3D486>;index=1, <sip:+49309@x>;index=1.1",
            &["+49301 user-busy 1"],
        ),
        ("<sip:+49301@x>;index=1, <sip:+49309@x;cause=999>;index=1.1", &[]),
        ("<sip:+49301@x>;index=a.b, <sip:+49309@x;cause=302>;index=", &[]),
    ];
    for (value, expected) in rows {
        let read = read_history(&message(&format!("History-Info: {value}\r\n")), &plan());
        assert_eq!(told(&read), expected, "{value}");
    }
}
