//! A running call keeps the snapshot it began with; the next one meets the new.

use std::sync::Arc;

use trunkline::engine::io::Input;
use trunkline::route::snapshot::Snapshot;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp, sdp_with, settings};

#[test]
fn the_call_ends_as_it_began() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let mut changed = settings();
    changed.routes.truncate(1);
    let snapshot = Snapshot::compile(&changed).expect("the changed configuration compiles");
    world.feed(Input::Snapshot(Arc::new(snapshot)));
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(404));
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
