//! RFC 3263 4.3 and the penalty of `route::health`: the call after a failure does not wait for the same dead target.

use std::time::Duration;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp, with_header};

fn refuse_at(world: &mut World, first: crate::world::Name) {
    world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
    let offered = world.expect(first, "INVITE");
    world.send(first, offered.respond(486, first, ""));
    world.expect(first, "ACK");
    world.expect(Platform, "SIP/2.0 486");
}

#[test]
fn the_next_call_goes_to_the_other_target_first_and_after_the_penalty_to_the_first_again() {
    let mut world = World::new();
    world.agent(CarrierA).is_unreachable = true;
    refuse_at(&mut world, CarrierB);
    world.agent(CarrierA).is_unreachable = false;
    refuse_at(&mut world, CarrierB);
    assert!(world.is_quiet(CarrierA));
    world.pass(Duration::from_secs(31));
    refuse_at(&mut world, CarrierA);
    assert_eq!(world.finish().len(), 3);
}

#[test]
fn a_503_with_retry_after_is_obeyed_to_the_second() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, with_header(&offered.respond(503, CarrierA, ""), "Retry-After: 200 (maintenance)"));
    let second = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, second.respond(486, CarrierB, ""));
    world.expect(Platform, "SIP/2.0 486");
    world.expect(CarrierA, "ACK");
    world.expect(CarrierB, "ACK");
    world.pass(Duration::from_secs(190));
    refuse_at(&mut world, CarrierB);
    world.pass(Duration::from_secs(11));
    refuse_at(&mut world, CarrierA);
    assert_eq!(world.finish().len(), 3);
}

/// Our OPTIONS find what the next call need not find again.
#[test]
fn a_target_that_answers_options_with_503_is_tried_last_until_it_answers_again() {
    let mut world =
        World::configured(|settings| settings.trunks[0].behaviour.options.interval = Duration::from_secs(60));
    let probe = world.expect(CarrierA, "OPTIONS");
    world.send(CarrierA, with_header(&probe.respond(503, CarrierA, ""), "Retry-After: 300"));
    world.pass(Duration::from_millis(100));
    refuse_at(&mut world, CarrierB);
    let probe = world.expect(CarrierA, "OPTIONS");
    world.send(CarrierA, probe.respond(200, CarrierA, ""));
    world.pass(Duration::from_millis(100));
    refuse_at(&mut world, CarrierA);
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn a_target_that_answers_no_options_is_tried_last() {
    let mut world =
        World::configured(|settings| settings.trunks[0].behaviour.options.interval = Duration::from_secs(60));
    world.agent(CarrierA).is_unreachable = true;
    world.pass(Duration::from_secs(2));
    world.agent(CarrierA).is_unreachable = false;
    refuse_at(&mut world, CarrierB);
    assert_eq!(world.finish().len(), 1);
}
