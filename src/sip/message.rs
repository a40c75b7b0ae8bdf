//! One SIP message: the octets as they came, and spans into them.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::grammar::{ListItems, share, share_cow};
pub use super::header::Name;
use super::header::name::Names;
use super::header::{CSeq, NameAddr, RetryAfter, Via, token_list};
use super::method::Method;
pub use super::rejection::{Rejection, RejectionKind};
use super::scan::{Field, Head, Scanner};
use super::status::Status;
use super::uri::Uri;

/// A framed message: start line, header spans, body span over shared octets. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Message {
    octets: Bytes,
    fields: Arc<[Field]>,
    /// Most questions are for fields that are not there.
    present: Names,
    body_start: usize,
}

impl Message {
    /// `octets` end where the body ends.
    pub(crate) fn new(octets: Bytes, scanner: &Scanner, body_start: usize) -> Message {
        Message { octets, fields: Arc::from(scanner.fields()), present: scanner.present(), body_start }
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head { octets: &self.octets, fields: &self.fields }
    }

    /// First field of that name: the value as it stands (unfolded, outer white space removed).
    pub fn header(&self, name: Name) -> Option<Cow<'_, [u8]>> {
        let field = self.present.contains(name).then(|| self.head().first(name)).flatten()?;
        Some(self.head().value(field))
    }

    /// All fields of that name in order (one item per field line; lists are split by the typed views).
    pub fn headers(&self, name: Name) -> impl Iterator<Item = Cow<'_, [u8]>> + '_ {
        let fields = if self.present.contains(name) { &self.fields[..] } else { &[] };
        let head = Head { octets: &self.octets, fields };
        head.named(name).map(move |field| head.value(field))
    }

    /// First field of any name, compared without case. A known name is found in its compact form too.
    pub fn header_named(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let head = self.head();
        self.fields.iter().find(|field| is_named(head, field, name)).map(|field| head.value(field))
    }

    /// All fields of any name in order, compared without case. A known name is found in its compact form too.
    pub fn headers_named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> + 'a {
        let head = self.head();
        self.fields.iter().filter(move |field| is_named(head, field, name)).map(move |field| head.value(field))
    }

    /// First field of that name as shared octets (unfolded).
    pub fn header_bytes(&self, name: Name) -> Option<Bytes> {
        self.values(name).next()
    }

    /// All fields of that name as shared octets (unfolded).
    pub(crate) fn values(&self, name: Name) -> impl Iterator<Item = Bytes> + '_ {
        self.headers(name).map(|value| share_cow(&self.octets, value))
    }

    /// Members of a comma list over all fields of that name, quotes and angle brackets respected; empty members are left out.
    pub fn list(&self, name: Name) -> Vec<Bytes> {
        let mut members = Vec::new();
        for value in self.values(name) {
            members.extend(ListItems::new(&value).filter(|item| !item.is_empty()).map(|item| share(&value, item)));
        }
        members
    }

    /// All fields in order: name as written, value octet for octet (folds kept, outer white space removed).
    pub fn raw_headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        let head = self.head();
        self.fields.iter().map(move |field| (head.name(field), head.raw(field)))
    }

    /// The same without fields of these names.
    pub(crate) fn raw_headers_besides(&self, names: Names) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        let head = self.head();
        let others = self.fields.iter().filter(move |field| field.known.is_none_or(|name| !names.contains(name)));
        others.map(move |field| (head.name(field), head.raw(field)))
    }

    /// How many fields there are.
    pub fn header_count(&self) -> usize {
        self.fields.len()
    }

    /// The body, empty when there is none.
    pub fn body(&self) -> Bytes {
        share(&self.octets, self.octets.get(self.body_start..).unwrap_or_default())
    }

    /// The whole message as it came: without line ends before it and without what followed it in a datagram.
    pub fn bytes(&self) -> &Bytes {
        &self.octets
    }

    /// True when a token list header (`Supported`, `Require`, `Allow`, ...) holds `token` (no case).
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        token_list::has_token(self.headers(name), token)
    }

    /// Every token of a token list header, over all fields and commas.
    pub fn tokens(&self, name: Name) -> Vec<String> {
        token_list::tokens(self.headers(name))
    }

    /// Every Contact / Route / Record-Route / ... value as a name-addr, over all fields and commas.
    ///
    /// # Errors
    /// The first value that cannot be read; a Contact of `*` is one (see [`Message::has_star_contact`]). The rejection
    /// carries no answer: the caller has the request and writes it.
    pub fn name_addrs(&self, name: Name) -> Result<Vec<NameAddr>, Rejection> {
        let kind = if name == Name::Contact { RejectionKind::BadContact } else { RejectionKind::BadAddressHeader };
        let mut addresses = Vec::new();
        for value in self.values(name) {
            for item in ListItems::new(&value) {
                addresses.push(NameAddr::parse(&share(&value, item)).map_err(|_| Rejection::unanswered(kind))?);
            }
        }
        Ok(addresses)
    }

    /// True for the Contact of a REGISTER that removes every binding (RFC 3261 10.2.2).
    pub fn has_star_contact(&self) -> bool {
        self.headers(Name::Contact).any(|value| value.as_ref() == b"*")
    }
}

fn is_named(head: Head<'_>, field: &Field, name: &[u8]) -> bool {
    match field.known {
        Some(known) => Name::parse(name) == Some(known),
        None => head.name(field).eq_ignore_ascii_case(name),
    }
}

/// A request whose mandatory fields are read (RFC 3261 8.1.1).
#[derive(Clone, Debug)]
pub struct Request {
    pub message: Message,
    pub method: Method,
    pub uri: Uri,
    /// The topmost Via.
    pub via: Via,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: Bytes,
    pub cseq: CSeq,
    /// `None` when absent; values above 255 are refused.
    pub max_forwards: Option<u8>,
}

impl Request {
    /// The caller's tag; absent only from RFC 2543 peers.
    pub fn from_tag(&self) -> Option<&[u8]> {
        self.from.tag()
    }

    /// Present inside a dialog.
    pub fn to_tag(&self) -> Option<&[u8]> {
        self.to.tag()
    }
}

/// A response whose mandatory fields are read.
#[derive(Clone, Debug)]
pub struct Response {
    pub message: Message,
    pub status: Status,
    /// The reason phrase as written.
    pub reason: Bytes,
    pub via: Via,
    pub from: NameAddr,
    pub to: NameAddr,
    pub call_id: Bytes,
    pub cseq: CSeq,
}

impl Response {
    /// Our tag, when we sent the request.
    pub fn from_tag(&self) -> Option<&[u8]> {
        self.from.tag()
    }

    /// The answering side's tag.
    pub fn to_tag(&self) -> Option<&[u8]> {
        self.to.tag()
    }

    /// True when the Via of who sent the request is the only one.
    pub fn has_one_via(&self) -> bool {
        let mut fields = self.message.headers(Name::Via);
        let is_one = fields.next().is_some_and(|value| ListItems::new(&value).nth(1).is_none());
        is_one && fields.next().is_none()
    }

    /// How long a 503 asks us to send nothing more there (RFC 3261 20.33, 21.5.4); `None` for other responses, and for a
    /// 503 that does not say.
    pub fn pause(&self) -> Option<Duration> {
        let asked = self.message.header(Name::RetryAfter).filter(|_| self.status == Status::SERVICE_UNAVAILABLE)?;
        let asked = RetryAfter::parse(&Bytes::copy_from_slice(&asked)).ok()?;
        Some(Duration::from_secs(asked.seconds.into()))
    }
}

/// A request or a response.
#[derive(Clone, Debug)]
pub enum SipMessage {
    Request(Box<Request>),
    Response(Box<Response>),
}

impl SipMessage {
    /// The octets and header fields.
    pub fn message(&self) -> &Message {
        match self {
            SipMessage::Request(request) => &request.message,
            SipMessage::Response(response) => &response.message,
        }
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &Bytes {
        match self {
            SipMessage::Request(request) => &request.call_id,
            SipMessage::Response(response) => &response.call_id,
        }
    }
}

/// Where a request came from, written into the copied top Via as `received` and `rport` (RFC 3261 18.2.1, RFC 3581).
pub type Source = SocketAddr;
