//! RFC 3261 9, 14: a re-INVITE that is crossing is cancelled on the other leg too; the call goes on as it was.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp_with};

#[test]
fn the_other_party_had_rung() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = Text::of(talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2)));
    world.send(Platform, ask.as_str().to_owned());
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(180, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    world.send(Platform, ask.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.pass(Duration::from_secs(1));
    assert!(!world.is_quiet(CarrierA), "it does not ring until our patience is over");
    let cancel = world.hears_cancel(CarrierA, &crossed);
    assert_eq!((cancel.branch(), cancel.tag("To")), (crossed.branch(), crossed.tag("To")));
    world.expect(Platform, "SIP/2.0 487");
    world.pass(Duration::from_secs(60));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn the_answer_was_faster() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = Text::of(talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2)));
    world.send(Platform, ask.as_str().to_owned());
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(Platform, ask.cancel());
    world.expect(Platform, "SIP/2.0 200");
    let taken =
        world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    assert!(taken.header("CSeq").ends_with("INVITE"));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_reinvite_that_rings_for_ever_is_taken_back() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, ask);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(180, CarrierA, ""));
    world.hears_cancel(CarrierA, &crossed);
    world.expect(Platform, "SIP/2.0 487");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_reinvite_before_the_answer_is_not_the_call() {
    let mut world = World::new();
    let (offered, _) = world.dial(CarrierA, Platform);
    world.send(Platform, offered.respond(180, Platform, ""));
    let ringing = world.expect(CarrierA, "SIP/2.0 180");
    let mut early = Dialog::of_caller(CarrierA, &ringing);
    let ask = Text::of(early.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2)));
    world.send(CarrierA, ask.as_str().to_owned());
    let later = world.expect(CarrierA, "SIP/2.0 500");
    assert!(later.header("Retry-After").parse::<u32>().is_ok_and(|seconds| seconds <= 10), "RFC 3261 14.2");
    world.send(CarrierA, ask.cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack_of(1, ""));
    world.callee_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}
