//! SIP messages of the lab, read and written with rsip where it can say them and as raw text where it cannot.
//!
//! What a peer sends must be readable by rsip, an independent reader: what it refuses is a finding of the run.
//! Raw text is used for the reason phrase (rsip joins its words: crates-measured R9), for From and To (R4), for the
//! Contact address (R13, R17) and for the end of a message (rsip has no framing: R18, R19; see `framing`).

use bytes::Bytes;
use rsip::headers::UntypedHeader;
use rsip::message::HasHeaders;
use rsip::prelude::{HeadersExt, ToTypedHeader};
use rsip::{Header, SipMessage};

/// The head of a message a lab agent reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request(rsip::Method),
    /// A status code, 100 to 699.
    Response(u16),
}

/// One message that rsip could read, with what the lab looks at picked out.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub kind: Kind,
    /// The start line as it came.
    pub start_line: String,
    pub call_id: String,
    pub cseq: u32,
    /// The method of the CSeq: for a response, that of its request.
    pub method: rsip::Method,
    /// The branch of the topmost Via.
    pub branch: String,
    /// The Request-URI's user part; empty for responses and for URIs without one.
    pub user: String,
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Incoming {
    /// Reads one framed message.
    ///
    /// # Errors
    /// What rsip says about a message it cannot read, or the mandatory field that is missing.
    pub fn read(octets: &Bytes) -> Result<Incoming, String> {
        let message = SipMessage::try_from(octets.clone()).map_err(|error| format!("rsip cannot read it: {error}"))?;
        let cseq = message.cseq_header().and_then(|field| field.typed()).map_err(|error| format!("CSeq: {error}"))?;
        let via = message.via_header().and_then(|field| field.typed()).map_err(|error| format!("Via: {error}"))?;
        let branch = via.branch().map(|branch| branch.value().to_owned()).ok_or("Via without branch")?;
        let call_id = message.call_id_header().map_err(|error| format!("Call-ID: {error}"))?.value().to_owned();
        let (kind, user) = match &message {
            SipMessage::Request(request) => {
                (Kind::Request(request.method), request.uri.user().unwrap_or_default().to_owned())
            }
            SipMessage::Response(response) => (Kind::Response(response.status_code.code()), String::new()),
        };
        Ok(Incoming {
            kind,
            start_line: start_line(octets),
            call_id,
            cseq: cseq.seq,
            method: cseq.method,
            branch,
            user,
            body: message.body().clone(),
            headers: message.headers().iter().map(name_and_value).collect(),
        })
    }

    /// The first field of that name, compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The fields of that name, in order.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_that_name = move |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.headers.iter().filter(of_that_name).map(|(_, value)| value.as_str())
    }

    /// The address in Contact: what stands between angle brackets, else all before the first parameter.
    #[must_use]
    pub fn contact(&self) -> Option<String> {
        // Raw text: rsip's typed Contact refuses lists and prints `*` as `<*>` (R13, R17).
        self.header("Contact").map(address_of)
    }

    /// True when the body is a session description.
    #[must_use]
    pub fn has_sdp(&self) -> bool {
        !self.body.is_empty() && self.header("Content-Type").is_some_and(|kind| kind.starts_with("application/sdp"))
    }

    /// The direction its session description asks for; `None` without one.
    #[must_use]
    pub fn sdp_direction(&self) -> Option<&'static str> {
        let lines = || self.body.split(|octet| matches!(octet, b'\r' | b'\n'));
        let asked = |token: &&str| lines().any(|line| line.strip_prefix(b"a=") == Some(token.as_bytes()));
        self.has_sdp().then(|| ["sendonly", "recvonly", "inactive"].into_iter().find(asked).unwrap_or("sendrecv"))
    }

    /// What RFC 3261 demands of every message and this one lacks; rsip does not look (R19).
    #[must_use]
    pub fn defects(&self) -> Vec<String> {
        let request = matches!(self.kind, Kind::Request(_));
        let makes_dialog =
            self.method == rsip::Method::Invite && matches!(self.kind, Kind::Request(_) | Kind::Response(200..300));
        let demands = [("From", true), ("To", true), ("Max-Forwards", request), ("Contact", makes_dialog)];
        let lacks = |(name, demanded): &(&str, bool)| *demanded && self.header(name).is_none();
        let mut defects: Vec<String> =
            demands.iter().filter(|demand| lacks(demand)).map(|(name, _)| format!("no {name}")).collect();
        if !self.branch.starts_with("z9hG4bK") {
            defects.push("a branch without the magic cookie".to_owned());
        }
        let length = self.header("Content-Length").and_then(|length| length.parse().ok());
        if length != Some(self.body.len()) {
            defects.push(format!("Content-Length does not say {}", self.body.len()));
        }
        defects
    }

    /// `INVITE`, or `183 Session Progress` with the phrase as it came.
    #[must_use]
    pub fn label(&self) -> String {
        label_of(&self.start_line)
    }
}

/// What the ladder prints for a start line.
#[must_use]
pub fn label_of(start_line: &str) -> String {
    match start_line.strip_prefix("SIP/2.0 ") {
        Some(status) => status.to_owned(),
        None => start_line.split(' ').next().unwrap_or_default().to_owned(),
    }
}

/// The first line, without its end.
#[must_use]
pub fn start_line(octets: &[u8]) -> String {
    let line = octets.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

fn name_and_value(header: &Header) -> (String, String) {
    let text = header.to_string();
    let (name, value) = text.split_once(':').unwrap_or((&text, ""));
    (name.to_owned(), value.trim().to_owned())
}

/// The URI of a name-addr, without brackets and display name.
#[must_use]
pub fn address_of(value: &str) -> String {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default().to_owned(),
        None => value.split(';').next().unwrap_or_default().trim().to_owned(),
    }
}

/// A request to be written.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    pub method: rsip::Method,
    pub uri: &'a str,
    /// The whole Via value, branch included.
    pub via: String,
    pub from: String,
    pub to: String,
    pub call_id: &'a str,
    pub cseq: u32,
    pub contact: Option<String>,
    pub body: Option<String>,
}

/// Writes a request through rsip.
///
/// # Errors
/// A Request-URI that rsip cannot represent (`tel:`, IPv6: R5, R6).
pub fn request(outgoing: Outgoing<'_>) -> Result<Bytes, String> {
    let uri = rsip::Uri::try_from(outgoing.uri).map_err(|error| format!("{}: {error}", outgoing.uri))?;
    let mut headers = rsip::Headers::default();
    headers.push(rsip::headers::Via::new(outgoing.via).into());
    headers.push(rsip::headers::MaxForwards::new("70").into());
    headers.push(rsip::headers::From::new(outgoing.from).into());
    headers.push(rsip::headers::To::new(outgoing.to).into());
    headers.push(rsip::headers::CallId::new(outgoing.call_id).into());
    headers.push(rsip::headers::CSeq::new(format!("{} {}", outgoing.cseq, outgoing.method)).into());
    push_contact(&mut headers, outgoing.contact);
    let body = push_body(&mut headers, outgoing.body);
    let request = rsip::Request { method: outgoing.method, uri, version: rsip::Version::V2, headers, body };
    Ok(request.into())
}

/// What a response says beyond its copied fields.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub to_tag: Option<String>,
    pub contact: Option<String>,
    pub body: Option<String>,
}

/// Writes a response to `request` (RFC 3261 8.2.6.2).
#[must_use]
pub fn response(request: &Incoming, reply: Reply) -> Bytes {
    let mut headers = rsip::Headers::default();
    for via in request.fields("Via") {
        headers.push(rsip::headers::Via::new(via).into());
    }
    let value = |name| request.header(name).unwrap_or_default();
    headers.push(rsip::headers::From::new(value("From")).into());
    headers.push(rsip::headers::To::new(tagged(value("To"), reply.to_tag.as_deref())).into());
    headers.push(rsip::headers::CallId::new(value("Call-ID")).into());
    headers.push(rsip::headers::CSeq::new(value("CSeq")).into());
    push_contact(&mut headers, reply.contact);
    let body = push_body(&mut headers, reply.body);
    // The status line is raw text: rsip writes "183 SessionProgress" (R9).
    let mut octets = format!("SIP/2.0 {} {}\r\n{headers}\r\n", reply.status, phrase(reply.status)).into_bytes();
    octets.extend_from_slice(&body);
    octets.into()
}

fn tagged(to: &str, tag: Option<&str>) -> String {
    match tag {
        Some(tag) if !to.contains(";tag=") => format!("{to};tag={tag}"),
        Some(_) | None => to.to_owned(),
    }
}

const METHODS: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS";

fn push_contact(headers: &mut rsip::Headers, contact: Option<String>) {
    if let Some(contact) = contact {
        headers.push(rsip::headers::Contact::new(contact).into());
        headers.push(rsip::headers::Allow::new(METHODS).into());
        headers.push(rsip::headers::Accept::new("application/sdp").into());
        headers.push(rsip::headers::UserAgent::new("trunkline-lab").into());
    }
}

fn push_body(headers: &mut rsip::Headers, body: Option<String>) -> Vec<u8> {
    let body = body.unwrap_or_default();
    if !body.is_empty() {
        headers.push(rsip::headers::ContentType::new("application/sdp").into());
    }
    headers.push(rsip::headers::ContentLength::new(body.len().to_string()).into());
    body.into_bytes()
}

fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        404 => "Not Found",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        501 => "Not Implemented",
        603 => "Decline",
        _ => "Lab",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Bytes {
        request(Outgoing {
            method: rsip::Method::Invite,
            uri: "sip:+49301234567@127.0.0.1:5060",
            via: "SIP/2.0/UDP 127.0.1.2:5060;branch=z9hG4bKone".to_owned(),
            from: "<sip:+4940765@127.0.1.2>;tag=a1".to_owned(),
            to: "<sip:+49301234567@127.0.0.1>".to_owned(),
            call_id: "c1@lab",
            cseq: 7,
            contact: Some("<sip:lab@127.0.1.2:5060>".to_owned()),
            body: Some("v=0\r\n".to_owned()),
        })
        .expect("a plain URI")
    }

    #[test]
    fn a_written_request_is_read_back() {
        let read = Incoming::read(&invite()).expect("readable");
        assert_eq!(read.kind, Kind::Request(rsip::Method::Invite));
        assert_eq!((read.call_id.as_str(), read.cseq, read.branch.as_str()), ("c1@lab", 7, "z9hG4bKone"));
        assert_eq!(read.user, "+49301234567");
        assert_eq!(read.contact().as_deref(), Some("sip:lab@127.0.1.2:5060"));
        assert!(read.has_sdp());
    }

    #[test]
    fn a_reason_phrase_keeps_its_space() {
        let read = Incoming::read(&invite()).expect("readable");
        let octets = response(&read, Reply { status: 183, to_tag: Some("b2".to_owned()), ..Reply::default() });
        let answer = Incoming::read(&octets).expect("readable");
        assert_eq!(answer.label(), "183 Session Progress");
        assert_eq!(answer.header("To"), Some("<sip:+49301234567@127.0.0.1>;tag=b2"));
    }

    #[test]
    fn a_message_of_our_own_has_no_defects_and_a_poor_one_has_them_named() {
        assert_eq!(Incoming::read(&invite()).expect("readable").defects(), Vec::<String>::new());
        let text = String::from_utf8(invite().to_vec()).expect("text");
        let poor = text.replace("Max-Forwards", "X-Other").replace("z9hG4bK", "old").replace("Length: 5", "Length: 6");
        let defects = Incoming::read(&poor.into()).expect("readable").defects();
        assert_eq!(defects, ["no Max-Forwards", "a branch without the magic cookie", "Content-Length does not say 5"]);
    }

    #[test]
    fn what_rsip_cannot_read_is_said() {
        let octets = Bytes::from_static(b"FOO sip:a@b SIP/2.0\r\n\r\n");
        assert!(Incoming::read(&octets).expect_err("an extension method (R8)").contains("rsip"));
    }
}
