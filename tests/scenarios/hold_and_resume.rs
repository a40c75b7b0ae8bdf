//! RFC 5359 2.1: a re-INVITE with sendonly crosses, its answer comes back, and the same again to resume.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

#[test]
fn held_by_the_caller() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    for (direction, answer) in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
        let hold = talk.caller.request("INVITE", &sdp_with(Platform, direction, "0 8 101", 2));
        world.send(Platform, hold);
        let crossed = world.expect(CarrierA, "INVITE");
        assert!(crossed.body().contains(&format!("a={direction}")), "{}", crossed.body());
        // RFC 3261 17.2.1: the other party may take its time.
        world.expect(Platform, "SIP/2.0 100");
        world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, answer, "0 8 101", 2)));
        world.expect(CarrierA, "ACK");
        let taken = world.expect(Platform, "SIP/2.0 200");
        assert!(taken.body().contains(&format!("a={answer}")), "{}", taken.body());
        world.send(Platform, talk.caller.ack(""));
        world.pass(Duration::from_secs(1));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn held_by_the_called_party_with_inactive_and_with_an_empty_address() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let inactive = sdp_with(CarrierA, "inactive", "0 8 101", 2);
    let zero = sdp_with(CarrierA, "sendrecv", "0 8 101", 3).replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0");
    for body in [inactive, zero] {
        let hold = talk.callee.request("INVITE", &body);
        world.send(CarrierA, hold);
        let crossed = world.expect(Platform, "INVITE");
        let asks = crossed.body().to_owned();
        assert!(asks.contains("a=inactive") || asks.contains("a=sendonly"), "{asks}");
        let answer = if asks.contains("a=inactive") { "inactive" } else { "recvonly" };
        world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, answer, "0 8 101", 2)));
        world.expect(Platform, "ACK");
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, talk.callee.ack(""));
        world.pass(Duration::from_secs(1));
    }
    world.callee_hangs_up(&mut talk);
    world.finish();
}
