//! Everything that can be wrong with a file or a row (PV-47 to PV-52; provisioning sheet 5.3).

use std::fmt;

use serde::Serialize;

/// Whether a row with this problem is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Warning,
    /// The row, or the file when no row is named, is not taken.
    Error,
}

/// The class of a problem. Its name is the code that programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Code {
    FileEmpty,
    FileTooLarge,
    FileEncoding,
    FileDelimiter,
    HeaderMissing,
    ColumnMissing,
    ColumnUnknown,
    ColumnDuplicate,
    TooManyRows,
    ManyRows,
    QuoteUnbalanced,
    CellCount,
    CellTooLong,
    NumberEmpty,
    NumberCharacters,
    NumberScientific,
    NumberTooLong,
    NumberTooShort,
    NumberLeadingZero,
    NumberNotQuoted,
    NumberCountryMismatch,
    NumberTypeMismatch,
    BooleanInvalid,
    NoDirection,
    HeaderContentInvalid,
    ServiceUnknown,
    ServiceNotEnabled,
    DuplicateInFile,
    AlreadyExists,
    OwnedByOtherAccount,
    NotFound,
    InUse,
    AccountUnknown,
    CarrierUnknown,
    QuotaExceeded,
    BatchAborted,
    Conflict,
    Internal,
}

/// One thing that is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// As an editor counts lines, the heading is 1; `None`: the file as a whole.
    pub row: Option<usize>,
    /// Heading of the column, when one is to blame.
    pub column: Option<&'static str>,
    pub code: Code,
    pub severity: Severity,
    /// A sentence a person can act on.
    pub message: String,
}

impl Problem {
    /// An error of the whole file.
    pub fn file(code: Code, message: impl Into<String>) -> Problem {
        Problem { row: None, column: None, code, severity: Severity::Error, message: message.into() }
    }

    /// An error of one row.
    pub fn row(row: usize, column: Option<&'static str>, code: Code, message: impl Into<String>) -> Problem {
        Problem { row: Some(row), column, code, severity: Severity::Error, message: message.into() }
    }

    /// The same, which does not stop the row.
    pub fn warning(self) -> Problem {
        Problem { severity: Severity::Warning, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, self.column) {
            (Some(row), Some(column)) => write!(f, "row {row}, {column}: ")?,
            (Some(row), None) => write!(f, "row {row}: ")?,
            (None, _) => {}
        }
        write!(f, "{} [{:?}]", self.message, self.code)
    }
}
