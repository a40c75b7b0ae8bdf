//! Our OPTIONS to every target of every trunk: is the peer there?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::ids::{ResolveId, TrunkId};
use crate::base::timers::WakeUps;
use crate::base::{Entropy, Instant};
use crate::route::health::TargetId;
use crate::route::liveness::TargetState;
use crate::route::snapshot::Snapshot;
use crate::route::standing::Standing;
use crate::route::trunk::{ProbeSettings, TargetSpec, Trunk, target_name};
use crate::transaction::Branch;

use super::standings::Standings;

/// One target of one trunk, counted over the whole snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u32);

/// What is probed.
#[derive(Clone, Debug)]
pub struct Probe {
    pub trunk: TrunkId,
    pub target: TargetId,
    pub name: Arc<str>,
    port: Option<u16>,
    settings: ProbeSettings,
    /// Where the last question went.
    pub asked: Option<SocketAddr>,
    /// And when.
    pub asked_at: Instant,
    /// A question is out: until when its answer is waited for, and its transaction once it has one.
    open: Option<(Instant, Option<Branch>)>,
    /// When it is asked again.
    next: Instant,
}

impl Probe {
    /// The same target, asked as often.
    fn is_for(&self, trunk: &Trunk, spec: &TargetSpec) -> bool {
        self.name == target_name(&trunk.targets, spec)
            && self.port == spec.port
            && self.settings.interval == trunk.options.interval
    }
}

/// What a probe's deadline asks for.
#[derive(Clone, Debug)]
pub enum Due {
    /// It is this target's turn.
    Ask(Probe),
    /// No answer came in time; the transaction that waited for it, if there is one.
    Overdue(Option<Branch>),
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
    /// Probes the targets of `snapshot` instead of what was probed before. A target that stays is asked when it is its
    /// turn, and a question that is out is answered: a new configuration is no reason to ask everybody at once.
    pub fn replace(&mut self, snapshot: &Snapshot, standings: &Standings, now: Instant, entropy: &mut dyn Entropy) {
        let before = std::mem::take(&mut self.probes);
        let places = before.into_iter().map(|(id, probe)| ((probe.trunk, probe.target), (id, probe)));
        let mut known: BTreeMap<(TrunkId, TargetId), (ProbeId, Probe)> = places.collect();
        let is_probed =
            |trunk: &&Arc<Trunk>| !trunk.options.interval.is_zero() && standings.of(trunk.id) == Standing::Enabled;
        for trunk in snapshot.trunks.iter().filter(is_probed) {
            for (place, spec) in (0_u16..).zip(&trunk.targets) {
                let place = (trunk.id, TargetId(place));
                let same = known.get(&place).is_some_and(|(_, probe)| probe.is_for(trunk, spec));
                let (id, probe) = match known.remove(&place).filter(|_| same) {
                    Some((id, probe)) => (id, Probe { settings: trunk.options.clone(), ..probe }),
                    None => self.begin(trunk, place.1, spec, now, entropy),
                };
                self.probes.insert(id, probe);
            }
        }
        self.wake_ups.retain(|id| self.probes.contains_key(id));
        self.resolving.retain(|_, id| self.probes.contains_key(id));
    }

    fn begin(
        &mut self,
        trunk: &Trunk,
        target: TargetId,
        spec: &TargetSpec,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> (ProbeId, Probe) {
        let id = ProbeId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let next = now + jitter(trunk.options.interval.min(FIRST_WITHIN), entropy);
        self.wake_ups.set(id, Some(next));
        let probe = Probe {
            trunk: trunk.id,
            target,
            name: target_name(&trunk.targets, spec),
            port: spec.port,
            settings: trunk.options.clone(),
            asked: None,
            asked_at: now,
            open: None,
            next,
        };
        (id, probe)
    }

    /// The next target that is due; its next turn is set, up to a tenth earlier than the interval.
    pub fn due(&mut self, now: Instant, entropy: &mut dyn Entropy) -> Option<(ProbeId, Due)> {
        let id = self.wake_ups.pop_due(now)?;
        let probe = self.probes.get_mut(&id)?;
        if let Some((_, branch)) = probe.open.take_if(|(until, _)| *until <= now) {
            self.wake_ups.set(id, Some(probe.next));
            return Some((id, Due::Overdue(branch)));
        }
        probe.next = now + early(probe.settings.interval, entropy);
        probe.open = Some((now + probe.settings.timeout, None));
        let asked = probe.clone();
        self.set_wake_up(id);
        Some((id, Due::Ask(asked)))
    }

    /// Nothing is asked while a question is out: replaced by the next it would never be overdue, and nobody would learn
    /// of the silence.
    fn set_wake_up(&mut self, id: ProbeId) {
        let at = |probe: &Probe| probe.open.as_ref().map_or(probe.next, |(until, _)| *until);
        self.wake_ups.set(id, self.probes.get(&id).map(at));
    }

    /// True for what was learned while its question was open, which it now is no more; late news of an earlier question
    /// are no news of this one.
    pub fn close(&mut self, id: ProbeId) -> bool {
        let open = self.probes.get_mut(&id).and_then(|probe| probe.open.take());
        self.set_wake_up(id);
        open.is_some()
    }

    /// What was found: a target that is not up is asked again soon (PF-155), but not before `until`.
    pub fn found(
        &mut self,
        id: ProbeId,
        state: TargetState,
        until: Option<Instant>,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) {
        let Some(probe) = self.probes.get_mut(&id) else { return };
        match state {
            TargetState::Up | TargetState::Unknown => {}
            TargetState::Suspect | TargetState::Down => {
                let soon = now + early(probe.settings.retry.min(probe.settings.interval), entropy);
                probe.next = until.map_or(soon, |until| until.max(soon));
            }
        }
        self.set_wake_up(id);
    }

    /// A call found this target silent: it is asked within a second, so that its next answer tells that it is back.
    pub fn hurry(&mut self, trunk: TrunkId, target: TargetId, now: Instant, entropy: &mut dyn Entropy) {
        let is_it = |probe: &Probe| probe.trunk == trunk && probe.target == target && probe.open.is_none();
        let found = self.probes.iter_mut().find(|(_, probe)| is_it(probe));
        let Some((&id, probe)) = found else { return };
        probe.next = probe.next.min(now + jitter(FIRST_WITHIN, entropy));
        self.set_wake_up(id);
    }

    pub fn probe(&self, id: ProbeId) -> Option<&Probe> {
        self.probes.get(&id)
    }

    /// The question went to this address in this transaction.
    pub fn asked(&mut self, id: ProbeId, address: SocketAddr, branch: Branch, now: Instant) {
        if let Some(probe) = self.probes.get_mut(&id) {
            (probe.asked, probe.asked_at) = (Some(address), now);
            if let Some((_, transaction)) = &mut probe.open {
                *transaction = Some(branch);
            }
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

/// Up to a tenth earlier (PF-155).
fn early(interval: Duration, entropy: &mut dyn Entropy) -> Duration {
    interval - jitter(interval / 10, entropy)
}

/// A target of a trunk.
pub fn spec(trunk: &Trunk, target: TargetId) -> Option<&TargetSpec> {
    trunk.targets.get(usize::from(target.0))
}

/// Where a probe goes when the target is an address.
pub fn literal(trunk: &Trunk, target: TargetId) -> Option<SocketAddr> {
    let spec = spec(trunk, target)?;
    Some(SocketAddr::new(spec.address?, spec.port.unwrap_or(trunk.transport.default_port())))
}
