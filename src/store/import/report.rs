//! Files we hand out: the report of an import, and the template for one.

use super::layout::Layout;
use super::problem::{Problem, Severity};
use crate::route::number::Country;

/// The problems as CSV (PV-52). A cell that a spreadsheet would take for a formula begins with an apostrophe.
pub fn report_csv(problems: &[Problem]) -> String {
    let mut text = String::from("row,column,code,severity,message\r\n");
    for problem in problems {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let row = problem.row.map(|row| row.to_string()).unwrap_or_default();
        let cells = [row.as_str(), problem.column.unwrap_or_default(), &format!("{:?}", problem.code), severity];
        text.push_str(&cells.map(cell).join(","));
        text.push(',');
        text.push_str(&cell(&problem.message));
        text.push_str("\r\n");
    }
    text
}

/// One cell: quoted where it must be, and never a formula.
pub fn cell(value: &str) -> String {
    let guarded = match value.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{value}"),
        false => value.to_owned(),
    };
    match guarded.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", guarded.replace('"', "\"\"")),
        false => guarded,
    }
}

/// A file to fill in: heading and one row that shows the form (PV-46).
pub fn template_csv(layout: Layout, country: Option<&Country>) -> String {
    let heading: Vec<&str> = layout.columns().iter().map(|(name, _)| *name).collect();
    let code = country.map_or("49", |country| country.calling_code);
    let digits = country.map_or(10, |country| country.national_digits.1.min(14usize.saturating_sub(code.len())));
    let national: String = "5550123456789".chars().take(digits).collect();
    let sample = match layout {
        Layout::Dynamics => format!("\"{code}{national}\",True,True"),
        Layout::Numbers => format!("+{code}{national}"),
        Layout::Native => {
            let iso = country.map_or("DE", |country| country.iso);
            format!("+{code}{national},acme,north-tel,{iso},local,teamsDirectRouting,True,True,,,,")
        }
    };
    format!("{}\r\n{sample}\r\n", heading.join(","))
}
