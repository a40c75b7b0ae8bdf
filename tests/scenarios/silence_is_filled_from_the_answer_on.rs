//! MD-193: a platform ends a call in which it hears nothing after the answer; it gets comfort noise until somebody speaks.

use trunkline::media::plan::Fill;
use trunkline::route::media::Comfort;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp;

fn fills(world: &World) -> Vec<Fill> {
    world.relay.plans.values().map(|plan| plan.sound.fill.clone()).collect()
}

#[test]
fn with_noise_for_the_trunk_that_wants_it_and_not_before() {
    let mut world = World::sounding("platform", |sound| sound.comfort = Comfort::Noise);
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(Platform, "SIP/2.0 183");
    assert_eq!(fills(&world), [Fill::Off, Fill::Off]);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    assert_eq!(fills(&world), [Fill::Noise, Fill::Off]);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn never_unless_wanted() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    assert_eq!(fills(&world), [Fill::Off, Fill::Off]);
    world.caller_hangs_up(&mut talk);
    world.finish();
}
