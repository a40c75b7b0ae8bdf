//! `route::liveness` over the wire: what OPTIONS, calls and their media show of a target, and where calls go by it.

use std::time::Duration;

use trunkline::engine::io::Event;
use trunkline::route::liveness::{Alive, TargetState, Why};
use trunkline::sip::Status;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{invite, sdp, with_header};

fn probing() -> World {
    World::configured(|settings| settings.trunks[0].behaviour.options.interval = Duration::from_secs(60))
}

/// Every change so far: to which state, and why.
fn changes(world: &World) -> Vec<(TargetState, Why)> {
    let told = |event: &Event| match event {
        Event::Target(changed) => Some((changed.change.to, changed.change.why)),
        _ => None,
    };
    world.events.iter().filter_map(told).collect()
}

fn answers(world: &mut World, code: u16) {
    let probe = world.expect(CarrierA, "OPTIONS");
    world.send(CarrierA, probe.respond(code, CarrierA, ""));
    world.pass(Duration::from_millis(100));
}

fn refused_at(world: &mut World, first: crate::world::Name) {
    world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
    let offered = world.expect(first, "INVITE");
    world.send(first, offered.respond(486, first, ""));
    world.expect(first, "ACK");
    world.expect(Platform, "SIP/2.0 486");
}

/// PF-155: three failures, ten seconds apart while they last, one answer.
#[test]
fn silence_makes_it_suspect_then_down_and_one_answer_brings_it_back() {
    let mut world = probing();
    answers(&mut world, 200);
    world.agent(CarrierA).is_unreachable = true;
    world.pass(Duration::from_secs(90));
    assert_eq!(
        changes(&world),
        [(TargetState::Up, Why::Answers), (TargetState::Suspect, Why::Silent), (TargetState::Down, Why::Silent)]
    );
    refused_at(&mut world, CarrierB);
    world.agent(CarrierA).is_unreachable = false;
    let before = world.heard(CarrierA).len();
    world.pass(Duration::from_secs(10));
    assert!(world.heard(CarrierA).len() > before, "asked again within ten seconds");
    world.pass(Duration::from_secs(5));
    world.agent(CarrierA).forget();
    answers(&mut world, 200);
    assert_eq!(changes(&world).last(), Some(&(TargetState::Up, Why::Answers)));
    world.finish();
}

/// A trunk that is asked as often as its answer is waited for, or more often: silence is found all the same, and an
/// answer too.
#[test]
fn silence_is_found_where_the_next_question_is_due_before_the_last_is_overdue() {
    for (interval, timeout) in [(5, 5), (1, 5), (1, 1)] {
        let mut world = World::configured(|settings| {
            settings.trunks[0].behaviour.options.interval = Duration::from_secs(interval);
            settings.trunks[0].behaviour.options.timeout = Duration::from_secs(timeout);
        });
        answers(&mut world, 200);
        world.agent(CarrierA).is_deaf = true;
        world.pass(Duration::from_secs(3 * (interval + timeout) + 1));
        assert_eq!(
            changes(&world),
            [(TargetState::Up, Why::Answers), (TargetState::Suspect, Why::Silent), (TargetState::Down, Why::Silent)],
            "every {interval} s, for {timeout} s"
        );
        world.agent(CarrierA).is_deaf = false;
        answers(&mut world, 200);
        assert_eq!(
            changes(&world).last(),
            Some(&(TargetState::Up, Why::Answers)),
            "every {interval} s, for {timeout} s"
        );
        world.finish();
    }
}

/// MD-53: five seconds are enough; the answer that comes later still counts.
#[test]
fn no_answer_for_five_seconds_is_a_failure_that_a_late_answer_takes_back() {
    let mut world = probing();
    let probe = world.expect(CarrierA, "OPTIONS");
    world.pass(Duration::from_secs(6));
    assert_eq!(changes(&world), [(TargetState::Suspect, Why::Silent)]);
    let repeated = world.heard(CarrierA).iter().filter(|line| line.starts_with("OPTIONS")).count();
    world.pass(Duration::from_secs(2));
    let after = world.heard(CarrierA).iter().filter(|line| line.starts_with("OPTIONS")).count();
    assert_eq!(after, repeated, "the question that is given up is not repeated");
    drop(probe);
    world.agent(CarrierA).forget();
    answers(&mut world, 200);
    assert_eq!(changes(&world).last(), Some(&(TargetState::Up, Why::Answers)));
    world.finish();
}

/// PF-154: some peers answer OPTIONS with anything.
#[test]
fn a_404_shows_that_somebody_is_there_and_where_the_trunk_says_so_it_does_not() {
    let mut world = probing();
    answers(&mut world, 404);
    assert_eq!(changes(&world), [(TargetState::Up, Why::Answers)]);
    world.finish();
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.options.interval = Duration::from_secs(60);
        settings.trunks[0].behaviour.options.liveness.alive = Alive::Success;
    });
    answers(&mut world, 403);
    assert_eq!(changes(&world), [(TargetState::Suspect, Why::Silent)]);
    world.finish();
}

/// MD-51: a 200 to OPTIONS without a To tag, its names in capitals.
#[test]
fn a_200_without_a_to_tag_is_an_answer() {
    let mut world = probing();
    let probe = world.expect(CarrierA, "OPTIONS");
    let answer = probe.respond(200, CarrierA, "");
    let bare: String = answer
        .lines()
        .map(|line| match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("to") => {
                format!("TO: {}\r\n", value.split(";tag=").next().unwrap_or_default())
            }
            Some((name, value)) => format!("{}: {value}\r\n", name.to_uppercase()),
            None => format!("{line}\r\n"),
        })
        .collect();
    assert!(!bare.contains("TO: <sip:198.51.100.7>;tag"), "{bare}");
    world.send(CarrierA, bare);
    world.pass(Duration::from_millis(100));
    assert_eq!(changes(&world), [(TargetState::Up, Why::Answers)]);
    let answered = |event: &&Event| matches!(event, Event::Probed { outcome: Ok(Status::OK), .. });
    assert_eq!(world.events.iter().filter(answered).count(), 1);
    world.finish();
}

#[test]
fn a_pause_asked_for_in_answer_to_options_is_kept() {
    let mut world = probing();
    let probe = world.expect(CarrierA, "OPTIONS");
    world.send(CarrierA, with_header(&probe.respond(503, CarrierA, ""), "Retry-After: 120"));
    world.pass(Duration::from_secs(100));
    assert!(world.is_quiet(CarrierA), "it wants to be left alone");
    assert_eq!(changes(&world), [(TargetState::Down, Why::AskedToWait)]);
    answers(&mut world, 200);
    assert_eq!(changes(&world).last(), Some(&(TargetState::Up, Why::Answers)));
    world.finish();
}

/// PF-47: a peer that answers no OPTIONS is known by its calls.
#[test]
fn without_options_calls_show_whether_it_is_there() {
    let mut world = World::new();
    world.agent(CarrierA).is_unreachable = true;
    refused_at(&mut world, CarrierB);
    world.pass(Duration::from_millis(10));
    let found = changes(&world);
    assert!(found.contains(&(TargetState::Suspect, Why::Silent)), "{found:?}");
    assert!(found.contains(&(TargetState::Up, Why::Answers)), "{found:?}");
    world.agent(CarrierA).is_unreachable = false;
    world.pass(Duration::from_secs(31));
    assert_eq!(changes(&world).last(), Some(&(TargetState::Unknown, Why::TimePassed)));
    refused_at(&mut world, CarrierA);
    world.finish();
}

/// A target that answers every INVITE and gives no media is tried last.
#[test]
fn answered_calls_without_media_make_it_suspect() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.options.liveness.silent_calls = 2;
        settings.trunks[0].behaviour.media.silence.after = Duration::ZERO;
    });
    for _ in 0..2 {
        let mut talk = world.talk(Platform, CarrierA);
        world.pass(Duration::from_secs(10));
        world.caller_hangs_up(&mut talk);
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(changes(&world).last(), Some(&(TargetState::Suspect, Why::NoMedia)));
    refused_at(&mut world, CarrierB);
    world.finish();
}

/// Of two names of one trunk, the one whose calls get no media is suspect, and only that one: the next call goes to the
/// other. sip and sip2 of a platform are such (MD-2).
#[test]
fn of_two_names_only_the_one_without_media_is_suspect() {
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.options.liveness.silent_calls = 2;
        settings.trunks[0].behaviour.media.silence.after = Duration::ZERO;
        settings.trunks[0].sources = Some(vec!["198.51.100.7/32".parse().unwrap()]);
        let mut targets = vec![settings.trunks[0].targets[0].clone(); 2];
        for (place, (target, host)) in (1..).zip(targets.iter_mut().zip(["one.carrier.test", "two.carrier.test"])) {
            (target.host, target.address, target.priority) = (host.into(), None, place);
        }
        settings.trunks[0].targets = targets;
    });
    for (name, address) in [("one.carrier.test", "198.51.100.7:5060"), ("two.carrier.test", "198.51.100.8:5060")] {
        world.names.insert(name.into(), vec![address.parse().unwrap()]);
    }
    for _ in 0..2 {
        let mut talk = world.talk(Platform, CarrierA);
        world.pass(Duration::from_secs(10));
        world.caller_hangs_up(&mut talk);
        world.pass(Duration::from_secs(1));
    }
    let suspects = world.events.iter().filter_map(|event| match event {
        Event::Target(changed) if changed.change.to == TargetState::Suspect => Some(&*changed.target),
        _ => None,
    });
    assert_eq!(suspects.collect::<Vec<_>>(), ["one.carrier.test"]);
    world.send(Platform, invite(Platform, "+49309123", &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierB, "INVITE");
    assert!(offered.start_line().contains("@two.carrier.test"), "{}", offered.start_line());
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.expect(Platform, "SIP/2.0 486");
    let records = world.finish();
    let asked = |place: usize| records[place].sent.as_ref().and_then(|sent| sent.target.clone());
    assert_eq!((asked(0).as_deref(), asked(2).as_deref()), (Some("one.carrier.test"), Some("two.carrier.test")));
}

/// DESIGN 8, MD-52.
#[test]
fn a_drained_node_answers_options_where_the_trunk_says_so() {
    use trunkline::engine::io::Command;
    use trunkline::route::trunk::WhileDraining;
    let mut world = World::configured(|settings| {
        settings.trunks[0].behaviour.options.draining = WhileDraining::Answer;
    });
    world.order(Command::Drain);
    let ask = |at| crate::world::text::request(at, "OPTIONS", "sip:sbc.example.com", "");
    world.send(CarrierA, ask(CarrierA));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierB, ask(CarrierB));
    world.expect(CarrierB, "SIP/2.0 503");
    world.finish();
}

/// Twenty calls a second while one target dies and heals: no call is lost that had another way, and the target takes calls
/// again within one probe.
#[test]
fn no_call_is_lost_while_a_target_dies_and_heals() {
    let mut world = World::configured(|settings| {
        for trunk in &mut settings.trunks[..2] {
            trunk.behaviour.options.interval = Duration::from_secs(60);
        }
    });
    let mut taken = [0_usize; 2];
    for call in 0..200_u32 {
        world.agent(CarrierA).is_unreachable = (40..120).contains(&call);
        let number = format!("+49309{call:05}");
        world.send(Platform, invite(Platform, &number, &sdp(Platform, "sendrecv")));
        world.pass(Duration::from_millis(45));
        for (place, at) in [CarrierA, CarrierB].into_iter().enumerate() {
            taken[place] += decline(&mut world, at);
        }
        world.pass(Duration::from_millis(5));
        world.agent(Platform).forget();
    }
    assert_eq!(taken.iter().sum::<usize>(), 200, "every call was offered to somebody who answered: {taken:?}");
    assert!(taken[1] >= 80, "{taken:?}");
    // Healed, the target answers its next probe; it is probed again until it does.
    for _ in 0..60 {
        world.pass(Duration::from_secs(1));
        for at in [CarrierA, CarrierB] {
            decline(&mut world, at);
            world.agent(at).forget();
        }
    }
    refused_at(&mut world, CarrierA);
    world.finish();
}

/// Answers what waits at `at`: OPTIONS with 200, an INVITE with 486. How many of the latter there were.
fn decline(world: &mut World, at: crate::world::Name) -> usize {
    let mut declined = 0;
    while let Some(asked) = world.agent(at).next_new() {
        match asked.method() {
            "INVITE" => {
                declined += 1;
                world.send(at, asked.respond(486, at, ""));
            }
            "OPTIONS" => world.send(at, asked.respond(200, at, "")),
            _ => {}
        }
    }
    declined
}
