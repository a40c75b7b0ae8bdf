//! The rules as a table.

use std::fmt::Write as _;

use super::rules::{Note, Rule, RuleSet, Verdict};

/// One line for each rule, then what a reader must know.
pub fn written(set: &RuleSet) -> String {
    let rows: Vec<[String; 7]> = std::iter::once(HEAD.map(str::to_owned)).chain(set.rules.iter().map(row)).collect();
    let mut text = String::new();
    for row in &rows {
        line(&rows, row, &mut text);
    }
    for note in &set.notes {
        let label = match note {
            Note::Gap(_) => "MISSING",
            Note::Remark(_) => "note",
        };
        let _ = write!(text, "\n{label}: {}\n", note.text());
    }
    text
}

const HEAD: [&str; 7] = ["priority", "name", "verdict", "protocol", "ports", "to", "from, for"];

fn row(rule: &Rule) -> [String; 7] {
    [
        rule.priority.to_string(),
        rule.name.clone(),
        verdict(rule.verdict).to_owned(),
        rule.protocol.as_str().to_owned(),
        ports(rule.ports),
        rule.destination.clone(),
        format!("{} ({})", rule.sources.join(" "), rule.purpose),
    ]
}

fn line(rows: &[[String; 7]], row: &[String; 7], text: &mut String) {
    for (column, cell) in row.iter().enumerate() {
        let last = column + 1 == row.len();
        let width = rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or_default();
        let _ = if last { writeln!(text, "{cell}") } else { write!(text, "{cell:width$}  ") };
    }
}

/// As Azure writes a verdict.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "Allow",
        Verdict::Deny => "Deny",
    }
}

/// As Azure writes ports.
pub fn ports(ports: Option<(u16, u16)>) -> String {
    match ports {
        None => "*".to_owned(),
        Some((first, last)) if first == last => first.to_string(),
        Some((first, last)) => format!("{first}-{last}"),
    }
}
