//! Rules of single requests inside a call: required extensions, bodies that are no answer, numbers after the end.

use std::time::Duration;

use trunkline::base::Digit;
use trunkline::base::limits::DIGIT_QUEUE;
use trunkline::call::{CallEvent, Cause};
use trunkline::engine::io::{Event, Input};
use trunkline::media::plan::{HearDigits, MediaEvent};
use trunkline::route::media::TrunkDtmf;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::digest::{REALM, assert_proven, auth, challenge};
use crate::world::text::{sdp, sdp_with, with_header};

#[test]
fn an_extension_that_is_required_and_not_known_is_420_for_every_method_but_bye() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    for method in ["INVITE", "UPDATE", "INFO", "OPTIONS", "MESSAGE", "NOTIFY", "SUBSCRIBE", "FROBNICATE"] {
        let asked = with_header(&talk.caller.request(method, ""), "Require: x-unheard");
        world.send(Platform, asked);
        let refused = world.refusal(Platform);
        assert_eq!((refused.status(), refused.header("Unsupported").as_str()), (Some(420), "x-unheard"), "{method}");
    }
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn what_is_no_description_answers_no_offer_of_ours() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let ask = talk.caller.request("INVITE", "");
    world.send(Platform, ask);
    world.expect(Platform, "SIP/2.0 200");
    let odd = talk.caller.ack(&sdp_with(Platform, "sendrecv", "0 8 101", 2)).replace("application/sdp", "text/plain");
    world.send(Platform, odd);
    world.hears_bye(Platform);
    world.hears_bye(CarrierA);
    assert_eq!(world.finish()[0].cause, Cause::BadAnswer);
}

#[test]
fn an_answer_of_another_type_is_no_answer() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let hold = talk.caller.request("INVITE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    world.send(Platform, hold);
    let crossed = world.expect(CarrierA, "INVITE");
    let odd = crossed.respond(200, CarrierA, &sdp(CarrierA, "recvonly")).replace("application/sdp", "text/plain");
    world.send(CarrierA, odd);
    world.expect(CarrierA, "ACK");
    assert_eq!(world.refusal(Platform).status(), Some(488));
    world.hears_bye(Platform);
    world.hears_bye(CarrierA);
    assert_eq!(world.finish()[0].cause, Cause::BadAnswer);
}

#[test]
fn an_old_number_is_500_after_the_end_too() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    let bye = talk.caller.request("BYE", "");
    world.send(Platform, bye);
    world.expect(Platform, "SIP/2.0 200");
    let ours = world.expect(CarrierA, "BYE");
    let first = talk.callee.request("INFO", "");
    world.send(CarrierA, first);
    assert_eq!(world.refusal(CarrierA).status(), Some(481));
    world.send(CarrierA, talk.callee.numbered("BYE", 7));
    assert_eq!(world.refusal(CarrierA).status(), Some(500));
    world.send(CarrierA, ours.respond(200, CarrierA, ""));
    world.finish();
}

fn digits(world: &mut World, count: usize) {
    let hearing = world.relay.plans.iter().find(|(_, plan)| plan.dtmf.hear != HearDigits::Carried);
    let endpoint = *hearing.expect("the platform's events are listened to").0;
    let digit = Digit::from_char('5').expect("a key");
    for _ in 0..count {
        world.feed(Input::Media(MediaEvent::Digit { endpoint, digit, duration: Duration::from_millis(100) }));
    }
}

#[test]
fn a_challenged_info_goes_again_with_the_same_digit() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].auth = auth(None);
        settings.trunks[0].behaviour.media.sound.dtmf = TrunkDtmf::Info;
    });
    let mut talk = world.talk(Platform, CarrierA);
    digits(&mut world, 2);
    let first = world.expect(CarrierA, "INFO");
    world.send(CarrierA, challenge(&first, 401, CarrierA, REALM, "n"));
    let second = world.expect(CarrierA, "INFO");
    assert_proven(&second, "Authorization", "n");
    assert_eq!(second.body(), first.body());
    world.send(CarrierA, second.respond(200, CarrierA, ""));
    let next = world.expect(CarrierA, "INFO");
    assert!(next.header("Authorization").is_empty());
    world.send(CarrierA, next.respond(200, CarrierA, ""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn digits_that_find_no_room_are_counted() {
    let mut world = World::configured(|settings| settings.trunks[0].behaviour.media.sound.dtmf = TrunkDtmf::Info);
    let mut talk = world.talk(Platform, CarrierA);
    digits(&mut world, DIGIT_QUEUE + 4);
    let lost = |event: &&Event| matches!(event, Event::Call(CallEvent::DigitLost { trunk }) if &**trunk == "carrier-a");
    assert_eq!(world.events.iter().filter(lost).count(), 3);
    for _ in 0..=DIGIT_QUEUE {
        let info = world.expect(CarrierA, "INFO");
        world.send(CarrierA, info.respond(200, CarrierA, ""));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}
