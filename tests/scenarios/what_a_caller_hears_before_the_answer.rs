//! PF-141, MD-115, MD-102: which provisional responses a trunk's peer hears as a caller, and what it hears when none comes.

use std::time::Duration;

use trunkline::route::provisional::{ForkView, Passing, ProvisionalSettings};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Text, sdp, with_tag};

fn hearing(change: impl FnOnce(&mut ProvisionalSettings)) -> World {
    let mut settings = ProvisionalSettings::default();
    change(&mut settings);
    World::provisional(&[("platform", settings)])
}

fn busy(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 486");
    world.finish();
}

#[test]
fn what_is_not_passed_is_left_out_or_said_as_180() {
    let mut world = hearing(|settings| {
        settings.pass = Passing { forwarded: false, queued: false, progress: false, terminated: false };
    });
    let (offered, _) = world.dial(Platform, CarrierA);
    for status in [181, 182] {
        world.send(CarrierA, offered.respond(status, CarrierA, ""));
    }
    world.pass(Duration::from_millis(100));
    while !world.is_quiet(Platform) {
        world.expect(Platform, "SIP/2.0 100");
    }
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    assert!(world.expect(Platform, "SIP/2.0 180").body().contains("m=audio"));
    busy(world, &offered);
}

#[test]
fn everything_passes_by_default() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    for status in [182, 181, 180, 183] {
        world.send(CarrierA, offered.respond(status, CarrierA, ""));
        world.expect(Platform, &format!("SIP/2.0 {status}"));
    }
    busy(world, &offered);
}

#[test]
fn a_199_of_the_last_fork_is_told_to_who_supports_it() {
    for (line, told) in [("Supported: 199", true), ("X-None: here", false)] {
        let mut world = World::new();
        let offered = world.dial_with(Platform, CarrierA, line, &sdp(Platform, "sendrecv"));
        for tag in ["forkone", "forktwo"] {
            world.send(CarrierA, with_tag(&offered.respond(180, CarrierA, ""), tag));
        }
        world.expect(Platform, "SIP/2.0 180");
        world.send(CarrierA, with_tag(&offered.respond(199, CarrierA, ""), "forkone"));
        world.pass(Duration::from_millis(100));
        assert!(world.is_quiet(Platform), "another one rings");
        world.send(CarrierA, with_tag(&offered.respond(199, CarrierA, ""), "forktwo"));
        world.pass(Duration::from_millis(100));
        assert_eq!(world.is_quiet(Platform), !told, "{line}");
        if told {
            world.expect(Platform, "SIP/2.0 199");
        }
        busy(world, &offered);
    }
}

#[test]
fn a_silent_called_side_is_bridged_with_183() {
    let mut world = hearing(|settings| settings.progress = Duration::from_secs(8));
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(100, CarrierA, ""));
    world.pass(Duration::from_millis(7900));
    let heard =
        |world: &World, start: &str| world.heard(Platform).iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(heard(&world, "SIP/2.0 18"), 0);
    let early = world.expect(Platform, "SIP/2.0 183");
    assert!(early.body().is_empty() && early.tag("To").is_some(), "{}", early.as_str());
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let record = &world.finish()[0];
    assert!(record.rang.is_some());
}

#[test]
fn a_called_side_that_rings_is_not() {
    let mut world = hearing(|settings| settings.progress = Duration::from_secs(8));
    let (offered, _) = world.ring(Platform, CarrierA);
    world.pass(Duration::from_secs(20));
    assert!(world.is_quiet(Platform));
    busy(world, &offered);
}

#[test]
fn the_bridge_is_not_the_first_response_of_a_fork() {
    let mut world = hearing(|settings| {
        settings.progress = Duration::from_secs(8);
        settings.forks = ForkView::First;
        settings.pass.progress = false;
    });
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(100, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    world.send(CarrierA, offered.respond(181, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 181");
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.pass(Duration::from_millis(100));
    assert!(world.is_quiet(Platform));
    busy(world, &offered);
}
