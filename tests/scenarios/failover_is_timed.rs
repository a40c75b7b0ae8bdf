//! When the next candidate is tried, to the millisecond of an invented clock (MD-91, MD-119..122, PF-44), and how soon a
//! target that died and healed takes calls again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Text, invite, sdp, with_header};

/// There and back again in this world.
const NEAR: Duration = Duration::from_millis(100);
const NO_RESPONSE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_secs(60);

/// Both carriers are given up after five seconds of silence, and asked once a minute.
fn watched() -> World {
    World::configured(|settings| {
        for trunk in &mut settings.trunks[..2] {
            trunk.behaviour.timers.no_response = NO_RESPONSE;
            trunk.behaviour.options.interval = INTERVAL;
        }
    })
}

fn unwatched() -> World {
    World::configured(|settings| settings.trunks[0].behaviour.timers.no_response = NO_RESPONSE)
}

fn call(world: &mut World) -> Duration {
    world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
    world.clock()
}

/// The second candidate's INVITE, and how long after `began` it came.
fn second(world: &mut World, began: Duration) -> (Text, Duration) {
    let offered = world.expect(CarrierB, "INVITE");
    (offered, world.clock() - began)
}

fn declined(mut world: World, offered: &Text) -> Vec<trunkline::call::CallRecord> {
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.expect(Platform, "SIP/2.0 486");
    world.finish()
}

#[test]
fn after_silence_for_exactly_its_time() {
    let mut world = unwatched();
    world.silence(CarrierA);
    let began = call(&mut world);
    let (offered, took) = second(&mut world, began);
    assert!((NO_RESPONSE..NO_RESPONSE + NEAR).contains(&took), "{took:?}");
    declined(world, &offered);
}

#[test]
fn at_once_after_a_failed_connection() {
    let mut world = unwatched();
    world.agent(CarrierA).is_unreachable = true;
    let began = call(&mut world);
    let (offered, took) = second(&mut world, began);
    assert!(took < NEAR, "{took:?}");
    declined(world, &offered);
}

/// MD-119: 503 with Retry-After.
#[test]
fn at_once_after_503_and_its_wish_holds_for_the_next_call() {
    let mut world = unwatched();
    let began = call(&mut world);
    let first = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, with_header(&first.respond(503, CarrierA, ""), "Retry-After: 1"));
    world.expect(CarrierA, "ACK");
    let (offered, took) = second(&mut world, began);
    assert!(took < NEAR, "{took:?}");
    declined(world, &offered);
}

/// A 100 stops the clock of silence: whoever has said so much is waited for.
#[test]
fn not_while_it_has_said_100() {
    let mut world = unwatched();
    call(&mut world);
    let first = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, first.respond(100, CarrierA, ""));
    world.pass(NO_RESPONSE * 3);
    assert!(world.is_quiet(CarrierB));
    world.send(CarrierA, first.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 486");
    world.finish();
}

/// MD-120, MD-122: a 4xx or 6xx is the called party's word.
#[test]
fn never_after_a_4xx_or_6xx() {
    for code in [403, 404, 480, 486, 488, 600, 603] {
        let mut world = unwatched();
        call(&mut world);
        let first = world.expect(CarrierA, "INVITE");
        world.send(CarrierA, first.respond(code, CarrierA, ""));
        world.expect(CarrierA, "ACK");
        world.refusal(Platform);
        world.pass(Duration::from_secs(60));
        assert!(world.is_quiet(CarrierB), "{code}");
        assert_eq!(world.finish()[0].attempts, 1);
    }
}

/// Twenty calls a second; the first target falls silent and comes back. Every call is offered to somebody who answers; only
/// those that found the silence out waited, and no longer than their time; with the first probe it answers the target
/// takes calls again, a few at first.
#[test]
fn a_silent_target_loses_no_call_at_twenty_a_second() {
    const EVERY: Duration = Duration::from_millis(50);
    let (dies, heals, end) = (Duration::from_secs(2), Duration::from_secs(17), Duration::from_secs(34));
    let mut world = watched();
    let (mut began, mut offers) = (BTreeMap::new(), BTreeMap::new());
    let mut place = 0_u32;
    while world.clock() < end {
        let now = world.clock();
        world.agent(CarrierA).is_deaf = (dies..heals).contains(&now);
        let number = format!("+49309{place:05}");
        world.send(Platform, invite(Platform, &number, &sdp(Platform, "sendrecv")));
        began.insert(number, now);
        place += 1;
        world.pass(EVERY);
        for at in [CarrierA, CarrierB] {
            for number in answer_all(&mut world, at) {
                offers.entry(number).or_insert((at, world.clock()));
            }
        }
        world.agent(Platform).forget();
    }
    for _ in 0..120 {
        world.pass(EVERY);
        for at in [CarrierA, CarrierB] {
            for number in answer_all(&mut world, at) {
                offers.entry(number).or_insert((at, world.clock()));
            }
        }
        world.agent(Platform).forget();
    }
    assert_eq!(offers.len(), began.len(), "every call was offered to somebody who answered");
    let waited = |number: &String| offers[number].1 - began[number];
    let longest = began.keys().map(waited).max().unwrap();
    assert!(longest <= NO_RESPONSE + EVERY * 2, "{longest:?}");
    let delayed: Vec<_> = began.keys().filter(|number| waited(number) > EVERY * 2).collect();
    assert!(delayed.iter().all(|number| (dies - EVERY..=dies + NO_RESPONSE + EVERY).contains(&began[*number])));
    // PF-155: while it does not answer it is asked every ten seconds.
    let back =
        began.iter().find(|(number, at)| **at >= heals && offers[*number].0 == CarrierA).map(|(_, at)| *at - heals);
    let back = back.unwrap();
    assert!(back <= Duration::from_secs(10), "{back:?}");
    // R-L: in the first five seconds it takes a tenth of them at most, and then all.
    let (first, spared) = (heals + back, Duration::from_secs(5));
    let between = |from: Duration, to: Duration| began.iter().filter(move |(_, at)| (from..to).contains(*at));
    let taken = between(first, first + spared).filter(|(number, _)| offers[*number].0 == CarrierA).count();
    assert_eq!((taken, between(first, first + spared).count()), (7, 100));
    assert!(between(first + spared + EVERY, end).all(|(number, _)| offers[number].0 == CarrierA));
    world.finish();
}

/// Answers what waits at `at`: OPTIONS with 200, an INVITE with 486, whose numbers are told. Nobody answers for the deaf.
fn answer_all(world: &mut World, at: crate::world::Name) -> Vec<String> {
    let mut numbers = Vec::new();
    while let Some(asked) = world.agent(at).next_new() {
        match asked.method() {
            "INVITE" => {
                let number = asked.start_line().split([':', '@']).nth(1).unwrap_or_default().to_owned();
                numbers.push(number);
                world.send(at, asked.respond(486, at, ""));
            }
            "OPTIONS" => world.send(at, asked.respond(200, at, "")),
            _ => {}
        }
    }
    numbers
}
