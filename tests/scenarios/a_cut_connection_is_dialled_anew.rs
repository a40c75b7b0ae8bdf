//! RFC 5923, RFC 3261 18.2.2: when the connection of a call is gone, its next message goes to the peer's address.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn a_bye_of_ours() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.cut(Platform);
    world.callee_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn the_answer_to_its_invite() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    world.cut(Platform);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
