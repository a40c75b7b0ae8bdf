//! Framing (RFC 3261 18.3): one scanner for both transports.

use bytes::{Buf, Bytes, BytesMut};

use super::glance::Glance;
use super::grammar::{number, part};
use super::header::Name;
use super::message::{Message, Rejection, RejectionKind, SipMessage, Source};
use super::read::read;
use super::rejection::answer;
use super::scan::{Head, Progress, Scanner};
use crate::base::limits;

/// Reads one datagram. `None`: a keep-alive (only CR LF), nothing to do. Octets after the body are ignored (RFC 3261 18.3).
///
/// # Errors
/// A message that must be refused, with its answer; `close` is never set.
pub fn datagram(octets: &Bytes, source: Source) -> Option<Result<SipMessage, Rejection>> {
    if octets.iter().all(|octet| matches!(octet, b'\r' | b'\n')) {
        return None;
    }
    let octets = without_line_ends(octets);
    let mut scanner = Scanner::default();
    let read = one_datagram(&octets, &mut scanner);
    Some(read.map_err(|kind| Rejection { close: false, ..refusal(kind, &octets, &scanner, source) }))
}

/// RFC 3261 7.5: CR LF before the start line is ignored.
fn without_line_ends(octets: &Bytes) -> Bytes {
    let mut rest: &[u8] = octets;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    octets.slice_ref(rest)
}

fn one_datagram(octets: &Bytes, scanner: &mut Scanner) -> Result<SipMessage, RejectionKind> {
    let body_start = match scanner.advance(octets) {
        Progress::Complete { body_start } => body_start,
        Progress::Refused(kind) => return Err(kind),
        Progress::More => {
            scanner.finish(octets)?;
            return Err(scanner.defect().unwrap_or(RejectionKind::HeadIncomplete));
        }
    };
    let end = match body_length(octets, scanner, body_start)? {
        Some(length) => body_start.saturating_add(length),
        None => octets.len(),
    };
    if end > limits::MESSAGE_OCTETS {
        return Err(RejectionKind::MessageTooLarge);
    }
    if end > octets.len() {
        return Err(RejectionKind::BodyTruncated);
    }
    let message = Message::new(octets.slice(..end), scanner, body_start);
    read(message, scanner)
}

/// Defects of the head first, then Content-Length: one field, digits only, within the limit. `None`: the field is absent.
pub(super) fn body_length(octets: &[u8], scanner: &Scanner, body_start: usize) -> Result<Option<usize>, RejectionKind> {
    if let Some(kind) = scanner.defect() {
        return Err(kind);
    }
    let head = Head { octets, fields: scanner.fields() };
    let Some(field) = head.first(Name::ContentLength) else { return Ok(None) };
    if scanner.repeated().contains(Name::ContentLength) {
        return Err(RejectionKind::SeveralContentLengths);
    }
    let length = number(&head.value(field)).ok_or(RejectionKind::BadContentLength)?;
    let room = limits::MESSAGE_OCTETS.saturating_sub(body_start);
    let length = usize::try_from(length).ok().filter(|&length| length <= room);
    length.map(Some).ok_or(RejectionKind::BodyTooLarge)
}

/// The refusal of what was scanned so far.
fn refusal(kind: RejectionKind, octets: &[u8], scanner: &Scanner, source: Source) -> Rejection {
    let start_line = part(octets, 0, scanner.start_line_end().unwrap_or_default());
    let head = Head { octets, fields: scanner.fields() };
    Rejection { kind, answer: answer(kind, start_line, head, source), close: kind.loses_framing() }
}

/// What a stream holds next.
#[derive(Debug)]
pub enum Framed {
    Message(SipMessage),
    /// RFC 5626 double CRLF: answer with one CRLF.
    Ping,
    Refused(Rejection),
}

/// Cuts a stream of octets into messages. Octets may come in any pieces; none is searched twice.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: BytesMut,
    scanner: Scanner,
    /// Set when the head is complete.
    head: Option<CompleteHead>,
    /// What a glance has found, and the next look tells.
    refused: Option<RejectionKind>,
    closed: bool,
}

#[derive(Clone, Copy, Debug)]
struct CompleteHead {
    body_start: usize,
    end: usize,
}

impl StreamFramer {
    /// Octets to append to before calling `next`.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next complete thing, `None` when more octets are needed. After a `Refused` with `close` nothing more comes.
    pub fn next(&mut self, source: Source) -> Option<Framed> {
        if self.closed {
            self.buffer.clear();
            return None;
        }
        if self.is_between_messages() {
            match self.take_line_ends() {
                LineEnds::Ping => return Some(Framed::Ping),
                LineEnds::More => return None,
                LineEnds::Done => {}
            }
        }
        match self.refused.take().map_or_else(|| self.complete_head(), Err) {
            Ok(Some(head)) if self.buffer.len() >= head.end => Some(self.take_message(head, source)),
            Ok(_) => None,
            Err(kind) => Some(self.refuse_and_close(kind, source)),
        }
    }

    /// The next message, if it is there whole and there is nothing before it, only looked at: [`StreamFramer::skip`]
    /// passes over it, [`StreamFramer::next`] reads it.
    pub fn glance(&mut self) -> Option<Glance<'_>> {
        if self.refused.is_some() || !self.is_inside_message() {
            return None;
        }
        match self.complete_head() {
            Ok(Some(head)) if self.buffer.len() >= head.end => Glance::new(&self.buffer, &self.scanner),
            Ok(_) => None,
            Err(kind) => {
                self.refused = Some(kind);
                None
            }
        }
    }

    /// Passes over the message of the last glance.
    pub fn skip(&mut self) {
        if let Some(head) = self.head.take() {
            self.buffer.advance(head.end.min(self.buffer.len()));
            self.scanner.clear();
        }
    }

    /// True when a message has begun and is not complete (for the message deadline).
    pub fn is_inside_message(&self) -> bool {
        !self.closed && self.buffer.first().is_some_and(|octet| !matches!(octet, b'\r' | b'\n'))
    }

    fn is_between_messages(&self) -> bool {
        self.head.is_none() && self.scanner.start_line_end().is_none()
    }

    /// RFC 5626 4.4.1: two CRLF are a ping. RFC 3261 7.5: a CRLF before a start line is ignored.
    fn take_line_ends(&mut self) -> LineEnds {
        loop {
            match part(&self.buffer, 0, 4.min(self.buffer.len())) {
                b"\r\n\r\n" => {
                    self.buffer.advance(4);
                    return LineEnds::Ping;
                }
                b"" | b"\r" | b"\r\n" | b"\r\n\r" => return LineEnds::More,
                [b'\r', b'\n', ..] => self.buffer.advance(2),
                _ => return LineEnds::Done,
            }
        }
    }

    /// Scans on until the head is complete, then settles where the message ends.
    fn complete_head(&mut self) -> Result<Option<CompleteHead>, RejectionKind> {
        if self.head.is_none() {
            let body_start = match self.scanner.advance(&self.buffer) {
                Progress::More => return Ok(None),
                Progress::Refused(kind) => return Err(kind),
                Progress::Complete { body_start } => body_start,
            };
            let length = body_length(&self.buffer, &self.scanner, body_start)?;
            // RFC 3261 18.3: on a stream the field is mandatory; without it the next message cannot be found.
            let length = length.ok_or(RejectionKind::MissingContentLength)?;
            self.head = Some(CompleteHead { body_start, end: body_start.saturating_add(length) });
        }
        Ok(self.head)
    }

    /// The message gets octets of its own: a field kept by a dialog then holds one message, not the connection's buffer.
    fn take_message(&mut self, head: CompleteHead, source: Source) -> Framed {
        let octets = Bytes::copy_from_slice(part(&self.buffer, 0, head.end));
        self.buffer.advance(head.end);
        self.head = None;
        let message = Message::new(octets.clone(), &self.scanner, head.body_start);
        let framed = match read(message, &self.scanner) {
            Ok(message) => Framed::Message(message),
            Err(kind) => Framed::Refused(refusal(kind, &octets, &self.scanner, source)),
        };
        self.scanner.clear();
        framed
    }

    fn refuse_and_close(&mut self, kind: RejectionKind, source: Source) -> Framed {
        let rejection = refusal(kind, &self.buffer, &self.scanner, source);
        self.closed = true;
        self.buffer.clear();
        Framed::Refused(Rejection { close: true, ..rejection })
    }
}

enum LineEnds {
    Ping,
    /// Only line ends so far.
    More,
    /// A message begins at the buffer's first octet.
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &[u8] =
        b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\n\
        Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 3\r\n\r\nabc";

    fn source() -> Source {
        Source::from(([192, 0, 2, 1], 5060))
    }

    fn framer(octets: &[u8]) -> StreamFramer {
        let mut framer = StreamFramer::default();
        framer.buffer().extend_from_slice(octets);
        framer
    }

    #[test]
    fn two_line_ends_are_a_ping_and_one_is_nothing_yet() {
        let mut framer = framer(b"\r\n");
        assert!(framer.next(source()).is_none() && !framer.is_inside_message());
        framer.buffer().extend_from_slice(b"\r\n");
        assert!(matches!(framer.next(source()), Some(Framed::Ping)));
        assert!(framer.next(source()).is_none() && framer.buffer().is_empty());
    }

    #[test]
    fn a_line_end_before_a_start_line_is_tolerated() {
        let mut framer = framer(&[b"\r\n", OPTIONS].concat());
        assert!(
            matches!(framer.next(source()), Some(Framed::Message(message)) if message.message().bytes() == OPTIONS)
        );
    }

    #[test]
    fn the_framer_knows_when_it_waits_inside_a_message() {
        let mut framer = framer(OPTIONS.split_last().map(|(_, most)| most).unwrap_or_default());
        assert!(framer.next(source()).is_none() && framer.is_inside_message());
        framer.buffer().extend_from_slice(b"c");
        assert!(matches!(framer.next(source()), Some(Framed::Message(_))));
        assert!(!framer.is_inside_message());
    }

    #[test]
    fn after_a_refusal_that_closes_nothing_more_comes() {
        let mut framer = framer(b"GET / HTTP/1.1\r\n\r\n");
        let refused = framer.next(source());
        assert!(matches!(
            refused,
            Some(Framed::Refused(Rejection { kind: RejectionKind::NotSip, answer: None, close: true }))
        ));
        framer.buffer().extend_from_slice(OPTIONS);
        assert!(framer.next(source()).is_none() && !framer.is_inside_message());
    }

    #[test]
    fn a_datagram_of_line_ends_is_a_keep_alive() {
        for octets in [b"".as_slice(), b"\r\n", b"\r\n\r\n"] {
            assert!(datagram(&Bytes::copy_from_slice(octets), source()).is_none());
        }
    }

    #[test]
    fn octets_behind_a_datagrams_body_are_no_part_of_it() {
        let octets = Bytes::from([OPTIONS, b"INVITE sip:x SIP/2.0\r\n"].concat());
        assert!(matches!(datagram(&octets, source()), Some(Ok(message)) if message.message().body() == "abc"));
    }

    #[test]
    fn a_message_keeps_only_its_own_octets() {
        let mut framer = framer(&[OPTIONS, OPTIONS].concat());
        let Some(Framed::Message(message)) = framer.next(source()) else { panic!("no message") };
        assert_eq!(message.message().bytes(), OPTIONS);
        assert_eq!(framer.buffer().len(), OPTIONS.len());
    }
}
