//! S-F: what is allowed is allowed so often, so many at once, so long: by trunk, by node, by class of destination, in
//! sliding windows. A running call is ended where the rule says so.

use std::sync::Arc;
use std::time::Duration;

use trunkline::call::Cause;
use trunkline::engine::io::Input;
use trunkline::route::fraud::{Class, ClassSet, Iso, LimitRule, OnMinutes, Subject};
use trunkline::route::number::country;
use trunkline::route::presentation::Presentation;
use trunkline::route::snapshot::Snapshot;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::{moving, number_of};
use crate::world::text::{invite, route, sdp};

const FRANCE: &str = "+33123456789";

fn limited(rules: &[LimitRule]) -> World {
    World::with(configuration(rules), 1)
}

fn configuration(rules: &[LimitRule]) -> Snapshot {
    moving(|settings| {
        settings.fraud.allow_countries = vec![Iso::parse("FR").unwrap()];
        for trunk in &mut settings.trunks {
            let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
            presentation.numbers.country = country("DE");
            trunk.behaviour.presentation = Arc::new(presentation);
        }
        settings.routes.push(route("platform", None, &["carrier-a"]));
        settings.fraud.limits = rules.to_vec();
    })
}

fn per(subject: Subject) -> LimitRule {
    LimitRule { per: subject, ..LimitRule::default() }
}

fn abroad() -> ClassSet {
    ClassSet::of(&[Class::International])
}

/// A call that the carrier refuses, or that never gets there: what the platform hears.
fn try_to_call(world: &mut World, number: &str) -> Option<u16> {
    let before = world.heard(CarrierA).len();
    world.send(Platform, invite(Platform, number, &sdp(Platform, "sendrecv")));
    world.pass(Duration::from_millis(20));
    if world.heard(CarrierA).len() > before {
        let offered = world.expect(CarrierA, "INVITE");
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
    }
    world.refusal(Platform).status()
}

#[test]
fn of_calls_in_an_hour() {
    let mut world = limited(&[LimitRule { calls_per_hour: Some(3), classes: abroad(), ..per(Subject::Trunk) }]);
    let told: Vec<_> = (0..5).map(|_| try_to_call(&mut world, FRANCE)).collect();
    assert_eq!(told, [486, 486, 486, 403, 403].map(Some));
    assert_eq!(try_to_call(&mut world, number_of(CarrierA)), Some(486), "calls at home are not counted");
    world.pass(Duration::from_secs(3000));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(403), "the hour slides");
    world.pass(Duration::from_secs(700));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(486));
    let records = world.finish();
    let detail = records[3].detail.clone().unwrap_or_default();
    assert_eq!(records[3].cause, Cause::FraudLimit);
    assert_eq!(detail, "fraud.limits[0].calls_per_hour is reached for platform");
}

#[test]
fn of_calls_in_a_second() {
    let mut world = limited(&[LimitRule { calls_per_s: Some(2), ..per(Subject::Node) }]);
    let told: Vec<_> = (0..4).map(|_| try_to_call(&mut world, FRANCE)).collect();
    assert_eq!(told, [486, 486, 403, 403].map(Some));
    world.pass(Duration::from_millis(1200));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(486));
    world.finish();
}

#[test]
fn of_calls_at_once() {
    let mut world = limited(&[LimitRule { calls: Some(1), ..per(Subject::Trunk) }]);
    let mut talk = world.talk(Platform, CarrierA);
    assert_eq!(try_to_call(&mut world, FRANCE), Some(403));
    world.caller_hangs_up(&mut talk);
    world.pass(Duration::from_secs(1));
    let mut talk = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn of_minutes_in_an_hour_while_calls_go_on() {
    let mut world = limited(&[LimitRule { minutes_per_hour: Some(10), ..per(Subject::Trunk) }]);
    let mut talk = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(590));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(486));
    world.pass(Duration::from_secs(20));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(403), "the running call has used them up");
    assert!(world.is_quiet(Platform), "and goes on");
    world.caller_hangs_up(&mut talk);
    assert_eq!(try_to_call(&mut world, FRANCE), Some(403));
    world.pass(Duration::from_secs(3600));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(486));
    world.finish();
}

#[test]
fn calls_are_hung_up_when_their_minutes_are_used_up() {
    let rule = LimitRule { minutes_per_hour: Some(10), on_minutes: OnMinutes::HangUp, ..per(Subject::Trunk) };
    let mut world = limited(&[rule]);
    let first = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(200));
    let second = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(195));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA), "395 and 195 s are not ten minutes");
    world.pass(Duration::from_secs(15));
    for _ in [first, second] {
        world.hears_bye(Platform);
        world.hears_bye(CarrierA);
    }
    let records = world.finish();
    assert_eq!(records.iter().map(|record| record.cause).collect::<Vec<_>>(), [Cause::FraudLimit; 2]);
    let talked = |at: usize| records[at].ended.0 - records[at].answered.unwrap().0;
    assert!((talked(0) + talked(1)).abs_diff(600_000) < 3_000, "{} and {}", talked(0), talked(1));
}

/// A transfer is one more call of the transferor's trunk.
#[test]
fn transfers_are_counted() {
    let mut world = limited(&[LimitRule { calls_per_hour: Some(1), ..per(Subject::Trunk) }]);
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, "<sip:+4931555@sbc.example.com>");
    world.is_told(Platform, "SIP/2.0 403 Forbidden");
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert_eq!(records[0].transfers[0].cause, Cause::FraudLimit);
}

/// What comes from another trunk, or what a new configuration counts on, is counted by itself.
#[test]
fn a_new_configuration_keeps_the_counts_of_rules_that_stay() {
    let rule = LimitRule { calls_per_hour: Some(2), only: Some("platform".into()), ..per(Subject::Trunk) };
    let mut world = limited(std::slice::from_ref(&rule));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(486));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(486));
    let other = LimitRule { calls: Some(100), ..per(Subject::Node) };
    world.feed(Input::Snapshot(Arc::new(configuration(&[other, rule]))));
    assert_eq!(try_to_call(&mut world, FRANCE), Some(403));
    world.finish();
}

/// S-F: a scripted attack with valid credentials: the loss is bounded by the limits to the call.
#[test]
fn an_attack_of_150_attempts_a_second_gets_through_as_often_as_the_limit_says() {
    let rule = LimitRule { calls_per_hour: Some(50), calls_per_s: Some(5), ..per(Subject::Trunk) };
    let mut world = limited(&[rule]);
    let mut through = 0;
    for _ in 0..600 {
        world.send(Platform, invite(Platform, FRANCE, &sdp(Platform, "sendrecv")));
        world.pass(Duration::from_micros(6_667));
        through += usize::from(world.agent(CarrierA).next_new().is_some_and(|got| got.method() == "INVITE"));
        while world.agent(Platform).next_new().is_some() {}
    }
    // Four seconds at five a second, and the one that has just begun.
    assert!((15..=25).contains(&through), "{through}");
    world.silence(CarrierA);
    world.silence(Platform);
}
