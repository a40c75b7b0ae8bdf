//! The one scanner (DESIGN rule 5): finds start line, header fields and the end of the head in octets that may still be
//! growing. Datagrams and streams both come through here, so they cannot be read differently (RFC 3261 s.7, s.18.3).
//!
//! A head with a defect (bare CR, bare LF, NUL, a line that is no field) is scanned to its end all the same: the fields
//! that are whole are needed for the answer. The first defect decides what the message is refused for. A limit ends the
//! scan at once.

use std::borrow::Cow;

use memchr::{memchr2, memrchr};

use super::grammar::{
    ListItems, controls_are_quoted, cut, is_token_octet, is_wsp, nuls_are_quoted, part, split, trim, trim_end,
    trim_start, unfold,
};
use super::header::Name;
use super::header::name::Names;
use super::method::Method;
use super::octet::Class;
use super::rejection::RejectionKind;
use crate::base::limits;
use crate::base::text::first_control;

/// Room for the fields of nearly every message, so that the list grows once.
const USUAL_FIELDS: usize = 24;

/// One header field as offsets into the message. 16 octets; value without the white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    start: u32,
    value_start: u32,
    value_end: u32,
    name_len: u16,
    pub known: Option<Name>,
    text: Text,
}

/// What the lines of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    /// One line without a control octet.
    Plain,
    /// One line with some that may be quoted.
    WithControls,
    Folded,
}

/// Scanned fields over the octets they lie in.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub octets: &'a [u8],
    pub fields: &'a [Field],
}

impl Field {
    /// `value` has the white space around it and ends at `end`.
    fn new(start: usize, name: &[u8], value: &[u8], (end, text): (usize, Text)) -> Field {
        let value = trim_start(value);
        let value_start = end.saturating_sub(value.len());
        Field {
            start: mark(start),
            value_start: mark(value_start),
            value_end: mark(value_start.saturating_add(trim_end(value).len())),
            name_len: u16::try_from(name.len()).unwrap_or(u16::MAX),
            known: Name::parse(name),
            text,
        }
    }

    /// True when the value has more than one line.
    pub const fn is_folded(&self) -> bool {
        matches!(self.text, Text::Folded)
    }
}

impl<'a> Head<'a> {
    /// The first field of that name.
    #[inline(never)]
    pub fn first(self, name: Name) -> Option<&'a Field> {
        self.fields.iter().find(|field| field.known == Some(name))
    }

    /// The fields of one name, in order.
    pub fn named(self, name: Name) -> impl Iterator<Item = &'a Field> {
        self.fields.iter().filter(move |field| field.known == Some(name))
    }

    /// The name as written.
    pub fn name(self, field: &Field) -> &'a [u8] {
        let start = at(field.start);
        part(self.octets, start, start.saturating_add(usize::from(field.name_len)))
    }

    /// The value octet for octet, folds kept.
    pub fn raw(self, field: &Field) -> &'a [u8] {
        part(self.octets, at(field.value_start), at(field.value_end))
    }

    /// The value unfolded; no copy when there is no fold.
    pub fn value(self, field: &Field) -> Cow<'a, [u8]> {
        let raw = self.raw(field);
        if field.is_folded() { unfold(raw) } else { Cow::Borrowed(raw) }
    }

    /// True when the value's control octets, if there are any, are quoted: it may be sent back and on.
    pub fn is_harmless(self, field: &Field) -> bool {
        matches!(field.text, Text::Plain) || controls_are_quoted(&self.value(field))
    }
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The head is not complete.
    More,
    /// The blank line was found; the body begins here.
    Complete { body_start: usize },
    /// A limit was passed or this is no SIP: nothing more is read.
    Refused(RejectionKind),
}

/// The state of a scan. The caller hands in the same octets again, longer each time; nothing is looked at twice.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    start_line_end: Option<usize>,
    fields: Vec<Field>,
    present: Names,
    repeated: Names,
    open: Option<OpenField>,
    /// First octet of the line being read.
    line_start: usize,
    /// Octets already searched for a line end.
    searched: usize,
    line: LineDefects,
    folds: usize,
    vias: usize,
    defect: Option<RejectionKind>,
}

/// A field whose next line may still be a fold.
#[derive(Clone, Copy, Debug)]
struct OpenField {
    start: usize,
    first_line_end: usize,
    end: usize,
    damaged: bool,
    has_controls: bool,
    /// The last line so far ended with LF alone: a fold behind it would carry that LF inside the value.
    ends_bare: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct LineDefects {
    has_controls: bool,
    has_nul: bool,
    has_bare_cr: bool,
}

/// A complete line without its end.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    next: usize,
}

impl Line {
    /// Ended by LF alone.
    const fn ends_bare(self) -> bool {
        self.next.saturating_sub(self.end) == 1
    }
}

impl Scanner {
    /// Goes on with the scan over `octets`, which begin with the start line.
    pub fn advance(&mut self, octets: &[u8]) -> Progress {
        if self.start_line_end.is_none() && !may_become_sip(octets) {
            return Progress::Refused(RejectionKind::NotSip);
        }
        loop {
            if self.pass_plain_field(octets) {
                continue;
            }
            let line = match self.next_line(octets) {
                Ok(Some(line)) => line,
                Ok(None) => return Progress::More,
                Err(kind) => return Progress::Refused(self.defect.unwrap_or(kind)),
            };
            match self.take_line(octets, line) {
                Ok(LineKind::BlankLine) if line.next > limits::HEADER_BLOCK_OCTETS => {
                    return Progress::Refused(self.defect.unwrap_or(RejectionKind::HeaderBlockTooLarge));
                }
                Ok(LineKind::BlankLine) => return Progress::Complete { body_start: line.next },
                Ok(LineKind::Content) => {}
                Err(kind) => return Progress::Refused(self.defect.unwrap_or(kind)),
            }
        }
    }

    /// Begins anew, in the room it has.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Scanner { fields, ..Scanner::default() };
    }

    /// Closes the field that a truncated datagram left open, so that an answer can be made of it.
    pub fn finish(&mut self, octets: &[u8]) -> Result<(), RejectionKind> {
        self.close_field(octets)
    }

    /// Whole fields found so far.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The known names among the whole fields.
    pub fn present(&self) -> Names {
        self.present
    }

    /// Those that stand there more than once.
    pub fn repeated(&self) -> Names {
        self.repeated
    }

    /// End of the start line, when it is complete.
    pub fn start_line_end(&self) -> Option<usize> {
        self.start_line_end
    }

    /// The first defect of a head that was scanned to its end.
    pub fn defect(&self) -> Option<RejectionKind> {
        self.defect
    }

    /// Passes over a field that is whole on its line, as nearly all are, and behind which another line has begun.
    /// False, and nothing has changed: whatever stands there is read line by line. The two give the same fields and the
    /// same defects.
    fn pass_plain_field(&mut self, octets: &[u8]) -> bool {
        let is_fresh = self.start_line_end.is_some() && self.searched == self.line_start && self.open.is_none();
        if !is_fresh || self.fields.len() >= limits::HEADER_COUNT {
            return false;
        }
        let rest = octets.get(self.line_start..).unwrap_or_default();
        let (name, after) = Class::TOKEN.leading(rest);
        let Some(value) = after.strip_prefix(b":") else { return false };
        let (value, after) = split(value, first_control(value).unwrap_or(value.len()));
        let [b'\r', b'\n', next, ..] = after else { return false };
        let length = rest.len().saturating_sub(after.len());
        let end = self.line_start.saturating_add(length);
        let is_within_limits = length <= limits::LINE_OCTETS && end < limits::HEADER_BLOCK_OCTETS;
        if is_wsp(*next) || name.is_empty() || name.len() > limits::HEADER_NAME_OCTETS || !is_within_limits {
            return false;
        }
        let field = Field::new(self.line_start, name, value, (end, Text::Plain));
        if field.known == Some(Name::Via) && self.count_vias(octets, &field).is_err() {
            return false;
        }
        self.keep(field);
        self.line_start = end.saturating_add(2);
        self.searched = self.line_start;
        true
    }

    fn blame(&mut self, kind: RejectionKind) {
        self.defect.get_or_insert(kind);
    }

    /// Finds the end of the current line. `None`: more octets are needed.
    fn next_line(&mut self, octets: &[u8]) -> Result<Option<Line>, RejectionKind> {
        let (cap, too_long) = self.cap(octets);
        loop {
            let window = part(octets, self.searched, cap.min(octets.len()));
            let Some(found) = first_control(window) else {
                self.searched = cap.min(octets.len());
                return if octets.len() >= cap { Err(too_long) } else { Ok(None) };
            };
            let here = self.searched.saturating_add(found);
            let after = here.saturating_add(1);
            match (octets.get(here), octets.get(after)) {
                (Some(b'\r'), Some(b'\n')) => return Ok(Some(self.line_to(here, after.saturating_add(1)))),
                (Some(b'\r'), None) => {
                    self.searched = here;
                    return Ok(None);
                }
                (Some(b'\r'), Some(_)) => self.line.has_bare_cr = true,
                (Some(b'\n'), _) => {
                    self.blame(RejectionKind::BareLineFeed);
                    return Ok(Some(self.line_to(here, after)));
                }
                (Some(0), _) => self.line.has_nul = true,
                (_, _) => {}
            }
            self.line.has_controls = true;
            self.searched = after;
        }
    }

    fn line_to(&self, end: usize, next: usize) -> Line {
        Line { start: self.line_start, end, next }
    }

    /// Where the current line must have ended, and what it is refused for otherwise. Folds count with their field.
    /// A start line may be as long as the head: its URI is refused with 414, for which the fields below it are needed.
    fn cap(&self, octets: &[u8]) -> (usize, RejectionKind) {
        let block = (limits::HEADER_BLOCK_OCTETS, RejectionKind::HeaderBlockTooLarge);
        if self.start_line_end.is_none() {
            return block;
        }
        let is_fold = octets.get(self.line_start).is_some_and(|&octet| is_wsp(octet));
        let begin = self.open.filter(|_| is_fold).map_or(self.line_start, |open| open.start);
        let line = begin.saturating_add(limits::LINE_OCTETS).saturating_add(1);
        if line < block.0 { (line, RejectionKind::LineTooLong) } else { block }
    }

    fn take_line(&mut self, octets: &[u8], line: Line) -> Result<LineKind, RejectionKind> {
        let text = part(octets, line.start, line.end);
        let has_controls = self.line.has_controls;
        let damaged = has_controls && self.judge(text);
        (self.line_start, self.searched) = (line.next, line.next);
        if self.start_line_end.is_none() {
            self.start_line_end = Some(line.end);
            return if is_sip(text) { Ok(LineKind::Content) } else { Err(RejectionKind::NotSip) };
        }
        match text.first() {
            None => {
                self.close_field(octets)?;
                return Ok(LineKind::BlankLine);
            }
            Some(&first) if is_wsp(first) => self.fold(line, damaged)?,
            Some(_) => {
                self.close_field(octets)?;
                let (start, end) = (line.start, line.end);
                let ends_bare = line.ends_bare();
                self.open = Some(OpenField { start, first_line_end: end, end, damaged, has_controls, ends_bare });
            }
        }
        Ok(LineKind::Content)
    }

    /// Looks at what was noticed while the line was searched; true when its octets must not be used.
    fn judge(&mut self, text: &[u8]) -> bool {
        let LineDefects { has_nul, has_bare_cr, .. } = std::mem::take(&mut self.line);
        let has_stray_nul = has_nul && !nuls_are_quoted(text);
        if has_bare_cr {
            self.blame(RejectionKind::BareCarriageReturn);
        }
        if has_stray_nul {
            self.blame(RejectionKind::NulOctet);
        }
        has_bare_cr || has_stray_nul
    }

    fn fold(&mut self, line: Line, damaged: bool) -> Result<(), RejectionKind> {
        self.folds = self.folds.saturating_add(1);
        if self.folds > limits::FOLDS {
            return Err(RejectionKind::TooManyFolds);
        }
        match &mut self.open {
            Some(open) => {
                open.end = line.end;
                open.damaged |= damaged || open.ends_bare;
                open.ends_bare = line.ends_bare();
            }
            None => self.blame(RejectionKind::FoldWithoutField),
        }
        Ok(())
    }

    fn close_field(&mut self, octets: &[u8]) -> Result<(), RejectionKind> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let field = match read_field(octets, open) {
            Ok(field) => field,
            Err(kind) => {
                self.blame(kind);
                return Ok(());
            }
        };
        if self.fields.len() >= limits::HEADER_COUNT {
            return Err(RejectionKind::TooManyHeaders);
        }
        if field.known == Some(Name::Via) {
            self.count_vias(octets, &field)?;
        }
        if !open.damaged {
            self.keep(field);
        }
        Ok(())
    }

    fn keep(&mut self, field: Field) {
        if self.fields.capacity() == 0 {
            self.fields.reserve_exact(USUAL_FIELDS);
        }
        self.fields.push(field);
        if let Some(name) = field.known
            && !self.present.insert(name)
        {
            self.repeated.insert(name);
        }
    }

    fn count_vias(&mut self, octets: &[u8], field: &Field) -> Result<(), RejectionKind> {
        let head = Head { octets, fields: &[] };
        let vias = self.vias.saturating_add(ListItems::new(&head.value(field)).count());
        if vias > limits::VIA_COUNT {
            return Err(RejectionKind::TooManyVias);
        }
        self.vias = vias;
        Ok(())
    }
}

enum LineKind {
    Content,
    BlankLine,
}

/// Splits a field into name and value. White space before the colon belongs to the separator (RFC 3261 25.1 `HCOLON`).
fn read_field(octets: &[u8], open: OpenField) -> Result<Field, RejectionKind> {
    let first_line = part(octets, open.start, open.first_line_end);
    let (name, after) = Class::TOKEN.leading(first_line);
    let first_of_value = trim_start(after).strip_prefix(b":").filter(|_| !name.is_empty());
    let first_of_value = first_of_value.ok_or(RejectionKind::BadHeaderLine)?;
    if name.len() > limits::HEADER_NAME_OCTETS {
        return Err(RejectionKind::HeaderNameTooLong);
    }
    let value = part(octets, open.first_line_end.saturating_sub(first_of_value.len()), open.end);
    let text = match (open.first_line_end == open.end, open.has_controls) {
        (true, false) => Text::Plain,
        (true, true) => Text::WithControls,
        (false, _) => Text::Folded,
    };
    Ok(Field::new(open.start, name, value, (open.end, text)))
}

/// Offsets fit: `limits::MESSAGE_OCTETS` is far below 2^32.
fn mark(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

fn at(mark: u32) -> usize {
    usize::try_from(mark).unwrap_or(usize::MAX)
}

/// False as soon as the first octets show that no SIP message begins here (a TLS handshake, binary noise).
fn may_become_sip(octets: &[u8]) -> bool {
    let first_is_sound = octets.first().is_none_or(|&first| is_token_octet(first) || is_wsp(first));
    let reach = limits::HEADER_NAME_OCTETS.saturating_add(1);
    // A line that ends before that is judged as a whole, so that it is read alike in whatever pieces it comes.
    first_is_sound && (octets.len() < reach || memchr2(b' ', b'\n', part(octets, 0, reach)).is_some())
}

/// True for a start line that was meant as SIP, right or wrong. Others (HTTP, garbage) get no answer.
fn is_sip(start_line: &[u8]) -> bool {
    let line = trim(start_line);
    let last_word = memrchr(b' ', line).map_or(line, |at| part(line, at.saturating_add(1), line.len()));
    let is_known_method = || Method::parse(cut(line, b' ').0).is_some_and(|method| !method.is_unknown());
    names_sip(line) || names_sip(last_word) || (!begins_with(last_word, b"HTTP/") && is_known_method())
}

/// True when the text begins with the protocol name of a SIP version, in any case (RFC 3261 7.1).
pub(crate) fn names_sip(text: &[u8]) -> bool {
    begins_with(text, b"SIP/")
}

fn begins_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(octets: &[u8]) -> (Scanner, Progress) {
        let mut scanner = Scanner::default();
        let progress = scanner.advance(octets);
        (scanner, progress)
    }

    fn refused(octets: &[u8]) -> Progress {
        scan(octets).1
    }

    #[test]
    fn fields_are_found_with_folds_and_space_before_the_colon() {
        let octets = b"OPTIONS sip:h SIP/2.0\r\nSubject :\t one\r\n  two \r\nv:x\r\n\r\nbody";
        let (scanner, progress) = scan(octets);
        assert_eq!(progress, Progress::Complete { body_start: octets.len() - 4 });
        let head = Head { octets, fields: scanner.fields() };
        let read: Vec<_> = head.fields.iter().map(|field| (head.name(field), head.value(field).into_owned())).collect();
        assert_eq!(read, [(b"Subject".as_slice(), b"one two".to_vec()), (b"v".as_slice(), b"x".to_vec())]);
    }

    #[test]
    fn a_scan_in_pieces_ends_where_a_whole_one_does() {
        let octets = b"OPTIONS sip:h SIP/2.0\r\nSubject: one\r\n two\r\n\r\n";
        let mut scanner = Scanner::default();
        for end in 0..octets.len() {
            assert_eq!(scanner.advance(&octets[..end]), Progress::More);
        }
        assert_eq!(scanner.advance(octets), Progress::Complete { body_start: octets.len() });
        assert_eq!(scanner.fields(), scan(octets).0.fields());
    }

    #[test]
    fn the_first_defect_is_named_and_whole_fields_are_kept() {
        for (line, kind) in [
            ("a: x\ry", RejectionKind::BareCarriageReturn),
            ("a: x\ny: z", RejectionKind::BareLineFeed),
            ("a: x\0", RejectionKind::NulOctet),
            ("no colon", RejectionKind::BadHeaderLine),
            (": empty", RejectionKind::BadHeaderLine),
            ("b b: x", RejectionKind::BadHeaderLine),
        ] {
            let text = format!("OPTIONS sip:h SIP/2.0\r\n{line}\r\nCall-ID: 1\r\n\r\n");
            let (scanner, progress) = scan(text.as_bytes());
            assert!(matches!(progress, Progress::Complete { .. }), "{line}");
            assert_eq!(scanner.defect(), Some(kind), "{line}");
            assert_eq!(scanner.fields().last().and_then(|field| field.known), Some(Name::CallId), "{line}");
        }
    }

    #[test]
    fn a_fold_needs_a_field_before_it() {
        let (scanner, _) = scan(b"OPTIONS sip:h SIP/2.0\r\n x\r\n\r\n");
        assert_eq!(scanner.defect(), Some(RejectionKind::FoldWithoutField));
    }

    #[test]
    fn a_line_is_refused_when_its_limit_is_passed_not_when_it_ends() {
        let mut octets = b"OPTIONS sip:h SIP/2.0\r\nSubject: ".to_vec();
        octets.resize(octets.len() - 9 + limits::LINE_OCTETS, b'a');
        assert_eq!(refused(&octets), Progress::More);
        octets.push(b'a');
        assert_eq!(refused(&octets), Progress::Refused(RejectionKind::LineTooLong));
    }

    #[test]
    fn folds_count_with_their_line_and_are_counted() {
        let fold = format!(" {}\r\n", "a".repeat(1000));
        let long = format!("OPTIONS sip:h SIP/2.0\r\nSubject: x\r\n{}\r\n", fold.repeat(9));
        assert_eq!(refused(long.as_bytes()), Progress::Refused(RejectionKind::LineTooLong));
        let many = format!("OPTIONS sip:h SIP/2.0\r\nSubject: x\r\n{}\r\n", " a\r\n".repeat(limits::FOLDS + 1));
        assert_eq!(refused(many.as_bytes()), Progress::Refused(RejectionKind::TooManyFolds));
    }

    #[test]
    fn head_fields_and_vias_have_limits() {
        let head = |field: &str, count| format!("OPTIONS sip:h SIP/2.0\r\n{}\r\n", field.repeat(count));
        let kind = |text: String| refused(text.as_bytes());
        assert!(matches!(kind(head("a: 1\r\n", limits::HEADER_COUNT)), Progress::Complete { .. }));
        assert_eq!(kind(head("a: 1\r\n", limits::HEADER_COUNT + 1)), Progress::Refused(RejectionKind::TooManyHeaders));
        assert!(matches!(kind(head("v: a,b\r\n", limits::VIA_COUNT / 2)), Progress::Complete { .. }));
        assert_eq!(kind(head("v: a,b\r\n", limits::VIA_COUNT / 2 + 1)), Progress::Refused(RejectionKind::TooManyVias));
        let wide = format!("a: {}\r\n", "x".repeat(8000));
        assert_eq!(kind(head(&wide, 5)), Progress::Refused(RejectionKind::HeaderBlockTooLarge));
    }

    #[test]
    fn what_is_not_sip_is_refused_at_once() {
        for octets in [
            b"\x16\x03\x01".as_slice(),
            b"GET / HTTP/1.1\r\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"hello world\r\n",
            &[b'a'; 200],
        ] {
            assert_eq!(refused(octets), Progress::Refused(RejectionKind::NotSip));
        }
    }
}
