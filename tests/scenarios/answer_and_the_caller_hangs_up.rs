//! RFC 3665 3.1 seen by both parties: 100, 180, 200, ACK, BYE.

use crate::world::text::{Dialog, invite, sdp};
use crate::world::{Name, World};
use trunkline::call::Cause;

#[test]
fn a_call_from_the_platform_to_a_carrier() {
    let mut world = World::new();
    world.send(Name::Platform, invite(Name::Platform, "+49301234567", &sdp(Name::Platform, "sendrecv")));
    world.expect(Name::Platform, "SIP/2.0 100");
    let offered = world.expect(Name::CarrierA, "INVITE sip:+49301234567@198.51.100.7");
    assert!(offered.body().contains("RTP/AVP"), "{}", offered.body());
    world.send(Name::CarrierA, offered.respond(180, Name::CarrierA, ""));
    world.expect(Name::Platform, "SIP/2.0 180");
    let answer = offered.respond(200, Name::CarrierA, &sdp(Name::CarrierA, "sendrecv"));
    world.send(Name::CarrierA, answer);
    world.expect(Name::CarrierA, "ACK");
    let accepted = world.expect(Name::Platform, "SIP/2.0 200");
    assert!(accepted.body().contains("RTP/SAVP"), "{}", accepted.body());
    let mut caller = Dialog::of_caller(Name::Platform, &accepted);
    world.send(Name::Platform, caller.ack(""));
    world.send(Name::Platform, caller.request("BYE", ""));
    world.expect(Name::Platform, "SIP/2.0 200");
    let bye = world.expect(Name::CarrierA, "BYE");
    world.send(Name::CarrierA, bye.respond(200, Name::CarrierA, ""));
    let records = world.finish();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].cause, Cause::NormalClearing);
    assert!(records[0].answered.is_some());
}
