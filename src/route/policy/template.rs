//! Values with variables: `called by ${calling} over ${from_trunk}`, `${header:X-Crm-Id}`, `${context:orderid}`.

use std::fmt;

use bytes::Bytes;

use super::edit::holds_credentials;
use super::names::is_token;
use super::pairs;
use crate::base::bounds::Bound;
use crate::base::limits::POLICY_VALUE_OCTETS;
use crate::sip::{Message, Name};

/// What a value may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variable {
    /// Number of the caller, E.164 where it has that form.
    Calling,
    /// Number that was called.
    Called,
    /// Number that was called first of all, when the call was sent on; else `called`.
    OriginalCalled,
    /// Trunk on which the call came in.
    FromTrunk,
    /// Trunk on which it goes out.
    ToTrunk,
    /// The account (tenant) the call belongs to; empty without one.
    Account,
    /// Our own id of the call, as records and logs name it.
    CallId,
    /// `node.name`.
    Node,
    /// Name of the route the call took.
    Route,
    /// Contents of the custom header of the account's number (PV-32), written or not.
    Contents,
}

const WORDS: [(Variable, &str); 10] = [
    (Variable::Calling, "calling"),
    (Variable::Called, "called"),
    (Variable::OriginalCalled, "original_called"),
    (Variable::FromTrunk, "from_trunk"),
    (Variable::ToTrunk, "to_trunk"),
    (Variable::Account, "account"),
    (Variable::CallId, "call_id"),
    (Variable::Node, "node"),
    (Variable::Route, "route"),
    (Variable::Contents, "contents"),
];

/// What the variables stand for in one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    pub calling: &'a str,
    pub called: &'a str,
    pub original_called: &'a str,
    pub from_trunk: &'a str,
    pub to_trunk: &'a str,
    pub account: &'a str,
    pub call_id: &'a str,
    pub node: &'a str,
    pub route: &'a str,
    pub contents: &'a str,
}

impl Facts<'_> {
    const fn value(&self, variable: Variable) -> &str {
        match variable {
            Variable::Calling => self.calling,
            Variable::Called => self.called,
            Variable::OriginalCalled => self.original_called,
            Variable::FromTrunk => self.from_trunk,
            Variable::ToTrunk => self.to_trunk,
            Variable::Account => self.account,
            Variable::CallId => self.call_id,
            Variable::Node => self.node,
            Variable::Route => self.route,
            Variable::Contents => self.contents,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Variable(Variable),
    /// First value of a header of the other side's message.
    Header(Box<str>),
    /// Value of one pair of its User-to-User (PF-213).
    Pair(Box<str>),
}

impl Part {
    /// What stands between `${` and `}`.
    fn named(name: &str) -> Result<Part, TemplateFault> {
        match name.split_once(':') {
            Some(("header", header)) if holds_credentials(header) => Err(TemplateFault::Secret(header.to_owned())),
            Some(("header", header)) if is_token(header) => Ok(Part::Header(header.into())),
            Some(("context", pair)) if pairs::is_name(pair) => Ok(Part::Pair(pair.into())),
            _ => {
                let known = WORDS.iter().find(|(_, word)| *word == name);
                let unknown = || TemplateFault::Unknown(name.to_owned());
                known.map(|(variable, _)| Part::Variable(*variable)).ok_or_else(unknown)
            }
        }
    }
}

/// A value with variables, read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    written: Box<str>,
    parts: Vec<Part>,
}

/// Why a text is no template. Completes the sentence "VALUE ...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateFault {
    /// A `${` without its `}`.
    Open,
    /// A variable nobody knows.
    Unknown(String),
    /// A header that holds credentials.
    Secret(String),
    /// A line end or another control character.
    Control,
    /// Longer than [`POLICY_VALUE_OCTETS`].
    TooLong,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TemplateFault::Open => f.write_str("has a ${ without its }"),
            TemplateFault::Unknown(name) => {
                let known: Vec<&str> = WORDS.iter().map(|(_, word)| *word).collect();
                let known = known.join(", ");
                write!(f, "names the variable {name:?}; there are {known}, header:NAME, context:NAME")
            }
            TemplateFault::Secret(name) => write!(f, "names {name}, which holds credentials and is never copied"),
            TemplateFault::Control => f.write_str("holds a line end or another control character"),
            TemplateFault::TooLong => write!(f, "is longer than {POLICY_VALUE_OCTETS} octets"),
        }
    }
}

impl std::error::Error for TemplateFault {}

impl Template {
    /// Reads a value.
    ///
    /// # Errors
    /// See [`TemplateFault`].
    pub fn parse(text: &str) -> Result<Template, TemplateFault> {
        if text.len() > POLICY_VALUE_OCTETS {
            return Err(TemplateFault::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(TemplateFault::Control);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').ok_or(TemplateFault::Open)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(Part::named(name)?);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Template { written: text.into(), parts })
    }

    /// The value for one call; `received`: the other side's message. What comes from the network cannot end a line, and the
    /// whole is bounded.
    pub fn fill(&self, facts: &Facts<'_>, received: Option<&Message>) -> Bytes {
        let mut value = Vec::new();
        let mut brought = |octets: &[u8]| value.extend(octets.iter().filter(|octet| !octet.is_ascii_control()));
        for part in &self.parts {
            match part {
                Part::Text(text) => brought(text.as_bytes()),
                Part::Variable(variable) => brought(facts.value(*variable).as_bytes()),
                Part::Header(name) => {
                    let held = received.and_then(|message| message.headers_named(name.as_bytes()).next());
                    brought(&held.unwrap_or_default());
                }
                Part::Pair(name) => {
                    let held = received.and_then(|message| message.header(Name::UserToUser));
                    brought(held.and_then(|held| pairs::value_of(&held, name)).unwrap_or_default().as_bytes());
                }
            }
        }
        value.truncate(Bound::PolicyValueOctets.at_most(POLICY_VALUE_OCTETS, value.len()));
        Bytes::from(value)
    }

    /// What stands in it whatever the call.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Variable(_) | Part::Header(_) | Part::Pair(_) => None,
        })
    }

    /// Whether it takes something of this header of the other side.
    pub fn reads(&self, header: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Header(name) => name.eq_ignore_ascii_case(header),
            Part::Pair(_) => header.eq_ignore_ascii_case("User-to-User"),
            Part::Text(_) | Part::Variable(_) => false,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_text_stays() {
        let facts = Facts { calling: "+49301", to_trunk: "teams", ..Facts::default() };
        let template = Template::parse("<${calling}>;via=${to_trunk};$x").unwrap();
        assert_eq!(template.fill(&facts, None), "<+49301>;via=teams;$x");
    }

    #[test]
    fn an_unknown_variable_is_answered_with_the_known_ones() {
        let fault = Template::parse("${nobody}").unwrap_err();
        assert!(fault.to_string().contains("original_called"), "{fault}");
        assert_eq!(Template::parse("${calling"), Err(TemplateFault::Open));
        assert_eq!(Template::parse("a\r\nX: y"), Err(TemplateFault::Control));
    }

    #[test]
    fn a_line_end_from_the_network_never_reaches_a_header() {
        let facts = Facts { calling: "1\r\nEvil: 1", ..Facts::default() };
        assert_eq!(Template::parse("${calling}").unwrap().fill(&facts, None), "1Evil: 1");
    }
}
