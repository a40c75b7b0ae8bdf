//! The end of the process: BYE with a Reason to those that talk, CANCEL and 503 to those that ring.

use std::time::Duration;

use trunkline::call::Cause;
use trunkline::call::record::EndedBy;
use trunkline::engine::io::Command;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

/// The process does not wait for those that never answer; what was talked is written down all the same.
#[test]
fn a_party_that_does_not_answer_its_bye_costs_no_record() {
    let mut world = World::new();
    let _talk = world.talk(CarrierA, Platform);
    let _ = world.ring(Platform, CarrierA);
    for name in [CarrierA, Platform] {
        world.agent(name).forget();
        world.silence(name);
    }
    world.order(Command::HangUpAll);
    world.pass(Duration::from_secs(1));
    assert!(!world.engine().is_idle());
    world.order(Command::LetGo);
    assert!(world.engine().is_idle(), "nothing is waited for");
    let records = world.finish();
    assert!(records.len() == 2 && records.iter().all(|record| record.cause == Cause::Shutdown), "{records:?}");
}

#[test]
fn talking_and_ringing() {
    let mut world = World::new();
    let _talk = world.talk(CarrierA, Platform);
    let (ringing, _) = world.ring(Platform, CarrierA);
    world.order(Command::HangUpAll);
    world.hears_bye(CarrierA);
    let bye = world.expect(Platform, "BYE");
    assert!(bye.header("Reason").contains("cause=41"), "{}", bye.as_str());
    world.send(Platform, bye.respond(200, Platform, ""));
    assert_eq!(world.refusal(Platform).status(), Some(503));
    world.hears_cancel(CarrierA, &ringing);
    let records = world.finish();
    assert!(
        records.len() == 2
            && records.iter().all(|record| record.cause == Cause::Shutdown && record.ended_by == EndedBy::Node)
    );
}
