//! Which headers of one side reach the other, and what is added, changed and removed on the way (DESIGN rule 4: we
//! originate; what a policy lets through goes byte for byte).
//!
//! A trunk's [`HeaderPolicy`] says what may reach *its* peer, in whatever message: the INVITE, 18x, 2xx and refusals,
//! BYE and requests that cross. [`HeaderPolicy::outgoing`] starts with what the call core wrote besides the dialog's
//! own headers, takes up what the other side sent and the allow-list passes, and applies the edits in their order; in
//! an INVITE the builder of User-to-User comes last ([`ContextBuilder`]). Every line remembers the rule that made it,
//! so that `explain` and a trace can say so. Headers that make the dialog, route it, secure it or lead to the other
//! side can be neither passed nor edited.

mod user_to_user;
mod edit;
mod names;
pub mod pairs;
mod template;

pub use edit::{Edit, EditFault};
pub use names::{HeaderName, NamePattern, PatternFault, is_ours};
pub use template::{Facts, Template, TemplateFault, Variable};
pub use user_to_user::{ContextBuilder, ContextFault, Form, Incoming, Pair, PairName, RoutePairs};

use bytes::Bytes;

use crate::base::bounds::Bound;
use crate::base::limits::{Limits, POLICY_HEADERS};
use crate::sip::grammar::unfold;
use crate::sip::{Message, Method};

/// Why a header is in an outgoing message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The core wrote it (identity, diversions, custom header).
    Core,
    /// The other side sent it, and the allow-list passes it.
    Passed,
    /// The edit at this place of the policy made or changed it.
    Edit(usize),
    /// The builder of User-to-User made it.
    Context,
}

/// One header of an outgoing message besides those of the dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// In the case it was written.
    pub name: Bytes,
    pub value: Bytes,
    pub origin: Origin,
}

impl Line {
    /// A line of the core's.
    pub fn core(name: &str, value: Bytes) -> Line {
        Line { name: Bytes::copy_from_slice(name.as_bytes()), value, origin: Origin::Core }
    }

    /// Compares names without case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeaderPolicy {
    /// Names that pass; a pattern that begins with `!` takes names out again. The last one that fits decides.
    pub pass: Vec<NamePattern>,
    /// In the order they are applied.
    pub edits: Vec<Edit>,
    /// A header of which nothing the other side wrote is ever used: neither side can forge it (PF-29).
    pub stripped: Option<HeaderName>,
    /// Option tags never offered to this peer in Supported.
    pub hidden_options: Vec<String>,
    /// Methods never named to this peer in Allow.
    pub hidden_methods: Vec<Method>,
    /// Writes User-to-User into INVITEs to this peer.
    pub context: Option<ContextBuilder>,
    /// Fields of one message that pass (`limits.passed_headers`).
    pub most_passed: MostPassed,
}

/// How many header fields of one message pass at most. What comes later is left out, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MostPassed(pub usize);

impl Default for MostPassed {
    fn default() -> Self {
        MostPassed(Limits::default().passed_headers)
    }
}

impl HeaderPolicy {
    /// Whether a header of the other side reaches this peer.
    pub fn passes(&self, name: &[u8]) -> bool {
        let decides = self.pass.iter().rev().find(|pattern| pattern.fits(name));
        decides.is_some_and(NamePattern::takes_in) && !is_ours(name) && !self.strips(name)
    }

    /// True when nothing passes and nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.pass.is_empty() && self.edits.is_empty()
    }

    fn strips(&self, name: &[u8]) -> bool {
        self.stripped.as_ref().is_some_and(|own| own.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Lines of the outgoing message. `received`: the other side's message, if there is one. At most
    /// [`POLICY_HEADERS`] lines: what comes later is left out.
    pub fn outgoing(&self, core: Vec<Line>, received: Option<&Message>, facts: &Facts<'_>) -> Vec<Line> {
        let mut lines = core;
        if let Some(message) = received {
            lines.extend(self.passed(message));
        }
        for (place, edit) in self.edits.iter().enumerate() {
            let is_forgery = self.stripped.as_ref().is_some_and(|name| edit.reads(name.as_str()));
            edit.apply(place, &mut lines, received.filter(|_| !is_forgery), facts);
        }
        lines.truncate(Bound::PolicyHeaders.at_most(POLICY_HEADERS, lines.len()));
        lines
    }

    /// User-to-User of an INVITE by the builder, when all else of `lines` is there. Gives the names of pairs that found no
    /// room or do not fit.
    pub fn write_context(
        &self,
        lines: &mut Vec<Line>,
        route: &[Pair],
        received: Option<&Message>,
        facts: &Facts<'_>,
    ) -> Vec<String> {
        let stripped = self.stripped.as_ref().map(HeaderName::as_str);
        let sources = user_to_user::Sources { facts, received, stripped };
        self.context.as_ref().map(|builder| builder.write(lines, route, sources)).unwrap_or_default()
    }

    /// What of the other side's message the allow-list passes.
    pub fn passed<'m>(&'m self, message: &'m Message) -> impl Iterator<Item = Line> + 'm {
        let wanted = message.raw_headers_besides(names::KNOWN_OURS).filter(|(name, _)| self.passes(name));
        Bound::PassedHeaders.first(self.most_passed.0, wanted).map(|(name, value)| Line {
            name: Bytes::copy_from_slice(name),
            // A fold is no part of the value (RFC 3261 7.3.1).
            value: Bytes::from(unfold(value).into_owned()),
            origin: Origin::Passed,
        })
    }
}
