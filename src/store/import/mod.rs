//! Phone numbers from CSV files: the Dynamics `PhoneNumber.csv`, the single column `Numbers`, and our own layout (PV-41 to
//! PV-54). Validation is pure and never changes data: octets and what exists in, rows and problems out.
//!
//! Four phases (PV-47): the file, each row by itself, rows against each other, rows against what exists. A problem names
//! row, column, code, and what to do. Rows are counted as an editor counts them: the heading is row 1.

mod cell;
mod check;
mod csv;
mod existing;
mod layout;
mod problem;
mod report;

pub use check::{Checked, CheckedRow, Flags, check};
pub use csv::{Cell, CsvFault, Record, records};
pub use existing::{Existing, Nothing, Owner};
pub use layout::{Column, Layout};
pub use problem::{Code, Problem, Severity};
pub use report::{cell, report_csv, template_csv};

/// Octets of a file at most (PV-45). More: `FileTooLarge`.
pub const FILE_OCTETS: usize = 2 * 1024 * 1024;
/// Rows of a file at most (PV-45). More: `TooManyRows`.
pub const ROWS: usize = 10_000;
/// Rows above which a warning is given: the vendor's recommendation (PV-23).
pub const ROWS_RECOMMENDED: usize = 100;
/// Rows applied together, all or none (PV-45).
pub const GROUP_ROWS: usize = 100;
/// Characters of a cell at most (PV-45).
pub const CELL_CHARACTERS: usize = 512;
/// Columns of a file at most (PV-45).
pub const COLUMNS: usize = 32;
/// Problems of one file that are kept; the rest is counted.
pub const PROBLEMS: usize = 20_000;

use std::collections::BTreeSet;

/// What rows are for (PV-42).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A number that exists is an error.
    Create,
    #[default]
    Upsert,
    Delete,
}

/// How strictly the vendor's own rules are kept (PV-49, PV-50).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    #[default]
    Strict,
    Lenient,
}

/// A kind of number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NumberType {
    #[default]
    Local,
    TollFree,
    Mobile,
    ShortCode,
    Other,
}

impl NumberType {
    /// Every kind with its word.
    pub const WORDS: [(&'static str, NumberType); 5] = [
        ("local", NumberType::Local),
        ("tollFree", NumberType::TollFree),
        ("mobile", NumberType::Mobile),
        ("shortCode", NumberType::ShortCode),
        ("other", NumberType::Other),
    ];

    /// The kind of a word, without case.
    pub fn from_word(word: &str) -> Option<NumberType> {
        NumberType::WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind)
    }

    pub fn word(self) -> &'static str {
        NumberType::WORDS.iter().find(|(_, kind)| *kind == self).map_or("other", |(word, _)| word)
    }
}

/// What a whole import is told (PV-42). A column of the file wins over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub account: Option<String>,
    pub carrier: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    pub number_type: NumberType,
    pub services: BTreeSet<String>,
    pub custom_header: Option<String>,
    pub inbound: bool,
    pub outbound: bool,
    pub mode: Mode,
    pub strictness: Strictness,
    pub ticket: Option<String>,
}
