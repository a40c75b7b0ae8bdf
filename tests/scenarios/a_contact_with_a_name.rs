//! RFC 3261 8.1.2, RFC 3263: a Contact or Record-Route that names a host is looked up and its answer kept. A living
//! connection comes before any name (RFC 5923, MD-81), and a name that gives nothing leaves requests with where the
//! dialog's messages come from.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline::engine::io::{Detour, Event};

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::{Talk, number_of};
use crate::world::text::{Dialog, invite, sdp, with_header};

const NAME: &str = "edge.platform.example";
const GATEWAY: &str = "gw.carrier.example";

#[test]
fn the_connection_that_lives_is_used() {
    let mut world = World::new();
    let mut talk = call_with_contact(&mut world, "<sip:api-1@edge.platform.example:443;transport=tls>");
    world.callee_hangs_up(&mut talk);
    assert!(world.asked.is_empty(), "a connection that lives asks nobody: {:?}", world.asked);
    assert_eq!(world.sent_to.last(), Some(&"192.0.2.50:443".parse().expect("an address")));
    world.finish();
}

#[test]
fn a_connection_that_is_gone_is_dialled_where_the_name_leads() {
    let mut world = World::new();
    world.names.insert(NAME.into(), vec![address("192.0.2.50:5061")]);
    let mut talk = call_with_contact(&mut world, "<sip:api-1@edge.platform.example>");
    world.cut(Platform);
    world.callee_hangs_up(&mut talk);
    assert_eq!(world.asked, [(NAME.to_owned(), None)]);
    assert_eq!(detours(&world), []);
    world.finish();
}

#[test]
fn and_without_an_answer_where_it_came_from() {
    let mut world = World::new();
    let mut talk = call_with_contact(&mut world, "<sip:api-1@edge.platform.example;transport=tls>");
    world.cut(Platform);
    world.callee_hangs_up(&mut talk);
    assert_eq!(detours(&world), [Detour::NoAddress]);
    world.finish();
}

#[test]
fn datagrams_go_where_the_name_leads() {
    let mut world = reaching_both();
    world.names.insert(GATEWAY.into(), vec![address("198.51.100.8:5060")]);
    let offered = world.dial(Platform, CarrierA).0;
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let answer = answer.replace("<sip:ua@198.51.100.7:5060>", "<sip:ua@gw.carrier.example>");
    world.send(CarrierA, answer);
    let ack = world.expect(CarrierB, "ACK");
    assert!(ack.start_line().starts_with("ACK sip:ua@gw.carrier.example "), "{}", ack.start_line());
    let accepted = world.expect(Platform, "SIP/2.0 200");
    let mut caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    let bye = caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierB);
    assert_eq!(world.asked, [(GATEWAY.to_owned(), None)], "the answer is kept");
    world.finish();
}

#[test]
fn the_first_route_comes_before_the_contact() {
    let mut world = reaching_both();
    world.names.insert(GATEWAY.into(), vec![address("198.51.100.8:5060")]);
    let offered = world.dial(Platform, CarrierA).0;
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let mut callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, with_header(&answer, "Record-Route: <sip:gw.carrier.example:5060;lr>"));
    let ack = world.expect(CarrierB, "ACK sip:ua@198.51.100.7:5060 ");
    assert_eq!(ack.headers("Route"), ["<sip:gw.carrier.example:5060;lr>"]);
    let accepted = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, Dialog::of_caller(Platform, &accepted).ack(""));
    world.leaves(CarrierA, &mut callee);
    world.hears_bye(Platform);
    assert_eq!(world.asked, [(GATEWAY.to_owned(), Some(5060))]);
    world.finish();
}

#[test]
fn an_answer_is_asked_for_again_when_it_is_old() {
    let mut world = reaching_both();
    world.names.insert(GATEWAY.into(), vec![address("198.51.100.7:5060")]);
    let mut talk = call_to_gateway(&mut world);
    world.pass(Duration::from_secs(61));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.asked.len(), 2, "asked for the ACK and, after its TTL of 60 s, for the BYE");
    world.finish();
}

#[test]
fn a_silent_resolver_delays_nothing_for_long() {
    let mut world = reaching_both();
    world.resolver_is_silent = true;
    let before = world.clock();
    let mut talk = call_to_gateway(&mut world);
    assert!(world.clock() - before <= Duration::from_secs(3), "the ACK waits for two seconds at most");
    world.caller_hangs_up(&mut talk);
    assert_eq!(detours(&world), [Detour::NotInTime, Detour::NoAddress], "the name is left alone for a while");
    world.finish();
}

fn reaching_both() -> World {
    World::configured(|settings| settings.trunks[0].contacts = vec!["198.51.100.8/32".parse().expect("a range")])
}

fn call_to_gateway(world: &mut World) -> Talk {
    let offered = world.dial(Platform, CarrierA).0;
    let answer = offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv"));
    let answer = answer.replace("<sip:ua@198.51.100.7:5060>", "<sip:ua@gw.carrier.example>");
    let callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    let caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    Talk { from: Platform, to: CarrierA, caller, callee, accepted }
}

fn call_with_contact(world: &mut World, contact: &str) -> Talk {
    let call = invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, call.replace("<sip:ua@192.0.2.50:5061>", contact));
    let offered = world.expect(CarrierA, "INVITE");
    let talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    talk
}

fn detours(world: &World) -> Vec<Detour> {
    let why = |event: &Event| if let Event::Detoured { why, .. } = event { Some(*why) } else { None };
    world.events.iter().filter_map(why).collect()
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
