//! The timers of RFC 3261 table 4 and RFC 6026, computed from the T1, T2 and T4 of a trunk.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Instant;
use crate::sip::flow::Transport;

/// RFC 3261 17.1.1.2: timer D is at least 32 s on an unreliable transport, since the T1 of the server is not known.
const TIMER_D_MINIMUM: Duration = Duration::from_secs(32);

/// How many T1 a transaction lives without news.
const LIFETIME_IN_T1: u32 = 64;

/// The three values every timer is made of: settings of a trunk, never constants in code paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerValues {
    /// Estimate of the round-trip time; first interval of every retransmission. Default 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions of non-INVITE requests and of responses to INVITE. Default 4 s.
    pub t2: Duration,
    /// Longest time a message stays in the network. Default 5 s.
    pub t4: Duration,
}

impl Default for TimerValues {
    /// RFC 3261 table 4.
    fn default() -> Self {
        TimerValues { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl TimerValues {
    /// 64*T1, saturating: timers B, F, H, J (unreliable), L and M.
    pub const fn lifetime(&self) -> Duration {
        self.t1.saturating_mul(LIFETIME_IN_T1)
    }

    /// Longest interval of timers E and G: T2, or T1 where a trunk has set T2 below it.
    pub fn longest_interval(&self) -> Duration {
        self.t2.max(self.t1)
    }

    /// Timer D: wait for repeated failure responses to INVITE. Zero on a reliable transport.
    pub fn timer_d(&self, transport: Transport) -> Duration {
        if transport.is_reliable() { Duration::ZERO } else { self.lifetime().max(TIMER_D_MINIMUM) }
    }

    /// Timer I: wait for repeated ACKs. Zero on a reliable transport.
    pub const fn timer_i(&self, transport: Transport) -> Duration {
        if transport.is_reliable() { Duration::ZERO } else { self.t4 }
    }

    /// Timer J: wait for repeated non-INVITE requests. Zero on a reliable transport.
    pub const fn timer_j(&self, transport: Transport) -> Duration {
        if transport.is_reliable() { Duration::ZERO } else { self.lifetime() }
    }

    /// Timer K: wait for repeated responses to non-INVITE. Zero on a reliable transport.
    pub const fn timer_k(&self, transport: Transport) -> Duration {
        if transport.is_reliable() { Duration::ZERO } else { self.t4 }
    }

    /// RFC 4320 4.1: when a client's timer E has grown to T2, counted from its request. 3.5 s with the default values.
    /// From then on a server says 100 to a non-INVITE request that it has not answered.
    pub fn late_trying(&self) -> Duration {
        let mut passed = Duration::ZERO;
        let mut interval = self.t1;
        while !interval.is_zero() && interval < self.t2 {
            passed = passed.saturating_add(interval);
            interval = interval.saturating_mul(2);
        }
        passed
    }
}

/// A retransmission timer (A, E, G): when it fires next, and the interval that led there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// When to send again.
    pub at: Instant,
    /// The interval that ends at `at`.
    pub interval: Duration,
}

impl Repeat {
    /// First firing after T1.
    pub fn first(now: Instant, timers: &TimerValues) -> Repeat {
        Repeat { at: now + timers.t1, interval: timers.t1 }
    }

    /// First firing after T1; `None` on a reliable transport, which repeats by itself.
    pub fn unless_reliable(now: Instant, timers: &TimerValues, transport: Transport) -> Option<Repeat> {
        if transport.is_reliable() { None } else { Some(Repeat::first(now, timers)) }
    }

    /// True when the firing is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.at <= now
    }

    /// Twice the interval, without an end: timer A. Counted from `now`, so that a late wake-up makes no burst.
    pub fn doubled(self, now: Instant) -> Repeat {
        Repeat::after(now, self.interval.saturating_mul(2))
    }

    /// Twice the interval, at most `longest`: timers E and G.
    pub fn doubled_up_to(self, now: Instant, longest: Duration) -> Repeat {
        Repeat::after(now, self.interval.saturating_mul(2).min(longest))
    }

    /// Fires once `interval` after `now`.
    pub fn after(now: Instant, interval: Duration) -> Repeat {
        Repeat { at: now + interval, interval }
    }
}

/// The earlier of a retransmission, where there is one, and the end of the state.
pub(super) fn earlier(repeat: Option<Repeat>, end: Instant) -> Instant {
    repeat.map_or(end, |repeat| repeat.at.min(end))
}
