//! A traced call as JSON, as text, and as a capture.

use std::fmt::Write;

use serde_json::{Value, json};

use super::changes::{Change, changes};
use super::{Standing, Traced, ladder, pcap};
use crate::base::text::Escaped;
use crate::net::counters::Direction;
use crate::route::snapshot::Snapshot;
use crate::store::wall;

/// Octets shown of a header's value.
const VALUE: usize = 200;

/// Everything, for programs. Text from outside is escaped by JSON; octets that are no UTF-8 are replaced.
pub fn json(traced: &Traced, snapshot: &Snapshot) -> Value {
    let record = &traced.record;
    let messages = traced.messages.iter().map(|message| {
        json!({
            "at": wall::text(message.at),
            "direction": match message.direction { Direction::Received => "received", Direction::Sent => "sent" },
            "side": message.side,
            "transport": message.transport.uri_token(),
            "local": message.local.to_string(),
            "remote": message.remote.to_string(),
            "text": String::from_utf8_lossy(&message.octets),
        })
    });
    let change = |change: Change| json!({ "header": change.header, "came": change.came, "went": change.went, "rule": change.rule });
    json!({
        "call": record.id.0.to_string(),
        "state": match traced.standing { Standing::Active => "active", Standing::Over => "over" },
        "from": record.from,
        "to": record.to,
        "account": record.account,
        "calling": record.calling,
        "called": record.called,
        "started": wall::text(record.started),
        "cause": (traced.standing == Standing::Over).then(|| record.cause.label()),
        "cut": traced.is_cut,
        "messages": messages.collect::<Vec<_>>(),
        "changes": changes(traced, snapshot).into_iter().map(change).collect::<Vec<_>>(),
    })
}

/// Ladder, and the rule behind each difference of both INVITEs.
pub fn text(traced: &Traced, snapshot: &Snapshot) -> String {
    let mut out = ladder::ladder(traced);
    let changes = changes(traced, snapshot);
    if !changes.is_empty() {
        out.push_str("\nour INVITE and the one that came, and the rule behind each difference:\n");
    }
    let shown = |value: &Option<String>| match value {
        Some(value) => Escaped::limited(value.as_bytes(), VALUE).to_string(),
        None => "-".to_owned(),
    };
    for change in changes {
        let header = Escaped::limited(change.header.as_bytes(), VALUE);
        let (came, went) = (shown(&change.came), shown(&change.went));
        // Writing to a string never fails.
        let _ = match came == went {
            true => writeln!(out, "  {header}: {went}\n      {}", change.rule),
            false => writeln!(out, "  {header}: {came} => {went}\n      {}", change.rule),
        };
    }
    out
}

/// The capture, in hexadecimal.
pub fn capture(traced: &Traced) -> String {
    let octets = pcap::file(&traced.messages);
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing to a string never fails.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
