//! RFC 3261 9.1: no CANCEL leaves before the called party has said anything.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp;

#[test]
fn the_cancel_follows_the_first_response() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.pass(Duration::from_secs(3));
    assert!(world.is_quiet(CarrierA));
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.hears_cancel(CarrierA, &offered);
    assert_eq!(world.finish()[0].cause, Cause::CallerCancelled);
}

#[test]
fn an_answer_without_a_provisional_is_acknowledged_and_ended() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn a_party_that_never_says_anything_is_given_up() {
    let mut world = World::new();
    let (_, sent) = world.dial(Platform, CarrierA);
    world.silence(CarrierA);
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    assert_eq!(world.finish().len(), 1);
}
