//! RFC 3261 16.7 step 6: when everybody failed, the caller hears the lowest class, and 6xx before all.

use trunkline::sip::Status;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;

#[test]
fn busy_is_better_than_out_of_service() {
    assert_eq!(told(503, 486), 486);
}

#[test]
fn a_decline_is_better_than_a_time_out() {
    assert_eq!(told(408, 603), 603);
}

#[test]
fn busy_is_better_than_a_time_out_of_the_same_class() {
    assert_eq!(told(408, 486), 486);
}

#[test]
fn of_two_of_one_class_the_first_counts() {
    assert_eq!(told(503, 504), 503);
}

/// A decline holds for the whole party, whatever else was found before.
#[test]
fn a_decline_is_better_than_a_number_that_is_nobodys() {
    let world = World::configured(|settings| {
        settings.trunks[0].behaviour.failover.codes = vec![Status::NOT_FOUND];
    });
    assert_eq!(told_in(world, 404, 603), 603);
}

fn told(first: u16, second: u16) -> u16 {
    told_in(World::new(), first, second)
}

fn told_in(mut world: World, first: u16, second: u16) -> u16 {
    let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, offered.respond(first, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(second, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    let status = world.refusal(Platform).status();
    world.finish();
    status.unwrap_or_default()
}
