//! 180 to 183 go on as they are; 100, 199 and what nobody knows stay here.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::Text;

#[test]
fn by_status() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    for status in [100, 199, 155, 181, 182] {
        world.send(CarrierA, offered.respond(status, CarrierA, ""));
        world.pass(Duration::from_millis(100));
    }
    world.expect(Platform, "SIP/2.0 181");
    let queued = world.expect(Platform, "SIP/2.0 182");
    assert!(queued.tag("To").is_some() && !queued.contact().is_empty());
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn ringing_without_a_tag() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let ringing = offered.respond(180, CarrierA, "");
    let tag = format!(";tag={}", Text::of(ringing.clone()).tag("To").unwrap_or_default());
    world.send(CarrierA, ringing.replace(&tag, ""));
    world.expect(Platform, "SIP/2.0 180");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
