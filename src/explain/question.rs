//! What is asked: a call that somebody imagines, made into the INVITE that its trunk's peer would send.

use std::fmt;

use bytes::Bytes;

use crate::base::Entropy;
use crate::base::limits::{HEADER_NAME_OCTETS, LINE_OCTETS};
use crate::route::trunk::Trunk;
use crate::sip::Method;

/// Headers of one question at most.
const HEADERS: usize = 64;
/// Characters of a number or URI.
const PARTY: usize = 512;

/// A call to be explained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Trunk it comes in on.
    pub from: String,
    /// A number as the trunk's peer writes it, or a whole `sip:` or `tel:` URI.
    pub calling: String,
    pub called: String,
    /// Further headers of the INVITE, as they would come in.
    pub headers: Vec<(String, String)>,
}

/// A question that cannot be asked. Shown as `PLACE TEXT.`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadQuestion {
    /// Which part: `from`, `calling`, `called`, `header 2`.
    pub place: String,
    pub text: String,
}

impl BadQuestion {
    pub fn new(place: &str, text: impl Into<String>) -> BadQuestion {
        BadQuestion { place: place.to_owned(), text: text.into() }
    }
}

impl fmt::Display for BadQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.text)
    }
}

impl std::error::Error for BadQuestion {}

/// Fields of the INVITE that follow from the question, or make the message.
const OURS: [&str; 14] = [
    "via",
    "v",
    "from",
    "f",
    "call-id",
    "i",
    "cseq",
    "contact",
    "m",
    "max-forwards",
    "content-length",
    "l",
    "content-type",
    "c",
];

impl Question {
    /// Checks what stands in it, before anything is made of it.
    ///
    /// # Errors
    /// The first part that cannot stand in an INVITE.
    pub fn check(&self) -> Result<(), BadQuestion> {
        party("calling", &self.calling)?;
        party("called", &self.called)?;
        if self.headers.len() > HEADERS {
            return Err(BadQuestion::new("headers", format!("are more than {HEADERS}")));
        }
        for (at, (name, value)) in self.headers.iter().enumerate() {
            header(&format!("header {}", at.saturating_add(1)), name, value)?;
        }
        if self.called.is_empty() {
            return Err(BadQuestion::new("called", "is empty: write a number or a URI"));
        }
        Ok(())
    }

    fn names(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}

fn party(place: &str, text: &str) -> Result<(), BadQuestion> {
    if text.chars().count() > PARTY {
        return Err(BadQuestion::new(place, format!("is longer than {PARTY} characters")));
    }
    let bad = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"');
    match text.chars().position(bad) {
        Some(at) => {
            let at = at.saturating_add(1);
            Err(BadQuestion::new(place, format!("has a character that no number and no URI has, at place {at}")))
        }
        None => Ok(()),
    }
}

fn header(place: &str, name: &str, value: &str) -> Result<(), BadQuestion> {
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet);
    if !(1..=HEADER_NAME_OCTETS).contains(&name.len()) || !name.bytes().all(is_token) {
        return Err(BadQuestion::new(place, "does not begin with a header's name and a colon"));
    }
    if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        return Err(BadQuestion::new(place, format!("({name}) follows from the other parts of the question")));
    }
    if let Some(at) = value.find(|c: char| c.is_control() && c != '\t') {
        return Err(BadQuestion::new(place, format!("({name}) has a line end or control character at octet {at}")));
    }
    match name.len().saturating_add(value.len()) < LINE_OCTETS {
        true => Ok(()),
        false => Err(BadQuestion::new(place, format!("({name}) is longer than {LINE_OCTETS} octets"))),
    }
}

/// What is told apart in repeated INVITEs of one question.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    pub cseq: u32,
    /// Fields that prove who the peer is.
    pub credentials: &'a [(&'static str, Vec<u8>)],
}

/// Hosts of an invented INVITE.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// The peer's, in From.
    pub peer: String,
    /// Ours, in Request-URI and To.
    pub ours: String,
    /// Where the peer's Via and Contact say it is.
    pub source: String,
}

/// Request-URI of the question.
pub fn request_uri(question: &Question, hosts: &Hosts) -> String {
    uri(&question.called, &hosts.ours)
}

/// The INVITE as the trunk's peer would write it. It offers no session: ours will.
pub fn invite(question: &Question, trunk: &Trunk, hosts: &Hosts, again: Try<'_>, entropy: &mut dyn Entropy) -> Bytes {
    let to = request_uri(question, hosts);
    let calling = match question.calling.is_empty() {
        true => "sip:anonymous@anonymous.invalid".to_owned(),
        false => uri(&question.calling, &hosts.peer),
    };
    let mut text = format!("{} {to} SIP/2.0\r\n", Method::Invite);
    let branch = entropy.token(10);
    text.push_str(&format!("Via: SIP/2.0/{} {};branch=z9hG4bK{branch}\r\n", trunk.transport.via_token(), hosts.source));
    text.push_str(&format!("Max-Forwards: 70\r\nFrom: <{calling}>;tag=explain\r\n"));
    if !question.names("To") && !question.names("t") {
        text.push_str(&format!("To: <{to}>\r\n"));
    }
    text.push_str(&format!(
        "Call-ID: explain-{branch}\r\nCSeq: {} INVITE\r\nContact: <sip:{}>\r\n",
        again.cseq, hosts.source
    ));
    if !question.names("Supported") && !question.names("k") {
        // So that a trunk that demands them lets the call in.
        text.push_str("Supported: 100rel, timer\r\n");
    }
    for (name, value) in &question.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut octets = text.into_bytes();
    for (name, value) in again.credentials {
        octets.extend_from_slice(name.as_bytes());
        octets.extend_from_slice(b": ");
        octets.extend_from_slice(value);
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Bytes::from(octets)
}

/// A whole URI as it is; anything else is the user part of one.
fn uri(text: &str, host: &str) -> String {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|octet| octet.is_ascii_alphanumeric())) {
        return text.to_owned();
    }
    match text.contains('@') {
        true => format!("sip:{text}"),
        false => format!("sip:{}@{host}", escaped(text)),
    }
}

/// Octets that no user part has, as `%XX` (RFC 3261 25.1).
fn escaped(user: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%".contains(&octet);
    user.bytes()
        .map(|octet| if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(question: Question) -> String {
        question.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_stand_in_an_invite_is_refused_with_its_place() {
        let header = |name: &str, value: &str| Question {
            headers: vec![("X-A".to_owned(), "fine".to_owned()), (name.to_owned(), value.to_owned())],
            ..Question::default()
        };
        assert!(bad(header("X-B", "a\r\nEvil: 1")).starts_with("header 2 (X-B) has a line end"));
        assert!(bad(header("X B", "a")).starts_with("header 2 does not begin"));
        assert!(bad(header("From", "a")).contains("follows from the other parts"));
        assert!(bad(Question { called: "1 2".to_owned(), ..Question::default() }).contains("at place 2"));
        assert!(bad(Question::default()).starts_with("called is empty"));
        assert!(bad(Question { calling: "1".repeat(600), ..Question::default() }).contains("longer than 512"));
    }

    #[test]
    fn a_number_becomes_a_uri_and_a_uri_stays_one() {
        assert_eq!(uri("+4930", "h"), "sip:+4930@h");
        assert_eq!(uri("tel:+4930", "h"), "tel:+4930");
        assert_eq!(uri("+4930@acme.example", "h"), "sip:+4930@acme.example");
        assert_eq!(uri("\u{0661}2", "h"), "sip:%D9%A12@h");
    }
}
