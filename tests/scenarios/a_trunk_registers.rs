//! PF-130 to PF-133: REGISTER at the start, refreshed, taken back on drain; calls over the registered flow; its
//! Service-Route.

use std::time::Duration;

use bytes::Bytes;
use trunkline::engine::io::{Command, Event};
use trunkline::registration::{Form, News, RegistrationSettings};
use trunkline::route::settings::RoutingSettings;
use trunkline::route::standing::Standing;
use trunkline::sip::Uri;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::digest::{REALM, assert_proven, auth, challenge};
use crate::world::text::{Text, invite, sdp, with_header};

fn registering(settings: &mut RoutingSettings) {
    let Ok(Uri::Sip(aor)) = Uri::parse(&Bytes::from_static(b"sip:+4930555@trunk.carrier.example")) else {
        panic!("an address of record");
    };
    let trunk = &mut settings.trunks[0];
    trunk.registration = Some(RegistrationSettings { aor, expires: Duration::from_secs(600), form: Form::Bulk });
    trunk.auth = auth(None);
    // Nobody is known by an address: the registered flow alone names the trunk.
    trunk.sources = Some(Vec::new());
}

fn registered(lines: &[&str]) -> World {
    let mut world = World::configured(registering);
    let register = world.expect(CarrierA, "REGISTER");
    world.send(CarrierA, granted(&register, lines));
    world.pass(Duration::from_secs(1));
    world
}

fn granted(register: &Text, lines: &[&str]) -> String {
    let ok = register.respond(200, CarrierA, "");
    lines.iter().fold(with_header(&ok, "Expires: 600"), |ok, line| with_header(&ok, line))
}

/// Drains and lets the binding be taken back.
fn finish(mut world: World) {
    world.order(Command::Drain);
    let register = world.expect(CarrierA, "REGISTER");
    assert_eq!(register.header("Expires"), "0");
    world.send(CarrierA, register.respond(200, CarrierA, ""));
    world.finish();
}

#[test]
fn proves_who_it_is_and_comes_again_in_time() {
    let mut world = World::configured(registering);
    let first = world.expect(CarrierA, "REGISTER sip:trunk.carrier.example SIP/2.0");
    assert_eq!(first.header("Contact"), "<sip:203.0.113.1:5060;bnc>");
    world.send(CarrierA, challenge(&first, 401, CarrierA, REALM, "n"));
    let second = world.expect(CarrierA, "REGISTER");
    assert_proven(&second, "Authorization", "n");
    world.send(CarrierA, granted(&second, &[]));
    world.pass(Duration::from_secs(250));
    let refresh = world.expect(CarrierA, "REGISTER");
    assert_eq!((refresh.header("CSeq"), refresh.header("Call-ID")), ("3 REGISTER".into(), first.header("Call-ID")));
    assert_proven(&refresh, "Authorization", "n");
    world.send(CarrierA, granted(&refresh, &[]));
    world.pass(Duration::from_secs(1));
    let told = |event: &&Event| matches!(event, Event::Registration { news: News::Registered { .. }, .. });
    assert_eq!(world.events.iter().filter(told).count(), 2);
    finish(world);
}

#[test]
fn is_silent_when_nobody_answers_until_the_back_off_is_over() {
    let mut world = World::configured(registering);
    world.expect(CarrierA, "REGISTER");
    let again = world.expect(CarrierA, "REGISTER");
    assert_eq!(again.header("CSeq"), "2 REGISTER");
    let told = |event: &&Event| matches!(event, Event::Registration { news: News::Failed { .. }, .. });
    assert_eq!(world.events.iter().filter(told).count(), 1);
    world.send(CarrierA, granted(&again, &[]));
    world.pass(Duration::from_secs(1));
    finish(world);
}

#[test]
fn is_called_over_the_registered_flow() {
    let mut world = registered(&[]);
    world.send(CarrierA, invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv")));
    let offered = world.expect(Platform, "INVITE");
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    finish(world);
}

#[test]
fn is_not_called_before_it_is_registered() {
    let mut world = World::configured(registering);
    let register = world.expect(CarrierA, "REGISTER");
    world.send(CarrierA, invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv")));
    world.agent(CarrierA).forget();
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(Platform) && world.is_quiet(CarrierA));
    world.send(CarrierA, granted(&register, &[]));
    world.pass(Duration::from_secs(1));
    finish(world);
}

#[test]
fn calls_along_the_service_route() {
    let mut world = registered(&["Service-Route: <sip:edge.carrier.example;lr>, <sip:core.carrier.example;lr>"]);
    world.names.insert("edge.carrier.example".into(), vec!["198.51.100.7:5060".parse().expect("an address")]);
    let (offered, sent) = world.ring(Platform, CarrierA);
    assert_eq!(offered.headers("Route"), ["<sip:edge.carrier.example;lr>", "<sip:core.carrier.example;lr>"]);
    world.send(Platform, sent.cancel());
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    let cancel = world.hears_cancel(CarrierA, &offered);
    assert_eq!(cancel.headers("Route"), offered.headers("Route"));
    finish(world);
}

/// RFC 3608 6.1: the topmost route is the next hop, whatever the trunk's targets are; the Request-URI stays theirs.
#[test]
fn sends_calls_to_the_topmost_service_route() {
    let mut world = registered(&["Service-Route: <sip:198.51.100.8:5060;lr>"]);
    let sent = invite(Platform, "+4930555", &sdp(Platform, "sendrecv"));
    world.send(Platform, sent.clone());
    let offered = world.expect(CarrierB, "INVITE");
    assert_eq!(offered.headers("Route"), ["<sip:198.51.100.8:5060;lr>"]);
    assert!(offered.start_line().starts_with("INVITE sip:+4930555@198.51.100.7"), "{}", offered.start_line());
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(Platform, "SIP/2.0 486");
    finish(world);
}

/// The same for the new party of a transfer, where the topmost route is a name.
#[test]
fn transfers_along_the_service_route() {
    let mut world = World::moving(registering);
    let register = world.expect(CarrierA, "REGISTER");
    world.send(CarrierA, granted(&register, &["Service-Route: <sip:edge.carrier.example;lr>"]));
    world.pass(Duration::from_secs(1));
    world.names.insert("edge.carrier.example".into(), vec!["198.51.100.7:5060".parse().expect("an address")]);
    let mut talk = world.talk(Platform, CarrierA);
    world.asked.clear();
    world.refers(Platform, &mut talk.caller, "<sip:+4930777@sbc.example.com>");
    let offered = world.expect(CarrierA, "INVITE");
    assert_eq!(offered.headers("Route"), ["<sip:edge.carrier.example;lr>"]);
    assert_eq!(world.asked, [("edge.carrier.example".to_owned(), None)]);
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    finish(world);
}

#[test]
fn takes_its_binding_back_when_it_is_no_longer_configured() {
    let mut world = registered(&[]);
    let snapshot = crate::world::text::snapshot();
    world.feed(trunkline::engine::io::Input::Snapshot(std::sync::Arc::new(snapshot)));
    let register = world.expect(CarrierA, "REGISTER");
    assert_eq!(register.header("Expires"), "0");
    world.send(CarrierA, register.respond(200, CarrierA, ""));
    world.finish();
}

#[test]
fn keeps_its_binding_over_a_new_configuration() {
    let mut world = registered(&[]);
    let mut settings = crate::world::text::settings();
    registering(&mut settings);
    settings.trunks.remove(1);
    settings.routes.retain(|route| !route.to.iter().chain([&route.from]).any(|name| name == "carrier-b"));
    let snapshot = trunkline::route::snapshot::Snapshot::compile(&settings).expect("the configuration compiles");
    world.feed(trunkline::engine::io::Input::Snapshot(std::sync::Arc::new(snapshot)));
    world.pass(Duration::from_secs(100));
    assert!(world.is_quiet(CarrierA));
    finish(world);
}

#[test]
fn a_trunk_that_is_drained_takes_its_binding_back_and_enabled_registers_again() {
    let mut world = registered(&[]);
    let stand = |standing| Command::Trunk { name: "carrier-a".into(), standing };
    world.order(stand(Standing::Draining));
    let register = world.expect(CarrierA, "REGISTER");
    assert_eq!(register.header("Expires"), "0");
    world.send(CarrierA, register.respond(200, CarrierA, ""));
    let before = world.heard(CarrierA).len();
    world.pass(Duration::from_secs(1000));
    assert_eq!(world.heard(CarrierA).len(), before, "{:?}", world.heard(CarrierA));
    world.order(stand(Standing::Enabled));
    let register = world.expect(CarrierA, "REGISTER");
    assert_ne!(register.header("Expires"), "0");
    world.send(CarrierA, granted(&register, &[]));
    world.pass(Duration::from_secs(1));
    finish(world);
}
