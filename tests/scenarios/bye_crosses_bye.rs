//! RFC 5407 3.2.1: both hang up at once; both BYEs are answered 200.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn both_are_answered() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(1));
    let (one, other) = (talk.caller.request("BYE", ""), talk.callee.request("BYE", ""));
    world.send(Platform, one);
    world.send(CarrierA, other);
    world.expect(Platform, "SIP/2.0 200");
    let bye = world.expect(CarrierA, "BYE");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, bye.respond(200, CarrierA, ""));
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn who_has_said_bye_need_not_answer_ours() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let (one, other) = (talk.caller.request("BYE", ""), talk.callee.request("BYE", ""));
    world.send(Platform, one);
    world.send(CarrierA, other);
    world.expect(Platform, "SIP/2.0 200");
    world.expect(CarrierA, "BYE");
    world.pass(Duration::from_secs(1));
    assert!(world.engine.is_idle());
    world.finish();
}
