//! RFC 3891 3: the new party of a transfer rings in an early dialog that we began; an INVITE with Replaces that names it is
//! answered in its place, and the transfer is done.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::TransferKind;

use crate::world::Name::{self, CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::Talk;
use crate::world::text::{Dialog, Text, invite, sdp, sdp_with, with_header};

const NEW_PARTY: &str = "<sip:+4931555@sbc.example.com>";

/// The platform sends carrier A's party on to carrier B's, which rings: the call, B's INVITE and its early dialog.
fn ringing(world: &mut World) -> (Talk, Text, Dialog) {
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    let ringing = offered.respond(180, CarrierB, "");
    world.send(CarrierB, ringing.clone());
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    let early = Dialog::of_callee(CarrierB, &offered, &ringing);
    (talk, offered, early)
}

fn picking_up(from: Name, early: &Dialog, body: &str) -> String {
    with_header(&invite(from, "+49301234567", body), &format!("Replaces: {}", early.replaces_value()))
}

/// Who rang hears CANCEL and says so.
fn is_let_go(world: &mut World, offered: &Text) {
    let cancel = world.expect(CarrierB, "CANCEL");
    assert_eq!(cancel.branch(), offered.branch());
    world.send(CarrierB, cancel.respond(200, CarrierB, ""));
    world.send(CarrierB, offered.respond(487, CarrierB, ""));
    world.expect(CarrierB, "ACK");
}

fn ends(mut world: World, talk: &mut Talk) {
    assert_eq!((world.hears(CarrierA), world.hears(CarrierB)), (vec![CarrierB], vec![CarrierA]));
    world.leaves(Platform, &mut talk.caller);
    world.send(CarrierA, talk.callee.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(CarrierB);
    let records = world.finish();
    let kinds: Vec<_> = records[0].transfers.iter().map(|transfer| (transfer.kind, transfer.cause)).collect();
    assert_eq!(kinds, [(TransferKind::Replaces, Cause::Replaced), (TransferKind::Blind, Cause::Transferred)]);
}

#[test]
fn who_picks_up_talks_to_the_transferee() {
    let mut world = World::moving(|_| {});
    let (mut talk, offered, early) = ringing(&mut world);
    world.send(CarrierB, picking_up(CarrierB, &early, &sdp(CarrierB, "sendrecv")));
    let accepted = world.expect(CarrierB, "SIP/2.0 200");
    world.send(CarrierB, Dialog::of_caller(CarrierB, &accepted).ack(""));
    is_let_go(&mut world, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    ends(world, &mut talk);
}

#[test]
fn who_writes_no_offer_answers_ours() {
    let mut world = World::moving(|_| {});
    let (mut talk, offered, early) = ringing(&mut world);
    world.send(CarrierB, picking_up(CarrierB, &early, ""));
    let accepted = world.expect(CarrierB, "SIP/2.0 200");
    assert!(accepted.body().contains("m=audio"), "our offer");
    is_let_go(&mut world, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.send(CarrierB, Dialog::of_caller(CarrierB, &accepted).ack(&sdp(CarrierB, "sendrecv")));
    world.pass(Duration::from_secs(1));
    ends(world, &mut talk);
}

/// RFC 3891 3: only who could have been called so, only while it rings, and not while the parties agree on something else.
#[test]
fn those_that_may_not_leave_it_ringing() {
    let mut world = World::moving(|_| {});
    let (mut talk, offered, early) = ringing(&mut world);
    let offer = sdp(CarrierB, "sendrecv");
    world.send(CarrierA, picking_up(CarrierA, &early, &offer));
    assert_eq!(world.refusal(CarrierA).status(), Some(403), "another trunk's");
    world.send(CarrierB, picking_up(CarrierB, &early, &offer.replace("m=audio", "m=video")));
    assert_eq!(world.refusal(CarrierB).status(), Some(488));
    world.send(CarrierA, talk.callee.request("INVITE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2)));
    let crossed = world.expect(Platform, "INVITE");
    world.send(CarrierB, picking_up(CarrierB, &early, &offer));
    assert_eq!(world.refusal(CarrierB).status(), Some(491));
    world.reinvite_answered(&talk.callee, &crossed, (Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    world.send(CarrierB, offered.respond(199, CarrierB, ""));
    world.send(CarrierB, picking_up(CarrierB, &early, &offer));
    assert_eq!(world.refusal(CarrierB).status(), Some(603), "an early dialog that has ended");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert!(records[0].transfers.iter().all(|transfer| transfer.to.is_none()));
}

/// It is none of the call's before it answers.
#[test]
fn what_it_asks_in_its_early_dialog_is_481() {
    let mut world = World::moving(|_| {});
    let (mut talk, offered, mut early) = ringing(&mut world);
    for method in ["UPDATE", "INFO", "BYE"] {
        world.send(CarrierB, early.request(method, ""));
        world.expect(CarrierB, "SIP/2.0 481");
    }
    assert_eq!(world.hears(CarrierA), [Platform]);
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}
