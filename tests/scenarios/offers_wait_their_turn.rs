//! RFC 6337 4.3: a re-INVITE that comes while the other party still owes an answer or an ACK waits here, and is not sent
//! back to its sender.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::Talk;
use crate::world::text::{Text, sdp_with};

/// The caller has not acknowledged yet, and the called party holds.
fn waiting() -> (World, Talk, String) {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold.clone());
    world.pass(Duration::from_millis(50));
    (world, talk, hold)
}

#[test]
fn until_the_ack_of_the_other_party() {
    let (mut world, mut talk, _) = waiting();
    world.send(Platform, talk.caller.ack(""));
    let crossed = world.expect(Platform, "INVITE");
    world.reinvite_answered(&talk.callee, &crossed, (Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_cancel_ends_the_wait() {
    let (mut world, mut talk, hold) = waiting();
    world.send(CarrierA, Text::of(hold).cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn the_end_of_the_call_ends_the_wait() {
    let (mut world, mut talk, _) = waiting();
    let bye = talk.callee.request("BYE", "");
    world.send(CarrierA, bye);
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    world.send(Platform, talk.caller.ack(""));
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn a_second_one_is_sent_back() {
    let (mut world, mut talk, _) = waiting();
    let more = talk.callee.request("INVITE", &sdp_with(CarrierA, "inactive", "0 8 101", 3));
    world.send(CarrierA, more);
    world.expect(CarrierA, "SIP/2.0 491");
    world.send(Platform, talk.caller.ack(""));
    let crossed = world.expect(Platform, "INVITE");
    world.send(Platform, crossed.respond(488, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 488");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn while_the_other_party_is_told_of_a_resume() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    // The caller asks for our offer and holds in its answer, so the called party is told.
    let ask = talk.caller.request("INVITE", "");
    world.send(Platform, ask);
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(&sdp_with(Platform, "sendonly", "0 8 101", 2)));
    let told = world.expect(CarrierA, "INVITE");
    let resume = talk.caller.request("INVITE", &sdp_with(Platform, "sendrecv", "0 8 101", 3));
    world.send(Platform, resume);
    world.pass(Duration::from_secs(1));
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    let crossed = world.expect(CarrierA, "INVITE");
    assert!(crossed.body().contains("a=sendrecv"));
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 3)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
