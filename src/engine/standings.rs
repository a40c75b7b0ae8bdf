//! Trunks that an operator has taken out of service.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::Now;
use crate::base::ids::TrunkId;
use crate::route::snapshot::Snapshot;
use crate::route::standing::Standing;

use super::Engine;
use super::io::{Event, Outbox, Output, Reply};

/// See the module. At most one entry for each trunk there is.
#[derive(Debug, Default)]
pub(super) struct Standings(BTreeMap<TrunkId, Standing>);

impl Standings {
    /// What holds for a trunk.
    pub fn of(&self, trunk: TrunkId) -> Standing {
        self.0.get(&trunk).copied().unwrap_or_default()
    }

    /// What was ordered of trunks that are no more is forgotten.
    pub fn retain(&mut self, snapshot: &Snapshot) {
        self.0.retain(|trunk, _| snapshot.trunk(*trunk).is_some());
    }

    /// False when it held already.
    fn order(&mut self, trunk: TrunkId, standing: Standing) -> bool {
        let before = match standing {
            Standing::Enabled => self.0.remove(&trunk),
            Standing::Draining | Standing::Disabled => self.0.insert(trunk, standing),
        };
        before.unwrap_or_default() != standing
    }
}

impl Engine {
    /// An operator's order. A node that drains starts nothing again.
    pub(super) fn stand(&mut self, now: Now, name: &str, standing: Standing, out: &mut Outbox) -> Reply {
        let Some(trunk) = self.snapshot.trunk_named(name).cloned() else { return Reply::NoSuchTrunk };
        if self.supply.standings.order(trunk.id, standing) {
            if !self.draining {
                self.probes_replaced(now.instant);
                self.registration_stands(now, trunk.id, standing, out);
            }
            out.push(Output::Event(Event::Stands { trunk: Arc::clone(&trunk.name), standing }));
        }
        Reply::Done
    }
}
