use std::time::Duration;

use trunkline::call::Cause;

use super::teams;
use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::text::{Dialog, invite, route, sdp, with_header};

/// T18: the call drops after 30 s because the ACK goes astray: along the route set, at once, before the caller says
/// anything.
#[test]
fn t18_the_ack_goes_at_once_along_the_route_set() {
    let mut world = teams(|_| {});
    world
        .names
        .insert("sip-du-a-euwe.pstnhub.microsoft.com".into(), vec!["192.0.2.50:5061".parse().expect("an address")]);
    let (offered, _) = world.dial(CarrierA, Platform);
    let answer = with_header(
        &offered.respond(200, Platform, &sdp(Platform, "sendrecv")),
        "RECORD-ROUTE: <sip:sip-du-a-euwe.pstnhub.microsoft.com:5061;transport=tls;lr>",
    );
    world.send(Platform, answer);
    let ack = world.expect(Platform, "ACK");
    assert_eq!(ack.header("Route"), "<sip:sip-du-a-euwe.pstnhub.microsoft.com:5061;transport=tls;lr>");
    let accepted = world.expect(CarrierA, "SIP/2.0 200");
    let mut caller = Dialog::of_caller(CarrierA, &accepted);
    world.send(CarrierA, caller.ack(""));
    world.leaves(CarrierA, &mut caller);
    assert_eq!(world.hears_bye(Platform).header("Route"), ack.header("Route"));
    world.finish();
}

/// T20: no ringing tone: a 183 after 180 stops the one that the caller's network makes.
#[test]
fn t20_a_183_goes_on_as_180_where_the_carrier_wants_it_so() {
    use trunkline::route::provisional::ForkView;
    let mut world = teams(|settings| settings.trunks[0].behaviour.provisional.forks = ForkView::Ringing);
    let (offered, _) = world.ring(CarrierA, Platform);
    world.send(Platform, offered.respond(183, Platform, &sdp(Platform, "sendrecv")));
    world.pass(Duration::from_secs(2));
    let heard = world.heard(CarrierA);
    assert!(heard.iter().all(|line| !line.contains(" 183 ")), "{heard:?}");
    world.agent(CarrierA).forget();
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T21: the user is rung several times after declining.
#[test]
fn t21_busy_and_decline_are_final_with_cause_17_and_21() {
    for (status, cause) in [(486, "cause=17"), (603, "cause=21"), (480, "cause=18"), (404, "cause=1;")] {
        let mut world = teams(|settings| settings.routes[2] = route("carrier-a", None, &["platform", "carrier-b"]));
        let (offered, _) = world.dial(CarrierA, Platform);
        let refused =
            with_header(&offered.respond(status, Platform, ""), "REASON: Q.850;cause=34;text=\"0a1b2c3d-guid;busy\"");
        world.send(Platform, refused);
        world.expect(Platform, "ACK");
        let told = world.refusal(CarrierA);
        assert_eq!(told.status(), Some(status), "MD-120");
        assert!(told.header("Reason").contains(cause), "MD-121: {}", told.header("Reason"));
        world.pass(Duration::from_secs(60));
        assert!(world.is_quiet(Platform) && world.is_quiet(CarrierB), "never sent to another name");
        let records = world.finish();
        let said = format!("{:?}", records[0].said);
        assert!(said.contains("0a1b2c3d-guid"), "MD-94: the text is in the record: {said}");
    }
}

/// MD-91, MD-119: 503 gives up the datacentre, the next name is tried at once; silence after five seconds.
#[test]
fn the_three_names_are_tried_in_order_and_only_for_what_says_nothing_of_the_user() {
    let mut world = teams(|_| {});
    let (first, _) = world.dial(CarrierA, Platform);
    assert!(first.start_line().contains("@sip.pstnhub.microsoft.com:5061"), "{}", first.start_line());
    world.send(Platform, with_header(&first.respond(503, Platform, ""), "RETRY-AFTER: 1"));
    world.expect(Platform, "ACK");
    let second = world.expect(Platform, "INVITE");
    assert!(second.start_line().contains("@sip2.pstnhub.microsoft.com:5061"), "{}", second.start_line());
    world.pass(Duration::from_millis(4_900));
    world.agent(Platform).forget();
    world.pass(Duration::from_millis(200));
    let third = world.expect(Platform, "INVITE");
    assert!(third.start_line().contains("@sip3.pstnhub.microsoft.com:5061"), "{}", third.start_line());
    world.send(Platform, third.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(486));
    world.finish();
}

/// MD-122: never after a 4xx.
#[test]
fn a_408_of_microsoft_is_final() {
    let mut world = teams(|_| {});
    let (first, _) = world.dial(CarrierA, Platform);
    world.send(Platform, first.respond(408, Platform, ""));
    world.expect(Platform, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(408));
    world.pass(Duration::from_secs(10));
    assert!(world.is_quiet(Platform));
    let records = world.finish();
    assert_eq!((records[0].attempts, records[0].cause.status().code()), (1, 408));
}

/// T24: calls fail over after ten seconds because the carrier is slow.
#[test]
fn t24_microsoft_hears_a_183_within_eight_seconds() {
    let mut world = teams(|_| {});
    world.send(Platform, invite(Platform, "+49301234567", &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(100, CarrierA, ""));
    world.pass(Duration::from_millis(7_900));
    assert!(world.heard(Platform).iter().all(|line| line.starts_with("SIP/2.0 100")), "{:?}", world.heard(Platform));
    world.pass(Duration::from_millis(200));
    let told = world.expect(Platform, "SIP/2.0 183");
    assert_eq!(told.header("Contact"), "<sip:+49301234567@sbc.example.com:5061;transport=tls>", "MD-56");
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    assert!(world.refusal(Platform).header("Reason").contains("cause=17"));
    world.finish();
}

/// MD-117: the carriers are hunted here; Microsoft hears 503 only when all are used up.
#[test]
fn carriers_are_hunted_on_our_side() {
    let mut world = teams(|_| {});
    world.send(Platform, invite(Platform, "+49309123456", &sdp(Platform, "sendrecv")));
    let first = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, first.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    assert!(world.heard(Platform).iter().all(|line| line.starts_with("SIP/2.0 100")));
    world.send(CarrierB, second.respond(503, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(503));
    assert_eq!(world.finish()[0].cause, Cause::Refused(trunkline::sip::Status::SERVICE_UNAVAILABLE));
}
