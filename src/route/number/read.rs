//! Reading a number as a peer writes it.

use std::borrow::Cow;

use super::country::Country;
use super::e164::{BadNumber, E164};
use super::mobile;
use super::plan::Unreadable;

/// Digits of a short code at most; longer numbers must be E.164 or national. Longest in use: six (116117).
const SHORT_DIGITS: usize = 6;
/// Digits of an extension at most (RFC 3966 sets no bound; PBXs use up to ten).
const EXTENSION_DIGITS: usize = 15;

/// The form a peer writes numbers in. Every form takes `+` and E.164, and the country's emergency numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IncomingForm {
    /// `+4930123456`.
    #[default]
    E164,
    /// `4930123456`.
    E164NoPlus,
    /// `030123456` in Germany; the international prefix leads abroad: `00443069990000`.
    National,
    /// `004930123456`, `0114930123456`.
    International,
}

impl IncomingForm {
    /// As the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            IncomingForm::E164 => "e164",
            IncomingForm::E164NoPlus => "e164-no-plus",
            IncomingForm::National => "national",
            IncomingForm::International => "international",
        }
    }
}

/// Who a field names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// A number of the public network; an extension behind it when `;ext=` named one (RFC 3966 5.3).
    Number { number: E164, extension: Option<Box<str>> },
    /// A number that has no E.164 form: emergency and service codes, `*` and `#` codes.
    Short(Box<str>),
    /// A user name that is no number.
    Name(Box<str>),
    /// Somebody who does not want to be known (RFC 3323 4.1).
    Anonymous,
}

impl Party {
    /// A number without extension.
    pub const fn of(number: E164) -> Party {
        Party::Number { number, extension: None }
    }

    /// The E.164 number, when it is one.
    pub const fn number(&self) -> Option<&E164> {
        match self {
            Party::Number { number, .. } => Some(number),
            Party::Short(_) | Party::Name(_) | Party::Anonymous => None,
        }
    }

    /// What routes, records and logs call it.
    pub fn as_str(&self) -> &str {
        match self {
            Party::Number { number, .. } => number.as_str(),
            Party::Short(text) | Party::Name(text) => text,
            Party::Anonymous => "anonymous",
        }
    }
}

/// The parts of a user part or tel number that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialled<'a> {
    /// Without visual separators.
    pub digits: &'a str,
    pub extension: Option<&'a str>,
    /// Value of `phone-context` (RFC 3966 5.1.5).
    pub context: Option<&'a str>,
}

/// Reads what was dialled. `digits` may still be a name.
pub(super) fn read(form: IncomingForm, country: Option<&Country>, dialled: Dialled<'_>) -> Result<Party, Unreadable> {
    let digits = dialled.digits;
    if is_anonymous(digits) {
        return Ok(Party::Anonymous);
    }
    if !is_dialable(digits) {
        return if digits.bytes().all(is_fit) { Ok(Party::Name(digits.into())) } else { Err(Unreadable::NoText) };
    }
    if is_emergency(country, digits) || digits.contains(['*', '#']) {
        return Ok(Party::Short(digits.into()));
    }
    let number = match digits.strip_prefix('+') {
        Some(rest) => Some(global(country, rest)),
        None => match dialled.context.and_then(|context| context.strip_prefix('+')) {
            Some(context) => Some(global(country, &format!("{}{digits}", without_separators(context)))),
            None => local(form, country, digits),
        },
    };
    match number {
        Some(Ok(number)) => Ok(Party::Number { number, extension: extension(dialled.extension) }),
        Some(Err(bad)) => Err(Unreadable::NoNumber(bad)),
        None if digits.len() <= SHORT_DIGITS => Ok(Party::Short(digits.into())),
        None => Err(Unreadable::OtherForm),
    }
}

/// Number of a form without plus; `None` when it does not begin as the form wants it.
fn local(form: IncomingForm, country: Option<&Country>, digits: &str) -> Option<Result<E164, BadNumber>> {
    let abroad = || country?.after_international_prefix(digits).map(|rest| global(country, rest));
    match form {
        IncomingForm::E164 | IncomingForm::International => abroad(),
        IncomingForm::E164NoPlus if digits.len() <= SHORT_DIGITS || digits.starts_with('0') => abroad(),
        IncomingForm::E164NoPlus => Some(global(country, digits)),
        IncomingForm::National => abroad().or_else(|| national(country?, digits)),
    }
}

/// A number inside the country. Where all numbers are of one length the trunk prefix may be missing: many peers leave it
/// out, and nothing else has that length.
fn national(country: &Country, digits: &str) -> Option<Result<E164, BadNumber>> {
    let (fewest, most) = country.national_digits;
    let behind = |prefix: &&str| digits.strip_prefix(*prefix).filter(|rest| country.takes_length(rest.len()));
    let behind_prefix = [country.trunk_prefix].iter().chain(country.old_prefixes).find_map(behind);
    let is_bare = fewest == most && digits.len() == most && !digits.starts_with(country.trunk_prefix);
    let plain = behind_prefix.or(is_bare.then_some(digits)).map(Cow::Borrowed);
    let rest = plain.or_else(|| mobile::abroad(country, digits).map(Cow::Owned))?;
    Some(E164::from_digits(&format!("{}{rest}", country.calling_code)))
}

/// What follows the plus. `+49 (0) 30` is written so often that the trunk prefix of the own country is taken out; where
/// the leading zero belongs to the number (Italy) there is no trunk prefix, and it stays.
fn global(country: Option<&Country>, digits: &str) -> Result<E164, BadNumber> {
    if let Some(country) = country
        && let Some(rest) = digits.strip_prefix(country.calling_code)
        && !country.trunk_prefix.is_empty()
        && let Some(national) = rest.strip_prefix(country.trunk_prefix)
        && (country.trunk_prefix.starts_with('0') || rest.len() > country.national_digits.1)
    {
        return E164::from_digits(&format!("{}{national}", country.calling_code));
    }
    E164::from_digits(&mobile::without_old_mark(digits))
}

fn is_emergency(country: Option<&Country>, digits: &str) -> bool {
    country.is_some_and(|country| country.emergency.contains(&digits))
}

/// RFC 3323 4.1.1.3, and what gateways write instead.
fn is_anonymous(text: &str) -> bool {
    ["", "anonymous", "restricted", "unavailable"].iter().any(|name| text.eq_ignore_ascii_case(name))
}

/// ASCII digits, `*` and `#`, perhaps after a plus.
fn is_dialable(text: &str) -> bool {
    let rest = text.strip_prefix('+').unwrap_or(text);
    !rest.is_empty() && rest.bytes().all(|octet| octet.is_ascii_digit() || matches!(octet, b'*' | b'#'))
}

fn extension(text: Option<&str>) -> Option<Box<str>> {
    let digits = without_separators(text?);
    let fits = (1..=EXTENSION_DIGITS).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit());
    fits.then(|| digits.into())
}

const fn is_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '(' | ')' | ' ')
}

/// Visual separators have no meaning (RFC 3966 5.1.1), but only inside a number: a name keeps its dots and dashes.
pub(super) fn without_separators(text: &str) -> Cow<'_, str> {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '*' | '#') || is_separator(c));
    match is_number && text.contains(is_separator) {
        true => Cow::Owned(text.chars().filter(|&c| !is_separator(c)).collect()),
        false => Cow::Borrowed(text),
    }
}

/// Octets of a number or a plain user name.
pub(super) const fn is_fit(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>')
}
