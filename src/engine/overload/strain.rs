//! How long requests have been late: whether that is a short stall of the machine, which refuses nobody, or too much, or a rush
//! that soon will be.

use std::time::Duration;

use super::{RUSH, RUSH_PER_S};
use crate::base::Instant;

/// How long requests must have been late before the first call is shed. When none comes for that long, none waited.
const PATIENCE: Duration = Duration::from_millis(100);
/// The same when the latest has waited longer than the first by [`GROWTH`], and [`RUSH`] were late: more comes than is borne.
const PATIENCE_WITH_GROWTH: Duration = Duration::from_millis(25);
const GROWTH: Duration = Duration::from_millis(10);
/// So many are a rush sooner: fewer come at once anywhere, or were kept by a stall.
const EARLY_RUSH: u32 = 30;
/// Requests that are judged within so short a time are of one moment.
const MOMENT: Duration = Duration::from_millis(5);

/// How long requests have been late. Those of one moment go together, and are late when one of them is: a connection that is
/// read in time does not hide that others are not. The time until the next moment goes by what this one was; time without
/// lateness counts against it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strain {
    late_for: Duration,
    /// When it began.
    latest: Option<(Instant, Timing)>,
    waits: Option<Waits>,
}

/// Of the requests that were late.
#[derive(Clone, Copy, Debug)]
struct Waits {
    /// The moment of the first.
    since: Instant,
    first: Duration,
    longest: Duration,
    count: u32,
    /// Those of moments that are over, and the moment after.
    past: (u32, Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    OnTime,
    Late,
}

impl Strain {
    /// One more request, and how long it has waited.
    pub fn with(self, now: Instant, (timing, waited): (Timing, Duration)) -> Strain {
        let waits = match timing {
            Timing::Late => Some(self.waits.map_or(Waits::of(now, waited), |waits| waits.with(waited))),
            Timing::OnTime => self.waits,
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
        let waits = if begins {
            (timing == Timing::Late).then_some(Waits::of(now, waited))
        } else {
            let past = self.waits.map_or(0, |before| before.count);
            waits.map(|waits| Waits { past: (past, now), ..waits })
        };
        Strain { late_for, latest: Some((now, timing)), waits }
    }

    /// It is time to shed calls.
    pub fn is_too_much(self) -> bool {
        self.late_for >= if self.waits.is_some_and(Waits::grow) { PATIENCE_WITH_GROWTH } else { PATIENCE }
    }

    /// They wait ever longer, and half as many again come as began in a second of late.
    pub fn is_rush(self, begun_per_s: impl FnOnce() -> u32) -> bool {
        let is_rush = |waits: Waits| waits.grow() && waits.count >= EARLY_RUSH && waits.came_faster_than(begun_per_s());
        self.late_for >= PATIENCE_WITH_GROWTH && self.waits.is_some_and(is_rush)
    }
}

impl Waits {
    const fn of(now: Instant, first: Duration) -> Waits {
        Waits { since: now, first, longest: first, count: 1, past: (0, now) }
    }

    fn with(self, waited: Duration) -> Waits {
        Waits { longest: self.longest.max(waited), count: self.count.saturating_add(1), ..self }
    }

    /// More came in a second than began, by half: those of moments that are over, since the first of them was sent.
    fn came_faster_than(self, begun_per_s: u32) -> bool {
        let (count, until) = self.past;
        let bound = begun_per_s.saturating_add(begun_per_s / 2).max(RUSH_PER_S);
        Duration::from_secs(1) * count > (until.since(self.since) + self.first) * bound
    }

    /// Ever more comes than is borne.
    fn grow(self) -> bool {
        self.longest >= self.first + GROWTH && self.count >= RUSH
    }
}
