//! RFC 3262 5: a caller without an offer gets ours in a reliable response and answers it in its PRACK; once a session is
//! agreed on, a PRACK may offer anew.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, sdp_with};

/// The platform sends early media to a carrier that requires 100rel and offered `body`.
fn early(world: &mut World, body: &str) -> (Text, Text) {
    let offered = world.dial_with(CarrierA, Platform, "Require: 100rel", body);
    world.send(Platform, offered.respond(183, Platform, &sdp(Platform, "sendrecv")));
    (offered, world.expect(CarrierA, "SIP/2.0 183"))
}

fn answered(mut world: World, offered: &Text, mut dialog: Dialog) {
    world.send(Platform, offered.respond(200, Platform, &sdp(Platform, "sendrecv")));
    world.expect(Platform, "ACK");
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    assert!(accepted.body().is_empty(), "{}", accepted.as_str());
    world.send(CarrierA, dialog.ack_of(1, ""));
    assert_eq!(world.engine.gauges().streams, 2);
    world.send(CarrierA, dialog.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn a_late_offer_is_answered_in_the_prack() {
    let mut world = World::new();
    let (offered, early) = early(&mut world, "");
    assert!(early.body().contains("RTP/AVP"), "{}", early.as_str());
    assert_eq!(world.engine.gauges().streams, 0);
    let mut dialog = Dialog::of_caller(CarrierA, &early);
    let taken = world.pracks(CarrierA, &mut dialog, &early, &sdp(CarrierA, "sendrecv"));
    assert!(taken.body().is_empty());
    assert_eq!(world.engine.gauges().streams, 2);
    answered(world, &offered, dialog);
}

#[test]
fn a_prack_without_the_answer_it_owes_acknowledges_nothing() {
    let mut world = World::new();
    let (offered, early) = early(&mut world, "");
    let mut dialog = Dialog::of_caller(CarrierA, &early);
    let empty = dialog.prack(&early, "");
    world.send(CarrierA, empty);
    assert_eq!(world.refusal(CarrierA).status(), Some(400));
    world.pracks(CarrierA, &mut dialog, &early, &sdp(CarrierA, "sendrecv"));
    answered(world, &offered, dialog);
}

#[test]
fn a_prack_may_offer_anew() {
    let mut world = World::new();
    let (offered, early) = early(&mut world, &sdp(CarrierA, "sendrecv"));
    let mut dialog = Dialog::of_caller(CarrierA, &early);
    let taken = world.pracks(CarrierA, &mut dialog, &early, &sdp_with(CarrierA, "sendrecv", "8 101", 2));
    assert!(taken.body().contains("RTP/AVP 8 101\r\n"), "{}", taken.as_str());
    assert!(taken.header("CSeq").ends_with("PRACK"));
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}

#[test]
fn an_offer_that_cannot_be_taken_is_488_and_the_call_goes_on() {
    let mut world = World::new();
    let (offered, early) = early(&mut world, &sdp(CarrierA, "sendrecv"));
    let mut dialog = Dialog::of_caller(CarrierA, &early);
    let savp = sdp(Platform, "sendrecv").replace("192.0.2.50", "198.51.100.7");
    let prack = dialog.prack(&early, &savp);
    world.send(CarrierA, prack);
    assert_eq!(world.refusal(CarrierA).status(), Some(488));
    answered(world, &offered, dialog);
}

/// PF-143: another fork answers with other codecs than the caller has agreed with: it is asked again.
#[test]
fn another_fork_that_answers_is_offered_after_the_answer() {
    let mut world = World::new();
    let (offered, early) = early(&mut world, &sdp(CarrierA, "sendrecv"));
    let mut dialog = Dialog::of_caller(CarrierA, &early);
    world.pracks(CarrierA, &mut dialog, &early, "");
    let other = offered.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 1));
    world.send(Platform, crate::world::text::with_tag(&other, "otherfork"));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.pass(Duration::from_secs(3));
    assert!(world.is_quiet(CarrierA), "RFC 3261 14.1: not before its ACK");
    world.send(CarrierA, dialog.ack_of(1, ""));
    let again = world.expect(CarrierA, "INVITE");
    assert!(again.body().contains("RTP/AVP 8 101\r\n"), "{}", again.as_str());
    world.send(CarrierA, again.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.send(CarrierA, dialog.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// What the caller left out of its answer, or of a new offer, the called party still sends: it hears so when it has
/// answered.
#[test]
fn what_is_no_longer_taken_is_told_after_the_answer() {
    for (body, left) in [("", "sendrecv"), ("offer", "sendrecv"), ("offer", "sendonly")] {
        let mut world = World::new();
        let body = if body.is_empty() { String::new() } else { sdp(CarrierA, "sendrecv") };
        let (offered, early) = early(&mut world, &body);
        let mut dialog = Dialog::of_caller(CarrierA, &early);
        world.pracks(CarrierA, &mut dialog, &early, &sdp_with(CarrierA, left, "8 101", 2));
        world.send(Platform, offered.respond(200, Platform, &sdp(Platform, "sendrecv")));
        world.expect(Platform, "ACK");
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, dialog.ack_of(1, ""));
        let told = world.expect(Platform, "INVITE");
        assert!(told.body().contains("RTP/SAVP 8 101\r\n"), "{}", told.body());
        assert!(told.body().contains(&format!("a={left}\r\n")), "{}", told.body());
        let answer = if left == "sendonly" { "recvonly" } else { "sendrecv" };
        world.send(Platform, told.respond(200, Platform, &sdp_with(Platform, answer, "8 101", 2)));
        world.expect(Platform, "ACK");
        world.send(CarrierA, dialog.request("BYE", ""));
        world.expect(CarrierA, "SIP/2.0 200");
        world.hears_bye(Platform);
        world.finish();
    }
}

/// RFC 3264 4: no second offer while the first is open. What was said without a description is not acknowledged by it.
#[test]
fn an_offer_in_the_prack_of_ringing_is_too_early() {
    let mut world = World::new();
    let offered = world.dial_with(CarrierA, Platform, "Require: 100rel", &sdp(CarrierA, "sendrecv"));
    world.send(Platform, offered.respond(180, Platform, ""));
    let ringing = world.expect(CarrierA, "SIP/2.0 180");
    let mut dialog = Dialog::of_caller(CarrierA, &ringing);
    let early = dialog.prack(&ringing, &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, early);
    assert_eq!(world.refusal(CarrierA).status(), Some(400));
    world.pracks(CarrierA, &mut dialog, &ringing, "");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}
