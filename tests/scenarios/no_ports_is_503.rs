//! No port pair left: 503 with Retry-After and cause 34; what was leased is given back.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn the_relay_is_exhausted() {
    let mut world = World::new();
    world.relay.exhausted = true;
    let mut talks = Vec::new();
    for _ in 0..8 {
        talks.push(world.talk(Platform, CarrierA));
    }
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let refused = world.refusal(Platform);
    assert_eq!(refused.status(), Some(503));
    assert!(refused.header("Reason").contains("cause=34") && !refused.header("Retry-After").is_empty());
    for mut talk in talks {
        world.caller_hangs_up(&mut talk);
    }
    world.finish();
}
