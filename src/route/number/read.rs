//! Reading a number as a peer writes it.

use super::country::Country;
use super::e164::{BadNumber, E164};
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
        return Ok(Party::Name(digits.into()));
    }
    if is_emergency(country, digits) || digits.contains(['*', '#']) {
        return Ok(Party::Short(digits.into()));
    }
    let number = match digits.strip_prefix('+') {
        Some(rest) => Some(global(country, rest)),
        None => match dialled.context.and_then(|context| context.strip_prefix('+')) {
            Some(context) => Some(E164::from_digits(&format!("{context}{digits}"))),
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
    let behind_prefix = digits.strip_prefix(country.trunk_prefix).filter(|rest| country.takes_length(rest.len()));
    let is_bare = fewest == most && digits.len() == most && !digits.starts_with(country.trunk_prefix);
    let rest = behind_prefix.or(is_bare.then_some(digits))?;
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
    E164::from_digits(digits)
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
    let fits =
        |text: &&str| (1..=EXTENSION_DIGITS).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    text.filter(fits).map(Box::from)
}
