//! RFC 3262 4: of each early dialog only the next reliable response is acknowledged and read; what comes again or after a
//! gap is not.

use std::time::Duration;

use trunkline::base::bounds::Bound;
use trunkline::base::limits::OPEN_PRACKS;
use trunkline::route::provisional::{ProvisionalSettings, Reliability};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, reliably, sdp, with_tag};

fn world() -> World {
    World::provisional(&[("carrier-a", ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() })])
}

fn end(mut world: World, offered: &Text) {
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    world.finish();
}

#[test]
fn a_repetition_is_absorbed() {
    let mut world = world();
    let (offered, _) = world.dial(Platform, CarrierA);
    let ringing = reliably(&offered.respond(180, CarrierA, ""), 5);
    world.send(CarrierA, ringing.clone());
    world.hears_prack(CarrierA, "5 1 INVITE");
    world.expect(Platform, "SIP/2.0 180");
    world.send(CarrierA, ringing);
    world.pass(Duration::from_millis(300));
    assert!(world.is_quiet(CarrierA), "no second PRACK");
    assert!(world.is_quiet(Platform));
    end(world, &offered);
}

#[test]
fn after_a_gap_nothing_is_acknowledged_until_it_is_filled() {
    let mut world = world();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, reliably(&offered.respond(180, CarrierA, ""), 5));
    world.hears_prack(CarrierA, "5 1 INVITE");
    world.expect(Platform, "SIP/2.0 180");
    world.send(CarrierA, reliably(&offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")), 7));
    world.pass(Duration::from_millis(300));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.send(CarrierA, reliably(&offered.respond(181, CarrierA, ""), 6));
    world.hears_prack(CarrierA, "6 1 INVITE");
    world.expect(Platform, "SIP/2.0 181");
    world.send(CarrierA, reliably(&offered.respond(183, CarrierA, &sdp(CarrierA, "sendrecv")), 7));
    world.hears_prack(CarrierA, "7 1 INVITE");
    world.expect(Platform, "SIP/2.0 183");
    end(world, &offered);
}

#[test]
fn whoever_answers_no_prack_gets_no_more_than_eight() {
    let mut world = world();
    let (offered, _) = world.dial(Platform, CarrierA);
    let ringing = |number| reliably(&offered.respond(180, CarrierA, ""), number);
    let hears = |world: &mut World, number| {
        world.send(CarrierA, ringing(number));
        let prack = world.expect(CarrierA, "PRACK");
        assert_eq!(prack.header("RAck"), format!("{number} 1 INVITE"));
        prack
    };
    let most = u32::try_from(OPEN_PRACKS).unwrap();
    let open: Vec<Text> = (1..=most).map(|number| hears(&mut world, number)).collect();
    world.expect(Platform, "SIP/2.0 180");
    let reached = Bound::OpenPracks.count();
    world.send(CarrierA, ringing(most + 1));
    world.pass(Duration::from_millis(100));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    assert!(Bound::OpenPracks.count() > reached);
    for prack in open {
        world.send(CarrierA, prack.respond(200, CarrierA, ""));
    }
    let last = hears(&mut world, most + 1);
    world.send(CarrierA, last.respond(200, CarrierA, ""));
    end(world, &offered);
}

#[test]
fn each_fork_counts_for_itself() {
    let mut world = world();
    let (offered, _) = world.dial(Platform, CarrierA);
    for (tag, number) in [("forkone", 70), ("forktwo", 3)] {
        world.send(CarrierA, with_tag(&reliably(&offered.respond(180, CarrierA, ""), number), tag));
        let prack = world.hears_prack(CarrierA, &format!("{number} 1 INVITE"));
        assert_eq!(prack.tag("To").as_deref(), Some(tag));
    }
    world.expect(Platform, "SIP/2.0 180");
    end(world, &offered);
}

#[test]
fn a_losing_fork_that_was_acknowledged_is_ended_with_a_higher_number() {
    let mut world = world();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, with_tag(&reliably(&offered.respond(180, CarrierA, ""), 9), "loser"));
    let prack = world.hears_prack(CarrierA, "9 1 INVITE");
    world.expect(Platform, "SIP/2.0 180");
    let mut talk = world.answer(Platform, CarrierA, offered.clone());
    world.send(Platform, talk.caller.ack(""));
    world.send(CarrierA, with_tag(&offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")), "loser"));
    world.expect(CarrierA, "ACK");
    let bye = world.hears_bye(CarrierA);
    let number = |text: &Text| text.header("CSeq").split(' ').next().and_then(|n| n.parse::<u32>().ok());
    assert!(number(&bye) > number(&prack), "{}", bye.as_str());
    world.caller_hangs_up(&mut talk);
    world.finish();
}

#[test]
fn what_a_trunk_hides_is_not_acknowledged() {
    let mut world =
        World::provisional(&[("carrier-a", ProvisionalSettings { reliable: Reliability::Off, ..Default::default() })]);
    let (offered, _) = world.dial(Platform, CarrierA);
    assert!(!offered.as_str().contains("100rel") && !offered.header("Allow").contains("PRACK"));
    world.send(CarrierA, reliably(&offered.respond(180, CarrierA, ""), 5));
    let ringing = world.expect(Platform, "SIP/2.0 180");
    assert!(ringing.header("RSeq").is_empty());
    world.pass(Duration::from_millis(300));
    assert!(world.is_quiet(CarrierA));
    end(world, &offered);
}

#[test]
fn a_refused_prack_ends_nothing() {
    let mut world = world();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, reliably(&offered.respond(180, CarrierA, ""), 5));
    let prack = world.expect(CarrierA, "PRACK");
    world.send(CarrierA, prack.respond(481, CarrierA, ""));
    world.expect(Platform, "SIP/2.0 180");
    let mut talk = world.answer(Platform, CarrierA, offered);
    world.send(Platform, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// A request of the called party in its early dialog is answered in that dialog.
#[test]
fn an_early_dialog_takes_requests() {
    let mut world = world();
    let (offered, _) = world.dial(Platform, CarrierA);
    let ringing = offered.respond(180, CarrierA, "");
    let mut early = Dialog::of_callee(CarrierA, &offered, &ringing);
    world.send(CarrierA, ringing);
    world.expect(Platform, "SIP/2.0 180");
    world.send(CarrierA, early.request("OPTIONS", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, early.request("INVITE", &sdp(CarrierA, "sendrecv")));
    assert_eq!(world.refusal(CarrierA).status(), Some(491));
    end(world, &offered);
}
