//! Multipart bodies (RFC 5621, RFC 2046 5.1): an SDP beside a PIDF-LO or an ISUP part. Parts are shared octets of the body.

use bytes::Bytes;
use memchr::memmem;

use super::grammar::{cut, is_token, is_wsp, part, share, trim, unquoted};
use super::header::ContentType;
use crate::base::limits;

/// One body part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Content-Type as written; `None` means `text/plain` (RFC 2046 5.2).
    pub content_type: Option<Bytes>,
    /// Content-Disposition as written.
    pub disposition: Option<Bytes>,
    /// Content-Transfer-Encoding as written.
    pub encoding: Option<Bytes>,
    pub body: Bytes,
    /// Header lines and content as they came.
    pub raw: Bytes,
}

/// Why a body is not the multipart it says it is. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMultipart {
    /// No boundary parameter, several, or one that RFC 2046 does not allow.
    Boundary,
    /// The closing delimiter does not come.
    Unclosed,
    /// A part's header lines cannot be read.
    PartHead,
    /// `limits::MULTIPART_PARTS`.
    TooManyParts,
}

/// Splits a body of this type into its parts; what stands before the first and after the last delimiter is ignored.
///
/// # Errors
/// A body that does not keep to its boundary.
pub fn parts(content_type: &ContentType, body: &Bytes) -> Result<Vec<Part>, BadMultipart> {
    // Of two of them two readers could pick two.
    if content_type.params.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"boundary")).nth(1).is_some() {
        return Err(BadMultipart::Boundary);
    }
    let boundary = content_type.param("boundary").flatten().ok_or(BadMultipart::Boundary)?;
    let boundary = unquoted(boundary);
    if !is_boundary(&boundary) {
        return Err(BadMultipart::Boundary);
    }
    let delimiter = [b"--".as_slice(), &boundary].concat();
    let mut found = next_delimiter(body, &delimiter, 0).ok_or(BadMultipart::Unclosed)?;
    let mut parts = Vec::new();
    while !found.closes {
        if parts.len() >= limits::MULTIPART_PARTS {
            return Err(BadMultipart::TooManyParts);
        }
        let next = next_delimiter(body, &delimiter, found.after).ok_or(BadMultipart::Unclosed)?;
        parts.push(read_part(body, part(body, found.after, next.before))?);
        found = next;
    }
    Ok(parts)
}

/// RFC 2046 5.1.1: 1 to 70 characters of a small set, no space at the end.
fn is_boundary(boundary: &[u8]) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&octet);
    (1..=70).contains(&boundary.len()) && boundary.iter().all(|&octet| allowed(octet)) && !boundary.ends_with(b" ")
}

/// A delimiter line in the body.
struct Delimiter {
    /// Where the part before it ends (the line end before a delimiter belongs to it).
    before: usize,
    /// Where the next part begins.
    after: usize,
    closes: bool,
}

fn next_delimiter(body: &[u8], delimiter: &[u8], from: usize) -> Option<Delimiter> {
    let mut search = from;
    loop {
        let start = memmem::find(body.get(search..)?, delimiter)?.checked_add(search)?;
        let end = start.checked_add(delimiter.len())?;
        let begins_line = start == from || part(body, 0, start).ends_with(b"\r\n");
        if let Some(after) = begins_line.then(|| line_after(body, end)).flatten() {
            let closes = body.get(end..)?.starts_with(b"--");
            let before = if start == from { start } else { start.saturating_sub(2) };
            return Some(Delimiter { before, after, closes });
        }
        search = end;
    }
}

/// The start of the next line when nothing but `--` and white space stands before it.
fn line_after(body: &[u8], end: usize) -> Option<usize> {
    let rest = body.get(end..)?;
    let closing = rest.strip_prefix(b"--").unwrap_or(rest);
    let blank = closing.iter().take_while(|&&octet| is_wsp(octet)).count();
    let after = closing.get(blank..)?;
    let line_end =
        if after.is_empty() && closing.len() < rest.len() { 0 } else { after.starts_with(b"\r\n").then_some(2)? };
    body.len().checked_sub(after.len())?.checked_add(line_end)
}

fn read_part(owner: &Bytes, text: &[u8]) -> Result<Part, BadMultipart> {
    let (head, body) = match text.strip_prefix(b"\r\n") {
        Some(body) => (b"".as_slice(), body),
        None => {
            let end = memmem::find(text, b"\r\n\r\n").ok_or(BadMultipart::PartHead)?;
            (part(text, 0, end), part(text, end.saturating_add(4), text.len()))
        }
    };
    let (body, raw) = (share(owner, body), share(owner, text));
    let mut read = Part { content_type: None, disposition: None, encoding: None, body, raw };
    for line in unfolded_lines(head)? {
        let (name, value) = cut(&line, b':');
        let value = value.filter(|_| is_token(trim(name))).ok_or(BadMultipart::PartHead)?;
        let value = Some(Bytes::copy_from_slice(trim(value)));
        if trim(name).eq_ignore_ascii_case(b"Content-Type") {
            read.content_type = value;
        } else if trim(name).eq_ignore_ascii_case(b"Content-Disposition") {
            read.disposition = value;
        } else if trim(name).eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
            read.encoding = value;
        }
    }
    Ok(read)
}

/// Header lines with their folds undone; a line end that is no CR LF is refused (AST-2017-003).
fn unfolded_lines(head: &[u8]) -> Result<Vec<Vec<u8>>, BadMultipart> {
    if memmem::find_iter(head, b"\r\n").count() != memchr::memchr_iter(b'\n', head).count() {
        return Err(BadMultipart::PartHead);
    }
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in head.split(|&octet| octet == b'\n') {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if text.iter().any(|&octet| matches!(octet, b'\r' | 0)) {
            return Err(BadMultipart::PartHead);
        }
        match (text.first(), lines.last_mut()) {
            (None, _) => {}
            (Some(&first), Some(open)) if is_wsp(first) => open.extend_from_slice(&[b" ", trim(text)].concat()),
            (Some(_), _) => lines.push(text.to_vec()),
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(boundary: &str, body: &str) -> Result<Vec<Part>, BadMultipart> {
        let content_type = ContentType::parse(&Bytes::from(format!("multipart/mixed;boundary={boundary}"))).unwrap();
        parts(&content_type, &Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn parts_keep_their_type_and_octets() {
        let body = "preamble\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b \r\n\r\nplain --b\r\n--b--\r\nepilogue";
        let parts = read("\"b\"", body).unwrap();
        let read: Vec<_> = parts.iter().map(|part| (part.content_type.as_deref(), part.body.as_ref())).collect();
        assert_eq!(
            read,
            [(Some(b"application/sdp".as_slice()), b"v=0\r\n".as_slice()), (None, b"plain --b".as_slice())]
        );
    }

    #[test]
    fn a_closing_delimiter_may_end_the_body() {
        assert_eq!(
            read("b", "--b\r\nContent-Disposition:\r\n session\r\n\r\nx\r\n--b--").unwrap()[0].disposition.as_deref(),
            Some(b"session".as_slice())
        );
        assert!(read("b", "--b--").unwrap().is_empty());
    }

    #[test]
    fn a_longer_boundary_is_another_boundary() {
        assert_eq!(read("b", "--b\r\n\r\nx\r\n--bb\r\n\r\ny\r\n--b--").unwrap().len(), 1);
    }

    #[test]
    fn broken_bodies_are_refused() {
        assert_eq!(read("++", "--\r\n--++=AAA\r\nxxx\r\n--+"), Err(BadMultipart::Unclosed));
        assert_eq!(read("b", "--b\r\n\r\nx"), Err(BadMultipart::Unclosed));
        assert_eq!(read("b", "--b\r\nno head end\r\n--b--"), Err(BadMultipart::PartHead));
        assert_eq!(read("b", "--b\r\nA: x\nB: y\r\n\r\n\r\n--b--"), Err(BadMultipart::PartHead));
        assert_eq!(read("\"\"", "--\r\n"), Err(BadMultipart::Boundary));
        assert_eq!(read(&"x".repeat(71), ""), Err(BadMultipart::Boundary));
        let many = "--b\r\n\r\nx\r\n".repeat(limits::MULTIPART_PARTS + 1) + "--b--";
        assert_eq!(read("b", &many), Err(BadMultipart::TooManyParts));
    }
}
