//! Names of accounts on a platform: `label.base` (MD-59, MD-61, PF-14, PF-15, PV-77).

use std::fmt;

/// Characters of a whole name at most: the platform's directory refuses longer ones (PF-15).
pub const DERIVED_CHARACTERS: usize = 48;
/// Characters between two dots at most (RFC 1035 2.3.4, MD-61).
pub const LABEL_CHARACTERS: usize = 63;

/// Why a text is no name of an account. Completes the sentence "the name ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadHost {
    /// Longer than [`DERIVED_CHARACTERS`], with how long it is.
    TooLong(usize),
    /// A part longer than [`LABEL_CHARACTERS`], with how long it is.
    LongLabel(usize),
    /// A part that is empty, begins or ends with a hyphen, or holds something else than letters, digits and hyphens.
    Label,
    /// Fewer than two parts.
    Bare,
}

impl fmt::Display for BadHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadHost::TooLong(count) => {
                write!(f, "has {count} characters; a name on a platform has at most {DERIVED_CHARACTERS}")
            }
            BadHost::LongLabel(count) => {
                write!(f, "has a part of {count} characters; between two dots at most {LABEL_CHARACTERS} are possible")
            }
            BadHost::Label => f.write_str("has a part that is not letters, digits and inner hyphens"),
            BadHost::Bare => f.write_str("is no full name; a dot is missing"),
        }
    }
}

impl std::error::Error for BadHost {}

/// Whether a text can stand left of the base name: letters, digits, inner hyphens; an underscore is tolerated (MD-61).
pub fn is_label(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    (1..=LABEL_CHARACTERS).contains(&text.len())
        && text.bytes().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The name of an account, in lower case.
///
/// # Errors
/// It is too long, or no name.
pub fn derived(name: &str) -> Result<String, BadHost> {
    let longest = name.split('.').map(str::len).max().unwrap_or_default();
    if longest > LABEL_CHARACTERS {
        return Err(BadHost::LongLabel(longest));
    }
    if name.len() > DERIVED_CHARACTERS {
        return Err(BadHost::TooLong(name.len()));
    }
    let (first, base) = name.split_once('.').ok_or(BadHost::Bare)?;
    let plain = |label: &str| is_label(label) && !label.contains('_');
    match is_label(first) && base.split('.').all(plain) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(BadHost::Label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_48_characters_and_a_part_63() {
        let base = "sbc1.customers.example.com";
        let name = |label: usize| format!("{}.{base}", "a".repeat(label));
        let table = [
            (name(21), Ok(48)),
            (name(22), Err(BadHost::TooLong(49))),
            (name(63), Err(BadHost::TooLong(90))),
            (name(64), Err(BadHost::LongLabel(64))),
            ("ACME.sbc1.example.com".to_owned(), Ok(21)),
            ("ac_me-1.sbc1.example.com".to_owned(), Ok(24)),
            ("acme.sb_c1.example.com".to_owned(), Err(BadHost::Label)),
            ("-acme.sbc1.example.com".to_owned(), Err(BadHost::Label)),
            ("acme-.sbc1.example.com".to_owned(), Err(BadHost::Label)),
            ("acme..example.com".to_owned(), Err(BadHost::Label)),
            ("acme.example.com.".to_owned(), Err(BadHost::Label)),
            ("*.sbc1.example.com".to_owned(), Err(BadHost::Label)),
            ("\u{e4}cme.example.com".to_owned(), Err(BadHost::Label)),
            ("acme".to_owned(), Err(BadHost::Bare)),
            (String::new(), Err(BadHost::Bare)),
        ];
        for (name, expected) in table {
            assert_eq!(derived(&name).map(|name| name.len()), expected, "{name}");
        }
    }

    #[test]
    fn a_name_is_one_in_any_case() {
        assert_eq!(derived("ACME.Sbc1.Example.com").unwrap(), "acme.sbc1.example.com");
    }
}
