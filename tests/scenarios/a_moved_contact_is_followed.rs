//! RFC 3261 12.2: the Contact of a re-INVITE, and of the 200 to one of ours, is where later requests go, within what
//! the trunk allows.

use std::time::Duration;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

const BEFORE: &str = "Contact: <sip:ua@198.51.100.7:5060>";
const AFTER: &str = "Contact: <sip:ua@198.51.100.8:5060>";

#[test]
fn of_a_reinvite() {
    let mut world = reaching_both();
    let mut talk = world.talk(Platform, CarrierA);
    let moved = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendrecv", "0 8 101", 1));
    world.send(CarrierA, moved.replace(BEFORE, AFTER));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, talk.callee.ack(""));
    world.pass(Duration::from_secs(1));
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierB);
    world.finish();
}

#[test]
fn of_the_answer_to_ours() {
    let mut world = reaching_both();
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    let answer = crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2));
    world.send(CarrierA, answer.replace(BEFORE, AFTER));
    world.expect(CarrierB, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    world.agent(CarrierA).forget();
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierB);
    world.finish();
}

#[test]
fn but_not_of_one_that_is_refused() {
    let mut world = reaching_both();
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    let moved = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendrecv", "0 8 101", 1));
    world.send(CarrierA, moved.replace(BEFORE, AFTER));
    world.expect(CarrierA, "SIP/2.0 491");
    world.send(CarrierA, crossed.respond(488, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 488");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// Carrier A may be reached at the address of B too.
fn reaching_both() -> World {
    World::configured(|settings| settings.trunks[0].contacts = vec!["198.51.100.8/32".parse().expect("a range")])
}
