//! MD-148: the transferor hears the failure and the parties talk on; without a transferor the call ends with its cause.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::Side;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;

const NEW_PARTY: &str = "<sip:+4931555@sbc.example.com>";

#[test]
fn when_the_new_party_is_busy() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    assert_eq!((world.hears(CarrierA), world.hears(Platform)), (vec![Platform], vec![CarrierA]));
    world.pass(Duration::from_secs(60));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    let transfer = &records[0].transfers[0];
    assert_eq!((transfer.side, transfer.cause.status().code(), &transfer.to), (Side::Caller, 486, &None));
    assert_eq!(transfer.asked, "+4931555", "who was asked for");
    assert_eq!(records[0].cause, Cause::NormalClearing);
}

#[test]
fn when_no_route_leads_to_it() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, "<sip:+1900@sbc.example.com>");
    world.is_told(Platform, "SIP/2.0 404 Not Found");
    world.caller_hangs_up(&mut talk);
    let transfer = &world.finish()[0].transfers[0];
    assert_eq!((transfer.cause, transfer.asked.as_str()), (Cause::NoRoute, "+1900"));
}

#[test]
fn when_it_does_not_answer() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    world.hears_cancel(CarrierB, &offered);
    world.is_told(Platform, "SIP/2.0 480 Temporarily Unavailable");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn when_its_trunk_is_full() {
    let mut world = World::moving(|settings| settings.trunks[1].max_calls = Some(0));
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    world.is_told(Platform, "SIP/2.0 503 Service Unavailable");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn when_its_answer_fits_no_offer() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(200, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.hears_bye(CarrierB);
    world.is_told(Platform, "SIP/2.0 500 Server Internal Error");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// PF-44: what only says that a path failed tries the next trunk of the route, and the transferor hears nothing of it.
#[test]
fn not_before_every_candidate_was_tried() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    world.refers(Platform, &mut talk.callee, "<sip:+49309876543@sbc.example.com>");
    let first = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, first.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &second);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.callee);
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn the_call_ends_when_the_transferor_has_left() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.leaves(Platform, &mut talk.caller);
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    let bye = world.hears_bye(CarrierA);
    assert!(bye.header("Reason").contains("cause=17"), "{}", bye.header("Reason"));
    let records = world.finish();
    assert_eq!(records[0].cause.status().code(), 486);
}
