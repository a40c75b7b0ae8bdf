//! Messages we make: every message is written fresh from values (DESIGN rule 4).

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;
use memchr::memchr3;

use super::glance::Answered;
use super::grammar::{ListItems, split_params, unfold};
use super::header::params::{Segments, parse_one};
use super::header::via::parse_without_params;
use super::header::{Name, Via};
use super::message::{Request, Source};
use super::method::Method;
use super::rejection::lacks_tag;
use super::scan::{Field, Head};
use super::status::Status;
use super::uri::Uri;
use crate::base::text::{append_address, append_number, first_control};

/// Room for a request without body and for what a response adds to its request's head: one allocation is mostly enough,
/// and little is left over in a message that is kept for its repetition.
const HEAD_ROOM: usize = 512;
const RESPONSE_ROOM: usize = 256;

const LINE_END: &[u8] = b"\r\n";

/// Builds one message into one buffer. Header order is the order of the calls; Content-Length is written by `finish`.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Begins a request with its start line.
    pub fn request(method: &Method, uri: &Uri) -> Writer {
        let mut out = Vec::with_capacity(HEAD_ROOM);
        out.extend_from_slice(method.as_str().as_bytes());
        out.push(b' ');
        uri.write(&mut out);
        out.extend_from_slice(b" SIP/2.0\r\n");
        Writer { out }
    }

    /// Status line, then the request's Vias (top one with received and rport), From, To (with `to_tag` if it has none),
    /// Call-ID, CSeq; RFC 3261 8.2.6.2.
    pub fn response(
        status: Status,
        reason: Option<&str>,
        to: &Request,
        source: Source,
        to_tag: Option<&[u8]>,
    ) -> Writer {
        Writer::response_from(status, reason, &ResponseHead::new(to, source), to_tag)
    }

    /// Like `response`, from a kept copy of what every response to this request begins with (see `ResponseHead`).
    pub fn response_from(status: Status, reason: Option<&str>, head: &ResponseHead, to_tag: Option<&[u8]>) -> Writer {
        let mut out = Vec::with_capacity(head.octets.len().saturating_add(RESPONSE_ROOM));
        out.extend_from_slice(b"SIP/2.0 ");
        append_number(&mut out, status.code().into());
        out.push(b' ');
        let reason = reason.filter(|text| is_clean(text.as_bytes())).unwrap_or(status.phrase());
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        head.write(to_tag, &mut out);
        Writer { out }
    }

    /// One header field. Like [`Writer::raw`] with a known name.
    #[must_use]
    pub fn header(self, name: Name, value: impl AsRef<[u8]>) -> Writer {
        self.field(name.as_str().as_bytes(), value.as_ref())
    }

    /// One header field that is a number.
    #[must_use]
    pub fn number(mut self, name: Name, value: u64) -> Writer {
        self.begin(name);
        append_number(&mut self.out, value);
        self.out.extend_from_slice(LINE_END);
        self
    }

    /// The CSeq field (RFC 3261 20.16).
    #[must_use]
    pub fn cseq(mut self, number: u32, method: &Method) -> Writer {
        self.begin(Name::CSeq);
        append_number(&mut self.out, number.into());
        self.out.push(b' ');
        self.out.extend_from_slice(method.as_str().as_bytes());
        self.out.extend_from_slice(LINE_END);
        self
    }

    /// Any name and value, octet for octet, except that a fold becomes one space and an escaped NUL an escaped space.
    /// Refuses (skips, debug assertion) CR, LF, NUL, so that no value can become a second header field.
    #[must_use]
    pub fn raw(self, name: &[u8], value: &[u8]) -> Writer {
        let sound = is_clean(name);
        debug_assert!(sound, "a header field would have broken the message's framing");
        if sound { self.field(name, value) } else { self }
    }

    fn field(mut self, name: &[u8], value: &[u8]) -> Writer {
        let value = harmless(value);
        // What was not changed has been found clean.
        let sound = matches!(value, Cow::Borrowed(_)) || is_clean(&value);
        debug_assert!(sound, "a header field would have broken the message's framing");
        if sound {
            self.out.extend_from_slice(name);
            self.out.extend_from_slice(b": ");
            self.out.extend_from_slice(&value);
            self.out.extend_from_slice(LINE_END);
        }
        self
    }

    fn begin(&mut self, name: Name) {
        self.out.extend_from_slice(name.as_str().as_bytes());
        self.out.extend_from_slice(b": ");
    }

    /// One header field whose value comes in parts. Like [`Writer::raw`], without undoing folds.
    #[must_use]
    pub fn parts(mut self, name: Name, parts: &[&[u8]]) -> Writer {
        let sound = parts.iter().all(|part| is_clean(part));
        debug_assert!(sound, "a header field would have broken the message's framing");
        if sound {
            self.begin(name);
            parts.iter().for_each(|part| self.out.extend_from_slice(part));
            self.out.extend_from_slice(LINE_END);
        }
        self
    }

    /// Writes Content-Type, Content-Length and the body.
    pub fn body(self, content_type: &str, body: &[u8]) -> Bytes {
        let mut out = self.header(Name::ContentType, content_type).out;
        out.reserve_exact(body.len().saturating_add(32));
        out.extend_from_slice(b"Content-Length: ");
        append_number(&mut out, u64::try_from(body.len()).unwrap_or(u64::MAX));
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(body);
        Bytes::from(out)
    }

    /// Writes `Content-Length: 0` and the end.
    pub fn finish(mut self) -> Bytes {
        self.out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        Bytes::from(self.out)
    }
}

fn is_clean(octets: &[u8]) -> bool {
    // What has no control octet at all, as nearly everything, is looked at once and without a call.
    first_control(octets).is_none() || memchr3(b'\r', b'\n', 0, octets).is_none()
}

/// Legal folds are undone and the NUL of a quoted pair replaced; a value without them is not copied.
fn harmless(value: &[u8]) -> Cow<'_, [u8]> {
    if is_clean(value) {
        return Cow::Borrowed(value);
    }
    let is_fold = |line: &[u8]| line.first().is_some_and(|octet| matches!(octet, b' ' | b'\t'));
    let ends_in_cr = |line: &[u8]| line.ends_with(b"\r");
    let lines: Vec<_> = value.split(|&octet| octet == b'\n').collect();
    let folded =
        lines.iter().skip(1).all(|line| is_fold(line)) && lines.iter().rev().skip(1).all(|line| ends_in_cr(line));
    let text = if folded { unfold(value) } else { Cow::Borrowed(value) };
    Cow::Owned(without_quoted_nuls(&text))
}

fn without_quoted_nuls(value: &[u8]) -> Vec<u8> {
    let mut previous = 0;
    let replace = |&octet: &u8| {
        let kept = if octet == 0 && previous == b'\\' { b' ' } else { octet };
        previous = octet;
        kept
    };
    value.iter().map(replace).collect()
}

/// What every response to one request begins with; a server transaction keeps it instead of the request.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// Via fields, From, To, Call-ID, CSeq and Timestamp, as written in the response.
    octets: Bytes,
    /// Where `;tag=...` goes: the end of To's value. `None` when there is a tag already (or no readable To).
    tag_at: Option<usize>,
}

/// What a response head is copied from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Copied<'a> {
    /// A request that was read: fields are copied octet for octet.
    FromAccepted(&'a Request),
    /// A request that is refused: only what can be read, each field once.
    FromRefused,
}

impl Copied<'_> {
    /// True when this To can be read and carries no tag, so that one may be appended.
    fn lacks_tag(self, to: &[u8]) -> bool {
        match self {
            Copied::FromAccepted(request) => request.to_tag().is_none(),
            Copied::FromRefused => lacks_tag(&Bytes::copy_from_slice(to)),
        }
    }

    /// The address in the sent-by of the top Via, if it is one.
    fn sent_by(self, top: &[u8]) -> Option<IpAddr> {
        match self {
            Copied::FromAccepted(request) => request.via.host.ip(),
            Copied::FromRefused => parse_without_params(&Bytes::copy_from_slice(top)).ok()?.host.ip(),
        }
    }

    /// True when this Via below the top one goes back.
    fn takes(self, via: &[u8]) -> bool {
        match self {
            Copied::FromAccepted(_) => true,
            Copied::FromRefused => Via::parse(&Bytes::copy_from_slice(via)).is_ok(),
        }
    }
}

impl ResponseHead {
    /// Copies Vias (RFC 3261 18.2.1: `received`; RFC 3581: `rport` filled in the top one), From, To, Call-ID, CSeq and
    /// Timestamp.
    pub fn new(request: &Request, source: Source) -> ResponseHead {
        ResponseHead::copy(request.message.head(), source, Copied::FromAccepted(request))
    }

    /// True when the request's To had a tag (a request within a dialog).
    pub fn has_to_tag(&self) -> bool {
        self.tag_at.is_none()
    }

    /// A number that is the same for each repetition of the request, and another one for another request.
    pub fn spread(&self) -> u32 {
        self.octets.iter().fold(0u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(*octet)))
    }

    pub(crate) fn copy(head: Head<'_>, source: Source, copied: Copied<'_>) -> ResponseHead {
        let mut out = Vec::with_capacity(room_for_copies(head));
        write_vias(head, source, copied, &mut out);
        write_first(head, Name::From, &mut out);
        let has_to = write_first(head, Name::To, &mut out);
        let end_of_to = out.len().saturating_sub(LINE_END.len());
        let to = head.first(Name::To).map(|field| head.value(field));
        let tag_at = to.filter(|to| has_to && copied.lacks_tag(to)).map(|_| end_of_to);
        write_first(head, Name::CallId, &mut out);
        write_first(head, Name::CSeq, &mut out);
        // RFC 3261 8.2.6.1: the sender measures the round trip by it.
        write_first(head, Name::Timestamp, &mut out);
        ResponseHead { octets: Bytes::from(out), tag_at }
    }

    fn write(&self, to_tag: Option<&[u8]>, out: &mut Vec<u8>) {
        let (Some(at), Some(tag)) = (self.tag_at, to_tag.filter(|tag| is_clean(tag))) else {
            out.extend_from_slice(&self.octets);
            return;
        };
        let (before, after) = super::grammar::split(&self.octets, at);
        out.extend_from_slice(before);
        out.extend_from_slice(b";tag=");
        out.extend_from_slice(tag);
        out.extend_from_slice(after);
    }
}

/// Appends the 503 of a node that has too much to do (R-A2), complete: what every answer begins with, and when to come
/// back.
pub(super) fn write_busy(
    request: &Answered<'_>,
    source: Source,
    (tag, retry_after_s): (&[u8], &str),
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"SIP/2.0 503 ");
    out.extend_from_slice(Status::SERVICE_UNAVAILABLE.phrase().as_bytes());
    out.extend_from_slice(b"\r\nVia: ");
    stamp(request.top, request.via.host.ip(), source, out);
    out.extend_from_slice(LINE_END);
    for field in request.head.named(Name::Via).skip(1) {
        write_field(Name::Via, request.head.raw(field), out);
    }
    write_field(Name::From, request.from, out);
    out.extend_from_slice(b"To: ");
    out.extend_from_slice(request.to);
    out.extend_from_slice(b";tag=");
    out.extend_from_slice(tag);
    out.extend_from_slice(LINE_END);
    write_field(Name::CallId, request.call_id, out);
    write_field(Name::CSeq, request.cseq, out);
    if let Some(timestamp) = request.timestamp {
        write_field(Name::Timestamp, timestamp, out);
    }
    write_field(Name::RetryAfter, retry_after_s.as_bytes(), out);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

/// Octets that copying takes, with room for what [`stamp`] adds.
fn room_for_copies(head: Head<'_>) -> usize {
    let is_copied =
        |known| matches!(known, Name::Via | Name::From | Name::To | Name::CallId | Name::CSeq | Name::Timestamp);
    let copied = head.fields.iter().filter(|field| field.known.is_some_and(is_copied));
    copied.map(|field| head.raw(field).len().saturating_add(16)).sum::<usize>().saturating_add(STAMP_ROOM)
}

/// `;received=` and `;rport=` with their longest values.
const STAMP_ROOM: usize = 64;

/// Copies the first field of that name octet for octet; the sender's own folds and escapes come back to it as it wrote
/// them. A refused request's field with control octets is left out. False when nothing was written.
fn write_first(head: Head<'_>, name: Name, out: &mut Vec<u8>) -> bool {
    let sound = head.first(name).filter(|field| head.is_harmless(field));
    if let Some(field) = sound {
        write_field(name, head.raw(field), out);
    }
    sound.is_some()
}

fn write_field(name: Name, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_vias(head: Head<'_>, source: Source, copied: Copied<'_>, out: &mut Vec<u8>) {
    for (position, field) in head.named(Name::Via).enumerate() {
        if position == 0 {
            write_top_via(head, field, source, copied, out);
        } else if head.is_harmless(field) {
            write_field(Name::Via, head.raw(field), out);
        }
    }
}

/// The first value of the field is stamped with the source, the others of its line follow as they are.
fn write_top_via(head: Head<'_>, field: &Field, source: Source, copied: Copied<'_>, out: &mut Vec<u8>) {
    let value = head.value(field);
    let mut items = ListItems::new(&value);
    out.extend_from_slice(b"Via: ");
    if let Some(top) = items.next() {
        stamp(top, copied.sent_by(top), source, out);
    }
    for item in items {
        if copied.takes(item) {
            out.extend_from_slice(b", ");
            out.extend_from_slice(item);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// RFC 3261 18.2.1 and RFC 3581 s.4: `received` when sent-by does not show the source or `rport` was asked for; `rport`
/// filled. What the sender itself wrote into them is replaced.
fn stamp(top: &[u8], sent_by: Option<IpAddr>, source: Source, out: &mut Vec<u8>) {
    let (sent, params) = split_params(top);
    out.extend_from_slice(sent.trim_ascii_end());
    let mut wants_rport = false;
    for segment in Segments::new(params).flatten() {
        let Ok((name, _)) = parse_one(segment) else { continue };
        if name.eq_ignore_ascii_case(b"rport") {
            wants_rport = true;
            out.extend_from_slice(b";rport=");
            append_number(out, source.port().into());
        } else if !name.eq_ignore_ascii_case(b"received") {
            out.push(b';');
            out.extend_from_slice(segment.trim_ascii());
        }
    }
    let shown = sent_by.is_some_and(|address| address.to_canonical() == source.ip().to_canonical());
    if wants_rport || !shown {
        out.extend_from_slice(b";received=");
        append_address(out, source.ip().to_canonical());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::frame::datagram;
    use crate::sip::message::SipMessage;

    const SOURCE: &str = "198.51.100.7:40000";

    fn request(via: &str, to: &str) -> Request {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: {via}\r\nv: SIP/2.0/UDP b;branch=z9hG4bKb ;x\r\nFrom:  \"A\"\r\n <sip:a@h> ;tag=1\r\nTo: {to}\r\nCall-ID: c@h\r\nCSeq: 0009  OPTIONS\r\n\r\n"
        );
        match datagram(&Bytes::from(text), SOURCE.parse().unwrap()) {
            Some(Ok(SipMessage::Request(request))) => *request,
            other => panic!("{other:?}"),
        }
    }

    fn answered(via: &str, to: &str) -> String {
        let request = request(via, to);
        let writer = Writer::response(Status::OK, None, &request, SOURCE.parse().unwrap(), Some(b"t1"));
        String::from_utf8(writer.finish().to_vec()).unwrap()
    }

    #[test]
    fn a_response_copies_the_mandatory_fields_octet_for_octet() {
        let text = answered("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "<sip:b@h>");
        assert_eq!(
            text,
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP b;branch=z9hG4bKb ;x\r\n\
             From: \"A\"\r\n <sip:a@h> ;tag=1\r\nTo: <sip:b@h>;tag=t1\r\nCall-ID: c@h\r\nCSeq: 0009  OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_tag_that_is_there_stays() {
        assert!(answered("SIP/2.0/UDP h;branch=z9hG4bKa", "sip:b@h;tag=old").contains("To: sip:b@h;tag=old\r\n"));
        assert!(answered("SIP/2.0/UDP h;branch=z9hG4bKa", "sip:b@h").contains("To: sip:b@h;tag=t1\r\n"));
    }

    #[test]
    fn received_is_set_for_names_and_foreign_addresses() {
        for sent_by in ["client.example.com:5061", "192.0.2.1"] {
            let text = answered(&format!("SIP/2.0/UDP {sent_by};branch=z9hG4bKa"), "<sip:b@h>");
            assert!(
                text.contains(&format!("Via: SIP/2.0/UDP {sent_by};branch=z9hG4bKa;received=198.51.100.7\r\n")),
                "{text}"
            );
        }
    }

    #[test]
    fn rport_is_filled_and_forged_values_are_replaced() {
        let text = answered("SIP/2.0/UDP 198.51.100.7;rport;branch=z9hG4bKa", "<sip:b@h>");
        assert!(text.contains(";rport=40000;branch=z9hG4bKa;received=198.51.100.7\r\n"), "{text}");
        let text = answered("SIP/2.0/UDP h;received=203.0.113.9;rport=9;branch=z9hG4bKa", "<sip:b@h>");
        assert!(text.contains("SIP/2.0/UDP h;rport=40000;branch=z9hG4bKa;received=198.51.100.7\r\n"), "{text}");
    }

    #[test]
    fn only_the_first_of_several_vias_in_one_line_is_stamped() {
        let text = answered("SIP/2.0/UDP h;branch=z9hG4bKa, SIP/2.0/TCP g;branch=z9hG4bKb", "<sip:b@h>");
        assert!(
            text.contains(
                "Via: SIP/2.0/UDP h;branch=z9hG4bKa;received=198.51.100.7, SIP/2.0/TCP g;branch=z9hG4bKb\r\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn an_ipv6_source_is_received_without_brackets() {
        let head = ResponseHead::new(
            &request("SIP/2.0/UDP h;branch=z9hG4bKa", "<sip:b@h>"),
            "[2001:db8::7]:5070".parse().unwrap(),
        );
        let text = Writer::response_from(Status::TRYING, None, &head, None).finish();
        assert!(String::from_utf8_lossy(&text).contains(";received=2001:db8::7\r\n"));
    }

    #[test]
    fn a_request_is_written_in_the_order_of_the_calls() {
        let uri = Uri::parse(&Bytes::from_static(b"sip:b@h;lr")).unwrap();
        let text = Writer::request(&Method::Invite, &uri)
            .header(Name::CallId, "1")
            .raw(b"X-A", b"b")
            .body("application/sdp", b"v=0\r\n");
        assert_eq!(
            text,
            "INVITE sip:b@h;lr SIP/2.0\r\nCall-ID: 1\r\nX-A: b\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
        );
    }

    #[test]
    fn a_reason_phrase_cannot_inject_a_header() {
        let head = ResponseHead::new(&request("SIP/2.0/UDP h", "<sip:b@h>"), SOURCE.parse().unwrap());
        let text = Writer::response_from(Status::FORBIDDEN, Some("No\r\nX: y"), &head, Some(b"a\r\nX: y")).finish();
        let text = String::from_utf8_lossy(&text);
        assert!(text.starts_with("SIP/2.0 403 Forbidden\r\n") && !text.contains("X: y"), "{text}");
    }

    #[test]
    fn folds_become_spaces_and_escaped_nuls_escaped_spaces() {
        let uri = Uri::parse(&Bytes::from_static(b"sip:h")).unwrap();
        let text = Writer::request(&Method::Info, &uri).raw(b"A", b"one\r\n\t two").raw(b"B", b"\"\\\0\"").finish();
        assert_eq!(text, "INFO sip:h SIP/2.0\r\nA: one two\r\nB: \"\\ \"\r\nContent-Length: 0\r\n\r\n");
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "broken the message's framing")]
    fn a_line_end_in_a_value_is_caught_in_debug_builds() {
        let uri = Uri::parse(&Bytes::from_static(b"sip:h")).unwrap();
        let _ = Writer::request(&Method::Info, &uri).raw(b"A", b"one\r\nX: y").finish();
    }
}
