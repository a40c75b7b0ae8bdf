//! Every message over UDP may be lost, doubled, delayed or overtaken; the call still begins and ends once.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::snapshot;

#[test]
fn the_carrier_calls_over_lossy_udp() {
    for seed in 0..20 {
        let mut world = lossy(seed);
        let (offered, _) = world.dial(CarrierA, Platform);
        let mut talk = world.answer(CarrierA, Platform, offered);
        world.send(CarrierA, talk.caller.ack(""));
        world.pass(Duration::from_secs(40));
        world.caller_hangs_up(&mut talk);
        let records = world.finish();
        assert_eq!((records.len(), records[0].cause), (1, Cause::NormalClearing), "seed {seed}");
    }
}

#[test]
fn the_carrier_is_called_over_lossy_udp() {
    for seed in 0..20 {
        let mut world = lossy(seed);
        let (offered, _) = world.dial(Platform, CarrierA);
        let mut talk = world.answer(Platform, CarrierA, offered);
        world.send(Platform, talk.caller.ack(""));
        world.pass(Duration::from_secs(40));
        world.caller_hangs_up(&mut talk);
        assert_eq!(world.finish()[0].cause, Cause::NormalClearing, "seed {seed}");
    }
}

fn lossy(seed: u64) -> World {
    let mut world = World::with(snapshot(), seed);
    world.network.loss = 25;
    world.network.doubled = 10;
    world.network.spread_ms = 120;
    world
}
