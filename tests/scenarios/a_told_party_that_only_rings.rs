//! A re-INVITE of ours that tells one party what the other said must not wait for ever: a party that answers it with 1xx
//! only is asked to forget it after the trunk's `no_answer_s`, and what either party wants next crosses again.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

#[test]
fn it_is_taken_back_and_the_call_goes_on() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    world.pass(Duration::from_secs(1));
    let hold = talk.callee.request("INVITE", "");
    world.send(Platform, hold);
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.callee.ack(&sdp_with(Platform, "inactive", "0 8 101", 2)));
    let told = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, told.respond(180, CarrierA, ""));

    let cancel = world.expect(CarrierA, "CANCEL");
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    world.send(CarrierA, told.respond(487, CarrierA, ""));
    world.expect(CarrierA, "ACK");

    let resume = talk.caller.request("INVITE", &sdp_with(CarrierA, "recvonly", "0 8 101", 2));
    world.send(CarrierA, resume);
    let crossed = world.expect(Platform, "INVITE");
    world.send(Platform, crossed.respond(488, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 488");
    world.callee_hangs_up(&mut talk);
    world.finish();
}
