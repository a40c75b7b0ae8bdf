//! RFC 3261 14.2, RFC 5407 3.3.1: re-INVITEs of both parties cross; each gets 491 and the call goes on. A second one of
//! the same party, before the answer to its first, gets 500.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

#[test]
fn both_are_asked_to_try_again() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(1));
    let one = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    let other = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(Platform, one);
    world.send(CarrierA, other);
    let crossed = world.expect(CarrierA, "INVITE");
    world.expect(CarrierA, "SIP/2.0 491");
    world.send(CarrierA, crossed.respond(491, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 491");
    world.pass(Duration::from_secs(3));
    let again = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, again);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_second_reinvite_of_the_same_party_is_to_come_later() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let one = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, one);
    let crossed = world.expect(CarrierA, "INVITE");
    let two = talk.caller.request("INVITE", &sdp_with(Platform, "inactive", "0 8 101", 3));
    world.send(Platform, two);
    let later = world.expect(Platform, "SIP/2.0 500");
    assert!(later.header("Retry-After").parse::<u32>().is_ok_and(|seconds| seconds <= 10), "{}", later.as_str());
    world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack_of(2, ""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
