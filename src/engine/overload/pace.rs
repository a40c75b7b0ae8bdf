//! How many calls are taken in a second while calls are shed.
//!
//! What a call costs comes after its INVITE, most of it as long as it talks: whoever takes all that are on time is late again
//! in a moment. The pace begins with what is known to be borne, makes up for what was taken beyond it, falls by steps that
//! are given time to show, and rises soon to what is borne and slowly beyond. Its steps are small: that it was too much shows
//! only when those calls talk, and by then it would have fallen far below. What is borne is the mean of what was taken, and
//! not the most: who takes too many takes hardly any soon after, because they talk, and what comes out between is what can be
//! taken. What the refusals beside them cost counts as taken too: where fewer are refused, so many more can be. Where hardly any
//! waits at all, the node is at leisure, and what was taken so far is not what it can bear.

use std::time::Duration;

use super::LOOK;
use super::strain::Timing;
use crate::base::Instant;
use crate::base::bucket::{Bucket, Rate};

/// How long a step down is given to show.
const STEP: Duration = Duration::from_millis(500);
/// So long the pace does not rise beyond what was borne: what the calls of a rush cost has not shown yet.
const PROBATION: Duration = Duration::from_secs(3);
/// What is borne is the mean of about so long.
const BORNE: Duration = Duration::from_secs(4);
/// What is borne is known when it was looked at for so long: what a stall of the machine kept says nothing of it.
const LEARNED: Duration = Duration::from_secs(1);
/// What was taken too much is made up for by taking none, for no longer than this.
const MAKE_UP: Duration = Duration::from_millis(200);
/// Calls come in no even order, and who takes fewer at once takes fewer than the pace.
const AT_ONCE: u32 = 3;
/// Where bounds are known, such a part more than what is borne is tried, and no more: what it costs comes late.
const TRIED: u32 = 4;
/// So many refusals cost as much as one call: what was known to be borne was learned beside fewer, and is less beside many.
/// (Measured, each with its audio of two seconds over TLS: a call some 660 us of a processor, a refusal 8 to 20.)
const REFUSALS_OF_A_CALL: u64 = 60;
/// One late request of so many, and not just one, is too much for the pace; one of so many is little enough for more.
const TOO_MANY: u64 = 2;
const FEW: u64 = 20;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    per_s: u32,
    /// The pace never falls below half of what refusals leave of it: what is late is shed all the same. Trunks share it.
    borne: Mean,
    /// How long it was looked at.
    learned: Duration,
    /// The pace it began with.
    first: u32,
    bucket: Bucket,
    /// What those cost that were refused in the latest moment.
    refused: Mean,
    /// None is taken before: more were than the pace allows.
    from: Instant,
    /// No step down before.
    next_step: Instant,
    /// No step beyond `borne` before.
    beyond: Instant,
    /// So long fewer than half of what is borne have called, and when somebody last did.
    quiet: Duration,
    asked: Instant,
    /// Since it was set: requests that were late, that found no room in the pace, that were taken, and all.
    set: Instant,
    late: u32,
    held: u32,
    taken: u32,
    seen: u32,
    /// The same: somebody waited, if not for long, or audio did.
    has_waited: bool,
    /// How long nobody has.
    leisure: Duration,
    /// When it was set last, somebody had found no room.
    was_used_up: bool,
    bounds: Bounds,
}

/// Thousandths of a call in a second.
#[derive(Clone, Copy, Debug)]
struct Mean(u64);

/// Whether a pace has ever been too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    Unknown,
    Known,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Mean {
    fn of(per_s: u32) -> Mean {
        Mean(u64::from(per_s).saturating_mul(1000))
    }

    fn per_s(self) -> u32 {
        u32::try_from(self.0 / 1000).unwrap_or(u32::MAX).max(1)
    }

    /// What so many in a moment cost that are refused, where this is borne: a quarter of it at most. Of calls that last for minutes a
    /// refusal costs hardly a part.
    fn of_refused(self, count: u32, moment: Duration) -> Mean {
        let cost = Mean::of(count).0.saturating_mul(1000) / millis(moment).max(1) / REFUSALS_OF_A_CALL;
        Mean(cost.min(self.0 / 4))
    }

    /// So many were taken in the latest moment, beside others that cost so much: without those, as many more would have been.
    fn with(self, taken: u32, beside: Mean, moment: Duration) -> Mean {
        let (all, latest) = (millis(BORNE), millis(moment.min(BORNE)));
        let before = self.0.saturating_mul(all.saturating_sub(latest));
        let taken = Mean::of(taken).0.saturating_mul(1000).saturating_add(beside.0.saturating_mul(latest));
        Mean(before.saturating_add(taken) / all)
    }

    /// What is left of it beside others that cost so much.
    fn less(self, cost: Mean) -> u32 {
        Mean(self.0.saturating_sub(cost.0)).per_s()
    }
}

impl Pace {
    /// `ahead`: how long the calls that were taken would have lasted at this pace beyond the time they took.
    pub fn new(now: Instant, (per_s, ahead): (u32, Duration), bounds: Bounds) -> Pace {
        Pace {
            per_s,
            borne: Mean::of(per_s),
            learned: Duration::ZERO,
            first: per_s,
            bucket: Bucket::full(now, Pace::rate(per_s)),
            from: now + ahead.min(MAKE_UP),
            next_step: now,
            beyond: now + PROBATION,
            quiet: Duration::ZERO,
            asked: now,
            refused: Mean(0),
            set: now,
            late: 0,
            held: 0,
            taken: 0,
            seen: 0,
            has_waited: false,
            leisure: Duration::ZERO,
            was_used_up: true,
            bounds,
        }
    }

    /// At once no more than in a fiftieth of a second, or [`AT_ONCE`].
    fn rate(per_s: u32) -> Rate {
        Rate::new(per_s, (per_s / 50).max(AT_ONCE))
    }

    pub fn takes(&mut self, now: Instant) -> bool {
        let takes = now >= self.from && self.bucket.take(now, Pace::rate(self.per_s));
        self.held = self.held.saturating_add(u32::from(!takes));
        takes
    }

    /// More come than it lets in, now or a moment ago.
    pub const fn is_used_up(&self) -> bool {
        self.was_used_up || self.held > 0
    }

    /// A call is taken.
    pub fn took(&mut self) {
        self.taken = self.taken.saturating_add(1);
    }

    /// One is taken for its trunk's share, which was not its turn: the next ones come the later.
    pub fn owe(&mut self, now: Instant) {
        self.bucket.owe(now, Pace::rate(self.per_s), MAKE_UP);
    }

    /// Calls in a second that are borne where none is refused.
    pub fn borne_per_s(&self) -> u32 {
        self.borne.per_s()
    }

    /// True when it was looked at for long enough to know, while somebody waited.
    pub fn has_learned(&self) -> bool {
        self.learned >= LEARNED
    }

    /// What refusals leave of it.
    pub fn left_per_s(&self) -> u32 {
        self.borne.less(self.refused)
    }

    /// A request comes; `is_soon`: it has hardly waited.
    pub fn note(&mut self, now: Instant, (timing, is_soon): (Timing, bool)) {
        self.seen = self.seen.saturating_add(1);
        self.late = self.late.saturating_add(u32::from(timing == Timing::Late));
        self.has_waited |= !is_soon || timing == Timing::Late;
        let (past, pause) = (now.since(self.set), now.since(self.asked));
        self.asked = now;
        if past < LOOK {
            return;
        }
        let (late, seen) = (u64::from(self.late), u64::from(self.seen));
        self.refused = self.borne.of_refused(self.seen.saturating_sub(self.taken), past);
        // Where none is refused, fewer come than could be taken; and while none is taken, others were before.
        if past < STEP && (self.late > 0 || self.held > 0) && self.set >= self.from {
            self.borne = self.borne.with(self.taken, self.refused, past);
            self.learned += if self.has_waited { past } else { Duration::ZERO };
        }
        let borne = self.left_per_s();
        let is_quiet = seen.saturating_mul(2000) < u64::from(borne).saturating_mul(millis(past));
        self.quiet = if is_quiet { self.quiet + past } else { Duration::ZERO };
        self.leisure = if self.has_waited { Duration::ZERO } else { self.leisure + past };
        if self.quiet >= STEP || pause >= STEP {
            self.begins_anew(now);
        } else if late > 1 && TOO_MANY * late > seen && now >= self.next_step {
            self.per_s = self.per_s.saturating_sub((self.per_s / 20).max(1)).max(borne / 2).max(1);
            (self.next_step, self.bounds) = (now + STEP, Bounds::Known);
        } else if FEW * late < seen && self.held > 0 && (self.per_s < borne || now >= self.beyond) {
            if self.leisure >= PROBATION {
                self.bounds = Bounds::Unknown;
            }
            self.rise(borne);
        }
        if past < STEP && now < self.beyond && self.bounds == Bounds::Known {
            // What those cost that were refused in the latest moment is not there for calls.
            self.per_s = self.per_s.min(Mean::of(self.first).less(self.refused));
        }
        self.was_used_up = self.held > 0;
        (self.set, self.late, self.held, self.taken, self.seen, self.has_waited) = (now, 0, 0, 0, 0, false);
    }

    /// Hardly anybody calls: what made it fall is over. Nor does anybody talk when the others come back, and what they cost
    /// shows as late as at first: a flood that pauses is met like a new one.
    fn begins_anew(&mut self, now: Instant) {
        let borne = self.borne_per_s();
        (self.per_s, self.first, self.bounds) = (borne, borne, Bounds::Known);
        self.beyond = now + PROBATION;
        self.leisure = Duration::ZERO;
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
