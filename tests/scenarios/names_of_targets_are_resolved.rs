//! A target that is a name: every address of it is tried (RFC 3263 4.3), then the next candidate.

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, invite, sdp};

#[test]
fn the_second_address_takes_the_call() {
    let mut world = named();
    let dead = "198.51.100.70:5060".parse().expect("an address");
    let alive = "198.51.100.7:5060".parse().expect("an address");
    world.names.insert("sip.carrier.test".into(), vec![dead, alive]);
    let (offered, _) = world.dial(Platform, CarrierA);
    assert!(offered.start_line().contains("@sip.carrier.test"), "the name, not the address: {}", offered.start_line());
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].attempts, 2);
}

#[test]
fn a_name_without_addresses_is_503() {
    let mut world = named();
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    assert_eq!(world.finish()[0].cause, Cause::NameNotResolved);
}

#[test]
fn a_name_without_addresses_tries_the_next_candidate() {
    let mut world = named();
    let (offered, _) = world.dial(Platform, CarrierB);
    let mut talk = world.answer(Platform, CarrierB, offered);
    world.send(Platform, talk.caller.ack(""));
    world.callee_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_cancel_while_the_name_is_asked_for() {
    let mut world = named();
    let sent = Text::of(invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    world.send(Platform, sent.as_str().to_owned());
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    assert_eq!(world.finish()[0].attempts, 0);
}

#[test]
fn a_resolver_that_never_answers_is_given_up() {
    let mut world = named();
    world.resolver_is_silent = true;
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    world.finish();
}

fn named() -> World {
    World::configured(|settings| {
        settings.trunks[0].targets[0].host = "sip.carrier.test".into();
        settings.trunks[0].targets[0].address = None;
        settings.trunks[0].sources = Some(vec!["198.51.100.7/32".parse().expect("a range")]);
    })
}
