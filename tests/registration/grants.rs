//! What a registrar grants, and when we come again (RFC 3261 10.2.4; PF-130).

use std::time::Duration;

use trunkline::registration::{Form, News, Problem, State};

use crate::{Bench, header};

const OURS: &str = "<sip:+4922855501000@203.0.113.10:5061;transport=tls>";

fn granted(lines: &str) -> Vec<News> {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 200, lines);
    bench.news()
}

fn seconds(expires: u64) -> Vec<News> {
    vec![News::Registered { expires: Duration::from_secs(expires) }]
}

#[test]
fn our_own_contact_says_what_was_granted() {
    let lines = format!("Contact: <sip:other@192.0.2.1>;expires=7, {OURS};expires=240\r\nExpires: 99\r\n");
    assert_eq!(granted(&lines), seconds(240));
}

#[test]
fn without_our_contact_expires_says_it_or_what_we_asked_for_stands() {
    assert_eq!(granted("Contact: <sip:x@10.0.0.1>;expires=7\r\nExpires: 99\r\n"), seconds(99));
    assert_eq!(granted(""), seconds(600));
    assert_eq!(granted("Expires: soon\r\n"), seconds(600));
    assert_eq!(granted("Expires: 99999999999999999999999\r\n"), seconds(86_400));
}

#[test]
fn a_grant_of_nothing_is_a_failure() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 200, &format!("Contact: {OURS};expires=0\r\n"));
    assert_eq!(bench.problem().0, Problem::NotGranted);
    assert!(!bench.machine.is_registered());
}

#[test]
fn the_refresh_comes_between_half_and_four_fifths_of_the_grant() {
    let mut waits = Vec::new();
    for seed in 0..40 {
        let mut bench = Bench::with(Form::Single, None, seed);
        let register = bench.begin();
        bench.answer(&register, 200, "Expires: 1000\r\n");
        waits.push(bench.wake().as_secs());
        assert_eq!(header(&bench.sent(), "CSeq"), "2 REGISTER");
        assert!(bench.machine.is_registered(), "the binding stands while it is refreshed");
    }
    assert!(waits.iter().all(|wait| (500..=800).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait < 600) && waits.iter().any(|wait| *wait > 700), "{waits:?}");
}

#[test]
fn a_tiny_grant_does_not_make_us_a_flood() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 200, "Expires: 1\r\n");
    assert!(bench.wake() >= Duration::from_secs(1));
    bench.sent();
}

#[test]
fn a_binding_that_cannot_be_refreshed_is_lost_when_it_runs_out() {
    let mut bench = Bench::registered();
    bench.wake();
    let refresh = bench.sent();
    bench.answer(&refresh, 500, "Retry-After: 3000\r\n");
    bench.problem();
    assert!(bench.machine.is_registered(), "what was granted still stands");
    bench.wake();
    assert_eq!(bench.news(), [News::Lost]);
    assert!(!bench.machine.is_registered());
    assert!(matches!(bench.machine.state(), State::Backoff(_)));
}

#[test]
fn service_route_is_kept_and_replaced() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 200, "Service-Route: <sip:p1.carrier.example;lr>, <sip:p2.carrier.example;lr>\r\n");
    assert_eq!(bench.machine.service_route(), ["<sip:p1.carrier.example;lr>", "<sip:p2.carrier.example;lr>"]);
    bench.wake();
    let refresh = bench.sent();
    bench.answer(&refresh, 200, "Service-Route: no route\r\n");
    assert!(bench.machine.service_route().is_empty());
}
