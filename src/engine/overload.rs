//! Which new calls are refused when messages wait too long for the engine (RFC 6357, R-A): those only, and at once, so that
//! what is under way goes on. A pure value.
//!
//! A short stall of the machine refuses nobody: calls are shed once requests have waited longer than `limits.max_wait_ms`
//! for [`PATIENCE`] more than they have not, or for [`PATIENCE_WITH_GROWTH`] and ever longer: behind a stall they wait less and
//! less. Where it is known what is borne, and more than half as many again come for a while ([`Known`]), nobody waits for lateness: they
//! are read soon enough, and what they cost shows when all of them talk.
//!
//! From then on a third of that is late: what is steered towards a wait is beyond it much of the time, and refusals, which wait in
//! the same queue, are to be told within 100 ms (R-A2); with less, a slow node, to which a few messages are a wait, is never used
//! up. Late calls are shed at once, and the others are taken at a pace: what a call costs comes after its INVITE, most of it as long
//! as it talks, and whoever takes all that are on time is late again in a moment. The pace begins with what is known to be borne,
//! makes up for what was taken beyond it, falls by steps that are given time to show, and rises soon to what is borne and slowly
//! beyond. Its steps are small: what it was too much shows only when those calls talk, and it would have fallen far below by
//! then. What is borne is the mean of what was taken, and not the most: who takes too many takes hardly any soon after, because
//! they talk, and what comes out between is what can be taken. It ends when none was late or shed for [`CALM`].
//!
//! Trunks share what there is: one that asks for less than its share of the pace, or began less than its share of the latest
//! calls, is served all the same, and the others get the less (R-A8).
//! Emergency calls never come here (R-A9).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::Instant;
use crate::base::bucket::{Bucket, Rate};
use crate::base::ids::TrunkId;

/// How long requests must have been late before the first call is shed. When none comes for that long, none waited.
const PATIENCE: Duration = Duration::from_millis(100);
/// The same when the latest has waited longer than the first by [`GROWTH`], and [`RUSH`] were late: more comes than is borne.
const PATIENCE_WITH_GROWTH: Duration = Duration::from_millis(25);
/// Fewer say nothing of a rush: what they wait for may be anything else that is read.
const RUSH: u32 = 10;
/// Nor do fewer in a second: any node bears as many, and what is known of a quiet hour's stall may be less.
const RUSH_PER_S: u32 = 50;
const GROWTH: Duration = Duration::from_millis(10);
/// What is known to be borne is believed for so long after calls were last shed: the machine may be another one by then.
const MEMORY: Duration = Duration::from_secs(600);
/// Requests that are judged within so short a time are of one moment.
const MOMENT: Duration = Duration::from_millis(5);
/// How long none may have been late or shed before lateness is borne again.
const CALM: Duration = Duration::from_secs(5);
/// Calls are counted for shares in pieces of this length; the last two are looked at.
const PIECE: Duration = Duration::from_secs(1);
/// How often the pace is set anew.
const LOOK: Duration = Duration::from_millis(100);
/// How long a step down is given to show.
const STEP: Duration = Duration::from_millis(500);
/// So long the pace does not rise beyond what was borne: what the calls of a rush cost has not shown yet.
const PROBATION: Duration = Duration::from_secs(3);
/// What is borne is the mean of about so long.
const BORNE: Duration = Duration::from_secs(4);
/// What was taken too much is made up for by taking none, for no longer than this.
const MAKE_UP: Duration = Duration::from_millis(200);
/// While calls are shed, this part of what is borne otherwise is late.
const LATE_WHILE_SHEDDING: u32 = 3;
/// Calls come in no even order, and who takes fewer at once takes fewer than the pace.
const AT_ONCE: u32 = 3;
/// Where bounds are known, such a part more than what is borne is tried, and no more: what it costs comes late.
const TRIED: u32 = 4;
/// One late request of so many, and not just one, is too much for the pace; one of so many is little enough for more.
const TOO_MANY: u64 = 2;
const FEW: u64 = 20;

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
    known: Option<Known>,
}

/// The pace that was borne when calls were last shed.
#[derive(Clone, Copy, Debug)]
struct Known {
    per_s: u32,
    /// What still comes before it is a rush.
    bucket: Bucket,
    until: Instant,
}

impl Known {
    fn new(now: Instant, per_s: u32) -> Known {
        Known { per_s, bucket: Bucket::full(now, Known::rate(per_s)), until: now + MEMORY }
    }

    /// Half as many again as are borne, at least [`RUSH_PER_S`], and a quarter of a second's worth of calls at once, at least [`RUSH`].
    fn rate(per_s: u32) -> Rate {
        Rate::new(per_s.saturating_add(per_s / 2).max(RUSH_PER_S), (per_s / 4).max(RUSH))
    }

    /// A call comes: whether there are more than can be borne, however soon they are read. What they cost shows when they talk.
    fn is_rushed(&mut self, now: Instant) -> bool {
        now < self.until && !self.bucket.take(now, Known::rate(self.per_s))
    }
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
    /// It never falls below half of it, what is late is shed all the same; it rises soon to it, and slowly beyond. Trunks share it.
    borne: Mean,
    bucket: Bucket,
    /// None is taken before: more were than the pace allows.
    from: Instant,
    /// No step down before.
    next_step: Instant,
    /// No step beyond `borne` before.
    beyond: Instant,
    /// Since it was set: requests that were late, that found no room in the pace, that were taken, and all.
    set: Instant,
    late: u32,
    held: u32,
    taken: u32,
    seen: u32,
    bounds: Bounds,
}

/// Thousandths of a call in a second.
#[derive(Clone, Copy, Debug)]
struct Mean(u64);

/// Whether a pace has ever been too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bounds {
    Unknown,
    Known,
}

/// How long requests have been late. Those of one moment go together, and are late when one of them is: a connection that is
/// read in time does not hide that others are not. The time until the next moment goes by what this one was; time without
/// lateness counts against it.
#[derive(Clone, Copy, Debug, Default)]
struct Strain {
    late_for: Duration,
    /// When it began.
    latest: Option<(Instant, Timing)>,
    /// What the first that was late had waited, the longest wait since, and how many were late.
    waits: Option<(Duration, Duration, u32)>,
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
    fn with(self, now: Instant, (timing, waited): (Timing, Duration)) -> Strain {
        let waits = match (self.waits, timing) {
            (Some((first, longest, late)), Timing::Late) => Some((first, longest.max(waited), late.saturating_add(1))),
            (None, Timing::Late) => Some((waited, waited, 1)),
            (waits, Timing::OnTime) => waits,
        };
        let late_for = match self.latest.map(|(then, timing)| (now.since(then), timing)) {
            Some((gap, before)) if gap < MOMENT => {
                let is_late = before == Timing::Late || timing == Timing::Late;
                let timing = if is_late { Timing::Late } else { Timing::OnTime };
                return Strain { latest: self.latest.map(|(then, _)| (then, timing)), waits, ..self };
            }
            Some((gap, Timing::Late)) if gap < PATIENCE => self.late_for + gap,
            Some((gap, Timing::OnTime)) if gap < PATIENCE => self.late_for.saturating_sub(gap),
            Some((_, Timing::Late | Timing::OnTime)) | None => Duration::ZERO,
        };
        // A lateness of its own.
        let begins = late_for.is_zero();
        let waits = if begins { (timing == Timing::Late).then_some((waited, waited, 1)) } else { waits };
        Strain { late_for, latest: Some((now, timing)), waits }
    }

    fn is_too_much(self) -> bool {
        let grows = self.waits.is_some_and(|(first, longest, late)| longest >= first + GROWTH && late >= RUSH);
        self.late_for >= if grows { PATIENCE_WITH_GROWTH } else { PATIENCE }
    }
}

/// Calls of late, by trunk.
#[derive(Debug, Default)]
struct Shares {
    /// When the younger piece began.
    since: Instant,
    trunks: BTreeMap<TrunkId, Lately>,
}

/// Calls of one trunk.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    asked: Count,
    begun: Count,
}

/// In the last two pieces.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    young: u64,
    old: u64,
}

impl Count {
    const fn sum(self) -> u64 {
        self.young.saturating_add(self.old)
    }

    const fn aged(self) -> Count {
        Count { young: 0, old: self.young }
    }
}

impl Overload {
    /// A new call of `trunk` that has waited so long, where `most` is borne.
    pub fn judge(&mut self, now: Instant, trunk: TrunkId, waited: Duration, most: Duration) -> Fate {
        let borne = if self.is_shedding() { most / LATE_WHILE_SHEDDING } else { most };
        let timing = if waited > borne { Timing::Late } else { Timing::OnTime };
        self.observe(now, (timing, waited));
        self.shares.asked(now, trunk);
        if let State::Shedding { last, pace } = &mut self.state {
            let is_in_time = timing == Timing::OnTime && pace.takes(now);
            if !is_in_time && !self.shares.has_less_than_its_share(now, trunk, pace.borne.per_s()) {
                *last = now;
                return Fate::Shed;
            }
            pace.took(now, is_in_time);
        }
        self.shares.begun(now, trunk);
        Fate::Taken
    }

    /// True while calls are shed.
    pub const fn is_shedding(&self) -> bool {
        matches!(self.state, State::Shedding { .. })
    }

    fn first_pace(&mut self, now: Instant) -> Pace {
        let known = self.known.filter(|known| now < known.until).map(|known| known.per_s);
        let bounds = if known.is_some() { Bounds::Known } else { Bounds::Unknown };
        Pace::new(now, self.shares.pace(now, known), bounds)
    }

    fn observe(&mut self, now: Instant, (timing, waited): (Timing, Duration)) {
        match (&mut self.state, timing) {
            (State::Bearing(strain), Timing::Late | Timing::OnTime) => {
                *strain = strain.with(now, (timing, waited));
                let is_rushed = self.known.as_mut().is_some_and(|known| known.is_rushed(now));
                if is_rushed || timing == Timing::Late && strain.is_too_much() {
                    self.state = State::Shedding { last: now, pace: self.first_pace(now) };
                }
            }
            (State::Shedding { last, pace }, Timing::OnTime) if now.since(*last) >= CALM => {
                self.known = Some(Known::new(now, pace.borne.per_s()));
                self.state = State::default();
            }
            (State::Shedding { last, pace }, Timing::Late | Timing::OnTime) => {
                pace.note(now, timing);
                if timing == Timing::Late {
                    *last = now;
                }
            }
        }
    }
}

impl Mean {
    fn of(per_s: u32) -> Mean {
        Mean(u64::from(per_s).saturating_mul(1000))
    }

    fn per_s(self) -> u32 {
        u32::try_from(self.0 / 1000).unwrap_or(u32::MAX).max(1)
    }

    /// So many were taken in the latest moment.
    fn with(self, taken: u32, moment: Duration) -> Mean {
        let millis = |time: Duration| u64::try_from(time.min(BORNE).as_millis()).unwrap_or(u64::MAX);
        let before = self.0.saturating_mul(millis(BORNE).saturating_sub(millis(moment)));
        Mean(before.saturating_add(Mean::of(taken).0.saturating_mul(1000)) / millis(BORNE))
    }
}

impl Pace {
    /// `ahead`: how long the calls that were taken would have lasted at this pace beyond the time they took.
    fn new(now: Instant, (per_s, ahead): (u32, Duration), bounds: Bounds) -> Pace {
        Pace {
            per_s,
            borne: Mean::of(per_s),
            bucket: Bucket::full(now, Pace::rate(per_s)),
            from: now + ahead.min(MAKE_UP),
            next_step: now,
            beyond: now + PROBATION,
            set: now,
            late: 0,
            held: 0,
            taken: 0,
            seen: 0,
            bounds,
        }
    }

    /// At once no more than in a fiftieth of a second, or [`AT_ONCE`].
    fn rate(per_s: u32) -> Rate {
        Rate::new(per_s, (per_s / 50).max(AT_ONCE))
    }

    fn takes(&mut self, now: Instant) -> bool {
        let takes = now >= self.from && self.bucket.take(now, Pace::rate(self.per_s));
        self.held = self.held.saturating_add(u32::from(!takes));
        takes
    }

    /// A call is taken: in its time, or because of its trunk's share, and then the next ones come the later.
    fn took(&mut self, now: Instant, is_in_time: bool) {
        self.taken = self.taken.saturating_add(1);
        if !is_in_time {
            self.bucket.owe(now, Pace::rate(self.per_s), MAKE_UP);
        }
    }

    fn note(&mut self, now: Instant, timing: Timing) {
        self.seen = self.seen.saturating_add(1);
        self.late = self.late.saturating_add(u32::from(timing == Timing::Late));
        let past = now.since(self.set);
        if past < LOOK {
            return;
        }
        let (late, seen) = (u64::from(self.late), u64::from(self.seen));
        // Where none is refused, fewer come than could be taken.
        if past < STEP && (self.late > 0 || self.held > 0) {
            self.borne = self.borne.with(self.taken, past);
        }
        let borne = self.borne.per_s();
        if late > 1 && TOO_MANY * late > seen && now >= self.next_step {
            self.per_s = self.per_s.saturating_sub((self.per_s / 20).max(1)).max(borne / 2).max(1);
            (self.next_step, self.bounds) = (now + STEP, Bounds::Known);
        } else if past >= STEP {
            // Hardly anybody calls: what made it fall is over.
            self.per_s = self.per_s.max(borne);
        } else if FEW * late < seen && self.held > 0 && (self.per_s < borne || now >= self.beyond) {
            self.rise(borne);
        }
        (self.set, self.late, self.held, self.taken, self.seen) = (now, 0, 0, 0, 0);
    }

    fn rise(&mut self, borne: u32) {
        let step = match self.bounds {
            _ if self.per_s < borne => self.per_s / 20,
            Bounds::Unknown => self.per_s / 40,
            Bounds::Known => self.per_s / 50,
        };
        let most = match self.bounds {
            _ if self.per_s < borne => borne,
            Bounds::Unknown => u32::MAX,
            Bounds::Known => self.per_s.max(borne.saturating_add((borne / TRIED).max(1))),
        };
        self.per_s = self.per_s.saturating_add(step.max(1)).min(most);
    }
}

impl Shares {
    fn turn(&mut self, now: Instant) {
        let past = now.since(self.since);
        if past >= PIECE {
            self.trunks.retain(|_, lately| {
                *lately = Lately { asked: lately.asked.aged(), begun: lately.begun.aged() };
                lately.asked.old > 0 && past < 2 * PIECE
            });
            self.since = now;
        }
    }

    fn asked(&mut self, now: Instant, trunk: TrunkId) {
        self.turn(now);
        self.trunks.entry(trunk).or_default().asked.young += 1;
    }

    fn begun(&mut self, now: Instant, trunk: TrunkId) {
        self.turn(now);
        self.trunks.entry(trunk).or_default().begun.young += 1;
    }

    /// How many milliseconds are counted.
    fn span(&self, now: Instant) -> u64 {
        let has_old = self.trunks.values().any(|lately| lately.asked.old > 0);
        let past = now.since(self.since) + if has_old { PIECE } else { Duration::ZERO };
        u64::try_from(past.max(LOOK).as_millis()).unwrap_or(u64::MAX)
    }

    /// The pace to begin with, and how long the calls that were taken would have lasted beyond the time they took: what was known to be
    /// borne, or was borne in the last whole second. A rush that came out of quiet says nothing of what can be borne, but that a
    /// quarter of it is not too much to begin with.
    fn pace(&mut self, now: Instant, known: Option<u32>) -> (u32, Duration) {
        self.turn(now);
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let whole = narrow(self.trunks.values().map(|lately| lately.begun.old).sum());
        let young = narrow(self.trunks.values().map(|lately| lately.begun.young).sum());
        let begun = u64::from(whole) + u64::from(young);
        let rush = narrow(begun.saturating_mul(1000) / self.span(now));
        if whole == 0 && known.is_none() {
            return ((rush / 4).max(1), Duration::ZERO);
        }
        let per_s = whole.max(known.unwrap_or(rush / 4));
        let ahead = (Duration::from_secs(1) * young / per_s.max(1)).saturating_sub(now.since(self.since));
        (per_s, ahead)
    }

    /// Whether a trunk among others is to be served whatever they ask for. Strictly less, so that a trunk alone has no share to claim.
    fn has_less_than_its_share(&mut self, now: Instant, trunk: TrunkId, per_s: u32) -> bool {
        self.turn(now);
        let own = self.trunks.get(&trunk).copied().unwrap_or_default();
        let others = self.trunks.iter().filter(|(held, _)| **held != trunk);
        let (sum, trunks) = others.fold((0u64, 0u64), |(sum, trunks), (_, held)| (sum + held.begun.sum(), trunks + 1));
        // own / span < per_s / (trunks + 1)
        let asks_for_less = own.asked.sum().saturating_mul(trunks + 1).saturating_mul(1000)
            < u64::from(per_s).saturating_mul(self.span(now));
        // own < (sum + own) / (trunks + 1)
        let began_less = own.begun.sum().saturating_mul(trunks) < sum;
        trunks > 0 && (asks_for_less || began_less)
    }
}

#[cfg(test)]
mod trial;

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
        assert_eq!(overload.judge(at(111), TrunkId(0), wait(16), MOST), Fate::Taken);
        assert_eq!(overload.judge(at(112), TrunkId(0), wait(17), MOST), Fate::Shed, "a third of it, while it lasts");
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
        for n in 0..70 {
            overload.judge(at(3000 + 100 * n), TrunkId(0), wait(0), MOST);
        }
        assert!(!overload.is_shedding());
        overload
    }

    fn late(overload: &mut Overload, from: u64) {
        for millis in from..from + 150 {
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
        let taken =
            judged.filter(|millis| overload.judge(at(*millis), TrunkId(0), wait(1), MOST) == Fate::Taken).count();
        assert!((80..150).contains(&taken), "{taken} in a second of the 100 that were borne, in a rush of 1,000");
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
            (25..=60).contains(&known),
            "{known}, a quarter of a second's worth of 100 a second and what half as many again bring"
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
}
