//! RFC 3665 3.1 with the BYE from the other side, in both directions of the call.

use trunkline::call::Cause;
use trunkline::call::record::EndedBy;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn the_carrier_ends_a_call_of_the_platform() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.callee_hangs_up(&mut talk);
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].ended_by), (Cause::NormalClearing, EndedBy::Callee));
}

#[test]
fn the_platform_ends_a_call_of_the_carrier() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    world.callee_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].ended_by, EndedBy::Callee);
}
