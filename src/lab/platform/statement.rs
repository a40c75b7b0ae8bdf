//! One statement of a requirement sheet as data: its number, what is looked at, and the function that looks.

use super::transcript::{Connected, Evidence, Seen};

/// How strong the sheet says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A breach fails the run.
    Must,
    /// A breach is advice.
    Should,
}

/// One statement.
pub struct Statement {
    /// `MD-56`, `PF-88`.
    pub number: &'static str,
    pub level: Level,
    /// The statement in a few words.
    pub title: &'static str,
    /// What is looked at.
    pub looks_at: &'static str,
    pub check: fn(&Evidence) -> Findings,
    /// Scenarios that make it seen; the report tells what became of them when it was not.
    pub seen_in: &'static [&'static str],
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line that breaks the statement, or words where a line is missing.
    pub line: String,
    /// Where it was: message, scenario, time.
    pub place: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// How often there was something to look at; 0: the statement was not exercised.
    pub looked: usize,
    pub faults: Vec<Fault>,
}

impl Findings {
    /// One look at a message.
    pub fn look(&mut self, seen: &Seen, verdict: Result<(), String>) {
        self.note(verdict, || place_of(seen));
    }

    /// One look at a connection.
    pub fn look_at_connection(&mut self, connected: &Connected, verdict: Result<(), String>) {
        self.note(verdict, || {
            let (local, remote) = (connected.local, connected.remote);
            format!("connection {} of {remote} with {local}, {:.1} s", connected.id, connected.at.as_secs_f64())
        });
    }

    fn note(&mut self, verdict: Result<(), String>, place: impl FnOnce() -> String) {
        self.looked += 1;
        if let Err(line) = verdict {
            self.faults.push(Fault { line, place: place() });
        }
    }

    /// Adds what another look found.
    pub fn add(&mut self, more: Findings) {
        self.looked += more.looked;
        self.faults.extend(more.faults);
    }

    /// Adds what scripts found out under this number.
    pub fn add_facts(&mut self, evidence: &Evidence, number: &str) {
        for fact in evidence.facts.iter().filter(|fact| fact.number == number) {
            self.note(fact.outcome.clone(), || format!("scenario {}", fact.scenario));
        }
    }
}

fn place_of(seen: &Seen) -> String {
    let scenario = if seen.scenario.is_empty() { "no scenario" } else { seen.scenario };
    format!("{} to the {}, {scenario}, {:.1} s", seen.text.label(), seen.side.name(), seen.at.as_secs_f64())
}

/// Looks at each message; the offending line is the error.
pub fn each<'e>(messages: impl Iterator<Item = &'e Seen>, judge: impl Fn(&Seen) -> Result<(), String>) -> Findings {
    let mut findings = Findings::default();
    for seen in messages {
        findings.look(seen, judge(seen));
    }
    findings
}

/// Nothing to see in messages: scripts alone find out.
#[must_use]
pub fn by_script(_: &Evidence) -> Findings {
    Findings::default()
}

/// `Ok` when `holds`, else the line.
///
/// # Errors
/// The line.
pub fn held(holds: bool, line: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(line()) }
}

/// A MUST.
#[must_use]
pub const fn must(
    number: &'static str,
    title: &'static str,
    looks_at: &'static str,
    check: fn(&Evidence) -> Findings,
    seen_in: &'static [&'static str],
) -> Statement {
    Statement { number, level: Level::Must, title, looks_at, check, seen_in }
}

/// A SHOULD.
#[must_use]
pub const fn should(
    number: &'static str,
    title: &'static str,
    looks_at: &'static str,
    check: fn(&Evidence) -> Findings,
    seen_in: &'static [&'static str],
) -> Statement {
    Statement { number, level: Level::Should, title, looks_at, check, seen_in }
}
