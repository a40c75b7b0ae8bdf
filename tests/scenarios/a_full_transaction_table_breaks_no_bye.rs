//! At `max_transactions` a new request out of a dialog gets 503 without a transaction; what ends a call still goes through.

use std::sync::Arc;
use std::time::Duration;

use trunkline::engine::io::{Command, Input};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, request, sdp, sdp_with, snapshot};

#[test]
fn new_requests_are_refused_and_the_call_ends_cleanly() {
    let mut world = World::configured(|settings| settings.limits.max_transactions = 4);
    let mut first = world.talk(CarrierA, Platform);
    let mut second = world.talk(CarrierA, Platform);
    let full = world.engine.gauges().transactions;
    assert!(full >= 4, "{full}");
    for _ in 0..2 {
        world.send(CarrierA, invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv")));
        let refused = world.refusal(CarrierA);
        assert_eq!(refused.status(), Some(503));
        assert!(!refused.header("Retry-After").is_empty());
    }
    assert_eq!(world.engine.gauges().transactions, full);
    world.caller_hangs_up(&mut first);
    world.callee_hangs_up(&mut second);
    assert_eq!(world.finish().len(), 2);
}

#[test]
fn even_without_any_room_a_bye_leaves() {
    let mut world = World::configured(|settings| settings.limits.max_transactions = 1);
    let _talk = world.talk(CarrierA, Platform);
    let options = |world: &mut World| {
        world.send(CarrierA, request(CarrierA, "OPTIONS", "sip:sbc.example.com", ""));
        world.refusal(CarrierA).status()
    };
    assert_eq!(options(&mut world), Some(503));
    world.order(Command::HangUpAll);
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    assert_eq!(world.finish().len(), 1);
}

/// R-A4. All that may be open is: the INVITE's two transactions.
#[test]
fn even_without_any_room_a_partys_bye_is_served() {
    for caller_first in [true, false] {
        let mut world = World::configured(|settings| settings.limits.max_transactions = 1);
        let mut talk = world.talk(CarrierA, Platform);
        assert_eq!(world.engine.gauges().transactions, 2);
        if caller_first {
            world.caller_hangs_up(&mut talk);
        } else {
            world.callee_hangs_up(&mut talk);
        }
        assert_eq!(world.finish().len(), 1);
    }
}

#[test]
fn even_without_any_room_a_call_that_rings_can_be_given_up() {
    let mut world = World::configured(|settings| settings.limits.max_transactions = 1);
    let (offered, sent) = world.ring(CarrierA, Platform);
    assert_eq!(world.engine.gauges().transactions, 2);
    world.send(CarrierA, sent.cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    world.hears_cancel(Platform, &offered);
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn a_new_configuration_brings_its_own_limit() {
    let mut world = World::configured(|settings| settings.limits.max_transactions = 1);
    let mut talk = world.talk(CarrierA, Platform);
    let options = |world: &mut World| {
        world.send(CarrierA, request(CarrierA, "OPTIONS", "sip:sbc.example.com", ""));
        world.refusal(CarrierA).status()
    };
    assert_eq!(options(&mut world), Some(503));
    world.feed(Input::Snapshot(Arc::new(snapshot())));
    assert_eq!(options(&mut world), Some(200));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// Our own want of room says nothing of the other party: the call goes on, and who asked may ask again.
#[test]
fn a_reinvite_that_finds_no_room_to_cross_is_503() {
    let mut world = World::configured(|settings| settings.limits.max_transactions = 1);
    let mut talk = world.talk(Platform, CarrierA);
    world.pass(Duration::from_secs(40));
    world.send(CarrierA, request(CarrierA, "OPTIONS", "sip:sbc.example.com", ""));
    assert_eq!(world.refusal(CarrierA).status(), Some(200));
    let hold = sdp_with(Platform, "sendonly", "0 8 101", 2);
    world.send(Platform, talk.caller.request("INVITE", &hold));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    world.pass(Duration::from_secs(40));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.send(Platform, talk.caller.request("INVITE", &hold));
    let crossed = world.expect(CarrierA, "INVITE");
    world.reinvite_answered(&talk.caller, &crossed, (CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.pass(Duration::from_secs(40));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
