//! Warning (RFC 3261 20.43).

use bytes::Bytes;

use super::BadHeader;
use super::cseq::split_word;
use crate::sip::grammar::{number_as, quoted_end, share, trim, unquoted};

/// One warning-value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Three digits.
    pub code: u16,
    /// Host or pseudonym, as written.
    pub agent: Bytes,
    /// Text without quotes and escapes.
    pub text: Bytes,
}

impl Warning {
    /// Reads one value of the list.
    ///
    /// # Errors
    /// A code that has not exactly three digits (RFC 4475 scalarlg), or a text without quotes.
    pub fn parse(value: &Bytes) -> Result<Warning, BadHeader> {
        let (code, rest) = split_word(trim(value)).ok_or(BadHeader)?;
        let (agent, text) = split_word(rest).ok_or(BadHeader)?;
        let code = number_as::<u16>(code).filter(|_| code.len() == 3).ok_or(BadHeader)?;
        if text.first() != Some(&b'"') || quoted_end(text) != Some(text.len()) {
            return Err(BadHeader);
        }
        Ok(Warning { code, agent: share(value, agent), text: Bytes::from(unquoted(text).into_owned()) })
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy(&self.text).replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "{:03} {} \"{text}\"", self.code, String::from_utf8_lossy(&self.agent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_read_and_written() {
        let text = "305 sbc.example.net \"Incompatible \\\"media\\\" format\"";
        let read = Warning::parse(&Bytes::from_static(text.as_bytes())).unwrap();
        assert_eq!((read.code, read.text.as_ref()), (305, b"Incompatible \"media\" format".as_slice()));
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn broken_warnings_are_refused() {
        for bad in ["", "1812 overture \"In Progress\"", "305 a", "305 a b", "305 a \"b", "x a \"b\""] {
            assert_eq!(Warning::parse(&Bytes::copy_from_slice(bad.as_bytes())), Err(BadHeader), "{bad}");
        }
    }
}
