//! P-Early-Media (RFC 5009): said, obeyed and told to peers of our trust domain, and nothing of it to others.

use trunkline::route::provisional::{EarlyMediaTrust, ProvisionalSettings};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, invite, sdp, with_header};

const FIELD: &str = "P-Early-Media";

/// A world whose trunks of these names are of our trust domain.
fn trusting(trunks: &[&str]) -> World {
    let settings = ProvisionalSettings { early_media: EarlyMediaTrust::Trusted, ..ProvisionalSettings::default() };
    World::provisional(&trunks.iter().map(|name| (*name, settings)).collect::<Vec<_>>())
}

/// The platform, which supports the field, calls; the INVITE as the carrier gets it.
fn dial(world: &mut World) -> Text {
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, with_header(&call, "P-Early-Media: supported"));
    world.expect(CarrierA, "INVITE")
}

/// The carrier describes itself before its answer, with this field.
fn progress(world: &mut World, offered: &Text, said: &str) {
    let response = offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, if said.is_empty() { response } else { with_header(&response, &format!("{FIELD}: {said}")) });
}

fn finish(mut world: World, offered: Text) {
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    assert_eq!(world.hears(Platform), [CarrierA]);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn what_is_authorised_is_heard_and_told() {
    for said in ["sendrecv", "sendonly", "SendRecv, gated"] {
        let mut world = trusting(&["carrier-a", "platform"]);
        let offered = dial(&mut world);
        assert_eq!(offered.header(FIELD), "supported");
        progress(&mut world, &offered, said);
        let heard = world.expect(Platform, "SIP/2.0 183");
        assert_eq!(heard.header(FIELD), said.to_lowercase().replace(", gated", ""));
        assert!(!heard.body().is_empty());
        assert_eq!(world.hears(Platform), [CarrierA]);
        finish(world, offered);
    }
}

#[test]
fn what_is_not_authorised_rings() {
    for said in ["inactive", "recvonly"] {
        let mut world = trusting(&["carrier-a", "platform"]);
        let offered = dial(&mut world);
        progress(&mut world, &offered, said);
        let heard = world.expect(Platform, "SIP/2.0 180");
        assert_eq!((heard.header(FIELD).as_str(), heard.body()), (said, ""));
        assert_eq!(world.hears(Platform), []);
        finish(world, offered);
    }
}

#[test]
fn what_is_authorised_later_is_heard_from_then_on() {
    let mut world = trusting(&["carrier-a", "platform"]);
    let offered = dial(&mut world);
    progress(&mut world, &offered, "inactive");
    world.expect(Platform, "SIP/2.0 180");
    let released = with_header(&offered.respond(183, CarrierA, ""), "P-Early-Media: sendrecv");
    world.send(CarrierA, released);
    let heard = world.expect(Platform, "SIP/2.0 183");
    assert!(heard.body().contains("m=audio"), "{}", heard.as_str());
    assert_eq!((heard.header(FIELD).as_str(), world.hears(Platform)), ("sendrecv", vec![CarrierA]));
    finish(world, offered);
}

#[test]
fn what_comes_from_elsewhere_is_authorised_by_us() {
    let mut world = trusting(&["platform"]);
    let offered = dial(&mut world);
    assert_eq!(offered.header(FIELD), "", "the carrier is not of our trust domain");
    // Nor does its word count.
    progress(&mut world, &offered, "inactive");
    let heard = world.expect(Platform, "SIP/2.0 183");
    assert_eq!((heard.header(FIELD).as_str(), world.hears(Platform)), ("sendrecv", vec![CarrierA]));
    finish(world, offered);
}

#[test]
fn a_caller_outside_is_told_nothing() {
    let mut world = trusting(&["carrier-a"]);
    let offered = dial(&mut world);
    progress(&mut world, &offered, "sendrecv");
    assert_eq!(world.expect(Platform, "SIP/2.0 183").header(FIELD), "");
    finish(world, offered);
}
