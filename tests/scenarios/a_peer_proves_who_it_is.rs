//! A trunk with `auth.require`: 401 before anything is held, and a call for who knows the password (S-A2, S-A3, S-A5).

use std::time::Duration;

use trunkline::sip::auth::Demand;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{PASSWORD, again, auth, param, prove};
use crate::world::text::{invite, request, sdp};

fn world() -> World {
    World::configured(|settings| settings.trunks[0].auth = auth(Some(Demand::Sha256)))
}

fn call() -> String {
    invite(CarrierA, "+4930555", &sdp(CarrierA, "sendrecv"))
}

#[test]
fn before_a_call_is_created() {
    let mut world = world();
    world.send(CarrierA, call());
    let challenged = world.refusal(CarrierA);
    assert_eq!(challenged.status(), Some(401));
    let value = challenged.header("WWW-Authenticate");
    assert_eq!((param(&value, "algorithm"), param(&value, "qop")), ("SHA-256".into(), "auth".into()));
    assert!(world.is_quiet(Platform));
    assert_eq!(world.finish().len(), 0, "nobody called");
}

#[test]
fn and_is_let_in() {
    let mut world = world();
    let sent = call();
    world.send(CarrierA, sent.clone());
    let challenged = world.refusal(CarrierA);
    world.send(CarrierA, prove(&sent, &challenged, PASSWORD));
    let offered = world.expect(Platform, "INVITE");
    assert!(!offered.as_str().contains("Authorization"), "{}", offered.as_str());
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn or_is_challenged_again() {
    let mut world = world();
    let sent = call();
    world.send(CarrierA, sent.clone());
    let challenged = world.refusal(CarrierA);
    world.send(CarrierA, prove(&sent, &challenged, "guess"));
    let again = world.refusal(CarrierA);
    assert_eq!(again.status(), Some(401));
    assert_eq!(param(&again.header("WWW-Authenticate"), "stale"), "");
    assert!(world.is_quiet(Platform));
    assert_eq!(world.finish().len(), 0);
}

#[test]
fn and_cannot_do_it_twice_with_one_answer() {
    let mut world = world();
    let sent = call();
    world.send(CarrierA, sent.clone());
    let challenged = world.refusal(CarrierA);
    let proven = prove(&sent, &challenged, PASSWORD);
    world.send(CarrierA, proven.clone());
    let offered = world.expect(Platform, "INVITE");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    assert_eq!(world.refusal(CarrierA).status(), Some(486));
    world.send(CarrierA, again(&proven));
    let stale = world.refusal(CarrierA);
    assert_eq!((stale.status(), param(&stale.header("WWW-Authenticate"), "stale")), (Some(401), "true".into()));
    assert_eq!(world.finish().len(), 1);
}

#[test]
fn and_not_with_an_old_challenge() {
    let mut world = world();
    let sent = call();
    world.send(CarrierA, sent.clone());
    let challenged = world.refusal(CarrierA);
    world.pass(Duration::from_secs(61));
    world.send(CarrierA, prove(&sent, &challenged, PASSWORD));
    let stale = world.refusal(CarrierA);
    assert_eq!((stale.status(), param(&stale.header("WWW-Authenticate"), "stale")), (Some(401), "true".into()));
    assert_eq!(world.finish().len(), 0);
}

#[test]
fn but_may_ask_whether_we_live() {
    let mut world = world();
    world.send(CarrierA, request(CarrierA, "OPTIONS", "sip:sbc.example.com", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.finish();
}
