//! RFC 3261 22.2 inside a dialog: a request of ours goes again with credentials and the dialog's next number, whatever it
//! is.

use trunkline::route::provisional::{ProvisionalSettings, Reliability};
use trunkline::route::transfer::ReferPolicy;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::digest::{REALM, assert_proven, auth, challenge};
use crate::world::text::{Dialog, reliably, sdp, sdp_with, with_header};

fn world() -> World {
    World::configured(|settings| settings.trunks[0].auth = auth(None))
}

#[test]
fn a_reinvite_crosses_all_the_same() {
    let mut world = world();
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let first = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, challenge(&first, 407, CarrierA, REALM, "n"));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierA, "INVITE");
    assert_eq!((first.header("CSeq"), second.header("CSeq")), ("2 INVITE".into(), "3 INVITE".into()));
    assert_proven(&second, "Proxy-Authorization", "n");
    world.send(CarrierA, second.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    let ack = world.expect(CarrierA, "ACK");
    assert_eq!(ack.header("CSeq"), "3 ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_bye_ends_the_call_at_the_peer_too() {
    let mut world = world();
    let mut talk = world.talk(Platform, CarrierA);
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    let first = world.expect(CarrierA, "BYE");
    assert!(first.header("Authorization").is_empty());
    world.send(CarrierA, challenge(&first, 401, CarrierA, REALM, "n"));
    let second = world.hears_bye(CarrierA);
    assert_eq!(second.header("CSeq"), "3 BYE");
    assert_proven(&second, "Authorization", "n");
    world.finish();
}

/// RFC 3515: the transferor's trunk wants to know who reports. No later report overtakes the one that was challenged.
#[test]
fn a_report_of_a_transfer_goes_again() {
    let mut world = World::moving(|settings| settings.trunks[2].auth = auth(None));
    let mut talk = world.talk(Platform, CarrierA);
    let refer = talk.caller.request("REFER", "");
    world.send(Platform, with_header(&refer, "Refer-To: <sip:+4931555@sbc.example.com>"));
    world.expect(Platform, "SIP/2.0 202");
    let first = world.expect(Platform, "NOTIFY");
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(180, CarrierB, ""));
    world.send(Platform, challenge(&first, 401, Platform, REALM, "n"));
    let second = world.is_told(Platform, "SIP/2.0 100 Trying");
    assert_proven(&second, "Authorization", "n");
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    world.answers(CarrierB, &offered);
    let last = world.expect(Platform, "NOTIFY");
    world.send(Platform, challenge(&last, 401, Platform, REALM, "m"));
    let proven = world.is_told(Platform, "SIP/2.0 200 OK");
    assert_proven(&proven, "Authorization", "m");
    world.leaves(Platform, &mut talk.caller);
    world.callee_hangs_up_to(CarrierB, &mut talk);
    world.finish();
}

/// RFC 3515 2.4.6: the subscription has the number of the REFER that was taken.
#[test]
fn a_refer_that_crosses_goes_again() {
    let mut world = World::moving(|settings| {
        settings.trunks[0].auth = auth(None);
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.transfer.refer = ReferPolicy::Pass);
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), "Refer-To: <sip:a@b>"));
    let first = world.expect(CarrierA, "REFER");
    world.send(CarrierA, challenge(&first, 407, CarrierA, REALM, "n"));
    let second = world.expect(CarrierA, "REFER");
    assert_proven(&second, "Proxy-Authorization", "n");
    assert_eq!(second.header("Refer-To"), "<sip:a@b>");
    world.send(CarrierA, second.respond(202, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 202");
    let cseq = second.header("CSeq");
    let number = cseq.split(' ').next().unwrap_or_default();
    let lines = format!("Event: refer;id={number}\r\nSubscription-State: terminated;reason=noresource");
    let notify = with_header(&talk.callee.request("NOTIFY", "SIP/2.0 200 OK\r\n"), &lines);
    world.send(CarrierA, notify.replace("application/sdp", "message/sipfrag"));
    let heard = world.expect(Platform, "NOTIFY");
    assert_eq!(heard.header("Event"), format!("refer;id={}", talk.caller.cseq));
    world.send(Platform, heard.respond(200, Platform, ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3311: the called party's trunk asks who changes early media.
#[test]
fn an_update_before_the_answer_goes_again() {
    let settings = ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() };
    let mut world = World::configured(|all| {
        all.trunks.iter_mut().for_each(|trunk| trunk.behaviour.provisional = settings);
        all.trunks[2].auth = auth(None);
    });
    let offered = world.dial_with(CarrierA, Platform, "Supported: 100rel", &sdp(CarrierA, "sendrecv"));
    let progress = reliably(&offered.respond(183, Platform, &sdp(Platform, "sendrecv")), 1);
    world.send(Platform, with_header(&progress, "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE"));
    world.hears_prack(Platform, "1 1 INVITE");
    let heard = world.expect(CarrierA, "SIP/2.0 183");
    let mut caller = Dialog::of_caller(CarrierA, &heard);
    world.pracks(CarrierA, &mut caller, &heard, "");
    world.send(CarrierA, caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
    let first = world.expect(Platform, "UPDATE");
    world.send(Platform, challenge(&first, 401, Platform, REALM, "n"));
    let second = world.expect(Platform, "UPDATE");
    assert_proven(&second, "Authorization", "n");
    assert_eq!(second.body(), first.body());
    world.send(Platform, second.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 2)));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(Platform, offered.respond(200, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}
