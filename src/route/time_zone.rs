//! Local time for routes, without a data base of zones: a zone is its offset and its rule for summer time, as POSIX.1
//! writes them (`CET-1CEST,M3.5.0,M10.5.0/3`), or one of a few names that stand for such a rule. The rule in force today
//! is taken for every year.

use crate::base::WallTime;

const DAY_S: i64 = 86_400;

/// Names that stand for a rule.
const NAMES: [(&str, &str); 34] = [
    ("UTC", "UTC0"),
    ("Europe/London", "GMT0BST,M3.5.0/1,M10.5.0"),
    ("Europe/Dublin", "GMT0IST,M3.5.0/1,M10.5.0"),
    ("Europe/Lisbon", "WET0WEST,M3.5.0/1,M10.5.0"),
    ("Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Paris", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Madrid", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Rome", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Vienna", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Zurich", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Amsterdam", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Brussels", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Copenhagen", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Oslo", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Stockholm", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Warsaw", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Prague", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("Europe/Helsinki", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Athens", "EET-2EEST,M3.5.0/3,M10.5.0/4"),
    ("Europe/Istanbul", "TRT-3"),
    ("America/New_York", "EST5EDT,M3.2.0,M11.1.0"),
    ("America/Toronto", "EST5EDT,M3.2.0,M11.1.0"),
    ("America/Chicago", "CST6CDT,M3.2.0,M11.1.0"),
    ("America/Denver", "MST7MDT,M3.2.0,M11.1.0"),
    ("America/Phoenix", "MST7"),
    ("America/Los_Angeles", "PST8PDT,M3.2.0,M11.1.0"),
    ("America/Sao_Paulo", "BRT3"),
    ("Asia/Tokyo", "JST-9"),
    ("Asia/Singapore", "SGT-8"),
    ("Asia/Hong_Kong", "HKT-8"),
    ("Asia/Kolkata", "IST-5:30"),
    ("Asia/Dubai", "GST-4"),
    ("Australia/Sydney", "AEST-10AEDT,M10.1.0,M4.1.0/3"),
    ("Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"),
];

/// A zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeZone {
    /// Seconds east of UTC.
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Summer {
    /// Seconds east of UTC.
    offset: i64,
    begins: Turn,
    ends: Turn,
}

/// When the clocks turn: `Mmonth.week.day/time`, in the local time that ends then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    month: i64,
    /// 1 to 5; 5: the last.
    week: i64,
    /// 0: Sunday.
    day: i64,
    /// Seconds after midnight.
    time: i64,
}

/// A moment as clocks on the wall show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// 0: Monday.
    pub weekday: u8,
    /// Since midnight.
    pub minute: u16,
}

impl TimeZone {
    /// Reads a name, or a rule as POSIX.1 writes it (8.3, with days as `M`).
    ///
    /// # Errors
    /// It is neither; completes the sentence "VALUE ...".
    pub fn parse(text: &str) -> Result<TimeZone, String> {
        let rule = NAMES.iter().find(|(name, _)| *name == text).map_or(text, |(_, rule)| rule);
        read(rule).ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            let form = "no rule like CET-1CEST,M3.5.0,M10.5.0/3";
            format!("is {form} and none of the names known: {}", names.join(", "))
        })
    }

    /// The names that are known.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// What clocks show there.
    pub fn local(&self, now: WallTime) -> LocalTime {
        let utc = i64::try_from(now.0 / 1000).unwrap_or_default();
        let local = utc.saturating_add(self.offset(utc));
        // 1970-01-01 was a Thursday.
        let weekday = local.div_euclid(DAY_S).saturating_add(3).rem_euclid(7);
        let minute = local.rem_euclid(DAY_S) / 60;
        LocalTime { weekday: u8::try_from(weekday).unwrap_or(0), minute: u16::try_from(minute).unwrap_or(0) }
    }

    fn offset(&self, utc: i64) -> i64 {
        let Some(summer) = &self.summer else { return self.standard };
        let year = year_of(utc.saturating_add(self.standard).div_euclid(DAY_S));
        let begins = summer.begins.in_year(year).saturating_sub(self.standard);
        let ends = summer.ends.in_year(year).saturating_sub(summer.offset);
        let is_summer = match begins < ends {
            true => (begins..ends).contains(&utc),
            // South of the equator it lasts over the turn of the year.
            false => !(ends..begins).contains(&utc),
        };
        if is_summer { summer.offset } else { self.standard }
    }
}

impl Turn {
    /// Seconds since 1970 of local time.
    fn in_year(&self, year: i64) -> i64 {
        let first = days_before(year, self.month);
        // Days since 1970-01-01 count from a Thursday.
        let weekday = first.saturating_add(4).rem_euclid(7);
        let ahead = self.day.saturating_sub(weekday).rem_euclid(7);
        let length = days_before(year + self.month / 12, self.month % 12 + 1).saturating_sub(first);
        let mut day = ahead.saturating_add((self.week.saturating_sub(1)).saturating_mul(7));
        while day >= length {
            day -= 7;
        }
        first.saturating_add(day).saturating_mul(DAY_S).saturating_add(self.time)
    }
}

/// Days from 1970-01-01 to the first of a month (1 to 12), in the Gregorian calendar.
fn days_before(year: i64, month: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leaps = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let is_leap = leaps(year) > leaps(year - 1);
    let own = usize::try_from(month - 1).ok().and_then(|month| BEFORE.get(month)).copied().unwrap_or_default();
    let whole = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    whole + own + i64::from(is_leap && month > 2)
}

/// The year of a day since 1970-01-01.
fn year_of(day: i64) -> i64 {
    // Never more than one off: the mean year of the Gregorian calendar is 146097/400 days.
    let near = 1970 + day.saturating_mul(400).div_euclid(146_097);
    let candidates = [near + 1, near, near - 1];
    candidates.into_iter().find(|year| days_before(*year, 1) <= day).unwrap_or(near)
}

fn read(rule: &str) -> Option<TimeZone> {
    let (zone, turns) = rule.split_once(',').map_or((rule, None), |(zone, turns)| (zone, Some(turns)));
    let zone = letters(zone)?;
    let (standard, rest) = offset(zone)?;
    let Some(turns) = turns else { return rest.is_empty().then_some(TimeZone { standard, summer: None }) };
    let rest = letters(rest)?;
    let summer = match rest.is_empty() {
        true => standard + 3600,
        false => offset(rest).filter(|(_, rest)| rest.is_empty())?.0,
    };
    let (begins, ends) = turns.split_once(',')?;
    Some(TimeZone { standard, summer: Some(Summer { offset: summer, begins: turn(begins)?, ends: turn(ends)? }) })
}

/// What follows an abbreviation of three letters and more.
fn letters(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    (text.len() >= rest.len() + 3).then_some(rest)
}

/// `[+-]hh[:mm]` west of UTC, and what follows.
fn offset(text: &str) -> Option<(i64, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != ':').unwrap_or(text.len());
    let (written, rest) = text.split_at_checked(end)?;
    Some((sign * clock(written, 24)?, rest))
}

/// `hh[:mm]` in seconds.
fn clock(text: &str, most: i64) -> Option<i64> {
    let (hours, minutes) = text.split_once(':').unwrap_or((text, "0"));
    let number = |text: &str, most: i64| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse::<i64>().ok().filter(|value| digits && *value <= most)
    };
    Some(number(hours, most)? * 3600 + number(minutes, 59)? * 60)
}

/// `Mm.w.d[/time]`; two in the morning unless it says otherwise.
fn turn(text: &str) -> Option<Turn> {
    let (date, time) = text.split_once('/').unwrap_or((text, "2"));
    let mut parts = date.strip_prefix('M')?.split('.').map(|part| part.parse::<i64>().ok());
    let mut part = |range: std::ops::RangeInclusive<i64>| parts.next()?.filter(|value| range.contains(value));
    let turn = Turn { month: part(1..=12)?, week: part(1..=5)?, day: part(0..=6)?, time: clock(time, 24)? };
    parts.next().is_none().then_some(turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: &str, utc_s: u64) -> (u8, u16) {
        let local = TimeZone::parse(zone).unwrap().local(WallTime(utc_s * 1000));
        (local.weekday, local.minute)
    }

    #[test]
    fn clocks_turn_on_the_second_that_the_rule_names() {
        // 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC are the turns of central Europe, both on a Sunday.
        assert_eq!(at("Europe/Berlin", 1_774_745_999), (6, 119));
        assert_eq!(at("Europe/Berlin", 1_774_746_000), (6, 180));
        assert_eq!(at("Europe/Berlin", 1_792_889_999), (6, 179));
        assert_eq!(at("Europe/Berlin", 1_792_890_000), (6, 120));
    }

    #[test]
    fn summer_south_of_the_equator_lasts_over_new_year() {
        // 2026-01-01 00:00 UTC: 11:00 on a Thursday in summer; 2026-07-01 00:00 UTC: 10:00 on a Wednesday in winter.
        assert_eq!(at("Australia/Sydney", 1_767_225_600), (3, 11 * 60));
        assert_eq!(at("Australia/Sydney", 1_782_864_000), (2, 10 * 60));
    }

    #[test]
    fn zones_without_summer_keep_their_offset() {
        // 2024-02-29 23:59:59 UTC, the last second of a leap day, a Thursday.
        let leap = 1_709_251_199;
        assert_eq!(at("UTC", leap), (3, 1439));
        assert_eq!(at("Asia/Kolkata", leap), (4, 5 * 60 + 29));
        assert_eq!(at("America/Phoenix", leap), (3, 16 * 60 + 59));
        assert_eq!(at("UTC", 0), (3, 0), "1970-01-01 was a Thursday");
    }

    #[test]
    fn every_name_stands_for_a_rule_and_odd_texts_for_none() {
        for (name, _) in NAMES {
            assert!(TimeZone::parse(name).is_ok(), "{name}");
        }
        for odd in
            ["", "Mars/Olympus", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-25", "CET-1CEST,M13.5.0,M10.5.0", "C-1"]
        {
            assert!(TimeZone::parse(odd).is_err(), "{odd}");
        }
    }
}
