//! MD-125, MD-134: a re-INVITE that says the same is answered with the same description, version unchanged, and does
//! not cross.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

#[test]
fn the_other_party_hears_nothing() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    for version in [1, 2] {
        let refresh = talk.caller.request("INVITE", &sdp_with(Platform, "sendrecv", "0 8 101", version));
        world.send(Platform, refresh);
        let answer = world.expect(Platform, "SIP/2.0 200");
        assert_eq!(answer.body(), talk.accepted.body());
        world.send(Platform, talk.caller.ack(""));
        world.pass(Duration::from_secs(1));
    }
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// The other party has settled for fewer codecs since, which was answered here too: the description of before still stands.
#[test]
fn whatever_was_answered_here_for_the_other_party() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.send(CarrierA, talk.callee.request("INVITE", &sdp_with(CarrierA, "sendrecv", "0 101", 2)));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, talk.callee.ack(""));
    world.send(Platform, talk.caller.request("INVITE", &sdp_with(Platform, "sendrecv", "0 8 101", 1)));
    assert_eq!(world.expect(Platform, "SIP/2.0 200").body(), talk.accepted.body());
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
