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
    if let Ok(digit @ 0..=9) = u8::try_from(number) {
        return out.push(char::from(b'0' + digit));
    }
    let mut digits = [b'0'; DIGITS];
    out.push_str(str::from_utf8(decimal(number, &mut digits)).unwrap_or_default());
}

/// Digits of the greatest number.
const DIGITS: usize = 20;

/// Two digits at a time, without the zero that stands before an odd number of them.
fn decimal(number: u64, digits: &mut [u8; DIGITS]) -> &[u8] {
    let (mut rest, mut first) = (number, digits.len());
    for pair in digits.rchunks_exact_mut(2) {
        let two = u8::try_from(rest % 100).unwrap_or_default();
        pair.copy_from_slice(&[b'0' + two / 10, b'0' + two % 10]);
        rest /= 100;
        first -= 2;
        if rest == 0 {
            break;
        }
    }
    let text = digits.get(first..).unwrap_or_default();
    text.strip_prefix(b"0").unwrap_or(text)
}

/// Appends an address, IPv6 without brackets.
pub fn append_address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else { return append(out, format_args!("{address}")) };
    let [first, others @ ..] = address.octets();
    out.reserve("255.255.255.255".len());
    append_octet(out, first);
    for octet in others {
        out.push(b'.');
        append_octet(out, octet);
    }
}

fn append_octet(out: &mut Vec<u8>, octet: u8) {
    if octet >= 100 {
        out.push(b'0' + octet / 100);
    }
    if octet >= 10 {
        out.push(b'0' + octet / 10 % 10);
    }
    out.push(b'0' + octet % 10);
}

/// Octets as lower-case hexadecimal, two digits each.
pub(crate) fn hexadecimal<const N: usize>(octets: [u8; N]) -> [[u8; 2]; N] {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    octets.map(|octet| [digit(octet >> 4), digit(octet & 15)])
}

/// Where the first control octet is. The tab is none. Eight octets are looked at together: a message is text, and this
/// passes over all of it.
pub(crate) fn first_control(octets: &[u8]) -> Option<usize> {
    let mut rest = octets;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let low = below_space(word);
        if low != 0 {
            let first = chunk.get(usize::try_from(low.trailing_zeros() / 8).unwrap_or_default());
            if first.is_some_and(|&octet| octet != b'\t') || chunk.iter().any(|&octet| is_control(octet)) {
                break;
            }
        }
        rest = after;
    }
    // The last eight, some of them for the second time, instead of the rest one by one.
    if rest.len() < 8 && octets.last_chunk::<8>().is_some_and(|end| below_space(u64::from_le_bytes(*end)) == 0) {
        return None;
    }
    let passed = octets.len().saturating_sub(rest.len());
    rest.iter().position(|&octet| is_control(octet)).map(|at| passed.saturating_add(at))
}

/// The high bit stays where the octet is below a space, or stands behind one that is.
const fn below_space(word: u64) -> u64 {
    word.wrapping_sub(SPACES) & !word & HIGH_BITS
}

const SPACES: u64 = u64::from_ne_bytes([b' '; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// A control octet that is no white space within a line.
pub(crate) const fn is_control(octet: u8) -> bool {
    octet < b' ' && octet != b'\t'
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
    fn a_control_octet_is_found_wherever_it_stands() {
        for length in 0..24 {
            let mut text = vec![b' '; length];
            assert_eq!(first_control(&text), None);
            for at in 0..length {
                for (octet, is_found) in
                    [(b'\r', true), (0, true), (0x1f, true), (b'\t', false), (0x80, false), (0xff, false)]
                {
                    text[at] = octet;
                    assert_eq!(first_control(&text), is_found.then_some(at), "{octet} at {at} of {length}");
                }
                text[at] = b'\t';
            }
        }
        assert_eq!(first_control(b"\t \x7fabcde\t\tfgh\x01"), Some(13));
    }

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
