//! The 200 to a re-INVITE is repeated like any other, and its ACK is awaited for 64*T1.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp;

#[test]
fn both_hear_bye() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    let refresh = talk.caller.request("INVITE", &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, refresh);
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::NoAck);
}
