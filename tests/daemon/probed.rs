//! The rows of the probe table (`tests/torture/probes.rs` reads them one by one) that no file of the corpora sends: legal
//! traffic that six other parsers misread, answered by the running daemon over each transport.

use crate::judge::Court;
use crate::judge::Then::{Answer, Call};
use crate::variants::Cases;

fn options(cases: &mut Cases, transport: &str) {
    let ok = Answer(&[200]);
    let via = |name: &str, protocol: &str| format!("Via: {protocol} caller.example;rport;branch=z9hG4bKprobe-{name}");
    let protocol = format!("SIP/2.0/{transport}");
    cases.options("folded", ok, |made| made.and("Subject: one\r\n\t two"));
    cases.options("two-vias-in-one-line", ok, |made| {
        made.with("Via", &format!("{}, SIP/2.0/UDP b;branch=z9hG4bKb", via("two", &protocol)))
    });
    cases.options("spaces-in-via", ok, |made| made.with("Via", &via("spaces", &format!("SIP / 2.0 / {transport}"))));
    cases.options("compact-names", ok, |made| {
        made.with("Via", &via("compact", &protocol).replace("Via:", "v:"))
            .with("From", "f: <sip:+4989@caller.example>;tag=compact")
            .with("To", "t: <sip:+4930123@sbc.example>")
            .with("Contact", "m: <sip:a@caller.example>")
            .with("Call-ID", "i: probe-compact@caller.example")
    });
    cases.options("comma-in-quoted-name", ok, |made| {
        made.with("Contact", "Contact: \"A, B\" <sip:a@caller.example>;q=1, <sip:c@caller.example>")
    });
    cases.options("angle-bracket-in-quoted-name", ok, |made| {
        made.with("From", "From: \"a <x> b\" <sip:+4989@caller.example>;tag=angle")
    });
    cases.options("escaped-quote", ok, |made| {
        made.with("From", "From: \"say \\\"hi\\\"\" <sip:+4989@caller.example>;tag=quote")
    });
    cases.options("ipv6-in-contact", ok, |made| made.with("Contact", "Contact: <sip:a@[2001:db8::9]:5061>"));
}

fn calls(cases: &mut Cases) {
    for (name, uri) in [
        ("teams-uri", "sip:+4930123@sbc.example:5061;user=phone;transport=tls"),
        ("tel", "tel:+4930123"),
        ("user-parameters", "sip:+4930123;npdi;rn=+4989@sbc.example"),
        ("escaped-plus", "sip:%2B4930123@sbc.example"),
        ("transport-in-capitals", "sip:+4930123@sbc.example;transport=TLS"),
    ] {
        cases.invite(name, Call, |made| made.start(&format!("INVITE {uri} SIP/2.0")));
    }
    for (name, field, line) in [
        ("tel-in-to", "To", "To: <tel:+4930123>"),
        ("comma-and-umlaut-in-name", "From", "From: \"Müller, Anna\" <sip:+4989@caller.example>;tag=teams"),
        ("slashes-in-contact", "Contact", "Contact: <sip:api-du-a.caller.example:443;x-i=6f3b/c2;x-c=2e/d/8/abc>"),
        ("trunk-group", "Contact", "Contact: <sip:+4989;tgrp=tg1;trunk-context=example.com@h1:5061>"),
        ("quoted-parameter", "Contact", "Contact: <sip:a@caller.example>;+sip.instance=\"<urn:uuid:1;2>\""),
    ] {
        cases.invite(name, Call, |made| made.with(field, line));
    }
}

fn judged(transport: &'static str) {
    let mut court = Court::new(transport, "optional");
    let mut cases = Cases::new(transport);
    options(&mut cases, transport);
    calls(&mut cases);
    court.judge(&cases.cases);
    court.close();
}

#[test]
fn probes_are_answered_over_udp() {
    judged("UDP");
}

#[test]
fn probes_are_answered_over_tcp() {
    judged("TCP");
}

#[test]
fn probes_are_answered_over_tls() {
    judged("TLS");
}
