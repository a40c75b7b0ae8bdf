//! RFC 3665 3.8: CANCEL after 180.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn the_called_party_stops_ringing() {
    let mut world = World::new();
    let (offered, sent) = world.ring(CarrierA, Platform);
    world.send(CarrierA, sent.cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    let cancel = world.hears_cancel(Platform, &offered);
    assert!(cancel.header("Reason").contains("cause=16"), "{}", cancel.as_str());
    let records = world.finish();
    assert!(records[0].rang.is_some() && records[0].answered.is_none());
}

/// RFC 3261 9.2: the To tags of the answers to CANCEL and INVITE are one.
#[test]
fn its_answer_is_of_the_same_dialog() {
    let mut world = World::new();
    let (offered, sent) = world.ring(CarrierA, Platform);
    world.send(CarrierA, sent.cancel());
    let confirmed = world.expect(CarrierA, "SIP/2.0 200");
    let refused = world.expect(CarrierA, "SIP/2.0 487");
    assert!(confirmed.tag("To").is_some() && confirmed.tag("To") == refused.tag("To"));
    world.hears_cancel(Platform, &offered);
    world.finish();
}
