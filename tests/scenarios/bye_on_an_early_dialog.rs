//! RFC 3261 15.1.1: the caller may end a ringing call with BYE: 200, and 487 to its INVITE. If the answer crossed, RFC
//! 5407 3.1.3.

use std::time::Duration;

use trunkline::call::record::EndedBy;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, sdp};

#[test]
fn the_ringing_stops() {
    let mut world = World::new();
    let (offered, sent) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    let mut early = Dialog::of_caller(Platform, &ringing);
    world.send(Platform, early.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    let refused = world.expect(Platform, "SIP/2.0 487");
    assert_eq!(refused.branch(), sent.branch());
    world.hears_cancel(CarrierA, &offered);
    assert_eq!(world.finish()[0].ended_by, EndedBy::Caller);
}

#[test]
fn it_crosses_the_answer() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    let mut early = Dialog::of_caller(Platform, &ringing);
    let ack = early.ack("");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.send(Platform, early.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, ack);
    world.hears_bye(CarrierA);
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn with_an_old_number_it_is_refused() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    let early = Dialog::of_caller(Platform, &ringing);
    world.send(Platform, early.numbered("BYE", 0));
    world.expect(Platform, "SIP/2.0 500");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3261 15: a called party hangs up after its 2xx only, which comes late here. It is acknowledged, and nobody is
/// connected to a party that has left.
#[test]
fn the_called_party_has_left_before_its_answer_comes() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let mut callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.leaves(CarrierA, &mut callee);
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(480));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierA), "its dialog is over");
    assert_eq!(world.finish()[0].ended_by, EndedBy::Callee);
}
