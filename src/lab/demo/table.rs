//! The demo's last page: ladders, figures and verdicts, for a person.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use super::outcome::{CallOutcome, LegOutcome};
use super::stage::PLATFORM_AGENT;
use crate::lab::ladder::{Entry, Way};

const LANE: usize = 32;

/// Colours, when a terminal shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Colour,
    Plain,
}

impl Paint {
    /// Colours on a terminal, unless `NO_COLOR` is set (no-color.org).
    #[must_use]
    pub fn of_stdout() -> Paint {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !refused { Paint::Colour } else { Paint::Plain }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Paint::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
            Paint::Plain => text.to_owned(),
        }
    }

    fn verdict(self, passed: bool) -> String {
        if passed { self.wrap("1;32", "PASS") } else { self.wrap("1;31", "FAIL") }
    }

    fn head(self, text: &str) -> String {
        self.wrap("1", text)
    }
}

/// One call.
#[must_use]
pub fn call(outcome: &CallOutcome, paint: Paint) -> String {
    let mut out = String::new();
    let padded = format!("Call {:<86}", outcome.title);
    let _ = writeln!(out, "{} {}", paint.head(&padded), paint.verdict(outcome.findings.is_empty()));
    ladder(&mut out, &outcome.legs);
    if let Some(delay) = outcome.post_dial_delay() {
        let _ = writeln!(out, "  post-dial delay {:.1} ms", delay.as_secs_f64() * 1_000.0);
    }
    match outcome.legs.as_slice() {
        [caller, called] if caller.report.sent + called.report.sent > 0 => media(&mut out, caller, called),
        _ => {}
    }
    for finding in &outcome.findings {
        let _ = writeln!(out, "  {} {finding}", paint.wrap("31", "!"));
    }
    out
}

fn ladder(out: &mut String, legs: &[LegOutcome]) {
    let mut lines: Vec<(usize, &Entry)> =
        legs.iter().enumerate().flat_map(|(lane, leg)| leg.ladder.iter().map(move |entry| (lane, entry))).collect();
    lines.sort_by_key(|(_, entry)| entry.at);
    let Some(began) = lines.first().map(|(_, entry)| entry.at) else { return };
    let name = |lane: usize| legs.get(lane).map(|leg| end_name(leg.agent)).unwrap_or_default();
    let _ = writeln!(out, "  {:>8}  {:<LANE$}{:^11}{:>LANE$}", "seconds", name(0), "Trunkline", name(1));
    for (lane, entry) in lines.iter().filter(|(_, entry)| !entry.repeated) {
        let _ = writeln!(out, "  {:>8.3}  {}", (entry.at - began).as_secs_f64(), rung(*lane, entry));
    }
    let repeated = lines.iter().filter(|(_, entry)| entry.repeated).count();
    if repeated > 0 {
        let _ = writeln!(out, "            {repeated} repeated on UDP, not shown");
    }
}

fn end_name(agent: &str) -> String {
    let how = if agent == PLATFORM_AGENT { "TLS, SRTP" } else { "UDP, RTP" };
    format!("{agent} ({how})")
}

/// The caller's lane is on the left of the SBC, the called end's on the right.
fn rung(lane: usize, entry: &Entry) -> String {
    let to_the_right = (lane == 0) == (entry.way == Way::Sent);
    let text = format!("{}{}", entry.label, sdp_note(entry));
    let text: String = text.chars().take(LANE - 6).collect();
    let dashes = "-".repeat((LANE - 3).saturating_sub(text.len()));
    let arrow = if to_the_right { format!("{text} {dashes}> ") } else { format!("<{dashes} {text} ") };
    if lane == 0 { format!("{arrow:<LANE$}     |") } else { format!("{:LANE$}     |     {arrow:>LANE$}", "") }
}

fn sdp_note(entry: &Entry) -> String {
    match entry.sdp {
        None => String::new(),
        Some("sendrecv") => " (SDP)".to_owned(),
        Some(direction) => format!(" ({direction})"),
    }
}

fn media(out: &mut String, caller: &LegOutcome, called: &LegOutcome) {
    let _ = writeln!(
        out,
        "  {:<22} {:>6} {:>9} {:>7} {:>10} {:>5} {:>5}  audio",
        "media", "sent", "received", "loss", "jitter", "MOS", "RTCP"
    );
    for (near, far) in [(caller, called), (called, caller)] {
        media_line(out, near, far);
    }
}

fn media_line(out: &mut String, near: &LegOutcome, far: &LegOutcome) {
    let (sent, heard) = (&near.report, &far.report);
    let missing = heard.missing_from(sent);
    let audio = match (missing, heard.foreign) {
        (0, 0) => format!("{} payloads, each octet as sent", heard.good),
        (missing, foreign) => format!("{} good, {foreign} foreign, {missing} missing", heard.good),
    };
    let keys: String = heard.digits.iter().map(|digit| format!(", key {}", digit.key)).collect();
    let _ = writeln!(
        out,
        "  {:<22} {:>6} {:>9} {:>6.2}% {:>7.2} ms {:>5.2} {:>5}  {audio}{keys}",
        format!("{} to {}", near.agent, far.agent),
        sent.sent,
        heard.received,
        heard.loss() * 100.0,
        heard.jitter_ms,
        heard.score(),
        heard.reports_received,
    );
}

/// Something checked beside the calls.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: &'static str,
    /// What was seen, when all was well.
    pub seen: String,
    pub findings: Vec<String>,
}

/// The checks and the last line.
#[must_use]
pub fn summary(calls: &[CallOutcome], checks: &[Check], log_tail: &[String], took: Duration, paint: Paint) -> String {
    let mut out = String::new();
    for check in checks {
        let passed = check.findings.is_empty();
        let seen = if passed { check.seen.as_str() } else { "" };
        let _ = writeln!(out, "{} {}", paint.head(&format!("{:<29} {seen:<61}", check.name)), paint.verdict(passed));
        for finding in &check.findings {
            let _ = writeln!(out, "  {} {finding}", paint.wrap("31", "!"));
        }
    }
    let passed = |findings: &Vec<String>| findings.is_empty();
    let all = calls.len() + checks.len();
    let good = calls.iter().filter(|call| passed(&call.findings)).count()
        + checks.iter().filter(|check| passed(&check.findings)).count();
    if good < all && !log_tail.is_empty() {
        let _ = writeln!(out, "\n{}", paint.head("The daemon's last words:"));
        for line in log_tail {
            let _ = writeln!(out, "  {line}");
        }
    }
    let verdict = paint.verdict(good == all);
    let _ = writeln!(out, "\n{verdict}  {good} of {all} passed in {:.1} s", took.as_secs_f64());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::stream::StreamReport;

    fn entry(at: u64, agent: &'static str, way: Way, label: &str) -> Entry {
        Entry {
            at: Duration::from_millis(at),
            agent,
            way,
            call_id: "c".to_owned(),
            label: label.to_owned(),
            method: "INVITE".to_owned(),
            sdp: (label == "INVITE").then_some("sendrecv"),
            repeated: false,
        }
    }

    fn outcome() -> CallOutcome {
        let leg =
            |agent, ladder| LegOutcome { agent, call_id: "c".to_owned(), ladder, report: StreamReport::default() };
        let caller =
            vec![entry(100, "platform", Way::Sent, "INVITE"), entry(130, "platform", Way::Received, "180 Ringing")];
        let called = vec![entry(110, "carrier", Way::Received, "INVITE")];
        CallOutcome {
            title: "a".to_owned(),
            legs: vec![leg("platform", caller), leg("carrier", called)],
            findings: Vec::new(),
        }
    }

    #[test]
    fn both_legs_are_one_ladder_in_the_order_of_time() {
        let text = call(&outcome(), Paint::Plain);
        let rungs: Vec<&str> = text.lines().filter(|line| line.contains("0.0")).collect();
        assert!(rungs[0].contains("INVITE (SDP) ---") && rungs[0].trim_start().starts_with("0.000"), "{text}");
        assert!(rungs[1].find('|').expect("the SBC") < rungs[1].find("INVITE").expect("right lane"), "{text}");
        assert!(rungs[2].contains("<--") && rungs[2].contains("180 Ringing"), "{text}");
        assert!(text.contains("post-dial delay 30.0 ms"), "{text}");
    }

    #[test]
    fn a_finding_turns_the_verdict() {
        let mut failed = outcome();
        failed.findings.push("no audio".to_owned());
        let text = call(&failed, Paint::Plain);
        assert!(text.contains("FAIL") && text.contains("! no audio"));
        let last = summary(&[failed], &[], &["last".to_owned()], Duration::from_secs(1), Paint::Plain);
        assert!(last.contains("last words") && last.contains("0 of 1 passed"));
    }

    #[test]
    fn plain_output_has_no_escapes() {
        assert!(!call(&outcome(), Paint::Plain).contains('\x1b'));
    }
}
