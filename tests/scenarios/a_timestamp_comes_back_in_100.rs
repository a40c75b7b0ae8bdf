//! RFC 3261 8.2.6.1: the sender of an INVITE measures the round trip by the Timestamp in our 100.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp, with_header};

#[test]
fn octet_for_octet() {
    let mut world = World::new();
    let sent = invite(Platform, "+49301234567", &sdp(Platform, "sendrecv"));
    world.send(Platform, with_header(&sent, "Timestamp: 54.21 0.5"));
    let offered = world.expect(CarrierA, "INVITE");
    assert_eq!(world.expect(Platform, "SIP/2.0 100").header("Timestamp"), "54.21 0.5");
    assert_eq!(offered.header("Timestamp"), "", "it is the sender's own");
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}
