//! Our own hostile messages, each answered as its index says, by the running daemon over each transport.
//! `cargo test --test daemon own_hostile -- --nocapture` prints the table.

use std::fs;
use std::path::{Path, PathBuf};

use crate::judge::Then::{self, Answer, AnswerAndClose, Call, Close, Nothing, Wait};
use crate::judge::{Case, Court};

/// One line of the index.
struct Row {
    file: String,
    datagram: Option<Then>,
    stream: Option<Then>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora/own-hostile")
}

fn index() -> Vec<Row> {
    let text = fs::read_to_string(folder().join("INDEX.tsv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 8, "{line}");
        Row { file: fields[0].to_owned(), datagram: verdict(fields[4]), stream: verdict(fields[5]) }
    };
    text.lines().skip(1).map(row).collect()
}

/// A verdict as the index writes it: `-` (not for this kind of transport), `call`, `nothing`, `close`, `wait`, or one
/// of some statuses, with `close` when a stream is closed behind the answer.
fn verdict(text: &str) -> Option<Then> {
    let words: Vec<&str> = text.split(' ').collect();
    Some(match words.as_slice() {
        ["-"] => return None,
        ["call"] => Call,
        ["nothing"] => Nothing,
        ["close"] => Close,
        ["wait"] => Wait,
        [codes] => Answer(statuses(codes)),
        [codes, "close"] => AnswerAndClose(statuses(codes)),
        _ => panic!("no verdict: {text}"),
    })
}

/// What becomes of octets on this transport, where its index has a verdict.
fn case(transport: &str, row: Row, octets: Vec<u8>) -> Option<Case> {
    let then = if transport == "UDP" { row.datagram } else { row.stream }?;
    Some(Case { name: row.file, octets, datagram: then, stream: then })
}

/// They live as long as the test's process.
fn statuses(text: &str) -> &'static [u16] {
    Vec::leak(text.split('|').map(|code| code.parse().unwrap_or_else(|_| panic!("no status: {text}"))).collect())
}

fn read(row: &Row) -> Vec<u8> {
    fs::read(folder().join(&row.file)).unwrap_or_else(|error| panic!("{}: {error}", row.file))
}

fn messages(transport: &str) -> Vec<Case> {
    let rows = index().into_iter().filter(|row| row.file.ends_with(".dat"));
    rows.filter_map(|row| {
        let octets = read(&row);
        case(transport, row, octets)
    })
    .collect()
}

/// Each description as the offer of an otherwise ordinary INVITE.
fn descriptions(transport: &str) -> Vec<Case> {
    let described = |(serial, row): (usize, Row)| {
        let body = read(&row);
        let head = format!(
            "INVITE sip:+4930123@sbc.example SIP/2.0\r\nVia: SIP/2.0/{transport} caller.example;rport;branch=z9hG4bKs{serial}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+4989@caller.example>;tag=s{serial}\r\nTo: <sip:+4930123@sbc.example>\r\nCall-ID: s{serial}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:a@caller.example>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        case(transport, row, [head.into_bytes(), body].concat())
    };
    index().into_iter().filter(|row| row.file.ends_with(".sdp")).enumerate().filter_map(described).collect()
}

fn judged(transport: &'static str) {
    let mut court = Court::new(transport, "optional");
    court.judge(&messages(transport));
    let shown = court.shown_to_the_called();
    for hidden in ["smuggled", "169.254", "secret"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    court.close();
    let mut court = Court::new(transport, "srtp");
    court.judge(&descriptions(transport));
    court.close();
}

#[test]
fn each_is_answered_as_its_index_says_over_udp() {
    judged("UDP");
}

#[test]
fn each_is_answered_as_its_index_says_over_tcp() {
    judged("TCP");
}

#[test]
fn each_is_answered_as_its_index_says_over_tls() {
    judged("TLS");
}
