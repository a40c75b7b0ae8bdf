//! What may meet a REFER: another one, a re-INVITE under way, an answer that is still to come, lost NOTIFYs, an end.

use std::time::Duration;

use trunkline::route::transfer::ReferPolicy;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Dialog, sdp_with, with_header};

const NEW_PARTY: &str = "<sip:+4931555@sbc.example.com>";

#[test]
fn a_second_one_is_491_and_one_after_a_failure_is_told_apart() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    for (at, dialog) in [(Platform, &mut talk.caller), (CarrierA, &mut talk.callee)] {
        let refer = with_header(&dialog.request("REFER", ""), &format!("Refer-To: {NEW_PARTY}"));
        world.send(at, refer);
        assert_eq!(world.refusal(at).status(), Some(491));
    }
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    let first = world.refers(Platform, &mut talk.caller, NEW_PARTY);
    // RFC 3515 2.4.6: the number of the REFER.
    assert_eq!(first.header("Event"), format!("refer;id={}", talk.caller.cseq));
    let again = world.expect(CarrierB, "INVITE");
    world.answers(CarrierB, &again);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.caller);
    world.callee_hangs_up_to(CarrierB, &mut talk);
    assert_eq!(world.finish()[0].transfers.len(), 2);
}

#[test]
fn before_the_answer_it_is_491() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    let mut early = Dialog::of_caller(Platform, &ringing);
    world.send(Platform, with_header(&early.request("REFER", ""), &format!("Refer-To: {NEW_PARTY}")));
    assert_eq!(world.refusal(Platform).status(), Some(491));
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    talk.caller.cseq = 20;
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// What one of them is asking of the other is finished first (RFC 3264 4).
#[test]
fn the_new_party_waits_for_a_reinvite_under_way() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    let crossed = world.expect(Platform, "INVITE");
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.answers(CarrierB, &offered);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.hears(CarrierA), [Platform], "not yet");
    world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.expect(Platform, "ACK");
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, talk.callee.ack(""));
    world.leaves(Platform, &mut talk.caller);
    // The new party is told of the hold that the transferee wants (RFC 5359 2.1), and nothing is asked of the transferee.
    let told = world.expect(CarrierB, "INVITE");
    assert!(told.body().contains("a=sendonly"), "{}", told.body());
    world.send(CarrierB, told.respond(200, CarrierB, &sdp_with(CarrierB, "recvonly", "0 8 101", 2)));
    world.expect(CarrierB, "ACK");
    assert_eq!(world.hears(CarrierA), [CarrierB]);
    world.callee_hangs_up_to(CarrierB, &mut talk);
    world.finish();
}

/// The new party ends its leg before its place is free.
#[test]
fn a_new_party_that_does_not_wait() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    let crossed = world.expect(Platform, "INVITE");
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &offered);
    world.leaves(CarrierB, &mut new);
    world.is_told(Platform, "SIP/2.0 480 Temporarily Unavailable");
    world.reinvite_answered(&talk.callee, &crossed, (Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// A transferor that knows no subscription is told no more, and its leg is ended once the new party is there.
#[test]
fn a_notify_that_is_481() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), &format!("Refer-To: {NEW_PARTY}")));
    world.expect(Platform, "SIP/2.0 202");
    let notify = world.expect(Platform, "NOTIFY");
    world.send(Platform, notify.respond(481, Platform, ""));
    let offered = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &offered);
    world.hears_bye(Platform);
    assert_eq!(world.hears(CarrierA), [CarrierB]);
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

/// NOTIFYs are lost for good: the transfer goes on all the same.
#[test]
fn a_transferor_that_falls_silent() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    world.send(CarrierA, with_header(&talk.caller.request("REFER", ""), &format!("Refer-To: {NEW_PARTY}")));
    world.expect(CarrierA, "SIP/2.0 202");
    world.silence(CarrierA);
    let offered = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &offered);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.hears(Platform), [CarrierB]);
    world.leaves(CarrierB, &mut new);
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn a_hang_up_of_the_transferee_ends_it_and_tells_the_transferor() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    world.leaves(CarrierA, &mut talk.callee);
    world.is_told(Platform, "SIP/2.0 487 Request Terminated");
    world.hears_bye(Platform);
    world.hears_cancel(CarrierB, &offered);
    world.finish();
}

#[test]
fn one_that_cannot_be_executed_is_refused_with_its_status() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    for (line, status) in [
        ("X-None: 1", 400),
        ("Refer-To: <sip:a@h>, <sip:b@h>", 400),
        ("Refer-To: <sip:a@h;method=BYE>", 603),
        ("Refer-To: <mailto:a@h>", 416),
        ("Refer-To: <sip:a@h?Replaces=nonsense>", 400),
        ("Require: teleport\r\nRefer-To: <sip:+4931555@h>", 420),
    ] {
        world.send(Platform, with_header(&talk.caller.request("REFER", ""), line));
        assert_eq!(world.refusal(Platform).status(), Some(status), "{line}");
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// MD-73, MD-152, MD-154: a trunk that must not transfer reads no REFER in our Allow, and its REFER is declined.
#[test]
fn a_trunk_that_may_not_transfer() {
    let mut world = World::moving(|settings| {
        settings.trunks[2].behaviour.transfer.refer = ReferPolicy::Refuse;
    });
    let mut talk = world.talk(Platform, CarrierA);
    assert!(!talk.accepted.header("Allow").contains("REFER"), "{}", talk.accepted.header("Allow"));
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), &format!("Refer-To: {NEW_PARTY}")));
    assert_eq!(world.refusal(Platform).status(), Some(603));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
