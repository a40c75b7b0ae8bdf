//! RFC 3261 12.2.1.2: 481, 408 or silence to a re-INVITE of ours: the other party is told and both hear BYE.

use trunkline::call::Cause;
use trunkline::call::record::EndedBy;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

#[test]
fn by_481() {
    lost(481);
}

#[test]
fn by_408() {
    lost(408);
}

fn lost(status: u16) {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, ask);
    let crossed = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, crossed.respond(status, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 408");
    world.hears_bye(Platform);
    let bye = world.expect(CarrierA, "BYE");
    world.send(CarrierA, bye.respond(481, CarrierA, ""));
    assert_eq!(world.finish()[0].cause, Cause::DialogLost);
}

#[test]
fn by_silence() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.silence(CarrierA);
    let ask = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, ask);
    world.expect(Platform, "SIP/2.0 408");
    world.hears_bye(Platform);
    assert_eq!(world.finish()[0].ended_by, EndedBy::Callee);
}
