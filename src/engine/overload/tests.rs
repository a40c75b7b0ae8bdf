//! The law against requests that are late, step by step.

use super::*;

const MOST: Duration = Duration::from_millis(50);

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn wait(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_stall_of_the_machine_refuses_nobody() {
    let mut overload = Overload::default();
    let mut fates = (0..100).map(|n| overload.judge(at(n), TrunkId(0), wait(400), MOST));
    assert!(fates.all(|fate| fate == Fate::Taken));
    assert_eq!(overload.judge(at(100), TrunkId(0), wait(10), MOST), Fate::Taken);
    assert_eq!(overload.judge(at(150), TrunkId(0), wait(60), MOST), Fate::Taken, "a new stall is a new stall");
    assert_eq!(overload.judge(at(9000), TrunkId(0), wait(60), MOST), Fate::Taken, "none waited in between");
}

#[test]
fn lasting_lateness_sheds_the_late_until_they_are_on_time_again() {
    let mut overload = Overload::default();
    for n in 0..=10 {
        overload.judge(at(10 * n), TrunkId(0), wait(60), MOST);
    }
    assert_eq!(overload.judge(at(110), TrunkId(0), wait(51), MOST), Fate::Shed);
    assert_eq!(overload.judge(at(111), TrunkId(0), wait(16), MOST), Fate::Taken);
    assert_eq!(overload.judge(at(112), TrunkId(0), wait(17), MOST), Fate::Shed, "a third of it, while it lasts");
    assert_eq!(overload.judge(at(300), TrunkId(0), wait(1), MOST), Fate::Taken);
    assert_eq!(
        overload.judge(at(310), TrunkId(0), wait(17), MOST),
        Fate::Taken,
        "no pace has held anybody up: it is over"
    );
    assert_eq!(overload.judge(at(311), TrunkId(0), wait(51), MOST), Fate::Shed);
    assert_eq!(overload.judge(at(5400), TrunkId(0), wait(1), MOST), Fate::Taken);
    assert_eq!(overload.judge(at(5401), TrunkId(0), wait(51), MOST), Fate::Taken, "it was calm for five seconds");
}

#[test]
fn connections_that_are_read_in_time_do_not_hide_that_others_are_not() {
    let mut overload = Overload::default();
    // Of eight that are read at one moment, the first is late.
    let read = |overload: &mut Overload, millis: u64| {
        let waits = [60, 40, 30, 20, 10, 5, 2, 1];
        waits.map(|waited| overload.judge(at(millis), TrunkId(0), wait(waited), MOST))
    };
    for millis in [0, 20, 40, 60, 80] {
        assert_eq!(read(&mut overload, millis), [Fate::Taken; 8]);
    }
    assert_eq!(read(&mut overload, 100).first(), Some(&Fate::Shed));
}

#[test]
fn the_pace_of_a_rush_is_not_the_one_to_begin_with() {
    let mut overload = Overload::default();
    for n in 0..100 {
        overload.judge(at(10 * n), TrunkId(0), wait(0), MOST);
    }
    let rush = |overload: &mut Overload, millis: u64| {
        (0..5).map(|_| overload.judge(at(millis), TrunkId(0), wait(60), MOST)).collect::<Vec<_>>()
    };
    (1000..1120).step_by(10).for_each(|millis| drop(rush(&mut overload, millis)));
    // A second later all are on time; taken is what was taken before, and not what came with the rush.
    let taken = (1120..2120u64).flat_map(|millis| (0..3).map(move |_| millis));
    let taken = taken.filter(|millis| overload.judge(at(*millis), TrunkId(0), wait(0), MOST) == Fate::Taken).count();
    assert!((80..150).contains(&taken), "{taken} in a second, of 100 before the rush and 500 in it");
}

#[test]
fn a_trunk_within_its_share_is_served_beside_one_that_floods() {
    let mut overload = Overload::default();
    let (flood, quiet) = (TrunkId(0), TrunkId(1));
    for n in 0..200 {
        overload.judge(at(n), flood, wait(60), MOST);
    }
    for n in 200..1200 {
        if n % 20 == 0 {
            assert_eq!(overload.judge(at(n), quiet, wait(60), MOST), Fate::Taken, "{n}");
        }
        // What is on time is taken from anybody, as far as the pace goes.
        let waited = if n % 10 == 5 { wait(8) } else { wait(60) };
        let expected = if n % 10 == 5 { Fate::Taken } else { Fate::Shed };
        assert_eq!(overload.judge(at(n), flood, waited, MOST), expected, "{n}");
    }
}

/// Calls were shed, a hundred a second were borne, and that is over.
fn after_a_rush() -> Overload {
    let mut overload = Overload::default();
    for n in 0..100 {
        overload.judge(at(10 * n), TrunkId(0), wait(0), MOST);
    }
    late(&mut overload, 1000);
    assert!(overload.is_shedding());
    for n in 0..300 {
        overload.judge(at(1150 + 5 * n), TrunkId(0), wait(10), MOST);
    }
    for n in 0..70 {
        overload.judge(at(3000 + 100 * n), TrunkId(0), wait(0), MOST);
    }
    assert!(!overload.is_shedding());
    overload
}

fn late(overload: &mut Overload, from: u64) {
    for millis in (from..from + 150).step_by(3) {
        overload.judge(at(millis), TrunkId(0), wait(60), MOST);
    }
}

#[test]
fn a_trunk_that_called_before_the_flood_is_served_from_its_beginning_on() {
    let mut overload = after_a_rush();
    for millis in 20_000..25_000 {
        let waited = if millis < 22_000 { wait(0) } else { wait(60) };
        if !waited.is_zero() {
            overload.judge(at(millis), TrunkId(0), waited, MOST);
        }
        if millis % 50 == 0 {
            assert_eq!(overload.judge(at(millis), TrunkId(1), waited, MOST), Fate::Taken, "{millis}");
        }
    }
    assert!(overload.is_shedding());
}

#[test]
fn a_rush_is_met_with_the_pace_that_the_last_one_left() {
    let mut overload = after_a_rush();
    late(&mut overload, 20_000);
    let judged = (20_200..21_200).flat_map(|millis| [millis; 2]);
    let taken = judged.filter(|millis| overload.judge(at(*millis), TrunkId(0), wait(1), MOST) == Fate::Taken).count();
    assert!(
        (65..85).contains(&taken),
        "{taken} in a second of the 100 that were borne less 31, the cost of 1,900 refusals"
    );
}

/// A few calls are no rush, however few in a second were asked for when calls were last shed.
#[test]
fn a_node_that_knows_little_takes_a_few_calls() {
    let mut overload = Overload { known: Some(Known::new(at(0), 2)), ..Overload::default() };
    for quarter in 4..240 {
        for _ in 0..10 {
            assert_eq!(overload.judge(at(250 * quarter), TrunkId(0), wait(0), MOST), Fate::Taken, "{quarter}");
        }
    }
}

/// How many of a rush of 3,000 calls in a second are taken in the fourth second of it, where each trunk brings as many.
fn taken_of_trunks(trunks: u64) -> usize {
    let mut overload = after_a_rush();
    late(&mut overload, 20_000);
    let judged = (60_600..72_600u64).filter(|third| {
        let trunk = TrunkId(u16::try_from(third % trunks).unwrap());
        overload.judge(at(third / 3), trunk, wait(1), MOST) == Fate::Taken
    });
    judged.filter(|third| *third >= 69_600).count()
}

/// A call that is taken for its trunk's share is one of the pace's.
#[test]
fn trunks_that_flood_alike_have_one_pace_among_them() {
    let (one, three) = (taken_of_trunks(1), taken_of_trunks(3));
    assert!(three * 4 <= one * 5, "{one} of one trunk, {three} of three");
}

/// How many of a rush of 500 in a second are taken before the first is shed; nobody waits.
fn taken_of_a_rush(mut overload: Overload, from: u64, per_s: u64) -> u64 {
    let mut rush = (0..500).map(|n| (n, overload.judge(at(from + n * 1000 / per_s), TrunkId(0), wait(0), MOST)));
    rush.find(|(_, fate)| *fate == Fate::Shed).map_or(500, |(n, _)| n)
}

#[test]
fn where_it_is_known_what_is_borne_a_rush_is_met_before_it_is_late() {
    let known = taken_of_a_rush(after_a_rush(), 20_000, 500);
    assert!(
        (10..=20).contains(&known),
        "{known}, a tenth of a second's worth of 100 a second and what half as many again bring"
    );
    assert_eq!(taken_of_a_rush(after_a_rush(), 20_000, 130), 500, "somewhat more are borne until they are late");
    assert_eq!(taken_of_a_rush(Overload::default(), 20_000, 500), 500, "nothing is known");
    assert_eq!(taken_of_a_rush(after_a_rush(), 620_000, 500), 500, "it was known ten minutes ago");
}

#[test]
fn what_waits_ever_longer_is_shed_sooner_than_what_was_kept_by_a_stall() {
    let shed_at = |growth: u64| {
        let mut overload = Overload::default();
        let mut fates = (0..200).map(|n| (n, overload.judge(at(n), TrunkId(0), wait(55 + n * growth / 2), MOST)));
        fates.find(|(_, fate)| *fate == Fate::Shed).map(|(n, _)| n)
    };
    assert!(shed_at(1).is_some_and(|n| n <= 40), "{:?}", shed_at(1));
    assert!(shed_at(0).is_some_and(|n| n >= 100), "{:?}", shed_at(0));
}

/// A flood of what is no call is read before them: they wait ever longer for a moment, and come through.
#[test]
fn a_few_calls_that_wait_for_something_else_are_no_rush() {
    let mut overload = Overload::default();
    for n in 0..20 {
        for (place, millis) in [60, 80, 10, 10].into_iter().enumerate() {
            let now = at(99 * (4 * n + place as u64));
            assert_eq!(overload.judge(now, TrunkId(0), wait(millis), MOST), Fate::Taken, "{n} {place}");
        }
    }
}

#[test]
fn trunks_that_flood_alike_are_shed_alike() {
    let mut overload = Overload::default();
    let mut taken = [0u64, 0];
    for n in 0..3000u64 {
        for trunk in [0, 1u32] {
            let waited = if n % 10 == 5 { wait(8) } else { wait(60) };
            if overload.judge(at(n), TrunkId(trunk.try_into().unwrap()), waited, MOST) == Fate::Taken {
                taken[trunk as usize] += 1;
            }
        }
    }
    assert!(taken[0] < 700 && taken[0].abs_diff(taken[1]) <= taken[0] / 10, "{taken:?}");
}

/// A server for whom an INVITE that is taken is 1 ms of work at once and another one a second later, which goes first,
/// and one that is shed `cost`: it can take 500 calls in a second, and is offered `offered`. Microseconds.
fn served(offered: u64, seconds: u64, cost: u64) -> (Vec<u64>, Vec<u64>) {
    let mut overload = Overload::default();
    let (mut taken, mut waits) = (Vec::new(), Vec::new());
    let mut later = std::collections::VecDeque::new();
    let (mut now, mut arrived) = (0u64, 0u64);
    while now < seconds * 1_000_000 {
        let arrival = arrived * 1_000_000 / offered;
        if later.front().is_some_and(|due| *due <= now) {
            later.pop_front();
            now += 1000;
        } else if arrival <= now {
            arrived += 1;
            let instant = Instant::from_nanos(now * 1000);
            match overload.judge(instant, TrunkId(0), Duration::from_micros(now - arrival), MOST) {
                Fate::Taken => {
                    now += 1000;
                    taken.push(now);
                    later.push_back(now + 1_000_000);
                }
                Fate::Shed => {
                    now += cost;
                    waits.push(now - arrival);
                }
            }
        } else {
            now = later.front().map_or(arrival, |due| arrival.min(*due));
        }
    }
    (taken, waits)
}

#[test]
fn of_five_times_what_can_be_taken_nine_tenths_of_it_is_and_the_rest_is_told_soon() {
    let (taken, mut waits) = served(2500, 60, 20);
    let settled = taken.iter().filter(|at| **at > 5_000_000).count();
    assert!(settled >= 55 * 450, "{settled} calls in 55 s");
    waits.sort_unstable();
    assert!(waits[waits.len() / 100 * 99] <= 100_000, "{:?} us", waits[waits.len() / 100 * 99]);
}

#[test]
fn refusals_that_cost_more_leave_less_and_not_nothing() {
    // Five times 500 refusals of 100 us each leave room for 395 calls.
    let settled = served(2500, 60, 100).0.iter().filter(|at| **at > 5_000_000).count();
    assert!(settled >= 55 * 350, "{settled} calls in 55 s");
}

#[test]
fn what_can_be_taken_is_not_shed() {
    assert_eq!(served(480, 20, 20).1.len(), 0);
}

/// Calls come every ten milliseconds and are read at once; in each tenth of a second the relay is asked how long packets
/// waited.
fn beside_media(overload: &mut Overload, (from, to): (u64, u64), waited: u64) -> Vec<Fate> {
    let looks = |millis: u64| millis.is_multiple_of(100).then(|| wait(waited));
    let judge = |millis: u64| {
        if let Some(waited) = looks(millis) {
            overload.media_waited(waited);
        }
        overload.judge(at(millis), TrunkId(0), wait(0), MOST)
    };
    (from..to).step_by(10).map(judge).collect()
}

#[test]
fn audio_that_is_late_for_a_moment_refuses_nobody() {
    let mut overload = Overload::default();
    for stall in [1000, 2000, 3000] {
        let fates = beside_media(&mut overload, (stall, stall + 200), 400);
        assert!(fates.iter().all(|fate| *fate == Fate::Taken), "{stall}");
        let fates = beside_media(&mut overload, (stall + 200, stall + 1000), 20);
        assert!(fates.iter().all(|fate| *fate == Fate::Taken), "{stall}: no longer than a packet lasts");
    }
}

#[test]
fn calls_whose_audio_is_late_for_long_let_no_others_in_until_it_is_not() {
    let mut overload = Overload::default();
    let fates = beside_media(&mut overload, (1000, 2000), 21);
    let taken = fates.iter().take_while(|fate| **fate == Fate::Taken).count();
    assert!((20..=40).contains(&taken), "{taken} of a hundred in a second");
    assert!(fates.iter().skip(taken).all(|fate| *fate == Fate::Shed));
    assert_eq!(overload.media_wait(), wait(21));
    let fates = beside_media(&mut overload, (2000, 2500), 3);
    assert!(fates.contains(&Fate::Taken), "as many as are borne");
    assert!(beside_media(&mut overload, (2500, 2600), 21).iter().all(|fate| *fate == Fate::Shed), "at the first look");
    // Hardly anybody calls: the rush is over, and a stall is borne.
    for (look, waited) in [3, 3, 3, 21, 21].into_iter().enumerate() {
        overload.media_waited(wait(waited));
        let fate = overload.judge(at(2700 + 100 * look as u64), TrunkId(0), wait(0), MOST);
        assert_eq!(fate, Fate::Taken, "{look}");
    }
}

/// A relay that can serve so many calls; each talks for `talk_s`, and twice as many come as end. How many talk at the end of each
/// tenth of a second.
fn talking(most: u64, talk_s: u64, seconds: u64) -> Vec<u64> {
    let mut overload = Overload::default();
    let mut ends = std::collections::VecDeque::new();
    let per_s = 2 * most / talk_s;
    let mut looks = Vec::new();
    for look in 0..seconds * 10 {
        for n in 0..per_s / 10 {
            let now = at(100 * look + n * 1000 / per_s);
            if overload.judge(now, TrunkId(0), wait(0), MOST) == Fate::Taken {
                ends.push_back(look + 10 * talk_s);
            }
        }
        while ends.front().is_some_and(|end| *end <= look) {
            ends.pop_front();
        }
        overload.media_waited(if ends.len() as u64 > most { wait(200) } else { wait(2) });
        looks.push(ends.len() as u64);
    }
    looks
}

#[test]
fn of_calls_that_talk_for_long_as_many_are_held_as_can_be_heard() {
    for (most, talk_s) in [(600, 3), (3_000, 30), (9_000, 180)] {
        let looks = talking(most, talk_s, 6 * talk_s);
        let full = &looks[looks.len() / 2..];
        let (mean, worst) = (full.iter().sum::<u64>() / full.len() as u64, full.iter().max().unwrap());
        let told = format!("{most} calls of {talk_s} s: {mean} on the average, {worst} at most");
        assert!(mean * 100 >= most * 95 && worst * 100 <= most * 106, "{told}");
    }
}
