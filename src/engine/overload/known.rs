//! What a node is known to bear: the pace when calls were last shed, and what has come since without being late. More is met
//! as a rush, however soon it is read.

use std::time::Duration;

use super::strain::Timing;
use super::{RUSH, RUSH_PER_S};
use crate::base::Instant;
use crate::base::bucket::{Bucket, Rate};

/// It is believed for so long after calls were last shed: the machine may be another one by then.
const MEMORY: Duration = Duration::from_secs(600);
/// What comes is counted in pieces of this length, and those in which some were late teach nothing.
const PIECE: Duration = Duration::from_secs(1);
/// Load that grows is known after so many of them: most of what a call costs comes after it began.
const PIECES: u64 = 8;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Calls in a second when calls were last shed.
    per_s: u32,
    /// The most that have come in a second since without being late. It tells what is no rush, and not what a rush begins with: those
    /// may have been calls that nobody answered.
    seen: u32,
    /// What still comes before it is a rush.
    bucket: Bucket,
    until: Instant,
    /// When the latest piece began, how many called in it, and whether some were late.
    since: Instant,
    calls: u32,
    was_late: bool,
    /// What came in the latest pieces, in thousandths of a call in a second.
    mean: u64,
}

impl Known {
    pub fn new(now: Instant, per_s: u32) -> Known {
        let bucket = Bucket::full(now, Known::rate(per_s));
        Known { per_s, seen: per_s, bucket, until: now + MEMORY, since: now, calls: 0, was_late: false, mean: 0 }
    }

    /// Half as many again as are borne, at least [`RUSH_PER_S`], and a tenth of a second's worth of calls at once, at
    /// least [`RUSH`]: what comes at once also ends at once where calls last as long as each other, and whoever is refused then
    /// waits for all those ends.
    fn rate(per_s: u32) -> Rate {
        Rate::new(per_s.saturating_add(per_s / 2).max(RUSH_PER_S), (per_s / 10).max(RUSH))
    }

    /// Calls were shed and are no more: so many come in a second, and none is late.
    pub fn was_borne(&mut self, now: Instant, per_s: u32) {
        self.seen = self.seen.max(per_s);
        if now < self.until {
            self.until = now + MEMORY;
        }
    }

    /// Calls in a second; `None`: that was too long ago.
    pub fn per_s(&self, now: Instant) -> Option<u32> {
        (now < self.until).then_some(self.per_s)
    }

    /// A call comes while none is shed: whether there are more than can be borne, however soon they are read.
    pub fn is_rushed(&mut self, now: Instant, timing: Timing) -> bool {
        self.follow(now, timing);
        now < self.until && !self.bucket.take(now, Known::rate(self.seen))
    }

    /// What comes for seconds and is not late is borne.
    fn follow(&mut self, now: Instant, timing: Timing) {
        let past = now.since(self.since);
        if past >= PIECE {
            if !self.was_late {
                let millis = u64::try_from(past.as_millis()).unwrap_or(u64::MAX);
                let latest = u64::from(self.calls).saturating_mul(1_000_000) / millis.max(1);
                self.mean = (self.mean.saturating_mul(PIECES - 1).saturating_add(latest)) / PIECES;
                self.seen = self.seen.max(u32::try_from(self.mean / 1000).unwrap_or(u32::MAX));
            }
            (self.since, self.calls, self.was_late) = (now, 0, false);
        }
        self.calls = self.calls.saturating_add(1);
        self.was_late |= timing == Timing::Late;
    }
}
