//! RFC 3891 3, MD-76: an INVITE with Replaces takes the place of a party: media is swapped, the replaced dialog gets BYE.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::TransferKind;
use trunkline::route::transfer::ReplacesPolicy;

use crate::world::Name::{self, CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::Talk;
use crate::world::text::{Dialog, Text, invite, request, sdp, sdp_with, with_header};

fn replacing(from: Name, replaced: &Dialog, body: &str) -> String {
    with_header(&invite(from, "+49301234567", body), &format!("Replaces: {}", replaced.replaces_value()))
}

#[test]
fn an_agent_of_the_platform_takes_the_call() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    assert!(talk.accepted.header("Supported").split(", ").any(|tag| tag == "replaces"), "MD-76");
    world.send(
        Platform,
        with_header(&replacing(Platform, &talk.caller, &sdp(Platform, "sendrecv")), "Require: replaces"),
    );
    let accepted = world.expect(Platform, "SIP/2.0 200");
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.header("Call-ID"), talk.caller.call_id());
    let mut agent = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, agent.ack(""));
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA), "the other party hears another voice and nothing else");
    assert_eq!((world.hears(CarrierA), world.hears(Platform)), (vec![Platform], vec![CarrierA]));
    let hold = agent.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, agent.ack(""));
    world.callee_hangs_up(&mut talk);
    let records = world.finish();
    assert_eq!(records.len(), 1);
    let transfer = &records[0].transfers[0];
    assert_eq!((transfer.kind, transfer.cause), (TransferKind::Replaces, Cause::Replaced));
    assert_eq!(transfer.asked, records[0].calling, "who sent the INVITE; here the agent has the caller's number");
}

#[test]
fn the_called_party_is_replaced_and_writes_no_offer() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    world.send(Platform, replacing(Platform, &talk.callee, ""));
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert!(accepted.body().contains("RTP/SAVP"), "{}", accepted.body());
    world.hears_bye(Platform);
    let mut agent = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, agent.ack(&sdp(Platform, "sendrecv")));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.hears(CarrierA), [Platform]);
    world.leaves(CarrierA, &mut talk.caller);
    world.expect(Platform, "BYE");
    agent.cseq += 1;
    world.pass(Duration::from_secs(1));
    finish_with_answered_bye(world);
}

fn finish_with_answered_bye(mut world: World) {
    // The BYE of the agent's leg comes again until it is answered; on a connection it is answered by nobody here.
    world.silence(Platform);
    world.finish();
}

/// RFC 3891 3: each wrong one has its status, and the call goes on.
#[test]
fn those_that_may_not() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let offer = sdp(Platform, "sendrecv");
    let value = talk.caller.replaces_value();
    let call = || invite(Platform, "+49301234567", &offer);
    for (lines, status) in [
        (format!("Replaces: {}", value.replace(talk.caller.call_id().as_str(), "unknown")), 481),
        (format!("Replaces: {value};early-only"), 486),
        ("Replaces: nonsense".to_owned(), 400),
        ("Replaces: ".to_owned(), 400),
        (format!("Replaces: {value}\r\nReplaces: {value}"), 400),
        (format!("Replaces: {value}\r\nJoin: {value}"), 400),
        (format!("Join: {value}"), 420),
    ] {
        world.send(Platform, with_header(&call(), &lines));
        assert_eq!(world.refusal(Platform).status(), Some(status), "{lines}");
    }
    world.send(CarrierB, replacing(CarrierB, &talk.caller, &sdp(CarrierB, "sendrecv")));
    assert_eq!(world.refusal(CarrierB).status(), Some(403), "another trunk's");
    world.caller_hangs_up(&mut talk);
    world.send(Platform, with_header(&call(), &format!("Replaces: {value}")));
    assert!(matches!(world.refusal(Platform).status(), Some(603 | 481)), "a dialog that is over");
    world.finish();
}

#[test]
fn one_whose_dialog_is_just_ending_is_declined() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.leaves(CarrierA, &mut talk.callee);
    let bye = world.expect(Platform, "BYE");
    world.send(Platform, replacing(Platform, &talk.caller, &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(603));
    world.send(Platform, bye.respond(200, Platform, ""));
    world.finish();
}

#[test]
fn one_for_the_callers_early_dialog_is_481() {
    let mut world = World::moving(|_| {});
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let early = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 180"));
    world.send(Platform, replacing(Platform, &early, &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(481), "an early dialog that its sender began");
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 486");
    world.finish();
}

/// Where the trunk takes none, the extension is unknown.
#[test]
fn a_trunk_without_it() {
    let mut world = World::moving(|settings| {
        settings.trunks[2].behaviour.transfer.replaces = ReplacesPolicy::Refuse;
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, replacing(Platform, &talk.caller, &sdp(Platform, "sendrecv")));
    let refused = world.refusal(Platform);
    assert_eq!((refused.status(), refused.header("Unsupported").as_str()), (Some(420), "replaces"));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// An exchange between the parties is finished first, and a sender that does not wait is told 487.
#[test]
fn one_that_waits_and_is_cancelled() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let crossed = asked_to_hold(&mut world, &mut talk);
    let sent = replacing(Platform, &talk.caller, &sdp(Platform, "sendrecv"));
    world.send(Platform, sent.clone());
    world.pass(Duration::from_secs(1));
    world.send(Platform, Text::of(sent).cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.reinvite_answered(&talk.callee, &crossed, (Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

fn asked_to_hold(world: &mut World, talk: &mut Talk) -> Text {
    let hold = talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    world.send(CarrierA, hold);
    world.expect(Platform, "INVITE")
}

#[test]
fn an_offer_that_fits_nobody_is_488() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let offer = sdp(Platform, "sendrecv").replace("RTP/SAVP", "RTP/AVP").replace("a=crypto", "a=nothing");
    world.send(Platform, replacing(Platform, &talk.caller, &offer));
    assert_eq!(world.refusal(Platform).status(), Some(488));
    assert_eq!(world.hears(CarrierA), [Platform]);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_replaces_in_another_request_is_400() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let value = talk.caller.replaces_value();
    for request in [
        request(Platform, "OPTIONS", "sip:sbc.example.com", ""),
        talk.caller.request("OPTIONS", ""),
        talk.caller.request("UPDATE", ""),
    ] {
        world.send(Platform, with_header(&request, &format!("Replaces: {value}")));
        assert_eq!(world.refusal(Platform).status(), Some(400), "{request}");
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}
