//! Where the trunk says so a REFER and its NOTIFYs cross: the other party executes it.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::route::transfer::ReferPolicy;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::with_header;

fn passing() -> World {
    World::moving(|settings| {
        settings.trunks.iter_mut().for_each(|trunk| trunk.behaviour.transfer.refer = ReferPolicy::Pass);
    })
}

#[test]
fn with_its_reports() {
    let mut world = passing();
    let mut talk = world.talk(Platform, CarrierA);
    let lines = "Refer-To: <sip:+49555@directory.example;x-m=8:AbC>\r\nReferred-By: <sip:ann@directory.example>";
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), lines));
    let refer = world.expect(CarrierA, "REFER");
    assert_eq!(refer.header("Refer-To"), "<sip:+49555@directory.example;x-m=8:AbC>");
    assert_eq!(refer.header("Referred-By"), "<sip:ann@directory.example>");
    world.send(CarrierA, refer.respond(202, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 202");
    let number = refer.header("CSeq").split(' ').next().unwrap_or_default().to_owned();
    for (status, state) in [("100 Trying", "active;expires=60"), ("200 OK", "terminated;reason=noresource")] {
        let body = format!("SIP/2.0 {status}\r\n");
        let lines = format!("Event: refer;id={number}\r\nSubscription-State: {state}");
        let notify = with_header(&talk.callee.request("NOTIFY", &body), &lines);
        world.send(CarrierA, notify.replace("application/sdp", "message/sipfrag"));
        let heard = world.expect(Platform, "NOTIFY");
        assert_eq!((heard.body(), heard.header("Subscription-State").as_str()), (body.as_str(), state));
        assert_eq!(heard.header("Event"), format!("refer;id={}", talk.caller.cseq), "the number of the sender's REFER");
        world.send(Platform, heard.respond(200, Platform, ""));
        world.expect(CarrierA, "SIP/2.0 200");
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn and_its_refusal() {
    let mut world = passing();
    let mut talk = world.talk(Platform, CarrierA);
    for (status, told) in [(603, 603), (405, 405), (401, 603), (408, 504), (503, 500)] {
        world.send(Platform, with_header(&talk.caller.request("REFER", ""), "Refer-To: <sip:a@b>"));
        let refer = world.expect(CarrierA, "REFER");
        world.send(CarrierA, refer.respond(status, CarrierA, ""));
        assert_eq!(world.refusal(Platform).status(), Some(told));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 6665 4.1.3: a report nobody asked for.
#[test]
fn a_notify_without_a_refer_is_481() {
    let mut world = passing();
    let mut talk = world.talk(Platform, CarrierA);
    let lines = "Event: refer\r\nSubscription-State: active";
    world.send(Platform, with_header(&talk.caller.request("NOTIFY", ""), lines));
    assert_eq!(world.refusal(Platform).status(), Some(481));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_refer_on_its_way_when_the_call_ends() {
    let mut world = passing();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), "Refer-To: <sip:a@b>"));
    let refer = world.expect(CarrierA, "REFER");
    world.leaves(CarrierA, &mut talk.callee);
    assert_eq!(world.refusal(Platform).status(), Some(487));
    world.hears_bye(Platform);
    world.send(CarrierA, refer.respond(481, CarrierA, ""));
    world.finish();
}

/// RFC 4320 4.2: after 64*T1 its sender hears no answer any more.
#[test]
fn one_that_nobody_answers_is_504() {
    let mut world = passing();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), "Refer-To: <sip:a@b>"));
    world.expect(CarrierA, "REFER");
    world.expect(Platform, "SIP/2.0 504");
    world.pass(Duration::from_secs(20));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn a_party_without_the_dialog_ends_the_call() {
    let mut world = passing();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, with_header(&talk.caller.request("REFER", ""), "Refer-To: <sip:a@b>"));
    let refer = world.expect(CarrierA, "REFER");
    world.send(CarrierA, refer.respond(481, CarrierA, ""));
    assert_eq!(world.refusal(Platform).status(), Some(481));
    world.hears_bye(Platform);
    world.hears_bye(CarrierA);
    assert_eq!(world.finish()[0].cause, Cause::DialogLost);
}
