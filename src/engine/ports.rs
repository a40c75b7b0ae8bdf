//! Port pairs the relay keeps bound for us: leased to calls without waiting, asked for in batches.

use std::collections::{BTreeMap, VecDeque};

use crate::base::ids::{NetworkId, WorkerId};
use crate::base::limits::READY_PORTS_MOST;
use crate::media::plan::{MediaCommand, PortLease};

/// The pairs ready on each network and worker.
#[derive(Debug)]
pub struct Ports {
    ready: BTreeMap<(NetworkId, WorkerId), VecDeque<PortLease>>,
    /// Pairs that a refill has been asked for and that have not come.
    asked: BTreeMap<NetworkId, usize>,
    /// Pairs kept ready for one network: `least`, or more since they went faster than the relay could bind others.
    wanted: usize,
    least: usize,
    ready_count: usize,
    leased: usize,
}

impl Ports {
    /// `wanted`: pairs to keep ready on each network (`limits.ready_ports`).
    pub const fn new(wanted: usize) -> Ports {
        Ports { ready: BTreeMap::new(), asked: BTreeMap::new(), wanted, least: wanted, ready_count: 0, leased: 0 }
    }

    /// Another number of pairs to keep ready from now on.
    pub const fn resize(&mut self, wanted: usize) {
        self.wanted = wanted;
    }

    /// The relay has bound these, or they have rested.
    pub fn add(&mut self, leases: Vec<PortLease>) {
        for lease in leases {
            if let Some(asked) = self.asked.get_mut(&lease.network) {
                *asked = asked.saturating_sub(1);
            }
            self.ready.entry((lease.network, lease.worker)).or_default().push_back(lease);
            self.ready_count += 1;
        }
    }

    /// The relay cannot bind more on this network now.
    pub fn exhausted(&mut self, network: NetworkId) {
        self.asked.remove(&network);
        // Asking for more would only cut short the rest of what calls gave back.
        self.wanted = self.least;
    }

    /// The pair that has rested longest, on `worker` or on the worker with the most ready.
    pub fn lease(&mut self, network: NetworkId, worker: Option<WorkerId>) -> Option<PortLease> {
        let worker = worker.or_else(|| self.fullest(network))?;
        let lease = self.ready.get_mut(&(network, worker))?.pop_front()?;
        self.ready_count -= 1;
        self.leased += 1;
        Some(lease)
    }

    fn fullest(&self, network: NetworkId) -> Option<WorkerId> {
        self.of(network).max_by_key(|(_, ready)| ready.len()).map(|(&(_, worker), _)| worker)
    }

    fn of(&self, network: NetworkId) -> impl Iterator<Item = (&(NetworkId, WorkerId), &VecDeque<PortLease>)> {
        self.ready.range((network, WorkerId(0))..=(network, WorkerId(u16::MAX)))
    }

    /// A pair went back to the relay, opened before or not.
    pub fn released(&mut self) {
        self.leased = self.leased.saturating_sub(1);
    }

    /// What to ask the relay for after a lease on `network`: a whole batch once fewer than half are ready.
    pub fn refill(&mut self, network: NetworkId) -> Option<MediaCommand> {
        let ready: usize = self.of(network).map(|(_, ready)| ready.len()).sum();
        let asked = self.asked.entry(network).or_default();
        if *asked > 0 && ready <= self.wanted / 4 {
            self.wanted = self.wanted.saturating_mul(2).min(READY_PORTS_MOST.max(self.least));
        }
        if ready + *asked > self.wanted / 2 {
            return None;
        }
        let count = self.wanted.saturating_sub(ready + *asked).max(1);
        *asked += count;
        Some(MediaCommand::Refill { network, count })
    }

    /// Pairs held by calls.
    pub const fn leased(&self) -> usize {
        self.leased
    }

    /// Pairs ready for use.
    pub const fn ready(&self) -> usize {
        self.ready_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETWORK: NetworkId = NetworkId(0);

    fn pair(worker: u16, rtp_port: u16) -> PortLease {
        PortLease { network: NETWORK, worker: WorkerId(worker), rtp_port }
    }

    #[test]
    fn the_pair_that_has_waited_longest_is_leased_first() {
        let mut ports = Ports::new(4);
        ports.add(vec![pair(0, 10), pair(0, 12)]);
        assert_eq!(ports.lease(NETWORK, None), Some(pair(0, 10)));
        assert_eq!((ports.leased(), ports.ready()), (1, 1));
    }

    #[test]
    fn the_second_leg_gets_a_pair_of_the_same_worker() {
        let mut ports = Ports::new(4);
        ports.add(vec![pair(0, 10), pair(1, 20), pair(1, 22)]);
        assert_eq!(ports.lease(NETWORK, Some(WorkerId(0))), Some(pair(0, 10)));
        assert_eq!(ports.lease(NETWORK, Some(WorkerId(0))), None);
    }

    #[test]
    fn a_refill_is_asked_for_once_per_shortage() {
        let mut ports = Ports::new(4);
        ports.add(vec![pair(0, 10), pair(0, 12), pair(0, 14)]);
        assert!(ports.refill(NETWORK).is_none());
        ports.lease(NETWORK, None);
        assert!(matches!(ports.refill(NETWORK), Some(MediaCommand::Refill { count: 2, .. })));
        assert!(ports.refill(NETWORK).is_none(), "the batch is on its way");
    }

    #[test]
    fn more_is_kept_ready_once_pairs_go_faster_than_they_come_until_there_are_no_more() {
        let mut ports = Ports::new(4);
        ports.add(vec![pair(0, 10), pair(0, 12), pair(0, 14)]);
        ports.lease(NETWORK, None);
        assert!(matches!(ports.refill(NETWORK), Some(MediaCommand::Refill { count: 2, .. })));
        ports.lease(NETWORK, None);
        assert!(matches!(ports.refill(NETWORK), Some(MediaCommand::Refill { count: 5, .. })), "eight are wanted now");
        ports.exhausted(NETWORK);
        assert!(matches!(ports.refill(NETWORK), Some(MediaCommand::Refill { count: 3, .. })), "four are wanted again");
    }
}
