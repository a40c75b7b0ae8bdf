//! A trunk with `dtmf = "info"` sends and takes digits as INFO; the other leg's digits are in its media (MD-190).

use std::time::Duration;

use trunkline::base::Digit;
use trunkline::engine::io::Input;
use trunkline::media::plan::{DigitsTo, HearDigits, MediaCommand, MediaEvent, SpeakDigits};
use trunkline::route::media::TrunkDtmf;
use trunkline::route::methods::Rule;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, sdp_with, with_header};

const RELAY: &str = "application/dtmf-relay";

fn info_world() -> World {
    World::sounding("carrier-a", |sound| sound.dtmf = TrunkDtmf::Info)
}

/// An INFO with a body that is not SDP.
fn info(dialog: &mut Dialog, content_type: &str, body: &str) -> String {
    dialog.request("INFO", body).replace("application/sdp", content_type)
}

/// Keys and milliseconds that endpoints were told to play.
fn played(world: &World) -> Vec<(char, u128)> {
    let digit = |command: &MediaCommand| match command {
        MediaCommand::PlayDigit { digit, duration, .. } => Some((digit.key(), duration.as_millis())),
        _ => None,
    };
    world.relay.played.iter().filter_map(digit).collect()
}

/// The carrier without events answers.
fn carrier_sdp() -> String {
    sdp_with(CarrierA, "sendrecv", "0 8", 1)
}

/// A call of the platform to the carrier, answered.
fn talk(world: &mut World) -> (Dialog, Dialog) {
    let (offered, _) = world.ring(Platform, CarrierA);
    assert!(!offered.body().contains("telephone-event"), "{}", offered.body());
    let answer = offered.respond(200, CarrierA, &carrier_sdp());
    let callee = Dialog::of_callee(CarrierA, &offered, &answer);
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    assert!(accepted.body().contains("telephone-event/8000"), "{}", accepted.body());
    let caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    world.pass(Duration::from_secs(1));
    (caller, callee)
}

fn end(mut world: World, mut caller: Dialog) {
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    world.finish();
}

#[test]
fn an_info_is_answered_here_and_played_as_an_event() {
    let mut world = info_world();
    let (caller, mut callee) = talk(&mut world);
    for (kind, body) in [(RELAY, "Signal=5\r\nDuration=160\r\n"), ("application/dtmf", "#")] {
        world.send(CarrierA, info(&mut callee, kind, body));
        world.expect(CarrierA, "SIP/2.0 200");
    }
    assert_eq!(played(&world), [('5', 160), ('#', 100)]);
    let MediaCommand::PlayDigit { endpoint, .. } = &world.relay.played[0] else { panic!("{:?}", world.relay.played) };
    let speak = world.relay.plans[endpoint].dtmf.speak;
    assert_eq!(speak, SpeakDigits::Events { payload: 101, clock: 8000 });
    assert!(world.is_quiet(Platform));
    end(world, caller);
}

#[test]
fn what_an_info_cannot_say_is_refused() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.media.sound.dtmf = TrunkDtmf::Info;
        settings.trunks[0].behaviour.methods.info = Rule::Refuse;
    });
    let (caller, mut callee) = talk(&mut world);
    for (kind, body, status) in
        [(RELAY, "Signal=55", 400), ("text/plain", "5", 415), (RELAY, "", 200), (RELAY, "Signal=16", 200)]
    {
        world.send(CarrierA, info(&mut callee, kind, body));
        let answer = world.expect(CarrierA, "SIP/2.0");
        assert_eq!(answer.status(), Some(status), "{kind} {body}");
        assert!(answer.header("Allow").contains("INFO"));
        assert_eq!(answer.header("Accept").contains(RELAY), status == 415);
    }
    assert_eq!(played(&world), []);
    end(world, caller);
}

#[test]
fn events_become_info_one_after_the_other() {
    let mut world = info_world();
    let (caller, _) = talk(&mut world);
    let hearing = world.relay.plans.iter().find(|(_, plan)| plan.dtmf.hear != HearDigits::Carried);
    let (&endpoint, plan) = hearing.expect("the platform's events are listened to");
    assert_eq!(plan.dtmf.hear, HearDigits::Events { payload: 101, clock: 8000, to: DigitsTo::Core });
    for key in ['1', '*'] {
        let digit = Digit::from_char(key).unwrap();
        world.feed(Input::Media(MediaEvent::Digit { endpoint, digit, duration: Duration::from_millis(120) }));
    }
    for key in ['1', '*'] {
        let info = world.expect(CarrierA, "INFO");
        assert_eq!(info.header("Content-Type"), RELAY);
        assert_eq!(info.body(), format!("Signal={key}\r\nDuration=120\r\n"));
        assert!(world.is_quiet(CarrierA));
        world.send(CarrierA, info.respond(200, CarrierA, ""));
    }
    end(world, caller);
}

#[test]
fn an_info_before_the_answer_is_played_into_early_media() {
    let mut world = World::sounding("platform", |sound| sound.dtmf = TrunkDtmf::Info);
    let (offered, _) = world.dial(Platform, CarrierA);
    assert!(offered.body().contains("telephone-event"));
    world.send(CarrierA, offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")));
    let early = world.expect(Platform, "SIP/2.0 183");
    assert!(!early.body().contains("telephone-event"), "{}", early.body());
    let mut caller = Dialog::of_caller(Platform, &early);
    world.send(Platform, info(&mut caller, RELAY, "Signal=3\r\nDuration=100\r\n"));
    world.expect(Platform, "SIP/2.0 200");
    assert_eq!(played(&world), [('3', 100)]);
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack_of(1, ""));
    talk.caller.cseq = 20;
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn tones_of_one_trunk_are_events_for_the_other() {
    let mut world = World::sounding("carrier-a", |sound| sound.dtmf = TrunkDtmf::Inband);
    let (caller, _) = talk(&mut world);
    let hears: Vec<HearDigits> = world.relay.plans.values().map(|plan| plan.dtmf.hear).collect();
    assert!(hears.contains(&HearDigits::Events { payload: 101, clock: 8000, to: DigitsTo::Partner }), "{hears:?}");
    assert!(hears.contains(&HearDigits::Inband { a_law: Some(8), mu_law: Some(0), to: DigitsTo::Partner }));
    assert!(
        world.relay.plans.values().any(|plan| plan.dtmf.speak == SpeakDigits::Inband && plan.sound.voice.is_some())
    );
    end(world, caller);
}

/// The carrier speaks before its answer, with these lines more in its 183; the INVITE as it got it.
fn early(world: &mut World, lines: &str) -> Text {
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_header(&offered.respond(183, CarrierA, &carrier_sdp()), lines));
    world.expect(Platform, "SIP/2.0 183");
    offered
}

/// The platform presses a key in its media.
fn presses(world: &mut World, key: char) {
    let hearing = world.relay.plans.iter().find(|(_, plan)| plan.dtmf.hear != HearDigits::Carried);
    let (&endpoint, _) = hearing.expect("the platform's events are listened to");
    let digit = Digit::from_char(key).unwrap();
    world.feed(Input::Media(MediaEvent::Digit { endpoint, digit, duration: Duration::from_millis(120) }));
}

fn is_told_digit(world: &mut World, key: char) -> Text {
    let info = world.expect(CarrierA, "INFO");
    assert!(info.body().starts_with(&format!("Signal={key}\r\n")), "{}", info.body());
    world.send(CarrierA, info.respond(200, CarrierA, ""));
    info
}

fn answered(mut world: World, offered: &Text, rest: &[char]) {
    world.send(CarrierA, offered.respond(200, CarrierA, &carrier_sdp()));
    world.expect(CarrierA, "ACK");
    for &key in rest {
        is_told_digit(&mut world, key);
    }
    let caller = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, caller.ack(""));
    end(world, caller);
}

/// RFC 6086 4.2.2: whoever allows INFO is told before its answer, one digit after the other.
#[test]
fn before_the_answer_in_the_early_dialog() {
    let mut world = info_world();
    let offered = early(&mut world, "Allow: INVITE, ACK, BYE, CANCEL, INFO");
    ['4', '2'].into_iter().for_each(|key| presses(&mut world, key));
    let info = is_told_digit(&mut world, '4');
    assert_eq!(info.tag("To"), Text::of(offered.respond(183, CarrierA, "")).tag("To"));
    is_told_digit(&mut world, '2');
    answered(world, &offered, &[]);
}

/// Whoever does not say so is told after its answer: nothing is lost.
#[test]
fn before_the_answer_they_wait_for_it() {
    let mut world = info_world();
    let offered = early(&mut world, "Allow: INVITE, ACK, BYE, CANCEL");
    ['4', '2'].into_iter().for_each(|key| presses(&mut world, key));
    world.pass(Duration::from_secs(2));
    assert!(world.is_quiet(CarrierA));
    answered(world, &offered, &['4', '2']);
}

/// The answer comes while an INFO of the early dialog is out.
#[test]
fn before_the_answer_and_across_it() {
    let mut world = info_world();
    let offered = early(&mut world, "Allow: INVITE, ACK, BYE, CANCEL, INFO");
    ['4', '2'].into_iter().for_each(|key| presses(&mut world, key));
    let first = world.expect(CarrierA, "INFO");
    world.send(CarrierA, offered.respond(200, CarrierA, &carrier_sdp()));
    world.expect(CarrierA, "ACK");
    world.send(CarrierA, first.respond(200, CarrierA, ""));
    is_told_digit(&mut world, '2');
    let caller = Dialog::of_caller(Platform, &world.expect(Platform, "SIP/2.0 200"));
    world.send(Platform, caller.ack(""));
    end(world, caller);
}

/// The carrier, whose INVITE has these lines more, calls the platform, which speaks before its answer.
fn early_back(world: &mut World, lines: &str) -> (Text, Dialog) {
    let offered = world.dial_with(CarrierA, Platform, lines, &carrier_sdp());
    world.send(Platform, offered.respond(183, Platform, &sdp(Platform, "sendrecv")));
    let caller = Dialog::of_caller(CarrierA, &world.expect(CarrierA, "SIP/2.0 183"));
    (offered, caller)
}

fn answered_back(mut world: World, offered: &Text, rest: &[char]) {
    world.send(Platform, offered.respond(200, Platform, &sdp(Platform, "sendrecv")));
    world.expect(Platform, "ACK");
    let mut caller = Dialog::of_caller(CarrierA, &world.expect(CarrierA, "SIP/2.0 200"));
    world.send(CarrierA, caller.ack(""));
    for &key in rest {
        is_told_digit(&mut world, key);
    }
    world.leaves(CarrierA, &mut caller);
    world.hears_bye(Platform);
    world.finish();
}

/// The called side presses keys into its early media.
#[test]
fn of_the_called_side_before_the_answer() {
    let mut world = info_world();
    let (offered, caller) = early_back(&mut world, "Allow: INVITE, ACK, BYE, CANCEL, INFO");
    ['4', '2'].into_iter().for_each(|key| presses(&mut world, key));
    let info = is_told_digit(&mut world, '4');
    assert_eq!(info.header("Call-ID"), caller.call_id());
    is_told_digit(&mut world, '2');
    answered_back(world, &offered, &[]);
}

#[test]
fn of_the_called_side_they_wait_for_the_answer_where_the_caller_does_not_name_info() {
    let mut world = info_world();
    let (offered, _) = early_back(&mut world, "Allow: INVITE, ACK, BYE, CANCEL");
    ['4', '2'].into_iter().for_each(|key| presses(&mut world, key));
    world.pass(Duration::from_secs(2));
    assert!(world.is_quiet(CarrierA));
    answered_back(world, &offered, &['4', '2']);
}

#[test]
fn an_info_of_the_called_side_before_the_answer() {
    let mut world = World::sounding("platform", |sound| sound.dtmf = TrunkDtmf::Info);
    let (offered, _) = world.dial(CarrierA, Platform);
    let speaks = offered.respond(183, Platform, &sdp_with(Platform, "sendrecv", "0 8", 1));
    let mut callee = Dialog::of_callee(Platform, &offered, &speaks);
    world.send(Platform, speaks);
    world.expect(CarrierA, "SIP/2.0 183");
    world.send(Platform, info(&mut callee, RELAY, "Signal=7\r\nDuration=160\r\n"));
    world.expect(Platform, "SIP/2.0 200");
    assert_eq!(played(&world), [('7', 160)]);
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}
