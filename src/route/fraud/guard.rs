//! Whether a destination may be called, and which key of the configuration says so.

use std::fmt;

use super::class::{Class, ClassSet};
use super::dialled::{Dialled, dialled};
use super::limits::LimitRule;
use super::ranges::{RangeKind, Ranges};
use crate::route::number::Country;

/// A country: ISO 3166 alpha-2, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iso([u8; 2]);

impl Iso {
    /// Reads two upper-case letters.
    ///
    /// # Errors
    /// Anything else; the text completes the sentence "VALUE ...".
    pub fn parse(text: &str) -> Result<Iso, String> {
        match text.as_bytes() {
            &[first, second] if first.is_ascii_uppercase() && second.is_ascii_uppercase() => Ok(Iso([first, second])),
            _ => Err("is no country code of two capital letters (ISO 3166)".to_owned()),
        }
    }

    /// The same, of a country whose numbers the shipped file knows.
    ///
    /// # Errors
    /// Anything else.
    pub fn known(text: &str) -> Result<Iso, String> {
        let iso = Iso::parse(text)?;
        match Ranges::shipped().knows(iso) {
            true => Ok(iso),
            false => Err("is no country with numbers of its own (config/fraud/ranges.tsv)".to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `[fraud]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FraudSettings {
    pub allow_countries: Vec<Iso>,
    /// Of [`Class::DEAR`].
    pub allow_classes: ClassSet,
    /// With the plus.
    pub allow_prefixes: Vec<String>,
    pub deny_prefixes: Vec<String>,
    pub limits: Vec<LimitRule>,
}

impl Default for FraudSettings {
    fn default() -> Self {
        FraudSettings {
            allow_countries: Vec::new(),
            allow_classes: ClassSet::of(&[Class::SharedCost]),
            allow_prefixes: Vec::new(),
            deny_prefixes: Vec::new(),
            limits: Vec::new(),
        }
    }
}

/// What a called party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    pub class: Class,
    pub country: Option<Iso>,
}

/// Which key of `[fraud]` refuses a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockedBy {
    AllowCountries,
    AllowClasses,
    AllowPrefixes,
    DenyPrefixes,
}

impl BlockedBy {
    /// The key.
    pub const fn key(self) -> &'static str {
        match self {
            BlockedBy::AllowCountries => "fraud.allow_countries",
            BlockedBy::AllowClasses => "fraud.allow_classes",
            BlockedBy::AllowPrefixes => "fraud.allow_prefixes",
            BlockedBy::DenyPrefixes => "fraud.deny_prefixes",
        }
    }

    /// Metric label.
    pub const fn label(self) -> &'static str {
        match self {
            BlockedBy::AllowCountries => "country",
            BlockedBy::AllowClasses => "class",
            BlockedBy::AllowPrefixes => "no_number",
            BlockedBy::DenyPrefixes => "denied",
        }
    }
}

/// Why a destination may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllowedBy {
    /// No trunk names a country and `fraud.allow_countries` is empty: all pass.
    GuardOff,
    /// The number is of a country that a trunk names.
    OwnCountry,
    /// Free for the caller, or a service code.
    Costless,
    AllowCountries,
    AllowClasses,
    AllowPrefixes,
}

impl AllowedBy {
    /// The key of the configuration; `None`: allowed without one.
    pub const fn key(self) -> Option<&'static str> {
        match self {
            AllowedBy::GuardOff | AllowedBy::AllowCountries => Some("fraud.allow_countries"),
            AllowedBy::OwnCountry => Some("trunks.NAME.numbers.country"),
            AllowedBy::Costless => None,
            AllowedBy::AllowClasses => Some("fraud.allow_classes"),
            AllowedBy::AllowPrefixes => Some("fraud.allow_prefixes"),
        }
    }
}

/// What the guard says of a destination, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighed<'g> {
    pub destination: Destination,
    pub outcome: Result<AllowedBy, BlockedBy>,
    /// The prefix of the configuration that decides.
    pub prefix: Option<&'g str>,
}

/// A destination that may not be called. Its text is for the operator: log, record, explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub by: BlockedBy,
    pub destination: Destination,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Destination { class, country } = self.destination;
        match (self.by, country) {
            (BlockedBy::AllowCountries, Some(country)) => {
                write!(f, "the called number is of {country}, which fraud.allow_countries does not name")
            }
            (BlockedBy::AllowClasses, _) => {
                write!(f, "the called number is {}, which fraud.allow_classes does not name", class.name())
            }
            (BlockedBy::AllowPrefixes | BlockedBy::AllowCountries, _) => {
                f.write_str("the called number is of no country; fraud.allow_prefixes does not name its beginning")
            }
            (BlockedBy::DenyPrefixes, _) => f.write_str("fraud.deny_prefixes names the beginning of the called number"),
        }
    }
}

/// See the module. Where nobody says which country is the own one there is nothing to tell home from abroad by: prefixes
/// that are named are judged all the same, the rest is let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FraudGuard {
    own: Vec<Iso>,
    settings: FraudSettings,
}

impl FraudGuard {
    /// `own`: countries of the trunks.
    pub fn new(settings: FraudSettings, own: impl IntoIterator<Item = &'static Country>) -> FraudGuard {
        let mut own: Vec<Iso> = own.into_iter().filter_map(|country| Iso::parse(country.iso).ok()).collect();
        own.sort_unstable();
        own.dedup();
        FraudGuard { own, settings }
    }

    /// Whether countries and classes are judged at all; named prefixes and limits are in any case.
    pub fn is_on(&self) -> bool {
        !self.own.is_empty() || !self.settings.allow_countries.is_empty()
    }

    pub fn limits(&self) -> &[LimitRule] {
        &self.settings.limits
    }

    /// What `called` is, as routes know it. `country`: of the trunk it was dialled on.
    pub fn destination(&self, called: &str, country: Option<&Country>) -> Destination {
        self.of_dialled(&dialled(called, country))
    }

    fn of_dialled(&self, dialled: &Dialled) -> Destination {
        match dialled {
            Dialled::Number(digits) => self.of_digits(digits),
            Dialled::Code => Destination { class: Class::Code, country: None },
            Dialled::Nonsense => Destination { class: Class::Unknown, country: None },
        }
    }

    fn of_digits(&self, digits: &str) -> Destination {
        let Some(range) = Ranges::shipped().find(digits) else {
            return Destination { class: Class::Unknown, country: None };
        };
        let is_own = range.country.is_some_and(|country| self.own.contains(&country));
        let class = match range.kind {
            RangeKind::Of(class) => class,
            RangeKind::Country | RangeKind::Reported if is_own => Class::Domestic,
            RangeKind::Country => Class::International,
            RangeKind::Reported => Class::Irsf,
        };
        Destination { class, country: range.country }
    }

    /// Whether it may be called.
    ///
    /// # Errors
    /// It may not.
    pub fn judge(&self, called: &str, country: Option<&Country>) -> Result<Destination, Blocked> {
        let Weighed { destination, outcome, .. } = self.weigh(called, country);
        outcome.map(|_| destination).map_err(|by| Blocked { by, destination })
    }

    /// The same with what decides. Where prefixes of the configuration fit, the longest does, a denied one before an
    /// allowed one of its length.
    pub fn weigh(&self, called: &str, country: Option<&Country>) -> Weighed<'_> {
        let dialled = dialled(called, country);
        let destination = self.of_dialled(&dialled);
        let weighed = |outcome, prefix| Weighed { destination, outcome, prefix };
        if let Dialled::Number(digits) = &dialled {
            let allowed = longest(&self.settings.allow_prefixes, digits);
            let denied = longest(&self.settings.deny_prefixes, digits);
            if denied.is_some() && denied.map(str::len) >= allowed.map(str::len) {
                return weighed(Err(BlockedBy::DenyPrefixes), denied);
            }
            if allowed.is_some() {
                return weighed(Ok(AllowedBy::AllowPrefixes), allowed);
            }
        }
        let by_class = || self.of_class(destination);
        weighed(if self.is_on() { by_class() } else { Ok(AllowedBy::GuardOff) }, None)
    }

    fn of_class(&self, Destination { class, country }: Destination) -> Result<AllowedBy, BlockedBy> {
        match class {
            Class::Domestic => Ok(AllowedBy::OwnCountry),
            Class::Freephone | Class::Code => Ok(AllowedBy::Costless),
            Class::International | Class::Irsf if self.allows(country) => Ok(AllowedBy::AllowCountries),
            Class::International | Class::Irsf => Err(BlockedBy::AllowCountries),
            Class::Unknown => Err(BlockedBy::AllowPrefixes),
            Class::Premium | Class::SharedCost | Class::Personal | Class::Satellite | Class::Global => {
                match (self.settings.allow_classes.has(class), country) {
                    (false, _) => Err(BlockedBy::AllowClasses),
                    (true, Some(_)) if !self.allows(country) => Err(BlockedBy::AllowCountries),
                    (true, _) => Ok(AllowedBy::AllowClasses),
                }
            }
        }
    }

    fn allows(&self, country: Option<Iso>) -> bool {
        country.is_some_and(|country| self.own.contains(&country) || self.settings.allow_countries.contains(&country))
    }
}

/// The longest of these prefixes that the digits begin with.
fn longest<'p>(prefixes: &'p [String], digits: &str) -> Option<&'p str> {
    let fits = |prefix: &&String| digits.starts_with(prefix.trim_start_matches('+'));
    prefixes.iter().filter(fits).map(String::as_str).max_by_key(|prefix| prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::number::country;

    fn guard(settings: FraudSettings) -> FraudGuard {
        FraudGuard::new(settings, country("DE"))
    }

    fn judged(guard: &FraudGuard, called: &str) -> Result<Class, (&'static str, Class)> {
        let judged = guard.judge(called, country("DE"));
        judged.map(|to| to.class).map_err(|blocked| (blocked.by.key(), blocked.destination.class))
    }

    #[test]
    fn by_default_home_is_allowed_and_abroad_is_not() {
        let guard = guard(FraudSettings::default());
        let countries = "fraud.allow_countries";
        let classes = "fraud.allow_classes";
        let table = [
            ("+4930123456", Ok(Class::Domestic)),
            ("+4915112345678", Ok(Class::Domestic)),
            ("+491801234567", Ok(Class::SharedCost)),
            ("+80012345678", Ok(Class::Freephone)),
            ("116117", Ok(Class::Code)),
            ("trunk-main", Ok(Class::Code)),
            ("+499001234567", Err((classes, Class::Premium))),
            ("+4970012345678", Err((classes, Class::Personal))),
            ("09001234567", Err((classes, Class::Premium))),
            ("+33123456789", Err((countries, Class::International))),
            ("0033123456789", Err((countries, Class::International))),
            ("+25261234567", Err((countries, Class::Irsf))),
            ("+12425551234", Err((countries, Class::International))),
            ("+18095551234", Err((countries, Class::Irsf))),
            ("+881612345678", Err((classes, Class::Satellite))),
            ("+88234567890", Err((classes, Class::Global))),
            ("+999123456", Err(("fraud.allow_prefixes", Class::Unknown))),
            (&"9".repeat(40), Err(("fraud.allow_prefixes", Class::Unknown))),
        ];
        for (called, expected) in table {
            assert_eq!(judged(&guard, called), expected, "{called}");
        }
    }

    #[test]
    fn a_country_that_is_named_is_allowed_but_not_its_premium_numbers() {
        let allow_countries = vec![Iso::parse("FR").unwrap(), Iso::parse("SO").unwrap()];
        let guard = guard(FraudSettings { allow_countries, ..FraudSettings::default() });
        assert_eq!(judged(&guard, "+33123456789"), Ok(Class::International));
        assert_eq!(judged(&guard, "+25261234567"), Ok(Class::Irsf));
        assert_eq!(judged(&guard, "+33899123456"), Err(("fraud.allow_classes", Class::Premium)));
        assert_eq!(judged(&guard, "+33820123456"), Ok(Class::SharedCost));
        assert_eq!(judged(&guard, "+41848123456"), Err(("fraud.allow_countries", Class::SharedCost)));
    }

    #[test]
    fn own_prefixes_decide_before_the_file_the_longest_first() {
        let prefixes = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let guard = guard(FraudSettings {
            allow_prefixes: prefixes(&["+3312", "+49900123"]),
            deny_prefixes: prefixes(&["+4932", "+33123", "+49900123"]),
            ..FraudSettings::default()
        });
        assert_eq!(judged(&guard, "+33124567890"), Ok(Class::International));
        let denied = "fraud.deny_prefixes";
        assert_eq!(judged(&guard, "+33123567890"), Err((denied, Class::International)));
        assert_eq!(judged(&guard, "+49321234567"), Err((denied, Class::Domestic)));
        assert_eq!(judged(&guard, "+499001234567"), Err((denied, Class::Premium)));
    }

    #[test]
    fn without_any_country_nothing_is_judged_but_what_is_named() {
        let guard = FraudGuard::new(FraudSettings::default(), None);
        assert!(!guard.is_on());
        assert_eq!(judged(&guard, "+88234567890"), Ok(Class::Global));
        let deny_prefixes = vec!["+882".to_owned()];
        let guard = FraudGuard::new(FraudSettings { deny_prefixes, ..FraudSettings::default() }, None);
        assert_eq!(judged(&guard, "+88234567890"), Err(("fraud.deny_prefixes", Class::Global)));
        assert_eq!(judged(&guard, "+25261234567"), Ok(Class::Irsf));
    }

    #[test]
    fn a_refusal_names_the_key_and_never_the_number() {
        let guard = guard(FraudSettings::default());
        let text = guard.judge("+33123456789", None).unwrap_err().to_string();
        assert!(text.contains("fraud.allow_countries") && text.contains("FR") && !text.contains("123456789"), "{text}");
        assert_eq!(Iso::parse("de"), Err("is no country code of two capital letters (ISO 3166)".to_owned()));
        assert!(Iso::known("QQ").is_err());
    }
}
