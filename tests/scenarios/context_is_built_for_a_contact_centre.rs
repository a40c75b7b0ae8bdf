//! User-to-User built from names and values of trunk, route, number and inbound header, and read back (PF-123, PF-124,
//! PF-213, MD-217, MD-223, RFC 7433).

use std::sync::Arc;

use trunkline::call::CallEvent;
use trunkline::engine::io::Event;
use trunkline::route::policy::{ContextBuilder, Edit, Form, HeaderName, Incoming, Pair, PairName, Template, pairs};
use trunkline::route::presentation::Presentation;
use trunkline::route::settings::{RoutingSettings, TrunkSettings};

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Text, invite, sdp, with_header};

fn pair((name, value): (&str, &str)) -> Pair {
    Pair { name: PairName::parse(name).unwrap(), value: Template::parse(value).unwrap() }
}

fn list(all: &[(&str, &str)]) -> Vec<Pair> {
    all.iter().copied().map(pair).collect()
}

fn builder(all: &[(&str, &str)]) -> ContextBuilder {
    ContextBuilder { pairs: list(all), ..ContextBuilder::default() }
}

fn writes(trunk: &mut TrunkSettings, builder: ContextBuilder) {
    let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
    presentation.headers.context = Some(builder);
    trunk.behaviour.presentation = Arc::new(presentation);
}

/// The platform is written this context; calls of the carrier to it go by a route with these pairs.
fn world(builder: ContextBuilder, route: &[(&str, &str)]) -> World {
    World::configured(|settings| {
        writes(&mut settings.trunks[2], builder);
        settings.routes[2].context = list(route);
        settings.routes[2].name = Some("hotline".into());
    })
}

fn called(world: &mut World, lines: &[&str]) -> Text {
    let plain = invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, lines.iter().fold(plain, |sent, line| with_header(&sent, line)));
    world.expect(Platform, "INVITE")
}

fn done(mut world: World, offered: &Text) {
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}

/// What the platform is told; empty: nothing.
fn told(world: World, lines: &[&str]) -> String {
    let mut world = world;
    let offered = called(&mut world, lines);
    let values = offered.headers("User-to-User");
    assert!(values.len() <= 1, "one header a call (MD-217): {values:?}");
    let value = values.first().cloned().unwrap_or_default();
    done(world, &offered);
    value
}

fn text_of(value: &str) -> String {
    pairs::read(value.as_bytes()).map(|read| pairs::joined(&read)).unwrap_or_default()
}

#[test]
fn in_the_form_of_the_sheet() {
    let value = told(world(builder(&[("orderid", "900123"), ("lang", "de")]), &[]), &[]);
    assert_eq!(value, "6F7264657269643D3930303132333B6C616E673D6465;encoding=hex");
}

#[test]
fn from_every_source_and_it_reads_back() {
    let values = [
        ("line", "hotline 1"),
        ("ani", "${calling}"),
        ("dnis", "${called}"),
        ("crm", "${header:X-Crm-Id}"),
        ("was", "${context:orderid}"),
        ("route", "${route}"),
        ("lang", "en"),
        ("unknown", "${account}"),
    ];
    let world = world(builder(&values), &[("lang", "de"), ("queue", "vip")]);
    let lines = ["X-CRM-ID: a=7, b", "User-to-User: 6F7264657269643D3930303132333B6C616E673D6465;encoding=hex"];
    let value = told(world, &lines);
    assert!(value.ends_with(";encoding=hex") && value.len() <= 256, "{value}");
    assert_eq!(
        text_of(&value),
        "line=hotline 1;ani=+493099887766;dnis=+4930555;crm=a=7, b;was=900123;route=hotline;lang=de;queue=vip;orderid=900123"
    );
}

#[test]
fn plain_where_the_peer_wants_it_and_with_parameters_in_hex() {
    let plain = ContextBuilder { form: Form::Plain, ..builder(&[("orderid", "900123"), ("lang", "de")]) };
    assert_eq!(told(world(plain, &[]), &[]), "orderid=900123;lang=de");
    let form = Form::Hex { purpose: Some("isdn-uui".into()), content: Some("isdn-uui".into()) };
    let params = ContextBuilder { form, ..builder(&[("a", "1")]) };
    assert_eq!(told(world(params, &[]), &[]), "613D31;encoding=hex;purpose=isdn-uui;content=isdn-uui");
}

#[test]
fn what_came_in_is_merged_kept_or_replaced() {
    let ours = [("lang", "de")];
    let came = "User-to-User: lang=fr;orderid=1";
    let cases = [
        (Incoming::Merge, &ours[..], came, "6C616E673D64653B6F7264657269643D31;encoding=hex"),
        (Incoming::Merge, &ours, "User-to-User: 04FA08001a;encoding=hex", "6C616E673D6465;encoding=hex"),
        (Incoming::Merge, &[], "User-to-User: 04FA08001a;encoding=hex", "04FA08001a;encoding=hex"),
        (Incoming::Keep, &ours, came, "lang=fr;orderid=1"),
        (Incoming::Keep, &ours, "X-Other: 1", "6C616E673D6465;encoding=hex"),
        (Incoming::Replace, &ours, came, "6C616E673D6465;encoding=hex"),
        (Incoming::Replace, &[], came, ""),
    ];
    for (incoming, own, line, expected) in cases {
        let value = told(world(ContextBuilder { incoming, ..builder(own) }, &[]), &[line]);
        assert_eq!(value, expected, "{incoming:?} {line}");
    }
}

fn left_out(world: &World) -> Vec<String> {
    let names = world.events.iter().filter_map(|event| match event {
        Event::Call(CallEvent::ContextLeftOut { pairs, .. }) => Some(pairs.clone()),
        _ => None,
    });
    names.flatten().collect()
}

/// MD-217, MD-223: a value that is cut in half would be another customer.
#[test]
fn a_pair_that_does_not_fit_is_left_out_whole_and_the_operator_hears_so() {
    let mut world = world(builder(&[("a", "${header:X-A}"), ("b", "${header:X-B}"), ("c", "${header:X-C}")]), &[]);
    let long = format!("X-A: {}", "9".repeat(120));
    let offered = called(&mut world, &[&long, "X-B: one;two", "X-C: short"]);
    assert_eq!(text_of(&offered.header("User-to-User")), "c=short");
    assert_eq!(left_out(&world), ["a", "b"]);
    done(world, &offered);
}

#[test]
fn the_invite_of_a_transfer_carries_it_and_other_messages_do_not() {
    let mut world = World::moving(|settings: &mut RoutingSettings| {
        writes(&mut settings.trunks[1], builder(&[("from", "${from_trunk}")]));
    });
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(CarrierA, &mut talk.callee, "<sip:+4931555@sbc.example.com>");
    let offered = world.expect(CarrierB, "INVITE");
    assert_eq!(text_of(&offered.header("User-to-User")), "from=platform");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    let ack = world.expect(CarrierB, "ACK");
    assert_eq!(ack.header("User-to-User"), "");
    world.is_told(CarrierA, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// PF-213: a carrier or a PBX that reads no User-to-User gets headers of its own.
#[test]
fn what_the_platform_wrote_reaches_the_carrier_as_headers_of_its_own() {
    for came in ["6F7264657269643D3930303132333B6C616E673D6465;encoding=hex", "orderid=900123;lang=de"] {
        let mut world = World::configured(|settings| {
            let trunk = &mut settings.trunks[0];
            let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
            let add = |name: &str, value: &str| Edit::Add {
                name: HeaderName::parse(name).unwrap(),
                value: Template::parse(value).unwrap(),
            };
            presentation.headers.edits =
                vec![add("X-Order", "${context:orderid}"), add("X-None", "${context:nothing}")];
            trunk.behaviour.presentation = Arc::new(presentation);
        });
        let line = format!("User-to-User: {came}");
        let offered = world.dial_with(Platform, CarrierA, &line, &sdp(Platform, "sendrecv"));
        assert_eq!((offered.header("X-Order").as_str(), offered.header("X-None").as_str()), ("900123", ""));
        assert_eq!(offered.header("User-to-User"), came, "and as it was written");
        world.send(CarrierA, offered.respond(486, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.finish();
    }
}
