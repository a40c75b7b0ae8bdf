//! The builder of User-to-User (PF-124, RFC 7433): pairs of names and values that tell a contact centre what the call is
//! about. A trunk names them once, a route adds to them or says them otherwise.
//!
//! The header is written into INVITEs to the trunk's peer, that of a transfer too (MD-217); other messages carry what the
//! allow-list passes. It is made last, when the edits have run: what they left of User-to-User is what came in.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::pairs;
use super::template::{Facts, Template};
use super::{Line, Origin};
use crate::base::limits::CONTEXT_PAIRS;
use crate::sip::Message;

/// The header.
const USER_TO_USER: &str = "User-to-User";

/// Name of one pair; see [`pairs::is_name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairName(Arc<str>);

impl PairName {
    /// Reads a name, case kept: it must be that of the workstream's variable (PF-123).
    ///
    /// # Errors
    /// Completes the sentence "NAME ...".
    pub fn parse(text: &str) -> Result<PairName, &'static str> {
        match pairs::is_name(text) {
            true => Ok(PairName(text.into())),
            false => Err("is no name: 1 to 64 printable characters of ASCII, without space, ; and ="),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One pair, its value not yet known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub name: PairName,
    pub value: Template,
}

impl Pair {
    /// Octets that it has in any call, its `=` included.
    fn fixed_octets(&self) -> usize {
        self.name.as_str().len() + 1 + self.value.texts().map(str::len).sum::<usize>()
    }

    fn is_plain(&self) -> bool {
        pairs::is_plain(self.name.as_str()) && self.value.texts().all(pairs::is_plain)
    }
}

/// What becomes of a User-to-User that came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Incoming {
    /// Its pairs go along behind ours; of one name ours counts. What holds no pairs gives way to ours.
    #[default]
    Merge,
    /// It goes as it came, and ours is written only where none came.
    Keep,
    /// It gives way to ours, or to none.
    Replace,
}

/// How the text is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Hex digits and `;encoding=hex`, then RFC 7433's other parameters where the peer wants them.
    Hex { purpose: Option<Box<str>>, content: Option<Box<str>> },
    /// As it is.
    Plain,
}

impl Default for Form {
    /// As the later edition of the platform's text recommends (PF-123).
    fn default() -> Self {
        Form::Hex { purpose: None, content: None }
    }
}

/// `context = { .. }` of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextBuilder {
    /// In the order they are written.
    pub pairs: Vec<Pair>,
    pub incoming: Incoming,
    pub form: Form,
    /// Octets of the header's value at most, parameters included. The text itself has at most half of them.
    pub max_octets: usize,
}

impl Default for ContextBuilder {
    /// MD-217: 256 of the value, MD-223: 128 of the text.
    fn default() -> Self {
        ContextBuilder { pairs: Vec::new(), incoming: Incoming::default(), form: Form::default(), max_octets: 256 }
    }
}

/// Why a builder can write nothing useful, seen when the configuration is read. Completes the sentence "KEY ...".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextFault {
    /// Names and fixed texts alone are longer than the header may be.
    TooLong {
        octets: usize,
        most: usize,
    },
    TooMany,
    /// Form plain, and a name or a text that cannot stand in a header as it is.
    NotPlain(String),
}

impl fmt::Display for ContextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContextFault::TooLong { octets, most } => {
                write!(
                    f,
                    "has {octets} octets of names and fixed text, and {most} fit; write less, or raise max_octets"
                )
            }
            ContextFault::TooMany => write!(f, "has more than {CONTEXT_PAIRS} pairs; write fewer"),
            ContextFault::NotPlain(name) => write!(
                f,
                "has {name:?}, which does not fit the plain form: letters, digits and . ! % * _ + ~ - alone; write form = \"hex\""
            ),
        }
    }
}

impl ContextBuilder {
    /// Octets of the text at most.
    pub fn most(&self) -> usize {
        let around = self.written("").len();
        let (room, share) = (self.max_octets.saturating_sub(around), self.max_octets / 2);
        match self.form {
            Form::Hex { .. } => (room / 2).min(share),
            Form::Plain => room.min(share),
        }
    }

    /// Whether it can be written with a route's own pairs.
    ///
    /// # Errors
    /// See [`ContextFault`].
    pub fn check(&self, route: &[Pair]) -> Result<(), ContextFault> {
        let all: Vec<&Pair> = self.all(route).collect();
        let octets = all.iter().map(|pair| pair.fixed_octets() + 1).sum::<usize>().saturating_sub(1);
        let most = self.most();
        if all.len() > CONTEXT_PAIRS {
            return Err(ContextFault::TooMany);
        }
        if octets > most {
            return Err(ContextFault::TooLong { octets, most });
        }
        match all.iter().find(|pair| self.form == Form::Plain && !pair.is_plain()) {
            Some(pair) => Err(ContextFault::NotPlain(pair.name.as_str().to_owned())),
            None => Ok(()),
        }
    }

    /// The trunk's pairs, those of one name as the route says them, then the route's others.
    fn all<'p>(&'p self, route: &'p [Pair]) -> impl Iterator<Item = &'p Pair> {
        let own = self.pairs.iter().map(|pair| route.iter().find(|other| other.name == pair.name).unwrap_or(pair));
        let others = route.iter().filter(|pair| !self.pairs.iter().any(|own| own.name == pair.name));
        own.chain(others)
    }

    /// Writes the header among `lines`. Gives the names of pairs that were left out, because their value does not fit the
    /// form or the header was full: a pair is never cut.
    pub(super) fn write(&self, lines: &mut Vec<Line>, route: &[Pair], sources: Sources<'_>) -> Vec<String> {
        let came: Vec<Bytes> =
            lines.iter().filter(|line| line.is(USER_TO_USER)).map(|line| line.value.clone()).collect();
        if self.incoming == Incoming::Keep && !came.is_empty() {
            return Vec::new();
        }
        let own: Vec<(String, String)> = self.all(route).filter_map(|pair| sources.pair(pair)).collect();
        if own.is_empty() && self.incoming != Incoming::Replace {
            return Vec::new();
        }
        let others = came.iter().filter(|_| self.incoming == Incoming::Merge).filter_map(|value| pairs::read(value));
        let others: Vec<(String, String)> =
            others.flatten().filter(|(name, _)| !own.iter().any(|(ours, _)| ours == name)).collect();
        let (kept, left_out) = self.fitting(own.into_iter().chain(others));
        lines.retain(|line| !line.is(USER_TO_USER));
        if !kept.is_empty() {
            let value = Bytes::from(self.written(&pairs::joined(&kept)));
            let name = Bytes::from_static(USER_TO_USER.as_bytes());
            lines.push(Line { name, value, origin: Origin::Context });
        }
        left_out
    }

    /// Those that fit, one after the other; and the names of those that do not.
    fn fitting(&self, all: impl Iterator<Item = (String, String)>) -> (Vec<(String, String)>, Vec<String>) {
        let most = self.most();
        let (mut kept, mut left_out, mut octets) = (Vec::new(), Vec::new(), 0usize);
        for (name, value) in all {
            let more = name.len() + 1 + value.len() + usize::from(octets > 0);
            let stands = self.form != Form::Plain || (pairs::is_plain(&name) && pairs::is_plain(&value));
            if pairs::is_value(&value) && stands && octets + more <= most && kept.len() < CONTEXT_PAIRS {
                octets += more;
                kept.push((name, value));
            } else {
                left_out.push(name);
            }
        }
        (kept, left_out)
    }

    fn written(&self, text: &str) -> String {
        let Form::Hex { purpose, content } = &self.form else { return text.to_owned() };
        let param = |name: &str, value: &Option<Box<str>>| {
            value.as_ref().map(|value| format!(";{name}={value}")).unwrap_or_default()
        };
        format!("{};encoding=hex{}{}", pairs::hexed(text), param("purpose", purpose), param("content", content))
    }
}

/// What values are filled from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub facts: &'a Facts<'a>,
    pub received: Option<&'a Message>,
    /// A header that nobody may forge: what names it is never filled.
    pub stripped: Option<&'a str>,
}

impl Sources<'_> {
    /// `None`: nothing is known for it.
    fn pair(&self, pair: &Pair) -> Option<(String, String)> {
        let is_forgery = self.stripped.is_some_and(|name| pair.value.reads(name));
        let value = pair.value.fill(self.facts, self.received.filter(|_| !is_forgery));
        let value = String::from_utf8_lossy(&value).trim().to_owned();
        (!value.is_empty()).then(|| (pair.name.as_str().to_owned(), value))
    }
}

/// Pairs of a route, shared by its calls.
pub type RoutePairs = Option<Arc<[Pair]>>;
