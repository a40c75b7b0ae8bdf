//! Two trunks of one platform on one listener, each with a name of its own: the Request-URI says which is meant (MD-17,
//! MD-62).

use std::sync::Arc;

use trunkline::engine::io::Input;
use trunkline::route::directory::{Account, AccountName, Change, Directory, NumberEntry, Service, ServiceSet};
use trunkline::route::number::E164;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, request, route, sdp};

const SECOND: &str = "sbc2.example.com";

/// Calls to the first name go to carrier A, to the second to carrier B.
fn world() -> World {
    World::configured(|settings| {
        let mut second = settings.trunks[2].clone();
        (second.name, second.fqdn) = ("second".into(), Some(SECOND.into()));
        settings.trunks.push(second);
        settings.routes = vec![route("platform", None, &["carrier-a"]), route("second", None, &["carrier-b"])];
    })
}

fn to_host(message: &str, host: &str) -> String {
    message.replace("@sbc.example.com", &format!("@{host}"))
}

#[test]
fn a_call_belongs_to_the_trunk_whose_name_it_asks_for() {
    for (host, carrier) in [("sbc.example.com", CarrierA), (SECOND, CarrierB), ("SBC2.Example.com", CarrierB)] {
        let mut world = world();
        world.send(Platform, to_host(&invite(Platform, number_of(carrier), &sdp(Platform, "sendrecv")), host));
        let offered = world.expect(carrier, "INVITE");
        let mut talk = world.answer(Platform, carrier, offered);
        world.send(Platform, talk.caller.ack(""));
        let own = format!("{}:", host.to_ascii_lowercase());
        assert!(talk.accepted.contact().contains(&own), "{}", talk.accepted.header("Contact"));
        world.caller_hangs_up(&mut talk);
        world.finish();
    }
}

#[test]
fn options_are_answered_under_the_name_they_ask_for() {
    let mut world = world();
    for host in ["sbc.example.com", SECOND] {
        world.send(Platform, request(Platform, "OPTIONS", &format!("sip:{host}:5061;transport=tls"), ""));
        let answer = world.expect(Platform, "SIP/2.0 200");
        assert!(answer.contact().contains(&format!("{host}:5061")), "{}", answer.header("Contact"));
    }
    world.finish();
}

#[test]
fn a_name_of_neither_is_refused() {
    for host in ["sbc3.example.com", "192.0.2.1"] {
        let mut world = world();
        world.send(Platform, to_host(&invite(Platform, "+4930555", &sdp(Platform, "sendrecv")), host));
        assert_eq!(world.refusal(Platform).status(), Some(404), "{host}");
        world.finish();
    }
}

/// An account may have a name that is below neither trunk's.
#[test]
fn the_own_name_of_an_account_stands_for_its_trunk() {
    let mut world = world();
    let name = AccountName::parse("acme").unwrap();
    let account = Account {
        services: ServiceSet::of([Service::TeamsDirectRouting]),
        fqdn: Some("voice.acme.example".into()),
        trunk: Some("second".into()),
        ..Account::new(name.clone())
    };
    let entry = NumberEntry { outbound: true, services: account.services, ..NumberEntry::default() };
    let own = Change::Number(E164::parse("+493099887766").unwrap(), name, entry);
    world.feed(Input::Directory(Arc::new(Directory::build([Change::Account(account), own]))));
    let asked = to_host(&invite(Platform, number_of(CarrierB), &sdp(Platform, "sendrecv")), "voice.acme.example");
    world.send(Platform, asked);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(486));
    world.finish();
}
