//! A digit somebody presses. It may be part of a card number or a PIN: it never prints itself.

use std::fmt;

/// The keys in the order of their event codes (RFC 4733 table 7).
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// One of the sixteen DTMF keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

impl Digit {
    /// Every digit, in the order of the event codes.
    pub fn all() -> impl Iterator<Item = Digit> {
        (0..16).map(Digit)
    }

    /// The digit of an RFC 4733 event code, 0..=15. Flash (16) and all else is no digit.
    pub const fn from_event(event: u8) -> Option<Digit> {
        if event < 16 { Some(Digit(event)) } else { None }
    }

    /// The digit as it is written: `0` to `9`, `*`, `#`, `A` to `D` in either case.
    pub fn from_char(key: char) -> Option<Digit> {
        let place = KEYS.iter().position(|known| known.eq_ignore_ascii_case(&key))?;
        u8::try_from(place).ok().map(Digit)
    }

    /// Its RFC 4733 event code, 0..=15.
    pub const fn event(self) -> u8 {
        self.0
    }

    /// The digit as it is written on the wire. Not for logs.
    pub fn key(self) -> char {
        KEYS.get(usize::from(self.0)).copied().unwrap_or('0')
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(*)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_written_and_read_and_never_printed() {
        for digit in Digit::all() {
            assert_eq!(Digit::from_char(digit.key()), Some(digit));
            assert_eq!(Digit::from_event(digit.event()), Some(digit));
            assert_eq!(format!("{digit:?}"), "Digit(*)");
        }
        assert_eq!(Digit::from_char('d').map(Digit::event), Some(15));
        assert_eq!((Digit::from_char('x'), Digit::from_event(16)), (None, None));
    }
}
