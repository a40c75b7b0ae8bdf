//! What one worker counts, written by it alone and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::media::verdict::DropReason;
use crate::relay::lateness::LongestWait;

const REASONS: usize = DropReason::ALL.len();

/// One worker's counters.
#[derive(Debug)]
pub struct WorkerCounters {
    pub rtp_received: Counter,
    pub rtp_sent: Counter,
    pub rtcp_received: Counter,
    pub rtcp_sent: Counter,
    pub stun_answered: Counter,
    pub ports_bound: Counter,
    pub ports_ready: Counter,
    pub ports_leased: Counter,
    pub ports_resting: Counter,
    pub rests_cut_short: Counter,
    pub misfits: Counter,
    pub longest_wait: LongestWait,
    drops: [Counter; REASONS],
}

/// The sum over all workers. Packets are counted since the start; ports are as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayCounters {
    /// Packets read from RTP ports, whatever became of them.
    pub rtp_received: u64,
    /// Packets sent from RTP ports.
    pub rtp_sent: u64,
    pub rtcp_received: u64,
    pub rtcp_sent: u64,
    /// Connectivity checks answered.
    pub stun_answered: u64,
    /// Label and count of every reason, in the order of [`DropReason::ALL`]. Empty without a worker.
    pub drops: Vec<(&'static str, u64)>,
    /// Pairs bound: ready, leased and resting.
    pub ports_bound: u64,
    /// Pairs announced and not open.
    pub ports_ready: u64,
    /// Pairs with an open endpoint.
    pub ports_leased: u64,
    pub ports_resting: u64,
    /// Rests ended early because no other port was left.
    pub rests_cut_short: u64,
    /// Commands refused because a worker's queue was full.
    pub commands_refused: u64,
    /// Commands for an endpoint or a port that is not what they take it for.
    pub commands_misfit: u64,
}

/// A number with one writer: no locked instruction is needed to add.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one. Only the worker's own thread calls this.
    pub fn add(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Sets a gauge. Only the worker's own thread calls this.
    pub fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for WorkerCounters {
    fn default() -> Self {
        let zero = Counter::default;
        WorkerCounters {
            rtp_received: zero(),
            rtp_sent: zero(),
            rtcp_received: zero(),
            rtcp_sent: zero(),
            stun_answered: zero(),
            ports_bound: zero(),
            ports_ready: zero(),
            ports_leased: zero(),
            ports_resting: zero(),
            rests_cut_short: zero(),
            misfits: zero(),
            longest_wait: LongestWait::default(),
            drops: std::array::from_fn(|_| zero()),
        }
    }
}

impl WorkerCounters {
    /// Counts a packet that went no further.
    pub fn dropped(&self, reason: DropReason) {
        if let Some(counter) = self.drops.get(reason.index()) {
            counter.add();
        }
    }

    /// Adds this worker's numbers to a sum.
    pub fn add_to(&self, sum: &mut RelayCounters) {
        sum.rtp_received += self.rtp_received.value();
        sum.rtp_sent += self.rtp_sent.value();
        sum.rtcp_received += self.rtcp_received.value();
        sum.rtcp_sent += self.rtcp_sent.value();
        sum.stun_answered += self.stun_answered.value();
        sum.ports_bound += self.ports_bound.value();
        sum.ports_ready += self.ports_ready.value();
        sum.ports_leased += self.ports_leased.value();
        sum.ports_resting += self.ports_resting.value();
        sum.rests_cut_short += self.rests_cut_short.value();
        sum.commands_misfit += self.misfits.value();
        sum.drops.resize(REASONS, ("", 0));
        for ((reason, counter), (label, count)) in DropReason::ALL.iter().zip(&self.drops).zip(&mut sum.drops) {
            *label = reason.label();
            *count += counter.value();
        }
    }
}

impl RelayCounters {
    /// Packets dropped for one reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason.index()).map_or(0, |(_, count)| *count)
    }
}
