//! What a called party would be to a carrier that dials it: a route may hand on a text that was never read as a number,
//! and the guard must not be passed by `00` for `+`.

use std::borrow::Cow;

use crate::route::number::{Country, E164};

/// Digits from which a text is a telephone number, whatever stands around them: shorter ones are service codes.
const NUMBER_DIGITS: usize = 7;
/// Digits of a number at most (E.164 6.1).
const E164_DIGITS: usize = 15;
/// International prefixes where no country says which are its own: those of the most countries, of North America, and
/// with an outside-line digit as scanners dial it (D4).
const ABROAD: [&str; 5] = ["00", "011", "9011", "900", "810"];

/// How a called party reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialled {
    /// This number: digits behind the plus.
    Number(String),
    /// Too short for a number, or no digits.
    Code,
    /// Digits that can be no number.
    Nonsense,
}

/// Reads a called party as routes know it. `country`: where it was dialled.
pub(super) fn dialled(called: &str, country: Option<&Country>) -> Dialled {
    let called = &*unescaped(called);
    if let Ok(number) = E164::parse(called.split(';').next().unwrap_or_default()) {
        return Dialled::Number(number.digits().to_owned());
    }
    // A service code before a number (`*31#` withholds the caller's) ends with its last star or hash.
    let piece = called.split(['*', '#']).max_by_key(|piece| piece.len()).unwrap_or_default();
    let (digits, has_plus) = leading_digits(piece);
    if digits.len() < NUMBER_DIGITS {
        return Dialled::Code;
    }
    let read = match (has_plus, country) {
        (true, _) => digits,
        (false, country) => without_plus(digits, country),
    };
    if read.len() > E164_DIGITS || read.starts_with('0') { Dialled::Nonsense } else { Dialled::Number(read) }
}

/// A trunk that reads numbers as they are written keeps escapes (RFC 3261 19.1.2); whoever gets them reads through them.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut pieces = text.split('%');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let octet = piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(u8::is_ascii);
        match (octet, piece.get(2..)) {
            (Some(octet), Some(rest)) => {
                out.push(char::from(octet));
                out.push_str(rest);
            }
            (None, _) | (_, None) => {
                out.push('%');
                out.push_str(piece);
            }
        }
    }
    Cow::Owned(out)
}

/// Digits up to the first character that no dialled number has, visual separators left out.
fn leading_digits(text: &str) -> (String, bool) {
    let has_plus = text.starts_with('+');
    let is_separator = |c: char| matches!(c, '-' | '.' | '(' | ')' | ' ' | '/');
    let rest = text.trim_start_matches('+');
    let run = rest.chars().take_while(|&c| c.is_ascii_digit() || is_separator(c));
    (run.filter(char::is_ascii_digit).collect(), has_plus)
}

/// A number without its plus, as a carrier of this country would dial it: abroad, national, or with its country code.
fn without_plus(digits: String, country: Option<&Country>) -> String {
    if let Some(rest) = country.and_then(|country| country.after_international_prefix(&digits)) {
        return rest.to_owned();
    }
    if let Some(national) = country.and_then(|country| national(country, &digits)) {
        return national;
    }
    let abroad = ABROAD.iter().find_map(|prefix| digits.strip_prefix(prefix));
    abroad.map_or(digits.clone(), str::to_owned)
}

fn national(country: &Country, digits: &str) -> Option<String> {
    let with = |rest: &str| format!("{}{rest}", country.calling_code);
    if !country.trunk_prefix.is_empty()
        && let Some(rest) = digits.strip_prefix(country.trunk_prefix)
    {
        return Some(with(rest));
    }
    // Where all numbers are of one length they are dialled bare, and in Italy the leading zero is part of them.
    let is_bare = country.takes_length(digits.len()) && country.national_digits.0 == country.national_digits.1;
    (is_bare || country.trunk_prefix.is_empty() && digits.starts_with('0')).then(|| with(digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::number::country;

    fn number(called: &str, iso: &str) -> Option<String> {
        match dialled(called, country(iso)) {
            Dialled::Number(digits) => Some(digits),
            Dialled::Code | Dialled::Nonsense => None,
        }
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for text in
            ["+88234567890", "0088234567890", "88234567890", "+882-345.678(90)", "+88234567890;x=1", "%2B88234567890"]
        {
            assert_eq!(number(text, "DE").as_deref(), Some("88234567890"), "{text}");
        }
        assert_eq!(number("01188234567890", "US").as_deref(), Some("88234567890"));
        assert_eq!(number("900882345678", "XX").as_deref(), Some("882345678"));
        assert_eq!(number("901188234567", "XX").as_deref(), Some("88234567"));
    }

    #[test]
    fn national_forms_are_read_by_the_country_they_were_dialled_in() {
        assert_eq!(number("09001234567", "DE").as_deref(), Some("499001234567"));
        assert_eq!(number("4155551234", "US").as_deref(), Some("14155551234"));
        assert_eq!(number("0612345678", "IT").as_deref(), Some("390612345678"));
        assert_eq!(number("4930123456", "DE").as_deref(), Some("4930123456"));
    }

    #[test]
    fn a_service_code_before_a_number_hides_nothing() {
        assert_eq!(number("*31#0088234567890", "DE").as_deref(), Some("88234567890"));
        assert_eq!(number("*21*+88234567890#", "DE").as_deref(), Some("88234567890"));
    }

    #[test]
    fn what_stands_behind_the_digits_hides_nothing() {
        assert_eq!(number("+88234567890@x", "DE").as_deref(), Some("88234567890"));
        assert_eq!(number("++88234567890", "DE").as_deref(), Some("88234567890"));
        assert_eq!(number("+88234567890p1234", "DE").as_deref(), Some("88234567890"));
    }

    #[test]
    fn codes_and_names_are_no_numbers_and_endless_digits_are_nonsense() {
        for text in ["116117", "*21#", "trunk-main", "bob7", "", "112"] {
            assert_eq!(dialled(text, country("DE")), Dialled::Code, "{text}");
        }
        assert_eq!(dialled(&"1".repeat(40), country("DE")), Dialled::Nonsense);
        assert_eq!(dialled("+0301234567", country("DE")), Dialled::Nonsense);
    }
}
