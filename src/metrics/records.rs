//! Call records on their way to the disk.

use std::fmt;
use std::sync::atomic::Ordering;

use prometheus_client::encoding::DescriptorEncoder;

use super::rows::{counter, gauge};
use crate::cdr::Records;

/// How many wait, were written and were lost, and how the disk does.
pub(super) fn rows(encoder: &mut DescriptorEncoder<'_>, records: &Records) -> fmt::Result {
    let (waiting, octets) = records.waiting();
    let counters = records.counters();
    gauge(encoder, "records_waiting", "Call records in memory that are not on the disk", waiting)?;
    gauge(encoder, "records_waiting_octets", "What they take in memory", octets)?;
    let refuses = usize::from(counters.disk_refuses.load(Ordering::Relaxed));
    gauge(encoder, "records_disk_refuses", "1: the disk takes no call records", refuses)?;
    let stuck = usize::from(counters.database_refuses.load(Ordering::Relaxed));
    gauge(encoder, "records_database_refuses", "1: SQLite takes no call records, the spool keeps them", stuck)?;
    let full = usize::from(counters.room_is_full.load(Ordering::Relaxed));
    gauge(encoder, "records_room_full", "1: new calls are refused for want of room for their records", full)?;
    let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    counter(encoder, "records_written", "Call records on the disk", read(&counters.written))?;
    counter(encoder, "records_dropped", "Call records lost for want of room", read(&counters.dropped))?;
    counter(encoder, "record_write_failures", "Writes of call records that failed", read(&counters.failures))?;
    counter(encoder, "record_rows_stored", "Rows of call records brought to SQLite", read(&counters.stored))
}
