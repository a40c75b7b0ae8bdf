//! A new configuration takes the place of the old one while calls go on: what is known of trunks that stay is kept.

use std::sync::Arc;

use crate::base::{Instant, Now};
use crate::route::snapshot::Snapshot;

use super::Engine;
use super::io::Outbox;

impl Engine {
    /// New calls go by `snapshot` from now on; those that are there keep theirs. Its numbers are those of the snapshot
    /// before ([`Snapshot::compile_after`]): counts, penalties, probes and registrations of trunks that stay go on.
    pub(super) fn replace(&mut self, now: Now, snapshot: Arc<Snapshot>, out: &mut Outbox) {
        self.transactions.resize(snapshot.limits.max_transactions);
        self.supply.ports.resize(snapshot.limits.ready_ports);
        self.supply.fraud.replace(snapshot.fraud.limits());
        self.supply.health.retain(|trunk| snapshot.trunk(trunk).is_some());
        self.supply.targets.replace(&snapshot);
        self.supply.standings.retain(&snapshot);
        self.supply.admission.retain(|trunk| snapshot.trunk(trunk).is_some());
        self.snapshot = snapshot;
        if !self.draining {
            self.probes_replaced(now.instant);
            self.registrations_replaced(now, out);
        }
    }

    /// Who is probed has changed.
    pub(super) fn probes_replaced(&mut self, now: Instant) {
        self.probes.replace(&self.snapshot, &self.supply.standings, now, &mut *self.entropy);
    }
}
