//! RFC 5407 3.1.5: the caller hangs up before its ACK has reached us; our 200 is repeated no more.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn the_call_ends_and_the_late_ack_is_absorbed() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.caller_hangs_up(&mut talk);
    world.send(Platform, talk.caller.ack_of(1, ""));
    world.pass(Duration::from_secs(40));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
    assert_eq!(world.heard(Platform).iter().filter(|line| line.starts_with("SIP/2.0 200")).count(), 2);
    world.finish();
}

#[test]
fn the_called_party_ends_it_and_bye_waits_for_the_ack() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    let bye = talk.callee.request("BYE", "");
    world.send(CarrierA, bye);
    world.expect(CarrierA, "SIP/2.0 200");
    world.pass(Duration::from_secs(25));
    assert!(world.is_quiet(Platform), "RFC 3261 15: no BYE before the ACK");
    world.send(Platform, talk.caller.ack(""));
    world.hears_bye(Platform);
    world.finish();
}
