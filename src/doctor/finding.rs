//! What an examination found: one line for each thing looked at, with what to do where something is wrong.

use std::fmt::Write as _;

use serde::Serialize;

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Could not be looked at; `told` says why.
    Skipped,
    /// Works now, and will or may not later.
    Warning,
    /// Calls fail because of it.
    Fault,
}

impl Verdict {
    const fn label(self) -> &'static str {
        match self {
            Verdict::Good => "ok",
            Verdict::Skipped => "skipped",
            Verdict::Warning => "WARNING",
            Verdict::Fault => "FAULT",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Never changes its meaning: `target.tls.unknown_issuer`. What programs go by.
    pub code: String,
    pub verdict: Verdict,
    /// What it is about: a trunk, a certificate, a key of the configuration.
    pub subject: String,
    /// What was seen.
    pub told: String,
    /// What to change. Empty when there is nothing to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
}

impl Finding {
    /// As it should be.
    pub fn good(code: &str, subject: impl Into<String>, told: impl Into<String>) -> Finding {
        Finding::of(Verdict::Good, code, subject, told, "")
    }

    /// Not looked at.
    pub fn skipped(code: &str, subject: impl Into<String>, why: impl Into<String>) -> Finding {
        Finding::of(Verdict::Skipped, code, subject, why, "")
    }

    /// Something to look after.
    pub fn warning(
        code: &str,
        subject: impl Into<String>,
        told: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding::of(Verdict::Warning, code, subject, told, advice)
    }

    /// Something that breaks calls.
    pub fn fault(
        code: &str,
        subject: impl Into<String>,
        told: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding::of(Verdict::Fault, code, subject, told, advice)
    }

    fn of(
        verdict: Verdict,
        code: &str,
        subject: impl Into<String>,
        told: impl Into<String>,
        advice: impl Into<String>,
    ) -> Finding {
        Finding { code: code.to_owned(), verdict, subject: subject.into(), told: told.into(), advice: advice.into() }
    }
}

/// The worst first; within one verdict in the order they were found.
pub fn text(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    let mut text = String::new();
    for finding in sorted {
        let Finding { code, verdict, subject, told, advice } = finding;
        let _ = writeln!(text, "{:<8} {subject}: {told} [{code}]", verdict.label());
        if !advice.is_empty() {
            let _ = writeln!(text, "         -> {advice}");
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let _ = writeln!(
        text,
        "{} good, {} skipped, {} to look after, {} at fault",
        count(Verdict::Good),
        count(Verdict::Skipped),
        count(Verdict::Warning),
        count(Verdict::Fault)
    );
    text
}

/// The same for programs: an array of objects.
///
/// # Errors
/// None in practice: every field is text.
pub fn json(findings: &[Finding]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_stands_first_with_its_advice_and_the_counts_last() {
        let findings = [Finding::good("a", "x", "fine"), Finding::fault("b", "y", "broken", "mend it")];
        let text = text(&findings);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "FAULT    y: broken [b]",
                "         -> mend it",
                "ok       x: fine [a]",
                "1 good, 0 skipped, 0 to look after, 1 at fault"
            ]
        );
    }

    #[test]
    fn programs_read_every_field() {
        let json = json(&[Finding::warning("c", "z", "soon", "renew")]).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            read,
            serde_json::json!([{"code": "c", "verdict": "warning", "subject": "z", "told": "soon", "advice": "renew"}])
        );
    }
}
