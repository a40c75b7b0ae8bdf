//! How often the configuration was read again, and what came of it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::DescriptorEncoder;

use super::rows::{counters, gauge};
use crate::base::WallTime;

/// What came of one reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something is in force that was not.
    Applied,
    /// Nothing differs from what was in force.
    Unchanged,
    /// Something is wrong with it: nothing was changed.
    Refused,
}

impl Outcome {
    const ALL: [Outcome; 3] = [Outcome::Applied, Outcome::Unchanged, Outcome::Refused];

    const fn label(self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::Unchanged => "unchanged",
            Outcome::Refused => "refused",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct ReloadCounters {
    counts: [AtomicU64; Outcome::ALL.len()],
    /// Seconds since 1970; 0: never.
    last: AtomicU64,
    /// 1: the last one was refused.
    is_refused: AtomicU64,
}

impl ReloadCounters {
    /// Counts one, and gives the revision that is in force after it.
    pub fn note(&self, outcome: Outcome, now: WallTime) -> u64 {
        if let Some(count) = self.counts.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.last.store(now.0 / 1000, Ordering::Relaxed);
        self.is_refused.store(u64::from(outcome == Outcome::Refused), Ordering::Relaxed);
        self.revision()
    }

    /// Configurations that were in force since the start: the first is 1.
    pub fn revision(&self) -> u64 {
        1 + self.count(Outcome::Applied)
    }

    fn count(&self, outcome: Outcome) -> u64 {
        self.counts.get(outcome as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let revision = usize::try_from(self.revision()).unwrap_or(usize::MAX);
        gauge(encoder, "config_revision", "Configurations in force since the start; the first is 1", revision)?;
        let rows = Outcome::ALL.map(|outcome| ([("result", outcome.label().to_owned())], self.count(outcome)));
        counters(encoder, "config_reloads", "Reloads of the configuration, by what came of them", rows)?;
        let refused = usize::try_from(self.is_refused.load(Ordering::Relaxed)).unwrap_or(1);
        gauge(encoder, "config_reload_refused", "1: the last reload was refused", refused)?;
        let last = usize::try_from(self.last.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        gauge(encoder, "config_reload_seconds", "When it was read again last, seconds since 1970; 0: never", last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_counts_what_came_into_force() {
        let counters = ReloadCounters::default();
        let now = WallTime(5_000);
        let revisions = [Outcome::Unchanged, Outcome::Applied, Outcome::Refused, Outcome::Applied]
            .map(|outcome| counters.note(outcome, now));
        assert_eq!(revisions, [1, 2, 2, 3]);
        assert_eq!(counters.is_refused.load(Ordering::Relaxed), 0);
    }
}
