//! RFC 3263 4.3 and the penalty of `route::health`: the call after a failure does not wait for the same dead target.

use std::time::Duration;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp};

fn refuse_at(world: &mut World, first: crate::world::Name) {
    world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
    let offered = world.expect(first, "INVITE");
    world.send(first, offered.respond(486, first, ""));
    world.expect(first, "ACK");
    world.expect(Platform, "SIP/2.0 486");
}

#[test]
fn the_next_call_goes_to_the_other_target_first_and_after_the_penalty_to_the_first_again() {
    let mut world = World::new();
    world.agent(CarrierA).is_unreachable = true;
    refuse_at(&mut world, CarrierB);
    world.agent(CarrierA).is_unreachable = false;
    refuse_at(&mut world, CarrierB);
    assert!(world.is_quiet(CarrierA));
    world.pass(Duration::from_secs(31));
    refuse_at(&mut world, CarrierA);
    assert_eq!(world.finish().len(), 3);
}
