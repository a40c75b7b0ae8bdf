//! Requests to a Contact that names a host go where its messages come from; when that connection is gone, to the port it names.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn on_its_connection() {
    let mut talk = talk_with_name();
    talk.0.callee_hangs_up(&mut talk.1);
    talk.0.finish();
}

#[test]
fn on_a_new_connection() {
    let (mut world, mut talk) = talk_with_name();
    world.cut(Platform);
    world.callee_hangs_up(&mut talk);
    world.finish();
}

fn talk_with_name() -> (World, crate::world::steps::Talk) {
    let mut world = World::new();
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(
        Platform,
        call.replace("Contact: <sip:ua@192.0.2.50:5061>", "Contact: <sip:api-1@edge.platform.example;transport=tls>"),
    );
    let offered = world.expect(CarrierA, "INVITE");
    let talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    (world, talk)
}
