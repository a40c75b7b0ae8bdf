//! Unreachable, 503 and silence try the next candidate; the caller hears of it nothing but ringing (PF-44).

use std::time::Duration;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{sdp, with_tag};

#[test]
fn after_an_unreachable_first() {
    let mut world = World::new();
    world.agent(CarrierA).is_unreachable = true;
    let (offered, _) = world.ring(Platform, CarrierB);
    let mut talk = world.answer(Platform, CarrierB, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    let records = world.finish();
    assert_eq!((records[0].attempts, records[0].to.as_deref()), (2, Some("carrier-b")));
}

#[test]
fn after_503_of_the_first() {
    let mut world = World::new();
    let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, offered.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    assert_ne!(second.header("Call-ID"), offered.header("Call-ID"), "each attempt is a request of its own");
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.callee_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].attempts, 2);
}

#[test]
fn after_silence_of_the_first() {
    let mut world = World::new();
    world.silence(CarrierA);
    let (offered, _) = world.dial(Platform, CarrierB);
    let mut talk = world.answer(Platform, CarrierB, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].attempts, 2);
}

#[test]
fn a_late_answer_of_the_first_is_ended() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.timers.no_response = Duration::from_secs(2);
    });
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    let second = world.expect(CarrierB, "INVITE");
    world.send(CarrierA, first.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].to.as_deref(), Some("carrier-b"));
}

#[test]
fn a_late_ringing_of_the_first_is_cancelled() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.timers.no_response = Duration::from_secs(2);
    });
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    let second = world.expect(CarrierB, "INVITE");
    world.send(CarrierA, first.respond(180, CarrierA, ""));
    world.hears_cancel(CarrierA, &first);
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 3261 16.7 step 5: a proxy that has told us of a refusal sends a 2xx of another fork on all the same. Nobody is left
/// talking to it, and the call goes on elsewhere.
#[test]
fn an_answer_after_the_refusal_is_ended() {
    let mut world = World::new();
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, first.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    for fork in ["late", "later"] {
        world.send(CarrierA, with_tag(&first.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), fork));
        assert_eq!(world.expect(CarrierA, "ACK").tag("To").as_deref(), Some(fork));
        assert_eq!(world.hears_bye(CarrierA).tag("To").as_deref(), Some(fork));
    }
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    assert_eq!(world.finish()[0].to.as_deref(), Some("carrier-b"));
}

/// The same for a call that its caller has given up.
#[test]
fn an_answer_after_the_487_is_ended() {
    let mut world = World::new();
    let (offered, sent) = world.ring(Platform, CarrierA);
    world.send(Platform, sent.cancel());
    world.hears_cancel(CarrierA, &offered);
    world.expect(Platform, "SIP/2.0 200");
    world.expect(Platform, "SIP/2.0 487");
    world.send(CarrierA, with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), "late"));
    assert_eq!(world.expect(CarrierA, "ACK").tag("To").as_deref(), Some("late"));
    world.hears_bye(CarrierA);
    world.finish();
}
