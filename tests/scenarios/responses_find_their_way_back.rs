//! RFC 3581, RFC 3261 18.2.2: with rport to the source port, without it to the port of the Via; the repeated 200 too.

use std::time::Duration;

use trunkline::engine::io::Command;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp};

#[test]
fn the_port_of_the_via_without_rport() {
    let mut world = World::new();
    // The source is port 5060; the Via asks for 5070 at the same address, where nobody is.
    let call = invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv"))
        .replace("198.51.100.7:5060;branch", "198.51.100.7:5070;branch");
    world.send(CarrierA, call.clone());
    world.expect(Platform, "INVITE");
    world.pass(Duration::from_secs(1));
    assert!(world.heard(CarrierA).is_empty(), "sent to port 5070");
    world.agent(CarrierA).forget();
    world.order(Command::HangUpAll);
    world.silence(Platform);
    world.finish();
}

#[test]
fn the_source_port_with_rport() {
    let mut world = World::new();
    let call = invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv"))
        .replace("198.51.100.7:5060;branch", "10.9.9.9:5070;rport;branch");
    world.send(CarrierA, call);
    let offered = world.expect(Platform, "INVITE");
    let mut talk = world.answer(CarrierA, Platform, offered);
    let via = talk.accepted.header("Via");
    assert!(via.contains("received=198.51.100.7") && via.contains("rport=5060"), "{via}");
    world.pass(Duration::from_secs(2));
    let repeated = world.heard(CarrierA).iter().filter(|line| line.starts_with("SIP/2.0 200")).count();
    assert!(repeated > 1, "the 200 comes again on the same way");
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn the_port_of_the_via_when_the_connection_is_gone() {
    let mut world = World::new();
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, call.replace("5061;branch", "5061;rport;branch"));
    let offered = world.expect(CarrierA, "INVITE");
    world.pass(Duration::from_millis(100));
    world.cut(Platform);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
