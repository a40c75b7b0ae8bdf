//! MD-112: the called side rings without media, and the caller hears a ringing tone of ours until the first packet.

use std::time::Duration;

use trunkline::media::plan::{MediaCommand, RingingTone};
use trunkline::route::media::SoundSettings;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp, sdp_with};

fn german(sound: &mut SoundSettings) {
    sound.ringback = RingingTone::of_country("DE");
}

/// How long each tone waits, and `None` for each end.
fn tones(world: &World) -> Vec<Option<Duration>> {
    let tone = |command: &MediaCommand| match command {
        MediaCommand::PlayTone { tone, .. } => {
            assert_eq!(tone.ringing.country(), "DE");
            Some(Some(tone.after))
        }
        MediaCommand::StopTone { .. } => Some(None),
        _ => None,
    };
    world.relay.played.iter().filter_map(tone).collect()
}

#[test]
fn at_180_without_a_description() {
    let mut world = World::sounding("platform", german);
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let early = world.expect(Platform, "SIP/2.0 183");
    assert!(early.body().contains("RTP/SAVP 0 8 101"), "{}", early.body());
    assert_eq!(tones(&world), [Some(Duration::ZERO)]);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.pass(Duration::from_secs(5));
    assert_eq!(tones(&world), [Some(Duration::ZERO)]);
    assert!(world.is_quiet(Platform), "a second 180 would make the caller ring beside it");
    let mut talk = world.answer(Platform, CarrierA, offered);
    assert_eq!(tones(&world), [Some(Duration::ZERO), None]);
    assert_eq!(world.engine.gauges().streams, 2);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn at_183_with_a_description_when_no_packet_comes() {
    let mut world = World::sounding("platform", german);
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(Platform, "SIP/2.0 183");
    assert_eq!(tones(&world), [Some(Duration::from_millis(500))]);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn it_ends_with_the_candidate_that_rang() {
    let mut world = World::sounding("platform", german);
    let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 183");
    world.send(CarrierA, offered.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let offered = world.expect(CarrierB, "INVITE");
    assert_eq!(tones(&world), [Some(Duration::ZERO), None]);
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn not_without_g711_and_not_unless_wanted() {
    let mut world = World::sounding("platform", german);
    let wideband = sdp_with(Platform, "sendrecv", "9", 1);
    world.send(Platform, invite(Platform, number_of(CarrierA), &wideband));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    assert!(world.expect(Platform, "SIP/2.0 180").body().is_empty());
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    assert_eq!(tones(&world), []);
    world.finish();
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    assert_eq!(tones(&world), []);
    world.caller_hangs_up(&mut talk);
    world.finish();
}
