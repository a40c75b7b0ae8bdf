//! A message read only as far as its refusal under load needs, so that a call refused costs next to nothing (R-A2): an
//! INVITE that would begin a call, and the ACK of the answer it got. Only what is written plainly is recognised;
//! everything else is left to the reader of every message, which says what is wrong with it.

use bytes::Bytes;

use super::frame::body_length;
use super::grammar::{controls_are_quoted, cut};
use super::header::{Name, Via};
use super::message::Source;
use super::scan::{Field, Head, Progress, Scanner};
use super::uri::Uri;
use super::write::write_busy;

const VERSION: &[u8] = b"SIP/2.0";

/// A message that has come whole, its fields found and not read.
#[derive(Clone, Copy)]
pub struct Glance<'a> {
    start_line: &'a [u8],
    head: Head<'a>,
}

/// An INVITE out of a dialog, plainly written.
pub struct PlainInvite<'a> {
    uri: &'a [u8],
    answered: Answered<'a>,
}

/// What its answer copies: each field once and without folds, Vias one by one.
pub(super) struct Answered<'a> {
    pub head: Head<'a>,
    pub top: &'a [u8],
    pub via: Via,
    pub from: &'a [u8],
    pub to: &'a [u8],
    pub call_id: &'a [u8],
    pub cseq: &'a [u8],
    pub timestamp: Option<&'a [u8]>,
}

impl<'a> Glance<'a> {
    pub(super) fn new(octets: &'a [u8], scanner: &'a Scanner) -> Option<Glance<'a>> {
        let start_line = octets.get(..scanner.start_line_end()?)?;
        scanner.defect().is_none().then_some(Glance { start_line, head: Head { octets, fields: scanner.fields() } })
    }

    /// The INVITE, if it is one that begins a call.
    pub fn invite(&self) -> Option<PlainInvite<'a>> {
        let (uri, version) = cut(self.start_line.strip_prefix(b"INVITE ")?, b' ');
        if version? != VERSION {
            return None;
        }
        let mut found = Found::default();
        for field in self.head.fields {
            found.take(self.head, field)?;
        }
        Some(PlainInvite { uri, answered: found.answered(self.head)? })
    }

    /// True for the ACK of an answer whose To tag was `tag`.
    pub fn acknowledges(&self, tag: &[u8]) -> bool {
        let to = || self.head.named(Name::To).next().map(|field| self.head.raw(field));
        self.start_line.starts_with(b"ACK ") && to().is_some_and(|to| ends_in_tag(to, tag))
    }
}

impl PlainInvite<'_> {
    /// The Request-URI; `None`: it cannot be read.
    pub fn uri(&self) -> Option<Uri> {
        Uri::parse(&Bytes::copy_from_slice(self.uri)).ok()
    }

    /// The topmost Via.
    pub fn via(&self) -> &Via {
        &self.answered.via
    }

    /// Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.answered.call_id
    }

    /// What is the same in each repetition of the request, and in no other request: Call-ID and CSeq.
    pub fn identity(&self) -> (&[u8], &[u8]) {
        (self.answered.call_id, self.answered.cseq)
    }

    /// Appends the 503 that it is answered with.
    pub fn write_busy(&self, source: Source, tag: &[u8], retry_after_s: &str, out: &mut Vec<u8>) {
        write_busy(&self.answered, source, (tag, retry_after_s), out);
    }
}

/// Fields met so far.
#[derive(Default)]
struct Found<'a> {
    top: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
    timestamp: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    /// `None`: the field is one that the answer copies, and it is not written plainly, or stands there twice.
    fn take(&mut self, head: Head<'a>, field: &Field) -> Option<()> {
        let place = match field.known {
            Some(Name::Via) if self.top.is_some() => return is_plain(head, field).then_some(()),
            Some(Name::Via) => &mut self.top,
            Some(Name::From) => &mut self.from,
            Some(Name::To) => &mut self.to,
            Some(Name::CallId) => &mut self.call_id,
            Some(Name::CSeq) => &mut self.cseq,
            Some(Name::Timestamp) => &mut self.timestamp,
            Some(_) | None => return Some(()),
        };
        (is_plain(head, field) && place.is_none()).then(|| *place = Some(head.raw(field)))
    }

    fn answered(self, head: Head<'a>) -> Option<Answered<'a>> {
        let (top, to, cseq) = (self.top?, self.to?, self.cseq?);
        let is_first = !holds_tag(to) && cseq.ends_with(b" INVITE");
        let via = is_first.then(|| Via::parse(&Bytes::copy_from_slice(top)).ok()).flatten()?;
        let (from, call_id, timestamp) = (self.from?, self.call_id?, self.timestamp);
        let is_sound = via.has_sound_branch() && !call_id.is_empty();
        is_sound.then_some(Answered { head, top, via, from, to, call_id, cseq, timestamp })
    }
}

fn is_plain(head: Head<'_>, field: &Field) -> bool {
    !field.is_folded() && controls_are_quoted(head.raw(field))
}

/// A To with these letters anywhere may have a tag.
fn holds_tag(to: &[u8]) -> bool {
    to.windows(3).any(|letters| letters.eq_ignore_ascii_case(b"tag"))
}

fn ends_in_tag(to: &[u8], tag: &[u8]) -> bool {
    to.strip_suffix(tag).is_some_and(|before| before.ends_with(b";tag="))
}

/// Looks at datagrams; keeps its room for the next.
#[derive(Debug, Default)]
pub struct Glancer(Scanner);

impl Glancer {
    /// A datagram that holds one whole message from its first octet on.
    pub fn glance<'a>(&'a mut self, octets: &'a [u8]) -> Option<Glance<'a>> {
        self.0.clear();
        let Progress::Complete { body_start } = self.0.advance(octets) else { return None };
        let length = body_length(octets, &self.0, body_start).ok()?;
        let is_whole = length.is_none_or(|length| body_start.saturating_add(length) <= octets.len());
        Glance::new(octets, &self.0).filter(|_| is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::SipMessage;
    use crate::sip::frame::{Framed, StreamFramer, datagram};

    const SOURCE: &str = "192.0.2.9:40000";
    const INVITE: &str = "INVITE sip:+4930@h SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP b;branch=z9hG4bKb\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:+4930@h>\r\nCall-ID: c@h\r\nCSeq: 1 INVITE\r\nTimestamp: 7\r\nContent-Length: 0\r\n\r\n";

    fn busy(text: &str) -> Option<String> {
        let mut glancer = Glancer::default();
        let mut out = Vec::new();
        glancer.glance(text.as_bytes())?.invite()?.write_busy(SOURCE.parse().unwrap(), b"us", "3", &mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_answer_copies_what_every_answer_copies() {
        let answer = busy(INVITE).unwrap();
        assert_eq!(
            answer,
            "SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport=40000;branch=z9hG4bKa;received=192.0.2.9\r\n\
             Via: SIP/2.0/UDP b;branch=z9hG4bKb\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:+4930@h>;tag=us\r\nCall-ID: c@h\r\nCSeq: 1 INVITE\r\n\
             Timestamp: 7\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
        );
        let read = datagram(&Bytes::from(answer), SOURCE.parse().unwrap());
        assert!(matches!(read, Some(Ok(SipMessage::Response(_)))));
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_reader() {
        assert!(busy(INVITE).is_some());
        let changes = [
            ("To: <sip:+4930@h>", "To: <sip:+4930@h>;tag=2"),
            ("To: <sip:+4930@h>", "To: <sip:+4930@h>\r\n ;TAG=2"),
            ("To: <sip:+4930@h>", "To: <sip:+4930@h>\r\nTo: <sip:other@h>"),
            ("From: <sip:a@h>;tag=1", "From: <sip:a@h>\r\n ;tag=1"),
            ("From: <sip:a@h>;tag=1\r\n", ""),
            ("CSeq: 1 INVITE", "CSeq: 1 OPTIONS"),
            ("branch=z9hG4bKa", "branch=z9hG4bK"),
            ("Call-ID: c@h\r\n", ""),
            ("Content-Length: 0", "Content-Length: 9"),
            ("INVITE sip:+4930@h SIP/2.0", "INVITE sip:+4930@h SIP/3.0"),
            ("INVITE sip", "OPTIONS sip"),
            ("Max-Forwards: 70", "Max-Forwards 70"),
        ];
        for (from, to) in changes {
            assert!(busy(&INVITE.replace(from, to)).is_none(), "{to}");
        }
    }

    #[test]
    fn an_ack_is_known_by_the_tag_of_the_answer() {
        let ack = |tag: &str| {
            INVITE.replace("INVITE", "ACK").replace("To: <sip:+4930@h>", &format!("To: <sip:+4930@h>;tag={tag}"))
        };
        let mut glancer = Glancer::default();
        assert!(glancer.glance(ack("us").as_bytes()).unwrap().acknowledges(b"us"));
        assert!(!glancer.glance(ack("bus").as_bytes()).unwrap().acknowledges(b"us"));
        assert!(!glancer.glance(ack("us").replace("ACK", "BYE").as_bytes()).unwrap().acknowledges(b"us"));
    }

    #[test]
    fn a_stream_goes_on_behind_what_was_skipped_and_with_what_was_not() {
        let mut framer = StreamFramer::default();
        framer.buffer().extend_from_slice(format!("{INVITE}{INVITE}\r\n\r\n").as_bytes());
        assert!(framer.glance().is_some_and(|glance| glance.invite().is_some()));
        framer.skip();
        assert!(framer.glance().is_some());
        let message = framer.next(SOURCE.parse().unwrap());
        assert!(matches!(message, Some(Framed::Message(message)) if message.message().bytes() == INVITE));
        assert!(framer.glance().is_none(), "a keep-alive is nothing to glance at");
        assert!(matches!(framer.next(SOURCE.parse().unwrap()), Some(Framed::Ping)));
    }

    #[test]
    fn what_a_glance_found_wrong_is_refused_as_without_it() {
        let whole = "INVITE sip:h SIP/2.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n";
        let kind = |framed| match framed {
            Some(Framed::Refused(rejection)) => Some((rejection.kind, rejection.close)),
            Some(Framed::Message(_) | Framed::Ping) | None => None,
        };
        let mut told = Vec::new();
        for glances in [0, 2] {
            let mut framer = StreamFramer::default();
            framer.buffer().extend_from_slice(whole.as_bytes());
            (0..glances).for_each(|_| assert!(framer.glance().is_none()));
            told.push(kind(framer.next(SOURCE.parse().unwrap())).unwrap());
        }
        assert_eq!(told.first(), told.last());
    }
}
