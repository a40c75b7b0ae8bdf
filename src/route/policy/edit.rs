//! Changes to outgoing headers.

use std::fmt;

use bytes::Bytes;
use regex::bytes::RegexBuilder;

use super::names::HeaderName;
use super::template::{Facts, Template};
use super::{Line, Origin};
use crate::base::bounds::Bound;
use crate::base::limits::{PATTERN_OCTETS, POLICY_HEADERS, POLICY_VALUE_OCTETS};
use crate::sip::Message;

/// An expression over octets, linear in their number.
#[derive(Clone, Debug)]
pub struct Expression(regex::bytes::Regex);

impl Expression {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Expression {
    /// As they are written.
    fn eq(&self, other: &Expression) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// One change. Names are compared without case and written as the policy writes them.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// One more header of this name.
    Add { name: HeaderName, value: Template },
    /// This value instead of all there are.
    Set { name: HeaderName, value: Template },
    /// None of this name.
    Remove { name: HeaderName },
    /// What the other side wrote in `from`, each value, under another name. `from` may be any header but credentials.
    Copy { from: Box<str>, to: HeaderName },
    /// Where the expression is found in a value, the found part becomes `replacement`.
    Map { name: HeaderName, pattern: Expression, replacement: Box<str> },
}

/// Why a change cannot be made. Completes the sentence "VALUE ...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditFault {
    Pattern(String),
    Secret,
}

impl fmt::Display for EditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EditFault::Pattern(text) => f.write_str(text),
            EditFault::Secret => f.write_str("holds credentials, which are never copied"),
        }
    }
}

impl std::error::Error for EditFault {}

/// Headers that hold credentials.
const SECRET: [&str; 2] = ["authorization", "proxy-authorization"];

/// True for a header whose value never leaves the leg it came on.
pub(super) fn holds_credentials(name: &str) -> bool {
    SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

impl Edit {
    /// A copy of the other side's header.
    ///
    /// # Errors
    /// Credentials are never copied.
    pub fn copy(from: &str, to: HeaderName) -> Result<Edit, EditFault> {
        if holds_credentials(from) {
            return Err(EditFault::Secret);
        }
        Ok(Edit::Copy { from: from.into(), to })
    }

    /// A replacement inside values.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn map(name: HeaderName, pattern: &str, replacement: &str) -> Result<Edit, EditFault> {
        let built = RegexBuilder::new(pattern).size_limit(PATTERN_OCTETS).dfa_size_limit(PATTERN_OCTETS).build();
        let pattern = built.map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            EditFault::Pattern(format!("is no regular expression: {last}"))
        })?;
        Ok(Edit::Map { name, pattern: Expression(pattern), replacement: replacement.into() })
    }

    /// The header it changes.
    pub fn name(&self) -> &str {
        match self {
            Edit::Add { name, .. } | Edit::Set { name, .. } | Edit::Remove { name } | Edit::Map { name, .. } => {
                name.as_str()
            }
            Edit::Copy { to, .. } => to.as_str(),
        }
    }

    /// Whether it writes something of this header of the other side under another name.
    pub(super) fn reads(&self, header: &str) -> bool {
        match self {
            Edit::Copy { from, .. } => from.eq_ignore_ascii_case(header),
            Edit::Add { value, .. } | Edit::Set { value, .. } => value.reads(header),
            Edit::Remove { .. } | Edit::Map { .. } => false,
        }
    }

    pub(super) fn apply(&self, place: usize, lines: &mut Vec<Line>, received: Option<&Message>, facts: &Facts<'_>) {
        let made = |name: &HeaderName, value: Bytes| Line {
            name: Bytes::copy_from_slice(name.as_str().as_bytes()),
            value,
            origin: Origin::Edit(place),
        };
        match self {
            Edit::Add { name, value } => push(lines, made(name, value.fill(facts, received))),
            Edit::Set { name, value } => {
                lines.retain(|line| !line.is(name.as_str()));
                push(lines, made(name, value.fill(facts, received)));
            }
            Edit::Remove { name } => lines.retain(|line| !line.is(name.as_str())),
            Edit::Copy { from, to } => {
                let values = received.into_iter().flat_map(|message| message.headers_named(from.as_bytes()));
                values.for_each(|value| push(lines, made(to, Bytes::from(value.into_owned()))));
            }
            Edit::Map { name, pattern, replacement } => {
                let own = lines.iter_mut().filter(|line| line.is(name.as_str()));
                own.for_each(|line| replace(line, place, pattern, replacement));
            }
        }
    }
}

/// An empty value is no header: nothing was known to fill it with.
fn push(lines: &mut Vec<Line>, line: Line) {
    if line.value.trim_ascii().is_empty() {
        return;
    }
    match lines.len() < POLICY_HEADERS {
        true => lines.push(line),
        false => Bound::PolicyHeaders.reached(),
    }
}

fn replace(line: &mut Line, place: usize, pattern: &Expression, replacement: &str) {
    let result = pattern.0.replace_all(&line.value, replacement.as_bytes()).into_owned();
    if result.len() > POLICY_VALUE_OCTETS {
        return Bound::PolicyValueOctets.reached();
    }
    let is_fit = !result.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
    if is_fit && result != line.value {
        line.value = Bytes::from(result);
        line.origin = Origin::Edit(place);
    }
}
