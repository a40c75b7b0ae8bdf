//! MD-197: on a bypass trunk the far end's connectivity checks may reach us as soon as it has our INVITE, and several
//! forks may check at once. So the endpoint that answers them is there with the offer, with one name for all of the call.

use std::time::Duration;

use trunkline::base::ids::EndpointId;
use trunkline::media::plan::{EndpointPlan, IcePlan};
use trunkline::route::media::{Ice, MediaSettings};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, Text, invite, sdp, with_tag};

fn bypass(media: &mut MediaSettings) {
    media.ice = Ice::Lite;
}

/// The platform's description with its part of ICE.
fn checking(ufrag: &str) -> String {
    let password = "aVeryGoodPasswordOf32Characters0";
    format!("{}a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=rtcp-mux\r\n", sdp(Platform, "sendrecv"))
}

/// The only endpoint with ICE.
fn listening(world: &World) -> (EndpointId, EndpointPlan, IcePlan) {
    let id = world.relay.endpoint(|plan| plan.ice.is_some()).expect("an endpoint that answers checks");
    let plan = world.relay.plans[&id].clone();
    let ice = plan.ice.clone().expect("its part of ICE");
    (id, plan, ice)
}

fn value<'t>(text: &'t Text, attribute: &str) -> &'t str {
    let line = text.body().lines().find_map(|line| line.strip_prefix(attribute));
    line.unwrap_or_else(|| panic!("no {attribute} in {}", text.body()))
}

#[test]
fn the_endpoint_is_there_with_our_offer_and_neither_takes_nor_sends_media() {
    let mut world = World::with_media("platform", bypass);
    let (offered, _) = world.dial(CarrierA, Platform);
    let (_, plan, ice) = listening(&world);
    assert_eq!(value(&offered, "a=ice-ufrag:"), &*ice.local.ufrag);
    assert_eq!(value(&offered, "a=ice-pwd:"), ice.local.password.expose());
    assert_eq!(ice.remote_ufrag, None, "whoever the fork is");
    assert!(plan.remote.is_none() && !plan.flowing.send && !plan.flowing.receive);
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(486));
    world.finish();
}

#[test]
fn the_fork_that_describes_itself_is_the_one_whose_checks_count() {
    let mut world = World::with_media("platform", bypass);
    let (offered, _) = world.dial(CarrierA, Platform);
    let (first, _, before) = listening(&world);
    for (status, fork) in [(183, "forkone"), (183, "forktwo")] {
        world.send(Platform, with_tag(&offered.respond(status, Platform, &checking(fork)), fork));
        world.pass(Duration::from_millis(100));
        let (endpoint, plan, ice) = listening(&world);
        assert_eq!((endpoint, &ice.local), (first, &before.local), "one endpoint and one name for all forks");
        assert_eq!(ice.remote_ufrag.as_deref(), Some(fork));
        assert!(plan.remote.is_some());
    }
    assert_eq!(world.relay.joined.len(), 1, "joined when the first of them spoke");
    let answer = with_tag(&offered.respond(200, Platform, &checking("forkone")), "forkone");
    let mut callee = Dialog::of_callee(Platform, &offered, &answer);
    world.send(Platform, answer);
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 183");
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, Dialog::of_caller(CarrierA, &accepted).ack(""));
    let (endpoint, _, ice) = listening(&world);
    assert_eq!((endpoint, ice.remote_ufrag.as_deref()), (first, Some("forkone")));
    world.send(Platform, callee.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn a_caller_that_let_us_offer_may_check_before_its_ack() {
    let mut world = World::with_media("platform", bypass);
    world.send(Platform, invite(Platform, number_of(CarrierA), ""));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let offer = world.expect(Platform, "SIP/2.0 200");
    let (endpoint, _, ice) = listening(&world);
    assert_eq!(value(&offer, "a=ice-ufrag:"), &*ice.local.ufrag);
    let mut caller = Dialog::of_caller(Platform, &offer);
    world.send(Platform, caller.ack(&checking("late")));
    world.pass(Duration::from_millis(100));
    let (same, plan, ice) = listening(&world);
    assert_eq!((same, ice.remote_ufrag.as_deref()), (endpoint, Some("late")));
    assert!(plan.flowing.send && plan.flowing.receive && world.relay.joined.len() == 1);
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn without_ice_in_our_offer_nothing_is_opened_before_the_answer() {
    let mut world = World::new();
    let (offered, _) = world.dial(CarrierA, Platform);
    assert!(world.relay.plans.is_empty());
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}
