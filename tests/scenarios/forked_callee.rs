//! Our INVITE is forked beyond the next hop: several early dialogs, any of which may answer, and more than one that does.

use std::time::Duration;

use trunkline::call::CallEvent;
use trunkline::engine::io::Event;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, sdp, sdp_with, with_tag};

#[test]
fn another_fork_answers_than_rang() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    for tag in ["forkone", "forktwo", "forkthree"] {
        world.send(CarrierA, with_tag(&offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")), tag));
        world.pass(Duration::from_millis(100));
    }
    let answer = with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), "forktwo");
    let mut callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, answer);
    assert_eq!(world.expect(CarrierA, "ACK").tag("To").as_deref(), Some("forktwo"));
    world.expect(Platform, "SIP/2.0 183");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, Dialog::of_caller(Platform, &accepted).ack(""));
    world.send(CarrierA, callee.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn a_200_without_description_means_its_own_fork() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let other = sdp_with(CarrierA, "sendrecv", "8 101", 1);
    world.send(CarrierA, with_tag(&offered.respond(183, CarrierA, &other), "forkone"));
    world.pass(Duration::from_millis(100));
    world.send(CarrierA, with_tag(&offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")), "forktwo"));
    world.pass(Duration::from_millis(100));
    world.send(CarrierA, with_tag(&offered.respond(200, CarrierA, ""), "forkone"));
    world.expect(CarrierA, "ACK");
    world.expect(Platform, "SIP/2.0 183");
    world.expect(Platform, "SIP/2.0 183");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert!(accepted.body().contains("RTP/SAVP 8 101\r\n"), "{}", accepted.body());
    let mut caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn a_second_answer_is_acknowledged_and_ended() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered.clone());
    world.send(Platform, talk.caller.ack(""));
    let second = with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), "forktwo");
    world.send(CarrierA, second.clone());
    assert_eq!(world.expect(CarrierA, "ACK").tag("To").as_deref(), Some("forktwo"));
    assert_eq!(world.hears_bye(CarrierA).tag("To").as_deref(), Some("forktwo"));
    world.send(CarrierA, second);
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierA), "its repetition gets the same ACK and no second BYE");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// DESIGN rule 8: a next hop that forks without end, or repeats such answers, makes no BYE of ours for each.
#[test]
fn forks_without_end_are_not_followed() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let mut talk = world.answer(Platform, CarrierA, offered.clone());
    world.send(Platform, talk.caller.ack(""));
    for fork in 1..=15 {
        world
            .send(CarrierA, with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), &format!("f{fork}")));
        world.expect(CarrierA, "ACK");
        let bye = world.expect(CarrierA, "BYE");
        world.send(CarrierA, bye.respond(200, CarrierA, ""));
    }
    for _ in 0..3 {
        world.send(CarrierA, with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), "onetoomany"));
        world.pass(Duration::from_millis(100));
        assert!(world.is_quiet(CarrierA));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// MD-110 asks for ten; of more than sixteen the rest is counted, and may answer all the same.
#[test]
fn more_forks_than_are_kept_are_counted() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    for fork in 0..19 {
        world.send(CarrierA, with_tag(&offered.respond(180, CarrierA, ""), &format!("fork{fork}")));
        world.pass(Duration::from_millis(10));
    }
    let unheard =
        |event: &&Event| matches!(event, Event::Call(CallEvent::ForkUnheard { trunk }) if **trunk == *"carrier-a");
    assert_eq!(world.events.iter().filter(unheard).count(), 3);
    let answer = with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), "fork18");
    world.send(CarrierA, answer);
    assert_eq!(world.expect(CarrierA, "ACK").tag("To").as_deref(), Some("fork18"));
    let accepted = loop {
        let said = world.expect(Platform, "SIP/2.0");
        if said.status() == Some(200) {
            break said;
        }
    };
    let mut caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}
