//! RFC 3261 16.7 step 5, 13.2.2.4: a proxy sends a 2xx on even where it has sent a failure before. Timer D is zero on a
//! connection, so the transaction is gone by then; the 2xx is acknowledged and ended all the same.

use std::time::Duration;

use trunkline::base::bounds::Bound;
use trunkline::base::limits::{ACKNOWLEDGED_FORKS, INTERVAL_REFUSALS, LATE_ANSWERS};
use trunkline::call::Cause;
use trunkline::engine::io::{Dropped, Event};
use trunkline::sip::Status;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Text, sdp, with_header, with_tag};

/// A call to the platform that is refused with this status.
fn refused(status: u16) -> (World, Text) {
    let mut world = World::new();
    let (offered, _) = world.dial(CarrierA, Platform);
    world.send(Platform, offered.respond(status, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    (world, offered)
}

fn answer(offered: &Text, fork: &str) -> String {
    with_tag(&offered.respond(200, Platform, &sdp(Platform, "sendrecv")), fork)
}

fn is_ended(world: &mut World, fork: &str) {
    assert_eq!(world.expect(Platform, "ACK").tag("To").as_deref(), Some(fork));
    assert_eq!(world.hears_bye(Platform).tag("To").as_deref(), Some(fork));
}

fn stray(world: &World) -> usize {
    world.events.iter().filter(|event| matches!(event, Event::Dropped(Dropped::StrayResponse))).count()
}

#[test]
fn each_fork_hears_ack_and_bye_once() {
    let (mut world, offered) = refused(486);
    for fork in ["late", "later"] {
        world.send(Platform, answer(&offered, fork));
        is_ended(&mut world, fork);
    }
    world.send(Platform, answer(&offered, "late"));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(Platform), "its repetition gets the same ACK and no second BYE");
    let acks = world.heard(Platform).iter().filter(|line| line.starts_with("ACK")).count();
    assert_eq!((acks, stray(&world)), (4, 0), "of the refusal, of two forks and of the repetition");
    assert_eq!(world.finish()[0].cause, Cause::Refused(Status::BUSY_HERE));
}

#[test]
fn after_a_cancel_too() {
    let mut world = World::new();
    let (offered, sent) = world.ring(CarrierA, Platform);
    world.send(CarrierA, sent.cancel());
    world.hears_cancel(Platform, &offered);
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    world.send(Platform, answer(&offered, "late"));
    is_ended(&mut world, "late");
    world.finish();
}

/// The call goes on: the INVITE went again with credentials, and a fork answers the first one.
#[test]
fn while_the_call_goes_on_elsewhere() {
    let mut world = World::new();
    let (offered, _) = world.dial(CarrierA, Platform);
    let longer = with_header(&offered.respond(422, Platform, ""), "Min-SE: 3000");
    world.send(Platform, longer);
    world.expect(Platform, "ACK");
    let again = world.expect(Platform, "INVITE");
    world.send(Platform, answer(&offered, "late"));
    is_ended(&mut world, "late");
    let mut talk = world.answer(CarrierA, Platform, again);
    world.send(CarrierA, talk.caller.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// RFC 6026 8.4: as long as over UDP.
#[test]
fn for_as_long_as_a_datagram_would_be_waited_for() {
    for (waits, known) in [(31, true), (33, false)] {
        let (mut world, offered) = refused(503);
        world.pass(Duration::from_secs(waits));
        world.send(Platform, answer(&offered, "late"));
        if known {
            is_ended(&mut world, "late");
        }
        world.pass(Duration::from_secs(1));
        assert!(world.is_quiet(Platform));
        assert_eq!(stray(&world) == 0, known);
        world.finish();
    }
}

/// Whoever says nothing for the life of the transaction and answers then, over UDP or a connection.
#[test]
fn of_a_party_that_was_given_up() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.timers.no_response = Duration::from_secs(2);
    });
    let (first, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    let second = world.expect(CarrierB, "INVITE");
    let mut talk = world.answer(Platform, CarrierB, second);
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(40));
    world.send(CarrierA, first.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    world.hears_bye(CarrierA);
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// So many calls at once, each refused for its session interval until it has failed. Returns the INVITEs that were
/// refused.
fn too_short_again_and_again(world: &mut World, calls: usize) -> Vec<Text> {
    let mut open: Vec<Text> = (0..calls).map(|_| world.dial(CarrierA, Platform).0).collect();
    let mut refused = Vec::new();
    for round in 1..=u32::from(INTERVAL_REFUSALS) + 1 {
        for invite in &open {
            let longer = format!("Min-SE: {}", 1800 + round);
            world.send(Platform, with_header(&invite.respond(422, Platform, ""), &longer));
        }
        refused.append(&mut open);
        for _ in 0..calls {
            world.expect(Platform, "ACK");
            if round <= u32::from(INTERVAL_REFUSALS) {
                open.push(world.expect(Platform, "INVITE"));
            }
        }
    }
    (0..calls).for_each(|_| assert_eq!(world.refusal(CarrierA).status(), Some(480)));
    refused
}

/// Of more refused INVITEs than there is room for, a late 2xx is a stray response, and each of them is counted.
#[test]
fn of_as_many_as_there_is_room_for() {
    const AT_ONCE: usize = 20;
    // Each 422 ends one INVITE, and the next follows, until that was too often.
    const OF_A_CALL: usize = INTERVAL_REFUSALS as usize + 1;
    let (mut world, before) = (World::new(), Bound::LateAnswers.count());
    let batches = LATE_ANSWERS.div_ceil(AT_ONCE * OF_A_CALL);
    let refused: Vec<Text> = (0..batches).flat_map(|_| too_short_again_and_again(&mut world, AT_ONCE)).collect();
    assert_eq!(refused.len(), batches * AT_ONCE * OF_A_CALL);
    assert_eq!(Bound::LateAnswers.count() - before, (refused.len() - LATE_ANSWERS) as u64);
    world.send(Platform, answer(&refused[0], "late"));
    is_ended(&mut world, "late");
    world.send(Platform, answer(&refused[refused.len() - 1], "later"));
    world.pass(Duration::from_millis(100));
    assert!(world.is_quiet(Platform) && stray(&world) == 1);
    world.finish();
}

/// DESIGN rule 8: a next hop that forks without end makes no BYE of ours for each late answer.
#[test]
fn of_forks_without_end_only_so_many_are_followed() {
    let (mut world, offered) = refused(486);
    for fork in 0..ACKNOWLEDGED_FORKS {
        let fork = format!("late{fork}");
        world.send(Platform, answer(&offered, &fork));
        is_ended(&mut world, &fork);
    }
    for strays in 1..=3 {
        world.send(Platform, answer(&offered, "onetoomany"));
        world.pass(Duration::from_millis(100));
        assert!(world.is_quiet(Platform) && stray(&world) == strays);
    }
    world.finish();
}
