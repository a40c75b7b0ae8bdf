//! The conformance report: what of the sheet was seen to hold, what was broken and by which line, what was not seen and
//! why. It certifies nothing.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::statement::{Fault, Findings, Level, Statement};
use super::transcript::{Ending, Evidence};

/// Faults shown per statement; the rest is counted.
const SHOWN: usize = 3;
/// Columns of a quoted line.
const WIDTH: usize = 200;

/// Remarks shown.
const REMARKS: usize = 20;

/// What stands above every report.
pub const DISCLAIMER: &str = "This is a test against an emulator written from published statements. It is no certification: \
     only the platform's vendor certifies an SBC.";

/// What became of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed {
        looked: usize,
    },
    Failed {
        looked: usize,
        faults: Vec<Fault>,
    },
    /// A SHOULD that does not hold.
    Advice {
        looked: usize,
        faults: Vec<Fault>,
    },
    NotExercised {
        why: String,
    },
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub number: &'static str,
    pub title: &'static str,
    pub looks_at: &'static str,
    pub verdict: Verdict,
}

/// The whole of it.
#[derive(Clone, Debug)]
pub struct Report {
    pub platform: &'static str,
    pub judged: Vec<Judged>,
    /// Statements of the sheet that this lab does not look at: numbers and why.
    pub beyond: Vec<(String, &'static str)>,
    /// Scenarios and how they ended.
    pub endings: Vec<(&'static str, Ending)>,
    /// What the second reader (rsip) and the wires remarked.
    pub remarks: Vec<String>,
}

impl Report {
    /// Judges the evidence. `only`: numbers to look at; empty: all.
    #[must_use]
    pub fn new(
        platform: &'static str,
        statements: &[&'static Statement],
        beyond: Vec<(String, &'static str)>,
        evidence: &Evidence,
        only: &[String],
    ) -> Report {
        let wanted = |statement: &&&Statement| only.is_empty() || only.iter().any(|number| number == statement.number);
        let mut judged: Vec<Judged> =
            statements.iter().filter(wanted).map(|statement| judge(statement, evidence)).collect();
        judged.sort_by_key(|judged| order_of(judged.number));
        let mut remarks = counted(&evidence.troubles);
        if evidence.overflowed {
            remarks.push("more messages came than are kept: the rest was not judged".to_owned());
        }
        Report { platform, judged, beyond, endings: evidence.endings.clone(), remarks }
    }

    /// True when no exercised statement failed, no scenario stopped on its way, and something was exercised at all.
    #[must_use]
    pub fn passed(&self) -> bool {
        let failed = self.judged.iter().any(|judged| matches!(judged.verdict, Verdict::Failed { .. }));
        let seen = self.judged.iter().any(|judged| !matches!(judged.verdict, Verdict::NotExercised { .. }));
        let stopped = self.endings.iter().any(|(_, ending)| matches!(ending, Ending::Broken(_)));
        seen && !failed && !stopped
    }

    /// The verdict of one number.
    #[must_use]
    pub fn verdict(&self, number: &str) -> Option<&Verdict> {
        self.judged.iter().find(|judged| judged.number == number).map(|judged| &judged.verdict)
    }

    /// The numbers that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |judged: &&Judged| matches!(judged.verdict, Verdict::Failed { .. });
        self.judged.iter().filter(failed).map(|judged| judged.number).collect()
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("Conformance of the SBC towards {}\n{DISCLAIMER}\n\n", self.platform);
        for judged in &self.judged {
            write_judged(&mut out, judged);
        }
        out.push_str("\nScenarios\n");
        for (name, ending) in &self.endings {
            let words = match ending {
                Ending::Played => "played".to_owned(),
                Ending::Broken(why) => format!("stopped: {why}"),
                Ending::Skipped(why) => format!("skipped: {why}"),
            };
            let _ = writeln!(out, "  {name:<24} {words}");
        }
        if !self.beyond.is_empty() {
            out.push_str("\nOf the sheet, not looked at by this lab\n");
            for (numbers, why) in &self.beyond {
                let _ = writeln!(out, "  {numbers:<24} {why}");
            }
        }
        for remark in &self.remarks {
            let _ = writeln!(out, "remark: {remark}");
        }
        let _ = writeln!(out, "\n{}", self.summary());
        out
    }

    /// `61 passed, 0 failed, 2 advice, 9 not exercised`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut counts = [0usize; 4];
        for judged in &self.judged {
            let place = match judged.verdict {
                Verdict::Passed { .. } => 0,
                Verdict::Failed { .. } => 1,
                Verdict::Advice { .. } => 2,
                Verdict::NotExercised { .. } => 3,
            };
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        let [passed, failed, advice, absent] = counts;
        let stopped = self.endings.iter().filter(|(_, ending)| matches!(ending, Ending::Broken(_))).count();
        let stopped = if stopped > 0 { format!("; {stopped} scenarios stopped on their way") } else { String::new() };
        format!("{passed} passed, {failed} failed, {advice} advice, {absent} not exercised{stopped}")
    }

    /// For machines.
    #[must_use]
    pub fn json(&self) -> Value {
        let endings = self.endings.iter().map(|(name, ending)| match ending {
            Ending::Played => json!({ "scenario": name, "ended": "played" }),
            Ending::Broken(why) => json!({ "scenario": name, "ended": "stopped", "why": why }),
            Ending::Skipped(why) => json!({ "scenario": name, "ended": "skipped", "why": why }),
        });
        json!({
            "platform": self.platform,
            "disclaimer": DISCLAIMER,
            "passed": self.passed(),
            "statements": self.judged.iter().map(as_json).collect::<Vec<_>>(),
            "scenarios": endings.collect::<Vec<_>>(),
            "not_looked_at": self.beyond.iter().map(|(numbers, why)| json!({ "numbers": numbers, "why": why })).collect::<Vec<_>>(),
            "remarks": self.remarks,
        })
    }
}

/// By sheet, then by number.
fn order_of(number: &str) -> (String, u32) {
    let (sheet, digits) = number.split_once('-').unwrap_or((number, "0"));
    (sheet.to_owned(), digits.parse().unwrap_or(0))
}

fn judge(statement: &Statement, evidence: &Evidence) -> Judged {
    let mut findings = (statement.check)(evidence);
    findings.add_facts(evidence, statement.number);
    let Findings { looked, faults } = findings;
    let verdict = match (looked, faults.is_empty(), statement.level) {
        (0, _, _) => Verdict::NotExercised { why: absence(statement, evidence) },
        (_, true, _) => Verdict::Passed { looked },
        (_, false, Level::Must) => Verdict::Failed { looked, faults },
        (_, false, Level::Should) => Verdict::Advice { looked, faults },
    };
    Judged { number: statement.number, title: statement.title, looks_at: statement.looks_at, verdict }
}

/// Why nothing was seen: what became of the scenarios that would have shown it.
fn absence(statement: &Statement, evidence: &Evidence) -> String {
    let told = |name: &&'static str| match evidence.ending(name) {
        None => format!("scenario {name} was not played"),
        Some(Ending::Skipped(why)) => format!("scenario {name} was skipped: {why}"),
        Some(Ending::Broken(why)) => format!("scenario {name} stopped: {why}"),
        Some(Ending::Played) => format!("scenario {name} did not show it"),
    };
    match statement.seen_in.is_empty() {
        true => "nothing of the kind was seen in this run".to_owned(),
        false => statement.seen_in.iter().map(told).collect::<Vec<_>>().join("; "),
    }
}

fn write_judged(out: &mut String, judged: &Judged) {
    let (word, rest) = match &judged.verdict {
        Verdict::Passed { looked } => ("pass", format!("({looked})")),
        Verdict::Failed { looked, faults } => ("FAIL", format!("({} of {looked})", faults.len())),
        Verdict::Advice { looked, faults } => ("advice", format!("({} of {looked})", faults.len())),
        Verdict::NotExercised { .. } => ("-", String::new()),
    };
    let _ = writeln!(out, "{:<7} {word:<7} {} {rest}", judged.number, judged.title);
    match &judged.verdict {
        Verdict::Passed { .. } => {}
        Verdict::NotExercised { why } => {
            let _ = writeln!(out, "{:16}not exercised: {why}", "");
        }
        Verdict::Failed { faults, .. } | Verdict::Advice { faults, .. } => {
            for fault in faults.iter().take(SHOWN) {
                let line: String = fault.line.chars().take(WIDTH).collect();
                let _ = writeln!(out, "{:16}{}\n{:18}in {}", "", line.escape_debug(), "", fault.place);
            }
            if faults.len() > SHOWN {
                let _ = writeln!(out, "{:16}and {} more", "", faults.len() - SHOWN);
            }
        }
    }
}

/// Each thing once, with how often it was.
fn counted(troubles: &[String]) -> Vec<String> {
    let mut counts: Vec<(&String, usize)> = Vec::new();
    for words in troubles {
        match counts.iter_mut().find(|(known, _)| *known == words) {
            Some((_, times)) => *times += 1,
            None => counts.push((words, 1)),
        }
    }
    let said =
        |(words, times): (&String, usize)| if times > 1 { format!("{words} ({times} times)") } else { words.clone() };
    let more = counts.len().saturating_sub(REMARKS);
    let mut shown: Vec<String> = counts.into_iter().take(REMARKS).map(said).collect();
    if more > 0 {
        shown.push(format!("and {more} more of such remarks"));
    }
    shown
}

fn as_json(judged: &Judged) -> Value {
    let faults = |faults: &[Fault]| {
        faults.iter().map(|fault| json!({ "line": fault.line, "place": fault.place })).collect::<Vec<_>>()
    };
    let (verdict, looked, found, why) = match &judged.verdict {
        Verdict::Passed { looked } => ("pass", *looked, Vec::new(), Value::Null),
        Verdict::Failed { looked, faults: found } => ("fail", *looked, faults(found), Value::Null),
        Verdict::Advice { looked, faults: found } => ("advice", *looked, faults(found), Value::Null),
        Verdict::NotExercised { why } => ("not exercised", 0, Vec::new(), json!(why)),
    };
    json!({
        "number": judged.number, "title": judged.title, "looks_at": judged.looks_at, "verdict": verdict,
        "looked": looked, "faults": found, "why": why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_stopped_is_no_pass() {
        let judged = Judged { number: "MD-1", title: "", looks_at: "", verdict: Verdict::Passed { looked: 1 } };
        let mut report = Report {
            platform: "lab",
            judged: vec![judged],
            beyond: Vec::new(),
            endings: vec![("inbound", Ending::Played), ("large", Ending::Skipped("no carrier".to_owned()))],
            remarks: Vec::new(),
        };
        assert!(report.passed());
        report.endings.push(("outbound", Ending::Broken("no INVITE".to_owned())));
        assert!(!report.passed());
        assert!(report.summary().ends_with("; 1 scenarios stopped on their way"), "{}", report.summary());
    }
}
