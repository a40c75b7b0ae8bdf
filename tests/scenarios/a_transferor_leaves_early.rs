//! The bridge survives a transferor that does not wait: the other party stays, hears ringing or the new party, and is
//! joined when that answers.

use std::time::Duration;

use trunkline::audio::ringing::RingingTone;
use trunkline::call::Cause;
use trunkline::media::plan::MediaCommand;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{sdp, sdp_with};

const NEW_PARTY: &str = "<sip:+4931555@sbc.example.com>";

#[test]
fn before_the_new_party_rings() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.leaves(Platform, &mut talk.caller);
    world.pass(Duration::from_secs(2));
    assert!(world.is_quiet(CarrierA) && world.hears(CarrierA).is_empty());
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    let mut new = world.answers(CarrierB, &offered);
    world.pass(Duration::from_secs(1));
    assert_eq!((world.hears(CarrierA), world.hears(CarrierB)), (vec![CarrierB], vec![CarrierA]));
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    let records = world.finish();
    assert_eq!(records[0].transfers[0].cause, Cause::Transferred);
}

/// MD-149: the tone is ours, and ends with the answer.
#[test]
fn the_transferee_hears_ringing() {
    let mut world = World::moving(|settings| {
        settings.trunks[0].behaviour.media.sound.ringback = RingingTone::of_country("DE");
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    let waits = |command: &MediaCommand| match command {
        MediaCommand::PlayTone { tone, .. } => Some(tone.after),
        _ => None,
    };
    let tones: Vec<Duration> = world.relay.played.iter().filter_map(waits).collect();
    assert!(tones.last().is_some_and(|after| !after.is_zero()), "the transferor is heard first, while it speaks");
    world.leaves(Platform, &mut talk.caller);
    let tones: Vec<Duration> = world.relay.played.iter().filter_map(waits).collect();
    assert_eq!(tones.last(), Some(&Duration::ZERO));
    let mut new = world.answers(CarrierB, &offered);
    assert!(matches!(world.relay.played.last(), Some(MediaCommand::StopTone { .. })));
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn the_transferee_hears_what_the_new_party_says_before_its_answer() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(183, CarrierB, &sdp(CarrierB, "sendrecv")));
    world.is_told(Platform, "SIP/2.0 183 Session Progress");
    assert_eq!(world.hears(CarrierA), [Platform], "while the transferor is there it is the one that is heard");
    world.leaves(Platform, &mut talk.caller);
    assert_eq!(world.hears(CarrierA), [CarrierB]);
    // RFC 3261 13.2.1: the answer confirms the early description.
    let answer = offered.respond(200, CarrierB, "");
    let mut new = crate::world::text::Dialog::of_callee(CarrierB, &offered, &answer);
    world.send(CarrierB, answer);
    world.expect(CarrierB, "ACK");
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

/// Nobody is there to be asked: a hold of the one that waits is answered here.
#[test]
fn the_transferee_holds_meanwhile() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.leaves(Platform, &mut talk.caller);
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    let held = world.expect(CarrierA, "SIP/2.0 200");
    assert!(held.body().contains("a=recvonly"), "{}", held.body());
    world.send(CarrierA, talk.callee.ack(""));
    let mut new = world.answers(CarrierB, &offered);
    // The new party was called before that; it is told of the hold now.
    let told = world.expect(CarrierB, "INVITE");
    assert!(told.body().contains("a=sendonly"), "{}", told.body());
    world.send(CarrierB, told.respond(200, CarrierB, &sdp_with(CarrierB, "recvonly", "0 8 101", 2)));
    world.expect(CarrierB, "ACK");
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

/// A re-INVITE that was crossing to the transferor when it left: who asked may ask again.
#[test]
fn while_it_was_being_asked() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    let crossed = world.expect(Platform, "INVITE");
    world.leaves(Platform, &mut talk.caller);
    assert_eq!(world.refusal(CarrierA).status(), Some(491));
    world.send(Platform, crossed.respond(481, Platform, ""));
    world.expect(Platform, "ACK");
    let mut new = world.answers(CarrierB, &offered);
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

/// Both parties have left: the new one is not wanted any more.
#[test]
fn and_so_does_the_transferee() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    world.leaves(Platform, &mut talk.caller);
    world.leaves(CarrierA, &mut talk.callee);
    world.hears_cancel(CarrierB, &offered);
    let records = world.finish();
    assert_eq!(records[0].transfers[0].cause, Cause::CallerCancelled);
}
