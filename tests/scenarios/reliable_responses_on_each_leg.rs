//! RFC 3262, PF-142, PF-217: 100rel is a matter of each leg. Whatever one party does, the other hears what it can.

use trunkline::route::provisional::{ProvisionalSettings, Reliability};

use crate::world::Name::{self, CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, reliably, sdp};

fn world() -> World {
    let both = ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() };
    World::provisional(&[("platform", both), ("carrier-a", both)])
}

/// Who uses 100rel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reliable {
    Neither,
    Caller,
    Callee,
    Both,
}

impl Reliable {
    fn caller(self) -> bool {
        matches!(self, Reliable::Caller | Reliable::Both)
    }

    fn callee(self) -> bool {
        matches!(self, Reliable::Callee | Reliable::Both)
    }
}

/// A call with early media in each direction.
fn calls(reliable: Reliable) {
    call(Platform, CarrierA, reliable);
    call(CarrierA, Platform, reliable);
}

fn call(from: Name, to: Name, reliable: Reliable) {
    let mut world = world();
    let line = if reliable.caller() { "Supported: 100rel" } else { "X-Plain: yes" };
    let offered = world.dial_with(from, to, line, &sdp(from, "sendrecv"));
    assert_eq!(offered.header("Supported"), "100rel");
    let early = offered.respond(183, to, &sdp(to, "sendrecv"));
    world.send(to, if reliable.callee() { reliably(&early, 812) } else { early });
    if reliable.callee() {
        world.hears_prack(to, "812 1 INVITE");
    }
    let heard = world.expect(from, "SIP/2.0 183");
    assert!(heard.body().contains("m=audio"), "{}", heard.as_str());
    assert_eq!(heard.header("Require").contains("100rel"), reliable.caller(), "{}", heard.as_str());
    assert_eq!(world.engine.gauges().streams, 2);
    let mut dialog = Dialog::of_caller(from, &heard);
    if reliable.caller() {
        world.pracks(from, &mut dialog, &heard, "");
    }
    // Who has answered reliably need not answer again.
    let answer = if reliable.callee() { String::new() } else { sdp(to, "sendrecv") };
    world.send(to, offered.respond(200, to, &answer));
    world.expect(to, "ACK");
    let accepted = world.expect(from, "SIP/2.0 200");
    assert_eq!(accepted.body().is_empty(), reliable.caller(), "{}", accepted.as_str());
    hang_up(world, from, to, dialog, &accepted);
}

fn hang_up(mut world: World, from: Name, to: Name, mut dialog: Dialog, accepted: &Text) {
    let number = accepted.header("CSeq").split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(1);
    world.send(from, dialog.ack_of(number, ""));
    world.send(from, dialog.request("BYE", ""));
    world.expect(from, "SIP/2.0 200");
    world.hears_bye(to);
    world.finish();
}

#[test]
fn neither_party() {
    calls(Reliable::Neither);
}

#[test]
fn the_caller_alone() {
    calls(Reliable::Caller);
}

#[test]
fn the_called_party_alone() {
    calls(Reliable::Callee);
}

#[test]
fn both_parties() {
    calls(Reliable::Both);
}

/// A ringing called party that describes nothing: the caller's PRACK may cross the 200 (RFC 3262 3).
#[test]
fn a_prack_may_come_after_the_200() {
    let mut world = world();
    let offered = world.dial_with(Platform, CarrierA, "Supported: 100rel", &sdp(Platform, "sendrecv"));
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert!(!accepted.body().is_empty());
    let mut dialog = Dialog::of_caller(Platform, &ringing);
    world.pracks(Platform, &mut dialog, &ringing, "");
    hang_up(world, Platform, CarrierA, dialog, &accepted);
}
