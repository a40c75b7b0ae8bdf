//! Lines of the log that were not written. The log is the process's own, and so are its counts.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::DescriptorEncoder;

use super::rows::counters;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct LogDrops {
    /// One source wrote too many (`log.lines_per_s_per_source`).
    pub source: AtomicU64,
    /// Standard error took none for too long.
    pub sink: AtomicU64,
    /// Standard error refused them: a full disk, a pipe without a reader.
    pub failed: AtomicU64,
}

/// Those of this process.
pub static DROPS: LogDrops = LogDrops { source: AtomicU64::new(0), sink: AtomicU64::new(0), failed: AtomicU64::new(0) };

pub(super) fn rows(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let rows = [("source", &DROPS.source), ("sink", &DROPS.sink), ("failed", &DROPS.failed)];
    let rows = rows.map(|(reason, count)| ([("reason", reason.to_owned())], count.load(Ordering::Relaxed)));
    counters(encoder, "log_dropped", "Lines of the log that were not written", rows)
}
