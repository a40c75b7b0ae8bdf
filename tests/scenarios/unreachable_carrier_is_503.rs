//! Nobody takes our INVITE at the only candidate: 503 with cause 38 and Retry-After.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn the_caller_hears_that_the_next_hop_is_gone() {
    let mut world = World::new();
    world.agent(CarrierA).is_unreachable = true;
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let refused = world.expect(Platform, "SIP/2.0 503");
    assert!(refused.header("Reason").contains("cause=38"), "{}", refused.as_str());
    assert!(!refused.header("Retry-After").is_empty());
    assert_eq!(world.finish()[0].cause, Cause::Unreachable);
}
