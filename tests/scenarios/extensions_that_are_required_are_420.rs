//! RFC 3261 8.2.2.3: a Require we do not know is named in Unsupported, out of a dialog and inside.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, invite, sdp, sdp_with, with_header};

#[test]
fn out_of_a_dialog() {
    let mut world = World::new();
    for line in ["Require: 100rel, x-unheard", "Proxy-Require: x-unheard"] {
        world.send(Platform, with_header(&invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")), line));
        let refused = world.refusal(Platform);
        assert_eq!(refused.status(), Some(420));
        assert!(refused.header("Unsupported").contains("x-unheard"), "{}", refused.as_str());
    }
    assert!(world.finish().iter().all(|record| record.attempts == 0 && record.cause.status().code() == 420));
}

/// RFC 3261 20.32: what is no option tag is no demand that could be kept, and must not be passed over.
#[test]
fn what_no_tag_can_be_is_400() {
    let mut world = World::new();
    for line in ["Require: timer;x=1", "Require: timer, \"100rel\"", "Proxy-Require: a b"] {
        world.send(Platform, with_header(&invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")), line));
        assert_eq!(world.refusal(Platform).status(), Some(400), "{line}");
    }
    let records = world.finish();
    assert!(records.len() == 3 && records.iter().all(|record| record.cause.status().code() == 400));
}

#[test]
fn inside_a_dialog() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, with_header(&ask, "Require: x-unheard"));
    assert_eq!(world.refusal(Platform).header("Unsupported"), "x-unheard");
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, with_header(&bye, "Require: x-unheard"));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn before_the_answer() {
    let mut world = World::new();
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierA, "INVITE");
    let ringing = offered.respond(180, CarrierA, "");
    world.send(CarrierA, ringing.clone());
    let mut caller = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 180"));
    let mut callee = Dialog::of_callee(CarrierA, &offered, &ringing);
    for (at, request) in [(Platform, caller.request("OPTIONS", "")), (CarrierA, callee.request("UPDATE", ""))] {
        world.send(at, with_header(&request, "Require: x-unheard"));
        let refused = world.refusal(at);
        assert_eq!((refused.status(), refused.header("Unsupported").as_str()), (Some(420), "x-unheard"));
    }
    // A BYE ends the call whatever it requires.
    world.send(Platform, with_header(&caller.request("BYE", ""), "Require: x-unheard"));
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    let cancel = world.expect(CarrierA, "CANCEL");
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    world.send(CarrierA, offered.respond(487, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.finish();
}
