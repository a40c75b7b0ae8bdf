//! One TOML text: where each key stands, and what was found wrong so far.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::changes::fingerprint;
use super::report::{Finding, Level, Report, shown};
use super::syntax;

/// The places and findings of one file. Readers share it; findings gather until [`Document::into_report`].
#[derive(Debug)]
pub(super) struct Document {
    name: String,
    /// A second file, whose keys stand above those of the first; its lines count on from the last of the first.
    overriding: Option<Overriding>,
    /// Offsets of the first octet of each line.
    lines: Vec<usize>,
    /// Path -> line, for every key and element of the file.
    places: BTreeMap<String, usize>,
    /// Lines that are no TOML, and the complaint: what the parser made up for them is not judged again.
    broken: BTreeMap<usize, String>,
    findings: RefCell<Vec<Finding>>,
    /// Contents of files that the text names, by the key that names them.
    files: RefCell<BTreeMap<String, [u8; 32]>>,
}

#[derive(Debug)]
struct Overriding {
    name: String,
    /// Lines of the first file.
    after: usize,
}

impl Document {
    /// Parses a file and the one that overrides keys of it: tables are merged, anything else is replaced whole.
    pub(super) fn parse_overridden<'t>(
        first: (&str, &'t str),
        second: Option<(&str, &'t str)>,
    ) -> (Document, DeTable<'t>) {
        let (mut document, mut root) = Document::parse(first.0, first.1);
        if let Some((name, text)) = second {
            let (over, entries) = Document::parse(name, text);
            document.take_over(over);
            document.merge("", &mut root, entries);
        }
        (document, root)
    }

    /// Takes the places and findings of the file that overrides this one.
    fn take_over(&mut self, over: Document) {
        let after = self.lines.len();
        self.places.extend(over.places.into_iter().map(|(path, line)| (path, line + after)));
        self.broken.extend(over.broken.into_iter().map(|(line, complaint)| (line + after, complaint)));
        self.findings.borrow_mut().extend(over.findings.into_inner());
        self.overriding = Some(Overriding { name: over.name, after });
    }

    /// Lays `entries` over `table`. What is replaced no longer stands anywhere.
    fn merge<'t>(&mut self, path: &str, table: &mut DeTable<'t>, entries: DeTable<'t>) {
        for (key, value) in entries {
            let path = joined(path, key.get_ref());
            match (table.get_mut(key.get_ref().as_ref()).map(toml::Spanned::get_mut), value.into_inner()) {
                (Some(DeValue::Table(below)), DeValue::Table(above)) => self.merge(&path, below, above),
                (Some(known), value) => {
                    let after = self.overriding.as_ref().map_or(0, |over| over.after);
                    let below = |place: &str| {
                        place.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(['.', '[']))
                    };
                    self.places.retain(|place, line| *line > after || !below(place));
                    *known = value;
                }
                (None, value) => drop(table.insert(key, toml::Spanned::new(0..0, value))),
            }
        }
    }

    /// Parses as far as the text goes; what is no TOML becomes findings.
    pub(super) fn parse<'t>(name: &str, text: &'t str) -> (Document, DeTable<'t>) {
        let (root, faults) = DeTable::parse_recoverable(text);
        let starts = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n').map(|(at, _)| at + 1);
        let mut document = Document {
            name: name.to_owned(),
            overriding: None,
            lines: std::iter::once(0).chain(starts).collect(),
            places: BTreeMap::new(),
            broken: BTreeMap::new(),
            findings: RefCell::default(),
            files: RefCell::default(),
        };
        let root = root.into_inner();
        document.note_table("", &root);
        faults.iter().for_each(|fault| document.note_fault(text, fault));
        (document, root)
    }

    /// One finding for each broken line: the parser's first complaint is the useful one. A bracket left open breaks
    /// every line after it in the same way: only the first of them is shown.
    fn note_fault(&mut self, text: &str, fault: &toml::de::Error) {
        let line = fault.span().map_or_else(|| nested(text), |span| self.line_of(&span));
        let in_list = fault.message().contains("array");
        let continued = in_list && self.broken.values().any(|before| before == fault.message());
        if self.broken.insert(line, fault.message().to_owned()).is_some() || continued {
            return;
        }
        let line = if in_list { open_list(text, line) } else { line };
        self.broken.insert(line, fault.message().to_owned());
        let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let text = match fault.message() {
            "duplicate key" => {
                let found = fault.span().and_then(|span| text.get(span)).filter(|found| !found.is_empty());
                format!(
                    "{} is defined twice; keep one of the two",
                    found.map(|key| shown(key.trim_matches('"'))).unwrap_or_default()
                )
            }
            message if message.contains("recur") => "nested too deeply; this file needs four levels at most".to_owned(),
            message => syntax::told(message, written),
        };
        self.push(Level::Error, line, "", text, None);
    }

    fn note_table(&mut self, path: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let path = joined(path, key.get_ref());
            let line = self.line_of(&key.span());
            self.note_value(path, line, value.get_ref());
        }
    }

    fn note_value(&mut self, path: String, line: usize, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.note_table(&path, table),
            DeValue::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let line = self.line_of(&element.span());
                    self.note_value(format!("{path}[{index}]"), line, element.get_ref());
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        self.places.insert(path, line);
    }

    fn line_of(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start)
    }

    /// Line of a path, or of the nearest table around it; 0 when nothing of it stands in the file.
    pub(super) fn line(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.places.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']).and_then(|at| path.get(..at)) {
                Some(parent) => path = parent,
                None => return 0,
            }
        }
    }

    /// True when the path is written in the file.
    pub(super) fn stands(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// The file is refused for this.
    pub(super) fn error(&self, path: &str, text: impl Into<String>) {
        self.push(Level::Error, self.line(path), path, text.into(), None);
    }

    /// The same of a fault that has a name of its own.
    pub(super) fn error_named(&self, name: &'static str, path: &str, text: impl Into<String>) {
        self.push(Level::Error, self.line(path), path, text.into(), Some(name));
    }

    /// The file is used in spite of this.
    pub(super) fn warn(&self, path: &str, text: impl Into<String>) {
        self.push(Level::Warning, self.line(path), path, text.into(), None);
    }

    /// The same of a fault that has a name of its own.
    pub(super) fn warn_named(&self, name: &'static str, path: &str, text: impl Into<String>) {
        self.push(Level::Warning, self.line(path), path, text.into(), Some(name));
    }

    fn push(&self, level: Level, line: usize, path: &str, text: String, name: Option<&'static str>) {
        // What the parser could not read is missing from the rest: no judgement on its own line, no warnings at all.
        let unsure = self.broken.contains_key(&line) || (level == Level::Warning && !self.broken.is_empty());
        if !path.is_empty() && unsure {
            return;
        }
        let (file, line) = match &self.overriding {
            Some(over) if line > over.after => (over.name.clone(), line - over.after),
            Some(_) | None => (self.name.clone(), line),
        };
        let path = cut(path);
        self.findings.borrow_mut().push(Finding { file, line, path, text, level, name });
    }

    /// Notes what the file held that the key at `path` names.
    pub(super) fn read_file(&self, path: &str, octets: &[u8]) {
        self.files.borrow_mut().insert(path.to_owned(), fingerprint(octets));
    }

    /// See [`Document::read_file`].
    pub(super) fn files(&self) -> BTreeMap<String, [u8; 32]> {
        self.files.borrow().clone()
    }

    /// True when the file is refused already for this key, or for what is in it.
    pub(super) fn is_refused(&self, path: &str) -> bool {
        let within = |found: &Finding| {
            found.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.findings.borrow().iter().any(|found| found.level == Level::Error && within(found))
    }

    /// True when nothing speaks against the file so far.
    pub(super) fn is_accepted(&self) -> bool {
        self.findings.borrow().iter().all(|finding| finding.level != Level::Error)
    }

    pub(super) fn into_report(self) -> Report {
        Report::new(self.findings.into_inner())
    }
}

/// The path of a key, itself perhaps a path, in one of a kind's tables: `trunks."sbc.example.com".media.security`.
pub(super) fn key_of(table: &str, name: &str, key: &str) -> String {
    format!("{}.{key}", joined(table, name))
}

/// A path fit for a message.
fn cut(path: &str) -> String {
    /// Characters: four names, each as long as a DNS name.
    const PATH: usize = 4 * 253;
    match path.char_indices().nth(PATH) {
        Some((end, _)) => format!("{}...", path.get(..end).unwrap_or_default()),
        None => path.to_owned(),
    }
}

/// Where a list stays open: a fault inside it is told of its own line, and one on a line that begins something else of the
/// line that opens the list, the nearest one before it with more brackets opened than closed.
fn open_list(text: &str, fault: usize) -> usize {
    let count = |line: &str, bracket: char| {
        let bare: String = line.split('"').step_by(2).collect();
        bare.split('#').next().unwrap_or_default().matches(bracket).count()
    };
    let begins_anew = |line: &str| {
        let key = line.split('=').next().filter(|key| key.len() < line.len()).unwrap_or_default().trim();
        let is_bare = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        line.trim_start().starts_with('[') || (!key.is_empty() && key.bytes().all(is_bare))
    };
    let before: Vec<&str> = text.lines().take(fault).collect();
    let Some((_, before)) = before.split_last().filter(|(own, _)| begins_anew(own)) else { return fault };
    let opens = |line: &&str| count(line, '[') > count(line, ']') && line.contains('=');
    before.iter().rposition(opens).map_or(fault, |place| place.saturating_add(1))
}

/// The line of the longest dotted name: where a name has too many parts, the parser does not say where it stands.
fn nested(text: &str) -> usize {
    let dots = |line: &str| memchr::memchr_iter(b'.', line.as_bytes()).count();
    let deepest = text.lines().map(dots).enumerate().max_by_key(|(line, dots)| (*dots, std::cmp::Reverse(*line)));
    deepest.map_or(1, |(line, _)| line.saturating_add(1))
}

/// `path.key`, the key quoted when it is no bare key.
pub(super) fn joined(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet));
    let key = if bare { key.to_owned() } else { shown(key) };
    match path {
        "" => key,
        path => format!("{path}.{key}"),
    }
}
