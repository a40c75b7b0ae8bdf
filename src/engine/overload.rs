//! Which new calls are refused when messages wait too long for the engine (RFC 6357, R-A): those only, and at once, so that
//! what is under way goes on. A pure value.
//!
//! A short stall of the machine refuses nobody: calls are shed once requests have waited longer than `limits.max_wait_ms`
//! for [`PATIENCE`] more than they have not. From then on late calls are shed at once, and the others are taken at a pace
//! that falls while most are late and rises while hardly any is: what a call costs comes after its INVITE, and whoever takes
//! all that are on time is late again in a moment. It ends when none was late or shed for [`CALM`].
//!
//! Trunks share what there is: one that began less than its share of the latest calls is served all the same (R-A8).
//! Emergency calls never come here (R-A9).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::Instant;
use crate::base::bucket::{Bucket, Rate};
use crate::base::ids::TrunkId;

/// How long requests must have been late before the first call is shed. When none comes for that long, none waited.
const PATIENCE: Duration = Duration::from_millis(100);
/// Requests that are judged within so short a time are of one moment.
const MOMENT: Duration = Duration::from_millis(5);
/// How long none may have been late or shed before lateness is borne again.
const CALM: Duration = Duration::from_secs(5);
/// Calls are counted for shares in pieces of this length; the last two are looked at.
const PIECE: Duration = Duration::from_secs(1);
/// How often the pace is set anew.
const LOOK: Duration = Duration::from_millis(100);

/// Why a new call was answered 503. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shed {
    /// The node goes out of service.
    Draining,
    /// Requests wait longer than `limits.max_wait_ms`.
    Overload,
    /// `limits.memory_mb`.
    Memory,
    /// No room for records, and `cdr.when_full = "refuse"`.
    Records,
    /// `limits.max_calls`.
    MaxCalls,
    /// `limits.max_calls_per_s`.
    MaxCallsPerS,
    /// `max_calls` of the trunk the call came from.
    TrunkMaxCalls,
    /// `max_calls_per_s` of that trunk.
    TrunkMaxCallsPerS,
    /// `limits.max_transactions`.
    MaxTransactions,
}

impl Shed {
    /// Every reason, for the metrics' start at zero.
    pub const ALL: [Shed; 9] = [
        Shed::Draining,
        Shed::Overload,
        Shed::Memory,
        Shed::Records,
        Shed::MaxCalls,
        Shed::MaxCallsPerS,
        Shed::TrunkMaxCalls,
        Shed::TrunkMaxCallsPerS,
        Shed::MaxTransactions,
    ];

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Shed::Draining => "draining",
            Shed::Overload => "overload",
            Shed::Memory => "memory",
            Shed::Records => "records",
            Shed::MaxCalls => "max_calls",
            Shed::MaxCallsPerS => "max_calls_per_s",
            Shed::TrunkMaxCalls => "trunk_max_calls",
            Shed::TrunkMaxCallsPerS => "trunk_max_calls_per_s",
            Shed::MaxTransactions => "max_transactions",
        }
    }
}

/// What becomes of a new call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Taken,
    Shed,
}

/// How long a request has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    For(Duration),
    /// It was judged before it was read, and taken.
    Borne,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Overload {
    state: State,
    shares: Shares,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Lateness is borne.
    Bearing(Strain),
    /// Late, or shed, last at this moment.
    Shedding { last: Instant, pace: Pace },
}

/// How many calls are taken in a second.
#[derive(Clone, Copy, Debug)]
struct Pace {
    per_s: u32,
    /// What it never falls below: a quarter of the calls that were taken when it began. What is late is shed all the same.
    least: u32,
    bucket: Bucket,
    /// Since it was set: requests that were late, and all.
    set: Instant,
    late: u32,
    seen: u32,
}

/// How long requests have been late. Those of one moment go together, and are late when one of them is: a connection that is
/// read in time does not hide that others are not. The time until the next moment goes by what this one was; time without
/// lateness counts against it.
#[derive(Clone, Copy, Debug, Default)]
struct Strain {
    late_for: Duration,
    /// When it began.
    latest: Option<(Instant, Timing)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timing {
    OnTime,
    Late,
}

impl Default for State {
    fn default() -> State {
        State::Bearing(Strain::default())
    }
}

impl Strain {
    fn with(self, now: Instant, timing: Timing) -> Strain {
        let late_for = match self.latest.map(|(then, timing)| (now.since(then), timing)) {
            Some((gap, before)) if gap < MOMENT => {
                let is_late = before == Timing::Late || timing == Timing::Late;
                let timing = if is_late { Timing::Late } else { Timing::OnTime };
                return Strain { latest: self.latest.map(|(then, _)| (then, timing)), ..self };
            }
            Some((gap, Timing::Late)) if gap < PATIENCE => self.late_for + gap,
            Some((gap, Timing::OnTime)) if gap < PATIENCE => self.late_for.saturating_sub(gap),
            Some((_, Timing::Late | Timing::OnTime)) | None => Duration::ZERO,
        };
        Strain { late_for, latest: Some((now, timing)) }
    }
}

/// Calls begun lately, by trunk.
#[derive(Debug, Default)]
struct Shares {
    /// When the younger piece began.
    since: Instant,
    begun: BTreeMap<TrunkId, Begun>,
}

/// Calls of one trunk in the last two pieces.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    young: u64,
    old: u64,
}

impl Begun {
    const fn sum(self) -> u64 {
        self.young.saturating_add(self.old)
    }
}

impl Overload {
    /// A new call of `trunk` that has waited so long, where `most` is borne.
    pub fn judge(&mut self, now: Instant, trunk: TrunkId, waited: Duration, most: Duration) -> Fate {
        let timing = if waited > most { Timing::Late } else { Timing::OnTime };
        self.observe(now, timing);
        if let State::Shedding { last, pace } = &mut self.state {
            let is_in_time = timing == Timing::OnTime && pace.takes(now);
            if !is_in_time && !self.shares.has_less_than_its_share(now, trunk) {
                *last = now;
                return Fate::Shed;
            }
        }
        self.shares.begun(now, trunk);
        Fate::Taken
    }

    /// True while calls are shed.
    pub const fn is_shedding(&self) -> bool {
        matches!(self.state, State::Shedding { .. })
    }

    fn observe(&mut self, now: Instant, timing: Timing) {
        self.state = match (self.state, timing) {
            (State::Bearing(strain), Timing::Late) if strain.with(now, timing).late_for >= PATIENCE => {
                State::Shedding { last: now, pace: Pace::new(now, self.shares.before_the_rush(now)) }
            }
            (State::Bearing(strain), Timing::Late | Timing::OnTime) => State::Bearing(strain.with(now, timing)),
            (State::Shedding { last, .. }, Timing::OnTime) if now.since(last) >= CALM => State::default(),
            (State::Shedding { last, pace }, Timing::OnTime) => State::Shedding { last, pace: pace.after(now, timing) },
            (State::Shedding { pace, .. }, Timing::Late) => {
                State::Shedding { last: now, pace: pace.after(now, timing) }
            }
        };
    }
}

impl Pace {
    fn new(now: Instant, per_s: u32) -> Pace {
        Pace {
            per_s,
            least: (per_s / 4).max(1),
            bucket: Bucket::full(now, Pace::rate(per_s)),
            set: now,
            late: 0,
            seen: 0,
        }
    }

    /// At once no more than in a twentieth of a second.
    const fn rate(per_s: u32) -> Rate {
        Rate::new(per_s, per_s / 20)
    }

    fn takes(&mut self, now: Instant) -> bool {
        self.bucket.take(now, Pace::rate(self.per_s))
    }

    fn after(mut self, now: Instant, timing: Timing) -> Pace {
        self.seen = self.seen.saturating_add(1);
        self.late = self.late.saturating_add(u32::from(timing == Timing::Late));
        if now.since(self.set) < LOOK {
            return self;
        }
        let (late, seen) = (u64::from(self.late), u64::from(self.seen));
        let per_s = if 2 * late > seen {
            self.per_s.saturating_sub((self.per_s / 10).max(1))
        } else if 10 * late < seen {
            self.per_s.saturating_add((self.per_s / 50).max(1))
        } else {
            self.per_s
        };
        Pace { per_s: per_s.max(self.least), set: now, late: 0, seen: 0, ..self }
    }
}

impl Shares {
    fn turn(&mut self, now: Instant) {
        let past = now.since(self.since);
        if past >= PIECE {
            self.begun.retain(|_, begun| {
                *begun = Begun { young: 0, old: begun.young };
                begun.old > 0 && past < 2 * PIECE
            });
            self.since = now;
        }
    }

    fn begun(&mut self, now: Instant, trunk: TrunkId) {
        self.turn(now);
        self.begun.entry(trunk).or_default().young += 1;
    }

    /// Calls that were begun lately, by the second.
    fn in_a_second(&mut self, now: Instant) -> u32 {
        self.turn(now);
        let begun: u64 = self.begun.values().map(|begun| begun.sum()).sum();
        let has_old = self.begun.values().any(|begun| begun.old > 0);
        let past = now.since(self.since) + if has_old { PIECE } else { Duration::ZERO };
        let millis = u64::try_from(past.max(LOOK).as_millis()).unwrap_or(u64::MAX);
        u32::try_from(begun.saturating_mul(1000) / millis).unwrap_or(u32::MAX)
    }

    /// The pace before what made requests late: that of the last whole second. A rush that came out of quiet says nothing of
    /// what can be borne, but that a quarter of it is not too much to begin with.
    fn before_the_rush(&mut self, now: Instant) -> u32 {
        let rush = self.in_a_second(now);
        let whole: u64 = self.begun.values().map(|begun| begun.old).sum();
        if whole == 0 { rush } else { u32::try_from(whole).unwrap_or(u32::MAX).max(rush / 4) }
    }

    /// Strictly less, so that a trunk alone has no share to claim.
    fn has_less_than_its_share(&mut self, now: Instant, trunk: TrunkId) -> bool {
        self.turn(now);
        let own = self.begun.get(&trunk).map_or(0, |begun| begun.sum());
        let others = self.begun.iter().filter(|(held, _)| **held != trunk);
        let (sum, trunks) = others.fold((0u64, 0u64), |(sum, trunks), (_, begun)| (sum + begun.sum(), trunks + 1));
        // own < (sum + own) / (trunks + 1)
        own.saturating_mul(trunks) < sum
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(overload.judge(at(111), TrunkId(0), wait(49), MOST), Fate::Taken);
        assert_eq!(overload.judge(at(112), TrunkId(0), wait(51), MOST), Fate::Shed, "at once, while it lasts");
        assert_eq!(overload.judge(at(5200), TrunkId(0), wait(1), MOST), Fate::Taken);
        assert_eq!(overload.judge(at(5201), TrunkId(0), wait(51), MOST), Fate::Taken, "it was calm for five seconds");
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
            (0..10).map(|_| overload.judge(at(millis), TrunkId(0), wait(60), MOST)).collect::<Vec<_>>()
        };
        (1000..1120).step_by(5).for_each(|millis| drop(rush(&mut overload, millis)));
        // A second later all are on time; taken is what was taken before, and not what came with the rush.
        let taken = (1120..2120u64).flat_map(|millis| (0..3).map(move |_| millis));
        let taken =
            taken.filter(|millis| overload.judge(at(*millis), TrunkId(0), wait(0), MOST) == Fate::Taken).count();
        assert!((80..150).contains(&taken), "{taken} in a second, of 100 before the rush and 2,000 in it");
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
            // What is on time is taken from anybody.
            let waited = if n % 5 == 0 { wait(40) } else { wait(60) };
            let expected = if n % 5 == 0 { Fate::Taken } else { Fate::Shed };
            assert_eq!(overload.judge(at(n), flood, waited, MOST), expected, "{n}");
        }
    }

    #[test]
    fn trunks_that_flood_alike_are_shed_alike() {
        let mut overload = Overload::default();
        let mut taken = [0u64, 0];
        for n in 0..3000u64 {
            for trunk in [0, 1u32] {
                let waited = if n % 10 == 0 { wait(40) } else { wait(60) };
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
}
