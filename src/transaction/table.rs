//! Every open transaction: found by key or by id, woken by deadline, never more than a limit.
//!
//! Keys and ids are looked up and never walked, so the order of a hash map is never seen. A message looks up half a
//! dozen times: among 40,000 transactions an ordered map follows sixteen pointers for each, most of them to memory that
//! nobody has touched for seconds. Keys come from the network and are hashed with a secret; ids are our own count.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::key::Key;
use crate::base::Instant;
use crate::base::churn::{Churned, Distant};
use crate::base::ids::{ById, TransactionId};

/// A bounded map of keys to transactions `V`. Ids are given in order and never reused.
#[derive(Debug)]
pub struct Table<V> {
    ids: Distant<Arc<Key>, TransactionId>,
    /// Boxed: a map keeps room for more than it holds.
    entries: Churned<TransactionId, Box<Entry<V>>, ById>,
    wake_ups: BTreeSet<(Instant, TransactionId)>,
    limit: usize,
    next_id: u64,
    refused: u64,
}

#[derive(Debug)]
struct Entry<V> {
    key: Arc<Key>,
    value: V,
    wake_up: Option<Instant>,
}

/// Why a transaction was not taken in. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// The table holds as many as it may (`limits.max_transactions`). Answer: 503.
    Full,
    /// The key is taken: the message is a repetition and belongs to the transaction that holds it.
    Duplicate(TransactionId),
}

impl<V> Table<V> {
    /// `limit`: the most transactions held at once.
    pub fn new(limit: usize) -> Table<V> {
        Table {
            ids: Distant::default(),
            entries: Churned::default(),
            wake_ups: BTreeSet::new(),
            limit,
            next_id: 0,
            refused: 0,
        }
    }

    /// Another limit from now on. What is held above it stays until it is removed.
    pub const fn resize(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes a transaction in. It has no deadline until [`wake_at`](Table::wake_at) is told one.
    ///
    /// # Errors
    /// The table is full (counted), or the key is taken.
    pub fn insert(&mut self, key: impl Into<Key>, value: V) -> Result<TransactionId, Refused> {
        self.insert_within(0, key, value)
    }

    /// The same, where it may be one of so many above the limit.
    ///
    /// # Errors
    /// The same.
    pub fn insert_within(&mut self, above: usize, key: impl Into<Key>, value: V) -> Result<TransactionId, Refused> {
        let key = Arc::new(key.into());
        let is_full = self.entries.len() >= self.limit.saturating_add(above);
        let place = match self.ids.place(Arc::clone(&key)) {
            Ok(held) => return Err(Refused::Duplicate(*held)),
            Err(_) if is_full => {
                self.refused += 1;
                return Err(Refused::Full);
            }
            Err(place) => place,
        };
        let id = TransactionId(self.next_id);
        self.next_id += 1;
        place.insert(id);
        self.entries.insert(id, Box::new(Entry { key, value, wake_up: None }));
        Ok(id)
    }

    /// The id of the transaction with this key.
    pub fn id_of(&self, key: &Key) -> Option<TransactionId> {
        self.ids.get(key).copied()
    }

    /// The transaction with this key.
    pub fn by_key(&mut self, key: &Key) -> Option<(TransactionId, &mut V)> {
        let id = self.id_of(key)?;
        self.entries.get_mut(&id).map(|entry| (id, &mut entry.value))
    }

    /// The transaction with this id.
    pub fn by_id(&self, id: TransactionId) -> Option<&V> {
        self.entries.get(&id).map(|entry| &entry.value)
    }

    /// The transaction with this id, to be changed.
    pub fn by_id_mut(&mut self, id: TransactionId) -> Option<&mut V> {
        self.entries.get_mut(&id).map(|entry| &mut entry.value)
    }

    /// The key of the transaction with this id.
    pub fn key_of(&self, id: TransactionId) -> Option<&Key> {
        self.entries.get(&id).map(|entry| &*entry.key)
    }

    /// Takes a transaction out, with its key and its deadline.
    pub fn remove(&mut self, id: TransactionId) -> Option<V> {
        let entry = self.entries.remove(&id)?;
        self.ids.remove(&entry.key);
        if let Some(at) = entry.wake_up {
            self.wake_ups.remove(&(at, id));
        }
        Some(entry.value)
    }

    /// Sets, moves or (`None`) takes away the one deadline of a transaction: its `next_timeout` after each input.
    pub fn wake_at(&mut self, id: TransactionId, at: Option<Instant>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.wake_up == at {
            return;
        }
        if let Some(old) = entry.wake_up {
            self.wake_ups.remove(&(old, id));
        }
        if let Some(new) = at {
            self.wake_ups.insert((new, id));
        }
        entry.wake_up = at;
    }

    /// The earliest deadline of all.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.wake_ups.first().map(|(at, _)| *at)
    }

    /// Takes the earliest transaction whose deadline has come, earliest first, then in order of ids. Its deadline is
    /// gone: ask the machine for the next one and tell it with [`wake_at`](Table::wake_at).
    pub fn pop_due(&mut self, now: Instant) -> Option<TransactionId> {
        if self.next_timeout()? > now {
            return None;
        }
        let (_, id) = self.wake_ups.pop_first()?;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.wake_up = None;
        }
        Some(id)
    }

    /// The ids held, oldest first.
    pub fn ids(&self) -> Vec<TransactionId> {
        let mut ids: Vec<_> = self.entries.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Transactions held now.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when none is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True when the next new transaction will be refused.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.limit
    }

    /// Transactions refused because the table was full, since it was made.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}
