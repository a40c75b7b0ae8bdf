//! Names of headers in a policy.

use std::fmt;

use crate::base::limits::HEADER_NAME_OCTETS;
use crate::sip::Name;
use crate::sip::header::name::Names;

/// Headers that only the core writes: they make, route, authenticate or describe the message itself, or would lead to
/// the other side. Full and compact forms.
const OURS: &[&str] = &[
    "via",
    "v",
    "from",
    "f",
    "to",
    "t",
    "call-id",
    "i",
    "cseq",
    "contact",
    "m",
    "max-breadth",
    "max-forwards",
    "route",
    "record-route",
    "path",
    "service-route",
    "content-length",
    "l",
    "content-type",
    "c",
    "content-encoding",
    "e",
    "content-disposition",
    "mime-version",
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
    "require",
    "proxy-require",
    "supported",
    "k",
    "unsupported",
    "allow",
    "allow-events",
    "u",
    "rseq",
    "rack",
    "session-expires",
    "x",
    "min-se",
    "expires",
    "min-expires",
    "event",
    "o",
    "subscription-state",
    "refer-to",
    "r",
    "refer-sub",
    "replaces",
    "target-dialog",
    "join",
    "retry-after",
    "warning",
    "timestamp",
    "user-agent",
    "server",
    "p-asserted-identity",
    "p-preferred-identity",
    "remote-party-id",
    "privacy",
    "diversion",
    "history-info",
    "p-called-party-id",
    "accept",
    "accept-encoding",
    "security-client",
    "security-server",
    "security-verify",
    "flow-timer",
    "p-early-media",
    "reason",
    "x-ms-sbc",
];

/// True for a header that a policy can neither pass nor edit. Identity and diversion headers are the trunk's `identity`
/// and `diversion` tables' matter.
pub const fn is_ours(name: &[u8]) -> bool {
    let mut rest = OURS;
    while let [ours, others @ ..] = rest {
        if ours.as_bytes().eq_ignore_ascii_case(name) {
            return true;
        }
        rest = others;
    }
    false
}

/// Those of them that the reader knows. Nearly all fields of a message have one of these names, and are passed over without
/// a look at the policy.
pub(super) const KNOWN_OURS: Names = {
    let mut ours = Names::of([]);
    let mut rest: &[Name] = &Name::ALL;
    while let [name, others @ ..] = rest {
        if is_ours(name.as_str().as_bytes()) {
            ours.insert(*name);
        }
        rest = others;
    }
    ours
};

/// The name of a header that a policy may write: a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderName(Box<str>);

/// Why a text names no header a policy may write. Completes the sentence "NAME ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternFault {
    /// Empty, too long, or with a character that no header name has.
    NoToken,
    /// One of those that only the core writes.
    Ours,
}

impl PatternFault {
    /// Completes the sentence "NAME ...".
    pub const fn text(self) -> &'static str {
        match self {
            PatternFault::NoToken => "is no header name",
            PatternFault::Ours => "is written by Trunkline itself; a policy can neither pass nor change it",
        }
    }
}

impl fmt::Display for PatternFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for PatternFault {}

impl HeaderName {
    /// Reads a name, case kept.
    ///
    /// # Errors
    /// See [`PatternFault`].
    pub fn parse(text: &str) -> Result<HeaderName, PatternFault> {
        if !is_token(text) {
            return Err(PatternFault::NoToken);
        }
        if is_ours(text.as_bytes()) {
            return Err(PatternFault::Ours);
        }
        Ok(HeaderName(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name, or the beginning of names (`X-*`); with `!` before it, names that are taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    text: Box<str>,
    is_prefix: bool,
    takes_in: bool,
}

impl NamePattern {
    /// Reads `Name`, `Prefix*`, `!Name` or `!Prefix*`.
    ///
    /// # Errors
    /// See [`PatternFault`].
    pub fn parse(text: &str) -> Result<NamePattern, PatternFault> {
        let (rest, takes_in) = text.strip_prefix('!').map_or((text, true), |rest| (rest, false));
        let (name, is_prefix) = rest.strip_suffix('*').map_or((rest, false), |name| (name, true));
        if !is_token(name) {
            return Err(PatternFault::NoToken);
        }
        if takes_in && !is_prefix && is_ours(name.as_bytes()) {
            return Err(PatternFault::Ours);
        }
        Ok(NamePattern { text: name.into(), is_prefix, takes_in })
    }

    /// Compares without case.
    pub fn fits(&self, name: &[u8]) -> bool {
        let wanted = self.text.as_bytes();
        match self.is_prefix {
            true => name.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted)),
            false => name.eq_ignore_ascii_case(wanted),
        }
    }

    /// False for a pattern that takes names out.
    pub const fn takes_in(&self) -> bool {
        self.takes_in
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, star) = (if self.takes_in { "" } else { "!" }, if self.is_prefix { "*" } else { "" });
        write!(f, "{mark}{}{star}", self.text)
    }
}

/// RFC 3261 25.1 `token`.
pub(super) fn is_token(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet);
    (1..=HEADER_NAME_OCTETS).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_any_rest() {
        let pattern = NamePattern::parse("X-Acme-*").unwrap();
        assert!(pattern.fits(b"x-acme-id") && pattern.fits(b"X-ACME-") && !pattern.fits(b"X-Acm"));
    }

    #[test]
    fn headers_of_the_core_cannot_be_named_and_never_slip_through_a_star() {
        for name in ["Via", "contact", "m", "Call-ID", "Authorization", "P-Asserted-Identity", "Record-Route"] {
            assert_eq!(NamePattern::parse(name), Err(PatternFault::Ours), "{name}");
            assert_eq!(HeaderName::parse(name), Err(PatternFault::Ours), "{name}");
        }
        let all = NamePattern::parse("P-*").unwrap();
        assert!(all.fits(b"P-Asserted-Identity") && is_ours(b"P-Asserted-Identity"));
    }

    #[test]
    fn a_name_with_a_colon_space_or_line_end_is_refused() {
        for bad in ["", "X:Y", "X Y", "X\r\nY", "*", "!", "X-\u{e9}", &"x".repeat(129)] {
            assert_eq!(NamePattern::parse(bad), Err(PatternFault::NoToken), "{bad:?}");
        }
    }
}
