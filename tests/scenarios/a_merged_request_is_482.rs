//! RFC 3261 8.2.2.2: the same INVITE by another path.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn the_second_copy_is_refused() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(Platform, sent.as_str().replace(&sent.branch(), "z9hG4bK-otherpath"));
    assert_eq!(world.refusal(Platform).status(), Some(482));
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.finish().len(), 1);
}
