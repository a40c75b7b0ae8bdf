//! RFC 5407 3.1.2: a CANCEL that arrives after our 200 is answered and has no effect.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn the_call_goes_on() {
    let mut world = World::new();
    let (offered, sent) = world.ring(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200 OK");
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(60));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}
