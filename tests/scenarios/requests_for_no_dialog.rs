//! BYE, re-INVITE and OPTIONS with tags nobody gave: 481. An ACK for nothing is dropped.

use std::time::Duration;

use trunkline::engine::io::{Dropped, Event};

use crate::world::Name::CarrierA;
use crate::world::World;
use crate::world::text::request;

#[test]
fn are_481() {
    let mut world = World::new();
    for method in ["BYE", "INVITE", "OPTIONS", "UPDATE"] {
        let asked = request(CarrierA, method, "sip:sbc.example.com", "");
        world.send(CarrierA, asked.replace("To: <sip:sbc.example.com>", "To: <sip:sbc.example.com>;tag=nobody"));
        assert_eq!(world.refusal(CarrierA).status(), Some(481), "{method}");
    }
    world.send(CarrierA, request(CarrierA, "BYE", "sip:sbc.example.com", ""));
    assert_eq!(world.refusal(CarrierA).status(), Some(481), "a BYE without a To tag");
    assert!(world.finish().is_empty());
}

#[test]
fn an_ack_is_dropped() {
    let mut world = World::new();
    world.send(
        CarrierA,
        request(CarrierA, "ACK", "sip:sbc.example.com", "")
            .replace("To: <sip:sbc.example.com>", "To: <sip:sbc.example.com>;tag=nobody"),
    );
    world.pass(Duration::from_secs(1));
    assert!(world.heard(CarrierA).is_empty());
    assert!(world.events.iter().any(|event| matches!(event, Event::Dropped(Dropped::StrayAck))));
    world.finish();
}
