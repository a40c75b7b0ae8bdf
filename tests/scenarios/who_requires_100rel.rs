//! 420, 421 and Require for 100rel, as each trunk's `provisional.reliable` says (RFC 3261 8.2.2.3, 21.4.16; MD-74).

use trunkline::call::Cause;
use trunkline::route::provisional::{ProvisionalSettings, Reliability};
use trunkline::sip::Status;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, invite, reliably, sdp, with_header};

fn world(reliable: Reliability) -> World {
    World::provisional(&[("carrier-a", ProvisionalSettings { reliable, ..Default::default() })])
}

fn refused(world: &mut World, line: &str) -> Text {
    world.send(CarrierA, with_header(&invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv")), line));
    world.refusal(CarrierA)
}

fn busy(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn off_refuses_who_requires_it() {
    let mut world = world(Reliability::Off);
    let answer = refused(&mut world, "Require: 100rel");
    assert_eq!((answer.status(), answer.header("Unsupported").as_str()), (Some(420), "100rel"));
    assert_eq!(world.finish()[0].attempts, 0);
}

#[test]
fn accept_uses_it_only_where_it_is_required() {
    let mut world = world(Reliability::Accept);
    let offered = world.dial_with(CarrierA, Platform, "Supported: 100rel", &sdp(CarrierA, "sendrecv"));
    world.send(Platform, offered.respond(180, Platform, ""));
    assert!(world.expect(CarrierA, "SIP/2.0 180").header("RSeq").is_empty());
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}

#[test]
fn required_refuses_who_does_not_name_it() {
    let mut world = world(Reliability::Required);
    let answer = refused(&mut world, "Supported: timer");
    assert_eq!((answer.status(), answer.header("Require").as_str()), (Some(421), "100rel"));
    assert!(world.finish().is_empty());
}

#[test]
fn required_stands_in_our_invite_and_a_420_is_the_end() {
    let mut world = world(Reliability::Required);
    let (offered, _) = world.dial(Platform, CarrierA);
    assert_eq!(offered.header("Require"), "100rel");
    world.send(CarrierA, with_header(&offered.respond(420, CarrierA, ""), "Unsupported: 100rel"));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(420));
    assert_eq!(world.finish()[0].cause, Cause::Refused(Status::BAD_EXTENSION));
}

#[test]
fn a_421_that_asks_for_it_gets_it() {
    let mut world = world(Reliability::Accept);
    let (offered, _) = world.dial(Platform, CarrierA);
    assert!(!offered.headers("Supported").contains(&"100rel".to_owned()));
    world.send(CarrierA, with_header(&offered.respond(421, CarrierA, ""), "Require: 100rel"));
    world.expect(CarrierA, "ACK");
    let again = world.expect(CarrierA, "INVITE");
    assert!(again.headers("Supported").contains(&"100rel".to_owned()));
    assert_eq!(again.header("CSeq"), "2 INVITE");
    world.send(CarrierA, reliably(&again.respond(180, CarrierA, ""), 1));
    world.hears_prack(CarrierA, "1 2 INVITE");
    world.expect(Platform, "SIP/2.0 180");
    busy(world, &again);
}

#[test]
fn a_421_is_passed_over_where_it_is_hidden() {
    let mut world = world(Reliability::Off);
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_header(&offered.respond(421, CarrierA, ""), "Require: 100rel"));
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(403));
    world.finish();
}
