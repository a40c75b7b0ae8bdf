//! `multipart/form-data` (RFC 7578): fields and one file.

use crate::store::refusal::{Code, Refusal};

/// Parts of one form.
const PARTS: usize = 32;

/// A part: its name, the file's name, its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'b> {
    pub name: String,
    pub file_name: Option<String>,
    pub octets: &'b [u8],
}

/// Reads a form.
///
/// # Errors
/// It has no boundary, no end, or too many parts.
pub fn parts<'b>(content_type: &str, body: &'b [u8]) -> Result<Vec<Part<'b>>, Refusal> {
    let wrong = |text: &str| Refusal::new(Code::ValidationFailed, format!("The form cannot be read: {text}."));
    let boundary = parameter(content_type, "boundary").ok_or_else(|| wrong("it names no boundary"))?;
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = split(body, mark.as_bytes()).ok_or_else(|| wrong("its boundary is not there"))?.1;
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        let next = format!("\r\n{mark}");
        let (part, behind) = split(rest, next.as_bytes()).ok_or_else(|| wrong("it ends within a part"))?;
        let (head, octets) = split(part, b"\r\n\r\n").ok_or_else(|| wrong("a part has no head"))?;
        if parts.len() >= PARTS {
            return Err(wrong("it has too many parts"));
        }
        let head = String::from_utf8_lossy(head);
        let disposition = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
        let disposition = disposition.unwrap_or_default();
        let name = parameter(disposition, "name").ok_or_else(|| wrong("a part has no name"))?;
        parts.push(Part { name, file_name: parameter(disposition, "filename"), octets });
        rest = behind;
    }
}

fn split<'b>(octets: &'b [u8], mark: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = memchr::memmem::find(octets, mark)?;
    Some((octets.get(..at)?, octets.get(at.checked_add(mark.len())?..)?))
}

fn parameter(text: &str, name: &str) -> Option<String> {
    text.split(';').skip(1).find_map(|piece| {
        let (key, value) = piece.trim().split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_files_are_read_and_an_open_form_is_refused() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"account\"\r\n\r\nacme\r\n--b\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\nNumbers\r\n1\r\n\r\n--b--\r\n";
        let read = parts("multipart/form-data; boundary=b", body).unwrap();
        assert_eq!((read[0].name.as_str(), read[0].octets), ("account", &b"acme"[..]));
        assert_eq!((read[1].file_name.as_deref(), read[1].octets), (Some("a.csv"), &b"Numbers\r\n1\r\n"[..]));
        assert!(parts("multipart/form-data; boundary=b", &body[..80]).is_err());
        assert!(parts("multipart/form-data", body).is_err());
    }
}
