//! A model of the relay: it hands out ports, and notices when the engine opens, closes or returns what it should not.

use std::collections::{BTreeMap, BTreeSet};

use trunkline::base::ids::{EndpointId, NetworkId, WorkerId};
use trunkline::media::plan::{EndpointCounts, EndpointPlan, MediaCommand, MediaEvent, PortLease, Protection};

/// See the module.
#[derive(Default)]
pub struct Relay {
    next_port: u16,
    open: BTreeSet<EndpointId>,
    leased: BTreeSet<(NetworkId, u16)>,
    /// Set by a scenario: no more ports.
    pub exhausted: bool,
    /// What every endpoint has counted at its end.
    pub counts: EndpointCounts,
    /// What endpoints were told to play, and how they were planned.
    pub played: Vec<MediaCommand>,
    pub plans: BTreeMap<EndpointId, EndpointPlan>,
    /// Joined endpoints, in the order given.
    pub joined: Vec<(EndpointId, EndpointId)>,
    /// Who is joined with whom now.
    partners: BTreeMap<EndpointId, EndpointId>,
    /// Worker of each open endpoint.
    workers: BTreeMap<EndpointId, WorkerId>,
}

/// Networks of the scenarios' configuration, by name: carrier, public.
const NETWORKS: u16 = 2;
/// The one whose legs are SRTP.
const PUBLIC: NetworkId = NetworkId(1);

fn is_protected(plan: &EndpointPlan) -> bool {
    matches!(plan.protection, Protection::Srtp { .. })
}

/// An endpoint that waits for checks before any answer has no keys yet, and must neither take nor send media.
fn is_wrong(plan: &EndpointPlan, network: NetworkId) -> bool {
    let only_listens = plan.remote.is_none() && !plan.flowing.send && !plan.flowing.receive;
    !only_listens && is_protected(plan) != (network == PUBLIC)
}

impl Relay {
    /// What a relay says first.
    pub fn start(&mut self) -> MediaEvent {
        self.next_port = 10_000;
        let leases = (0..NETWORKS).flat_map(|network| self.bind(NetworkId(network), 8)).collect();
        MediaEvent::Ready { leases }
    }

    /// Pairs come from two workers in turn.
    fn worker(&self) -> WorkerId {
        WorkerId(self.next_port / 2 % 2)
    }

    fn bind(&mut self, network: NetworkId, count: usize) -> Vec<PortLease> {
        (0..count)
            .map(|_| {
                self.next_port = self.next_port.wrapping_add(2).max(10_000);
                self.leased.insert((network, self.next_port));
                PortLease { network, worker: self.worker(), rtp_port: self.next_port }
            })
            .collect()
    }

    /// Obeys one order; a wrong one fails the scenario.
    pub fn obey(&mut self, command: MediaCommand, ladder: &[String]) -> Option<MediaEvent> {
        let wrong = |what: &str| -> ! { panic!("relay: {what}\n{}", ladder.join("\n")) };
        if let MediaCommand::Open { endpoint, plan, .. } | MediaCommand::Configure { endpoint, plan, .. } = &command {
            self.plans.insert(*endpoint, (**plan).clone());
        }
        match command {
            MediaCommand::Refill { network, .. } if self.exhausted => Some(MediaEvent::Exhausted { network }),
            MediaCommand::Refill { network, count } => Some(MediaEvent::Ready { leases: self.bind(network, count) }),
            MediaCommand::Return { lease } => {
                if !self.leased.contains(&(lease.network, lease.rtp_port)) {
                    wrong("given back what it never gave");
                }
                Some(MediaEvent::Ready { leases: vec![lease] })
            }
            MediaCommand::Open { endpoint, lease, plan } => {
                if is_wrong(&plan, lease.network) {
                    wrong("the wrong protection");
                }
                if !self.open.insert(endpoint) {
                    wrong("opened twice");
                }
                self.workers.insert(endpoint, lease.worker);
                None
            }
            MediaCommand::Configure { lease, plan, .. } if is_wrong(&plan, lease.network) => {
                wrong("the wrong protection")
            }
            MediaCommand::Configure { endpoint, .. } => {
                if !self.open.contains(&endpoint) {
                    wrong("configured what is not open");
                }
                None
            }
            MediaCommand::Detach { endpoint, .. } => {
                if !self.open.contains(&endpoint) {
                    wrong("parted what is not open");
                }
                self.part(endpoint);
                None
            }
            MediaCommand::PlayDigit { endpoint, .. }
            | MediaCommand::PlayTone { endpoint, .. }
            | MediaCommand::StopTone { endpoint, .. } => {
                if !self.open.contains(&endpoint) {
                    wrong("played to what is not open");
                }
                self.played.push(command);
                None
            }
            MediaCommand::Move { endpoint, lease, to } => {
                if self.workers.insert(endpoint, to) != Some(lease.worker) {
                    wrong("moved from where it is not");
                }
                self.part(endpoint);
                None
            }
            MediaCommand::Attach { a, b, worker } => {
                if let Some(what) = self.join(a, b, worker) {
                    wrong(what);
                }
                None
            }
            MediaCommand::Close { endpoint, .. } => {
                if !self.open.remove(&endpoint) {
                    wrong("closed what is not open");
                }
                self.part(endpoint);
                Some(MediaEvent::Closed { endpoint, counts: self.counts })
            }
        }
    }

    /// What is wrong with joining these, if anything is.
    fn join(&mut self, a: EndpointId, b: EndpointId, worker: WorkerId) -> Option<&'static str> {
        if !self.open.contains(&a) || !self.open.contains(&b) {
            return Some("joined what is not open");
        }
        if [a, b].iter().any(|endpoint| self.workers.get(endpoint) != Some(&worker)) {
            return Some("joined what is on another worker");
        }
        self.joined.push((a, b));
        self.part(a);
        self.part(b);
        self.partners.extend([(a, b), (b, a)]);
        None
    }

    /// The endpoint whose plan is such, of those open now.
    pub fn endpoint(&self, such: impl Fn(&EndpointPlan) -> bool) -> Option<EndpointId> {
        self.open.iter().find(|id| self.plans.get(id).is_some_and(&such)).copied()
    }

    /// What is still open at the end.
    pub fn leftovers(&self) -> Option<String> {
        (!self.open.is_empty()).then(|| format!("endpoints still open: {:?}", self.open))
    }

    fn part(&mut self, endpoint: EndpointId) {
        if let Some(partner) = self.partners.remove(&endpoint) {
            self.partners.remove(&partner);
        }
    }

    /// Whose packets reach the far end at this address: far ends of the endpoints that its endpoints are joined with.
    pub fn heard_at(&self, address: std::net::IpAddr) -> Vec<std::net::IpAddr> {
        let far = |endpoint: &EndpointId| {
            let plan = self.plans.get(endpoint).filter(|_| self.open.contains(endpoint))?;
            plan.remote.map(|remote| remote.rtp.ip())
        };
        let joined = self.partners.iter().filter(|(endpoint, _)| far(endpoint) == Some(address));
        joined.filter_map(|(_, partner)| far(partner)).collect()
    }
}
