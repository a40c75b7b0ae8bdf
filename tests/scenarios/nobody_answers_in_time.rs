//! The trunk's `no_answer_s` ends the ringing: CANCEL to the called party, 480 with cause 19 to the caller.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn ringing_has_an_end() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    world.hears_cancel(CarrierA, &offered);
    let refused = world.expect(Platform, "SIP/2.0 480");
    assert!(refused.header("Reason").contains("cause=19"), "{}", refused.as_str());
    assert_eq!(world.finish()[0].cause, Cause::NoAnswer);
}
