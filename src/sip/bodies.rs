//! What a message carries behind its header: a session description, alone or as one of several parts (RFC 5621), and the
//! parts beside it, octet for octet.
//!
//! Obeyed: RFC 5621 3.1 and 8 (mixed and related bodies; of alternatives the last one that is understood, RFC 2046 5.1.4;
//! `handling=required`), MD-162 (any boundary, any order of parts). Assumed: parts with a transfer encoding of their own
//! are not decoded, and are no descriptions.

use bytes::Bytes;

use super::grammar::{cut, is_token, trim};
use super::header::ContentType;
use super::multipart::{self, Part};
use super::{Message, Name};

/// Multiparts within multiparts. Deeper ones are parts like others.
const DEPTH: usize = 2;
const SDP: &str = "application/sdp";

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bodies {
    /// `None`: there is none.
    pub description: Option<Bytes>,
    /// In their order.
    pub others: Vec<OtherBody>,
}

/// A part that is no description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherBody {
    pub kind: ContentType,
    /// The part's header lines and content as they came.
    pub raw: Bytes,
    /// The content alone.
    pub content: Bytes,
}

/// Why what a message carries cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBody {
    /// 415: of a type nobody here reads, encoded, or with a part that must be understood and is not.
    MediaType,
    /// 400: it is not what it says it is.
    Malformed,
}

impl Bodies {
    /// Reads them.
    ///
    /// # Errors
    /// See [`BadBody`].
    pub fn of(message: &Message) -> Result<Bodies, BadBody> {
        let body = message.body();
        let kind = message.header(Name::ContentType);
        if body.is_empty() && kind.is_none() {
            return Ok(Bodies::default());
        }
        // RFC 3261 20.12: one list over all its fields.
        if message.list(Name::ContentEncoding).iter().any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            return Err(BadBody::MediaType);
        }
        let kind = kind.ok_or(BadBody::MediaType)?;
        // Parameters that cannot be read say nothing of a description.
        if is_description(&kind) {
            return Bodies::alone(body, message.header(Name::ContentDisposition).as_deref());
        }
        let kind = ContentType::parse(&Bytes::from(kind.into_owned())).map_err(|_| BadBody::MediaType)?;
        match kind.kind.eq_ignore_ascii_case(b"multipart") {
            true => Bodies::of_parts(&kind, &body, DEPTH),
            // An empty body of another type promises nothing.
            false if body.is_empty() => Ok(Bodies::default()),
            false => match message.header(Name::ContentDisposition) {
                Some(value) if is_optional(&value) => Ok(Bodies::default()),
                Some(_) | None => Err(BadBody::MediaType),
            },
        }
    }

    /// RFC 3261 20.11: what is no session's description is left out where it may be, which must be written out.
    fn alone(body: Bytes, disposition: Option<&[u8]>) -> Result<Bodies, BadBody> {
        match disposition {
            Some(value) if !is_session(value) => match is_optional(value) {
                true => Ok(Bodies::default()),
                false => Err(BadBody::MediaType),
            },
            Some(_) | None => Ok(Bodies { description: Some(body), others: Vec::new() }),
        }
    }

    fn of_parts(kind: &ContentType, body: &Bytes, depth: usize) -> Result<Bodies, BadBody> {
        let mut bodies = Bodies::default();
        let last_counts = kind.is("multipart/alternative");
        for part in multipart::parts(kind, body).map_err(|_| BadBody::Malformed)? {
            let inner = bodies.read(part, depth)?;
            if let Some(found) = inner
                && (last_counts || bodies.description.is_none())
            {
                bodies.description = Some(found);
            }
        }
        Ok(bodies)
    }

    /// Takes one part in; its description, when it is one.
    fn read(&mut self, part: Part, depth: usize) -> Result<Option<Bytes>, BadBody> {
        let kind = part.content_type.clone().unwrap_or_else(|| Bytes::from_static(b"text/plain"));
        let kind = ContentType::parse(&kind).map_err(|_| BadBody::Malformed)?;
        if kind.is(SDP) && part.is_plain() && part.is_session() {
            return Ok(Some(part.body));
        }
        if kind.kind.eq_ignore_ascii_case(b"multipart") && depth > 0 {
            let inner = Bodies::of_parts(&kind, &part.body, depth - 1)?;
            self.others.extend(inner.others);
            return Ok(inner.description);
        }
        if part.must_be_understood() && !kind.is("application/pidf+xml") {
            return Err(BadBody::MediaType);
        }
        self.others.push(OtherBody { kind, raw: part.raw, content: part.body });
        Ok(None)
    }
}

impl Part {
    /// Without a transfer encoding that would have to be undone.
    fn is_plain(&self) -> bool {
        let plain =
            |coding: &Bytes| [&b"binary"[..], b"8bit", b"7bit"].iter().any(|own| coding.eq_ignore_ascii_case(own));
        self.encoding.as_ref().is_none_or(plain)
    }

    /// RFC 3261 20.11: a description of the session is what `application/sdp` is, unless its disposition says otherwise.
    fn is_session(&self) -> bool {
        self.disposition.as_ref().is_none_or(|value| is_session(value))
    }

    /// `handling=required`, written out: what nobody wrote is no reason to refuse a call.
    fn must_be_understood(&self) -> bool {
        let handling = self.disposition.as_ref().and_then(|value| handling(value));
        handling.is_some_and(|word| word.eq_ignore_ascii_case(b"required"))
    }
}

fn is_session(disposition: &[u8]) -> bool {
    essence(disposition).eq_ignore_ascii_case(b"session")
}

fn is_optional(disposition: &[u8]) -> bool {
    handling(disposition).is_some_and(|word| word.eq_ignore_ascii_case(b"optional"))
}

/// Value of `handling` of a Content-Disposition.
fn handling(disposition: &[u8]) -> Option<&[u8]> {
    let params = disposition.split(|&octet| octet == b';').skip(1).map(|param| cut(param, b'='));
    let mut named = params.filter(|(name, _)| trim(name).eq_ignore_ascii_case(b"handling"));
    named.find_map(|(_, value)| value.map(trim).filter(|word| is_token(word)))
}

/// Whatever its parameters say, and with blanks around its slash (RFC 3261 25.1).
fn is_description(kind: &[u8]) -> bool {
    let (kind, subtype) = cut(essence(kind), b'/');
    trim(kind).eq_ignore_ascii_case(b"application")
        && subtype.is_some_and(|text| trim(text).eq_ignore_ascii_case(b"sdp"))
}

/// What stands before the parameters.
fn essence(value: &[u8]) -> &[u8] {
    trim(value.split(|&octet| octet == b';').next().unwrap_or_default())
}

/// Octets of a body of several parts, the description first; its Content-Type goes with [`mixed_type`].
pub fn mixed(boundary: &str, description: &[u8], others: &[Bytes]) -> Vec<u8> {
    let mut out = Vec::with_capacity(description.len() + others.iter().map(Bytes::len).sum::<usize>() + 256);
    for part in [[&b"Content-Type: application/sdp\r\n\r\n"[..], description].concat().into()].iter().chain(others) {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// Content-Type of [`mixed`].
pub fn mixed_type(boundary: &str) -> String {
    format!("multipart/mixed;boundary=\"{boundary}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{SipMessage, frame};

    fn read(kind: &str, body: &str) -> Result<Bodies, BadBody> {
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let source = (std::net::Ipv4Addr::LOCALHOST, 5060).into();
        let Some(Ok(SipMessage::Request(request))) = frame::datagram(&Bytes::from(text), source) else {
            panic!("no request")
        };
        Bodies::of(&request.message)
    }

    const SESSION: &str = "Content-Type: application/sdp\r\n\r\nv=0\r\n";
    const PLACE: &str = "Content-Type: application/pidf+xml\r\nContent-ID: <l@x>\r\n\r\n<presence/>\r\n";

    fn body(parts: &[&str]) -> String {
        parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect::<String>() + "--b--\r\n"
    }

    #[test]
    fn the_description_is_found_wherever_it_stands_and_the_rest_is_kept_octet_for_octet() {
        for parts in [[SESSION, PLACE], [PLACE, SESSION]] {
            let bodies = read("multipart/mixed;boundary=b", &body(&parts)).unwrap();
            assert_eq!(bodies.description.as_deref(), Some(&b"v=0\r\n"[..]));
            assert_eq!(bodies.others.len(), 1);
            assert_eq!(bodies.others[0].raw, PLACE.as_bytes());
            assert_eq!(bodies.others[0].content, &b"<presence/>\r\n"[..]);
        }
    }

    #[test]
    fn a_location_alone_is_a_call_without_a_description() {
        let bodies = read("multipart/mixed;boundary=b", &body(&[PLACE])).unwrap();
        assert_eq!((bodies.description, bodies.others.len()), (None, 1));
    }

    #[test]
    fn multiparts_nest_and_of_alternatives_the_last_counts() {
        let inner = "Content-Type: multipart/alternative;boundary=i\r\n\r\n--i\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n--i\r\nContent-Type: application/sdp\r\n\r\nv=2\r\n--i--\r\n";
        let bodies = read("multipart/mixed;boundary=b", &body(&[PLACE, inner])).unwrap();
        assert_eq!(bodies.description.as_deref(), Some(&b"v=2"[..]));
    }

    #[test]
    fn what_must_be_understood_and_is_not_refuses_the_message() {
        let isup = |handling: &str| {
            format!("Content-Type: application/isup\r\nContent-Disposition: signal;handling={handling}\r\n\r\nx")
        };
        let kind = "multipart/mixed;boundary=b";
        assert_eq!(read(kind, &body(&[SESSION, &isup("required")])), Err(BadBody::MediaType));
        assert_eq!(read(kind, &body(&[SESSION, &isup("optional")])).unwrap().others.len(), 1);
    }

    #[test]
    fn other_types_and_broken_bodies_are_told_apart() {
        assert_eq!(read("application/pidf+xml", "<x/>"), Err(BadBody::MediaType));
        assert_eq!(read("multipart/mixed;boundary=b", "--b\r\n"), Err(BadBody::Malformed));
        assert_eq!(read("multipart/mixed", "x"), Err(BadBody::Malformed));
        assert_eq!(read("application/sdp;x=", "v=0").unwrap().description.as_deref(), Some(&b"v=0"[..]));
        let coded = "Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64\r\n\r\ndj0w";
        assert_eq!(read("multipart/mixed;boundary=b", &body(&[coded])).unwrap().description, None);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = mixed("b", b"v=0\r\n", &[Bytes::from_static(PLACE.as_bytes())]);
        let bodies = read(&mixed_type("b"), std::str::from_utf8(&written).unwrap()).unwrap();
        assert_eq!(bodies.description.as_deref(), Some(&b"v=0\r\n"[..]));
        assert_eq!(bodies.others[0].raw, PLACE.as_bytes());
    }
}
