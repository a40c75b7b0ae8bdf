//! RFC 3263 4.3: 503 is a failure of the path: the other addresses of the same name come first.

use trunkline::route::failover::After503;
use trunkline::route::settings::RoutingSettings;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp};

/// One trunk leads to both carriers, by a name.
fn one_trunk(settings: &mut RoutingSettings) {
    settings.trunks[0].targets[0].host = "sip.carrier.test".into();
    settings.trunks[0].targets[0].address = None;
    settings.trunks[0].sources = Some(vec!["198.51.100.0/24".parse().expect("a range")]);
    settings.trunks.remove(1);
    settings.routes.truncate(3);
    settings.routes[0].to.truncate(1);
}

fn named(world: &mut World, name: &str, addresses: &[&str]) {
    let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
    world.names.insert(name.into(), addresses);
}

/// One that says 503, another one that answers: how many were asked.
fn answered_after_503(mut world: World) -> u32 {
    let (first, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, first.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish()[0].attempts
}

/// The call ends as busy where it arrives.
fn refused_at(world: &mut World, at: crate::world::Name) {
    world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
    let offered = world.expect(at, "INVITE");
    world.send(at, offered.respond(486, at, ""));
    world.expect(at, "ACK");
    world.refusal(Platform);
}

/// MD-119: a datacentre that says 503 is given up with all of its addresses.
#[test]
fn of_the_next_name_where_the_trunk_says_so() {
    let mut world = World::configured(|settings| {
        one_trunk(settings);
        settings.trunks[0].behaviour.failover.after_503 = After503::Target;
        let mut second = settings.trunks[0].targets[0].clone();
        second.host = "sip2.carrier.test".into();
        settings.trunks[0].targets.push(second);
    });
    named(&mut world, "sip.carrier.test", &["198.51.100.7:5060", "198.51.100.9:5060"]);
    named(&mut world, "sip2.carrier.test", &["198.51.100.8:5060"]);
    assert_eq!(answered_after_503(world), 2, "the first name's second address was left out");
}

/// RFC 3263 4.3: what one call has found holds for the next.
#[test]
fn an_address_of_a_name_that_failed_is_tried_after_the_others() {
    let mut world = World::configured(one_trunk);
    named(&mut world, "sip.carrier.test", &["198.51.100.7:5060", "198.51.100.8:5060"]);
    world.agent(CarrierA).is_unreachable = true;
    refused_at(&mut world, CarrierB);
    world.agent(CarrierA).is_unreachable = false;
    refused_at(&mut world, CarrierB);
    assert!(world.is_quiet(CarrierA));
    assert_eq!(world.finish().len(), 2);
}

/// MD-2: sip, sip2, sip3, however the file lists them.
#[test]
fn targets_are_tried_by_their_priority() {
    let mut world = World::configured(|settings| {
        one_trunk(settings);
        let mut targets = vec![settings.trunks[0].targets[0].clone(); 2];
        (targets[0].host, targets[0].priority) = ("late.carrier.test".into(), 2);
        (targets[1].host, targets[1].priority) = ("early.carrier.test".into(), 1);
        settings.trunks[0].targets = targets;
    });
    named(&mut world, "early.carrier.test", &["198.51.100.8:5060"]);
    named(&mut world, "late.carrier.test", &["198.51.100.7:5060"]);
    refused_at(&mut world, CarrierB);
    assert!(world.is_quiet(CarrierA));
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn of_the_same_name() {
    let mut world = World::configured(one_trunk);
    named(&mut world, "sip.carrier.test", &["198.51.100.7:5060", "198.51.100.8:5060"]);
    assert_eq!(answered_after_503(world), 2);
}
