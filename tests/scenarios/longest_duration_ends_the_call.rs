//! The smaller `max_duration_s` of both trunks: BYE to both. Who takes a party's place brings its own trunk's.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;

#[test]
fn after_an_hour() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.timers.max_duration = Duration::from_secs(3600);
    });
    let _talk = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(3599));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.pass(Duration::from_secs(1));
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::TooLong);
}

/// The trunk of the new party counts from its answer on, that of the party that left no more.
#[test]
fn half_an_hour_after_a_transfer() {
    let mut world = World::moving(|settings| {
        for (trunk, seconds) in settings.trunks.iter_mut().zip([7200, 1800, 3600]) {
            trunk.behaviour.timers.max_duration = Duration::from_secs(seconds);
        }
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(1000));
    world.refers(Platform, &mut talk.caller, "<sip:+4931555@sbc.example.com>");
    let offered = world.expect(CarrierB, "INVITE");
    world.answers(CarrierB, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.caller);
    world.pass(Duration::from_secs(1799));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(CarrierB));
    world.pass(Duration::from_secs(1));
    world.hears_bye(CarrierA);
    world.hears_bye(CarrierB);
    assert_eq!(world.finish()[0].cause, Cause::TooLong);
}
