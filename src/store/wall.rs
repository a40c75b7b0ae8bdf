//! Civil time as text: RFC 3339 in UTC (PV-55).

use std::time::Duration;

use crate::base::WallTime;
use crate::base::text::append_number;

const DAY_S: u64 = 86_400;

/// `2026-11-21T06:10:45.120Z`.
pub fn text(time: WallTime) -> String {
    let mut out = Vec::with_capacity("2026-11-21T06:10:45.120Z".len());
    append(&mut out, time);
    ascii(out)
}

/// Appends `2026-11-21T06:10:45.120Z`.
pub fn append(out: &mut Vec<u8>, time: WallTime) {
    append_second(out, time.0 / 1000);
    let milli = time.0 % 1000;
    let [tens, ones] = two(milli);
    out.extend_from_slice(&[b'.', digit(milli / 100), tens, ones, b'Z']);
}

/// Appends `2026-11-21T06:10:45.120345Z`.
pub fn append_micros(out: &mut Vec<u8>, since_1970: Duration) {
    append_second(out, since_1970.as_secs());
    let micro = u64::from(since_1970.subsec_micros());
    let [[a, b], [c, d], [e, f]] = [micro / 10_000, micro / 100, micro].map(two);
    out.extend_from_slice(&[b'.', a, b, c, d, e, f, b'Z']);
}

/// `2026-11-21T06:10:45`
fn append_second(out: &mut Vec<u8>, seconds: u64) {
    let (days, rest) = (seconds / DAY_S, seconds % DAY_S);
    append_date(out, days);
    let [[a, b], [c, d], [e, f]] = [rest / 3600, rest / 60 % 60, rest % 60].map(two);
    out.extend_from_slice(&[b'T', a, b, b':', c, d, b':', e, f]);
}

/// `2026-11-21`.
pub fn day(time: WallTime) -> String {
    date(time.0 / 1000 / DAY_S)
}

fn date(days: u64) -> String {
    let mut out = Vec::with_capacity("2026-11-21".len());
    append_date(&mut out, days);
    ascii(out)
}

/// The proleptic Gregorian date of a day since 1970-01-01: whole 400-year eras of 146,097 days, years that begin in March.
fn append_date(out: &mut Vec<u8>, days: u64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    if year > 9999 {
        // No calendar of ours goes there; what a broken clock says is written all the same.
        append_number(out, year / 100);
    } else {
        out.extend_from_slice(&two(year / 100));
    }
    let [[a, b], [c, d], [e, f]] = [year, month, day].map(two);
    out.extend_from_slice(&[a, b, b'-', c, d, b'-', e, f]);
}

/// The last two digits of a number. A record has four times in it, and the formatter of the standard library costs a
/// hundred instructions for each number.
fn two(number: u64) -> [u8; 2] {
    [digit(number / 10), digit(number)]
}

fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or_default()
}

/// Digits and marks are always text.
fn ascii(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap_or_default()
}

/// Reads RFC 3339 with `Z` or an offset, from 1970 on. `None`: not that.
pub fn parse(text: &str) -> Option<WallTime> {
    let (date, clock) = text.split_once(['T', 't'])?;
    let days = days_of(date)?;
    let (clock, offset) = split_offset(clock)?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(whole, ':')?;
    if hour > 23 || minute > 59 || second > 60 || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let minutes = i64::try_from(days * 1440 + hour * 60 + minute).ok()?.checked_sub(offset)?;
    let seconds = u64::try_from(minutes).ok()?.checked_mul(60)?.checked_add(second)?;
    Some(WallTime(seconds.checked_mul(1000)?.checked_add(millis.parse().ok()?)?))
}

fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = clock.rfind(['+', '-'])?;
    let (clock, offset) = clock.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers(offset.get(1..)?, ':')?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some((clock, sign * i64::try_from(hours * 60 + minutes).ok()?))
}

/// Days since 1970-01-01 of an existing day.
fn days_of(text: &str) -> Option<u64> {
    let [year, month, day] = numbers(text, '-')?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (from_march, year) = if month > 2 { (month - 3, year) } else { (month + 9, year - 1) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)?;
    // The 31st of a month of thirty days comes back as the first of the next.
    (date(days) == text).then_some(days)
}

fn numbers<const N: usize>(text: &str, mark: char) -> Option<[u64; N]> {
    let parts: Option<Vec<u64>> = text
        .split(mark)
        .map(|part| {
            let fits = (2..=4).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
            fits.then(|| part.parse().ok()).flatten()
        })
        .collect();
    parts?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_and_read_back() {
        for (millis, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (4_102_444_800_123, "2100-01-01T00:00:00.123Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text(WallTime(millis)), shown);
            let mut micros = Vec::new();
            append_micros(&mut micros, Duration::from_micros(millis * 1000 + 7));
            assert_eq!(ascii(micros), format!("{}007Z", shown.trim_end_matches('Z')));
            assert_eq!(parse(shown), Some(WallTime(millis)));
        }
    }

    #[test]
    fn a_clock_beyond_all_calendars_is_written_too() {
        assert_eq!(text(WallTime(253_402_300_800_000)), "10000-01-01T00:00:00.000Z");
    }

    #[test]
    fn an_offset_is_taken_off_and_nonsense_refused() {
        assert_eq!(parse("2000-03-01T02:00:00+02:00"), Some(WallTime(951_868_800_000)));
        for bad in ["2001-02-29T00:00:00Z", "2001-01-01", "2001-01-01T25:00:00Z", "2001-01-01T00:00:00", "x", "T"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
