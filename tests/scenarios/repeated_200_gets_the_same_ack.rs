//! RFC 3261 13.2.2.4: every repetition of the 200 gets the ACK again, while the call lives and after it has ended.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp;

#[test]
fn the_ack_was_lost() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    for _ in 0..3 {
        world.send(CarrierA, answer.clone());
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(acks(&world), 4);
    world.caller_hangs_up(&mut talk);
    world.pass(Duration::from_secs(1));
    assert!(world.engine.is_idle());
    world.send(CarrierA, answer);
    world.pass(Duration::from_secs(1));
    assert_eq!(acks(&world), 5);
    world.finish();
}

fn acks(world: &World) -> usize {
    world.heard(CarrierA).iter().filter(|line| line.starts_with("ACK")).count()
}
