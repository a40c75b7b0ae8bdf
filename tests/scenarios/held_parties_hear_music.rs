//! A party that is held without music hears ours, where its trunk has some (MD-128).

use trunkline::media::plan::Fill;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

#[test]
fn from_hold_to_resume() {
    let mut world = World::sounding("platform", |sound| sound.hold_music = Some(vec![1000; 160].into()));
    let mut talk = world.talk(Platform, CarrierA);
    let rounds = [("inactive", "sendonly", "recvonly", "inactive"), ("sendrecv", "sendrecv", "sendrecv", "sendrecv")];
    for (asked, crossed, answered, taken) in rounds {
        world.send(CarrierA, talk.callee.request("INVITE", &sdp_with(CarrierA, asked, "0 8 101", 2)));
        let offer = world.expect(Platform, "INVITE");
        assert!(offer.body().contains(&format!("a={crossed}")), "{}", offer.body());
        world.send(Platform, offer.respond(200, Platform, &sdp_with(Platform, answered, "0 8 101", 2)));
        world.expect(Platform, "ACK");
        let accepted = world.expect(CarrierA, "SIP/2.0 200");
        assert!(accepted.body().contains(&format!("a={taken}")), "{}", accepted.body());
        world.send(CarrierA, talk.callee.ack(""));
        let playing = world.relay.plans.values().filter(|plan| matches!(plan.sound.fill, Fill::Music(_)));
        let playing: Vec<bool> = playing.map(|plan| plan.flowing.send).collect();
        assert_eq!(playing, if asked == "inactive" { vec![true] } else { Vec::new() });
    }
    world.callee_hangs_up(&mut talk);
    world.finish();
}
