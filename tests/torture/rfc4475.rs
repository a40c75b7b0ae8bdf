//! Every message of RFC 4475 with its verdict at this layer. Where the layer accepts, the row says what the layers
//! above do.

use trunkline::sip::message::RejectionKind::{self, *};

use crate::corpus;
use crate::reading::{Outcome, as_datagram, as_stream_however_cut, assert_answer_is_sound, status_of};

/// What one transport makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Read; the text says what is decided above.
    Accept(&'static str),
    /// Refused with this answer; a stream goes on.
    Answer(u16, RejectionKind),
    /// Refused with this answer; a stream is closed.
    AnswerAndClose(u16, RejectionKind),
    /// Refused without an answer; a stream goes on.
    Drop(RejectionKind),
    /// Refused without an answer; a stream is closed.
    DropAndClose(RejectionKind),
    /// A stream waits for octets that do not come, until the message deadline.
    Wait,
    /// Keep-alives only.
    Pings(usize),
}

use Verdict::*;

/// File, verdict as a datagram, verdict as the first thing on a stream (`None`: the same but for closing).
type Row = (&'static str, Verdict, Option<Verdict>);

const ROWS: [Row; 50] = [
    ("wsinv.dat", Accept("an ordinary INVITE"), None),
    ("intmeth.dat", Accept("the engine answers 501: unknown method"), None),
    ("esc01.dat", Accept("routed on the user unescaped once"), None),
    ("escnull.dat", Accept("the engine answers 405: no registrar"), None),
    ("esc02.dat", Accept("the engine answers 501: RE%47IST%45R is no REGISTER"), None),
    ("lwsdisp.dat", Accept("an ordinary OPTIONS"), None),
    ("longreq.dat", Accept("an ordinary INVITE inside every limit"), None),
    (
        "dblreq.dat",
        Accept("405; the octets behind a datagram are ignored, on a stream they are the next request"),
        None,
    ),
    ("semiuri.dat", Accept("the semicolon belongs to the user"), None),
    ("transports.dat", Accept("only the top Via matters"), None),
    ("mpart01.dat", Accept("405 or 415 by policy; the body is byte-exact"), None),
    ("unreason.dat", Accept("matched to a transaction or dropped"), None),
    ("noreason.dat", Accept("matched to a transaction or dropped"), None),
    ("badinv01.dat", Answer(400, BadVia), None),
    ("clerr.dat", Answer(400, BodyTruncated), Some(Wait)),
    ("ncl.dat", Answer(400, BadContentLength), Some(AnswerAndClose(400, BadContentLength))),
    ("scalar02.dat", Answer(400, BadCSeq), None),
    ("scalarlg.dat", Drop(BadCSeq), None),
    ("quotbal.dat", Answer(400, BadTo), None),
    ("ltgtruri.dat", Answer(400, BadRequestUri), None),
    ("lwsruri.dat", Answer(400, BadStartLine), None),
    ("lwsstart.dat", Answer(400, BadStartLine), None),
    ("trws.dat", Answer(400, BadStartLine), None),
    ("escruri.dat", Answer(400, RequestUriHeaders), None),
    ("baddate.dat", Accept("Date is not copied to the other leg"), None),
    ("regbadct.dat", Answer(400, BadContact), None),
    ("badaspec.dat", Answer(400, BadTo), None),
    ("baddn.dat", Answer(400, HeadIncomplete), Some(Wait)),
    ("badvers.dat", Answer(505, UnsupportedVersion), None),
    ("mismatch01.dat", Answer(400, CSeqMethodMismatch), None),
    ("mismatch02.dat", Answer(501, UnknownMethodMismatch), None),
    ("bigcode.dat", Drop(BadStatusCode), None),
    ("badbranch.dat", Answer(400, BadBranch), None),
    ("insuf.dat", Answer(400, MissingFrom), None),
    ("unkscm.dat", Accept("the engine answers 416"), None),
    ("novelsc.dat", Accept("the engine answers 416"), None),
    ("unksm2.dat", Accept("the engine answers 405: no registrar"), None),
    ("bext01.dat", Accept("the engine answers 420"), None),
    ("invut.dat", Accept("the engine answers 415"), None),
    ("regaut01.dat", Accept("the engine answers 405, never treats it as authenticated"), None),
    ("multi01.dat", Answer(400, RepeatedFrom), None),
    ("mcl01.dat", Answer(400, SeveralContentLengths), Some(AnswerAndClose(400, SeveralContentLengths))),
    ("bcast.dat", Accept("matches no transaction: dropped"), None),
    ("zeromf.dat", Accept("the engine answers the OPTIONS itself, an INVITE would get 483"), None),
    ("cparam01.dat", Accept("the engine answers 405: no registrar"), None),
    ("cparam02.dat", Accept("the engine answers 405: no registrar"), None),
    ("regescrt.dat", Accept("the engine answers 405: no registrar"), None),
    ("sdp01.dat", Accept("the engine answers 406"), None),
    ("inv2543.dat", Accept("no branch: matched as RFC 2543 does"), Some(AnswerAndClose(400, MissingContentLength))),
    ("test.dat", DropAndClose(BadHeaderLine), None),
];

/// Checks one outcome against its verdict.
pub fn assert_verdict(name: &str, outcome: Option<&Outcome>, verdict: Verdict) {
    let expected = match (verdict, outcome) {
        (Accept(_), Some(Outcome::Accepted(_))) | (Wait | Pings(_), None) | (Pings(_), Some(Outcome::Ping)) => return,
        (Answer(status, kind), _) => (kind, Some(status), false),
        (AnswerAndClose(status, kind), _) => (kind, Some(status), true),
        (Drop(kind), _) => (kind, None, false),
        (DropAndClose(kind), _) => (kind, None, true),
        (Accept(_) | Wait | Pings(_), _) => panic!("{name}: {verdict:?}, but {outcome:?}"),
    };
    let Some(Outcome::Refused { kind, answer, close }) = outcome else {
        panic!("{name}: {verdict:?}, but {outcome:?}")
    };
    let status = answer.as_ref().map(|answer| status_of(answer));
    assert_eq!(
        (*kind, status, *close),
        expected,
        "{name}: {}",
        String::from_utf8_lossy(answer.as_deref().unwrap_or_default())
    );
    answer.iter().for_each(|answer| assert_answer_is_sound(name, answer));
}

/// On UDP an index's "close" reads as "nothing more".
pub fn without_close(verdict: Verdict) -> Verdict {
    match verdict {
        AnswerAndClose(status, kind) => Answer(status, kind),
        DropAndClose(kind) => Drop(kind),
        other => other,
    }
}

#[test]
fn the_files_are_those_of_the_index() {
    corpus::check_index("rfc4475", 50);
    assert_eq!(corpus::files("rfc4475/derived").len(), 1);
}

#[test]
fn the_table_names_every_file_once() {
    let mut named: Vec<_> = ROWS.iter().map(|row| row.0.to_owned()).collect();
    named.sort();
    assert_eq!(named, corpus::files("rfc4475").into_keys().collect::<Vec<_>>());
}

#[test]
fn every_message_has_its_verdict_as_a_datagram() {
    for (name, verdict, _) in ROWS {
        assert_verdict(name, as_datagram(&corpus::file("rfc4475", name)).as_ref(), without_close(verdict));
    }
}

#[test]
fn every_message_has_its_verdict_on_a_stream_however_it_is_cut() {
    for (name, verdict, on_stream) in ROWS {
        let verdict = on_stream.unwrap_or(verdict);
        let (outcomes, waits) = as_stream_however_cut(name, &corpus::file("rfc4475", name));
        assert_verdict(name, outcomes.first(), verdict);
        assert_eq!(waits, verdict == Wait, "{name} waits inside a message");
    }
}

#[test]
fn both_transports_read_an_accepted_message_alike() {
    for (name, octets) in corpus::files("rfc4475") {
        let Some(Outcome::Accepted(datagram)) = as_datagram(&octets) else { continue };
        let (outcomes, _) = as_stream_however_cut(&name, &octets);
        if let Some(Outcome::Accepted(stream)) = outcomes.first() {
            assert_eq!(*stream, datagram, "{name}");
        }
    }
}

#[test]
fn the_second_request_behind_dblreq_is_read_on_a_stream_only() {
    let (outcomes, waits) = as_stream_however_cut("dblreq.dat", &corpus::file("rfc4475", "dblreq.dat"));
    assert!(!waits);
    // The INVITE's Content-Length is four short of its octets; what is left over is no SIP, and the stream is closed.
    let [Outcome::Accepted(first), Outcome::Accepted(second), left_over] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert!(first.starts_with("Register") && second.starts_with("Invite"));
    assert_verdict("dblreq.dat", Some(left_over), DropAndClose(NotSip));
}

#[test]
fn baddn_with_its_blank_line_is_refused_for_the_comma() {
    let octets = corpus::file("rfc4475/derived", "baddn-terminated.dat");
    assert_verdict("baddn-terminated", as_datagram(&octets).as_ref(), Answer(400, BadFrom));
    let (outcomes, _) = as_stream_however_cut("baddn-terminated", &octets);
    assert_verdict("baddn-terminated", outcomes.first(), Answer(400, BadFrom));
}

#[test]
fn the_answer_to_insuf_copies_what_is_there() {
    let Some(Outcome::Refused { answer: Some(answer), .. }) = as_datagram(&corpus::file("rfc4475", "insuf.dat")) else {
        panic!("accepted")
    };
    assert_eq!(
        String::from_utf8_lossy(&answer),
        "SIP/2.0 400 Missing From\r\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf;received=203.0.113.5\r\n\
         CSeq: 193942 INVITE\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn badinv01_is_answered_with_what_can_be_read_of_its_via() {
    let Some(Outcome::Refused { answer: Some(answer), .. }) = as_datagram(&corpus::file("rfc4475", "badinv01.dat"))
    else {
        panic!("accepted")
    };
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("\r\nVia: SIP/2.0/UDP 192.0.2.15;received=203.0.113.5\r\n"), "{text}");
}

#[test]
fn an_answer_takes_the_same_tag_each_time() {
    let octets = corpus::file("rfc4475", "mismatch01.dat");
    assert_eq!(as_datagram(&octets), as_datagram(&octets));
    let Some(Outcome::Refused { answer: Some(answer), .. }) = as_datagram(&octets) else { panic!("accepted") };
    assert!(String::from_utf8_lossy(&answer).contains("\r\nTo: sip:j.user@example.com;tag=r"));
}
