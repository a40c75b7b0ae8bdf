//! RFC 3665 3.8 with nothing but 100 from the called party.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::EndedBy;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn a_hundred_is_enough_to_cancel() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(100, CarrierA, ""));
    world.pass(Duration::from_millis(100));
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    let cancel = world.hears_cancel(CarrierA, &offered);
    assert_eq!(cancel.branch(), offered.branch(), "RFC 3261 9.1: the branch of the INVITE");
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].ended_by), (Cause::CallerCancelled, EndedBy::Caller));
}
