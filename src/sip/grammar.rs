//! The basic rules of RFC 3261 s.25.1 on octets: tokens, white space, numbers, quoted strings, folding.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::{memchr, memchr2, memchr3};

use super::octet::Class;
use crate::base::text::{first_control, is_control};

/// An octet of a `token`.
#[inline]
pub(crate) const fn is_token_octet(octet: u8) -> bool {
    matches!(
        octet,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
    )
}

/// One or more token octets.
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && Class::TOKEN.has_all(octets)
}

/// Space or tab.
pub(crate) const fn is_wsp(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

const fn is_lws(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// Without white space and line ends before and after.
pub(crate) fn trim(octets: &[u8]) -> &[u8] {
    trim_end(trim_start(octets))
}

/// Without white space and line ends before.
pub(crate) fn trim_start(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let Some((&first, after)) = rest.split_first() {
        if !is_lws(first) {
            break;
        }
        rest = after;
    }
    rest
}

/// Without white space and line ends after.
pub(crate) fn trim_end(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let Some((&last, before)) = rest.split_last() {
        if !is_lws(last) {
            break;
        }
        rest = before;
    }
    rest
}

/// The octets `from..to`, empty when out of range.
pub(crate) fn part(octets: &[u8], from: usize, to: usize) -> &[u8] {
    octets.get(from..to).unwrap_or_default()
}

/// Splits at the first `mark`, which belongs to neither part. Octet by octet: what is cut is short.
pub(crate) fn cut(octets: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match octets.iter().position(|&octet| octet == mark) {
        Some(at) => (part(octets, 0, at), octets.get(at.saturating_add(1)..)),
        None => (octets, None),
    }
}

/// Splits before `at`.
pub(crate) fn split(octets: &[u8], at: usize) -> (&[u8], &[u8]) {
    octets.split_at_checked(at).unwrap_or((octets, &[]))
}

/// Splits a value before its parameters, for headers in which no quote can stand before them.
pub(crate) fn split_params(value: &[u8]) -> (&[u8], &[u8]) {
    split(value, memchr(b';', value).unwrap_or(value.len()))
}

/// Decimal digits only; `None` when empty, signed or above `u64`.
pub(crate) fn number(octets: &[u8]) -> Option<u64> {
    if octets.is_empty() {
        return None;
    }
    octets.iter().try_fold(0_u64, |sum, &octet| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet.wrapping_sub(b'0')))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// A number that must fit `T`.
pub(crate) fn number_as<T: TryFrom<u64>>(octets: &[u8]) -> Option<T> {
    number(octets).and_then(|value| T::try_from(value).ok())
}

/// For octets that begin with a double quote: the index after the closing one.
pub(crate) fn quoted_end(octets: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let found = memchr2(b'"', b'\\', octets.get(at..)?)?;
        let here = at.checked_add(found)?;
        match octets.get(here) {
            Some(b'"') => return here.checked_add(1),
            _ => at = here.checked_add(2)?,
        }
    }
}

/// The content of a quoted string with its escapes removed; other text stays as it is.
pub(crate) fn unquoted(octets: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = octets.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return Cow::Borrowed(octets);
    };
    if memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut octets = inner.iter();
    while let Some(&octet) = octets.next() {
        out.push(if octet == b'\\' { octets.next().copied().unwrap_or(octet) } else { octet });
    }
    Cow::Owned(out)
}

/// The index of the first `mark` outside quoted strings; `Err` when a quote is never closed.
pub(crate) fn find_unquoted(octets: &[u8], mark: u8) -> Result<Option<usize>, Unbalanced> {
    let mut at = 0;
    while let Some(found) = octets.get(at..).and_then(|rest| memchr2(mark, b'"', rest)) {
        let here = at.saturating_add(found);
        if octets.get(here) == Some(&mark) {
            return Ok(Some(here));
        }
        let closed = octets.get(here..).and_then(quoted_end).ok_or(Unbalanced)?;
        at = here.saturating_add(closed);
    }
    Ok(None)
}

/// A quoted string without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unbalanced;

/// RFC 3261 7.3.1: a fold (line end and the white space around it) means one space.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    for line in value.split(|&octet| octet == b'\n') {
        let text = trim(line);
        if !out.is_empty() && !text.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(text);
    }
    Cow::Owned(out)
}

/// True when every NUL is the second half of a quoted pair in a quoted string (RFC 3261 25.1: `quoted-pair = "\"
/// %x00-09...`).
pub(crate) fn nuls_are_quoted(line: &[u8]) -> bool {
    only_in_quoted_pairs(line, |octet| octet == 0)
}

/// True when every control octet is the second half of a quoted pair: nothing else of the kind may be sent back or on.
pub(crate) fn controls_are_quoted(value: &[u8]) -> bool {
    first_control(value).is_none() || only_in_quoted_pairs(value, is_control)
}

fn only_in_quoted_pairs(text: &[u8], is_meant: impl Fn(u8) -> bool) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&octet| octet == b'"' || is_meant(octet)) {
        let (_, tail) = split(rest, at);
        if tail.first() != Some(&b'"') {
            return false;
        }
        let Some(end) = quoted_end(tail) else { return !tail.iter().any(|&octet| is_meant(octet)) };
        let (quoted, after) = split(tail, end);
        if !is_escaped_wherever(quoted, &is_meant) {
            return false;
        }
        rest = after;
    }
    true
}

fn is_escaped_wherever(quoted: &[u8], is_meant: &impl Fn(u8) -> bool) -> bool {
    let mut octets = quoted.iter();
    while let Some(&octet) = octets.next() {
        match octet {
            b'\\' => {
                octets.next();
            }
            _ if is_meant(octet) => return false,
            _ => {}
        }
    }
    true
}

/// Members of a comma list, quotes and angle brackets respected; outer white space removed. An empty text has no member.
#[derive(Clone, Debug)]
pub struct ListItems<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> ListItems<'a> {
    /// Walks over `value`, which must be unfolded.
    pub fn new(value: &'a [u8]) -> Self {
        let value = trim(value);
        ListItems { rest: (!value.is_empty()).then_some(value) }
    }
}

impl<'a> Iterator for ListItems<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        match comma(rest) {
            Some(at) => {
                self.rest = rest.get(at.saturating_add(1)..);
                Some(trim(part(rest, 0, at)))
            }
            None => Some(trim(rest)),
        }
    }
}

/// The first comma outside quotes and angle brackets. What is opened and never closed reaches to the end.
fn comma(octets: &[u8]) -> Option<usize> {
    // Most lists have one member, and nothing else in them needs to be found then.
    memchr(b',', octets)?;
    let mut at = 0;
    loop {
        let found = memchr3(b',', b'"', b'<', octets.get(at..)?)?;
        let here = at.checked_add(found)?;
        let tail = octets.get(here..)?;
        let skipped = match tail.first()? {
            b',' => return Some(here),
            b'"' => quoted_end(tail)?,
            _ => memchr(b'>', tail)?,
        };
        at = here.checked_add(skipped)?;
    }
}

/// Shares `octets`, which lie inside `owner`.
pub(crate) fn share(owner: &Bytes, octets: &[u8]) -> Bytes {
    owner.slice_ref(octets)
}

/// Like [`share`]; the words met in almost every message are static, which costs no reference count.
pub(crate) fn share_word(owner: &Bytes, word: &[u8]) -> Bytes {
    match word {
        b"tag" => Bytes::from_static(b"tag"),
        b"branch" => Bytes::from_static(b"branch"),
        b"rport" => Bytes::from_static(b"rport"),
        b"received" => Bytes::from_static(b"received"),
        b"transport" => Bytes::from_static(b"transport"),
        b"user" => Bytes::from_static(b"user"),
        b"phone" => Bytes::from_static(b"phone"),
        b"lr" => Bytes::from_static(b"lr"),
        b"tls" => Bytes::from_static(b"tls"),
        b"tcp" => Bytes::from_static(b"tcp"),
        b"udp" => Bytes::from_static(b"udp"),
        b"TLS" => Bytes::from_static(b"TLS"),
        b"TCP" => Bytes::from_static(b"TCP"),
        b"UDP" => Bytes::from_static(b"UDP"),
        _ => share(owner, word),
    }
}

/// A `Cow` into shared octets: a borrowed part of `owner` costs no copy.
pub(crate) fn share_cow(owner: &Bytes, octets: Cow<'_, [u8]>) -> Bytes {
    match octets {
        Cow::Borrowed(octets) => share(owner, octets),
        Cow::Owned(octets) => Bytes::from(octets),
    }
}

/// Replaces each `%XX` by its octet, once; what is no escape stays. Most texts have none and are not copied.
pub(crate) fn percent_decoded(octets: &[u8]) -> Cow<'_, [u8]> {
    if !octets.contains(&b'%') {
        return Cow::Borrowed(octets);
    }
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((&first, after)) = rest.split_first() {
        match (first, escape(after)) {
            (b'%', Some(octet)) => {
                out.push(octet);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    Cow::Owned(out)
}

fn escape(digits: &[u8]) -> Option<u8> {
    let high = char::from(*digits.first()?).to_digit(16)?;
    let low = char::from(*digits.get(1)?).to_digit(16)?;
    u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<String> {
        ListItems::new(text.as_bytes()).map(|item| String::from_utf8_lossy(item).into_owned()).collect()
    }

    #[test]
    fn commas_inside_quotes_and_angle_brackets_do_not_split() {
        assert_eq!(
            items(r#""a, \"b" <sip:x,y@h>;q="1,2" , <sip:z@h>"#),
            [r#""a, \"b" <sip:x,y@h>;q="1,2""#, "<sip:z@h>"]
        );
    }

    #[test]
    fn an_empty_value_has_no_member_but_empty_members_are_seen() {
        assert!(items("  ").is_empty());
        assert_eq!(items("a,,b"), ["a", "", "b"]);
    }

    #[test]
    fn an_unclosed_quote_reaches_to_the_end() {
        assert_eq!(items(r#"a, "b, c"#), ["a", r#""b, c"#]);
    }

    #[test]
    fn a_fold_is_one_space() {
        assert_eq!(unfold(b"a \r\n\t  b\r\n c").as_ref(), b"a b c");
        assert_eq!(unfold(b"\r\n c").as_ref(), b"c");
    }

    #[test]
    fn numbers_have_digits_only_and_do_not_wrap() {
        assert_eq!(number(b"0068"), Some(68));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in ["", "+1", "-1", "0x1", "1 ", "18446744073709551616"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(number_as::<u8>(b"256"), None);
    }

    #[test]
    fn a_nul_is_legal_only_as_a_quoted_pair() {
        assert!(nuls_are_quoted(b"To: \"NUL:\\\0 \" <sip:a@h>"));
        assert!(!nuls_are_quoted(b"To: \"NUL:\0\" <sip:a@h>"));
        assert!(!nuls_are_quoted(b"Subject: a\\\0b"));
        assert!(!nuls_are_quoted(b"To: \"\\\0"));
        assert!(controls_are_quoted(b"\"BEL:\\\x07\" <sip:a@h>") && !controls_are_quoted(b"\"\x1b[0m\" <sip:a@h>"));
    }

    #[test]
    fn escapes_are_removed_once() {
        assert_eq!(*percent_decoded(b"%2525%zz%4"), *b"%25%zz%4");
    }
}
