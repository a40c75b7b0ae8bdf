//! A small reader of Rust source for the architecture test: enough to tell code from comments, literals and
//! test-only items, to follow `crate::` paths, and to measure functions. No macro is expanded.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file, its code with comments, literals and test-only items turned into spaces.
pub struct Source {
    /// Relative to the repository, with `/`.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// As long as `text`, line for line; only code outside tests is left.
    pub code: String,
}

/// A path that starts at the crate's root, as written at one place: `crate::sip::flow` is `["sip", "flow"]`.
pub struct Reference {
    pub line: usize,
    pub path: Vec<String>,
}

/// A number with a name of its own.
pub struct Constant {
    pub name: String,
    pub line: usize,
}

/// A function with a body, and how many lines it takes from `fn` to its closing brace.
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
}

impl Source {
    /// Reads one file below `root`.
    pub fn read(root: &Path, file: &Path) -> Source {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        Source::new(&path, text)
    }

    /// A source from text; `path` as if it stood in the repository.
    pub fn new(path: &str, text: String) -> Source {
        let code = without_tests(&without_comments_and_literals(&text));
        Source { path: path.to_owned(), text, code }
    }

    /// The module's path from the crate root: `src/sip/header/via.rs` is `["sip", "header", "via"]`.
    pub fn module_path(&self) -> Vec<String> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            parts.pop();
        }
        parts
    }

    /// The top-level module the file belongs to; `None` for `lib.rs` and `main.rs`.
    pub fn module(&self) -> Option<String> {
        self.module_path().into_iter().next()
    }

    /// Paths of the modules in files of their own that this one declares for tests only.
    pub fn test_modules(&self) -> Vec<Vec<String>> {
        let declared = self.text.split("#[cfg(test)]").skip(1).filter_map(|rest| {
            let name = rest.trim_start().strip_prefix("mod ")?.split_once(';')?.0;
            name.chars().all(is_word).then(|| [self.module_path(), vec![name.to_owned()]].concat())
        });
        declared.collect()
    }

    /// Every path that names something from the crate's root: `crate::..`, `$crate::..`, and chains of
    /// `super::` that climb to the root. Nested `use` groups are spread out.
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        for at in words(&self.code, "crate") {
            if let Some(rest) = self.code[at + 5..].trim_start().strip_prefix("::") {
                self.push_paths(at, rest, &mut found);
            }
        }
        let depth = self.module_path().len();
        for at in words(&self.code, "super") {
            let (climbs, rest) = climb(&self.code[at..]);
            let starts_chain = !self.code[..at].trim_end().ends_with("::");
            if starts_chain && climbs >= depth.max(1) {
                self.push_paths(at, rest, &mut found);
            }
        }
        found
    }

    fn push_paths(&self, at: usize, rest: &str, found: &mut Vec<Reference>) {
        let line = self.line_of(at);
        found.extend(spread(rest).into_iter().map(|path| Reference { line, path }));
    }

    /// Every function with a body, in order.
    pub fn functions(&self) -> Vec<Function> {
        words(&self.code, "fn").into_iter().filter_map(|at| self.function_at(at)).collect()
    }

    fn function_at(&self, at: usize) -> Option<Function> {
        let name: String = self.code[at + 2..].trim_start().chars().take_while(|&c| is_word(c)).collect();
        let body = at + body_offset(&self.code[at..])?;
        let end = body + matching_brace(&self.code[body..])?;
        let line = self.line_of(at);
        (!name.is_empty()).then(|| Function { name, line, lines: self.line_of(end) - line + 1 })
    }

    /// Whole numbers that are constants of this file.
    pub fn constants(&self) -> Vec<Constant> {
        const NUMBERS: [&str; 5] = ["usize", "u64", "u32", "u16", "u8"];
        let constant = |at: usize| {
            let (name, rest) = self.code[at + 5..].split_once(':')?;
            let is_number = NUMBERS.contains(&leading_word(rest.trim_start()).as_str());
            let name = name.trim();
            let found = Constant { name: name.to_owned(), line: self.line_of(at) };
            (is_number && name.chars().all(is_word)).then_some(found)
        };
        words(&self.code, "const").into_iter().filter_map(constant).collect()
    }

    /// True for a constant that says how many things a table holds or a loop looks at. How long a text is, is no such
    /// thing: it ends in what is counted.
    pub fn is_bound(&self, constant: &str) -> bool {
        const OF_TEXTS: [&str; 4] = ["OCTETS", "CHARACTERS", "DIGITS", "SHOWN"];
        let uses = ["len() >= ", "len() < ", "take(", "channel("];
        let stands = |used: &str| !self.lines_with(&format!("{used}{constant}")).is_empty();
        !OF_TEXTS.iter().any(|end| constant.ends_with(end)) && uses.into_iter().any(stands)
    }

    /// The lines (from 1) on which `needle` stands as a whole word or path.
    pub fn lines_with(&self, needle: &str) -> Vec<usize> {
        words(&self.code, needle).into_iter().map(|at| self.line_of(at)).collect()
    }

    /// Lines of the file without the tests at its end.
    pub fn lines_without_tests(&self) -> usize {
        self.line_of(self.code.trim_end().len())
    }

    /// Names of the macros this file exports at the crate's root.
    pub fn exported_macros(&self) -> Vec<String> {
        let parts = self.code.split("#[macro_export]").skip(1);
        parts.filter_map(|part| part.split("macro_rules!").nth(1)).map(|rest| leading_word(rest.trim_start())).collect()
    }

    fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

/// Every `.rs` file below `dir`, sorted.
pub fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(dir) else { return files };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// True for what may stand inside an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn leading_word(text: &str) -> String {
    text.chars().take_while(|&c| is_word(c)).collect()
}

/// Where `needle` stands as a whole word: no identifier character before it, and none after it if it ends in one.
fn words(code: &str, needle: &str) -> Vec<usize> {
    let edge = |c: Option<char>| !c.is_some_and(is_word);
    let open_end = !needle.ends_with(is_word);
    let stands_alone = |&(at, _): &(usize, &str)| {
        edge(code[..at].chars().next_back()) && (open_end || edge(code[at + needle.len()..].chars().next()))
    };
    code.match_indices(needle).filter(stands_alone).map(|(at, _)| at).collect()
}

/// Counts a chain `super::super::` and gives what follows it.
fn climb(mut rest: &str) -> (usize, &str) {
    let mut climbs = 0;
    while let Some(after) = rest.strip_prefix("super").and_then(|r| r.trim_start().strip_prefix("::")) {
        climbs += 1;
        rest = after.trim_start();
    }
    (climbs, rest)
}

/// The paths named by what follows `crate::`: one for `a::b`, several for `{a, b::{c, d}}`.
fn spread(rest: &str) -> Vec<Vec<String>> {
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        return items(group).into_iter().flat_map(spread).collect();
    }
    let word = leading_word(rest);
    let after = rest[word.len()..].trim_start();
    if word.is_empty() {
        return if rest.starts_with('*') { vec![vec!["*".to_owned()]] } else { Vec::new() };
    }
    match after.strip_prefix("::").map(spread) {
        Some(tails) if !tails.is_empty() => tails.into_iter().map(|tail| [vec![word.clone()], tail].concat()).collect(),
        Some(_) | None => vec![vec![word]],
    }
}

/// The comma-separated items of a group whose opening brace is already taken.
fn items(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                return found;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// Offset of the `{` that opens a body, or `None` when the item ends with `;` first.
fn body_offset(item: &str) -> Option<usize> {
    let mut depth = 0i32;
    for (at, c) in item.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Offset of the brace that closes the one `text` starts with.
fn matching_brace(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Blanks every item that stands under `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    for mark in ["#[cfg(test)]", "#[cfg(all(test"] {
        while let Some(at) = code.find(mark) {
            let end = at + item_end(&code[at + 2..]) + 2;
            blank(&mut code, at, end);
        }
    }
    code
}

/// Offset just after the item that follows an attribute.
fn item_end(text: &str) -> usize {
    match body_offset_after_attributes(text) {
        Some(open) => matching_brace(&text[open..]).map_or(text.len(), |close| open + close + 1),
        None => text.find(';').map_or(text.len(), |semicolon| semicolon + 1),
    }
}

fn body_offset_after_attributes(text: &str) -> Option<usize> {
    let start = text.find(']').map_or(0, |at| at + 1);
    body_offset(&text[start..]).map(|at| start + at)
}

fn blank(code: &mut String, from: usize, to: usize) {
    let spaces: String = code[from..to].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
    code.replace_range(from..to, &spaces);
}

/// Turns comments, strings and character literals into spaces; line ends stay where they are.
fn without_comments_and_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let previous = out.chars().next_back();
        let skip = literal_length(rest, previous);
        if skip == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..skip].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[skip..];
        }
    }
    out
}

/// Octets of the comment or literal that `rest` starts with; 0 when it starts with code.
fn literal_length(rest: &str, previous: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_length(rest);
    }
    if rest.starts_with('"') {
        return quoted_length(rest);
    }
    if rest.starts_with('\'') {
        return char_length(rest);
    }
    if previous.is_some_and(is_word) { 0 } else { prefixed_length(rest) }
}

/// Octets of `b".."`, `c".."`, `r".."`, `br#".."#`, `b'.'`; 0 for anything else.
fn prefixed_length(rest: &str) -> usize {
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    let (letters, after) = rest.split_at(prefix.min(2));
    if letters.is_empty() {
        return 0;
    }
    if letters.ends_with('r') {
        return raw_length(after).map_or(0, |length| letters.len() + length);
    }
    match after.chars().next() {
        Some('"') => letters.len() + quoted_length(after),
        Some('\'') if letters == "b" => letters.len() + char_length(after),
        _ => 0,
    }
}

/// Octets of `#".."#` with any number of hashes.
fn raw_length(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let body = text[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    body.find(&close).map(|end| hashes + 1 + end + close.len())
}

fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    at.min(text.len())
}

/// Octets of a string up to and with its closing quote.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Octets of a character literal; 0 for a lifetime or a label.
fn char_length(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[2..].char_indices().skip(1).find(|&(_, c)| c == '\'').map_or(0, |(at, _)| at + 3),
        Some(_) => chars.next().filter(|&(_, c)| c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}
