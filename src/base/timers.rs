//! Deadlines as data: an array of them inside a machine, and one queue of machines by their next deadline.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use super::time::Instant;

/// An enum of timers: each variant has a place in an array of `COUNT` deadlines.
pub trait TimerKind: Copy {
    /// How many variants there are.
    const COUNT: usize;
    /// The variant's place, below `COUNT`.
    fn index(self) -> usize;
    /// The variant at a place; `None` at or above `COUNT`.
    fn at(index: usize) -> Option<Self>;
}

/// Declares an enum of timers and its [`TimerKind`].
#[macro_export]
macro_rules! timer_kind {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[$vdoc])* $variant),+ }
        impl $crate::base::timers::TimerKind for $name {
            const COUNT: usize = [$($name::$variant),+].len();
            fn index(self) -> usize { self as usize }
            fn at(index: usize) -> Option<Self> { [$($name::$variant),+].get(index).copied() }
        }
    };
}

/// The deadlines of one machine: at most one per variant of `K`, `N` = `K::COUNT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers<K, const N: usize> {
    deadlines: [Option<Instant>; N],
    kind: PhantomData<K>,
}

impl<K: TimerKind, const N: usize> Default for Timers<K, N> {
    fn default() -> Self {
        Timers { deadlines: [None; N], kind: PhantomData }
    }
}

impl<K: TimerKind, const N: usize> Timers<K, N> {
    /// Sets (or moves) one timer.
    pub fn set(&mut self, kind: K, at: Instant) {
        if let Some(slot) = self.deadlines.get_mut(kind.index()) {
            *slot = Some(at);
        }
    }

    /// Stops one timer.
    pub fn stop(&mut self, kind: K) {
        if let Some(slot) = self.deadlines.get_mut(kind.index()) {
            *slot = None;
        }
    }

    /// Stops all timers.
    pub fn stop_all(&mut self) {
        self.deadlines = [None; N];
    }

    /// When one timer fires, if it is set.
    pub fn deadline(&self, kind: K) -> Option<Instant> {
        self.deadlines.get(kind.index()).copied().flatten()
    }

    /// Every timer that is set, with its deadline.
    pub fn all(&self) -> impl Iterator<Item = (K, Instant)> + '_ {
        let set = self.deadlines.iter().enumerate();
        set.filter_map(|(index, deadline)| Some((K::at(index)?, (*deadline)?)))
    }

    /// The earliest deadline of all.
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes the earliest timer that is due at `now`, if any. Call again until `None`.
    pub fn expired(&mut self, now: Instant) -> Option<K> {
        let (index, at) = self
            .deadlines
            .iter()
            .enumerate()
            .filter_map(|(i, d)| d.map(|at| (i, at)))
            .min_by_key(|&(i, at)| (at, i))?;
        if at > now {
            return None;
        }
        if let Some(slot) = self.deadlines.get_mut(index) {
            *slot = None;
        }
        K::at(index)
    }
}

/// Which machine wakes next: at most one deadline per key, the earliest first.
#[derive(Clone, Debug)]
pub struct WakeUps<K: Ord> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Ord> Default for WakeUps<K> {
    fn default() -> Self {
        WakeUps { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}

impl<K: Ord + Clone> WakeUps<K> {
    /// `key` wants to be woken at `at` and at no other time; `None`: never.
    pub fn set(&mut self, key: K, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.by_key.insert(key.clone(), at),
            None => self.by_key.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.by_time.insert((at, key));
        }
    }

    /// The earliest deadline of all.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Takes the key with the earliest deadline, if that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        self.by_time.first().filter(|(at, _)| *at <= now)?;
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// Forgets the keys that are not `kept`.
    pub fn retain(&mut self, kept: impl Fn(&K) -> bool) {
        self.by_key.retain(|key, _| kept(key));
        self.by_time.retain(|(_, key)| kept(key));
    }

    /// Keys that have a deadline.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// True when nobody waits.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    timer_kind! {
        enum Sample { First, Second }
    }

    #[test]
    fn timers_fire_in_order_of_deadline() {
        let mut timers = Timers::<Sample, 2>::default();
        let at = |s| Instant::ZERO + Duration::from_secs(s);
        timers.set(Sample::First, at(5));
        timers.set(Sample::Second, at(3));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.expired(at(2)), None);
        assert_eq!(timers.expired(at(9)), Some(Sample::Second));
        assert_eq!(timers.expired(at(9)), Some(Sample::First));
        assert_eq!(timers.expired(at(9)), None);
    }

    #[test]
    fn the_earliest_wakes_first_and_a_moved_deadline_counts_once() {
        let mut wake_ups = WakeUps::default();
        let at = Instant::from_nanos;
        wake_ups.set(1u32, Some(at(9)));
        wake_ups.set(2u32, Some(at(4)));
        wake_ups.set(1u32, Some(at(2)));
        assert_eq!((wake_ups.next(), wake_ups.len()), (Some(at(2)), 2));
        assert_eq!(wake_ups.pop_due(at(1)), None);
        assert_eq!(wake_ups.pop_due(at(3)), Some(1));
        wake_ups.set(2u32, None);
        assert!(wake_ups.is_empty());
    }
}
