//! Mobile numbers that are dialled otherwise at home than from abroad.
//!
//! Argentina: from abroad a 9 stands before the area, at home a 15 behind it: `+54 9 11 4321 1234` is `011 15 4321 1234`
//! (ENACOM, the national numbering plan). Mexico: until 2019 a 1 stood behind the country code: `+52 1 55 1234 5678` is
//! `+52 55 1234 5678` today (IFT, the national numbering plan).

use std::borrow::Cow;

use super::country::Country;

/// Digits of area and subscriber together, in both countries.
const DIGITS: usize = 10;

/// Argentine areas of three digits. Buenos Aires has two (11), all others have four.
const THREE_DIGITS: [&str; 38] = [
    "220", "221", "223", "230", "236", "237", "249", "260", "261", "263", "264", "266", "280", "291", "294", "297",
    "298", "299", "336", "341", "342", "343", "345", "348", "351", "353", "358", "362", "364", "370", "376", "379",
    "380", "381", "383", "385", "387", "388",
];

/// Digits of the area a national number of Argentina begins with.
fn area_digits(national: &str) -> usize {
    match national.starts_with("11") {
        true => 2,
        false if THREE_DIGITS.iter().any(|area| national.starts_with(area)) => 3,
        false => 4,
    }
}

fn is_argentina(country: &Country) -> bool {
    country.iso == "AR"
}

/// The national significant number of one dialled at home as a mobile's; `None`: it is none.
pub(super) fn abroad(country: &Country, digits: &str) -> Option<String> {
    let rest = digits.strip_prefix(country.trunk_prefix).filter(|_| is_argentina(country))?;
    let (area, behind) = rest.split_at_checked(area_digits(rest))?;
    let subscriber = behind.strip_prefix("15")?;
    (area.len() + subscriber.len() == DIGITS).then(|| format!("9{area}{subscriber}"))
}

/// The other way round: how a national significant number is dialled behind the trunk prefix.
pub(super) fn at_home<'n>(country: &Country, national: &'n str) -> Cow<'n, str> {
    let mobile = national.strip_prefix('9').filter(|rest| is_argentina(country) && rest.len() == DIGITS);
    let parts = mobile.and_then(|rest| rest.split_at_checked(area_digits(rest)));
    parts.map_or(Cow::Borrowed(national), |(area, subscriber)| Cow::Owned(format!("{area}15{subscriber}")))
}

/// Digits behind the plus without Mexico's former mark of mobiles; nothing else of Mexico has this length.
pub(super) fn without_old_mark(digits: &str) -> Cow<'_, str> {
    match digits.strip_prefix("521").filter(|rest| rest.len() == DIGITS) {
        Some(rest) => Cow::Owned(format!("52{rest}")),
        None => Cow::Borrowed(digits),
    }
}
