//! One record per call: who, to whom, by which route, when it rang, was answered and ended, and why.

use std::time::Duration;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;

#[test]
fn of_an_answered_call() {
    let mut world = World::new();
    let (offered, sent) = world.ring(Platform, CarrierA);
    world.pass(Duration::from_secs(5));
    let callee_id = offered.header("Call-ID");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(60));
    world.callee_hangs_up(&mut talk);
    let record = world.finish().remove(0);
    assert_eq!(
        (&*record.from, record.to.as_deref(), record.route.as_deref()),
        ("platform", Some("carrier-a"), Some("routes[1]"))
    );
    assert_eq!((record.calling.as_str(), record.called.as_str()), ("+493099887766", number_of(CarrierA)));
    assert_eq!((record.caller_call_id, record.callee_call_id), (sent.header("Call-ID"), Some(callee_id)));
    let (rang, answered) = (record.rang.expect("it rang").0, record.answered.expect("it was answered").0);
    assert!(record.started.0 < rang && rang + 5000 <= answered && answered + 60_000 <= record.ended.0);
}
