//! 486 crosses with Q.850 cause 17 (MD-121) and the next candidate is not tried.

use trunkline::call::Cause;
use trunkline::sip::Status;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;

#[test]
fn busy_is_final() {
    let mut world = World::new();
    let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let refused = world.expect(Platform, "SIP/2.0 486");
    assert!(refused.header("Reason").contains("Q.850;cause=17"), "{}", refused.as_str());
    assert!(world.heard(CarrierB).is_empty());
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].attempts), (Cause::Refused(Status::BUSY_HERE), 1));
}
