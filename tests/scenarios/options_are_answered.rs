//! RFC 3261 11.2: out of a dialog on every listener, in a dialog, even with no hops left; with what a prober wants to know.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::engine::io::Event;
use trunkline::sip::Status;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::request;

#[test]
fn out_of_a_dialog() {
    let mut world = World::new();
    for at in [CarrierA, Platform] {
        let ask = request(at, "OPTIONS", "sip:sbc.example.com", "").replace("Max-Forwards: 70", "Max-Forwards: 0");
        world.send(at, ask);
        let answer = world.expect(at, "SIP/2.0 200");
        for header in ["Contact", "Allow", "Accept"] {
            assert!(!answer.header(header).is_empty(), "{header}:\n{}", answer.as_str());
        }
        assert!(answer.as_str().contains("Supported:"));
    }
    // MD-43: who asked is counted, because a platform that does not takes us for dead.
    let asked = |event: &&Event| matches!(event, Event::AskedByPeer { .. });
    assert_eq!(world.events.iter().filter(asked).count(), 2);
    world.finish();
}

#[test]
fn in_a_dialog_without_the_other_party() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = talk.caller.request("OPTIONS", "");
    world.send(Platform, ask);
    world.expect(Platform, "SIP/2.0 200");
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn and_are_sent_to_every_target() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.options.interval = Duration::from_secs(30);
    });
    for _ in 0..3 {
        let ask = world.expect(CarrierA, "OPTIONS");
        world.send(CarrierA, ask.respond(200, CarrierA, ""));
    }
    world.pass(Duration::from_secs(1));
    let answered = |event: &&Event| matches!(event, Event::Probed { outcome: Ok(Status::OK), round_trip: Some(_), .. });
    assert_eq!(world.events.iter().filter(answered).count(), 3);
    world.silence(CarrierA);
    world.pass(Duration::from_secs(70));
    assert!(world.events.iter().any(|event| matches!(event, Event::Probed { outcome: Err(Cause::PeerSilent), .. })));
    world.finish();
}
