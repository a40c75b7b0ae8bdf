//! RFC 3891 3: an INVITE with Replaces that names an early dialog which we began is answered in the place of who rings.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::TransferKind;
use trunkline::route::provisional::Reliability;

use crate::world::Name::{self, CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, invite, reliably, sdp, with_header, with_tag};

/// The platform calls, carrier A's first phone rings: the INVITE it got, and its early dialog.
fn ringing(world: &mut World, call: &str) -> (Text, Dialog) {
    world.send(Platform, call.to_owned());
    let offered = world.expect(CarrierA, "INVITE");
    let ringing = offered.respond(180, CarrierA, "");
    world.send(CarrierA, ringing.clone());
    world.expect(Platform, "SIP/2.0 180");
    let early = Dialog::of_callee(CarrierA, &offered, &ringing);
    (offered, early)
}

fn call() -> String {
    invite(Platform, "+49309876543", &sdp(Platform, "sendrecv"))
}

fn picking_up(from: Name, early: &Dialog, flag: &str, body: &str) -> String {
    with_header(&invite(from, "+49301234567", body), &format!("Replaces: {}{flag}", early.replaces_value()))
}

/// Who rang hears CANCEL and says so.
fn is_let_go(world: &mut World, offered: &Text) {
    let cancel = world.expect(CarrierA, "CANCEL");
    assert_eq!(cancel.branch(), offered.branch());
    assert!(cancel.header("Reason").contains("cause=200"), "{}", cancel.header("Reason"));
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    world.send(CarrierA, offered.respond(487, CarrierA, ""));
    world.expect(CarrierA, "ACK");
}

/// Both parties hear each other until the new one hangs up.
fn talks_and_leaves(mut world: World, agent: &mut Dialog) {
    world.pass(Duration::from_secs(2));
    assert_eq!((world.hears(CarrierA), world.hears(Platform)), (vec![Platform], vec![CarrierA]));
    world.leaves(CarrierA, agent);
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn who_picks_up_talks_and_who_rang_is_let_go() {
    let mut world = World::moving(|_| {});
    let (offered, early) = ringing(&mut world, &call());
    // RFC 3891 3: early-only stops nothing while it rings.
    world.send(CarrierA, picking_up(CarrierA, &early, ";early-only", &sdp(CarrierA, "sendrecv")));
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    assert!(accepted.body().contains("m=audio"), "{}", accepted.body());
    let mut agent = Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, agent.ack(""));
    is_let_go(&mut world, &offered);
    let answered = world.expect(Platform, "SIP/2.0 200");
    assert!(answered.body().contains("RTP/SAVP"), "{}", answered.body());
    world.send(Platform, Dialog::of_caller(Platform, &answered).ack(""));
    world.pass(Duration::from_secs(5));
    assert_eq!((world.hears(CarrierA), world.hears(Platform)), (vec![Platform], vec![CarrierA]));
    // A confirmed dialog now.
    world.send(CarrierA, picking_up(CarrierA, &agent, ";early-only", &sdp(CarrierA, "sendrecv")));
    assert_eq!(world.refusal(CarrierA).status(), Some(486));
    world.leaves(CarrierA, &mut agent);
    world.hears_bye(Platform);
    let records = world.finish();
    // The second attempt came while the call was there, and was over before it.
    assert_eq!(
        records.iter().map(|record| record.cause.label()).collect::<Vec<_>>(),
        ["invite_not_taken", "normal_clearing"]
    );
    let records = &records[1..];
    assert!(records[0].answered.is_some());
    assert_eq!(records[0].cause, Cause::NormalClearing);
    let transfer = &records[0].transfers[0];
    assert_eq!((transfer.kind, transfer.cause), (TransferKind::Replaces, Cause::Replaced));
    assert_eq!(transfer.call_id.as_deref(), Some(agent.call_id().as_str()));
}

#[test]
fn who_writes_no_offer_answers_ours_before_the_caller_hears() {
    let mut world = World::moving(|_| {});
    let (offered, early) = ringing(&mut world, &call());
    world.send(CarrierA, picking_up(CarrierA, &early, "", ""));
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    assert!(accepted.body().contains("m=audio"), "our offer");
    is_let_go(&mut world, &offered);
    assert!(world.is_quiet(Platform), "nothing is agreed yet");
    let mut agent = Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, agent.ack(&sdp(CarrierA, "sendrecv")));
    let answered = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, Dialog::of_caller(Platform, &answered).ack(""));
    talks_and_leaves(world, &mut agent);
}

/// Its 200 is repeated; without an ACK it is ended by BYE, and the caller hears that nobody answers.
#[test]
fn who_never_acknowledges_has_not_picked_up() {
    let mut world = World::moving(|_| {});
    let (offered, early) = ringing(&mut world, &call());
    world.send(CarrierA, picking_up(CarrierA, &early, "", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    is_let_go(&mut world, &offered);
    world.pass(Duration::from_secs(10));
    let repeated = world.heard(CarrierA).iter().filter(|line| line.starts_with("SIP/2.0 200")).count();
    assert!(repeated > 3, "{repeated}");
    world.pass(Duration::from_secs(30));
    assert!(world.heard(CarrierA).iter().any(|line| line.starts_with("BYE")));
    assert_eq!(world.refusal(Platform).status(), Some(408));
    world.silence(CarrierA);
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].answered), (Cause::NoAck, None));
}

#[test]
fn a_caller_without_an_offer_answers_in_its_ack() {
    let mut world = World::moving(|_| {});
    let (offered, early) = ringing(&mut world, &invite(Platform, "+49309876543", ""));
    world.send(CarrierA, picking_up(CarrierA, &early, "", &sdp(CarrierA, "sendrecv")));
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    let mut agent = Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, agent.ack(""));
    is_let_go(&mut world, &offered);
    let answered = world.expect(Platform, "SIP/2.0 200");
    assert!(answered.body().contains("RTP/SAVP"), "our offer");
    world.send(Platform, Dialog::of_caller(Platform, &answered).ack(&sdp(Platform, "sendrecv")));
    talks_and_leaves(world, &mut agent);
}

/// RFC 3262 3: the 2xx waits until what was said reliably is acknowledged.
#[test]
fn the_caller_hears_of_it_once_it_has_acknowledged_the_ringing() {
    let mut world = World::moving(|settings| {
        for trunk in &mut settings.trunks {
            trunk.behaviour.provisional.reliable = Reliability::Supported;
        }
    });
    world.send(Platform, with_header(&call(), "Supported: 100rel"));
    let offered = world.expect(CarrierA, "INVITE");
    let progress = reliably(&offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")), 1);
    world.send(CarrierA, progress.clone());
    let prack = world.expect(CarrierA, "PRACK");
    world.send(CarrierA, prack.respond(200, CarrierA, ""));
    let heard = world.expect(Platform, "SIP/2.0 183");
    assert!(!heard.header("RSeq").is_empty());
    let early = Dialog::of_callee(CarrierA, &offered, &progress);
    world.send(CarrierA, picking_up(CarrierA, &early, "", &sdp(CarrierA, "sendrecv")));
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    let mut agent = Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, agent.ack(""));
    is_let_go(&mut world, &offered);
    // Another one meanwhile: a confirmed dialog that is not the call's yet.
    world.send(CarrierA, picking_up(CarrierA, &agent, "", &sdp(CarrierA, "sendrecv")));
    assert_eq!(world.refusal(CarrierA).status(), Some(491));
    assert!(world.heard(Platform).iter().all(|line| !line.starts_with("SIP/2.0 200")));
    let mut caller = Dialog::of_caller(Platform, &heard);
    world.send(Platform, caller.prack(&heard, ""));
    world.expect(Platform, "SIP/2.0 200");
    let answered = world.expect(Platform, "SIP/2.0 200");
    assert!(answered.header("CSeq").ends_with("INVITE") && answered.body().is_empty(), "RFC 3262 5");
    world.send(Platform, caller.ack_of(1, ""));
    talks_and_leaves(world, &mut agent);
}

#[test]
fn every_fork_is_let_go_and_one_that_answers_too_is_ended() {
    let mut world = World::moving(|_| {});
    let (offered, early) = ringing(&mut world, &call());
    let second = with_tag(&offered.respond(180, CarrierA, ""), "second");
    world.send(CarrierA, second);
    world.pass(Duration::from_secs(1));
    world.send(CarrierA, picking_up(CarrierA, &early, "", &sdp(CarrierA, "sendrecv")));
    let mut agent = Dialog::of_caller(CarrierA, &world.expect(CarrierA, "SIP/2.0 200"));
    world.send(CarrierA, agent.ack(""));
    let cancel = world.expect(CarrierA, "CANCEL");
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    let crossing = with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), "second");
    world.send(CarrierA, crossing);
    world.expect(CarrierA, "ACK");
    let bye = world.expect(CarrierA, "BYE");
    assert!(bye.header("To").ends_with("tag=second"));
    world.send(CarrierA, bye.respond(200, CarrierA, ""));
    let answered = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, Dialog::of_caller(Platform, &answered).ack(""));
    world.leaves(CarrierA, &mut agent);
    world.hears_bye(Platform);
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn the_caller_gives_up_while_the_pick_up_is_not_acknowledged() {
    let mut world = World::moving(|_| {});
    let call = call();
    let (offered, early) = ringing(&mut world, &call);
    world.send(CarrierA, picking_up(CarrierA, &early, "", ""));
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    is_let_go(&mut world, &offered);
    world.send(Platform, Text::of(call).cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.send(CarrierA, Dialog::of_caller(CarrierA, &accepted).ack(&sdp(CarrierA, "sendrecv")));
    world.hears_bye(CarrierA);
    let records = world.finish();
    assert_eq!((records[0].cause, records[0].answered), (Cause::CallerCancelled, None));
}

/// Each wrong one has its status, and it rings on.
#[test]
fn those_that_may_not_leave_it_ringing() {
    let mut world = World::moving(|_| {});
    let (offered, early) = ringing(&mut world, &call());
    world.send(CarrierB, picking_up(CarrierB, &early, "", &sdp(CarrierB, "sendrecv")));
    assert_eq!(world.refusal(CarrierB).status(), Some(403), "another trunk's");
    let video = sdp(CarrierA, "sendrecv").replace("m=audio", "m=video");
    world.send(CarrierA, picking_up(CarrierA, &early, "", &video));
    assert_eq!(world.refusal(CarrierA).status(), Some(488));
    world.send(CarrierA, offered.respond(199, CarrierA, ""));
    world.send(CarrierA, picking_up(CarrierA, &early, "", &sdp(CarrierA, "sendrecv")));
    assert_eq!(world.refusal(CarrierA).status(), Some(603), "an early dialog that has ended");
    let talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    let mut talk = talk;
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert!(records[0].transfers.iter().all(|transfer| transfer.cause != Cause::Replaced));
}
