//! MD-131: a platform resumes by a re-INVITE without a description: our 200 offers sendrecv, and the other party, held so far, is asked.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

#[test]
fn the_other_party_is_told_to_talk_again() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    world.pass(Duration::from_secs(1));
    let hold = talk.callee.request("INVITE", &sdp_with(Platform, "inactive", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    world.reinvite_answered(&talk.callee, &crossed, (CarrierA, &sdp_with(CarrierA, "inactive", "0 8 101", 2)));
    world.pass(Duration::from_secs(1));

    let resume = talk.callee.request("INVITE", "");
    world.send(Platform, resume);
    let offer = world.expect(Platform, "SIP/2.0 200");
    assert!(offer.body().contains("a=sendrecv"), "{}", offer.body());
    world.send(Platform, talk.callee.ack(&sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    let told = world.expect(CarrierA, "INVITE");
    assert!(told.body().contains("a=sendrecv"), "{}", told.body());
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 3)));
    world.expect(CarrierA, "ACK");
    world.callee_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_glare_with_the_other_party_is_waited_out() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    world.pass(Duration::from_secs(1));
    let hold = talk.callee.request("INVITE", &sdp_with(Platform, "inactive", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    world.reinvite_answered(&talk.callee, &crossed, (CarrierA, &sdp_with(CarrierA, "inactive", "0 8 101", 2)));
    let resume = talk.callee.request("INVITE", "");
    world.send(Platform, resume);
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.callee.ack(&sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    let told = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, told.respond(491, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let told = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 3)));
    world.expect(CarrierA, "ACK");
    world.callee_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn without_a_change_nobody_else_is_asked() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let again = talk.caller.request("INVITE", "");
    world.send(Platform, again);
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(&sdp_with(Platform, "sendrecv", "0 8 101", 2)));
    world.pass(Duration::from_secs(10));
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
