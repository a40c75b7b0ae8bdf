//! RFC 3262 3: a reliable response goes again until its PRACK, the next one waits for that, and without one the INVITE is
//! refused.

use std::time::Duration;

use trunkline::call::Cause;

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, with_header};

/// A caller that requires 100rel; the default of a trunk takes that.
fn dial(world: &mut World) -> Text {
    world.dial_with(CarrierA, Platform, "Require: 100rel", &sdp(CarrierA, "sendrecv"))
}

fn times_heard(world: &World, start: &str) -> usize {
    world.heard(CarrierA).iter().filter(|line| line.starts_with(start)).count()
}

#[test]
fn until_the_prack_comes() {
    let mut world = World::new();
    let offered = dial(&mut world);
    world.send(Platform, offered.respond(180, Platform, ""));
    let ringing = world.expect(CarrierA, "SIP/2.0 180");
    world.pass(Duration::from_millis(3600));
    assert_eq!(times_heard(&world, "SIP/2.0 180"), 4, "after 0, 0.5, 1.5 and 3.5 s");
    let mut dialog = Dialog::of_caller(CarrierA, &ringing);
    world.pracks(CarrierA, &mut dialog, &ringing, "");
    world.pass(Duration::from_secs(30));
    assert_eq!(times_heard(&world, "SIP/2.0 180"), 4);
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    world.finish();
}

#[test]
fn the_next_waits_for_the_prack() {
    let mut world = World::new();
    let offered = dial(&mut world);
    world.send(Platform, offered.respond(180, Platform, ""));
    let ringing = world.expect(CarrierA, "SIP/2.0 180");
    world.send(Platform, offered.respond(183, Platform, &sdp(Platform, "sendrecv")));
    world.pass(Duration::from_millis(300));
    assert!(world.is_quiet(CarrierA));
    let mut dialog = Dialog::of_caller(CarrierA, &ringing);
    world.pracks(CarrierA, &mut dialog, &ringing, "");
    let early = world.expect(CarrierA, "SIP/2.0 183");
    world.pracks(CarrierA, &mut dialog, &early, "");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    world.finish();
}

#[test]
fn without_a_prack_the_invite_is_refused_504() {
    let mut world = World::new();
    let offered = dial(&mut world);
    world.send(Platform, offered.respond(180, Platform, ""));
    world.expect(CarrierA, "SIP/2.0 180");
    world.hears_cancel(Platform, &offered);
    let refused = world.refusal(CarrierA);
    assert_eq!(refused.status(), Some(504));
    let records = world.finish();
    assert_eq!(records[0].cause, Cause::NoPrack);
}

#[test]
fn a_long_ringing_is_said_again_with_the_next_number() {
    let mut world = World::new();
    let offered = dial(&mut world);
    world.send(Platform, offered.respond(180, Platform, ""));
    let ringing = world.expect(CarrierA, "SIP/2.0 180");
    let mut dialog = Dialog::of_caller(CarrierA, &ringing);
    world.pracks(CarrierA, &mut dialog, &ringing, "");
    let again = world.expect(CarrierA, "SIP/2.0 180");
    let number = |text: &Text| text.header("RSeq").parse::<u32>().unwrap_or(0);
    assert_eq!(number(&again), number(&ringing) + 1);
    world.pracks(CarrierA, &mut dialog, &again, "");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    world.finish();
}

#[test]
fn a_prack_that_matches_nothing_is_481() {
    let mut world = World::new();
    let offered = dial(&mut world);
    world.send(Platform, offered.respond(180, Platform, ""));
    let ringing = world.expect(CarrierA, "SIP/2.0 180");
    let mut dialog = Dialog::of_caller(CarrierA, &ringing);
    let number: u32 = ringing.header("RSeq").parse().expect("a number");
    for (rack, status) in [
        (format!("RAck: {} 1 INVITE", number + 1), 481),
        (format!("RAck: {number} 2 INVITE"), 481),
        (format!("RAck: {number} 1 UPDATE"), 481),
        ("RAck: nonsense".into(), 400),
        ("X-None: here".into(), 400),
    ] {
        world.send(CarrierA, with_header(&dialog.request("PRACK", ""), &rack));
        let answer = world.refusal(CarrierA);
        assert_eq!(answer.status(), Some(status), "{rack}");
    }
    world.pracks(CarrierA, &mut dialog, &ringing, "");
    let prack = dialog.prack(&ringing, "");
    world.send(CarrierA, prack);
    assert_eq!(world.refusal(CarrierA).status(), Some(481), "acknowledged before");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 486");
    world.finish();
}
