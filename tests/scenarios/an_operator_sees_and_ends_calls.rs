//! What an operator asks and orders goes through the engine like everything else: which calls there are, which numbers they
//! hold, and the end of one of them.

use trunkline::base::ids::CallId;
use trunkline::call::Cause;
use trunkline::call::active::CallPhase;
use trunkline::call::record::EndedBy;
use trunkline::engine::io::{Command, Reply};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;

fn phases(reply: &Reply) -> Vec<(u64, CallPhase)> {
    match reply {
        Reply::Calls(calls) => calls.iter().map(|call| (call.so_far.id.0, call.phase)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_are_shown_as_they_stand_and_one_is_ended_alone() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    let (ringing, _) = world.ring(Platform, CarrierA);
    let all = Command::Calls { after: None, most: 10 };
    assert_eq!(phases(&world.ask(all)), [(1, CallPhase::Answered), (2, CallPhase::Hunting)]);
    assert_eq!(phases(&world.ask(Command::Calls { after: Some(CallId(1)), most: 10 })), [(2, CallPhase::Hunting)]);
    assert_eq!(phases(&world.ask(Command::Calls { after: None, most: 1 })), [(1, CallPhase::Answered)]);
    assert_eq!(phases(&world.ask(Command::Call(CallId(2)))), [(2, CallPhase::Hunting)]);
    assert!(matches!(world.ask(Command::HangUp(CallId(2))), Reply::Done));
    let refusal = world.refusal(Platform);
    assert_eq!(refusal.status(), Some(480), "{}", refusal.as_str());
    world.hears_cancel(CarrierA, &ringing);
    assert_eq!(phases(&world.ask(Command::Calls { after: None, most: 10 }))[0], (1, CallPhase::Answered));
    assert!(matches!(world.ask(Command::HangUp(CallId(9))), Reply::NoSuchCall));
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    let ended = records.iter().find(|record| record.id == CallId(2)).unwrap();
    assert_eq!((ended.cause, ended.ended_by), (Cause::Terminated, EndedBy::Node));
}

#[test]
fn numbers_are_held_while_their_call_lasts() {
    let mut world = World::new();
    let mut talk = world.talk(CarrierA, Platform);
    let Reply::Calls(calls) = world.ask(Command::Call(CallId(1))) else { panic!() };
    let called = calls[0].so_far.called.clone();
    let asked = Command::NumbersInUse([called.clone(), "+99".to_owned()].into());
    assert!(matches!(world.ask(asked.clone()), Reply::Numbers(held) if held == [called.clone()].into()));
    world.caller_hangs_up(&mut talk);
    world.pass(std::time::Duration::from_secs(60));
    assert!(matches!(world.ask(asked), Reply::Numbers(held) if held.is_empty()));
    world.finish();
}
