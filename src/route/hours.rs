//! When a route is open: `mon-fri 08:00-18:00`, in the local time of its zone.

use super::time_zone::{LocalTime, TimeZone};
use crate::base::WallTime;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Windows of one route at most: one for each half hour of a week.
pub const WINDOWS: usize = 336;

/// Days of the week and a time of day. One that ends before it begins ends on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// One bit a day, Monday the lowest.
    days: u8,
    /// Minutes since midnight; the end itself is outside.
    from: u16,
    to: u16,
}

/// Windows of one zone; open in any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    pub zone: TimeZone,
    pub windows: Vec<Window>,
}

impl Hours {
    /// Whether a call may begin now.
    pub fn are_open(&self, now: WallTime) -> bool {
        let local = self.zone.local(now);
        self.windows.iter().any(|window| window.holds(local))
    }
}

impl Window {
    /// Reads `DAY[-DAY][,DAY...] HH:MM-HH:MM`; 24:00 ends a day.
    ///
    /// # Errors
    /// It is none; completes the sentence "VALUE ...".
    pub fn parse(text: &str) -> Result<Window, String> {
        read(text).ok_or_else(|| "is no window like \"mon-fri 08:00-18:00\" or \"sat,sun 22:00-06:00\"".to_owned())
    }

    fn holds(&self, local: LocalTime) -> bool {
        let is_on = |weekday: u8| self.days & (1 << (weekday % 7)) != 0;
        let (today, yesterday) = (is_on(local.weekday), is_on(local.weekday + 6));
        match self.from < self.to {
            true => today && (self.from..self.to).contains(&local.minute),
            false => (today && local.minute >= self.from) || (yesterday && local.minute < self.to),
        }
    }
}

fn read(text: &str) -> Option<Window> {
    let (days, times) = text.split_once(' ')?;
    let (from, to) = times.split_once('-')?;
    let days = days.split(',').map(day_bits).collect::<Option<Vec<u8>>>()?.into_iter().fold(0, |all, bits| all | bits);
    let (from, to) = (minute(from, 1439)?, minute(to, 1440)?);
    (from != to).then_some(Window { days, from, to })
}

/// The bits of `mon` or `fri-mon`.
fn day_bits(text: &str) -> Option<u8> {
    let place = |name: &str| DAYS.iter().position(|day| *day == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (place(first)?, place(last)?);
    let length = (last + 7 - first) % 7;
    Some((0..=length).fold(0, |bits, step| bits | (1 << ((first + step) % 7))))
}

fn minute(text: &str, most: u16) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two =
        |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2 && text.bytes().all(|o| o.is_ascii_digit()));
    let minute = two(hours)?.checked_mul(60)?.checked_add(two(minutes).filter(|minutes| *minutes < 60)?)?;
    (minute <= most).then_some(minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(window: &str, weekday: u8, time: &str) -> bool {
        Window::parse(window).unwrap().holds(LocalTime { weekday, minute: minute(time, 1439).unwrap() })
    }

    #[test]
    fn a_window_holds_its_beginning_and_not_its_end() {
        let table = [
            ("mon-fri 08:00-18:00", 0, "08:00", true),
            ("mon-fri 08:00-18:00", 4, "17:59", true),
            ("mon-fri 08:00-18:00", 4, "18:00", false),
            ("mon-fri 08:00-18:00", 5, "12:00", false),
            ("sat,sun 00:00-24:00", 6, "23:59", true),
            ("fri-mon 09:00-10:00", 6, "09:30", true),
            ("fri-mon 09:00-10:00", 2, "09:30", false),
            // Over midnight: the day is that of the beginning.
            ("fri 22:00-06:00", 4, "23:00", true),
            ("fri 22:00-06:00", 5, "05:59", true),
            ("fri 22:00-06:00", 5, "22:00", false),
            ("sun 22:00-06:00", 0, "01:00", true),
        ];
        for (window, weekday, time, expected) in table {
            assert_eq!(open(window, weekday, time), expected, "{window} on day {weekday} at {time}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for odd in
            ["", "mon", "mon 8:00-18:00", "mon 08:00-24:01", "mon 08:00-08:00", "day 08:00-09:00", "mon 08:60-09:00"]
        {
            assert!(Window::parse(odd).is_err(), "{odd}");
        }
    }
}
