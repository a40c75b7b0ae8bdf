//! RFC 3261 9.1: 64*T1 after a CANCEL the INVITE counts as cancelled, even if its final answer never comes.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn a_party_that_rings_on_after_cancel() {
    let mut world = World::new();
    let (_, sent) = world.ring(Platform, CarrierA);
    world.silence(CarrierA);
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.pass(Duration::from_secs(33));
    assert!(world.engine.is_idle());
    world.finish();
}
