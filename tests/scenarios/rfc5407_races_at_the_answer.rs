//! RFC 5407 3.1: what crosses our 200 and its ACK. 3.1.2 is `cancel_crosses_200` and `cancel_after_the_answer_changes_nothing`,
//! 3.1.3 `bye_on_an_early_dialog`, 3.1.6 `bye_before_ack`.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, invite, sdp, sdp_with};

#[test]
fn s3_1_1_the_invite_comes_again_after_the_200() {
    let mut world = World::new();
    let (offered, sent) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, sent.as_str().to_owned());
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn s3_1_4_a_reinvite_overtakes_the_ack() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(Platform, talk.caller.ack_of(1, ""));
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn s3_1_4_a_reinvite_overtakes_the_ack_that_brings_the_answer() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, number_of(CarrierA), ""));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    world.expect(Platform, "SIP/2.0 491");
    world.send(Platform, talk.caller.ack_of(1, &sdp(Platform, "sendrecv")));
    world.pass(Duration::from_secs(3));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn a_reinvite_of_the_called_party_before_the_callers_ack() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    world.pass(Duration::from_millis(100));
    assert!(world.is_quiet(Platform), "RFC 3261 14.1: no INVITE to a party that has yet to acknowledge");
    world.send(Platform, talk.caller.ack(""));
    let crossed = world.expect(Platform, "INVITE");
    world.reinvite_answered(&talk.callee, &crossed, (Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// 3.1.4 from the other end: the called party's re-INVITE overtakes its own 200, so that ours is still open (RFC 3261
/// 14.2).
#[test]
fn a_reinvite_of_the_called_party_overtakes_its_200() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let mut callee = Dialog::of_callee(CarrierA, &offered, &answer);
    let hold = callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    assert_eq!(world.refusal(CarrierA).status(), Some(491));
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
