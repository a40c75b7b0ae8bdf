//! A sum over the last so much time, in slots: bounded memory, whatever comes.

use std::time::Duration;

use crate::base::Instant;

/// `N` slots of `slot` each. What was added is remembered for at least `(N - 1) * slot` and at most `N * slot`, so a limit
/// on the sum holds in every span of `(N - 1) * slot`.
#[derive(Clone, Debug)]
pub(super) struct Window<const N: usize> {
    slot: Duration,
    slots: [u32; N],
    /// Number of the newest slot since the clock's zero.
    newest: u64,
}

impl<const N: usize> Window<N> {
    pub fn new(slot: Duration) -> Window<N> {
        Window { slot, slots: [0; N], newest: 0 }
    }

    /// Adds now.
    pub fn add(&mut self, now: Instant, amount: u32) {
        self.turn(now);
        self.add_to(self.newest, amount);
    }

    /// Adds the seconds between two moments, each to its slot; what lies before the window is forgotten at once.
    pub fn add_seconds(&mut self, from: Instant, to: Instant) {
        self.turn(to);
        let slot = self.slot.as_secs().max(1);
        let (mut from, to) = (from.since(Instant::ZERO).as_secs(), to.since(Instant::ZERO).as_secs());
        let width = u64::try_from(N).unwrap_or(u64::MAX).saturating_mul(slot);
        from = from.max(to.saturating_sub(width));
        while from < to {
            let number = from / slot;
            let end = to.min((number + 1) * slot);
            self.add_to(number, u32::try_from(end - from).unwrap_or(u32::MAX));
            from = end;
        }
    }

    /// What was added lately.
    pub fn sum(&mut self, now: Instant) -> u64 {
        self.turn(now);
        self.slots.iter().map(|&amount| u64::from(amount)).sum()
    }

    /// The most that was added in one slot lately.
    pub fn most(&mut self, now: Instant) -> u32 {
        self.turn(now);
        self.slots.iter().copied().max().unwrap_or_default()
    }

    fn add_to(&mut self, number: u64, amount: u32) {
        if number + Self::length() <= self.newest {
            return;
        }
        if let Some(slot) = self.slots.get_mut(Self::place(number)) {
            *slot = slot.saturating_add(amount);
        }
    }

    /// Empties the slots that have grown too old.
    fn turn(&mut self, now: Instant) {
        let number = now.as_nanos() / u64::try_from(self.slot.as_nanos()).unwrap_or(u64::MAX).max(1);
        if number <= self.newest {
            return;
        }
        if number - self.newest >= Self::length() {
            self.slots = [0; N];
        } else {
            for passed in self.newest + 1..=number {
                if let Some(slot) = self.slots.get_mut(Self::place(passed)) {
                    *slot = 0;
                }
            }
        }
        self.newest = number;
    }

    fn length() -> u64 {
        u64::try_from(N).unwrap_or(u64::MAX)
    }

    fn place(number: u64) -> usize {
        usize::try_from(number % Self::length().max(1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_added_is_forgotten_when_its_time_is_over() {
        let mut window: Window<61> = Window::new(Duration::from_secs(60));
        window.add(at(0), 1);
        window.add(at(1800), 2);
        assert_eq!(window.sum(at(3600)), 3, "an hour later all of it counts");
        assert_eq!(window.sum(at(3660)), 2);
        assert_eq!((window.most(at(3660)), window.sum(at(5460)), window.most(at(5460))), (2, 0, 0));
        assert_eq!(window.sum(at(1_000_000)), 0);
    }

    #[test]
    fn talk_is_spread_over_its_minutes() {
        let mut window: Window<61> = Window::new(Duration::from_secs(60));
        window.add_seconds(at(30), at(150));
        assert_eq!(window.sum(at(3659)), 120);
        assert_eq!(window.sum(at(3660)), 90, "the half minute of the first slot is gone");
    }

    #[test]
    fn of_a_day_of_talk_the_last_hour_counts() {
        let mut window: Window<61> = Window::new(Duration::from_secs(60));
        window.add_seconds(at(0), at(86_400));
        assert!((3600..=3660).contains(&window.sum(at(86_400))));
    }
}
