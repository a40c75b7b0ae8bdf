//! Media ports before the first call: nothing is read from the network until the relay has bound some on every
//! network, or the first callers after a start would be refused for want of ports.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::base::ids::NetworkId;
use crate::media::plan::MediaEvent;

/// How long a start waits for one network. Then the daemon serves all the same: everything but media works.
const PATIENCE: Duration = Duration::from_secs(5);
/// Announcements that may wait to be read, for each network.
const ANNOUNCEMENTS: usize = 64;

/// Waits for the first ports of every network.
#[derive(Debug)]
pub struct FirstPorts {
    missing: BTreeSet<NetworkId>,
    announced: Receiver<NetworkId>,
}

/// The relay's side of [`FirstPorts`].
#[derive(Clone, Debug)]
pub struct Announcer(SyncSender<NetworkId>);

impl FirstPorts {
    /// For these networks.
    pub fn of(networks: impl IntoIterator<Item = NetworkId>) -> (FirstPorts, Announcer) {
        let missing: BTreeSet<NetworkId> = networks.into_iter().collect();
        let (sender, announced) = sync_channel(missing.len().saturating_mul(ANNOUNCEMENTS).max(1));
        (FirstPorts { missing, announced }, Announcer(sender))
    }

    /// Returns when every network has had its first ports, or has none to give, or patience is over.
    pub fn wait(self) {
        let networks = self.missing();
        if networks > 0 {
            tracing::warn!(networks, "no media port is ready yet");
        }
    }

    /// How many networks are still without when nothing more is waited for.
    fn missing(mut self) -> usize {
        while !self.missing.is_empty()
            && let Ok(network) = self.announced.recv_timeout(PATIENCE)
        {
            self.missing.remove(&network);
        }
        self.missing.len()
    }
}

impl Announcer {
    /// Announces a network. Never waits.
    pub fn announce(&self, network: NetworkId) {
        // A full channel has enough to read; a forgotten one has nobody who waits any more.
        let _ = self.0.try_send(network);
    }
}

/// The network whose ports an event tells of.
pub fn told(event: &MediaEvent) -> Option<NetworkId> {
    match event {
        MediaEvent::Ready { leases } => leases.first().map(|lease| lease.network),
        MediaEvent::Exhausted { network } => Some(*network),
        MediaEvent::FirstPacket { .. }
        | MediaEvent::Digit { .. }
        | MediaEvent::Silent { .. }
        | MediaEvent::Heard { .. }
        | MediaEvent::Closed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::WorkerId;
    use crate::media::plan::PortLease;

    #[test]
    fn the_wait_is_over_when_every_network_has_ports_or_none_to_give() {
        let (first, announcer) = FirstPorts::of([NetworkId(1), NetworkId(2)]);
        let lease = PortLease { network: NetworkId(1), worker: WorkerId(0), rtp_port: 10_000 };
        let events = [MediaEvent::Ready { leases: vec![lease] }, MediaEvent::Exhausted { network: NetworkId(2) }];
        events.iter().filter_map(told).for_each(|network| announcer.announce(network));
        assert_eq!(first.missing(), 0);
    }

    #[test]
    fn a_network_whose_relay_is_gone_is_told_as_missing() {
        let (first, announcer) = FirstPorts::of([NetworkId(1), NetworkId(2)]);
        announcer.announce(NetworkId(1));
        drop(announcer);
        assert_eq!(first.missing(), 1);
    }

    #[test]
    fn nothing_waits_for_an_announcement_that_nobody_reads() {
        let (first, announcer) = FirstPorts::of([NetworkId(1)]);
        (0..1000).for_each(|_| announcer.announce(NetworkId(1)));
        drop(first);
        announcer.announce(NetworkId(1));
    }
}
