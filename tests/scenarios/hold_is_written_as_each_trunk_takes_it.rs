//! MD-127..131, PF-149: every form of hold is understood, and each peer is told in the form its trunk has.

use std::time::Duration;

use trunkline::route::media::HoldForm;

use crate::world::Name::{self, CarrierA, Platform};
use crate::world::World;
use crate::world::text::sdp_with;

fn world(hold: HoldForm) -> World {
    World::sounding("platform", |sound| sound.hold = hold)
}

/// The called carrier says `direction`; what the platform is told, and what the carrier hears when it answers so.
fn told(hold: HoldForm, body: &str, answer: &str) -> (String, String) {
    let mut world = world(hold);
    let mut talk = world.talk(Platform, CarrierA);
    let asked = talk.callee.request("INVITE", body);
    world.send(CarrierA, asked);
    world.pass(Duration::from_millis(100));
    let mut told = "nothing".to_owned();
    if !world.is_quiet(Platform) {
        let crossed = world.expect(Platform, "INVITE");
        assert!(!crossed.body().contains("0.0.0.0"), "MD-129");
        told = direction(crossed.body());
        world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, answer, "0 8 101", 2)));
        world.expect(Platform, "ACK");
    }
    let heard = direction(world.expect(CarrierA, "SIP/2.0 200").body());
    world.send(CarrierA, talk.callee.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
    (told, heard)
}

fn direction(body: &str) -> String {
    let known = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let found = known.into_iter().find(|direction| body.contains(&format!("a={direction}\r\n")));
    found.expect("a direction").to_owned()
}

fn from_carrier(direction: &str) -> String {
    sdp_with(CarrierA, direction, "0 8 101", 2)
}

#[test]
fn as_inactive_with_a_legal_answer_to_the_holder() {
    for form in ["sendonly", "recvonly", "inactive"] {
        let heard = told(HoldForm::Inactive, &from_carrier(form), "inactive");
        assert_eq!(heard, ("inactive".into(), "inactive".into()), "{form}");
    }
    let zero = from_carrier("sendrecv").replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0");
    assert_eq!(told(HoldForm::Inactive, &zero, "inactive").0, "inactive");
}

#[test]
fn as_it_was_said() {
    assert_eq!(told(HoldForm::Pass, &from_carrier("sendonly"), "recvonly"), ("sendonly".into(), "recvonly".into()));
    assert_eq!(told(HoldForm::Pass, &from_carrier("inactive"), "inactive"), ("inactive".into(), "inactive".into()));
}

#[test]
fn as_sendonly() {
    assert_eq!(told(HoldForm::SendOnly, &from_carrier("inactive"), "recvonly").0, "sendonly");
}

#[test]
fn not_at_all() {
    let (told, heard) = told(HoldForm::Unsaid, &from_carrier("sendonly"), "sendrecv");
    assert_eq!((told.as_str(), heard.as_str()), ("sendrecv", "recvonly"), "MD-128");
}

#[test]
fn both_parties_hold_and_resume_one_after_the_other() {
    let mut world = World::new();
    let mut talk = world.talk(Platform, CarrierA);
    // Who asks, with what, what the other is told, what it answers, what who asked hears.
    let steps: [(Name, &str, &str, &str); 4] = [
        (Platform, "sendonly", "recvonly", "recvonly"),
        (CarrierA, "inactive", "inactive", "inactive"),
        (Platform, "recvonly", "inactive", "inactive"),
        (CarrierA, "sendrecv", "recvonly", "recvonly"),
    ];
    for (version, (by, says, answers, hears)) in (2..).zip(steps) {
        let (dialog, other) = if by == Platform { (&mut talk.caller, CarrierA) } else { (&mut talk.callee, Platform) };
        let asked = dialog.request("INVITE", &sdp_with(by, says, "0 8 101", version));
        world.send(by, asked);
        let crossed = world.expect(other, "INVITE");
        assert_eq!(direction(crossed.body()), says);
        world.send(other, crossed.respond(200, other, &sdp_with(other, answers, "0 8 101", version)));
        world.expect(other, "ACK");
        assert_eq!(direction(world.expect(by, "SIP/2.0 200").body()), hears);
        let dialog = if by == Platform { &talk.caller } else { &talk.callee };
        world.send(by, dialog.ack(""));
        world.pass(Duration::from_secs(1));
    }
    world.caller_hangs_up(&mut talk);
    world.finish();
}
