//! From a scanned message to a request or response with its mandatory fields (RFC 3261 7.1, 7.2, 8.1.1, 8.2).

use std::borrow::Cow;

use bytes::Bytes;
use memchr::{memchr, memchr_iter, memrchr};

use super::grammar::{ListItems, cut, is_wsp, number_as, part, share, share_cow};
use super::header::name::Names;
use super::header::{CSeq, Name, NameAddr, Via};
use super::message::{Message, Request, Response, SipMessage};
use super::method::Method;
use super::rejection::RejectionKind;
use super::scan::{Field, Head, Scanner, names_sip};
use super::status::Status;
use super::uri::{Host, Uri};
use crate::base::limits;

/// Reads start line and mandatory fields.
pub(crate) fn read(message: Message, scanner: &Scanner) -> Result<SipMessage, RejectionKind> {
    if names_sip(message.bytes()) {
        return response(message, scanner);
    }
    request(message, scanner)
}

fn start_line<'a>(message: &'a Message, scanner: &Scanner) -> &'a [u8] {
    part(message.bytes(), 0, scanner.start_line_end().unwrap_or_default())
}

fn request(message: Message, scanner: &Scanner) -> Result<SipMessage, RejectionKind> {
    let (method, uri) = request_line(message.bytes(), start_line(&message, scanner))?;
    let common = Common::read(&message, scanner.repeated())?;
    if common.cseq.method != method {
        let is_unknown = method.is_unknown();
        return Err(if is_unknown { RejectionKind::UnknownMethodMismatch } else { RejectionKind::CSeqMethodMismatch });
    }
    let max_forwards = max_forwards(&message, scanner.repeated())?;
    if scanner.repeated().meets(SINGLE) {
        return Err(RejectionKind::RepeatedField);
    }
    if method == Method::Register {
        check_contacts(&message)?;
    }
    let Common { via, from, to, call_id, cseq } = common;
    let read = Request { message, method, uri, via, from, to, call_id, cseq, max_forwards };
    Ok(SipMessage::Request(Box::new(read)))
}

/// Fields besides the mandatory ones that decide what a request means, and are no lists: two readers could pick two.
const SINGLE: Names =
    Names::of([Name::ContentType, Name::ContentDisposition, Name::SessionExpires, Name::MinSe, Name::RAck]);

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
    let written = uri;
    let uri = Uri::parse_within(owner, written).map_err(|_| RejectionKind::BadRequestUri)?;
    if !is_sound(&uri, written) {
        return Err(RejectionKind::BadRequestUri);
    }
    // RFC 3261 19.1.1; RFC 4475 3.1.2.11: a Route must never come out of a URI.
    if uri.as_sip().is_some_and(|sip| sip.headers().is_some()) {
        return Err(RejectionKind::RequestUriHeaders);
    }
    Ok((method, uri))
}

/// What is borne in the addresses of others is not where a request goes by it: escapes are whole, a password has no colon
/// and a host no empty label (RFC 3261 25.1), and of two values of one parameter two readers could pick two (19.1.1).
fn is_sound(uri: &Uri, written: &[u8]) -> bool {
    let is_escape = |at: usize| {
        part(written, at.saturating_add(1), at.saturating_add(3))
            .iter()
            .filter(|octet| octet.is_ascii_hexdigit())
            .count()
            == 2
    };
    match uri {
        Uri::Other { .. } => true,
        Uri::Tel(_) => memchr_iter(b'%', written).all(is_escape),
        Uri::Sip(sip) => {
            memchr_iter(b'%', written).all(is_escape)
                && !sip.password().is_some_and(|password| password.contains(&b':'))
                && !matches!(&sip.host, Host::Name(name) if has_empty_label(name))
                && sip.params.iter().all(|(name, _)| !name.is_empty())
                && DECISIVE.iter().all(|name| sip.params.has_one_value(name))
        }
    }
}

/// Parameters that say where a request goes or whom it is for.
const DECISIVE: [&str; 6] = ["transport", "maddr", "user", "method", "ttl", "phone-context"];

fn has_empty_label(name: &[u8]) -> bool {
    name.starts_with(b".") || name.windows(2).any(|pair| pair == b"..")
}

const VERSION: &[u8] = b"SIP/2.0";

/// `SIP / 1*DIGIT . 1*DIGIT`
fn is_version(text: &[u8]) -> bool {
    let Some(numbers) = names_sip(text).then(|| part(text, 4, text.len())) else { return false };
    let (major, minor) = cut(numbers, b'.');
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number(major) && minor.is_some_and(is_number)
}

fn response(message: Message, scanner: &Scanner) -> Result<SipMessage, RejectionKind> {
    let (status, reason) = status_line(message.bytes(), start_line(&message, scanner))?;
    let Common { via, from, to, call_id, cseq } = Common::read(&message, scanner.repeated())?;
    let read = Response { message, status, reason, via, from, to, call_id, cseq };
    Ok(SipMessage::Response(Box::new(read)))
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
    fn read(message: &Message, repeated: Names) -> Result<Common, RejectionKind> {
        let head = message.head();
        let via = top_via(message)?;
        let only = |name, missing, seen_twice| match head.first(name) {
            None => Err(missing),
            // Two readers could otherwise pick two (reliability-security P2).
            Some(_) if repeated.contains(name) => Err(seen_twice),
            Some(field) => Ok(field),
        };
        let from = only(Name::From, RejectionKind::MissingFrom, RejectionKind::RepeatedFrom)?;
        let to = only(Name::To, RejectionKind::MissingTo, RejectionKind::RepeatedTo)?;
        let call_id = only(Name::CallId, RejectionKind::MissingCallId, RejectionKind::RepeatedCallId)?;
        let cseq = only(Name::CSeq, RejectionKind::MissingCSeq, RejectionKind::RepeatedCSeq)?;
        Ok(Common {
            via,
            call_id: read_call_id(message, head, call_id).ok_or(RejectionKind::BadCallId)?,
            from: address(message, head, from).ok_or(RejectionKind::BadFrom)?,
            to: address(message, head, to).ok_or(RejectionKind::BadTo)?,
            cseq: CSeq::parse(&head.value(cseq)).map_err(|_| RejectionKind::BadCSeq)?,
        })
    }
}

fn read_call_id(message: &Message, head: Head<'_>, field: &Field) -> Option<Bytes> {
    let value = head.value(field);
    let is_sound = !value.is_empty() && !value.iter().any(|&octet| is_wsp(octet)) && head.is_harmless(field);
    is_sound.then(|| share_cow(message.bytes(), value))
}

/// Every Via is copied into the responses, so none may hold control octets; only the topmost is read.
fn top_via(message: &Message) -> Result<Via, RejectionKind> {
    let head = message.head();
    let mut fields = head.named(Name::Via);
    let top = fields.next().ok_or(RejectionKind::MissingVia)?;
    if !head.is_harmless(top) || !fields.all(|field| head.is_harmless(field)) {
        return Err(RejectionKind::BadVia);
    }
    let via = within(message, head.value(top), |owner, value| {
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

fn address(message: &Message, head: Head<'_>, field: &Field) -> Option<NameAddr> {
    if !head.is_harmless(field) {
        return None;
    }
    let read = within(message, head.value(field), |owner, value| NameAddr::parse_within(owner, value).ok());
    read.filter(|address| address.has_sound_tag())
}

fn max_forwards(message: &Message, repeated: Names) -> Result<Option<u8>, RejectionKind> {
    let Some(value) = message.header(Name::MaxForwards) else { return Ok(None) };
    if repeated.contains(Name::MaxForwards) {
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
