//! An INVITE without a description (RFC 3264 5): the called party is offered to all the same (MD-77), the caller gets
//! our offer in the 200, its answer rides on the ACK.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp, sdp_with};

#[test]
fn the_platform_offers_nothing() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, number_of(CarrierA), ""));
    let offered = world.expect(CarrierA, "INVITE");
    assert!(offered.body().contains("m=audio"), "{}", offered.as_str());
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    let mut talk = world.answer(Platform, CarrierA, offered);
    assert!(talk.accepted.body().contains("RTP/SAVP"), "{}", talk.accepted.body());
    world.send(Platform, talk.caller.ack(&sdp(Platform, "sendrecv")));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.engine.gauges().streams, 2);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn an_ack_without_the_answer_ends_the_call() {
    let mut world = World::new();
    world.send(CarrierA, invite(CarrierA, number_of(Platform), ""));
    let offered = world.expect(Platform, "INVITE");
    let talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::BadAnswer);
}

/// RFC 3264 6.1: the called party sends the first codec of its answer, and the caller takes another one: it is asked to
/// change.
#[test]
fn a_called_party_that_sends_what_the_answer_left_out_hears_of_it() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, number_of(CarrierA), ""));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(&sdp_with(Platform, "sendrecv", "8 101", 1)));
    let told = world.expect(CarrierA, "INVITE");
    assert!(told.body().contains("RTP/AVP 8 101\r\n"), "{}", told.body());
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.pass(Duration::from_secs(3));
    assert!(world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn one_whose_codec_is_taken_hears_of_nothing() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, number_of(CarrierA), ""));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(&sdp_with(Platform, "sendrecv", "0 101", 1)));
    world.pass(Duration::from_secs(3));
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
