//! 183 with a description opens the media early; a 180 may follow, and the 200 may repeat the description or leave it out.

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, Text, sdp};

#[test]
fn the_200_repeats_it() {
    let mut world = World::new();
    let offered = early(&mut world);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert!(records[0].rang < records[0].answered);
}

#[test]
fn the_200_leaves_it_out() {
    let mut world = World::new();
    let offered = early(&mut world);
    world.send(CarrierA, offered.respond(200, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert!(accepted.body().contains("RTP/SAVP"), "{}", accepted.as_str());
    let mut caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn early_media_of_a_failed_candidate_ends() {
    let mut world = World::new();
    let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(Platform, "SIP/2.0 183");
    world.send(CarrierA, offered.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let offered = world.expect(CarrierB, "INVITE");
    let mut talk = world.answer(Platform, CarrierB, offered);
    world.send(Platform, talk.caller.ack(""));
    assert_eq!(world.engine.gauges().streams, 2);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

fn early(world: &mut World) -> Text {
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    let early = world.expect(Platform, "SIP/2.0 183");
    assert!(early.body().contains("RTP/SAVP"), "{}", early.as_str());
    assert_eq!(world.engine.gauges().streams, 2);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    offered
}
