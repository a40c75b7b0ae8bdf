//! An operator drains or disables one trunk, and enables it again: its new calls go elsewhere or are refused, those
//! that are there do not notice.

use std::sync::Arc;
use std::time::Duration;

use trunkline::call::{CallEvent, Cause};
use trunkline::engine::io::{Command, Event, Reply};
use trunkline::route::emergency::EmergencyRouteSettings;
use trunkline::route::settings::RoutingSettings;
use trunkline::route::standing::Standing;
use trunkline::route::trunk::WhileDraining;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, request, sdp, settings};

fn order(world: &mut World, name: &str, standing: Standing) {
    let answer = world.ask(Command::Trunk { name: Arc::from(name), standing });
    assert!(matches!(answer, Reply::Done), "{answer:?}");
}

fn standing_of(world: &mut World, name: &str) -> Standing {
    match world.ask(Command::Census) {
        Reply::Census(census) => census.trunks[name].standing,
        other => panic!("{other:?}"),
    }
}

/// OPTIONS of carrier A get this.
fn asks(world: &mut World, answer: &str) {
    world.send(CarrierA, request(CarrierA, "OPTIONS", "sip:sbc.example.com", ""));
    world.expect(CarrierA, answer);
}

#[test]
fn a_call_that_is_there_goes_on_and_new_ones_of_its_peer_get_503_with_retry_after() {
    for standing in [Standing::Draining, Standing::Disabled] {
        let mut world = World::new();
        let mut talk = world.talk(CarrierA, Platform);
        order(&mut world, "carrier-a", standing);
        world.send(CarrierA, invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv")));
        let refused = world.refusal(CarrierA);
        assert_eq!(refused.status(), Some(503));
        assert!(!refused.header("Retry-After").is_empty(), "{}", refused.as_str());
        let label = |event: &Event| matches!(event, Event::Refused { label: "trunk_out_of_service", .. });
        assert!(world.events.iter().any(label));
        let options = talk.caller.request("OPTIONS", "");
        world.send(CarrierA, options);
        world.expect(CarrierA, "SIP/2.0 200");
        world.caller_hangs_up(&mut talk);
        let causes: Vec<_> = world.finish().iter().map(|record| record.cause).collect();
        assert_eq!(causes, [Cause::TrunkOutOfService, Cause::NormalClearing]);
    }
}

#[test]
fn a_new_call_goes_to_the_next_candidate_at_once() {
    let mut world = World::new();
    order(&mut world, "carrier-a", Standing::Disabled);
    let offered = {
        world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
        world.expect(CarrierB, "INVITE")
    };
    let mut talk = world.answer(Platform, CarrierB, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let skipped = |event: &Event| matches!(event, Event::Call(CallEvent::AttemptFailed { to, cause: Cause::TrunkOutOfService, .. }) if &**to == "carrier-a");
    assert!(world.events.iter().any(skipped));
    assert!(world.heard(CarrierA).is_empty());
    world.finish();
}

#[test]
fn without_another_candidate_the_caller_gets_503_and_the_record_says_why() {
    let mut world = World::new();
    order(&mut world, "carrier-a", Standing::Draining);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    let records = world.finish();
    assert_eq!(records[0].cause, Cause::TrunkOutOfService);
}

#[test]
fn enabled_again_it_takes_calls_as_before() {
    let mut world = World::new();
    order(&mut world, "carrier-a", Standing::Disabled);
    order(&mut world, "carrier-a", Standing::Enabled);
    let mut talk = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut talk);
    asks(&mut world, "SIP/2.0 200");
    world.finish();
}

#[test]
fn its_options_are_answered_as_its_policy_says_while_it_drains_and_refused_when_it_is_disabled() {
    let answering = |settings: &mut RoutingSettings| {
        settings.trunks[0].behaviour.options.draining = WhileDraining::Answer;
    };
    let mut world = World::new();
    order(&mut world, "carrier-a", Standing::Draining);
    asks(&mut world, "SIP/2.0 503");
    world.finish();
    let mut world = World::configured(answering);
    order(&mut world, "carrier-a", Standing::Draining);
    asks(&mut world, "SIP/2.0 200");
    order(&mut world, "carrier-a", Standing::Disabled);
    asks(&mut world, "SIP/2.0 503");
    world.finish();
}

#[test]
fn our_own_options_to_it_stop_and_begin_again() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.options.interval = Duration::from_secs(60);
    });
    let probe = world.expect(CarrierA, "OPTIONS");
    world.send(CarrierA, probe.respond(200, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    order(&mut world, "carrier-a", Standing::Draining);
    world.pass(Duration::from_secs(300));
    assert_eq!(world.heard(CarrierA).len(), 1, "{:?}", world.heard(CarrierA));
    order(&mut world, "carrier-a", Standing::Enabled);
    let probe = world.expect(CarrierA, "OPTIONS");
    world.send(CarrierA, probe.respond(200, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    world.finish();
}

/// PF-163: no flag of an operator stops a call for help; a peer that is out of order is not trusted with it.
#[test]
fn a_call_for_help_passes_a_trunk_that_drains_and_none_that_is_disabled() {
    let mut world = World::configured(|settings| {
        settings.emergency.numbers = vec!["933".to_owned()];
        let to = vec!["carrier-a".to_owned()];
        settings.emergency.routes = vec![EmergencyRouteSettings { from: None, numbers: Vec::new(), to }];
    });
    order(&mut world, "carrier-a", Standing::Draining);
    order(&mut world, "platform", Standing::Draining);
    world.send(Platform, invite(Platform, "933", &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    order(&mut world, "carrier-a", Standing::Disabled);
    order(&mut world, "platform", Standing::Enabled);
    let before = world.heard(CarrierA).len();
    world.send(Platform, invite(Platform, "933", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    assert_eq!(world.heard(CarrierA).len(), before);
    world.finish();
}

#[test]
fn the_order_stands_over_a_new_configuration_as_long_as_the_trunk_stays() {
    let mut world = World::new();
    order(&mut world, "carrier-a", Standing::Disabled);
    let mut changed = settings();
    changed.trunks[0].max_calls = Some(5);
    world.reload(&changed);
    assert_eq!(standing_of(&mut world, "carrier-a"), Standing::Disabled);
    let mut without = settings();
    without.trunks.remove(0);
    without.routes.retain(|route| route.from != "carrier-a");
    without.routes.iter_mut().for_each(|route| route.to.retain(|to| to != "carrier-a"));
    without.routes.retain(|route| !route.to.is_empty());
    world.reload(&without);
    world.reload(&settings());
    assert_eq!(standing_of(&mut world, "carrier-a"), Standing::Enabled);
    world.finish();
}

#[test]
fn a_trunk_that_is_not_there_cannot_be_ordered() {
    let mut world = World::new();
    let answer = world.ask(Command::Trunk { name: Arc::from("carrier-z"), standing: Standing::Disabled });
    assert!(matches!(answer, Reply::NoSuchTrunk), "{answer:?}");
    world.finish();
}
