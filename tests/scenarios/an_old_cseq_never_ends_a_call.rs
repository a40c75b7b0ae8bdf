//! RFC 3261 12.2.2: a request with a lower number gets 500 and does nothing.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn not_even_a_bye() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = talk.callee.request("OPTIONS", "");
    world.send(CarrierA, ask);
    world.expect(CarrierA, "SIP/2.0 200");
    for method in ["BYE", "INVITE", "INFO"] {
        world.send(CarrierA, talk.callee.numbered(method, 50));
        assert_eq!(world.refusal(CarrierA).status(), Some(500), "{method}");
    }
    assert!(world.is_quiet(Platform));
    world.callee_hangs_up(&mut talk);
    world.finish();
}
