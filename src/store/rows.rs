//! The narrow waist of the store: rows by kind and key, read and written in transactions.

use std::fmt;

use serde_json::Value;

/// What a row is. Each has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Account,
    Carrier,
    Number,
    /// An import job.
    Import,
    /// Up to a hundred rows of one, applied together: `JOB/GROUP`.
    ImportGroup,
    /// Problems of one, in pieces: `JOB/PIECE`.
    ImportProblems,
    /// Append-only; the key is the sequence number.
    Audit,
    /// By the hash of the token.
    Token,
    /// Answers that are given again: `CLIENT/KEY`.
    Repeat,
    /// Things that are gone, by the revision in which they went.
    Removal,
    /// Single values: the revision, settings.
    Meta,
}

impl Kind {
    /// Every kind, owners before what they own.
    pub const ALL: [Kind; 11] = [
        Kind::Account,
        Kind::Carrier,
        Kind::Number,
        Kind::Import,
        Kind::ImportGroup,
        Kind::ImportProblems,
        Kind::Audit,
        Kind::Token,
        Kind::Repeat,
        Kind::Removal,
        Kind::Meta,
    ];

    /// Its table.
    pub const fn table(self) -> &'static str {
        match self {
            Kind::Account => "accounts",
            Kind::Carrier => "carriers",
            Kind::Number => "numbers",
            Kind::Import => "imports",
            Kind::ImportGroup => "import_groups",
            Kind::ImportProblems => "import_problems",
            Kind::Audit => "audit",
            Kind::Token => "tokens",
            Kind::Repeat => "repeats",
            Kind::Removal => "removals",
            Kind::Meta => "meta",
        }
    }

    /// Fields that lists may be filtered and sorted by (PV-60): those with a column of their own.
    pub const fn fields(self) -> &'static [(&'static str, FieldType)] {
        use FieldType::{Flag, Text};
        match self {
            Kind::Account => {
                &[("name", Text), ("state", Text), ("correlationId", Text), ("fqdn", Text), ("subdomain", Text)]
            }
            Kind::Carrier => &[("id", Text), ("displayName", Text)],
            Kind::Number => &[
                ("phoneNumber", Text),
                ("account", Text),
                ("carrier", Text),
                ("country", Text),
                ("numberType", Text),
                ("state", Text),
                ("customHeader", Text),
                ("services", Text),
                ("ticket", Text),
                ("inboundEnabled", Flag),
                ("outboundEnabled", Flag),
            ],
            Kind::Import => &[("id", Text), ("state", Text), ("account", Text)],
            Kind::Audit => &[
                ("actor", Text),
                ("action", Text),
                ("target", Text),
                ("account", Text),
                ("result", Text),
                ("day", Text),
            ],
            Kind::ImportGroup | Kind::ImportProblems | Kind::Token | Kind::Repeat | Kind::Removal | Kind::Meta => &[],
        }
    }

    /// The type of a field that may be filtered by.
    pub fn field(self, name: &str) -> Option<(&'static str, FieldType)> {
        field_of(self.fields(), name)
    }
}

/// The field of a list with this name.
pub fn field_of(fields: &'static [(&'static str, FieldType)], name: &str) -> Option<(&'static str, FieldType)> {
    fields.iter().find(|(known, _)| *known == name).copied()
}

/// How a field compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    Text,
    Flag,
}

/// One stored thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: String,
    /// Of its last change; the etag.
    pub revision: u64,
    pub body: Value,
}

/// A comparison of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    StartsWith,
    Contains,
}

impl Comparison {
    fn holds(self, found: &str, wanted: &str) -> bool {
        match self {
            Comparison::Equal => found == wanted,
            Comparison::NotEqual => found != wanted,
            Comparison::Greater => found > wanted,
            Comparison::GreaterOrEqual => found >= wanted,
            Comparison::Less => found < wanted,
            Comparison::LessOrEqual => found <= wanted,
            Comparison::StartsWith => found.starts_with(wanted),
            Comparison::Contains => found.contains(wanted),
        }
    }
}

/// Which rows are meant. The fields are those of [`Kind::fields`]; a flag compares as `true` and `false`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    Field(&'static str, Comparison, String),
    /// Keys that begin so.
    KeyPrefix(String),
    /// Changed after this revision.
    Since(u64),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

impl Filter {
    /// Whether a row is meant.
    pub fn fits(&self, row: &Row) -> bool {
        match self {
            Filter::All => true,
            Filter::Field(field, comparison, value) => comparison.holds(&text_of(&row.body, field), value),
            Filter::KeyPrefix(prefix) => row.key.starts_with(prefix.as_str()),
            Filter::Since(revision) => row.revision > *revision,
            Filter::And(one, two) => one.fits(row) && two.fits(row),
            Filter::Or(one, two) => one.fits(row) || two.fits(row),
        }
    }

    /// Both.
    pub fn and(self, other: Filter) -> Filter {
        match (self, other) {
            (Filter::All, filter) | (filter, Filter::All) => filter,
            (one, two) => Filter::And(Box::new(one), Box::new(two)),
        }
    }
}

/// What a list is sorted by; the key decides between equals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Key,
    Field(&'static str),
    Revision,
}

/// Up or down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// The last row of the page before: value of the sort field, and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    pub value: String,
    pub key: String,
}

/// A list to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub filter: Filter,
    pub sort: Sort,
    pub direction: Direction,
    pub after: Option<After>,
    pub skip: usize,
    pub limit: usize,
}

impl Query {
    /// The first `limit` rows of a filter, by key.
    pub const fn of(filter: Filter, limit: usize) -> Query {
        Query { filter, sort: Sort::Key, direction: Direction::Ascending, after: None, skip: 0, limit }
    }
}

/// Why the store cannot do it: nothing the asker did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store fails: {}", self.0)
    }
}

impl std::error::Error for Fault {}

/// The rows of one transaction.
pub trait Rows {
    /// # Errors
    /// The store fails; so do all others here.
    fn read(&mut self, kind: Kind, key: &str) -> Result<Option<Row>, Fault>;
    /// Makes or replaces.
    fn write(&mut self, kind: Kind, row: &Row) -> Result<(), Fault>;
    /// Takes away; true when there was one.
    fn remove(&mut self, kind: Kind, key: &str) -> Result<bool, Fault>;
    fn list(&mut self, kind: Kind, query: &Query) -> Result<Vec<Row>, Fault>;
    fn count(&mut self, kind: Kind, filter: &Filter) -> Result<u64, Fault>;
}

/// What one transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Write,
}

/// How a transaction's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Commit,
    RollBack,
}

/// Keeps rows. A transaction is seen whole or not at all, and is durable when `transact` returns.
pub trait Store: Send {
    /// Runs work in one transaction.
    ///
    /// # Errors
    /// The store fails; nothing was written.
    fn transact(
        &mut self,
        purpose: Purpose,
        work: &mut dyn FnMut(&mut dyn Rows) -> Result<Verdict, Fault>,
    ) -> Result<(), Fault>;
}

/// The text of a field as filters and sorting see it; absent reads as empty.
pub fn text_of(body: &Value, field: &str) -> String {
    match body.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(flag)) => flag.to_string(),
        Some(other) => other.to_string(),
    }
}
