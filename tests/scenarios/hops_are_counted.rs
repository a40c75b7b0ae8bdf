//! RFC 3261 8.1.1.6, RFC 7332: Max-Forwards 0 is 483, else ours is one less, never above 70.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn the_budget_is_spent() {
    let mut world = World::new();
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"))
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    world.send(Platform, call);
    assert_eq!(world.refusal(Platform).status(), Some(483));
    assert_eq!(world.finish()[0].attempts, 0);
}

#[test]
fn the_budget_goes_down() {
    for (theirs, ours) in [(10, "9"), (70, "69"), (255, "70")] {
        let mut world = World::new();
        let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
        world.send(Platform, call.replace("Max-Forwards: 70", &format!("Max-Forwards: {theirs}")));
        let offered = world.expect(CarrierA, "INVITE");
        assert_eq!(offered.header("Max-Forwards"), ours);
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}
