//! RFC 5407 3.2, 3.3: what crosses a BYE. 3.2.1 is `bye_crosses_bye`, 3.3.1 `glare_is_answered_491`; CANCEL (appendix C) and
//! forks (appendix E) have files of their own.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{sdp_with, with_header};

#[test]
fn s3_2_2_a_reinvite_crosses_our_bye() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    let bye = world.expect(CarrierA, "BYE");
    world.expect(CarrierA, "SIP/2.0 481");
    world.send(CarrierA, bye.respond(200, CarrierA, ""));
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn s3_2_3_the_200_of_a_reinvite_crosses_our_bye() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    let bye = world.expect(CarrierA, "BYE");
    world.send(CarrierA, bye.respond(200, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn s3_2_4_the_ack_comes_after_our_bye() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.timers.max_duration = Duration::from_secs(33);
    });
    let talk = world.talk(CarrierA, Platform);
    world.pass(Duration::from_secs(34));
    world.send(CarrierA, talk.caller.ack(""));
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::TooLong);
}

#[test]
fn s3_3_2_an_update_crosses_a_reinvite() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    let update = talk.callee.request("UPDATE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, update);
    world.expect(CarrierA, "SIP/2.0 491");
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn s3_3_4_a_refer_crosses_our_bye() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    let refer = talk.callee.request("REFER", "");
    world.send(CarrierA, with_header(&refer, "Refer-To: <sip:else@example.com>"));
    let bye = world.expect(CarrierA, "BYE");
    world.expect(CarrierA, "SIP/2.0 481");
    world.send(CarrierA, bye.respond(200, CarrierA, ""));
    world.finish();
}
