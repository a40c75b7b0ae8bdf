//! Values about people (numbers, names): shown whole in records, shortened in logs.

use std::fmt;

/// Wraps a text about a person. `Debug` and `Display` keep the first and last two characters of long values.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Takes the value in.
    pub const fn new(value: T) -> Self {
        Pii(value)
    }

    /// The value itself, for records and for the wire.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<str>> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        // Where the third character begins, and where the last but one does.
        let ends = text.char_indices().nth(2).zip(text.char_indices().nth_back(1));
        let (head, tail) = match ends {
            Some(((head, _), (tail, _))) if text.chars().nth(6).is_some() => (text.get(..head), text.get(tail..)),
            Some(_) | None => (None, None),
        };
        f.write_str(head.unwrap_or_default())?;
        f.write_str("***")?;
        f.write_str(tail.unwrap_or_default())
    }
}

impl<T: AsRef<str>> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_number_is_hidden() {
        assert_eq!(Pii::new("+4930123456").to_string(), "+4***56");
        assert_eq!(format!("{:?}", Pii::new("112")), "***");
        assert_eq!(Pii::new("äöüäöüä").to_string(), "äö***üä");
        for short in ["", "1", "12", "123456", "äöüäöü"] {
            assert_eq!(Pii::new(short).to_string(), "***", "{short}");
        }
    }
}
