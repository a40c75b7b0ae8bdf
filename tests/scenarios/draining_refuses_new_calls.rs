//! DESIGN 8: while draining, INVITE and OPTIONS get 503 with Retry-After, calls go on.

use std::time::Duration;

use trunkline::engine::io::Command;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, request, sdp, settings};

#[test]
fn calls_go_on() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.order(Command::Drain);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let refused = world.refusal(Platform);
    assert_eq!(refused.status(), Some(503));
    assert!(!refused.header("Retry-After").is_empty());
    world.send(CarrierA, request(CarrierA, "OPTIONS", "sip:sbc.example.com", ""));
    world.expect(CarrierA, "SIP/2.0 503");
    let options = talk.callee.request("OPTIONS", "");
    world.send(CarrierA, options);
    world.expect(CarrierA, "SIP/2.0 200");
    world.caller_hangs_up(&mut talk);
    let causes: Vec<_> = world.finish().iter().map(|record| record.cause.label()).collect();
    assert_eq!(causes, ["shutdown", "normal_clearing"]);
}

#[test]
fn our_own_probes_stop_and_a_new_configuration_starts_none() {
    let mut world = World::new();
    world.order(Command::Drain);
    let mut changed = settings();
    changed.trunks[0].behaviour.options.interval = Duration::from_secs(30);
    world.reload(&changed);
    world.pass(Duration::from_secs(120));
    assert!(world.heard(CarrierA).is_empty());
    world.finish();
}
