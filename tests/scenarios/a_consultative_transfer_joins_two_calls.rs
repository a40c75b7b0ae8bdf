//! RFC 5589 7, PF-150: Refer-To with Replaces that names a dialog of ours joins the far parties of both calls here; one
//! that names a foreign dialog is called with Replaces.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::TransferKind;
use trunkline::route::transfer::ReplacesPolicy;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::Talk;
use crate::world::text::{Dialog, Text, invite, sdp, sdp_with};

/// Platform talks to carrier A, then to carrier B.
fn two_calls(world: &mut World) -> (Talk, Talk) {
    let first = world.talk(Platform, CarrierA);
    let offered = dial(world, "+4931555");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    world.expect(Platform, "SIP/2.0 180");
    let second = world.answer(Platform, CarrierB, offered);
    world.send(Platform, second.caller.ack(""));
    (first, second)
}

fn dial(world: &mut World, number: &str) -> Text {
    world.send(Platform, invite(Platform, number, &sdp(Platform, "sendrecv")));
    world.expect(CarrierB, "INVITE")
}

#[test]
fn both_legs_of_the_transferor_end_and_the_others_talk() {
    let mut world = World::moving(|_| {});
    let (mut first, mut second) = two_calls(&mut world);
    let target = format!("<sip:+4931555@sbc.example.com?{}>", second.caller.replaces());
    world.refers(Platform, &mut first.caller, &target);
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.header("Call-ID"), second.caller.call_id());
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut first.caller);
    world.pass(Duration::from_secs(5));
    assert_eq!((world.hears(CarrierA), world.hears(CarrierB)), (vec![CarrierB], vec![CarrierA]));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(CarrierB), "no INVITE to anybody");
    // What they say from now on belongs to one call.
    world.leaves(CarrierB, &mut second.callee);
    world.hears_bye(CarrierA);
    let records = world.finish();
    assert_eq!(records.len(), 2);
    assert_eq!((records[0].cause, records[0].transfers.len()), (Cause::Transferred, 0));
    let transfer = &records[1].transfers[0];
    assert_eq!((transfer.kind, transfer.cause), (TransferKind::Consultative, Cause::Transferred));
    assert_eq!(transfer.to.as_deref(), Some("carrier-b"));
}

/// The party of the first call was put on hold for the consultation, as is the custom: it is asked to talk again.
#[test]
fn a_held_party_is_resumed() {
    let mut world = World::moving(|_| {});
    let mut first = world.talk(Platform, CarrierA);
    let hold = first.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let held = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, held.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, first.caller.ack(""));
    let offered = dial(&mut world, "+4931555");
    let second = world.answer(Platform, CarrierB, offered);
    world.send(Platform, second.caller.ack(""));
    let target = format!("<sip:+4931555@sbc.example.com?{}>", second.caller.replaces());
    world.refers(Platform, &mut first.caller, &target);
    world.hears_bye(Platform);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut first.caller);
    let resumed = world.expect(CarrierA, "INVITE");
    assert!(resumed.body().contains("a=sendrecv"), "{}", resumed.body());
    world.send(CarrierA, resumed.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 3)));
    world.expect(CarrierA, "ACK");
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierB), "that one was never on hold");
    world.leaves(CarrierA, &mut first.callee);
    world.hears_bye(CarrierB);
    world.finish();
}

/// Two parties on one trunk whose codecs differ are brought together.
#[test]
fn parties_with_different_codecs_settle_on_one() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 101", 1));
    let mut near = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let mut first = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, first.ack(""));
    let offered = dial(&mut world, "+4931555");
    let answer = offered.respond(200, CarrierB, &sdp_with(CarrierB, "sendrecv", "8 101", 1));
    world.send(CarrierB, answer);
    world.expect(CarrierB, "ACK");
    let second = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, second.ack(""));
    world.refers(Platform, &mut first, &format!("<sip:+4931555@sbc.example.com?{}>", second.replaces()));
    world.hears_bye(Platform);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut first);
    let asked = world.expect(CarrierA, "INVITE");
    assert!(asked.body().contains("PCMA"), "{}", asked.body());
    world.send(CarrierA, asked.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierB));
    world.leaves(CarrierA, &mut near);
    world.hears_bye(CarrierB);
    world.finish();
}

/// S-F: a trunk moves its own calls and nobody else's.
#[test]
fn a_dialog_of_another_trunk_is_not_given_away() {
    let mut world = World::moving(|_| {});
    let (mut first, mut second) = two_calls(&mut world);
    let target = format!("<sip:+4931555@sbc.example.com?{}>", second.caller.replaces());
    world.refers(CarrierA, &mut first.callee, &target);
    world.is_told(CarrierA, "SIP/2.0 403 Forbidden");
    world.caller_hangs_up(&mut first);
    world.caller_hangs_up(&mut second);
    world.finish();
}

#[test]
fn a_call_is_not_joined_with_itself() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let target = format!("<sip:+4931555@sbc.example.com?{}>", talk.caller.replaces());
    world.refers(Platform, &mut talk.caller, &target);
    world.is_told(Platform, "SIP/2.0 482 Loop Detected");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// Platform talks to carrier A and calls carrier B, which rings; then it asks for carrier B in its own place.
fn transferred_while_ringing(world: &mut World) -> (Talk, Text, Dialog) {
    let mut first = world.talk(Platform, CarrierA);
    let offered = dial(world, "+4931555");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    let ringing = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 180"));
    let target = format!("<sip:+4931555@sbc.example.com?{}>", ringing.replaces());
    world.refers(Platform, &mut first.caller, &target);
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    (first, offered, ringing)
}

/// The transferor does not wait for the answer (semi-attended): its called party comes when it answers.
#[test]
fn a_party_that_rings_is_joined_when_it_answers() {
    let mut world = World::moving(|_| {});
    let (mut first, offered, _) = transferred_while_ringing(&mut world);
    world.pass(Duration::from_secs(20));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierB), "one 180 is enough, and nobody is called twice");
    let second = world.answer(Platform, CarrierB, offered);
    world.send(Platform, second.caller.ack(""));
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.header("Call-ID"), second.caller.call_id());
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut first.caller);
    assert_eq!((world.hears(CarrierA), world.hears(CarrierB)), (vec![CarrierB], vec![CarrierA]));
    world.callee_hangs_up_to(CarrierB, &mut first);
    world.finish();
}

#[test]
fn a_party_that_rings_and_declines_leaves_the_others_talking() {
    let mut world = World::moving(|_| {});
    let (mut first, offered, _) = transferred_while_ringing(&mut world);
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    // Why its call ended, not that its dialog is no more.
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    assert!(world.is_quiet(CarrierB), "it is not called again");
    assert_eq!(world.hears(CarrierA), [Platform]);
    world.caller_hangs_up(&mut first);
    world.finish();
}

#[test]
fn a_party_that_rings_and_never_answers_is_told_as_such() {
    let mut world = World::moving(|settings| settings.trunks[1].behaviour.timers.no_answer = Duration::from_secs(20));
    let (mut first, offered, _) = transferred_while_ringing(&mut world);
    world.hears_cancel(CarrierB, &offered);
    assert_eq!(world.refusal(Platform).status(), Some(480));
    world.is_told(Platform, "SIP/2.0 480 Temporarily Unavailable");
    assert_eq!(world.hears(CarrierA), [Platform]);
    world.caller_hangs_up(&mut first);
    world.finish();
}

/// Neither takes what the other one speaks: the call would stay up in silence.
#[test]
fn parties_that_share_no_codec_are_parted() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 101", 1));
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let mut first = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, first.ack(""));
    let offered = dial(&mut world, "+4931555");
    let answer = offered.respond(200, CarrierB, &sdp_with(CarrierB, "sendrecv", "8 101", 1));
    world.send(CarrierB, answer);
    world.expect(CarrierB, "ACK");
    let second = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, second.ack(""));
    world.refers(Platform, &mut first, &format!("<sip:+4931555@sbc.example.com?{}>", second.replaces()));
    world.hears_bye(Platform);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut first);
    for at in [CarrierA, CarrierB] {
        let asked = world.expect(at, "INVITE");
        world.send(at, asked.respond(488, at, ""));
        world.expect(at, "ACK");
    }
    for at in [CarrierA, CarrierB] {
        let bye = world.hears_bye(at);
        assert!(bye.header("Reason").contains("cause=65"), "{}", bye.header("Reason"));
    }
    assert_eq!(world.finish()[1].cause, Cause::MediaRefused);
}

/// What is being agreed in the other call is waited for.
#[test]
fn a_party_that_is_being_asked_comes_a_little_later() {
    let mut world = World::moving(|_| {});
    let (mut first, mut second) = two_calls(&mut world);
    let hold = second.callee.request("INVITE", &sdp_with(CarrierB, "sendonly", "0 8 101", 2));
    world.send(CarrierB, hold);
    let crossed = world.expect(Platform, "INVITE");
    let target = format!("<sip:+4931555@sbc.example.com?{}>", second.caller.replaces());
    world.refers(Platform, &mut first.caller, &target);
    world.pass(Duration::from_secs(2));
    world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.expect(Platform, "ACK");
    world.expect(CarrierB, "SIP/2.0 200");
    world.send(CarrierB, second.callee.ack(""));
    world.hears_bye(Platform);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut first.caller);
    let told = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.hears(CarrierA), [CarrierB]);
    world.leaves(CarrierB, &mut second.callee);
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn a_foreign_dialog_is_replaced_by_our_invite() {
    for sends in [ReplacesPolicy::Take, ReplacesPolicy::Refuse] {
        // MD-75: a platform that refuses Replaces is called without.
        let mut world = World::moving(|settings| settings.trunks[1].behaviour.transfer.send_replaces = sends);
        let mut talk = world.talk(Platform, CarrierA);
        let replaces = "Replaces=a84b4c76e66710%3Bto-tag%3D314159%3Bfrom-tag%3D1928301774";
        world.refers(Platform, &mut talk.caller, &format!("<sip:+4931555@sbc.example.com?{replaces}>"));
        let offered = world.expect(CarrierB, "INVITE sip:+4931555@198.51.100.8 SIP/2.0");
        let written = match sends {
            ReplacesPolicy::Take => ("a84b4c76e66710;to-tag=314159;from-tag=1928301774", "replaces"),
            ReplacesPolicy::Refuse => ("", ""),
        };
        assert_eq!((offered.header("Replaces").as_str(), offered.header("Require").as_str()), written);
        world.answers(CarrierB, &offered);
        world.is_told(Platform, "SIP/2.0 200 OK");
        world.leaves(Platform, &mut talk.caller);
        world.callee_hangs_up_to(CarrierB, &mut talk);
        world.finish();
    }
}
