//! Hostile octets made fit for a log line, a record or a terminal.

use std::fmt;

/// Appends formatted text to octets: `append(&mut out, format_args!(..))`. No string is made on the way.
pub fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let mut end = End { out };
    // `End` never fails.
    let _ = fmt::Write::write_fmt(&mut end, text);
}

struct End<'a> {
    out: &'a mut Vec<u8>,
}

impl fmt::Write for End<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Shows octets with everything outside printable ASCII escaped (`\x1b`, `\\`), cut after `limit` octets.
pub struct Escaped<'a> {
    octets: &'a [u8],
    limit: usize,
}

/// Octets shown in a log before they are cut.
const SHOWN: usize = 256;

impl<'a> Escaped<'a> {
    /// Shows at most 256 octets.
    pub const fn new(octets: &'a [u8]) -> Self {
        Escaped { octets, limit: SHOWN }
    }

    /// Shows at most `limit` octets.
    pub const fn limited(octets: &'a [u8], limit: usize) -> Self {
        Escaped { octets, limit }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for &octet in self.octets.iter().take(self.limit) {
            match octet {
                b'\\' => f.write_str("\\\\")?,
                b' '..=b'~' => f.write_char(char::from(octet))?,
                _ => write!(f, "\\x{octet:02x}")?,
            }
        }
        if self.octets.len() > self.limit {
            write!(f, "... ({} octets)", self.octets.len())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_and_line_ends_are_escaped() {
        assert_eq!(Escaped::new(b"a\x1b[31m\r\nb\\").to_string(), "a\\x1b[31m\\x0d\\x0ab\\\\");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(Escaped::limited(b"abcdef", 3).to_string(), "abc... (6 octets)");
    }
}
