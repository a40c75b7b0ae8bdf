//! RFC 3261 13.3.1.1: the caller of a ringing call hears so again every minute.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn once_a_minute() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    world.pass(Duration::from_secs(150));
    let heard = world.heard(Platform).iter().filter(|line| line.starts_with("SIP/2.0 180")).count();
    assert_eq!(heard, 3);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(150));
    assert!(world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
