//! Hostile octets made fit for a log line, a record or a terminal.

use std::fmt;
use std::net::IpAddr;

/// Appends formatted text to octets: `append(&mut out, format_args!(..))`. No string is made on the way.
pub fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    let mut end = End { out };
    // `End` never fails.
    let _ = fmt::Write::write_fmt(&mut end, text);
}

/// Appends a number in decimal. A message holds some dozen, and the formatter of the standard library costs a hundred
/// instructions for each.
pub fn append_number(out: &mut Vec<u8>, number: u64) {
    if let Ok(digit @ 0..=9) = u8::try_from(number) {
        return out.push(b'0' + digit);
    }
    let mut digits = [b'0'; DIGITS];
    out.extend_from_slice(decimal(number, &mut digits));
}

/// As [`append_number`], at a text's end.
pub fn push_number(out: &mut String, number: u64) {
    let mut digits = [b'0'; DIGITS];
    out.push_str(str::from_utf8(decimal(number, &mut digits)).unwrap_or_default());
}

/// Digits of the greatest number.
const DIGITS: usize = 20;

fn decimal(number: u64, digits: &mut [u8; DIGITS]) -> &[u8] {
    let (mut rest, mut first) = (number, digits.len());
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        first -= 1;
        if rest == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

/// Appends an address, IPv6 without brackets.
pub fn append_address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else { return append(out, format_args!("{address}")) };
    let mut text = [b'.'; 16];
    let mut length = 0;
    for octet in address.octets() {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let leading = usize::from(octet < 10) + usize::from(octet < 100);
        for digit in digits.into_iter().skip(leading) {
            if let Some(place) = text.get_mut(length) {
                *place = b'0' + digit;
            }
            length += 1;
        }
        // The dot is there already.
        length += 1;
    }
    out.extend_from_slice(text.get(..length - 1).unwrap_or_default());
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
    fn numbers_and_addresses_are_written_as_the_standard_library_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 255, 65_535, 1_000_000, u64::MAX] {
            let mut out = b"x".to_vec();
            append_number(&mut out, number);
            let mut text = "x".to_owned();
            push_number(&mut text, number);
            assert_eq!((out, text.as_str()), (format!("x{number}").into_bytes(), &*format!("x{number}")));
        }
        for address in ["0.0.0.0", "127.0.0.1", "255.255.255.255", "192.0.2.10", "2001:db8::1", "::ffff:192.0.2.1"] {
            let mut out = Vec::new();
            append_address(&mut out, address.parse().unwrap());
            assert_eq!(out, address.as_bytes());
        }
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(Escaped::limited(b"abcdef", 3).to_string(), "abc... (6 octets)");
    }
}
