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
        let count = text.chars().count();
        if count <= 6 {
            return f.write_str("***");
        }
        let head: String = text.chars().take(2).collect();
        let tail: String = text.chars().skip(count - 2).collect();
        write!(f, "{head}***{tail}")
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
    }
}
