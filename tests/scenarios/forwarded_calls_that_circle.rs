//! A call that was sent on too often, or comes back again and again, is not sent on once more (RFC 5806, RFC 7044, MD-100).

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp, with_header};

fn told(lines: &str) -> Option<u16> {
    let mut world = World::new();
    world.send(Platform, with_header(&invite(Platform, "+49301234567", &sdp(Platform, "sendrecv")), lines));
    let status = world.refusal(Platform).status();
    world.finish();
    status
}

#[test]
fn by_diversion() {
    let twice = "Diversion: <sip:+49301234567@a>;reason=no-answer, <sip:+4940@a>, <sip:+49301234567@a>";
    assert_eq!(told(twice), Some(482));
    assert_eq!(told("Diversion: <sip:+4940@a>;counter=9, <sip:+4941@a>;counter=2"), Some(483));
}

#[test]
fn by_history_info() {
    let hop = |index: usize, number: &str| format!("<sip:{number}@a>;index={index}");
    let list = |numbers: &[&str]| {
        let hops: Vec<String> = numbers.iter().enumerate().map(|(at, number)| hop(at + 1, number)).collect();
        format!("History-Info: {}", hops.join(", "))
    };
    assert_eq!(told(&list(&["+49301234567", "+4940", "+49301234567", "+4940", "+49301234567"])), Some(482));
    assert_eq!(told(&list(&["+4940"; 12])), Some(483));
}

/// Once is no circle: a number may be forwarded to a namesake.
#[test]
fn but_not_one_that_was_forwarded_once() {
    let mut world = World::new();
    let lines = "Diversion: <sip:+49301234567@a>;reason=unconditional";
    world.send(Platform, with_header(&invite(Platform, "+49301234567", &sdp(Platform, "sendrecv")), lines));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 100");
    world.expect(Platform, "SIP/2.0 486");
    world.finish();
}
