//! RFC 3261 8.2.2.2: the same INVITE by another path.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

#[test]
fn the_second_copy_is_refused() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(Platform, sent.as_str().replace(&sent.branch(), "z9hG4bK-otherpath"));
    assert_eq!(world.refusal(Platform).status(), Some(482));
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.finish().len(), 1);
}

/// A proxy that forks one after the other keeps Call-ID, From tag and CSeq (RFC 3261 16.7): only with what is still open
/// a copy merges.
#[test]
fn after_a_failure_it_is_another_try() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    world.send(Platform, sent.as_str().replace(&sent.branch(), "z9hG4bK-next"));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(480, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(480));
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn after_an_answer_the_second_copy_is_refused_all_the_same() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.send(Platform, sent.as_str().replace(&sent.branch(), "z9hG4bK-slower"));
    assert_eq!(world.refusal(Platform).status(), Some(482));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
