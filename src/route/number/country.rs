//! What a country's numbering plan says about prefixes and lengths.

use super::countries::COUNTRIES;
use super::e164::E164;

/// One country's plan, as far as reading and writing numbers needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166 alpha-2.
    pub iso: &'static str,
    /// Without the plus.
    pub calling_code: &'static str,
    /// Dialled before the national number inside the country, and no part of it; empty where there is none. In Italy
    /// and others the leading zero *is* part of the number, also after the country code.
    pub trunk_prefix: &'static str,
    /// Prefixes of former plans that are still dialled: read, never written.
    pub old_prefixes: &'static [&'static str],
    /// Dialled before a country code; the first is what we write.
    pub international_prefixes: &'static [&'static str],
    /// Fewest and most digits of a national significant number.
    pub national_digits: (usize, usize),
    /// Numbers of the emergency services.
    pub emergency: &'static [&'static str],
}

/// The plan of a country by its ISO 3166 alpha-2 code, upper case.
pub fn country(iso: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.iso == iso)
}

impl Country {
    /// Every plan known here, by ISO code.
    pub fn all() -> &'static [Country] {
        COUNTRIES
    }

    /// Whether so many digits are a national significant number here.
    pub const fn takes_length(&self, digits: usize) -> bool {
        self.national_digits.0 <= digits && digits <= self.national_digits.1
    }

    /// The national significant number of `number` when it is one of this country.
    pub fn national<'n>(&self, number: &'n E164) -> Option<&'n str> {
        let rest = number.digits().strip_prefix(self.calling_code)?;
        self.takes_length(rest.len()).then_some(rest)
    }

    /// What follows an international prefix, the longest that fits.
    pub fn after_international_prefix<'n>(&self, digits: &'n str) -> Option<&'n str> {
        let after = self.international_prefixes.iter().filter_map(|prefix| digits.strip_prefix(prefix));
        after.min_by_key(|rest| rest.len())
    }

    /// What is written before a country code.
    pub fn international_prefix(&self) -> &'static str {
        self.international_prefixes.first().copied().unwrap_or("00")
    }
}
