//! Whom the gate keeps out: offences, bans, what was turned away, and the tools that knock.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::DescriptorEncoder;

use super::rows::{counters, gauge};
use crate::net::Counters;
use crate::net::counters::{Tally, TurnedAway, label};
use crate::net::guard::{Gate, Offence};

/// Writes the families. Every reason is there from the start.
pub(super) fn rows(encoder: &mut DescriptorEncoder<'_>, net: &Counters, gate: &Arc<Gate>) -> fmt::Result {
    let offences = "What strangers and peers did that brings a stranger nearer to a ban";
    counters(encoder, "offences", offences, all("offence", Offence::ALL, &net.offences))?;
    counters(encoder, "source_bans", "Sources banned, by what brought it", all("why", Offence::ALL, &net.bans))?;
    let turned = "Messages turned away before the engine saw them";
    counters(encoder, "turned_away", turned, all("reason", TurnedAway::ALL, &net.turned_away))?;
    gauge(encoder, "banned_sources", "Sources banned now", gate.bans().len())?;
    gauge(encoder, "remembered_sources", "Strangers remembered", gate.remembered())
}

/// Every row of a tally, those at zero too: what a rule counts must be there before it grows.
pub(super) fn all<K: Copy + Eq + std::hash::Hash + fmt::Debug, const N: usize>(
    name: &'static str,
    keys: [K; N],
    tally: &Tally<K>,
) -> [([(&'static str, String); 1], u64); N] {
    keys.map(|key| ([(name, label(&key))], tally.count(key)))
}
