//! A table that strangers fill: bounded, and whoever was not seen for longest is forgotten first.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

use crate::base::bounds::Bound;

/// Two halves. What is used moves to the young one; when that is full, the old one is dropped and the young one grows old.
/// So an entry lives as long as fewer than half the table's others are used after it, and nothing is ever searched.
#[derive(Debug)]
pub struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
    /// Counts who is forgotten.
    bound: Bound,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// At most `limit` entries, at least two.
    pub fn new(limit: usize, bound: Bound) -> Self {
        Recent { young: HashMap::new(), old: HashMap::new(), half: (limit / 2).max(1), bound }
    }

    /// The entry of `key`, made if there is none.
    pub fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            // Kept for the room it has: under a flood nothing is allocated any more.
            mem::swap(&mut self.young, &mut self.old);
            let moved = self.young.remove(&key);
            self.bound.reached_by(self.young.len());
            self.young.clear();
            return self.young.entry(key).or_insert(match moved {
                Some(value) => value,
                None => make(),
            });
        }
        let old = &mut self.old;
        let moved = if old.is_empty() { None } else { old.remove(&key) };
        self.young.entry(key).or_insert_with(|| moved.unwrap_or_else(make))
    }

    /// The entry of `key`, its age unchanged.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The same, to be changed.
    pub fn held(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    /// Entries held.
    pub fn entries(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// What `choose` makes of each entry, in no order.
    pub fn collect<T>(&self, choose: impl FnMut((&K, &V)) -> Option<T>) -> Vec<T> {
        self.young.iter().chain(&self.old).filter_map(choose).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_never_outgrows_its_limit_and_keeps_what_is_used() {
        let mut table = Recent::new(100, Bound::PeerSources);
        for key in 0..10_000u32 {
            *table.entry(key, || 0) += 1;
            *table.entry(u32::MAX, || 0) += 1;
            assert!(table.entries() <= 100, "{}", table.entries());
        }
        assert_eq!(table.get(&u32::MAX), Some(&10_000));
        assert_eq!((table.get(&9999), table.get(&1)), (Some(&1), None));
    }

    #[test]
    fn an_entry_that_grew_old_is_the_same_entry() {
        let mut table = Recent::new(4, Bound::PeerSources);
        for key in ["a", "b", "c"] {
            *table.entry(key, || 0) += 1;
        }
        *table.entry("a", || 0) += 1;
        assert_eq!(table.get(&"a"), Some(&2));
    }

    #[test]
    fn what_is_only_looked_at_grows_no_younger() {
        let mut table = Recent::new(4, Bound::PeerSources);
        for key in 0..6 {
            table.entry(key, || ());
            assert_eq!(table.get(&0).is_some(), key < 4, "{key}");
        }
    }
}
