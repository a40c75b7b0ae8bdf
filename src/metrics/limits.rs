//! What the process may hold, beside what it holds: limits, ports, our certificates, and the process itself.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use prometheus_client::encoding::DescriptorEncoder;

use super::memory;
use super::rows::{counters, float, gauge, gauges, signed};
use crate::base::bounds::Bound;
use crate::base::limits::Limits;

/// Values that change with the configuration alone.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    pub limits: Limits,
    /// Pairs of media ports each network has.
    pub ports: Vec<(String, usize)>,
}

/// Our certificates by their key in `[certificates]`, and when each ends, seconds since 1970.
pub type Expiries = Vec<(String, i64)>;

/// Limits by their key in `[limits]`, so that a rule can compare a table with its limit.
pub(super) fn bounds(encoder: &mut DescriptorEncoder<'_>, bounds: &Bounds) -> fmt::Result {
    let held = &bounds.limits;
    let limits = [
        ("max_calls", held.max_calls),
        ("max_transactions", held.max_transactions),
        ("max_connections", held.max_connections),
        ("inbox_new", held.inbox_new),
        ("inbox_established", held.inbox_established),
        ("record_octets", held.record_octets),
        ("ready_ports", held.ready_ports),
    ];
    let limits = limits.map(|(name, value)| ([("limit", name.to_owned())], value));
    gauges(encoder, "limit", "What the process may hold, by key of [limits]", limits)?;
    if let Some(octets) = memory::ceiling(held.memory_mb).and_then(|octets| usize::try_from(octets).ok()) {
        gauge(encoder, "memory_ceiling_octets", "At nine tenths of this memory new calls get 503", octets)?;
    }
    let ports = bounds.ports.iter().map(|(network, pairs)| ([("network", network.clone())], *pairs));
    gauges(encoder, "ports_configured", "Pairs of media ports in rtp_ports", ports)
}

/// How often limits were reached that no other counter has.
pub(super) fn reached(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let rows = Bound::ALL.iter().map(|bound| ([("limit", bound.label().to_owned())], bound.count()));
    let help = "What found no room or was not read, by limit (docs/limits.md says what becomes of it)";
    counters(encoder, "limit_reached", help, rows)
}

/// When our certificates end.
pub(super) fn certificates(encoder: &mut DescriptorEncoder<'_>, expiries: Expiries) -> fmt::Result {
    let rows = expiries.into_iter().map(|(name, seconds)| ([("certificate", name)], seconds));
    let help = "When a certificate of ours ends, seconds since 1970: minus time() is how long it still holds";
    signed(encoder, "certificate_expiry_seconds", help, rows)
}

/// Memory, processor time and descriptors of the process, as Linux tells them. What cannot be read is left out.
pub(super) fn process(encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse().ok());
    if let Some(kib) = resident.and_then(|kib: usize| kib.checked_mul(1024)) {
        gauge(encoder, "process_resident_octets", "Memory of the process", kib)?;
    }
    if let Some(octets) = memory::held().and_then(|octets| usize::try_from(octets).ok()) {
        gauge(
            encoder,
            "memory_held_octets",
            "Memory of the process that is no file's: what the ceiling is for",
            octets,
        )?;
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        gauge(encoder, "process_open_descriptors", "Descriptors in use", entries.count())?;
    }
    match processor_seconds() {
        Some(seconds) => float(encoder, "process_processor_seconds", "Processor time used since the start", seconds),
        None => Ok(()),
    }
}

/// Room on the disks of our folders. What cannot be asked is left out.
pub(super) fn disks(encoder: &mut DescriptorEncoder<'_>, folders: &[(&'static str, PathBuf)]) -> fmt::Result {
    let rows = folders.iter().filter_map(|(holds, folder)| {
        let disk = rustix::fs::statvfs(folder).ok()?;
        let octets = |blocks: u64| usize::try_from(blocks.saturating_mul(disk.f_frsize)).unwrap_or(usize::MAX);
        let row = |state: &str, blocks| ([("holds", (*holds).to_owned()), ("room", state.to_owned())], octets(blocks));
        Some([row("all", disk.f_blocks), row("free", disk.f_bavail)])
    });
    gauges(
        encoder,
        "disk_octets",
        "The disk below a folder of ours: all of it, and what we may still take",
        rows.flatten(),
    )
}

/// Fields 14 and 15 of proc(5) stat, after the name in brackets.
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok());
    let in_a_second = rustix::param::clock_ticks_per_second();
    Some((ticks(11)? + ticks(12)?) / in_a_second as f64)
}
