//! Our OPTIONS to every target of every trunk: is the peer there?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::ids::{ResolveId, TrunkId};
use crate::base::timers::WakeUps;
use crate::base::{Entropy, Instant};
use crate::route::snapshot::Snapshot;

/// One target of one trunk, counted over the whole snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u32);

/// What is probed.
#[derive(Clone, Debug)]
pub struct Probe {
    pub trunk: TrunkId,
    /// Place among the trunk's targets.
    pub target: usize,
    pub name: Arc<str>,
    pub interval: Duration,
    /// Where the last question went.
    pub asked: Option<SocketAddr>,
}

/// When each target is asked next.
#[derive(Debug, Default)]
pub struct Probes {
    probes: BTreeMap<ProbeId, Probe>,
    wake_ups: WakeUps<ProbeId>,
    resolving: BTreeMap<ResolveId, ProbeId>,
    next_id: u32,
}

/// The most that the first probe waits: peers learn of us soon after a start, and not all in one burst.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

impl Probes {
    /// Probes the targets of `snapshot` instead of what was probed before.
    pub fn replace(&mut self, snapshot: &Snapshot, now: Instant, entropy: &mut dyn Entropy) {
        self.probes.clear();
        self.wake_ups = WakeUps::default();
        self.resolving.clear();
        for trunk in snapshot.trunks.iter().filter(|trunk| !trunk.options.interval.is_zero()) {
            for (target, spec) in trunk.targets.iter().enumerate() {
                let id = ProbeId(self.next_id);
                self.next_id += 1;
                let first = trunk.options.interval.min(FIRST_WITHIN);
                self.wake_ups.set(id, Some(now + jitter(first, entropy)));
                let probe = Probe {
                    trunk: trunk.id,
                    target,
                    name: Arc::clone(&spec.host),
                    interval: trunk.options.interval,
                    asked: None,
                };
                self.probes.insert(id, probe);
            }
        }
    }

    /// The next target that is due; its next turn is set, up to a tenth earlier than the interval.
    pub fn due(&mut self, now: Instant, entropy: &mut dyn Entropy) -> Option<(ProbeId, Probe)> {
        let id = self.wake_ups.pop_due(now)?;
        let probe = self.probes.get(&id)?.clone();
        let pause = probe.interval - jitter(probe.interval / 10, entropy);
        self.wake_ups.set(id, Some(now + pause));
        Some((id, probe))
    }

    pub fn probe(&self, id: ProbeId) -> Option<&Probe> {
        self.probes.get(&id)
    }

    /// The question went to this address.
    pub fn asked(&mut self, id: ProbeId, address: SocketAddr) {
        if let Some(probe) = self.probes.get_mut(&id) {
            probe.asked = Some(address);
        }
    }

    /// The name of a target is being asked for.
    pub fn resolving(&mut self, question: ResolveId, id: ProbeId) {
        self.resolving.insert(question, id);
    }

    /// The answer came; `None` when no probe asked.
    pub fn resolved(&mut self, question: ResolveId) -> Option<ProbeId> {
        self.resolving.remove(&question)
    }

    /// Stops probing (drain).
    pub fn stop(&mut self) {
        self.wake_ups = WakeUps::default();
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.wake_ups.next()
    }
}

fn jitter(within: Duration, entropy: &mut dyn Entropy) -> Duration {
    let nanos = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(entropy.below(nanos.max(1)))
}

/// Where a probe goes when the target is an address.
pub fn literal(trunk: &crate::route::trunk::Trunk, target: usize) -> Option<SocketAddr> {
    let spec = trunk.targets.get(target)?;
    Some(SocketAddr::new(spec.address?, spec.port.unwrap_or(trunk.transport.default_port())))
}
