//! How full every table of the engine is. Whoever steers the engine publishes after each round; a scrape reads.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::engine::io::Gauges;

/// The last [`Gauges`] of the engine, readable from any thread.
#[derive(Debug, Default)]
pub struct GaugeBoard {
    transactions: AtomicUsize,
    dialogs: AtomicUsize,
    calls: AtomicUsize,
    streams: AtomicUsize,
    ports_leased: AtomicUsize,
    ports_ready: AtomicUsize,
    media_wait_us: AtomicU64,
}

impl GaugeBoard {
    /// Replaces the values.
    pub fn publish(&self, gauges: &Gauges) {
        self.transactions.store(gauges.transactions, Ordering::Relaxed);
        self.dialogs.store(gauges.dialogs, Ordering::Relaxed);
        self.calls.store(gauges.calls, Ordering::Relaxed);
        self.streams.store(gauges.streams, Ordering::Relaxed);
        self.ports_leased.store(gauges.ports_leased, Ordering::Relaxed);
        self.ports_ready.store(gauges.ports_ready, Ordering::Relaxed);
        let wait = u64::try_from(gauges.media_wait.as_micros()).unwrap_or(u64::MAX);
        self.media_wait_us.store(wait, Ordering::Relaxed);
    }

    /// Reads the values back. Each is right for itself; together they may be of two rounds.
    pub fn read(&self) -> Gauges {
        Gauges {
            transactions: self.transactions.load(Ordering::Relaxed),
            dialogs: self.dialogs.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            streams: self.streams.load(Ordering::Relaxed),
            ports_leased: self.ports_leased.load(Ordering::Relaxed),
            ports_ready: self.ports_ready.load(Ordering::Relaxed),
            media_wait: Duration::from_micros(self.media_wait_us.load(Ordering::Relaxed)),
        }
    }
}
