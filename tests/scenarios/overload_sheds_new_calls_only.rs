//! Where messages wait too long for the engine, new calls get 503 at once, without a transaction; calls that are there, and
//! calls for help, go on (R-A2, R-A4, R-A9).

use std::sync::Arc;
use std::time::Duration;

use trunkline::engine::io::{Command, Event, Hold, Input, NewCalls};
use trunkline::engine::shed::Shed;
use trunkline::route::number::country;
use trunkline::route::presentation::Presentation;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{invite, route, sdp};

fn shed(world: &World, why: Shed) -> usize {
    world.events.iter().filter(|event| matches!(event, Event::Shed(shed) if *shed == why)).count()
}

/// From now on every request that begins something has waited for 60 ms; after a tenth of a second that is overload.
fn strain(world: &mut World) {
    world.waited = Duration::from_millis(60);
    let mut told = Vec::new();
    for _ in 0..3 {
        world.send(Platform, invite(Platform, "+33", &sdp(Platform, "sendrecv")));
        told.push(world.refusal(Platform).status());
        world.pass(Duration::from_millis(60));
    }
    assert_eq!(told, [Some(404), Some(404), Some(503)]);
}

#[test]
fn a_late_call_gets_503_with_a_time_to_come_back_and_calls_go_on() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    strain(&mut world);
    world.send(Platform, invite(Platform, number_of(CarrierA), &sdp(Platform, "sendrecv")));
    let refused = world.expect(Platform, "SIP/2.0 503");
    let wait: u32 = refused.header("Retry-After").parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(shed(&world, Shed::Overload), 2);
    world.caller_hangs_up(&mut talk);
    world.waited = Duration::ZERO;
    let mut talk = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// Requests are read at once.
#[test]
fn while_audio_waits_for_the_relay_new_calls_get_503_and_calls_go_on() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let mut told = Vec::new();
    for _ in 0..6 {
        world.feed(Input::MediaWaited(Duration::from_millis(50)));
        world.send(Platform, invite(Platform, "+33", &sdp(Platform, "sendrecv")));
        told.push(world.refusal(Platform).status());
        world.pass(Duration::from_millis(60));
    }
    assert_eq!(told, [404, 404, 404, 404, 503, 503].map(Some), "three looks, and a tenth of a second");
    assert_eq!((shed(&world, Shed::Overload), world.engine.gauges().media_wait), (2, Duration::from_millis(50)));
    world.caller_hangs_up(&mut talk);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.engine.gauges().media_wait, Duration::ZERO, "nobody talks");
    world.feed(Input::MediaWaited(Duration::from_millis(1)));
    let mut talk = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn a_call_for_help_is_taken_however_late_it_is_and_however_short_memory() {
    let mut world = World::configured(|settings| {
        for trunk in &mut settings.trunks {
            let mut presentation = Presentation::clone(&trunk.behaviour.presentation);
            presentation.numbers.country = country("DE");
            trunk.behaviour.presentation = Arc::new(presentation);
        }
        settings.routes.push(route("platform", None, &["carrier-a"]));
    });
    world.order(Command::NewCalls(Hold::Memory, NewCalls::Refused));
    world.waited = Duration::from_secs(9);
    for _ in 0..3 {
        world.send(Platform, invite(Platform, "112", &sdp(Platform, "sendrecv")));
        let offered = world.expect(CarrierA, "INVITE");
        let mut talk = world.answer(Platform, CarrierA, offered);
        world.send(Platform, talk.caller.ack(""));
        world.caller_hangs_up(&mut talk);
    }
    assert_eq!(world.finish().len(), 3);
}

#[test]
fn a_node_that_takes_so_many_calls_in_a_second_refuses_the_next() {
    let mut world = World::configured(|settings| settings.limits.max_calls_per_s = 2);
    let mut told = Vec::new();
    for _ in 0..3 {
        world.send(Platform, invite(Platform, "+33", &sdp(Platform, "sendrecv")));
        told.push(world.refusal(Platform).status());
    }
    assert_eq!((told, shed(&world, Shed::MaxCallsPerS)), (vec![Some(404), Some(404), Some(503)], 1));
    world.pass(Duration::from_millis(500));
    world.send(Platform, invite(Platform, "+33", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(404));
    world.finish();
}

#[test]
fn while_memory_is_short_new_calls_are_refused_whatever_becomes_of_records() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    world.order(Command::NewCalls(Hold::Memory, NewCalls::Refused));
    world.order(Command::NewCalls(Hold::Records, NewCalls::Taken));
    world.send(CarrierA, invite(CarrierA, number_of(Platform), &sdp(CarrierA, "sendrecv")));
    assert_eq!(world.refusal(CarrierA).status(), Some(503));
    assert_eq!(shed(&world, Shed::Memory), 1);
    world.caller_hangs_up(&mut talk);
    world.order(Command::NewCalls(Hold::Memory, NewCalls::Taken));
    let mut talk = world.talk(Platform, CarrierA);
    world.caller_hangs_up(&mut talk);
    world.finish();
}
