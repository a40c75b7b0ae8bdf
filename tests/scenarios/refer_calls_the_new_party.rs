//! RFC 3515, MD-146, MD-147: a REFER is answered 202, the new party is called and takes the transferor's place; the party
//! that stays hears nothing of it but another voice.

use std::sync::Arc;
use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::TransferKind;
use trunkline::route::number::{FieldForms, IncomingForm, NumberPlan, country};
use trunkline::route::presentation::Presentation;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{sdp_with, with_header};

const NEW_PARTY: &str = "<sip:+4931555@sbc.example.com>";

#[test]
fn the_transferor_hears_how_it_goes_and_leaves_by_itself() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    assert_eq!(world.hears(CarrierA), [Platform]);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE sip:+4931555@198.51.100.8");
    assert!(offered.header("From").contains("+49301234567@"), "in the transferee's name: {}", offered.header("From"));
    assert_eq!(world.hears(CarrierA), [Platform], "they talk on while the new party is called");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    world.answers(CarrierB, &offered);
    let last = world.is_told(Platform, "SIP/2.0 200 OK");
    assert_eq!(last.header("Event"), "refer");
    assert_eq!(last.header("Subscription-State"), "terminated;reason=noresource");
    assert_eq!((world.hears(CarrierA), world.hears(CarrierB)), (vec![CarrierB], vec![CarrierA]));
    world.leaves(Platform, &mut talk.caller);
    world.pass(Duration::from_secs(60));
    assert!(world.is_quiet(CarrierA), "no re-INVITE: the codec is the same");
    let bye = talk.callee.request("BYE", "");
    world.send(CarrierA, bye);
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(CarrierB);
    let records = world.finish();
    assert_eq!(records.len(), 1);
    let transfer = &records[0].transfers[0];
    assert_eq!((transfer.kind, transfer.cause), (TransferKind::Blind, Cause::Transferred));
    assert_eq!((&*transfer.by, transfer.to.as_deref()), ("platform", Some("carrier-b")));
    assert_eq!(records[0].cause, Cause::NormalClearing);
}

/// Its number is read as every number of the transferor's trunk is, and calls go by one form (PF-134).
#[test]
fn a_number_in_the_transferors_own_form_is_routed_in_ours() {
    let mut world = World::moving(|settings| {
        let platform = settings.trunks.iter_mut().find(|trunk| trunk.name == "platform").expect("a platform");
        let mut presentation = Presentation::clone(&platform.behaviour.presentation);
        presentation.numbers = NumberPlan {
            country: country("DE"),
            incoming: FieldForms::all(IncomingForm::National),
            ..NumberPlan::default()
        };
        platform.behaviour.presentation = Arc::new(presentation);
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, "<sip:031-555@sbc.example.com>");
    let offered = world.expect(CarrierB, "INVITE sip:+4931555@198.51.100.8");
    world.answers(CarrierB, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.caller);
    world.send(CarrierA, talk.callee.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(CarrierB);
    assert_eq!(world.finish()[0].transfers[0].asked, "+4931555");
}

/// MD-147: a transferor that does not end its leg is ended after the guard, not before.
#[test]
fn a_transferor_that_stays_is_ended_after_ten_seconds() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.pass(Duration::from_secs(9));
    assert!(world.is_quiet(Platform), "an early BYE kills the transfer");
    let bye = world.hears_bye(Platform);
    assert!(bye.header("Reason").contains("cause=16"), "{}", bye.header("Reason"));
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

/// The called party transfers: the caller stays, and keeps key and port on its SRTP leg (MD-126, MD-150).
#[test]
fn the_caller_is_transferred_by_the_called_party_without_a_new_key() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let before = world.relay.plans.len();
    world.refers(CarrierA, &mut talk.callee, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    assert!(offered.header("From").starts_with("\"Ann\" <sip:+493099887766@"), "{}", offered.header("From"));
    world.answers(CarrierB, &offered);
    world.is_told(CarrierA, "SIP/2.0 200 OK");
    assert_eq!(world.relay.plans.len(), before + 1, "one endpoint is new: the platform's goes on");
    assert_eq!((world.hears(Platform), world.hears(CarrierB)), (vec![CarrierB], vec![Platform]));
    world.leaves(CarrierA, &mut talk.callee);
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(Platform));
    world.leaves(Platform, &mut talk.caller);
    world.hears_bye(CarrierB);
    world.finish();
}

/// A transferee that was held is asked to talk again, in a re-INVITE with the key and port of before.
#[test]
fn a_held_transferee_is_resumed() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    let hold = talk.caller.request("INVITE", &sdp_with(CarrierA, "inactive", "0 8 101", 2));
    world.send(CarrierA, hold);
    let held = world.expect(Platform, "INVITE");
    world.reinvite_answered(&talk.caller, &held, (Platform, &sdp_with(Platform, "inactive", "0 8 101", 2)));
    world.refers(CarrierA, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    assert!(offered.body().contains("a=sendrecv"), "{}", offered.body());
    world.answers(CarrierB, &offered);
    world.is_told(CarrierA, "SIP/2.0 200 OK");
    let resumed = world.expect(Platform, "INVITE");
    assert!(resumed.body().contains("a=sendrecv"), "{}", resumed.body());
    let line = |text: &str, start: &str| text.lines().find(|line| line.starts_with(start)).map(str::to_owned);
    for start in ["m=audio", "a=crypto"] {
        let port =
            |text: &str| line(text, start).map(|line| line.split(' ').take(3).map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(port(resumed.body()), port(held.body()), "{start}");
    }
    world.send(Platform, resumed.respond(200, Platform, &sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    world.expect(Platform, "ACK");
    world.leaves(CarrierA, &mut talk.caller);
    assert_eq!(world.hears(Platform), [CarrierB]);
    world.leaves(Platform, &mut talk.callee);
    world.hears_bye(CarrierB);
    world.finish();
}

/// MD-145: octet for octet; nothing else of the old INVITE.
#[test]
fn referred_by_goes_along_octet_for_octet() {
    let by = "<sip:sip.directory.example:5061;x-m=8:orgid:AbC;x-tt=aHR0cHM6Ly9h%3D>";
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let refer = with_header(&talk.caller.request("REFER", ""), &format!("Referred-By: {by}\r\nRefer-To: {NEW_PARTY}"));
    world.send(Platform, refer.replace("Max-Forwards: 70", "Max-Forwards: 20"));
    world.expect(Platform, "SIP/2.0 202");
    world.is_told(Platform, "SIP/2.0 100 Trying");
    let offered = world.expect(CarrierB, "INVITE");
    assert_eq!(offered.header("Referred-By"), by);
    assert_eq!(offered.header("Max-Forwards"), "19", "RFC 7332");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 4488: who wants no reports gets none, and its leg is ended as soon as the new party is there.
#[test]
fn a_refer_without_subscription() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    let lines = format!("Refer-Sub: false\r\nRefer-To: {NEW_PARTY}");
    let refer = with_header(&talk.caller.request("REFER", ""), &lines);
    world.send(Platform, refer);
    assert_eq!(world.expect(Platform, "SIP/2.0 202").header("Refer-Sub"), "false");
    let offered = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &offered);
    world.hears_bye(Platform);
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}

/// MD-36, MD-151: a dialog is known by its tags, not by the connection.
#[test]
fn a_refer_on_another_connection() {
    let mut world = World::moving(|_| {});
    let mut talk = world.talk(Platform, CarrierA);
    world.cut(Platform);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.answers(CarrierB, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.caller);
    world.callee_hangs_up_to(CarrierB, &mut talk);
    world.finish();
}

/// MD-144, MD-145: where the trunk wants its transfers back, the URI goes there octet for octet and no route is asked.
#[test]
fn a_uri_of_the_platform_goes_back_to_the_platform() {
    use trunkline::route::transfer::ReferTarget;
    let uri = "sip:192.0.2.50:5061;transport=tls;x-m=8:orgid:3AbC;x-t=aaaa";
    let mut world = World::moving(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.transfer.target = ReferTarget::Peer);
    });
    let mut talk = world.talk(CarrierA, Platform);
    world.refers(Platform, &mut talk.callee, &format!("<{uri}>"));
    let offered = world.expect(Platform, "INVITE");
    assert_eq!(offered.start_line(), format!("INVITE {uri} SIP/2.0"));
    assert_eq!(offered.header("To"), format!("<{uri}>"));
    let mut new = world.answers(Platform, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.callee);
    assert_eq!(world.hears(CarrierA), [Platform]);
    world.leaves(Platform, &mut new);
    world.hears_bye(CarrierA);
    world.finish();
}
