//! The shipped file of prefixes, read once: `config/fraud/ranges.tsv` names its sources and classes.

use std::sync::OnceLock;

use super::class::Class;
use super::guard::Iso;

const TEXT: &str = include_str!("../../../config/fraud/ranges.tsv");
/// What is known of numbers that begin so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub prefix: &'static str,
    pub kind: RangeKind,
    /// `None`: of no country.
    pub country: Option<Iso>,
}

/// Its class, before it is known whose own country it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RangeKind {
    /// A country, or a part of one.
    Country,
    /// The same, named in reports of fraud.
    Reported,
    /// [`Class::DEAR`] or [`Class::Freephone`].
    Of(Class),
}

/// Every prefix, in order, each with the place of the longest one it begins with itself.
#[derive(Debug)]
pub(super) struct Ranges(Vec<(Range, Option<usize>)>);

impl Ranges {
    /// Those of the file. A line that cannot be read would be left out; a test finds none.
    pub fn shipped() -> &'static Ranges {
        static RANGES: OnceLock<Ranges> = OnceLock::new();
        RANGES.get_or_init(|| {
            let mut ranges: Vec<Range> = lines().filter_map(range).collect();
            ranges.sort_unstable_by_key(|range| range.prefix);
            let begins = |place: usize, range: &Range| {
                let before = ranges.get(..place).unwrap_or_default();
                before.iter().rposition(|shorter| range.prefix.starts_with(shorter.prefix))
            };
            Ranges(ranges.iter().enumerate().map(|(place, range)| (*range, begins(place, range))).collect())
        })
    }

    /// The longest prefix of these digits that is known. One search: what stands between that prefix and the digits, in
    /// the order of text, begins with it too.
    pub fn find(&self, digits: &str) -> Option<&Range> {
        let mut place = self.0.partition_point(|(range, _)| range.prefix <= digits).checked_sub(1);
        loop {
            let (range, shorter) = self.0.get(place?)?;
            if digits.starts_with(range.prefix) {
                return Some(range);
            }
            place = *shorter;
        }
    }

    /// Whether the file knows this country.
    pub fn knows(&self, country: Iso) -> bool {
        self.0.iter().any(|(range, _)| range.country == Some(country))
    }
}

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn range(line: &'static str) -> Option<Range> {
    let mut columns = line.split('\t');
    let (prefix, kind, country) = (columns.next()?, columns.next()?, columns.next()?);
    let kind = match kind {
        "country" => RangeKind::Country,
        "irsf" => RangeKind::Reported,
        name => RangeKind::Of(Class::ALL.into_iter().find(|class| class.name() == name)?),
    };
    Some(Range { prefix: prefix.strip_prefix('+')?, kind, country: Iso::parse(country).ok() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::number::Country;

    /// Digits of a prefix at most.
    const PREFIX_DIGITS: usize = 8;

    #[test]
    fn every_line_of_the_file_is_read_and_no_prefix_stands_twice() {
        let ranges = &Ranges::shipped().0;
        assert_eq!(ranges.len(), lines().count());
        assert!(ranges.windows(2).all(|pair| pair[0].0.prefix < pair[1].0.prefix));
        for (range, _) in ranges {
            assert!((1..=PREFIX_DIGITS).contains(&range.prefix.len()), "{range:?}");
            assert!(range.prefix.bytes().all(|octet| octet.is_ascii_digit()) && !range.prefix.starts_with('0'));
            let of = matches!(range.kind, RangeKind::Country | RangeKind::Reported);
            assert!(!of || range.country.is_some(), "{range:?}");
            let RangeKind::Of(class) = range.kind else { continue };
            assert!(Class::DEAR.contains(&class) || class == Class::Freephone, "{range:?}");
        }
    }

    #[test]
    fn every_country_with_a_numbering_plan_is_found_by_its_calling_code() {
        for country in Country::all() {
            let iso = Iso::parse(country.iso).unwrap();
            assert!(Ranges::shipped().knows(iso), "{}", country.iso);
            // These share +1 or +7 with a larger country and have areas of it.
            if !["CA", "DO", "KZ", "PR"].contains(&country.iso) {
                assert_eq!(Ranges::shipped().find(country.calling_code).unwrap().country, Some(iso), "{}", country.iso);
            }
        }
    }

    #[test]
    fn the_longest_prefix_decides() {
        let found = |digits: &str| {
            let range = Ranges::shipped().find(digits).unwrap();
            (range.prefix, range.kind)
        };
        assert_eq!(found("4930123456"), ("49", RangeKind::Country));
        assert_eq!(found("499001234567"), ("49900", RangeKind::Of(Class::Premium)));
        assert_eq!(found("447012345678"), ("4470", RangeKind::Of(Class::Personal)));
        assert_eq!(found("12425551234").0, "1242");
        assert_eq!(found("88234567890"), ("882", RangeKind::Of(Class::Global)));
        assert_eq!(found("881612345678"), ("881", RangeKind::Of(Class::Satellite)));
        assert!(Ranges::shipped().find("999123").is_none() && Ranges::shipped().find("").is_none());
    }

    #[test]
    fn digits_behind_a_longer_prefix_that_is_not_theirs_find_the_shorter_one() {
        let ranges = Ranges::shipped();
        for (range, _) in &ranges.0 {
            for digits in [format!("{}0", range.prefix), format!("{}9999999", range.prefix), range.prefix.to_owned()] {
                let fits = ranges.0.iter().map(|(range, _)| range).filter(|range| digits.starts_with(range.prefix));
                assert_eq!(ranges.find(&digits), fits.max_by_key(|range| range.prefix.len()), "{digits}");
            }
        }
    }
}
