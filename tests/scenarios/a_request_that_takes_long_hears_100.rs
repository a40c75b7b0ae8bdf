//! RFC 4320 4.1: whoever sent a request that is no INVITE hears 100 when its answer takes as long as its timer E takes to
//! reach T2, and not before.

use std::time::Duration;

use trunkline::route::transfer::ReferPolicy;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, sdp_with, with_header};

fn message(dialog: &mut Dialog) -> String {
    dialog.request("MESSAGE", "x").replace("application/sdp", "text/plain")
}

#[test]
fn over_a_connection() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, message(&mut talk.caller));
    let crossed = world.expect(CarrierA, "MESSAGE");
    world.pass(Duration::from_secs(3));
    assert!(world.is_quiet(Platform));
    let trying = world.expect(Platform, "SIP/2.0 100");
    assert_eq!(trying.header("CSeq"), format!("{} MESSAGE", talk.caller.cseq));
    world.send(CarrierA, crossed.respond(200, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn as_a_datagram() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    world.send(CarrierA, message(&mut talk.caller));
    let crossed = world.expect(Platform, "MESSAGE");
    world.expect(CarrierA, "SIP/2.0 100");
    world.send(Platform, crossed.respond(200, Platform, ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn of_an_update_and_of_a_refer() {
    let mut world = World::moving(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.transfer.refer = ReferPolicy::Pass);
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, talk.caller.request("UPDATE", &sdp_with(Platform, "sendonly", "0 8 101", 2)));
    let crossed = world.expect(CarrierA, "INVITE");
    world.expect(Platform, "SIP/2.0 100");
    world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), "Refer-To: <sip:a@b>"));
    let crossed = world.expect(CarrierA, "REFER");
    world.expect(Platform, "SIP/2.0 100");
    world.send(CarrierA, crossed.respond(603, CarrierA, ""));
    assert_eq!(world.refusal(Platform).status(), Some(603));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn one_that_is_answered_at_once_hears_none() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, message(&mut talk.caller));
    let crossed = world.expect(CarrierA, "MESSAGE");
    world.send(CarrierA, crossed.respond(200, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 200");
    world.pass(Duration::from_secs(10));
    assert!(world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
