//! The four phases of validation.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cell::{self, NumberRules, Place, shown};
use super::csv::{Cell, CsvFault, Record, records};
use super::existing::Existing;
use super::layout::{Column, Layout};
use super::problem::{Code, Problem, Severity};
use super::{
    CELL_CHARACTERS, COLUMNS, FILE_OCTETS, Mode, NumberType, Options, PROBLEMS, ROWS, ROWS_RECOMMENDED, Strictness,
};
use crate::route::number::{E164, country};

/// Directions in which a number may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub inbound: bool,
    pub outbound: bool,
}

/// A row that can be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRow {
    /// As an editor counts lines.
    pub row: usize,
    pub number: E164,
    pub account: String,
    pub carrier: Option<String>,
    pub country: Option<String>,
    pub number_type: NumberType,
    pub services: BTreeSet<String>,
    pub flags: Flags,
    pub custom_header: Option<String>,
    pub emergency_location: Option<String>,
    pub correlation: Option<String>,
    pub ticket: Option<String>,
}

/// What validation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// `None`: the file is none of ours.
    pub layout: Option<Layout>,
    /// Rows behind the heading, good and bad.
    pub total: usize,
    /// Those without an error, in the order of the file.
    pub rows: Vec<CheckedRow>,
    /// In the order of the file; those of the file first. At most [`PROBLEMS`].
    pub problems: Vec<Problem>,
}

impl Checked {
    fn refused(layout: Option<Layout>, problems: Vec<Problem>) -> Checked {
        Checked { layout, total: 0, rows: Vec::new(), problems }
    }

    /// Errors of rows and file.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// True when nothing of the file can be imported, whatever its rows say.
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|problem| problem.row.is_none() && problem.severity == Severity::Error)
    }
}

/// Validates a file. Changes nothing.
pub fn check(octets: &[u8], options: &Options, existing: &dyn Existing) -> Checked {
    let text = match decoded(octets) {
        Ok(text) => text,
        Err(problem) => return Checked::refused(None, vec![problem]),
    };
    let mut lines = records(text);
    let (layout, columns, mut problems) = match heading(lines.next(), options.strictness) {
        Ok(found) => found,
        Err(problems) => return Checked::refused(None, problems),
    };
    let (rows, total) = match counted(lines) {
        Ok(counted) => counted,
        Err(problem) => return Checked::refused(Some(layout), vec![problem]),
    };
    if total > ROWS_RECOMMENDED {
        let text = format!("{total} rows; {ROWS_RECOMMENDED} per upload are recommended.");
        problems.push(Problem::file(Code::ManyRows, text).warning());
    }
    let reader = RowReader { layout, columns, options };
    let mut read: Vec<CheckedRow> = rows.into_iter().filter_map(|row| reader.row(row, &mut problems)).collect();
    against_each_other(&mut read, layout, &mut problems);
    against_data(&mut read, layout, options, existing, &mut problems);
    problems.sort_by_key(|problem| problem.row);
    problems.truncate(PROBLEMS);
    Checked { layout: Some(layout), total, rows: read, problems }
}

// ---- phase 1: the file

fn decoded(octets: &[u8]) -> Result<&str, Problem> {
    if octets.len() > FILE_OCTETS {
        let text = format!("The file is {} octets; at most {FILE_OCTETS} is accepted.", octets.len());
        return Err(Problem::file(Code::FileTooLarge, text));
    }
    if octets.starts_with(b"PK\x03\x04") || octets.starts_with(b"\xd0\xcf\x11\xe0") {
        let text = "The file is a workbook or archive; save it as CSV UTF-8.";
        return Err(Problem::file(Code::FileEncoding, text));
    }
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let utf16 = [b"\xff\xfe".as_slice(), b"\xfe\xff"].iter().any(|mark| octets.starts_with(mark));
    let bad = |at: usize| {
        let hint = if utf16 { "; it is UTF-16: save it as CSV UTF-8" } else { "" };
        let text = format!("The file is not UTF-8 text (first bad byte at offset {at}){hint}.");
        Problem::file(Code::FileEncoding, text)
    };
    let text = std::str::from_utf8(octets).map_err(|error| bad(error.valid_up_to()))?;
    if let Some(at) = text.find('\0') {
        return Err(bad(at));
    }
    match text.trim().is_empty() {
        true => Err(empty()),
        false => Ok(text),
    }
}

fn empty() -> Problem {
    Problem::file(Code::FileEmpty, "The file contains no phone numbers.")
}

/// The layout, and which column stands where; `None` for one that is not known.
type Heading = (Layout, Vec<Option<Column>>, Vec<Problem>);

fn heading(first: Option<Line>, strictness: Strictness) -> Result<Heading, Vec<Problem>> {
    let missing = || {
        let text = format!("The heading row is missing; expected {}.", Layout::all_headings());
        vec![Problem::file(Code::HeaderMissing, text)]
    };
    let record = match first {
        None => return Err(vec![empty()]),
        Some(Err(fault)) => return Err(vec![unbalanced(fault)]),
        Some(Ok(record)) => record,
    };
    let names: Vec<&str> = record.cells.iter().map(|cell| cell.text.trim()).collect();
    if let [only] = names.as_slice()
        && let Some(problem) = other_delimiter(only)
    {
        return Err(vec![problem]);
    }
    let layout = Layout::of(&names).ok_or_else(missing)?;
    let problems = heading_problems(layout, &names, strictness);
    match problems.iter().any(|problem| problem.severity == Severity::Error) {
        true => Err(problems),
        false => Ok((layout, names.iter().map(|name| layout.column(name)).collect(), problems)),
    }
}

fn other_delimiter(heading: &str) -> Option<Problem> {
    let splits = |mark: char| {
        let names: Vec<&str> = heading.split(mark).collect();
        names.len() > 1 && Layout::of(&names).is_some()
    };
    let (_, name) = [(';', ";"), ('\t', "tabs"), ('|', "|")].into_iter().find(|(mark, _)| splits(*mark))?;
    Some(Problem::file(Code::FileDelimiter, format!("Columns are separated by {name}; use commas.")))
}

fn heading_problems(layout: Layout, names: &[&str], strictness: Strictness) -> Vec<Problem> {
    let mut problems = Vec::new();
    if names.len() > COLUMNS {
        let text = format!("{} columns found; at most {COLUMNS} are accepted.", names.len());
        problems.push(Problem::file(Code::ColumnUnknown, text));
        return problems;
    }
    for (at, name) in names.iter().enumerate() {
        let before = names.iter().take(at).any(|before| before.eq_ignore_ascii_case(name));
        if before {
            problems.push(Problem::file(Code::ColumnDuplicate, format!("Column {} appears twice.", shown(name))));
        } else if layout.column(name).is_none() {
            let problem = Problem::file(Code::ColumnUnknown, format!("Column {} is not known.", shown(name)));
            problems.push(if strictness == Strictness::Lenient { problem.warning() } else { problem });
        }
    }
    for (name, _) in layout.required() {
        if !names.iter().any(|found| found.eq_ignore_ascii_case(name)) {
            problems.push(Problem::file(Code::ColumnMissing, format!("Column {name} is missing.")));
        }
    }
    problems
}

fn unbalanced(fault: CsvFault) -> Problem {
    let (row, text) = match fault {
        CsvFault::Open { line } => (line, "A double quote is not closed."),
        CsvFault::Inner { line } => (line, "A double quote stands in the middle of a value."),
    };
    Problem::row(row, None, Code::QuoteUnbalanced, text)
}

type Line = Result<Record, CsvFault>;

/// Every row, when there are neither none nor too many.
fn counted(lines: impl Iterator<Item = Line>) -> Result<(Vec<Line>, usize), Problem> {
    let mut rows = Vec::new();
    let mut total: usize = 0;
    for line in lines {
        total = total.saturating_add(1);
        if total <= ROWS {
            rows.push(line);
        }
    }
    match total {
        0 => Err(empty()),
        1..=ROWS => Ok((rows, total)),
        _ => Err(Problem::file(Code::TooManyRows, format!("{total} rows found; at most {ROWS} are accepted."))),
    }
}

// ---- phase 2: each row

struct RowReader<'o> {
    layout: Layout,
    columns: Vec<Option<Column>>,
    options: &'o Options,
}

impl RowReader<'_> {
    /// The row, unless it has an error; every problem of it goes to `problems`.
    fn row(&self, line: Line, problems: &mut Vec<Problem>) -> Option<CheckedRow> {
        let record = match line {
            Ok(record) => record,
            Err(fault) => {
                problems.push(unbalanced(fault));
                return None;
            }
        };
        if let Some(problem) = self.shape(&record) {
            problems.push(problem);
            return None;
        }
        let fields = Fields { reader: self, record: &record };
        fields.read(problems)
    }

    fn shape(&self, record: &Record) -> Option<Problem> {
        let (found, expected) = (record.cells.len(), self.columns.len());
        if found != expected {
            let text = format!("{found} values where {expected} are expected.");
            return Some(Problem::row(record.line, None, Code::CellCount, text));
        }
        let long = record.cells.iter().any(|cell| cell.text.chars().count() > CELL_CHARACTERS);
        long.then(|| {
            let text = format!("A value has more than {CELL_CHARACTERS} characters.");
            Problem::row(record.line, None, Code::CellTooLong, text)
        })
    }
}

/// One record's values by column.
struct Fields<'r> {
    reader: &'r RowReader<'r>,
    record: &'r Record,
}

impl Fields<'_> {
    fn cell(&self, column: Column) -> Option<&Cell> {
        let at = self.reader.columns.iter().position(|found| *found == Some(column))?;
        self.record.cells.get(at)
    }

    /// The trimmed text of a column, when there is one.
    fn text(&self, column: Column) -> Option<String> {
        let text = self.cell(column)?.text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn place(&self, column: Column) -> Place {
        Place { row: self.record.line, column: self.reader.layout.heading(column) }
    }

    fn read(&self, problems: &mut Vec<Problem>) -> Option<CheckedRow> {
        let options = self.reader.options;
        let kind = kept(self.kind(), problems)?;
        let iso = self.text(Column::Country).or_else(|| options.country.clone()).map(|iso| iso.to_ascii_uppercase());
        let number = kept(self.number(kind, iso.as_deref(), problems), problems);
        let flags = kept(self.flags(problems), problems);
        let header = kept(self.header(), problems);
        let (number, flags, custom_header) = (number?, flags?, header?);
        if flags == Flags::default() && options.mode != Mode::Delete && self.reader.layout != Layout::Numbers {
            let text = format!("Neither receiving nor making calls is enabled for {number}.");
            problems.push(Problem::row(self.record.line, None, Code::NoDirection, text).warning());
        }
        Some(CheckedRow {
            row: self.record.line,
            number,
            account: self.text(Column::Account).or_else(|| options.account.clone()).unwrap_or_default(),
            carrier: self.text(Column::Carrier).or_else(|| options.carrier.clone()),
            country: iso,
            number_type: kind,
            services: self.services(),
            flags,
            custom_header,
            emergency_location: self.text(Column::EmergencyLocation),
            correlation: self.text(Column::Correlation),
            ticket: self.text(Column::Ticket).or_else(|| options.ticket.clone()),
        })
    }

    fn kind(&self) -> Result<NumberType, Problem> {
        let Some(word) = self.text(Column::NumberType) else { return Ok(self.reader.options.number_type) };
        NumberType::from_word(&word).ok_or_else(|| {
            let words: Vec<&str> = NumberType::WORDS.iter().map(|(word, _)| *word).collect();
            let text = format!("{} is no kind of number; write one of {}.", shown(&word), words.join(", "));
            let place = self.place(Column::NumberType);
            Problem::row(place.row, Some(place.column), Code::NumberTypeMismatch, text)
        })
    }

    fn number(&self, kind: NumberType, iso: Option<&str>, problems: &mut Vec<Problem>) -> Result<E164, Problem> {
        let place = self.place(Column::Number);
        let empty = Cell { text: String::new(), is_quoted: false };
        let cell = self.cell(Column::Number).unwrap_or(&empty);
        let rules = NumberRules {
            layout: self.reader.layout,
            strictness: self.reader.options.strictness,
            number_type: kind,
            country: iso.and_then(country),
        };
        cell::number(&cell.text, cell.is_quoted, rules, place, problems)
    }

    fn flags(&self, problems: &mut Vec<Problem>) -> Result<Flags, Problem> {
        let options = self.reader.options;
        let mut flag = |column: Column, default: bool| match self.cell(column) {
            Some(cell) => cell::flag(&cell.text, options.strictness, self.place(column), problems),
            None => Ok(default),
        };
        Ok(Flags {
            inbound: flag(Column::Inbound, options.inbound)?,
            outbound: flag(Column::Outbound, options.outbound)?,
        })
    }

    fn header(&self) -> Result<Option<String>, Problem> {
        match self.cell(Column::CustomHeader) {
            Some(cell) if !cell.text.trim().is_empty() => {
                cell::header_content(&cell.text, self.place(Column::CustomHeader))
            }
            Some(_) | None => {
                let default = self.reader.options.custom_header.as_deref().unwrap_or_default();
                cell::header_content(default, self.place(Column::CustomHeader))
            }
        }
    }

    fn services(&self) -> BTreeSet<String> {
        match self.text(Column::Services) {
            Some(text) => text.split('|').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            None => self.reader.options.services.clone(),
        }
    }
}

fn kept<T>(result: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

// ---- phase 3: rows against each other

fn against_each_other(rows: &mut Vec<CheckedRow>, layout: Layout, problems: &mut Vec<Problem>) {
    let mut first: HashMap<E164, usize> = HashMap::with_capacity(rows.len());
    rows.retain(|row| match first.get(&row.number) {
        Some(before) => {
            let text = format!("{} repeats row {before}.", row.number);
            problems.push(Problem::row(row.row, Some(layout.heading(Column::Number)), Code::DuplicateInFile, text));
            false
        }
        None => {
            first.insert(row.number.clone(), row.row);
            true
        }
    });
}

// ---- phase 4: rows against what exists

fn against_data(
    rows: &mut Vec<CheckedRow>,
    layout: Layout,
    options: &Options,
    existing: &dyn Existing,
    problems: &mut Vec<Problem>,
) {
    let mut added: BTreeMap<String, usize> = BTreeMap::new();
    rows.retain(|row| {
        let found = fits_data(row, layout, options.mode, existing);
        let fits = found.is_empty();
        problems.extend(found);
        if fits && options.mode != Mode::Delete && existing.owner(&row.number).is_none() {
            *added.entry(row.account.clone()).or_default() += 1;
        }
        fits
    });
    for (account, count) in added {
        if let Some(room) = existing.room(&account).filter(|room| count > *room) {
            let text = format!("The import would exceed {account}'s limit: {count} new numbers, room for {room}.");
            problems.push(Problem::file(Code::QuotaExceeded, text));
        }
    }
}

fn fits_data(row: &CheckedRow, layout: Layout, mode: Mode, existing: &dyn Existing) -> Vec<Problem> {
    let mut found = Vec::new();
    let at = |column: Column| Some(layout.heading(column)).filter(|name| !name.is_empty());
    let mut error = |column, code, text: String| found.push(Problem::row(row.row, at(column), code, text));
    let account = shown(&row.account);
    if row.account.is_empty() {
        error(Column::Account, Code::AccountUnknown, "No account is named; choose one for the import.".to_owned());
    } else if !existing.has_account(&row.account) {
        error(Column::Account, Code::AccountUnknown, format!("Account {account} does not exist."));
    }
    if let Some(carrier) = row.carrier.as_deref().filter(|carrier| !existing.has_carrier(carrier)) {
        error(Column::Carrier, Code::CarrierUnknown, format!("Carrier {} does not exist.", shown(carrier)));
    }
    for service in &row.services {
        if !existing.is_service(service) {
            error(Column::Services, Code::ServiceUnknown, format!("{} is not a service.", shown(service)));
        } else if !existing.is_enabled(&row.account, service) {
            let text = format!("Account {account} is not enabled for {service}.");
            error(Column::Services, Code::ServiceNotEnabled, text);
        }
    }
    if let Some((code, text)) = ownership(row, mode, existing) {
        error(Column::Number, code, text);
    }
    found
}

fn ownership(row: &CheckedRow, mode: Mode, existing: &dyn Existing) -> Option<(Code, String)> {
    let number = &row.number;
    match (existing.owner(number), mode) {
        (Some(owner), _) if owner.account != row.account => {
            Some((Code::OwnedByOtherAccount, format!("{number} is assigned to another account.")))
        }
        (Some(_), Mode::Create) => Some((Code::AlreadyExists, format!("{number} exists already in this account."))),
        (Some(owner), Mode::Delete) if owner.is_in_use => {
            Some((Code::InUse, format!("{number} has active calls or routing references.")))
        }
        (None, Mode::Delete) => Some((Code::NotFound, format!("{number} does not exist."))),
        (Some(_) | None, Mode::Create | Mode::Upsert | Mode::Delete) => None,
    }
}
