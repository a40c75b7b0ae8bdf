//! In-dialog requests match by Call-ID and tags only: from another address, and on another connection.

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;

#[test]
fn the_bye_comes_from_another_address() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    let bye = talk.caller.request("BYE", "").replace("198.51.100.7:5060;branch", "198.51.100.8:5060;branch");
    world.send(CarrierB, bye);
    world.expect(CarrierB, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn the_bye_comes_on_another_connection() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.cut(Platform);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn tags_compare_without_case() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    let bye = talk.caller.request("BYE", "").replace("tag=fCarrierA", "tag=FCARRIERa");
    world.send(CarrierA, bye);
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}
