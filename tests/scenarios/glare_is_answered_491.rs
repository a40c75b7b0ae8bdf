//! RFC 3261 14.2, RFC 5407 3.3.1: re-INVITEs of both parties cross; each gets 491 and the call goes on. A second one of
//! the same party, before the answer to its first, gets 500.

use std::time::Duration;

use crate::world::Name;
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::{Talk, moving};
use crate::world::text::{Dialog, Text, invite, sdp, sdp_with, snapshot, with_header};

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
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
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

/// RFC 3261 14.1: whoever made the Call-ID waits 2.1 to 4 seconds, the other up to 2, in steps of 10 ms. We made that of the
/// called party's leg.
#[test]
fn we_ask_again_later_where_the_call_id_is_ours() {
    for seed in 1..=12 {
        let callee = pause_of(CarrierA, seed);
        assert!((Duration::from_millis(2100)..=Duration::from_secs(4)).contains(&callee), "seed {seed}: {callee:?}");
        let caller = pause_of(Platform, seed);
        assert!(caller <= Duration::from_secs(2), "seed {seed}: {caller:?}");
    }
}

/// Who came into the call by an INVITE of its own made the Call-ID of its leg, on whichever side it stands.
#[test]
fn we_ask_again_soon_where_who_picked_up_made_the_call_id() {
    for seed in 1..=12 {
        let mut world = World::with(moving(|_| {}), seed);
        let mut talk = world.talk(Platform, CarrierA);
        let replaces = format!("Replaces: {}", talk.callee.replaces_value());
        let body = sdp(CarrierA, "sendrecv");
        world.send(CarrierA, with_header(&invite(CarrierA, "+49301234567", &body), &replaces));
        let accepted = world.expect(CarrierA, "SIP/2.0 200");
        talk.callee = Dialog::of_caller(CarrierA, &accepted);
        world.send(CarrierA, talk.callee.ack(""));
        world.hears_bye(CarrierA);
        let pause = pause_after_a_glare(world, talk, CarrierA);
        assert!(pause <= Duration::from_secs(2), "seed {seed}: {pause:?}");
    }
}

/// Platform talks to carrier A; what the other party of `told` resumes with reaches `told` by a re-INVITE of ours, which meets
/// 491. How long until it comes again.
fn pause_after_a_glare(mut world: World, mut talk: Talk, told: Name) -> Duration {
    let by = if told == Platform { CarrierA } else { Platform };
    let dialog = if told == Platform { &mut talk.callee } else { &mut talk.caller };
    world.send(by, dialog.request("INVITE", &sdp_with(by, "inactive", "0 8 101", 2)));
    let crossed = world.expect(told, "INVITE");
    world.send(told, crossed.respond(200, told, &sdp_with(told, "inactive", "0 8 101", 2)));
    world.expect(told, "ACK");
    world.expect(by, "SIP/2.0 200");
    world.send(by, dialog.ack(""));
    world.send(by, dialog.request("INVITE", ""));
    world.expect(by, "SIP/2.0 200");
    world.send(by, dialog.ack(&sdp_with(by, "sendrecv", "0 8 101", 3)));
    let asked = world.expect(told, "INVITE");
    world.send(told, asked.respond(491, told, ""));
    world.expect(told, "ACK");
    let since = world.clock();
    let asked = world.expect(told, "INVITE");
    let pause = world.clock() - since;
    world.send(told, asked.respond(200, told, &sdp_with(told, "sendrecv", "0 8 101", 3)));
    world.expect(told, "ACK");
    world.caller_hangs_up(&mut talk);
    world.finish();
    pause
}

fn pause_of(told: Name, seed: u64) -> Duration {
    let mut world = World::with(snapshot(), seed);
    let talk = world.talk(Platform, CarrierA);
    pause_after_a_glare(world, talk, told)
}

/// Whoever was to be told sends an offer of its own, which takes longer than the pause: it is told after that.
#[test]
fn what_crosses_meanwhile_goes_first_and_it_is_told_all_the_same() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let asked = told_of_a_resume(&mut world, &mut talk);
    world.send(CarrierA, asked.respond(491, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.send(CarrierA, talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 3)));
    let crossed = world.expect(Platform, "INVITE");
    world.send(Platform, crossed.respond(180, Platform, ""));
    world.expect(CarrierA, "SIP/2.0 100");
    world.pass(Duration::from_secs(10));
    assert!(world.is_quiet(CarrierA));
    world.send(Platform, crossed.respond(488, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 488");
    let again = world.expect(CarrierA, "INVITE");
    assert!(again.body().contains("a=sendrecv\r\n"), "{}", again.body());
    world.send(CarrierA, again.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 4)));
    world.expect(CarrierA, "ACK");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// The caller holds both and resumes without an offer: what it answers reaches the called party by this re-INVITE of ours.
fn told_of_a_resume(world: &mut World, talk: &mut Talk) -> Text {
    world.send(Platform, talk.caller.request("INVITE", &sdp_with(Platform, "inactive", "0 8 101", 2)));
    let crossed = world.expect(CarrierA, "INVITE");
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "inactive", "0 8 101", 2)));
    world.send(Platform, talk.caller.request("INVITE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(&sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    world.expect(CarrierA, "INVITE")
}
