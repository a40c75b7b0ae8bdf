//! Not one response in 64*T1: 408 with cause 102.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn the_caller_is_told_after_32_seconds() {
    let mut world = World::new();
    world.silence(CarrierA);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let refused = world.expect(Platform, "SIP/2.0 408");
    assert!(refused.header("Reason").contains("cause=102"), "{}", refused.as_str());
    assert_eq!(world.finish()[0].cause, Cause::PeerSilent);
}
