//! A hash map whose entries come and go without end, and whose memory depends on how many it held at most and on nothing
//! else.
//!
//! A hash map marks some places of removed entries as used up. When no other places are left it is written anew: in
//! place where at most half of it is filled, otherwise into twice the room. So a map that is half full doubles at some
//! time, after some number of entries nobody can tell, and a daemon grows minutes or hours after its load stands.
//!
//! Whoever writes a map anew needs the hash of each key. Where keys lie elsewhere ([`Distant`]), it is kept beside them: to
//! fetch 16,000 of them from memory that nobody has touched for seconds took 13 ms, in which nobody was answered.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};

use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, VacantEntry};

/// See the module; for keys that lie in the map itself. Entries are put in by [`insert`](Churned::insert); everything
/// else is the map's own.
#[derive(Debug)]
pub struct Churned<K, V, S = RandomState> {
    map: HashMap<K, V, S>,
    /// Entries there is room for where no place is used up: at least twice as many as were ever held.
    room: usize,
}

impl<K: Eq + Hash, V, S: BuildHasher> Churned<K, V, S> {
    /// Puts an entry in; the value that was under this key before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(more) = missing(self.map.len(), self.room) {
            self.map.reserve(more);
            // Written anew just now: no place is used up.
            self.room = self.map.capacity();
        }
        self.map.insert(key, value)
    }
}

/// For how many more entries there must be room before one is put in, where it is half full.
fn missing(held: usize, room: usize) -> Option<usize> {
    (held >= room / 2).then(|| room.saturating_mul(2).max(8).saturating_sub(held))
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

/// See the module; for keys that lie elsewhere. They are hashed with a secret.
#[derive(Debug)]
pub struct Distant<K, V> {
    table: HashTable<Held<K, V>>,
    /// As in [`Churned`].
    room: usize,
    secret: RandomState,
}

#[derive(Debug)]
struct Held<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> Held<K, V> {
    const fn hash(&self) -> u64 {
        self.hash
    }
}

/// A place for a key that is not held.
#[derive(Debug)]
pub struct Vacant<'a, K, V> {
    place: VacantEntry<'a, Held<K, V>>,
    hash: u64,
    key: K,
}

impl<K, V> Vacant<'_, K, V> {
    /// Puts the entry in.
    pub fn insert(self, value: V) {
        self.place.insert(Held { hash: self.hash, key: self.key, value });
    }
}

impl<K: Eq + Hash, V> Distant<K, V> {
    /// Entries held.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The value under this key.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.table.find(self.secret.hash_one(key), |held| held.key.borrow() == key).map(|held| &held.value)
    }

    /// Puts an entry in; the value that was under this key before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(key) {
            Ok(held) => Some(std::mem::replace(held, value)),
            Err(vacant) => {
                vacant.insert(value);
                None
            }
        }
    }

    /// The value under this key.
    ///
    /// # Errors
    /// There is none: where it may be put.
    pub fn place(&mut self, key: K) -> Result<&mut V, Vacant<'_, K, V>> {
        if let Some(more) = missing(self.table.len(), self.room) {
            self.table.reserve(more, Held::hash);
            self.room = self.table.capacity();
        }
        let hash = self.secret.hash_one(&key);
        match self.table.entry(hash, |held| held.key == key, Held::hash) {
            Entry::Occupied(held) => Ok(&mut held.into_mut().value),
            Entry::Vacant(place) => Err(Vacant { place, hash, key }),
        }
    }

    /// Takes the value under this key out.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let held = self.table.find_entry(self.secret.hash_one(key), |held| held.key.borrow() == key).ok()?;
        Some(held.remove().0.value)
    }
}

impl<K, V> Default for Distant<K, V> {
    fn default() -> Self {
        Distant { table: HashTable::default(), room: 0, secret: RandomState::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;
    use std::hash::{BuildHasherDefault, Hasher};

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

    thread_local! {
        static HASHED: Cell<usize> = const { Cell::new(0) };
    }

    /// A key that tells how often it was looked at.
    #[derive(Debug, PartialEq, Eq)]
    struct Seen(u64);

    impl Hash for Seen {
        fn hash<H: Hasher>(&self, state: &mut H) {
            HASHED.set(HASHED.get() + 1);
            state.write_u64(self.0);
        }
    }

    #[test]
    fn a_map_of_distant_keys_grows_and_is_written_anew_without_a_look_at_them() {
        let mut map = Distant::default();
        (0..10_000).for_each(|key| assert_eq!(map.insert(Seen(key), key), None));
        assert_eq!((HASHED.replace(0), map.len()), (10_000, 10_000), "each when it came");
        // Places are used up and given back many times.
        for key in 0..50_000 {
            assert_eq!(map.insert(Seen(10_000 + key), 10_000 + key), None);
            assert_eq!(map.remove(&Seen(key)), Some(key));
        }
        assert_eq!((HASHED.get(), map.len()), (2 * 50_000, 10_000));
    }

    #[test]
    fn a_map_of_distant_keys_that_stands_at_its_size_never_grows() {
        for held in [1u64, 7, 100, 450, 900, 1000] {
            let mut map = Distant::default();
            (0..=held).for_each(|key| assert_eq!(map.insert(Seen(key), ()), None));
            let room = map.room;
            for key in 0..200 * held {
                map.remove(&Seen(key));
                map.insert(Seen(held + 1 + key), ());
                assert!(map.table.capacity() <= room, "{held}: {} of {room} after {key}", map.table.capacity());
            }
            assert_eq!(map.room, room);
        }
    }

    #[test]
    fn a_distant_key_is_found_replaced_and_removed_as_in_any_map() {
        let mut map: Distant<Box<str>, u32> = Distant::default();
        assert!(map.is_empty());
        assert_eq!((map.insert("a".into(), 10), map.insert("a".into(), 11)), (None, Some(10)));
        map.place("b".into()).unwrap_err().insert(5);
        *map.place("b".into()).unwrap() += 1;
        assert_eq!((map.get("a"), map.get("b"), map.get("c"), map.len()), (Some(&11), Some(&6), None, 2));
        assert_eq!((map.remove("a"), map.remove("a"), map.len()), (Some(11), None, 1));
    }

    #[test]
    fn a_key_is_found_replaced_and_removed_as_in_any_map() {
        let mut map = Map::default();
        assert_eq!((map.insert(1, 10), map.insert(1, 11)), (None, Some(10)));
        assert_eq!(map.insert(2, 5), None);
        assert_eq!((map.get(&1), map.get(&2), map.len()), (Some(&11), Some(&5), 2));
        assert_eq!((map.remove(&1), map.remove(&1)), (Some(11), None));
    }
}
