//! How long packets wait for a worker. Each wait reports so many sockets and one packet is read from each, so that what waits
//! is served in turn: while the sockets reported fill each batch, reading has not come to an end, and whatever was there when
//! it began may have waited since then. It costs no question to the system; both moments are known anyway.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::Instant;

/// Of one worker, which alone holds it.
#[derive(Debug, Default)]
pub struct Lateness {
    /// Since when each batch was full.
    since: Option<Instant>,
}

/// How a batch was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// It held all there was.
    All,
    /// More may wait.
    Full,
}

impl Lateness {
    /// A batch that was reported at `woke` has been dealt with. Gives for how long its last packet may have waited.
    pub fn dealt(&mut self, batch: Batch, woke: Instant, now: Instant) -> Duration {
        let since = self.since.unwrap_or(woke);
        self.since = match batch {
            Batch::All => None,
            Batch::Full => Some(since),
        };
        now.since(since)
    }
}

/// The longest wait since somebody last looked.
#[derive(Debug, Default)]
pub struct LongestWait(AtomicU64);

impl LongestWait {
    /// One more. Only the worker's own thread calls this; a look at the same time may miss it.
    pub fn note(&self, waited: Duration) {
        let waited = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        if waited > self.0.load(Ordering::Relaxed) {
            self.0.store(waited, Ordering::Relaxed);
        }
    }

    /// The longest since the last look; from now on others.
    pub fn look(&self) -> Duration {
        Duration::from_micros(self.0.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Instant {
        Instant::ZERO + Duration::from_micros(micros)
    }

    #[test]
    fn what_waits_behind_full_batches_has_waited_since_the_first() {
        let mut lateness = Lateness::default();
        let mut waited = |batch, woke, now| lateness.dealt(batch, at(woke), at(now)).as_micros();
        assert_eq!(waited(Batch::All, 100, 140), 40);
        assert_eq!(waited(Batch::Full, 1_000, 1_800), 800);
        assert_eq!(waited(Batch::Full, 1_810, 2_600), 1_600);
        assert_eq!(waited(Batch::All, 2_610, 2_650), 1_650, "the rest");
        assert_eq!(waited(Batch::All, 2_660, 2_670), 10, "reading had come to an end");
    }

    #[test]
    fn the_longest_wait_is_told_once() {
        let longest = LongestWait::default();
        [30, 500, 20].into_iter().for_each(|micros| longest.note(Duration::from_micros(micros)));
        assert_eq!(longest.look(), Duration::from_micros(500));
        assert_eq!(longest.look(), Duration::ZERO);
    }
}
