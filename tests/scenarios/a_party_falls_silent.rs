//! MD-193: a far end from whom nothing comes is reported, and ends the call where its trunk says so. Not before the
//! answer, and not on hold.

use std::time::Duration;

use trunkline::base::ids::EndpointId;
use trunkline::call::{CallEvent, Cause};
use trunkline::engine::io::{Event, Input};
use trunkline::media::plan::{MediaEvent, Protection};
use trunkline::media::presence::Change;
use trunkline::route::media::{MediaSettings, OnSilence};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{sdp, sdp_with};

fn hangs_up(media: &mut MediaSettings) {
    media.silence.then = OnSilence::HangUp;
}

/// The platform's endpoint: the secured one.
fn platform_leg(world: &World) -> EndpointId {
    world.relay.endpoint(|plan| matches!(plan.protection, Protection::Srtp { .. })).expect("the platform's leg")
}

/// What was told of silence: trunk and change.
fn told(world: &World) -> Vec<(String, Change)> {
    let presence = |event: &Event| match event {
        Event::Call(CallEvent::Presence { trunk, change, .. }) => Some((trunk.to_string(), *change)),
        _ => None,
    };
    world.events.iter().filter_map(presence).collect()
}

#[test]
fn it_is_told_and_the_call_goes_on() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let endpoint = platform_leg(&world);
    world.feed(Input::Media(MediaEvent::Silent { endpoint }));
    world.feed(Input::Media(MediaEvent::Heard { endpoint }));
    let platform = || "platform".to_owned();
    assert_eq!(told(&world), [(platform(), Change::FellSilent), (platform(), Change::CameBack)]);
    world.pass(Duration::from_secs(60));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn where_its_trunk_says_so_the_call_ends_with_a_cause_of_its_own() {
    let mut world = World::with_media("platform", hangs_up);
    let _talk = world.talk(Platform, CarrierA);
    let endpoint = platform_leg(&world);
    world.feed(Input::Media(MediaEvent::Silent { endpoint }));
    for party in [Platform, CarrierA] {
        let bye = world.hears_bye(party);
        assert!(bye.header("Reason").contains("No media from a party"), "{}", bye.header("Reason"));
    }
    assert_eq!(world.finish()[0].cause, Cause::MediaSilent);
}

#[test]
fn the_policy_is_that_of_the_silent_partys_trunk() {
    let mut world = World::with_media("carrier-a", hangs_up);
    let mut talk = world.talk(Platform, CarrierA);
    let endpoint = platform_leg(&world);
    world.feed(Input::Media(MediaEvent::Silent { endpoint }));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn it_is_watched_from_the_answer_on_and_not_on_hold() {
    let mut world = World::new();
    let watched = |world: &World| world.relay.plans.values().map(|plan| plan.silence).collect::<Vec<_>>();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(Platform, "SIP/2.0 183");
    assert_eq!(watched(&world), [None, None]);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    assert_eq!(watched(&world), [Some(Duration::from_secs(30)); 2]);
    for (asked, answered, silence) in [
        ("inactive", "inactive", None),
        ("sendonly", "recvonly", None),
        ("sendrecv", "sendrecv", Some(Duration::from_secs(30))),
    ] {
        world.send(CarrierA, talk.callee.request("INVITE", &sdp_with(CarrierA, asked, "0 8 101", 2)));
        let offer = world.expect(Platform, "INVITE");
        world.send(Platform, offer.respond(200, Platform, &sdp_with(Platform, answered, "0 8 101", 2)));
        world.expect(Platform, "ACK");
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, talk.callee.ack(""));
        world.pass(Duration::from_millis(100));
        assert_eq!(watched(&world), [silence; 2], "{asked}");
    }
    world.callee_hangs_up(&mut talk);
    world.finish();
}
