//! An INVITE without a description (RFC 3264 5): the called party is offered to all the same (MD-77), the caller gets our offer in the 200, its answer rides on the ACK.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

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
