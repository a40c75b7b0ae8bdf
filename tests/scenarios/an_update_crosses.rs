//! RFC 3311: UPDATE after the answer, in both directions.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::route::methods::{ReinviteAs, Sends};

use crate::world::Name::{self, CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{REALM, assert_proven, auth, challenge};
use crate::world::steps::Talk;
use crate::world::text::{sdp_with, with_header};

const TAKES_UPDATE: &str = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE";

fn sendonly(by: Name) -> String {
    sdp_with(by, "sendonly", "0 8 101", 2)
}

fn recvonly(by: Name) -> String {
    sdp_with(by, "recvonly", "0 8 101", 2)
}

/// A call between parties that both take UPDATE.
fn talk(world: &mut World) -> Talk {
    world.talk_saying(Platform, CarrierA, &[TAKES_UPDATE], &[TAKES_UPDATE]).0
}

/// RFC 3261 20.5: what a ringing party said it takes holds where its 200 says nothing of it.
#[test]
fn as_update_where_the_ringing_alone_named_it() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_header(&offered.respond(180, CarrierA, ""), TAKES_UPDATE));
    world.expect(Platform, "SIP/2.0 180");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.send(Platform, talk.caller.request("UPDATE", &sendonly(Platform)));
    let crossed = world.expect(CarrierA, "UPDATE");
    world.send(CarrierA, crossed.respond(200, CarrierA, &recvonly(CarrierA)));
    world.expect(Platform, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

fn hold_by_update(world: &mut World, talk: &mut Talk) {
    let hold = talk.caller.request("UPDATE", &sendonly(Platform));
    world.send(Platform, hold);
}

#[test]
fn as_update_where_the_other_party_takes_it_in_both_directions() {
    let mut world = World::new();
    let mut talk = talk(&mut world);
    assert!(talk.accepted.header("Allow").contains("UPDATE"));
    for (from, to) in [(Platform, CarrierA), (CarrierA, Platform)] {
        let dialog = if from == Platform { &mut talk.caller } else { &mut talk.callee };
        world.send(from, dialog.request("UPDATE", &sendonly(from)));
        let crossed = world.expect(to, "UPDATE");
        assert!(crossed.body().contains("a=sendonly") && crossed.header("Allow").contains("UPDATE"));
        assert!(!crossed.header("Contact").is_empty());
        world.send(to, crossed.respond(200, to, &recvonly(to)));
        let answer = world.expect(from, "SIP/2.0 200");
        assert!(answer.body().contains("a=recvonly"), "{}", answer.as_str());
        world.pass(Duration::from_secs(40));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn as_a_reinvite_where_the_other_party_does_not() {
    let mut world = World::new();
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &[TAKES_UPDATE], &["Allow: INVITE, ACK, BYE"]);
    hold_by_update(&mut world, &mut talk);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(200, CarrierA, &recvonly(CarrierA)));
    world.expect(CarrierA, "ACK");
    let answer = world.expect(Platform, "SIP/2.0 200");
    assert!(answer.header("CSeq").ends_with("UPDATE") && answer.body().contains("a=recvonly"));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn as_a_reinvite_towards_a_trunk_that_must_not_be_sent_one() {
    // MD-72.
    let mut world = World::configured(|settings| settings.trunks[0].behaviour.methods.sends = Sends::only(&["NOTIFY"]));
    let mut talk = talk(&mut world);
    hold_by_update(&mut world, &mut talk);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(488, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 488");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn as_a_reinvite_after_405_501_or_504() {
    for status in [405, 501, 504] {
        let mut world = World::new();
        let mut talk = talk(&mut world);
        hold_by_update(&mut world, &mut talk);
        let crossed = world.expect(CarrierA, "UPDATE");
        world.send(CarrierA, crossed.respond(status, CarrierA, ""));
        let again = world.expect(CarrierA, "INVITE");
        assert_eq!(again.body(), crossed.body());
        world.send(CarrierA, again.respond(200, CarrierA, &recvonly(CarrierA)));
        world.expect(CarrierA, "ACK");
        world.expect(Platform, "SIP/2.0 200");
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}

#[test]
fn a_reinvite_crosses_as_update_where_the_trunk_wants_it() {
    let mut world = World::configured(|settings| settings.trunks[0].behaviour.methods.reinvites = ReinviteAs::Update);
    let mut talk = talk(&mut world);
    let hold = talk.caller.request("INVITE", &sendonly(Platform));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "UPDATE");
    world.send(CarrierA, crossed.respond(200, CarrierA, &recvonly(CarrierA)));
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_refused_one_leaves_the_session_as_it_was() {
    let mut world = World::new();
    let mut talk = talk(&mut world);
    hold_by_update(&mut world, &mut talk);
    let crossed = world.expect(CarrierA, "UPDATE");
    world.send(CarrierA, crossed.respond(491, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 491");
    world.pass(Duration::from_secs(2));
    hold_by_update(&mut world, &mut talk);
    let crossed = world.expect(CarrierA, "UPDATE");
    world.send(CarrierA, crossed.respond(200, CarrierA, &recvonly(CarrierA)));
    world.expect(Platform, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn without_a_description_it_is_answered_here_and_moves_the_target() {
    let mut world = World::new();
    let mut talk = talk(&mut world);
    let moved = talk.callee.request("UPDATE", "").replace("<sip:ua@198.51.100.7:5060>", "<sip:new@198.51.100.7:5060>");
    world.send(CarrierA, moved);
    let answer = world.expect(CarrierA, "SIP/2.0 200");
    assert!(answer.body().is_empty() && !answer.header("Contact").is_empty());
    assert!(world.is_quiet(Platform));
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    assert!(world.hears_bye(CarrierA).start_line().starts_with("BYE sip:new@"));
    world.finish();
}

#[test]
fn one_that_meets_an_open_offer_is_491_and_a_second_of_the_same_party_500() {
    let mut world = World::new();
    let mut talk = talk(&mut world);
    hold_by_update(&mut world, &mut talk);
    let crossed = world.expect(CarrierA, "UPDATE");
    let meets = talk.callee.request("UPDATE", &sendonly(CarrierA));
    world.send(CarrierA, meets);
    world.expect(CarrierA, "SIP/2.0 491");
    hold_by_update(&mut world, &mut talk);
    assert!(!world.expect(Platform, "SIP/2.0 500").header("Retry-After").is_empty());
    world.send(CarrierA, crossed.respond(200, CarrierA, &recvonly(CarrierA)));
    world.expect(Platform, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn one_whose_answer_takes_too_long_is_504_and_a_late_yes_is_taken_back() {
    let mut world = World::new();
    let (mut talk, _) = world.talk_saying(Platform, CarrierA, &[TAKES_UPDATE], &[]);
    hold_by_update(&mut world, &mut talk);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 504");
    let cancel = world.expect(CarrierA, "CANCEL");
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    world.send(CarrierA, crossed.respond(200, CarrierA, &recvonly(CarrierA)));
    world.expect(CarrierA, "ACK");
    let back = world.expect(CarrierA, "INVITE");
    assert!(back.body().contains("a=sendrecv"), "{}", back.body());
    world.send(CarrierA, back.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 3)));
    world.expect(CarrierA, "ACK");
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn a_challenge_to_it_is_answered_here() {
    let mut world = World::configured(|settings| settings.trunks[0].auth = auth(None));
    let mut talk = talk(&mut world);
    hold_by_update(&mut world, &mut talk);
    let first = world.expect(CarrierA, "UPDATE");
    world.send(CarrierA, challenge(&first, 407, CarrierA, REALM, "n"));
    let second = world.expect(CarrierA, "UPDATE");
    assert_proven(&second, "Proxy-Authorization", "n");
    world.send(CarrierA, second.respond(200, CarrierA, &recvonly(CarrierA)));
    world.expect(Platform, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_body_that_is_no_description_is_415() {
    let mut world = World::new();
    let mut talk = talk(&mut world);
    let odd = talk.caller.request("UPDATE", "words").replace("application/sdp", "text/plain");
    world.send(Platform, odd);
    world.expect(Platform, "SIP/2.0 415");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_bye_while_it_crosses_answers_it() {
    let mut world = World::new();
    let mut talk = talk(&mut world);
    hold_by_update(&mut world, &mut talk);
    world.expect(CarrierA, "UPDATE");
    world.silence(CarrierA);
    let bye = with_header(&talk.caller.request("BYE", ""), "Reason: Q.850;cause=16");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.finish();
}

/// RFC 3311 5.1: UPDATE is a target refresh request, with a description too.
#[test]
fn with_a_description_it_moves_the_target_too() {
    let mut world = World::new();
    let mut talk = talk(&mut world);
    let hold = talk.callee.request("UPDATE", &sendonly(CarrierA));
    world.send(CarrierA, hold.replace("<sip:ua@198.51.100.7:5060>", "<sip:new@198.51.100.7:5060>"));
    let crossed = world.expect(Platform, "UPDATE");
    world.send(Platform, crossed.respond(200, Platform, &recvonly(Platform)));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(Platform, talk.caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    assert!(world.hears_bye(CarrierA).start_line().starts_with("BYE sip:new@"));
    world.finish();
}
