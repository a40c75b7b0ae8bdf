//! From a scanned message to a request or response with its mandatory fields (RFC 3261 7.1, 7.2, 8.1.1, 8.2).

use std::borrow::Cow;

use bytes::Bytes;
use memchr::{memchr, memrchr};

use super::grammar::{ListItems, controls_are_quoted, cut, is_wsp, number_as, part, share, share_cow};
use super::header::{CSeq, Name, NameAddr, Via};
use super::message::{Message, Request, Response, SipMessage};
use super::method::Method;
use super::rejection::RejectionKind;
use super::scan::names_sip;
use super::status::Status;
use super::uri::Uri;
use crate::base::limits;

/// Reads start line and mandatory fields.
pub(crate) fn read(message: Message, start_line_end: usize) -> Result<SipMessage, RejectionKind> {
    if names_sip(message.bytes()) {
        return response(message, start_line_end).map(|read| SipMessage::Response(Box::new(read)));
    }
    request(message, start_line_end).map(|read| SipMessage::Request(Box::new(read)))
}

fn request(message: Message, start_line_end: usize) -> Result<Request, RejectionKind> {
    let (method, uri) = request_line(message.bytes(), part(message.bytes(), 0, start_line_end))?;
    let common = Common::read(&message)?;
    if common.cseq.method != method {
        let is_unknown = method.is_unknown();
        return Err(if is_unknown { RejectionKind::UnknownMethodMismatch } else { RejectionKind::CSeqMethodMismatch });
    }
    let max_forwards = max_forwards(&message)?;
    if SINGLE.iter().any(|&name| message.headers(name).nth(1).is_some()) {
        return Err(RejectionKind::RepeatedField);
    }
    if method == Method::Register {
        check_contacts(&message)?;
    }
    let Common { via, from, to, call_id, cseq } = common;
    Ok(Request { message, method, uri, via, from, to, call_id, cseq, max_forwards })
}

/// Fields besides the mandatory ones that decide what a request means, and are no lists: two readers could pick two.
const SINGLE: [Name; 4] = [Name::ContentType, Name::SessionExpires, Name::MinSe, Name::RAck];

/// RFC 3261 7.1: `Method SP Request-URI SP SIP-Version`, one space each and none elsewhere.
fn request_line(owner: &Bytes, line: &[u8]) -> Result<(Method, Uri), RejectionKind> {
    let first = memchr(b' ', line).ok_or(RejectionKind::BadStartLine)?;
    let last = memrchr(b' ', line).filter(|&last| last > first).ok_or(RejectionKind::BadStartLine)?;
    let method = Method::parse(part(line, 0, first)).ok_or(RejectionKind::BadStartLine)?;
    let uri = part(line, first.saturating_add(1), last);
    let version = part(line, last.saturating_add(1), line.len());
    if uri.iter().any(|&octet| is_wsp(octet)) || !is_version(version) {
        return Err(RejectionKind::BadStartLine);
    }
    if !version.eq_ignore_ascii_case(VERSION) {
        return Err(RejectionKind::UnsupportedVersion);
    }
    if uri.len() > limits::URI_OCTETS {
        return Err(RejectionKind::UriTooLong);
    }
    let uri = Uri::parse_within(owner, uri).map_err(|_| RejectionKind::BadRequestUri)?;
    // RFC 3261 19.1.1; RFC 4475 3.1.2.11: a Route must never come out of a URI.
    if uri.as_sip().is_some_and(|sip| sip.headers().is_some()) {
        return Err(RejectionKind::RequestUriHeaders);
    }
    Ok((method, uri))
}

const VERSION: &[u8] = b"SIP/2.0";

/// `SIP / 1*DIGIT . 1*DIGIT`
fn is_version(text: &[u8]) -> bool {
    let Some(numbers) = names_sip(text).then(|| part(text, 4, text.len())) else { return false };
    let (major, minor) = cut(numbers, b'.');
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number(major) && minor.is_some_and(is_number)
}

fn response(message: Message, start_line_end: usize) -> Result<Response, RejectionKind> {
    let (status, reason) = status_line(message.bytes(), part(message.bytes(), 0, start_line_end))?;
    let Common { via, from, to, call_id, cseq } = Common::read(&message)?;
    Ok(Response { message, status, reason, via, from, to, call_id, cseq })
}

/// RFC 3261 7.2: `SIP-Version SP Status-Code SP Reason-Phrase`; the second space may be missing with the phrase.
fn status_line(owner: &Bytes, line: &[u8]) -> Result<(Status, Bytes), RejectionKind> {
    let (version, rest) = cut(line, b' ');
    if !is_version(version) {
        return Err(RejectionKind::BadStartLine);
    }
    if !version.eq_ignore_ascii_case(VERSION) {
        return Err(RejectionKind::UnsupportedVersion);
    }
    let (code, reason) = cut(rest.unwrap_or_default(), b' ');
    let status = Status::parse(code).ok_or(RejectionKind::BadStatusCode)?;
    Ok((status, share(owner, reason.unwrap_or_default())))
}

/// What requests and responses have in common.
struct Common {
    via: Via,
    from: NameAddr,
    to: NameAddr,
    call_id: Bytes,
    cseq: CSeq,
}

impl Common {
    fn read(message: &Message) -> Result<Common, RejectionKind> {
        let via = top_via(message)?;
        let from = only(message, Name::From, RejectionKind::MissingFrom, RejectionKind::RepeatedFrom)?;
        let to = only(message, Name::To, RejectionKind::MissingTo, RejectionKind::RepeatedTo)?;
        let call_id = only(message, Name::CallId, RejectionKind::MissingCallId, RejectionKind::RepeatedCallId)?;
        let cseq = only(message, Name::CSeq, RejectionKind::MissingCSeq, RejectionKind::RepeatedCSeq)?;
        if call_id.is_empty() || call_id.iter().any(|&octet| is_wsp(octet)) || !controls_are_quoted(&call_id) {
            return Err(RejectionKind::BadCallId);
        }
        Ok(Common {
            via,
            from: address(message, from).ok_or(RejectionKind::BadFrom)?,
            to: address(message, to).ok_or(RejectionKind::BadTo)?,
            call_id: share_cow(message.bytes(), call_id),
            cseq: CSeq::parse(&cseq).map_err(|_| RejectionKind::BadCSeq)?,
        })
    }
}

/// Every Via is copied into the responses, so none may hold control octets; only the topmost is read.
fn top_via(message: &Message) -> Result<Via, RejectionKind> {
    if !message.headers(Name::Via).all(|value| controls_are_quoted(&value)) {
        return Err(RejectionKind::BadVia);
    }
    let value = message.header(Name::Via).ok_or(RejectionKind::MissingVia)?;
    let via = within(message, value, |owner, value| {
        let top = ListItems::new(value).next()?;
        Via::parse_within(owner, top).ok()
    });
    let via = via.ok_or(RejectionKind::BadVia)?;
    if via.has_sound_branch() { Ok(via) } else { Err(RejectionKind::BadBranch) }
}

/// Reads a value where it lies: in the message, or in octets of its own when it was unfolded.
fn within<T>(message: &Message, value: Cow<'_, [u8]>, read: impl FnOnce(&Bytes, &[u8]) -> T) -> T {
    match value {
        Cow::Borrowed(value) => read(message.bytes(), value),
        Cow::Owned(value) => {
            let owner = Bytes::from(value);
            read(&owner, &owner)
        }
    }
}

/// The value of a field that must stand exactly once; two readers could otherwise pick two (reliability-security P2).
fn only(
    message: &Message,
    name: Name,
    missing: RejectionKind,
    repeated: RejectionKind,
) -> Result<Cow<'_, [u8]>, RejectionKind> {
    let mut values = message.headers(name);
    let value = values.next().ok_or(missing)?;
    if values.next().is_some() { Err(repeated) } else { Ok(value) }
}

fn address(message: &Message, value: Cow<'_, [u8]>) -> Option<NameAddr> {
    if !controls_are_quoted(&value) {
        return None;
    }
    let read = within(message, value, |owner, value| NameAddr::parse_within(owner, value).ok());
    read.filter(|address| address.has_sound_tag())
}

fn max_forwards(message: &Message) -> Result<Option<u8>, RejectionKind> {
    let mut values = message.headers(Name::MaxForwards);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(RejectionKind::RepeatedMaxForwards);
    }
    number_as::<u8>(&value).map(Some).ok_or(RejectionKind::BadMaxForwards)
}

fn check_contacts(message: &Message) -> Result<(), RejectionKind> {
    if message.has_star_contact() {
        return Ok(());
    }
    message.name_addrs(Name::Contact).map(drop).map_err(|rejection| rejection.kind)
}
