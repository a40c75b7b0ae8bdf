//! RFC 3966: a tel Request-URI is routed by its number, visual separators are not.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn without_the_separators() {
    let mut world = World::new();
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, call.replace("sip:+49301234567@sbc.example.com", "tel:+49-30-123-4567"));
    let offered = world.expect(CarrierA, "INVITE sip:+49301234567@198.51.100.7");
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}
