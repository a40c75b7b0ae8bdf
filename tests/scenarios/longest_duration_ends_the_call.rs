//! The smaller `max_duration_s` of both trunks: BYE to both.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
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
