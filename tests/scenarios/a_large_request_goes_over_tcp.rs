//! RFC 3261 18.1.1, PF-128: a request above 1300 octets leaves a UDP trunk over TCP, where the trunk says so.

use trunkline::sip::flow::LargeRequests;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, invite, sdp};

#[test]
fn what_is_small_follows_as_a_datagram() {
    let mut world = large(LargeRequests::Tcp);
    world.agent(CarrierA).takes_tcp = true;
    let mut talk = world.talk(Platform, CarrierA);
    world.send(Platform, talk.caller.request("BYE", ""));
    let bye = world.expect(CarrierA, "BYE");
    assert!(bye.header("Via").starts_with("SIP/2.0/UDP "), "{}", bye.as_str());
    world.send(CarrierA, bye.respond(200, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 200");
    world.finish();
}

#[test]
fn its_via_names_tcp_and_its_contact_our_datagrams() {
    let mut world = large(LargeRequests::Tcp);
    world.agent(CarrierA).takes_tcp = true;
    let (offered, _) = world.dial(Platform, CarrierA);
    assert!(offered.as_str().len() > 1300);
    assert!(offered.header("Via").starts_with("SIP/2.0/TCP "), "{}", offered.as_str());
    assert!(!offered.header("Contact").contains("transport="), "{}", offered.as_str());
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.callee_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].attempts, 1);
}

#[test]
fn where_nobody_takes_the_connection_it_is_a_datagram() {
    let mut world = large(LargeRequests::Tcp);
    let (offered, _) = world.dial(Platform, CarrierA);
    assert!(offered.header("Via").starts_with("SIP/2.0/UDP "), "{}", offered.as_str());
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].attempts, 1);
}

#[test]
fn a_trunk_that_does_not_ask_for_it_gets_datagrams() {
    let mut world = large(LargeRequests::Udp);
    world.agent(CarrierA).takes_tcp = true;
    let (offered, _) = world.dial(Platform, CarrierA);
    assert!(offered.header("Via").starts_with("SIP/2.0/UDP "), "{}", offered.as_str());
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn its_cancel_and_the_ack_of_its_refusal_take_the_same_way() {
    let mut world = large(LargeRequests::Tcp);
    world.agent(CarrierA).takes_tcp = true;
    let sent = Text::of(invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    world.send(Platform, sent.as_str().to_owned());
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(180, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    world.send(Platform, sent.cancel());
    let cancel = world.expect(CarrierA, "CANCEL");
    assert_eq!(cancel.header("Via"), offered.header("Via"));
    world.send(CarrierA, cancel.respond(200, CarrierA, ""));
    world.send(CarrierA, offered.respond(487, CarrierA, ""));
    let ack = world.expect(CarrierA, "ACK");
    assert_eq!(ack.header("Via"), offered.header("Via"));
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.finish();
}

/// A carrier whose names alone make an INVITE large.
fn large(requests: LargeRequests) -> World {
    World::configured(|settings| {
        let label = "n".repeat(60);
        settings.trunks[0].large_requests = requests;
        settings.trunks[0].fqdn = Some(format!("{label}.{label}.{label}.example"));
        settings.trunks[0].request_uri_host = Some(format!("{label}.{label}.{label}.test"));
    })
}
