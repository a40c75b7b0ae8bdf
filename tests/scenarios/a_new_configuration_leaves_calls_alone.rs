//! A running call keeps the snapshot it began with; the next one meets the new. What is known of trunks that stay is kept,
//! though others stand before them now.

use std::time::Duration;

use trunkline::engine::io::Event;
use trunkline::route::liveness::TargetState;
use trunkline::route::settings::{RoutingSettings, TrunkSettings};

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp, sdp_with, settings};

/// The usual configuration, with a trunk that no scenario knows before all others.
fn with_another_before(mut settings: RoutingSettings) -> RoutingSettings {
    let mut first = settings.trunks[0].clone();
    first.name = "a-new-one".into();
    first.behaviour.options.interval = Duration::ZERO;
    let target = &mut first.targets[0];
    (target.host, target.address) = ("198.51.100.99".into(), "198.51.100.99".parse().ok());
    first.sources = None;
    settings.trunks.push(first);
    settings
}

fn carrier_a(settings: &mut RoutingSettings) -> &mut TrunkSettings {
    settings.trunks.iter_mut().find(|trunk| trunk.name == "carrier-a").unwrap()
}

#[test]
fn the_call_ends_as_it_began() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let mut changed = settings();
    changed.routes.truncate(1);
    world.reload(&changed);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(404));
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_call_of_a_trunk_that_is_no_more_ends_as_it_began() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let mut changed = settings();
    changed.trunks.retain(|trunk| trunk.name != "carrier-a");
    changed.routes.retain(|route| route.from != "carrier-a");
    changed.routes.iter_mut().for_each(|route| route.to = vec!["carrier-b".into()]);
    world.reload(&changed);
    world.callee_hangs_up(&mut talk);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    world.finish();
}

#[test]
fn a_limit_counts_the_calls_that_began_before() {
    let mut limited = settings();
    carrier_a(&mut limited).max_calls = Some(1);
    let mut world = World::configured(|settings| *settings = limited.clone());
    let mut talk = world.talk(CarrierA, Platform);
    world.reload(&with_another_before(limited));
    world.send(CarrierA, invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv")));
    assert_eq!(world.refusal(CarrierA).status(), Some(503));
    world.caller_hangs_up(&mut talk);
    let mut talk = world.talk(CarrierA, Platform);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn what_a_connection_proved_means_the_same_though_other_trust_stores_come_before() {
    let mut world = World::new();
    let mut changed = with_another_before(settings());
    let mut other = changed.trunks.iter().find(|trunk| trunk.name == "platform").unwrap().clone();
    (other.name, other.trust) = ("another-platform".into(), Some("a-store-before".into()));
    other.targets[0].host = "192.0.2.99".into();
    other.targets[0].address = "192.0.2.99".parse().ok();
    changed.trunks.push(other);
    for trunk in changed.trunks.iter_mut().filter(|trunk| trunk.trust.is_some()) {
        trunk.peer_names = vec!["sip.platform.example".into()];
    }
    world.reload(&changed);
    let mut talk = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

fn probing() -> RoutingSettings {
    let mut settings = settings();
    carrier_a(&mut settings).behaviour.options.interval = Duration::from_secs(60);
    settings
}

#[test]
fn nobody_is_asked_sooner_because_of_it_and_an_answer_on_its_way_is_heard() {
    let mut world = World::configured(|settings| *settings = probing());
    let probe = world.expect(CarrierA, "OPTIONS");
    world.reload(&with_another_before(probing()));
    world.send(CarrierA, probe.respond(200, CarrierA, ""));
    world.pass(Duration::from_secs(40));
    assert_eq!(world.heard(CarrierA).len(), 1, "{:?}", world.heard(CarrierA));
    let up = |event: &Event| matches!(event, Event::Target(changed) if changed.change.to == TargetState::Up);
    assert!(world.events.iter().any(up));
    let probe = world.expect(CarrierA, "OPTIONS");
    assert!(world.clock() < Duration::from_secs(62), "{:?}", world.clock());
    world.send(CarrierA, probe.respond(200, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    world.finish();
}

#[test]
fn a_trunk_that_comes_is_asked_and_one_that_goes_no_more() {
    let mut world = World::configured(|settings| *settings = probing());
    let probe = world.expect(CarrierA, "OPTIONS");
    world.send(CarrierA, probe.respond(200, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    let mut changed = settings();
    changed.trunks[1].behaviour.options.interval = Duration::from_secs(60);
    world.reload(&changed);
    for _ in 0..4 {
        let probe = world.expect(CarrierB, "OPTIONS");
        world.send(CarrierB, probe.respond(200, CarrierB, ""));
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(world.heard(CarrierA).len(), 1, "{:?}", world.heard(CarrierA));
    world.finish();
}
