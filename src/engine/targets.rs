//! What is known of every target of every trunk: fed by our OPTIONS, by calls and by their media.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::Instant;
use crate::base::ids::{CallId, TrunkId};
use crate::base::timers::WakeUps;
use crate::route::health::{TargetId, Way};
use crate::route::liveness::{Change, Liveness, Sign, TargetState, Turn, Watched};
use crate::route::snapshot::Snapshot;
use crate::route::trunk::{Trunk, target_name};

type Key = (TrunkId, TargetId);

/// See the module.
#[derive(Debug, Default)]
pub struct Targets {
    entries: BTreeMap<Key, Entry>,
    /// When what is known of a target is too old.
    wake_ups: WakeUps<Key>,
    changes: Vec<Changed>,
}

#[derive(Debug)]
struct Entry {
    trunk: Arc<Trunk>,
    host: Arc<str>,
    liveness: Liveness,
}

/// A target whose state is another one now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub trunk: Arc<str>,
    pub target: Arc<str>,
    pub change: Change,
}

impl Targets {
    /// The targets of another configuration; what is known of those that are in both stays known.
    pub fn replace(&mut self, snapshot: &Snapshot) {
        let before = std::mem::take(&mut self.entries);
        let known: BTreeMap<(Arc<str>, Arc<str>), Liveness> =
            before.into_values().map(|entry| ((Arc::clone(&entry.trunk.name), entry.host), entry.liveness)).collect();
        self.wake_ups = WakeUps::default();
        for trunk in &snapshot.trunks {
            for (place, spec) in (0_u16..).zip(&trunk.targets) {
                let key = (trunk.id, TargetId(place));
                let host = target_name(&trunk.targets, spec);
                let liveness = known.get(&(Arc::clone(&trunk.name), Arc::clone(&host))).cloned().unwrap_or_default();
                self.wake_ups.set(key, liveness.until());
                self.entries.insert(key, Entry { trunk: Arc::clone(trunk), host, liveness });
            }
        }
    }

    /// Something was seen of the target of this way. Returns what that changed, which is told besides.
    pub fn see(&mut self, now: Instant, way: Way, sign: Sign) -> Option<Change> {
        let key = (way.trunk, way.target?);
        let entry = self.entries.get_mut(&key)?;
        let watched = if entry.trunk.options.interval.is_zero() { Watched::ByCalls } else { Watched::ByProbes };
        let change = entry.liveness.see(now, &entry.trunk.options.liveness, watched, sign);
        self.wake_ups.set(key, entry.liveness.until());
        self.changes.extend(change.map(|change| entry.changed(change)));
        change
    }

    /// What is too old is forgotten.
    pub fn lapse(&mut self, now: Instant) {
        while let Some(key) = self.wake_ups.pop_due(now) {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let change = entry.liveness.lapse(now);
            self.changes.extend(change.map(|change| entry.changed(change)));
        }
    }

    /// What is known; a way that is no target's is unknown.
    pub fn state(&self, trunk: TrunkId, target: Option<TargetId>) -> TargetState {
        let entry = target.and_then(|target| self.entries.get(&(trunk, target)));
        entry.map(|entry| entry.liveness.state()).unwrap_or_default()
    }

    /// When a call that has several targets goes to this one.
    pub fn turn_of(&mut self, now: Instant, call: CallId, trunk: TrunkId, target: Option<TargetId>) -> Turn {
        let entry = target.and_then(|target| self.entries.get_mut(&(trunk, target)));
        entry.map_or(Turn::First, |entry| entry.liveness.turn_of(now, call))
    }

    /// Until when the peer wants to be left alone.
    pub fn until(&self, trunk: TrunkId, target: TargetId) -> Option<Instant> {
        self.entries.get(&(trunk, target))?.liveness.until()
    }

    /// Changes since the last time.
    pub fn changes(&mut self) -> impl Iterator<Item = Changed> + '_ {
        self.changes.drain(..)
    }

    /// When [`Targets::lapse`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.wake_ups.next()
    }
}

impl Entry {
    fn changed(&self, change: Change) -> Changed {
        Changed { trunk: Arc::clone(&self.trunk.name), target: Arc::clone(&self.host), change }
    }
}
