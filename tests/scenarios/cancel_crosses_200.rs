//! The called party answers while our CANCEL is on its way: it gets ACK and BYE, the caller 487 (RFC 3261 9.1, 15).

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp;

#[test]
fn the_answer_is_ended() {
    let mut world = World::new();
    let (offered, sent) = world.ring(Platform, CarrierA);
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    let cancel = world.expect(CarrierA, "CANCEL");
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    let records = world.finish();
    assert_eq!(records[0].cause, Cause::CallerCancelled);
    assert!(records[0].answered.is_none());
}
