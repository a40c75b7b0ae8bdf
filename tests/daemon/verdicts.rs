//! Every message of the corpora answered as its index says, by the running daemon over each
//! transport. `cargo test --test daemon verdicts -- --nocapture` prints the table.

use std::fs;
use std::path::{Path, PathBuf};

use crate::calls::set_up;
use crate::ground::{Ground, Rules};
use crate::judge::Then::{self, Answer, AnswerAndClose, Call, Close, Nothing, TwoAnswersAndClose, Wait};
use crate::judge::{Case, Court};

/// File, verdict as a datagram, verdict on a stream where it differs.
type Row = (&'static str, Then, Option<Then>);

const RFC_4475: &[Row] = &[
    // Well formed, and inside a dialog that is not there: it carries a To tag (RFC 3261 12.2.2).
    ("wsinv.dat", Answer(&[481]), None),
    ("intmeth.dat", Answer(&[501]), None),
    ("esc01.dat", Call, None),
    ("escnull.dat", Answer(&[405]), None),
    ("esc02.dat", Answer(&[501]), None),
    ("lwsdisp.dat", Answer(&[200]), None),
    ("longreq.dat", Call, None),
    // On a stream the INVITE behind it is the next message, with a body cut short and octets behind it
    // that are no message.
    ("dblreq.dat", Answer(&[405]), Some(TwoAnswersAndClose(405, 400))),
    ("semiuri.dat", Answer(&[200]), None),
    ("transports.dat", Answer(&[200]), None),
    ("mpart01.dat", Answer(&[405, 415]), None),
    ("unreason.dat", Nothing, None),
    ("noreason.dat", Nothing, None),
    ("badinv01.dat", Answer(&[400]), None),
    ("clerr.dat", Answer(&[400]), Some(Wait)),
    ("ncl.dat", AnswerAndClose(&[400]), None),
    ("scalar02.dat", Answer(&[400]), None),
    ("scalarlg.dat", Nothing, None),
    ("quotbal.dat", Answer(&[400]), None),
    ("ltgtruri.dat", Answer(&[400]), None),
    ("lwsruri.dat", Answer(&[400]), None),
    ("lwsstart.dat", Answer(&[400]), None),
    ("trws.dat", Answer(&[400]), None),
    ("escruri.dat", Answer(&[400]), None),
    ("baddate.dat", Call, None),
    ("regbadct.dat", Answer(&[400]), None),
    ("badaspec.dat", Answer(&[400]), None),
    ("baddn.dat", Answer(&[400]), Some(Wait)),
    ("badvers.dat", Answer(&[505]), None),
    ("mismatch01.dat", Answer(&[400]), None),
    ("mismatch02.dat", Answer(&[501]), None),
    ("bigcode.dat", Nothing, None),
    ("badbranch.dat", Answer(&[400]), None),
    ("insuf.dat", Answer(&[400]), None),
    ("unkscm.dat", Answer(&[416]), None),
    ("novelsc.dat", Answer(&[416]), None),
    ("unksm2.dat", Answer(&[400, 405]), None),
    ("bext01.dat", Answer(&[420]), None),
    ("invut.dat", Answer(&[415]), None),
    ("regaut01.dat", Answer(&[401, 405, 407]), None),
    ("multi01.dat", Answer(&[400]), None),
    ("mcl01.dat", AnswerAndClose(&[400]), None),
    ("bcast.dat", Nothing, None),
    ("zeromf.dat", Answer(&[200]), None),
    ("cparam01.dat", Answer(&[405]), None),
    ("cparam02.dat", Answer(&[405]), None),
    ("regescrt.dat", Answer(&[405]), None),
    ("sdp01.dat", Answer(&[406]), None),
    ("inv2543.dat", Answer(&[400]), Some(AnswerAndClose(&[400]))),
    // No SIP: its start line names no version.
    ("test.dat", Nothing, Some(Close)),
];

const SIP_HOSTILE: &[Row] = &[
    ("cl-two-different.dat", AnswerAndClose(&[400]), None),
    ("cl-two-equal.dat", AnswerAndClose(&[400]), None),
    ("cl-list.dat", AnswerAndClose(&[400]), None),
    ("cl-plus.dat", AnswerAndClose(&[400]), None),
    ("cl-hex.dat", AnswerAndClose(&[400]), None),
    ("cl-u32-wrap.dat", AnswerAndClose(&[400, 413]), None),
    ("cl-huge.dat", AnswerAndClose(&[413]), None),
    // Without the field a datagram's body goes to its end.
    ("cl-missing-stream.dat", Answer(&[200]), Some(AnswerAndClose(&[400]))),
    ("hdr-name-trailing-space.dat", Answer(&[200]), None),
    ("hdr-name-trailing-tab.dat", Answer(&[200]), None),
    ("bare-lf.dat", AnswerAndClose(&[400]), None),
    ("bare-lf-hidden-header.dat", AnswerAndClose(&[400]), None),
    ("nul-in-header.dat", AnswerAndClose(&[400]), None),
    ("crlf-percent-user.dat", Answer(&[404, 484]), None),
    ("log-ansi.dat", Answer(&[200]), None),
    ("log-newline-utf8.dat", Answer(&[200]), None),
    ("sql-user.dat", Answer(&[404]), None),
    ("dup-from.dat", Answer(&[400]), None),
    ("dup-callid-compact.dat", Answer(&[400]), None),
    ("via-500.dat", AnswerAndClose(&[400, 513]), None),
    ("line-64k.dat", AnswerAndClose(&[513]), None),
    ("params-5000.dat", Answer(&[400, 414]), None),
    ("comma-flood.dat", AnswerAndClose(&[513]), None),
    ("cseq-method-64k.dat", AnswerAndClose(&[400, 513]), None),
    ("maxfwd-256.dat", Answer(&[400]), None),
    ("maxfwd-zero-invite.dat", Answer(&[483]), None),
    // Of a dialog that is not there; `a_live_dialog_hears_no_old_bye` has the one that is.
    ("bye-old-cseq.dat", Answer(&[481]), None),
    ("cancel-foreign.dat", Answer(&[481]), None),
    ("response-stray.dat", Nothing, None),
    ("response-407-foreign-realm.dat", Nothing, None),
    ("identity-x5u-internal.dat", Call, None),
    ("multipart-bad-boundary.dat", Answer(&[400, 415]), None),
    ("http-on-sip.dat", Nothing, Some(Close)),
    // Out of a dialog; `fraud` has the one inside a call, and new calls to such numbers.
    ("refer-premium.dat", Answer(&[405]), None),
    ("diversion-loop.dat", Answer(&[482, 483]), None),
    ("tel-uri-2k.dat", Answer(&[484]), None),
    ("e164-lookalike.dat", Answer(&[404]), None),
    ("crlf-keepalive-flood.dat", Nothing, Some(Close)),
];

/// Verdict of each description as the offer of an INVITE on a trunk with mandatory SRTP.
const SDP_HOSTILE: &[(&str, Then)] = &[
    ("addr-any6.sdp", Answer(&[488])),
    ("addr-broadcast.sdp", Answer(&[488])),
    ("addr-cgnat.sdp", Answer(&[488])),
    ("addr-compat-loopback.sdp", Answer(&[488])),
    ("addr-linklocal6.sdp", Answer(&[488])),
    // The grounds stand on loopback, so their network allows it; `addr-loopback6` shows the refusal.
    ("addr-loopback4.sdp", Call),
    ("addr-loopback6.sdp", Answer(&[488])),
    ("addr-mapped-private.sdp", Answer(&[488])),
    ("addr-multicast4.sdp", Answer(&[488])),
    ("addr-name-internal.sdp", Answer(&[488])),
    ("addr-octal.sdp", Answer(&[488])),
    ("addr-rfc1918-10.sdp", Answer(&[488])),
    ("addr-rfc1918-172.sdp", Answer(&[488])),
    ("addr-self.sdp", Answer(&[488])),
    ("addr-short.sdp", Answer(&[488])),
    ("addr-sixtofour.sdp", Answer(&[488])),
    ("addr-ula.sdp", Answer(&[488])),
    ("attrs-20000.sdp", AnswerAndClose(&[413, 488])),
    ("avp-downgrade.sdp", Answer(&[488])),
    ("bare-lf.sdp", Call),
    ("crypto-100.sdp", Call),
    ("crypto-all-zero.sdp", Answer(&[488])),
    ("crypto-inject.sdp", Answer(&[488])),
    ("crypto-null.sdp", Answer(&[488])),
    ("crypto-short-key.sdp", Answer(&[488])),
    ("crypto-tag-answer.sdp", Call),
    ("crypto-unencrypted.sdp", Answer(&[488])),
    ("empty.sdp", Answer(&[400, 488])),
    ("fmtp-64k.sdp", Answer(&[413, 488])),
    ("no-crypto-savp.sdp", Answer(&[488])),
    ("nul.sdp", Answer(&[400, 488])),
    ("origin-version-wrap.sdp", Call),
    ("payloads-2000.sdp", Call),
    ("port-65536.sdp", Answer(&[488])),
    ("port-count.sdp", Answer(&[488])),
    ("port-zero-only.sdp", Answer(&[488])),
    ("ptime-huge.sdp", Answer(&[488])),
    ("ptime-zero.sdp", Answer(&[488])),
    ("rtcp-foreign.sdp", Answer(&[488])),
];

fn folder(set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora").join(set)
}

/// File and the index's last but n-th column.
fn index(set: &str, column: usize) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder(set).join("INDEX.tsv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        (fields[0].to_owned(), fields[column].to_owned())
    };
    text.lines().skip(1).map(row).collect()
}

/// The message with a branch and a Call-ID of its own: those of a set share theirs, and would be one transaction.
fn alone(octets: &[u8], serial: usize) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for (mark, end) in [(&b"z9hG4bKkdjuw"[..], b"z9hG4bK".len()), (b"z9hG4bK-hostile-1", 7), (b"hostile@", 0)] {
        let found = octets.windows(mark.len()).position(|window| window == mark);
        if let Some(at) = found {
            octets.splice(at + end..at + end, format!("{serial}-").into_bytes());
        }
    }
    octets
}

fn cases(set: &str, rows: &[Row]) -> Vec<Case> {
    let case = |(serial, row): (usize, &Row)| Case {
        name: row.0.to_owned(),
        octets: alone(&fs::read(folder(set).join(row.0)).unwrap(), serial),
        datagram: row.1,
        stream: row.2.unwrap_or(row.1),
    };
    rows.iter().enumerate().map(case).collect()
}

fn described(transport: &str, court: &Court) -> Vec<Case> {
    let own = court.ground.daemon().to_string();
    let case = |(serial, (name, then)): (usize, &(&str, Then))| {
        let body = fs::read(folder("sdp-hostile").join(name)).unwrap();
        // The placeholder of the index: our own public address.
        let body = if *name == "addr-self.sdp" {
            String::from_utf8(body).unwrap().replace("192.0.2.1", &own).replace("5061", "15061").into_bytes()
        } else {
            body
        };
        let head = format!(
            "INVITE sip:+4930123@sbc.example SIP/2.0\r\nVia: SIP/2.0/{transport} caller.example;rport;branch=z9hG4bKd{serial}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+4989@caller.example>;tag=d{serial}\r\nTo: <sip:+4930123@sbc.example>\r\nCall-ID: d{serial}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:a@caller.example>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let octets = [head.into_bytes(), body].concat();
        Case { name: (*name).to_owned(), octets, datagram: *then, stream: *then }
    };
    SDP_HOSTILE.iter().enumerate().map(case).collect()
}

/// Statuses that the text of an index names.
fn named(text: &str) -> Vec<u16> {
    let words = text.split(|sign: char| !sign.is_ascii_digit()).filter(|word| word.len() == 3);
    words.filter_map(|word| word.parse().ok()).filter(|code| (200..700).contains(code)).collect()
}

fn agrees(then: Then, text: &str) -> bool {
    let codes = named(text);
    match then {
        Answer(own) | AnswerAndClose(own) => {
            codes.is_empty()
                || ["accept", "set the tag"].iter().any(|word| text.contains(word))
                || own.iter().any(|code| codes.contains(code))
        }
        Call | TwoAnswersAndClose(..) | Nothing | Close | Wait => true,
    }
}

#[test]
fn every_file_has_its_verdict_and_no_verdict_contradicts_the_index() {
    for (set, column, rows) in [("rfc4475", 6, RFC_4475), ("sip-hostile", 5, SIP_HOSTILE)] {
        for (file, text) in index(set, column) {
            let row = rows.iter().find(|row| row.0 == file).unwrap_or_else(|| panic!("{file}"));
            let is_streamed = text.contains("stream") || file.contains("stream");
            let then = if is_streamed { row.2.unwrap_or(row.1) } else { row.1 };
            assert!(agrees(then, &text), "{file}: {text}");
        }
    }
    for (file, text) in index("sdp-hostile", 5) {
        let row = SDP_HOSTILE.iter().find(|row| row.0 == file).unwrap_or_else(|| panic!("{file}"));
        assert!(agrees(row.1, &text) || row.1 == Call, "{file}: {text}");
    }
}

fn messages(transport: &'static str) {
    let mut court = Court::new(transport, "optional");
    court.judge(&cases("rfc4475", RFC_4475));
    court.judge(&cases("sip-hostile", SIP_HOSTILE));
    // What was smuggled, injected or private never got through.
    let shown = court.shown_to_the_called();
    for hidden in ["smuggled", "trusted.example", "X-Internal-Trunk", "P-Asserted-Identity"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    court.close();
}

fn descriptions(transport: &'static str) {
    let mut court = Court::new(transport, "srtp");
    let cases = described(transport, &court);
    court.judge(&cases);
    court.close();
}

#[test]
fn messages_are_answered_as_indexed_over_udp() {
    messages("UDP");
}

#[test]
fn messages_are_answered_as_indexed_over_tcp() {
    messages("TCP");
}

#[test]
fn messages_are_answered_as_indexed_over_tls() {
    messages("TLS");
}

#[test]
fn descriptions_are_answered_as_indexed_over_udp() {
    descriptions("UDP");
}

#[test]
fn descriptions_are_answered_as_indexed_over_tcp() {
    descriptions("TCP");
}

#[test]
fn descriptions_are_answered_as_indexed_over_tls() {
    descriptions("TLS");
}

/// `bye-old-cseq.dat` with the tags of a call that is up.
#[test]
fn a_live_dialog_hears_no_old_bye() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let _running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let media = [ground.caller(), ground.callee()].map(|address| (address, 40_000).into());
    let (mut up, mut callee) = set_up(&mut caller, || callee, media);
    let file = fs::read_to_string(folder("sip-hostile").join("bye-old-cseq.dat")).unwrap();
    let own = |name: &str| format!("{name}: {}\r\n", up.accepted.header(name));
    let old: String = file
        .split_inclusive("\r\n")
        .map(|line| match line.split(':').next().unwrap_or_default() {
            name @ ("From" | "To" | "Call-ID") => own(name),
            _ => line.to_owned(),
        })
        .collect();
    caller.send(old.replace("client.example.com:5061", &caller.own.to_string()));
    caller.expect("SIP/2.0 500");
    assert!(ground.get("/metrics").contains("\nsbc_calls 1\n"));
    caller.send(up.dialog.request("BYE"));
    caller.expect("SIP/2.0 200");
    let bye = callee.expect("BYE ");
    callee.send(bye.respond("200 OK", callee.own, ""));
    ground.until(Ground::held);
}
