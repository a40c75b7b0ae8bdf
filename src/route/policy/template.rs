//! Values with variables: `called by ${calling} over ${from_trunk}`.

use std::fmt;

use bytes::Bytes;

use crate::base::limits::POLICY_VALUE_OCTETS;

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
}

const WORDS: [(Variable, &str); 8] = [
    (Variable::Calling, "calling"),
    (Variable::Called, "called"),
    (Variable::OriginalCalled, "original_called"),
    (Variable::FromTrunk, "from_trunk"),
    (Variable::ToTrunk, "to_trunk"),
    (Variable::Account, "account"),
    (Variable::CallId, "call_id"),
    (Variable::Node, "node"),
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
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Variable(Variable),
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
                write!(f, "names the variable {name:?}; there are {}", known.join(", "))
            }
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
            let known = WORDS.iter().find(|(_, word)| *word == name);
            let (variable, _) = known.ok_or_else(|| TemplateFault::Unknown(name.to_owned()))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(Part::Variable(*variable));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Template { written: text.into(), parts })
    }

    /// The value for one call. What a variable brings from the network cannot end a line, and the whole is bounded.
    pub fn fill(&self, facts: &Facts<'_>) -> Bytes {
        let mut value = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => value.extend_from_slice(text.as_bytes()),
                Part::Variable(variable) => {
                    value.extend(facts.value(*variable).bytes().filter(|octet| !octet.is_ascii_control()));
                }
            }
        }
        value.truncate(POLICY_VALUE_OCTETS);
        Bytes::from(value)
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
        assert_eq!(template.fill(&facts), "<+49301>;via=teams;$x");
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
        assert_eq!(Template::parse("${calling}").unwrap().fill(&facts), "1Evil: 1");
    }
}
