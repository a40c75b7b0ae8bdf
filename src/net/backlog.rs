//! How long what is read now has waited in its socket, at least: the system does not say, but it says how much waits.

use tokio::time::Instant;

/// Of one stream. Everything that waits at one moment has waited since then when its turn comes to be read.
#[derive(Debug, Default)]
pub struct Backlog {
    mark: Option<Mark>,
    /// Since when the oldest of what was read last has waited.
    since: Option<Instant>,
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
        self.since = self.mark.map(|mark| mark.at);
        self.mark = match self.mark {
            Some(mark) if mark.left > octets => Some(Mark { left: mark.left - octets, ..mark }),
            Some(_) | None => {
                let left = waiting();
                (left > 0).then_some(Mark { at: now, left })
            }
        };
    }

    /// Since when what was read last has waited; `None`: it came just now.
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }
}

/// Of one socket of datagrams, which is read until it is empty: while reading it never came to an end, it has been behind.
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
    fn datagrams_are_behind_while_reading_never_ends() {
        let mut unbroken = Unbroken::default();
        unbroken.begin();
        let first = unbroken.since();
        unbroken.begin();
        assert!(first.is_some() && unbroken.since() == first);
        unbroken.emptied();
        assert_eq!(unbroken.since(), None);
    }
}
