//! Typed reading of a TOML tree. Each getter says what it wants and shows what to write instead; the keys asked for
//! are the keys known, so that no list of keys is kept by hand: [`Table::close`] refuses every other one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, joined};
use super::report::shown;
use super::suggest::{nearest, part_of};
use crate::base::limits::CONFIG_TABLES;

/// One table of the file and the keys asked of it.
pub(super) struct Table<'d> {
    doc: &'d Document,
    path: String,
    entries: Option<&'d DeTable<'d>>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// One value of the file, and what a right one looks like.
#[derive(Clone)]
pub(super) struct Field<'d> {
    doc: &'d Document,
    path: String,
    value: &'d Spanned<DeValue<'d>>,
    /// As it would be written: `port = 5061`.
    example: String,
}

impl<'d> Table<'d> {
    /// The whole file.
    pub(super) fn root(doc: &'d Document, entries: &'d DeTable<'d>) -> Table<'d> {
        Table { doc, path: String::new(), entries: Some(entries), asked: RefCell::default() }
    }

    pub(super) fn doc(&self) -> &'d Document {
        self.doc
    }

    /// Path of this table, or of a key in it.
    pub(super) fn path_of(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The value of a key, if it is there. `example` is the right-hand side of a correct line.
    pub(super) fn field(&self, key: &'static str, example: &str) -> Option<Field<'d>> {
        self.asked.borrow_mut().insert(key);
        let value = self.entries?.get(key)?;
        Some(Field { doc: self.doc, path: self.path_of(key), value, example: format!("{key} = {example}") })
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str, example: &str) -> Option<Field<'d>> {
        let field = self.field(key, example);
        if field.is_none() {
            self.doc.error(&self.path, format!("missing key \"{key}\"; write {key} = {example}"));
        }
        field
    }

    pub(super) fn text(&self, key: &'static str, example: &str) -> Option<String> {
        self.field(key, example)?.text().map(str::to_owned)
    }

    /// The path of something that is made where it is not there yet: what a shell would expand would be made as it is written.
    pub(super) fn place(&self, key: &'static str, example: &str) -> Option<String> {
        let field = self.field(key, example)?;
        let text = field.text()?;
        if text.starts_with('~') || text.contains('$') {
            field.refuse(format_args!(
                "{} is taken as it stands, without ~ and variables; write the whole path",
                shown(text)
            ));
        }
        Some(text.to_owned())
    }

    pub(super) fn flag(&self, key: &'static str, example: &str) -> Option<bool> {
        self.field(key, example)?.flag()
    }

    pub(super) fn whole<T>(&self, key: &'static str, example: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        self.field(key, example)?.whole(range)
    }

    /// A duration in whole seconds.
    pub(super) fn seconds(&self, key: &'static str, example: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.whole(key, example, range).map(Duration::from_secs)
    }

    /// A duration in whole milliseconds.
    pub(super) fn millis(&self, key: &'static str, example: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.whole(key, example, range).map(Duration::from_millis)
    }

    /// A table that may be left out; then it reads as empty.
    pub(super) fn table(&self, key: &'static str, example: &str) -> Table<'d> {
        let found = self.field(key, example).and_then(|field| field.table());
        let empty = || Table { doc: self.doc, path: self.path_of(key), entries: None, asked: RefCell::default() };
        found.unwrap_or_else(empty)
    }

    /// True when the key stands in the file.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    /// `[KEY.NAME]` tables in the order of the file.
    pub(super) fn named(&self, key: &'static str) -> Vec<(String, Table<'d>)> {
        let Some(Field { value, .. }) = self.field(key, "[table]") else { return Vec::new() };
        let path = self.path_of(key);
        let DeValue::Table(entries) = value.get_ref() else {
            self.doc.error(&path, format!("expected tables; write [{key}.NAME] and its keys below"));
            return Vec::new();
        };
        let named = entries.iter().filter_map(|(name, value)| self.named_entry(key, &path, name.get_ref(), value));
        let mut named: Vec<_> = named.take(CONFIG_TABLES.saturating_add(1)).collect();
        if named.len() > CONFIG_TABLES {
            self.doc.error(&path, format!("has more than {CONFIG_TABLES} tables; spread them over more nodes"));
            named.clear();
        }
        named.sort_by_key(|(_, table)| self.doc.line(&table.path));
        named
    }

    fn named_entry(
        &self,
        key: &str,
        path: &str,
        name: &str,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Option<(String, Table<'d>)> {
        let field = Field { doc: self.doc, path: joined(path, name), value, example: format!("[{key}.NAME]") };
        let table = field.table()?;
        if !is_name(name) {
            let rule = "a name has 1 to 64 letters, digits, dots, hyphens or underscores";
            self.doc.error(&field.path, format!("{} is no name; {rule}", shown(name)));
        }
        Some((name.to_owned(), table))
    }

    /// Keys and values of a table whose keys are free, in the order of the file.
    pub(super) fn pairs(&self, example: &str) -> Vec<(String, Field<'d>)> {
        let entries = self.entries.into_iter().flat_map(|entries| entries.iter());
        let field = |key: &str, value| {
            let (path, example) = (joined(&self.path, key), format!("{} = {example}", shown(key)));
            Field { doc: self.doc, path, value, example }
        };
        let mut pairs: Vec<(usize, String, Field<'d>)> = entries
            .map(|(key, value)| (key.span().start, key.get_ref().to_string(), field(key.get_ref(), value)))
            .collect();
        // Lines count on in a file that overrides another, and places within them begin anew.
        pairs.sort_by_cached_key(|(place, _, field)| (self.doc.line(&field.path), *place));
        pairs.into_iter().map(|(_, key, field)| (key, field)).collect()
    }

    /// `[[KEY]]` tables in order.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'d>> {
        let Some(field) = self.field(key, "[[table]]") else { return Vec::new() };
        if !matches!(field.value.get_ref(), DeValue::Array(_)) {
            self.doc
                .error(&field.path, format!("expected tables in a list; write [[{}]] with two brackets", field.path));
            return Vec::new();
        }
        field.list().unwrap_or_default().iter().filter_map(Field::table).collect()
    }

    /// True of a table that holds one other and nothing besides: so reads a name with dots without its quotes.
    fn is_half_a_name(&self) -> bool {
        let mut entries = self.entries.into_iter().flat_map(|entries| entries.values());
        let only = entries.next().filter(|_| entries.next().is_none());
        self.path.contains('.') && only.is_some_and(|value| value.get_ref().is_table())
    }

    /// Refuses every key nobody asked for.
    pub(super) fn close(self) {
        /// Unknown keys of one table that are compared with the known ones.
        const COMPARED: usize = 100;
        let asked = self.asked.borrow();
        let keys = self.entries.into_iter().flat_map(|entries| entries.keys());
        for (index, key) in keys.filter(|key| !asked.contains(key.get_ref().as_ref())).enumerate() {
            let near = if index < COMPARED { nearest(key.get_ref(), asked.iter().copied()) } else { None };
            let text = match near {
                Some(name) => format!("unknown key; did you mean \"{name}\"?"),
                None if self.is_half_a_name() => {
                    let (table, half) = self.path.split_once('.').unwrap_or_default();
                    let whole = format!("{half}.{}", key.get_ref());
                    format!("unknown key; if {whole} is one name, write it in quotes: [{table}.{}]", shown(&whole))
                }
                None => format!("unknown key; known here: {}", listed(asked.iter().copied())),
            };
            self.doc.error(&joined(&self.path, key.get_ref()), text);
        }
    }
}

impl<'d> Field<'d> {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Tells of what works, and somebody should look at. `name`: what `doctor` calls it.
    pub(super) fn warn(&self, name: Option<&'static str>, text: impl Into<String>) {
        match name {
            Some(name) => self.doc.warn_named(name, &self.path, text),
            None => self.doc.warn(&self.path, text),
        }
    }

    /// Notes what the file held that this names.
    pub(super) fn read_file(&self, octets: &[u8]) {
        self.doc.read_file(&self.path, octets);
    }

    /// Refuses the value and shows a right one, unless the text ends with one.
    pub(super) fn refuse(&self, text: impl Display) {
        let text = text.to_string();
        match text.ends_with('?') || text.contains("; write ") {
            true => self.doc.error(&self.path, text),
            false => self.doc.error(&self.path, format!("{text}; write {}", self.example)),
        }
    }

    /// The file is used in spite of this.
    pub(super) fn doubt(&self, text: &str) {
        self.doc.warn(&self.path, text);
    }

    /// Refuses the key itself; the text says what to do.
    pub(super) fn refuse_key(&self, text: &str) {
        self.doc.error(&self.path, text);
    }

    /// Refuses a list without elements, unless its elements were refused already.
    pub(super) fn refuse_empty(&self, text: &str) {
        if self.value.get_ref().as_array().is_some_and(|elements| elements.is_empty()) {
            self.refuse(text);
        }
    }

    fn wrong_type(&self, expected: &str) {
        let found = match self.value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format_args!("expected {expected}, found {found}"));
    }

    /// True for a table: which of two forms a value has.
    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    /// True for a string: which of two forms a value has.
    pub(super) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    pub(super) fn text(&self) -> Option<&'d str> {
        let text = self.value.get_ref().as_str();
        match text {
            None => self.wrong_type("a string"),
            Some("") => self.refuse("is empty"),
            Some(text) if text.contains(char::is_control) => self.refuse("contains a control character"),
            Some(text) => return Some(text),
        }
        None
    }

    /// A string that may be empty.
    pub(super) fn text_or_nothing(&self) -> Option<&'d str> {
        match self.value.get_ref().as_str() {
            Some("") => Some(""),
            Some(_) | None => self.text(),
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type("true or false");
        }
        flag
    }

    /// A whole number within bounds.
    pub(super) fn whole<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let Some(number) = self.value.get_ref().as_integer() else {
            self.wrong_type("a whole number");
            return None;
        };
        let value = i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|n| T::try_from(n).ok());
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            let (low, high, number) = (range.start(), range.end(), shown(number.as_str()));
            self.refuse(format_args!("{} is not between {low} and {high}", number.trim_matches('"')));
        }
        value
    }

    pub(super) fn list(&self) -> Option<Vec<Field<'d>>> {
        let Some(elements) = self.value.get_ref().as_array() else {
            self.wrong_type("a list");
            return None;
        };
        let element = |(index, value)| Field {
            doc: self.doc,
            path: format!("{}[{index}]", self.path),
            value,
            example: self.example.clone(),
        };
        let elements: Vec<Field<'d>> = elements.iter().enumerate().map(element).collect();
        doubt_repeated(&elements);
        Some(elements)
    }

    pub(super) fn table(&self) -> Option<Table<'d>> {
        let Some(entries) = self.value.get_ref().as_table() else {
            self.wrong_type("a table");
            return None;
        };
        let (doc, path) = (self.doc, self.path.clone());
        Some(Table { doc, path, entries: Some(entries), asked: RefCell::default() })
    }

    /// A string that a function understands; its error completes the sentence "VALUE ...".
    pub(super) fn parsed<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text()?;
        match read(text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(format_args!("{} {reason}", shown(text)));
                None
            }
        }
    }

    /// Every element of a list that a function understands.
    pub(super) fn all<T>(&self, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        Some(self.list()?.iter().filter_map(|field| field.parsed(&read)).collect())
    }

    /// One of a few words.
    pub(super) fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words = choices.iter().map(|(word, _)| *word);
            match nearest(text, words.clone()).or_else(|| part_of(text, words.clone())) {
                Some(word) => self.doc.error(&self.path, format!("unknown value; did you mean \"{word}\"?")),
                None => self.refuse(format_args!("{} is none of {}", shown(text), listed(words))),
            }
        }
        found.map(|(_, value)| value.clone())
    }

    /// The name of an entry that stands elsewhere in the file, in one of `kind`'s tables.
    pub(super) fn name_of(&self, kind: Kind, declared: &Declared) -> Option<String> {
        let name = self.text()?;
        let known = declared.names(kind);
        if known.contains(name) {
            return Some(name.to_owned());
        }
        let advice = match (nearest(name, known.iter().copied()), known.is_empty()) {
            (Some(word), _) => format!("did you mean \"{word}\"?"),
            (None, true) => format!("write a table [{}.NAME] and name it here", kind.table()),
            (None, false) => format!("write one of {}, or add [{}.NAME]", listed(known.iter().copied()), kind.table()),
        };
        self.doc.error(&self.path, format!("there is no {} {}; {advice}", kind.word(), shown(name)));
        None
    }
}

/// A text that stands twice in a list is a slip, and does no harm.
fn doubt_repeated(elements: &[Field<'_>]) {
    let mut seen = BTreeSet::new();
    let texts = elements.iter().filter_map(|field| Some((field, field.value.get_ref().as_str()?)));
    for (field, text) in texts.filter(|(_, text)| !seen.insert(*text)) {
        field.doubt(&format!("{} stands in this list already; take one of the two out", shown(text)));
    }
}

/// Names of tables keyed by name: they become labels, log fields and file names.
fn is_name(name: &str) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    const LISTED: usize = 40;
    words.take(LISTED).collect::<Vec<_>>().join(", ")
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Network,
    Certificate,
    Trust,
    Listener,
    Trunk,
    TrunkOrGroup,
    Account,
}

impl Kind {
    const ALL: [Kind; 7] =
        [Kind::Network, Kind::Certificate, Kind::Trust, Kind::Listener, Kind::Trunk, Kind::TrunkOrGroup, Kind::Account];

    const fn word(self) -> &'static str {
        match self {
            Kind::Network => "network",
            Kind::Certificate => "certificate",
            Kind::Trust => "trust store",
            Kind::Listener => "listener",
            Kind::Trunk => "trunk",
            Kind::TrunkOrGroup => "trunk or group",
            Kind::Account => "account",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Kind::Network => "networks",
            Kind::Certificate => "certificates",
            Kind::Trust => "trust",
            Kind::Listener => "listeners",
            Kind::Trunk | Kind::TrunkOrGroup => "trunks",
            Kind::Account => "accounts",
        }
    }
}

/// The names that references may use, collected once.
#[derive(Debug)]
pub(super) struct Declared<'d> {
    names: BTreeMap<Kind, BTreeSet<&'d str>>,
}

impl<'d> Declared<'d> {
    pub(super) fn new(root: &'d DeTable<'d>) -> Declared<'d> {
        let mut names: BTreeMap<Kind, BTreeSet<&str>> = Kind::ALL.map(|kind| (kind, keys(root, kind.table()))).into();
        names.entry(Kind::TrunkOrGroup).or_default().extend(keys(root, "groups"));
        let trust = names.entry(Kind::Trust).or_default();
        if trust.is_empty() {
            trust.insert("default");
        }
        Declared { names }
    }

    /// Every name of a kind. Without any `[trust.NAME]` there is `default`: the system's roots.
    pub(super) fn names(&self, kind: Kind) -> &BTreeSet<&'d str> {
        static NONE: BTreeSet<&str> = BTreeSet::new();
        self.names.get(&kind).unwrap_or(&NONE)
    }
}

fn keys<'d>(root: &'d DeTable<'d>, table: &str) -> BTreeSet<&'d str> {
    let entries = root.get(table).and_then(|value| value.get_ref().as_table());
    entries.into_iter().flat_map(|entries| entries.keys()).map(|name| name.get_ref().as_ref()).collect()
}
