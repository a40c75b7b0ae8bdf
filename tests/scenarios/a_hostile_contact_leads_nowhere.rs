//! What a peer writes into Contact and Record-Route takes us to addresses that its trunk allows, and to no others:
//! `sources`, the targets, `contacts`, and where the dialog's messages come from.

use std::net::IpAddr;

use trunkline::engine::io::{Detour, Event};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, invite, sdp, with_header};

#[test]
fn an_address_in_the_contact() {
    for host in ["169.254.169.254:80", "127.0.0.1", "8.8.8.8:53", "[::1]:5060", "198.51.100.8:5060"] {
        stays_with_carrier(&format!("<sip:ua@{host}>"), &[], &[]);
    }
}

#[test]
fn an_address_in_maddr() {
    stays_with_carrier("<sip:ua@198.51.100.7;maddr=10.0.0.1>", &[], &[]);
}

#[test]
fn a_recorded_route() {
    stays_with_carrier("<sip:ua@198.51.100.7:5060>", &["Record-Route: <sip:10.0.0.1;lr>"], &[]);
    stays_with_carrier("<sip:ua@198.51.100.7:5060>", &["Record-Route: <sip:10.0.0.1>"], &[]);
}

#[test]
fn a_name_that_leads_inside() {
    stays_with_carrier("<sip:ua@inside.example>", &[], &["10.0.0.1:5060", "127.0.0.1:5060"]);
}

#[test]
fn a_name_of_which_one_address_is_allowed() {
    let mut world = World::new();
    world.names.insert("both.example".into(), vec![at("10.0.0.1:5060"), at("198.51.100.7:5060")]);
    let mut talk = dialog_with(&mut world, "<sip:ua@both.example>", &[]);
    let bye = talk.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    assert_eq!(refused(&world), 0);
    world.finish();
}

#[test]
fn a_caller_over_tls_whose_connection_is_gone() {
    let mut world = World::new();
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, call.replace("<sip:ua@192.0.2.50:5061>", "<sip:ua@10.0.0.1:5061>"));
    let offered = world.expect(CarrierA, "INVITE");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.cut(Platform);
    world.callee_hangs_up(&mut talk);
    finish(world);
}

/// A call whose called party describes itself so: ACK and BYE go to the carrier itself, and it is counted.
fn stays_with_carrier(contact: &str, lines: &[&str], addresses: &[&str]) {
    let mut world = World::new();
    world.names.insert("inside.example".into(), addresses.iter().map(|text| at(text)).collect());
    let mut caller = dialog_with(&mut world, contact, lines);
    let bye = caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    finish(world);
}

fn dialog_with(world: &mut World, contact: &str, lines: &[&str]) -> Dialog {
    let offered = world.dial(Platform, CarrierA).0;
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let answer = answer.replace("<sip:ua@198.51.100.7:5060>", contact);
    world.send(CarrierA, lines.iter().fold(answer, |text, line| with_header(&text, line)));
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    let caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    caller
}

/// Everything went to the agents' own hosts, and what was asked for instead is counted.
fn finish(world: World) {
    let known: Vec<IpAddr> = world.agents.values().map(|agent| agent.listens.ip()).collect();
    let astray: Vec<_> = world.sent_to.iter().filter(|address| !known.contains(&address.ip())).collect();
    assert!(astray.is_empty(), "sent to {astray:?}");
    assert!(refused(&world) > 0, "it was not counted");
    world.finish();
}

fn refused(world: &World) -> usize {
    let is_refused = |event: &&Event| matches!(event, Event::Detoured { why: Detour::NotAllowed, .. });
    world.events.iter().filter(is_refused).count()
}

fn at(text: &str) -> std::net::SocketAddr {
    text.parse().expect("an address")
}
