//! 488 to a crossing re-INVITE: who asked hears 488, the session stays (RFC 3261 14.1). A challenge or a 5xx does not
//! cross.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{sdp, sdp_with};

#[test]
fn the_session_stays_as_it_was() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    for (status, told) in [(488, 488), (401, 488), (500, 488), (606, 606), (415, 488)] {
        let ask = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
        world.send(Platform, ask);
        let crossed = world.expect(CarrierA, "INVITE");
        world.send(CarrierA, crossed.respond(status, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        assert_eq!(world.refusal(Platform).status(), Some(told), "{status}");
    }
    world.pass(Duration::from_secs(60));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn an_offer_that_cannot_be_used_never_crosses() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let fax = talk.caller.request(
        "INVITE",
        &sdp(Platform, "sendrecv").replace("m=audio 40000 RTP/SAVP 0 8 101", "m=image 40000 udptl t38"),
    );
    world.send(Platform, fax);
    assert!(world.expect(Platform, "SIP/2.0 488").header("Warning").contains("m=audio"));
    let text = talk.caller.request("INVITE", "hello").replace("application/sdp", "text/plain");
    world.send(Platform, text);
    world.expect(Platform, "SIP/2.0 415");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn an_answer_that_does_not_fit_ends_the_call() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, ask);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(200, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 488");
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].cause, Cause::BadAnswer);
}
