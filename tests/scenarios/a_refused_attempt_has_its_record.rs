//! Whatever refuses a customer's call before it is one (a limit, an order, what it says) is in the records, with what stood
//! in the way. What protects the node (overload, memory) is counted only.

use std::time::Duration;

use trunkline::base::limits::REFUSED_RECORDS;
use trunkline::call::{CallRecord, Cause};
use trunkline::engine::io::{Command, Hold, NewCalls};
use trunkline::route::standing::Standing;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, sdp, with_header};

fn refused(world: &mut World, called: &str) -> Option<u16> {
    world.send(Platform, invite(Platform, called, &sdp(Platform, "sendrecv")));
    world.refusal(Platform).status()
}

/// Label, status and detail of a record that never had a called party.
fn told(record: &CallRecord) -> (&'static str, u16, Option<&str>) {
    assert_eq!((&*record.from, &record.to, record.attempts, record.answered), ("platform", &None, 0, None));
    assert!(!record.caller_call_id.is_empty() && record.started.0 > 0 && record.ended == record.started);
    (record.cause.label(), record.cause.status().code(), record.detail.as_deref())
}

#[test]
fn by_the_trunks_calls() {
    let mut world = World::configured(|settings| settings.trunks[2].max_calls = Some(1));
    let mut talk = world.talk(Platform, CarrierA);
    assert_eq!(refused(&mut world, number_of(CarrierA)), Some(503));
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert_eq!(told(&records[0]), ("too_many_calls", 503, Some("trunks.platform.max_calls = 1")));
    assert_eq!((records[0].calling.as_str(), records[0].called.as_str()), ("+493099887766", number_of(CarrierA)));
    assert_eq!(records.len(), 2);
}

#[test]
fn by_its_calls_in_a_second_and_by_the_nodes() {
    let mut world = World::configured(|settings| settings.trunks[2].max_calls_per_s = Some(1));
    assert_eq!([refused(&mut world, "+33"), refused(&mut world, "+33")], [Some(404), Some(503)]);
    let records = world.finish();
    assert_eq!(told(&records[1]), ("too_many_calls", 503, Some("trunks.platform.max_calls_per_s = 1")));
    let mut world = World::configured(|settings| settings.limits.max_calls_per_s = 1);
    assert_eq!([refused(&mut world, "+33"), refused(&mut world, "+33")], [Some(404), Some(503)]);
    assert_eq!(told(&world.finish()[1]), ("too_many_calls", 503, Some("limits.max_calls_per_s = 1")));
    let mut world = World::configured(|settings| settings.limits.max_calls = 0);
    assert_eq!(refused(&mut world, "+33"), Some(503));
    assert_eq!(told(&world.finish()[0]), ("too_many_calls", 503, Some("limits.max_calls = 0")));
}

#[test]
fn by_an_operator_and_while_the_node_drains() {
    let mut world = World::new();
    world.order(Command::Trunk { name: "platform".into(), standing: Standing::Draining });
    assert_eq!(refused(&mut world, number_of(CarrierA)), Some(503));
    world.order(Command::Drain);
    assert_eq!(refused(&mut world, number_of(CarrierA)), Some(503));
    let records = world.finish();
    let order = "an operator's order: trunk platform is draining";
    assert_eq!(told(&records[0]), ("trunk_out_of_service", 503, Some(order)));
    assert_eq!(told(&records[1]), ("shutdown", 503, None));
}

#[test]
fn for_its_number() {
    let mut world = World::new();
    assert_eq!(refused(&mut world, "+4930123456789012"), Some(484));
    let records = world.finish();
    assert_eq!(told(&records[0]), ("unroutable_number", 484, Some("too_many_digits")));
    assert_eq!(records[0].called, "+4930123456789012", "as it was dialled");
}

#[test]
fn for_what_it_asks() {
    let mut world = World::new();
    let asked = || invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv"));
    world.send(Platform, with_header(&asked(), "Require: teleport"));
    assert_eq!(world.refusal(Platform).status(), Some(420));
    world.send(Platform, with_header(&asked(), "Diversion: <sip:+4930555@h>;counter=11"));
    assert_eq!(world.refusal(Platform).status(), Some(483));
    let records = world.finish();
    assert_eq!(told(&records[0]), ("invite_not_taken", 420, Some("bad_extension: teleport")));
    assert_eq!((records[1].cause, records[1].detail.as_deref()), (Cause::TooManyHops, Some("too_many_diversions")));
}

/// A dialler gone wild: so many records, then counted only, and with the next second records again.
#[test]
fn as_often_as_there_is_room_for_it() {
    let mut world = World::configured(|settings| settings.trunks[2].max_calls = Some(0));
    for _ in 0..REFUSED_RECORDS + 50 {
        world.send(Platform, invite(Platform, "+33", &sdp(Platform, "sendrecv")));
    }
    for _ in 0..REFUSED_RECORDS + 50 {
        assert_eq!(world.refusal(Platform).status(), Some(503));
    }
    world.pass(Duration::from_secs(40));
    assert_eq!(refused(&mut world, "+33"), Some(503));
    assert_eq!(world.finish().len(), usize::try_from(REFUSED_RECORDS).unwrap() + 1);
}

#[test]
fn but_not_for_want_of_memory_or_of_room_for_records() {
    for hold in [Hold::Memory, Hold::Records] {
        let mut world = World::new();
        world.order(Command::NewCalls(hold, NewCalls::Refused));
        assert_eq!(refused(&mut world, number_of(CarrierA)), Some(503));
        assert_eq!(world.finish().len(), 0, "{hold:?}");
    }
}
