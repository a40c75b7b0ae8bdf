//! A call's messages as a ladder for people.

use std::fmt::Write;

use super::{Message, Standing, Traced};
use crate::base::text::Escaped;
use crate::call::Side;
use crate::net::counters::Direction;
use crate::sip::flow::Transport;
use crate::store::wall;

/// Characters between two of the three lines.
const WIDTH: usize = 34;
/// Octets shown of a start line's text.
const SHOWN: usize = 28;

/// The ladder. Text from outside is escaped.
pub fn ladder(traced: &Traced) -> String {
    let record = &traced.record;
    let mut out = String::new();
    let end = match traced.standing {
        Standing::Active => "goes on".to_owned(),
        Standing::Over => format!("over: {} ({})", record.cause.label(), record.cause.text()),
    };
    let to = record.to.as_deref().unwrap_or("nobody");
    // Writing to a string never fails.
    let _ = writeln!(out, "call {}  {} -> {to}  {}", record.id.0, record.from, end);
    let (calling, called) = (Escaped::new(record.calling.as_bytes()), Escaped::new(record.called.as_bytes()));
    let _ = writeln!(out, "{calling} -> {called}  {}", wall::text(record.started));
    if traced.is_cut {
        out.push_str("its beginning is no longer in the ring: raise trace.octets to keep more\n");
    }
    let _ = writeln!(out, "\n{:12}  {:<WIDTH$} {:^11} {:>WIDTH$}", "", "caller", "trunkline", "callee");
    traced.messages.iter().for_each(|message| rung(message, &mut out));
    if traced.messages.is_empty() {
        out.push_str("no message of it is in the ring\n");
    }
    out
}

fn rung(message: &Message, out: &mut String) {
    let time = wall::text(message.at);
    let clock = time.get(11..23).unwrap_or(&time);
    let text = start(message);
    let received = message.direction == Direction::Received;
    let (left, right) = match message.side {
        Some(Side::Caller) => (arrow(&text, received), " ".repeat(WIDTH)),
        Some(Side::Callee) | None => (" ".repeat(WIDTH), arrow(&text, !received)),
    };
    let mark = if message.side.is_none() { " (new party)" } else { "" };
    let _ = writeln!(out, "{clock}  |{left}|         |{right}|{mark}");
}

/// An arrow to the right or to the left, with its text in the middle.
fn arrow(text: &str, to_the_right: bool) -> String {
    let room = WIDTH.saturating_sub(text.chars().count() + 2);
    let (before, after) = ("-".repeat(room / 2), "-".repeat(room - room / 2));
    let line = format!("{before} {text} {after}");
    let inner: String = line.chars().take(WIDTH).collect();
    match to_the_right {
        true => inner.chars().take(WIDTH - 1).chain(['>']).collect(),
        false => ['<'].into_iter().chain(inner.chars().skip(1)).collect(),
    }
}

/// Method or status, and the transport where it is not UDP.
fn start(message: &Message) -> String {
    let line = message.octets.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
    let word = match line.strip_prefix(b"SIP/2.0 ") {
        Some(status) => status,
        None => line.split(|octet| *octet == b' ').next().unwrap_or_default(),
    };
    let sdp = if memchr::memmem::find(&message.octets, b"\r\n\r\nv=0").is_some() { " +sdp" } else { "" };
    let over = match message.transport {
        Transport::Udp => "",
        Transport::Tcp => " tcp",
        Transport::Tls => " tls",
    };
    format!("{}{sdp}{over}", Escaped::limited(word, SHOWN.saturating_sub(9)))
}
