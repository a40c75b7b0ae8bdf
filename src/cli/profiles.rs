//! `trunkline profiles [NAME]`: what is known about a kind of peer.

use std::io::{self, Write};

use crate::config::profile;
use crate::route::profile::{profile_names, profile_text};

/// Whether a profile was asked for that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Found,
    Unknown,
}

impl Shown {
    /// Exit code of the process (DESIGN 7): 0, or 64 for a name that does not exist.
    pub const fn exit_code(self) -> u8 {
        match self {
            Shown::Found => 0,
            Shown::Unknown => 64,
        }
    }
}

/// Without a name, one line for each profile; with one, its commented text.
///
/// # Errors
/// `out` cannot be written.
pub fn run(name: Option<&str>, out: &mut dyn Write) -> io::Result<Shown> {
    match name {
        None => list(out),
        Some(name) => match profile_text(name) {
            Some(text) => out.write_all(text.as_bytes()).map(|()| Shown::Found),
            None => {
                writeln!(out, "no such profile; there are {}", profile_names().collect::<Vec<_>>().join(", "))?;
                Ok(Shown::Unknown)
            }
        },
    }
}

fn list(out: &mut dyn Write) -> io::Result<Shown> {
    let width = profile_names().map(str::len).max().unwrap_or_default();
    for name in profile_names() {
        let description = profile(name).map(|profile| profile.description).unwrap_or_default();
        writeln!(out, "{name:width$}  {description}")?;
    }
    Ok(Shown::Found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: Option<&str>) -> (Shown, String) {
        let mut out = Vec::new();
        let shown = run(name, &mut out).unwrap();
        (shown, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_list_has_one_line_for_each_profile() {
        let (found, text) = shown(None);
        assert_eq!((found, text.lines().count()), (Shown::Found, profile_names().count()));
        assert!(text.contains("A platform or PBX over TLS"), "{text}");
    }

    #[test]
    fn a_profile_is_printed_with_its_comments() {
        assert!(shown(Some("carrier-ip")).1.contains("# Seconds between our OPTIONS"));
    }

    #[test]
    fn an_unknown_name_is_a_usage_error_that_lists_the_known_ones() {
        let (found, text) = shown(Some("nobody"));
        assert_eq!(found.exit_code(), 64);
        assert!(text.contains("carrier-ip, carrier-register"), "{text}");
    }
}
