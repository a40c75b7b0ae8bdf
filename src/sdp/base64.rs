//! Base64 of RFC 4648 4, strict: one spelling for each value. Only `a=crypto` uses it.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Octets of the longest key we decode: 32 of key and 14 of salt, and room for what comes later.
const OCTETS: usize = 64;

/// Decodes at most 64 octets. Padding may be left out (peers differ); white space, the URL alphabet, wrong padding and
/// bits left over are refused.
pub fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let padded = padding == 0 || (padding <= 2 && text.len().is_multiple_of(4));
    if !padded || digits.len() % 4 == 1 || digits.len() > OCTETS / 3 * 4 + 4 {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(OCTETS));
    let (mut bits, mut held) = (0u32, 0u32);
    for digit in digits.bytes() {
        bits = (bits << 6) | u32::from(value(digit)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    (bits & ((1 << held) - 1) == 0).then_some(out)
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Appends the padded text of `octets`.
pub fn encode(octets: &[u8], out: &mut Vec<u8>) {
    for chunk in octets.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, octet| (bits << 8) | u32::from(*octet)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = usize::try_from((bits >> (18 - 6 * place)) & 63).ok().filter(|_| place <= chunk.len());
            out.push(digit.and_then(|digit| ALPHABET.get(digit).copied()).unwrap_or(b'='));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(octets: &[u8]) -> String {
        let mut out = Vec::new();
        encode(octets, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_vectors_of_rfc_4648_hold_both_ways() {
        for (octets, text) in
            [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encoded(octets.as_bytes()), text);
            assert_eq!(decode(text).unwrap().as_slice(), octets.as_bytes());
        }
    }

    #[test]
    fn padding_may_be_left_out() {
        assert_eq!(decode("Zm8").unwrap().as_slice(), b"fo");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["Zh==", "Zg=", "Z", "Zm 9", "Zm_v", "Zg===", "=", "Zm9v="] {
            assert!(decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_text_longer_than_any_key_is_refused() {
        assert!(decode(&"A".repeat(400)).is_none());
    }
}
