//! Toll fraud and number rules against the running daemon, over each transport (S-F, D4): what scanners dial, transfers
//! and forwards to dear numbers, digits that only look like digits. Nothing of it reaches the called party.

use crate::calls::{hang_up, set_up};
use crate::ground::{Ground, Rules};
use crate::judge::Then::{self, Answer, Call};
use crate::judge::{Case, Court};
use crate::variants::Cases;

const AT_HOME: &str = "[fraud]\nallow_countries = [\"DE\"]\n";
const BLOCKED: Then = Answer(&[403]);
const NO_NUMBER: Then = Answer(&[404, 484]);

/// Request-URI and what comes of an INVITE to it.
const DIALLED: &[(&str, Then)] = &[
    ("sip:+4930123@sbc.example", Call),
    ("sip:030123@sbc.example", Call),
    ("sip:116117@sbc.example", Call),
    ("tel:+49-30-123", Call),
    // Premium, personal, satellite, networks without a country.
    ("sip:+499001234567@sbc.example", BLOCKED),
    ("sip:+4970012345678@sbc.example", BLOCKED),
    ("sip:+881612345678@sbc.example", BLOCKED),
    ("sip:+88234567890@sbc.example", BLOCKED),
    ("tel:+882-345-67890", BLOCKED),
    ("sip:+88234567890;phone-context=x@sbc.example;user=phone", BLOCKED),
    ("sip:%2B88234567890@sbc.example", BLOCKED),
    ("sip:+8823%34567890@sbc.example", BLOCKED),
    // Abroad, in the forms that scanners try.
    ("sip:+972595123456@sbc.example", BLOCKED),
    ("sip:00972595123456@sbc.example", BLOCKED),
    ("sip:000972595123456@sbc.example", NO_NUMBER_OR_BLOCKED),
    ("sip:011972595123456@sbc.example", BLOCKED),
    ("sip:9011972595123456@sbc.example", BLOCKED),
    ("sip:900972595123456@sbc.example", BLOCKED),
    ("sip:972595123456@sbc.example", BLOCKED),
    ("sip:*31%2300972595123456@sbc.example", BLOCKED),
    ("sip:+12425551234@sbc.example", BLOCKED),
    // No country begins so.
    ("sip:+999123456@sbc.example", BLOCKED),
    // No numbers at all.
    ("sip:+0301234567@sbc.example", NO_NUMBER),
    ("sip:+0@sbc.example", NO_NUMBER),
    ("sip:+1234567890123456@sbc.example", NO_NUMBER),
    ("tel:+1234567890123456", NO_NUMBER),
    ("sip:1111111111111111111111111111111111111111@sbc.example", NO_NUMBER),
    ("sip:+49\u{663}\u{660}123@sbc.example", NO_NUMBER),
    ("sip:+49\u{ff13}\u{ff10}123@sbc.example", NO_NUMBER),
    ("sip:+49%D9%A3%D9%A0123@sbc.example", NO_NUMBER),
    ("tel:+49%EF%BC%93", Answer(&[400, 404, 484])),
];

const NO_NUMBER_OR_BLOCKED: Then = Answer(&[403, 404, 484]);

fn dialled(cases: &mut Cases) {
    for (uri, then) in DIALLED {
        cases.invite(uri, *then, |made| made.start(&format!("INVITE {uri} SIP/2.0")).body("application/sdp", OFFER));
    }
    let long = format!("INVITE sip:{}@sbc.example SIP/2.0", "a".repeat(257));
    cases.invite("user-257", NO_NUMBER, |made| made.start(&long).body("application/sdp", OFFER));
}

const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

/// Who forwarded a call to a dear number, and how often a call may be forwarded.
fn forwarded(cases: &mut Cases) {
    let hop = |number: u32| format!("Diversion: <sip:+49301{number:04}@sbc.example>;reason=unconditional");
    let through = |cases: &mut Cases, name: &str, then: Then, uri: &str, lines: Vec<String>| {
        cases.invite(name, then, |made| {
            let made = made.start(&format!("INVITE {uri} SIP/2.0"));
            lines.into_iter().fold(made, |made, line| made.and(line)).body("application/sdp", OFFER)
        });
    };
    let (home, dear) = ("sip:+4930123@sbc.example", "sip:+88234567890@sbc.example");
    through(cases, "forwarded-home", Call, home, vec![hop(1)]);
    through(cases, "forwarded-dear", BLOCKED, dear, vec![hop(1)]);
    through(cases, "forwarded-ten", Call, home, (0..10).map(hop).collect());
    through(cases, "forwarded-eleven", Answer(&[482, 483]), home, (0..11).map(hop).collect());
    let counter = |count: u32| vec![format!("{};counter={count}", hop(1))];
    through(cases, "counted-ten", Call, home, counter(10));
    through(cases, "counted-eleven", Answer(&[482, 483]), home, counter(11));
    through(cases, "counted-billions", Answer(&[482, 483]), home, counter(u32::MAX));
    let own = "<sip:+4930123@sbc.example>";
    let circle = format!("History-Info: {own};index=1, {own};index=1.1, {own};index=1.1.1");
    through(cases, "history-circle", Answer(&[482, 483]), home, vec![circle]);
    through(cases, "history-dear", BLOCKED, dear, vec![format!("History-Info: {own};index=1, <{dear}>;index=1.1")]);
}

/// Out of a dialog nobody is transferred; numbers of OPTIONS are read as those of calls.
fn others(cases: &mut Cases) {
    for target in ["+88234567890", "+499001234567", "+4930123"] {
        let line = format!("Refer-To: <sip:{target}@sbc.example>");
        cases.other("REFER", &format!("refer-{target}"), Answer(&[405]), |made| made.and(line));
    }
    for uri in
        ["tel:+11111111111111111", "sip:+111111111111111111@sbc.example", "sip:+49\u{661}\u{662}\u{663}@sbc.example"]
    {
        cases.options(uri, NO_NUMBER, |made| made.start(&format!("OPTIONS {uri} SIP/2.0")));
    }
}

fn judged(transport: &'static str) {
    let mut court = Court::with(transport, "optional", AT_HOME);
    let mut cases = Cases::new(transport);
    for add in [dialled, forwarded, others] {
        add(&mut cases);
    }
    let cases: Vec<Case> = cases.cases;
    court.judge(&cases);
    let shown = court.shown_to_the_called();
    for hidden in ["8823", "972595", "49900"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    let metrics = court.ground.get("/metrics");
    for row in [
        "class=\"global\",key=\"class\"",
        "class=\"international\",key=\"country\"",
        "class=\"unknown\",key=\"no_number\"",
    ] {
        assert!(metrics.contains(&format!("sbc_fraud_stopped_total{{{row}}}")), "{row}:\n{metrics}");
    }
    court.close();
}

#[test]
fn dear_numbers_are_refused_over_udp() {
    judged("UDP");
}

#[test]
fn dear_numbers_are_refused_over_tcp() {
    judged("TCP");
}

#[test]
fn dear_numbers_are_refused_over_tls() {
    judged("TLS");
}

/// `refer-premium.dat` inside a call: by the same rules as a new call of that trunk.
#[test]
fn a_transfer_to_a_dear_number_fails_and_the_call_goes_on() {
    let changes = vec![("[metrics]\n".to_owned(), format!("{AT_HOME}[metrics]\n"))];
    let timers = "timers = { t1_ms = 50 }\ntransfer = { refer = \"execute\" }";
    let ground = Ground::new(Rules { timers, changes, ..Rules::default() });
    let _running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let media = [ground.caller(), ground.callee()].map(|address| (address, 40_000).into());
    let (mut up, mut callee) = set_up(&mut caller, || callee, media);
    let refer = up.dialog.request("REFER");
    caller.send(refer.replacen("Content-Length:", "Refer-To: <sip:+88234567890@sbc.example>\r\nContent-Length:", 1));
    caller.expect("SIP/2.0 202");
    for line in ["SIP/2.0 100 Trying", "SIP/2.0 403 Forbidden"] {
        let notify = caller.expect("NOTIFY ");
        assert!(notify.0.ends_with(&format!("{line}\r\n")), "{}", notify.0);
        caller.send(notify.respond("200 OK", caller.own, ""));
    }
    hang_up(&mut caller, &mut callee, &mut up);
    ground.until(Ground::held);
}
