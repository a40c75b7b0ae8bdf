//! How long what is read now may have waited in its socket: the system does not say. It says how much waits; and
//! nothing can have come before the socket was last found empty, nor wait where the thread that reads has rested since
//! ([`rested`]).

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// A thread that sleeps for so long had nothing to do; one that only looked for news comes back at once.
const REST: Duration = Duration::from_micros(100);

thread_local! {
    static LAID_DOWN: Cell<Option<Instant>> = const { Cell::new(None) };
    static ROSE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A thread of the runtime is about to sleep.
pub fn lies_down() {
    LAID_DOWN.set(Some(Instant::now()));
}

/// It has slept, however shortly.
pub fn rises() {
    let now = Instant::now();
    if LAID_DOWN.get().is_some_and(|since| now - since >= REST) {
        ROSE.set(Some(now));
    }
}

/// When this thread last had nothing to do; `None`: nobody has told.
fn rested() -> Option<Instant> {
    ROSE.get()
}

/// Of one stream. Everything that waits at one moment has waited since then when its turn comes to be read.
#[derive(Debug, Default)]
pub struct Backlog {
    mark: Option<Mark>,
    /// Since when the oldest of what was read last can have waited.
    since: Option<Instant>,
    /// When all there was had been read.
    emptied: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    /// Octets that waited then and were not read yet.
    left: u64,
}

impl Backlog {
    /// So many octets were read. `waiting`: how many wait behind them; asked only when nobody knows.
    pub fn read(&mut self, octets: usize, now: Instant, waiting: impl FnOnce() -> u64) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.since = self.mark.map(|mark| mark.at).or_else(|| since_then(self.emptied, rested()));
        self.mark = match self.mark {
            Some(mark) if mark.left > octets => Some(Mark { left: mark.left - octets, ..mark }),
            Some(_) | None => {
                let left = waiting();
                (left > 0).then_some(Mark { at: now, left })
            }
        };
        self.emptied = self.mark.is_none().then_some(now);
    }

    /// Since when what was read last has waited; `None`: it came just now.
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }
}

/// The later one, when both are known.
fn since_then(emptied: Option<Instant>, rested: Option<Instant>) -> Option<Instant> {
    emptied.zip(rested).map(|(emptied, rested)| emptied.max(rested))
}

/// Of one socket of datagrams, which is read until it is empty: while reading it never came to an end, it has been
/// behind. That a thread was busy with others since it was last found empty says nothing: whoever sends one datagram in
/// a tenth of a second would seem to wait as long.
#[derive(Debug, Default)]
pub struct Unbroken {
    since: Option<Instant>,
}

impl Unbroken {
    /// A batch begins.
    pub fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// Nothing waits any more.
    pub const fn emptied(&mut self) {
        self.since = None;
    }

    /// Since when what is read now can have waited.
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_waited_behind_a_read_has_waited_since_then() {
        let mut backlog = Backlog::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        backlog.read(100, at(0), || 250);
        assert_eq!(backlog.since(), None);
        backlog.read(100, at(30), || panic!("150 of the 250 are known to wait"));
        assert_eq!(backlog.since(), Some(at(0)));
        backlog.read(200, at(60), || 80);
        assert_eq!(backlog.since(), Some(at(0)));
        backlog.read(100, at(90), || 0);
        assert_eq!(backlog.since(), Some(at(60)));
        backlog.read(100, at(120), || 0);
        assert_eq!(backlog.since(), None, "it came when nothing waited");
    }

    #[test]
    fn where_nobody_rests_what_is_read_can_have_waited_since_the_last_read() {
        let mut backlog = Backlog::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        ROSE.set(Some(at(5)));
        backlog.read(100, at(10), || 0);
        assert_eq!(backlog.since(), None, "the first read");
        backlog.read(100, at(40), || 0);
        assert_eq!(backlog.since(), Some(at(10)));
        ROSE.set(Some(at(60)));
        backlog.read(100, at(61), || 0);
        assert_eq!(backlog.since(), Some(at(60)), "it slept in between: nothing waited");
    }

    #[test]
    fn a_thread_that_only_looks_for_news_has_not_rested() {
        let looks = || {
            lies_down();
            rises();
            rested()
        };
        // A busy machine may take the processor away from a look; not from each.
        assert!((0..1000).any(|_| ROSE.replace(None).is_none() && looks().is_none()));
        ROSE.set(None);
        LAID_DOWN.set(Some(Instant::now() - Duration::from_millis(1)));
        rises();
        assert!(rested().is_some());
    }

    #[test]
    fn datagrams_are_behind_while_reading_never_ends() {
        let mut unbroken = Unbroken::default();
        unbroken.begin();
        let first = unbroken.since();
        unbroken.begin();
        assert!(first.is_some() && unbroken.since() == first);
        unbroken.emptied();
        assert_eq!(unbroken.since(), None);
        let before = Instant::now();
        unbroken.begin();
        assert!(unbroken.since() >= Some(before), "what comes after it was found empty has not waited since then");
    }
}
