//! A hash map whose entries come and go without end, and whose memory depends on how many it held at most and on nothing
//! else.
//!
//! A hash map marks some places of removed entries as used up. When no other places are left it is written anew: in
//! place where at most half of it is filled, otherwise into twice the room. So a map that is half full doubles at some
//! time, after some number of entries nobody can tell, and a daemon grows minutes or hours after its load stands.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};

/// See the module. Entries are put in by [`insert`](Churned::insert) and [`entry`](Churned::entry); everything else is
/// the map's own.
#[derive(Clone, Debug)]
pub struct Churned<K, V, S = RandomState> {
    map: HashMap<K, V, S>,
    /// Entries there is room for where no place is used up: at least twice as many as were ever held.
    room: usize,
}

impl<K: Eq + Hash, V, S: BuildHasher> Churned<K, V, S> {
    /// Puts an entry in; the value that was under this key before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.widen();
        self.map.insert(key, value)
    }

    /// The place of this key.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.widen();
        self.map.entry(key)
    }

    fn widen(&mut self) {
        if self.map.len() < self.room / 2 {
            return;
        }
        let wanted = self.room.saturating_mul(2).max(8);
        self.map.reserve(wanted.saturating_sub(self.map.len()));
        // Written anew just now: no place is used up.
        self.room = self.map.capacity();
    }
}

impl<K, V, S: Default> Default for Churned<K, V, S> {
    fn default() -> Self {
        Churned { map: HashMap::default(), room: 0 }
    }
}

impl<K, V, S> Deref for Churned<K, V, S> {
    type Target = HashMap<K, V, S>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

impl<K, V, S> DerefMut for Churned<K, V, S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.map
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::hash::BuildHasherDefault;

    use super::*;
    use crate::base::ids::OwnCount;

    type Map = Churned<u64, u64, BuildHasherDefault<OwnCount>>;

    #[test]
    fn a_map_that_stands_at_its_size_never_grows_however_many_come_and_go() {
        for held in [1usize, 7, 100, 450, 900, 1000] {
            let (mut map, mut order) = (Map::default(), VecDeque::new());
            let mut fill = |map: &mut Map, key: u64| {
                map.insert(key.wrapping_mul(0x2545_f491_4f6c_dd1d), key);
                order.push_back(key.wrapping_mul(0x2545_f491_4f6c_dd1d));
                if order.len() > held {
                    map.remove(&order.pop_front().unwrap());
                }
            };
            (0..=held as u64).for_each(|key| fill(&mut map, key));
            let room = map.room;
            for key in 0..200 * held as u64 {
                fill(&mut map, 1_000_000 + key);
                // What may be filled is never more than what was there when it stood: nothing was added.
                assert!(map.capacity() <= room, "{held}: {} of {room} after {key}", map.capacity());
            }
            assert_eq!((map.len(), map.room), (held, room));
        }
    }

    #[test]
    fn a_key_is_found_replaced_and_removed_as_in_any_map() {
        let mut map = Map::default();
        assert_eq!((map.insert(1, 10), map.insert(1, 11)), (None, Some(10)));
        *map.entry(2).or_insert(0) += 5;
        assert_eq!((map.get(&1), map.get(&2), map.len()), (Some(&11), Some(&5), 2));
        assert_eq!((map.remove(&1), map.remove(&1)), (Some(11), None));
    }
}
