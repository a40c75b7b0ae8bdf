//! RFC 3261 8.1.3.1, 18.2.2: the connection of an INVITE of ours dies. Nobody waits for timers: whoever had said nothing
//! but 100 is given up at once and the next target or trunk is tried; whoever rings answers on another connection.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::sip::flow::TransmitFailure;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, sdp};

/// What may pass before the next one is tried: less than any timer.
const AT_ONCE: Duration = Duration::from_millis(100);

#[test]
fn before_any_answer() {
    let mut world = World::new();
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.silence(CarrierA);
    tried_at_once(world, &first);
}

#[test]
fn after_100() {
    let mut world = World::new();
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, first.respond(100, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    let before = world.clock();
    world.loses(&first, TransmitFailure::FlowGone);
    let second = world.expect(CarrierB, "INVITE");
    assert!(world.clock() - before < AT_ONCE);
    // RFC 3261 9.1: 100 was heard, so the INVITE is taken back, on a connection that is dialled for it.
    world.hears_cancel(CarrierA, &first);
    answered_by_b(world, second);
}

#[test]
fn after_100_and_the_answer_comes_all_the_same() {
    let mut world = World::new();
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, first.respond(100, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    world.loses(&first, TransmitFailure::FlowGone);
    let second = world.expect(CarrierB, "INVITE");
    let cancel = world.expect(CarrierA, "CANCEL");
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    world.send(CarrierA, first.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    answered_by_b(world, second);
}

#[test]
fn after_100_of_the_only_target() {
    let mut world = World::new();
    let (first, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, first.respond(100, CarrierA, ""));
    world.pass(Duration::from_secs(1));
    let before = world.clock();
    world.loses(&first, TransmitFailure::FlowGone);
    assert_eq!(world.refusal(Platform).status(), Some(503));
    assert!(world.clock() - before < AT_ONCE);
    world.hears_cancel(CarrierA, &first);
    assert_eq!(world.finish()[0].cause, Cause::Unreachable);
}

#[test]
fn while_it_rings_nothing_changes() {
    let mut world = World::new();
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, first.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    world.loses(&first, TransmitFailure::FlowGone);
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(CarrierB));
    let mut talk = world.answer(Platform, CarrierA, first);
    world.send(Platform, talk.caller.ack(""));
    world.callee_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].attempts, 1);
}

#[test]
fn of_the_new_party_of_a_transfer() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, "<sip:+4931555@sbc.example.com>");
    let first = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, first.respond(100, CarrierB, ""));
    world.pass(Duration::from_secs(1));
    let before = world.clock();
    world.loses(&first, TransmitFailure::FlowGone);
    world.is_told(Platform, "SIP/2.0 503 Service Unavailable");
    assert!(world.clock() - before < AT_ONCE);
    world.hears_cancel(CarrierB, &first);
    world.callee_hangs_up(&mut talk);
    world.finish();
}

fn tried_at_once(mut world: World, first: &Text) {
    let before = world.clock();
    world.loses(first, TransmitFailure::FlowGone);
    let second = world.expect(CarrierB, "INVITE");
    assert!(world.clock() - before < AT_ONCE);
    answered_by_b(world, second);
}

fn answered_by_b(mut world: World, second: Text) {
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert_eq!((records[0].attempts, records[0].to.as_deref()), (2, Some("carrier-b")));
}
