//! Text of User-to-User as contact centres write it (RFC 7433 4.1, PF-123): `name=value` pairs between semicolons, plain,
//! or as one hex string of the whole text with `;encoding=hex` behind it.
//!
//! The plain form has bare semicolons, which no general reader of header parameters understands. It is read here only; a
//! value that crosses crosses as octets.

use crate::base::bounds::Bound;
use crate::base::limits::CONTEXT_PAIRS;

/// Parameters that RFC 7433 gives the header: in the plain form they are no pairs.
const PARAMETERS: [&str; 3] = ["purpose", "content", "encoding"];

/// Protocol discriminators of ITU-T Q.931 4.5.30 that some peers write before the text (PF-79).
const DISCRIMINATORS: [u8; 2] = [0x00, 0x04];

/// The pairs of a header value in their order, at most [`CONTEXT_PAIRS`]. `None`: it holds something else, which crosses
/// or stays as a whole.
pub fn read(value: &[u8]) -> Option<Vec<(String, String)>> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let (data, params) = parts(value)?;
    let encoding = params.split(';').find_map(|param| param.trim().strip_prefix("encoding="));
    match encoding {
        Some(word) if word.trim_matches('"').eq_ignore_ascii_case("hex") => pairs(&unhexed(data)?),
        Some(_) => None,
        None if value.starts_with('"') => pairs(data),
        None => pairs(value),
    }
}

/// The data and what follows it: a quoted string may hold semicolons of its own.
fn parts(value: &str) -> Option<(&str, &str)> {
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"'),
        None => Some(value.split_once(';').unwrap_or((value, ""))),
    }
}

fn unhexed(data: &str) -> Option<String> {
    let (halves, rest) = data.as_bytes().as_chunks::<2>();
    let octet = |&[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    let octets: Vec<u8> = halves.iter().map(octet).collect::<Option<_>>()?;
    let text = match octets.split_first() {
        Some((first, text)) if DISCRIMINATORS.contains(first) => text,
        Some(_) | None => &octets,
    };
    rest.is_empty().then(|| String::from_utf8(text.to_vec()).ok()).flatten()
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let segments = text.split(';').map(str::trim).filter(|segment| !segment.is_empty());
    let pair = |segment: &str| segment.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let pairs: Vec<(String, String)> =
        Bound::ContextPairs.first(CONTEXT_PAIRS, segments).map(pair).collect::<Option<_>>()?;
    let pairs: Vec<_> = pairs.into_iter().filter(|(name, _)| !PARAMETERS.contains(&name.as_str())).collect();
    let are_fit = pairs.iter().all(|(name, value)| is_name(name) && is_value(value));
    (are_fit && !pairs.is_empty()).then_some(pairs)
}

/// A name of a pair: 1 to 64 printable characters of ASCII without space, `;` and `=` (PF-124).
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic() && !b";=".contains(&octet))
}

/// A value of a pair: printable ASCII without `;`. It may be empty.
pub fn is_value(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b';')
}

/// Whether a name or a value may stand in a header without encoding (MD-217).
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"=.!%*_+~-".contains(&octet))
}

/// The value of one pair of a header.
pub fn value_of(header: &[u8], name: &str) -> Option<String> {
    read(header)?.into_iter().find_map(|(own, value)| (own == name).then_some(value))
}

/// Upper-case hex, as the sheet writes it (PF-123).
pub fn hexed(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |half: u8| char::from(DIGITS.get(usize::from(half)).copied().unwrap_or(b'0'));
    text.bytes().flat_map(|octet| [digit(octet >> 4), digit(octet & 0x0f)]).collect()
}

/// Names and values as one text.
pub fn joined(pairs: &[(String, String)]) -> String {
    let texts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    texts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Option<String> {
        read(value.as_bytes()).map(|pairs| joined(&pairs))
    }

    #[test]
    fn both_forms_of_the_sheet_are_read() {
        for value in [
            "6F7264657269643D3930303132333B6C616E673D6465;encoding=hex",
            "6f7264657269643d3930303132333b6c616e673d6465;encoding=HEX;purpose=x",
            "006F7264657269643D3930303132333B6C616E673D6465;purpose=isdn-uui;encoding=hex;content=isdn-uui",
            "orderid=900123;lang=de",
            "\"orderid=900123;lang=de\";purpose=x",
            "orderid=900123;lang=de;purpose=x",
        ] {
            let read = shown(value);
            assert_eq!(read.as_deref(), Some("orderid=900123;lang=de"), "{value}");
        }
    }

    #[test]
    fn what_holds_no_pairs_is_left_alone() {
        for value in [
            "",
            "04FA08001A;encoding=hex",
            "6F7;encoding=hex",
            "zz;encoding=hex",
            "opaque",
            "a=1;encoding=ascii",
            "=1",
            "a b=1",
        ] {
            assert_eq!(shown(value), None, "{value}");
        }
    }

    #[test]
    fn hex_is_that_of_the_sheet() {
        assert_eq!(hexed("orderid=900123;lang=de"), "6F7264657269643D3930303132333B6C616E673D6465");
    }
}
