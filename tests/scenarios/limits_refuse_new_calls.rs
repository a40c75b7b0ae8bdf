//! A limit of calls refuses the next one with 503 and Retry-After; calls that are there go on.

use std::time::Duration;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn of_the_node() {
    let mut world = World::configured(|settings| settings.limits.max_calls = 1);
    let mut talk = world.talk(Platform, CarrierA);
    world.send(CarrierA, invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv")));
    let refused = world.refusal(CarrierA);
    assert_eq!(refused.status(), Some(503));
    assert!(!refused.header("Retry-After").is_empty());
    world.caller_hangs_up(&mut talk);
    world.pass(Duration::from_secs(1));
    let mut talk = world.talk(CarrierA, Platform);
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish().len(), 3);
}

#[test]
fn of_the_trunk_it_comes_from() {
    let mut world = World::configured(|settings| settings.trunks[2].max_calls = Some(1));
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn of_the_trunk_it_goes_to_and_the_next_candidate_is_tried() {
    let mut world = World::configured(|settings| settings.trunks[0].max_calls = Some(1));
    let mut first = world.talk(Platform, CarrierA);
    let (offered, _) = world.dial(Platform, CarrierB);
    let mut second = world.answer(Platform, CarrierB, offered);
    world.send(Platform, second.caller.ack(""));
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    world.caller_hangs_up(&mut first);
    world.caller_hangs_up(&mut second);
    world.pass(Duration::from_secs(1));
    let mut third = world.talk(Platform, CarrierA);
    world.callee_hangs_up(&mut third);
    world.finish();
}

#[test]
fn of_calls_in_a_second() {
    let mut world = World::configured(|settings| settings.trunks[2].max_calls_per_s = Some(2));
    let mut told = Vec::new();
    for _ in 0..3 {
        world.send(Platform, invite(Platform, "+33", &sdp(Platform, "sendrecv")));
        told.push(world.refusal(Platform).status());
    }
    assert_eq!(told, [Some(404), Some(404), Some(503)]);
    world.pass(Duration::from_secs(1));
    world.send(Platform, invite(Platform, "+33", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(404));
    world.finish();
}

#[test]
fn an_attempt_that_failed_gives_its_room_back() {
    let mut world = World::configured(|settings| settings.trunks[0].max_calls = Some(1));
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, first.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    let mut one = world.answer(Platform, CarrierB, second);
    world.send(Platform, one.caller.ack(""));
    let mut other = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut one);
    world.caller_hangs_up(&mut other);
    world.finish();
}
