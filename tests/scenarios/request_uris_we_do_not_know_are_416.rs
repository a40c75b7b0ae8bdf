//! RFC 3261 8.2.2.1.

use crate::world::Name::CarrierA;
use crate::world::World;
use crate::world::text::{request, sdp};

#[test]
fn another_scheme() {
    let mut world = World::new();
    world.send(CarrierA, request(CarrierA, "INVITE", "urn:service:counseling", &sdp(CarrierA, "sendrecv")));
    assert_eq!(world.refusal(CarrierA).status(), Some(416));
    assert_eq!(world.finish()[0].attempts, 0);
}
