//! RFC 3311 5.1, RFC 6337 3.2: an offer before the answer that was answered here reaches the other party by UPDATE as soon as
//! that may be, else after the answer of the call, and never not at all.

use std::time::Duration;

use trunkline::route::provisional::{ProvisionalSettings, Reliability};

use crate::an_update_before_the_answer::{Early, TAKES, TakesUpdate, answered, unacknowledged};
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, reliably, sdp, sdp_with, with_header, with_tag};

fn hold(by: crate::world::Name) -> String {
    sdp_with(by, "sendonly", "0 8 101", 2)
}

/// The caller holds in its PRACK, which is answered here.
fn held_in_prack(who: TakesUpdate) -> Early {
    let (mut early, heard) = unacknowledged(who);
    let taken = early.world.pracks(CarrierA, &mut early.caller, &heard, &hold(CarrierA));
    assert!(taken.body().contains("a=recvonly\r\n"), "{}", taken.as_str());
    early
}

fn is_told_of_hold(world: &mut World, method: &str) -> Text {
    let told = world.expect(Platform, method);
    assert!(told.body().contains("a=sendonly\r\n") && told.body().contains("RTP/SAVP"), "{}", told.as_str());
    told
}

fn holds_back(world: &mut World, told: &Text) {
    world.send(Platform, told.respond(200, Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
}

/// The platform answers the call, and is told by re-INVITE.
fn told_after_the_answer(early: Early, fork: Option<&str>) {
    let Early { mut world, offered, mut caller, .. } = early;
    let answer = offered.respond(200, Platform, &sdp(Platform, "sendrecv"));
    world.send(Platform, fork.map_or(answer.clone(), |fork| with_tag(&answer, fork)));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    let told = is_told_of_hold(&mut world, "INVITE");
    holds_back(&mut world, &told);
    world.expect(Platform, "ACK");
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn a_hold_in_a_prack_by_update() {
    let mut early = held_in_prack(TakesUpdate::Callee);
    let told = is_told_of_hold(&mut early.world, "UPDATE");
    holds_back(&mut early.world, &told);
    early.world.pass(Duration::from_secs(1));
    assert!(early.world.is_quiet(CarrierA));
    answered(early);
}

/// A resume is answered with what the called party means, not with what the hold made it say.
#[test]
fn a_resume_after_it() {
    let mut early = held_in_prack(TakesUpdate::Callee);
    let told = is_told_of_hold(&mut early.world, "UPDATE");
    holds_back(&mut early.world, &told);
    let resume = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "0 8 101", 3));
    early.world.send(CarrierA, resume);
    let crossed = early.world.expect(Platform, "UPDATE");
    assert!(crossed.body().contains("a=sendrecv\r\n"), "{}", crossed.as_str());
    early.world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    assert!(early.world.expect(CarrierA, "SIP/2.0 200").body().contains("a=sendrecv\r\n"));
    answered(early);
}

#[test]
fn a_hold_in_a_prack_after_the_answer_where_update_is_not_taken() {
    told_after_the_answer(held_in_prack(TakesUpdate::Nobody), None);
}

#[test]
fn a_hold_that_is_refused_before_the_answer_is_told_after_it() {
    let mut early = held_in_prack(TakesUpdate::Callee);
    let told = is_told_of_hold(&mut early.world, "UPDATE");
    early.world.send(Platform, told.respond(488, Platform, ""));
    early.world.pass(Duration::from_secs(10));
    assert!(early.world.is_quiet(Platform), "it is not asked again before it has answered");
    told_after_the_answer(early, None);
}

/// RFC 3261 14.1: 2.1 to 4 seconds where the Call-ID is ours.
#[test]
fn a_glare_is_waited_for() {
    let mut early = held_in_prack(TakesUpdate::Callee);
    let told = is_told_of_hold(&mut early.world, "UPDATE");
    early.world.send(Platform, told.respond(491, Platform, ""));
    early.world.pass(Duration::from_secs(2));
    assert!(early.world.is_quiet(Platform));
    let told = is_told_of_hold(&mut early.world, "UPDATE");
    holds_back(&mut early.world, &told);
    answered(early);
}

/// The answer of the call does not wait for what the called party is being told.
#[test]
fn the_answer_may_come_before_the_one_to_the_update() {
    for taken in [true, false] {
        let Early { mut world, offered, mut caller, .. } = held_in_prack(TakesUpdate::Callee);
        let told = is_told_of_hold(&mut world, "UPDATE");
        world.send(Platform, offered.respond(200, Platform, ""));
        world.expect(Platform, "ACK");
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, caller.ack_of(1, ""));
        if taken {
            holds_back(&mut world, &told);
        } else {
            world.send(Platform, told.respond(405, Platform, ""));
            let told = is_told_of_hold(&mut world, "INVITE");
            holds_back(&mut world, &told);
            world.expect(Platform, "ACK");
        }
        world.pass(Duration::from_secs(5));
        assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
        let resume = caller.request("INVITE", &sdp_with(CarrierA, "sendrecv", "0 8 101", 3));
        world.send(CarrierA, resume);
        let crossed = world.expect(Platform, "INVITE");
        world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "sendrecv", "0 8 101", 3)));
        world.expect(Platform, "ACK");
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, caller.ack(""));
        world.send(CarrierA, caller.request("BYE", ""));
        world.expect(CarrierA, "SIP/2.0 200");
        world.hears_bye(Platform);
        world.finish();
    }
}

/// RFC 3311 5.1: no UPDATE with an offer before the answer to the INVITE's came reliably.
#[test]
fn a_hold_when_the_called_party_has_answered_our_offer_reliably() {
    let settings = ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() };
    let mut world = World::provisional(&[("carrier-a", settings), ("platform", settings)]);
    let offered = world.dial_with(CarrierA, Platform, "Supported: 100rel", &sdp(CarrierA, "sendrecv"));
    let progress = with_header(&offered.respond(183, Platform, &sdp(Platform, "sendrecv")), TAKES);
    let callee = Dialog::of_callee(Platform, &offered, &progress);
    world.send(Platform, progress.clone());
    let heard = world.expect(CarrierA, "SIP/2.0 183");
    let mut caller = Dialog::of_caller(CarrierA, &heard);
    world.pracks(CarrierA, &mut caller, &heard, "");
    world.send(CarrierA, caller.request("UPDATE", &hold(CarrierA)));
    assert!(world.expect(CarrierA, "SIP/2.0 200").body().contains("a=recvonly\r\n"));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(Platform));
    world.send(Platform, reliably(&progress, 1));
    world.hears_prack(Platform, "1 1 INVITE");
    let told = is_told_of_hold(&mut world, "UPDATE");
    holds_back(&mut world, &told);
    while !world.is_quiet(CarrierA) {
        let heard = world.expect(CarrierA, "SIP/2.0 183");
        world.pracks(CarrierA, &mut caller, &heard, "");
    }
    answered(Early { world, offered, caller, callee });
}

/// What the called party changes while the caller's PRACK is on its way.
#[test]
fn a_hold_of_the_called_party_after_the_prack() {
    let (mut early, heard) = unacknowledged(TakesUpdate::Caller);
    let update = early.callee.request("UPDATE", &hold(Platform));
    early.world.send(Platform, update);
    assert!(early.world.expect(Platform, "SIP/2.0 200").body().contains("a=recvonly\r\n"));
    assert!(early.world.is_quiet(CarrierA));
    early.world.pracks(CarrierA, &mut early.caller, &heard, "");
    let told = early.world.expect(CarrierA, "UPDATE");
    assert!(told.body().contains("a=sendonly\r\n"), "{}", told.as_str());
    early.world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    early.world.pass(Duration::from_secs(1));
    assert!(early.world.is_quiet(Platform));
    answered(early);
}

/// One fork was told; another one, which was not, answers.
#[test]
fn a_fork_that_was_not_told_answers() {
    let mut early = held_in_prack(TakesUpdate::Callee);
    let told = is_told_of_hold(&mut early.world, "UPDATE");
    holds_back(&mut early.world, &told);
    early.world.pass(Duration::from_millis(100));
    told_after_the_answer(early, Some("otherfork"));
}

/// The caller holds, and a fork answers with a codec that the caller has not agreed with: each hears of the other.
#[test]
fn both_parties_have_something_to_hear() {
    let Early { mut world, offered, mut caller, .. } = held_in_prack(TakesUpdate::Nobody);
    let answer = offered.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 1));
    world.send(Platform, with_tag(&answer, "otherfork"));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    let told = is_told_of_hold(&mut world, "INVITE");
    world.send(Platform, told.respond(200, Platform, &sdp_with(Platform, "recvonly", "8 101", 2)));
    world.expect(Platform, "ACK");
    let told = world.expect(CarrierA, "INVITE");
    assert!(told.body().contains("RTP/AVP 8 101\r\n") && told.body().contains("a=recvonly"), "{}", told.body());
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "sendonly", "8 101", 3)));
    world.expect(CarrierA, "ACK");
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}
