//! What is wrong with a configuration, in the words an operator reads.

use std::fmt;

use crate::base::limits::CONFIG_FINDINGS;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The file is refused.
    Error,
    /// The file is used; somebody should look at this.
    Warning,
}

/// One thing to change: where it stands, what is wrong, what to write instead. Never shows a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub file: String,
    /// From 1; 0: the file as a whole.
    pub line: usize,
    /// `trunks.teams.listener`, `routes[0].to`; empty: the file as a whole.
    pub path: String,
    pub text: String,
    pub level: Level,
    /// The fault's name where it has one of its own; never changes its meaning. What programs go by.
    pub name: Option<&'static str>,
}

impl fmt::Display for Finding {
    /// `trunkline.toml:37: trunks.teams.listner: unknown key; did you mean "listener"?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.level == Level::Warning {
            f.write_str(": warning")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Everything found in one file, by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// At least one when the file was refused.
    pub errors: Vec<Finding>,
    pub warnings: Vec<Finding>,
    /// Errors and warnings beyond `CONFIG_FINDINGS` each: counted only.
    pub errors_not_shown: usize,
    pub warnings_not_shown: usize,
}

impl Report {
    /// Sorts and bounds what was found.
    pub(super) fn new(mut findings: Vec<Finding>) -> Report {
        findings.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
        findings.dedup();
        let (mut errors, mut warnings): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| finding.level == Level::Error);
        let errors_not_shown = bound(&mut errors);
        let warnings_not_shown = bound(&mut warnings);
        Report { errors, warnings, errors_not_shown, warnings_not_shown }
    }

    /// All errors, shown or not.
    pub fn error_count(&self) -> usize {
        self.errors.len().saturating_add(self.errors_not_shown)
    }

    /// A file that could not be read at all, from a line on where it is known.
    pub(super) fn unreadable(file: &str, line: usize, text: String) -> Report {
        let finding =
            Finding { file: file.to_owned(), line, path: String::new(), text, level: Level::Error, name: None };
        Report { errors: vec![finding], ..Report::default() }
    }
}

impl fmt::Display for Report {
    /// One line for each finding, errors first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.errors.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        f.write_str(&not_shown(self.errors_not_shown, "errors"))?;
        self.warnings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        f.write_str(&not_shown(self.warnings_not_shown, "warnings"))
    }
}

impl std::error::Error for Report {}

/// Cuts a list of findings; gives the number that went.
fn bound(findings: &mut Vec<Finding>) -> usize {
    let more = findings.len().saturating_sub(CONFIG_FINDINGS);
    findings.truncate(CONFIG_FINDINGS);
    more
}

/// The line that stands for findings that are not shown; empty when all are.
fn not_shown(more: usize, what: &str) -> String {
    if more == 0 { String::new() } else { format!("... and {more} more {what}\n") }
}

/// Text of the file fit for a message: quoted, control characters escaped, cut after 60 characters.
pub(super) fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut cut: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        cut.push_str("...");
    }
    format!("{cut:?}")
}
