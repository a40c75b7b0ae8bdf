//! P-Early-Media (RFC 5009): said, obeyed and told to peers of our trust domain, and nothing of it to others.

use trunkline::media::plan::EndpointPlan;
use trunkline::route::provisional::{EarlyMediaTrust, ProvisionalSettings};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, Text, invite, sdp, with_header, with_tag};

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

/// Which ways media flows at the carrier's endpoint: to it, and from it.
fn flows(world: &World) -> (bool, bool) {
    let carrier = world.agents[&CarrierA].listens.ip();
    let its = |plan: &EndpointPlan| plan.remote.is_some_and(|remote| remote.rtp.ip() == carrier);
    let endpoint = world.relay.endpoint(its).expect("an endpoint of the carrier's");
    let flowing = world.relay.plans[&endpoint].flowing;
    (flowing.send, flowing.receive)
}

/// The carrier is heard, and then says this.
fn silenced_by(world: &mut World, said: &str) -> Text {
    let offered = dial(world);
    progress(world, &offered, "sendrecv");
    world.expect(Platform, "SIP/2.0 183");
    assert_eq!(flows(world), (true, true));
    world.send(CarrierA, with_header(&offered.respond(183, CarrierA, ""), &format!("{FIELD}: {said}")));
    offered
}

#[test]
fn what_is_no_more_authorised_is_silenced_until_it_is_again_or_the_call_is_answered() {
    for (said, flowing) in [("inactive", (false, false)), ("recvonly", (true, false))] {
        let mut world = trusting(&["carrier-a", "platform"]);
        let offered = silenced_by(&mut world, said);
        let heard = world.expect(Platform, "SIP/2.0 180");
        assert_eq!((heard.header(FIELD).as_str(), flows(&world)), (said, flowing));
        let again = with_header(&offered.respond(183, CarrierA, ""), "P-Early-Media: sendrecv");
        world.agent(Platform).sees_repetitions();
        world.send(CarrierA, again);
        assert_eq!(world.expect(Platform, "SIP/2.0 183").header(FIELD), "sendrecv");
        assert_eq!(flows(&world), (true, true));
        world.send(CarrierA, with_header(&offered.respond(180, CarrierA, ""), &format!("{FIELD}: {said}")));
        world.expect(Platform, "SIP/2.0 180");
        assert_eq!(flows(&world), flowing);
        let mut talk = world.answer(Platform, CarrierA, offered);
        world.send(Platform, talk.caller.ack(""));
        assert_eq!(flows(&world), (true, true), "the answer");
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}

#[test]
fn by_an_update_too() {
    let mut world = trusting(&["carrier-a", "platform"]);
    let offered = dial(&mut world);
    let first = with_header(&offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")), "P-Early-Media: sendrecv");
    let mut callee = Dialog::of_callee(CarrierA, &offered, &first);
    world.send(CarrierA, first);
    world.expect(Platform, "SIP/2.0 183");
    for (said, told, flowing) in [("inactive", "180", (false, false)), ("sendrecv", "183", (true, true))] {
        world.send(CarrierA, with_header(&callee.request("UPDATE", ""), &format!("{FIELD}: {said}")));
        world.expect(CarrierA, "SIP/2.0 200");
        world.agent(Platform).sees_repetitions();
        assert_eq!(world.expect(Platform, &format!("SIP/2.0 {told}")).header(FIELD), said);
        assert_eq!(flows(&world), flowing);
    }
    finish(world, offered);
}

#[test]
fn a_later_fork_that_is_silenced_gives_way_to_the_one_before() {
    let mut world = trusting(&["carrier-a", "platform"]);
    let offered = dial(&mut world);
    progress(&mut world, &offered, "sendrecv");
    world.expect(Platform, "SIP/2.0 183");
    let later = sdp(CarrierA, "sendrecv").replace("m=audio 40000", "m=audio 40800");
    assert!(later.contains("40800"), "{later}");
    let speaks = |body: &str, said: &str| {
        let response = with_header(&offered.respond(183, CarrierA, body), &format!("{FIELD}: {said}"));
        with_tag(&response, "second")
    };
    let port = |world: &World| {
        let carrier = world.agents[&CarrierA].listens.ip();
        let plans = world.relay.plans.values().filter_map(|plan| plan.remote);
        plans.filter(|remote| remote.rtp.ip() == carrier).map(|remote| remote.rtp.port()).next()
    };
    // RFC 5009: not heard before it is authorised, and the first one is heard on.
    world.send(CarrierA, speaks(&later, "inactive"));
    world.pass(std::time::Duration::from_secs(1));
    assert_eq!((port(&world), flows(&world)), (Some(40_000), (true, true)));
    world.send(CarrierA, speaks("", "sendrecv"));
    world.pass(std::time::Duration::from_secs(1));
    assert_eq!((port(&world), flows(&world)), (Some(40_800), (true, true)));
    world.send(CarrierA, speaks("", "inactive"));
    world.pass(std::time::Duration::from_secs(1));
    assert_eq!((port(&world), flows(&world)), (Some(40_000), (true, true)));
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}
