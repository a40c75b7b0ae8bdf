//! RFC 3261 13.3.1.4: our 200 goes again until the ACK; after 64*T1 both parties hear BYE.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::Text;

#[test]
fn a_caller_that_never_acknowledges() {
    let mut world = World::new();
    let (offered, _) = world.ring(Platform, CarrierA);
    world.answer(Platform, CarrierA, offered);
    world.hears_bye(CarrierA);
    world.hears_bye(Platform);
    let repeated = world.heard(Platform).iter().filter(|line| line.starts_with("SIP/2.0 200")).count();
    assert_eq!(repeated, 11, "at 0, 0.5, 1.5, 3.5, 7.5, ... 31.5 s, on a reliable transport too");
    assert_eq!(world.finish()[0].cause, Cause::NoAck);
}

#[test]
fn an_ack_that_was_lost_once_comes_again() {
    let mut world = World::new();
    let (offered, _) = world.ring(CarrierA, Platform);
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.network.loss = 100;
    world.send(CarrierA, talk.caller.ack(""));
    world.network.loss = 0;
    world.pass(Duration::from_secs(10));
    let repeated = world.heard(CarrierA).iter().filter(|line| line.starts_with("SIP/2.0 200")).count();
    assert_eq!(repeated, 2);
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}

#[test]
fn an_ack_with_the_branch_of_its_invite_counts() {
    let mut world = World::new();
    let (offered, sent) = world.ring(CarrierA, Platform);
    let mut talk = world.answer(CarrierA, Platform, offered);
    let ack = Text::of(talk.caller.ack(""));
    world.send(CarrierA, ack.as_str().replace(&ack.branch(), &sent.branch()));
    world.pass(Duration::from_secs(60));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].cause, Cause::NormalClearing);
}
