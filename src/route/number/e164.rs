//! A number in its one form: `+`, country code, national significant number (ITU-T E.164, RFC 3966 5.1.4).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Digits of a number at least: country code and subscriber. PV-4 takes three characters with the plus.
const FEWEST_DIGITS: usize = 2;
/// Digits of a number at most (E.164 6.1).
const MOST_DIGITS: usize = 15;

/// `+` and 2 to 15 ASCII digits, the first of which is not zero. Held in place: reading and copying one takes no memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164 {
    /// With the plus, then zeros: they sort before every digit, so the order is that of the texts.
    octets: [u8; 1 + MOST_DIGITS],
    length: u8,
}

/// Why a text is no E.164 number. The text completes the sentence "the number ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadNumber {
    /// Nothing is left of it.
    Empty,
    /// Without the plus sign.
    NoPlus,
    /// `+0...`: no country code begins so.
    LeadingZero,
    /// Fewer digits than a country code and a subscriber.
    TooShort,
    /// More than 15 digits.
    TooLong,
    /// A character that is no ASCII digit.
    NotADigit,
}

impl BadNumber {
    /// Completes the sentence "the number ...".
    pub const fn text(self) -> &'static str {
        match self {
            BadNumber::Empty => "is empty",
            BadNumber::NoPlus => "does not begin with +",
            BadNumber::LeadingZero => "has a zero after the plus; no country code begins with 0",
            BadNumber::TooShort => "has fewer than 2 digits",
            BadNumber::TooLong => "has more than 15 digits",
            BadNumber::NotADigit => "holds a character that is no ASCII digit",
        }
    }
}

impl fmt::Display for BadNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for BadNumber {}

impl E164 {
    /// Reads `+` and digits, nothing else.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn parse(text: &str) -> Result<E164, BadNumber> {
        if text.is_empty() {
            return Err(BadNumber::Empty);
        }
        E164::from_digits(text.strip_prefix('+').ok_or(BadNumber::NoPlus)?)
    }

    /// The number of these digits, country code first.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn from_digits(digits: &str) -> Result<E164, BadNumber> {
        if !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(BadNumber::NotADigit);
        }
        match digits.len() {
            _ if digits.starts_with('0') => Err(BadNumber::LeadingZero),
            0 => Err(BadNumber::Empty),
            1..FEWEST_DIGITS => Err(BadNumber::TooShort),
            FEWEST_DIGITS..=MOST_DIGITS => Ok(E164::held(digits.as_bytes())),
            _ => Err(BadNumber::TooLong),
        }
    }

    /// `digits`: at most [`MOST_DIGITS`].
    fn held(digits: &[u8]) -> E164 {
        let mut octets = [0; 1 + MOST_DIGITS];
        let mut length = 0;
        for (place, octet) in octets.iter_mut().zip(std::iter::once(&b'+').chain(digits)) {
            *place = *octet;
            length += 1;
        }
        E164 { octets, length }
    }

    /// With the plus.
    pub fn as_str(&self) -> &str {
        let text = self.octets.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// Without the plus.
    pub fn digits(&self) -> &str {
        self.as_str().strip_prefix('+').unwrap_or_default()
    }
}

impl TryFrom<String> for E164 {
    type Error = BadNumber;

    fn try_from(text: String) -> Result<E164, BadNumber> {
        E164::parse(&text)
    }
}

impl From<E164> for String {
    fn from(number: E164) -> String {
        number.as_str().to_owned()
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_digits_fit_and_sixteen_do_not() {
        assert!(E164::parse("+123456789012345").is_ok());
        assert_eq!(E164::parse("+1234567890123456"), Err(BadNumber::TooLong));
        assert_eq!(E164::parse(&format!("+{}", "1".repeat(40))), Err(BadNumber::TooLong));
    }

    #[test]
    fn what_is_held_is_what_was_read_and_sorts_as_text() {
        let texts = ["+123456789012345", "+49", "+4930", "+4930123456", "+4931"];
        let numbers = texts.map(|text| E164::parse(text).unwrap());
        assert!(numbers.is_sorted());
        assert_eq!(numbers.each_ref().map(E164::as_str), texts);
        assert_eq!(numbers.each_ref().map(E164::digits), texts.map(|text| &text[1..]));
    }

    #[test]
    fn no_country_code_begins_with_zero() {
        assert_eq!(E164::parse("+0"), Err(BadNumber::LeadingZero));
        assert_eq!(E164::parse("+0301234567"), Err(BadNumber::LeadingZero));
    }

    #[test]
    fn digits_of_other_scripts_are_no_digits() {
        assert_eq!(E164::parse("+49\u{663}\u{660}1234"), Err(BadNumber::NotADigit));
        assert_eq!(E164::parse("+49\u{ff13}0"), Err(BadNumber::NotADigit));
    }

    #[test]
    fn the_plus_is_not_optional_here() {
        assert_eq!(E164::parse("4930123456"), Err(BadNumber::NoPlus));
        assert_eq!(E164::parse(""), Err(BadNumber::Empty));
        assert_eq!(E164::parse("+"), Err(BadNumber::Empty));
    }
}
