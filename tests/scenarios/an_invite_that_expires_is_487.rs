//! RFC 3261 13.3.1: an INVITE says in Expires how long its caller waits for a final answer.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::EndedBy;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp;

#[test]
fn while_it_rings() {
    let mut world = World::new();
    let offered = world.dial_with(Platform, CarrierA, "Expires: 20", &sdp(Platform, "sendrecv"));
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    world.pass(Duration::from_secs(19));
    assert!(world.is_quiet(CarrierA));
    world.hears_cancel(CarrierA, &offered);
    assert_eq!(world.refusal(Platform).status(), Some(487));
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].ended_by), (Cause::CallerCancelled, EndedBy::Caller));
}

#[test]
fn and_one_that_is_answered_in_time_does_not() {
    let mut world = World::new();
    let offered = world.dial_with(Platform, CarrierA, "Expires: 20", &sdp(Platform, "sendrecv"));
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(60));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn what_is_no_time_says_nothing() {
    for value in ["0", "x", "-1", "4294967296", "Thu, 01 Dec 1994 16:00:00 GMT"] {
        let mut world = World::new();
        let offered = world.dial_with(Platform, CarrierA, &format!("Expires: {value}"), &sdp(Platform, "sendrecv"));
        world.send(CarrierA, offered.respond(180, CarrierA, ""));
        world.expect(Platform, "SIP/2.0 180");
        world.pass(Duration::from_secs(30));
        assert!(world.is_quiet(CarrierA), "{value}");
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        assert_eq!(world.refusal(Platform).status(), Some(486));
        world.finish();
    }
}
