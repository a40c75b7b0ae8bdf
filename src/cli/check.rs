//! `trunkline check`: everything that is wrong with a configuration, at once.

use std::io::{self, Write};
use std::path::Path;

use crate::config::{Loaded, load_overridden};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    Accepted,
    Refused,
}

impl Checked {
    /// Exit code of the process (DESIGN 7): 0, or 78 for a configuration that is refused.
    pub const fn exit_code(self) -> u8 {
        match self {
            Checked::Accepted => 0,
            Checked::Refused => 78,
        }
    }
}

/// Checks the file and the files it names; writes what was found, and one line that sums it up.
///
/// # Errors
/// `out` cannot be written.
pub fn run(path: &Path, out: &mut dyn Write) -> io::Result<Checked> {
    run_overridden(path, None, out)
}

/// The same with a second file laid over the first.
///
/// # Errors
/// `out` cannot be written.
pub fn run_overridden(path: &Path, overriding: Option<&Path>, out: &mut dyn Write) -> io::Result<Checked> {
    match load_overridden(path, overriding) {
        Ok(loaded) => {
            write!(out, "{}", loaded.report)?;
            writeln!(out, "configuration OK: {}", summary(&loaded))?;
            Ok(Checked::Accepted)
        }
        Err(report) => {
            write!(out, "{report}")?;
            writeln!(out, "configuration refused: {}", counted(report.error_count(), "error"))?;
            Ok(Checked::Refused)
        }
    }
}

/// `2 listeners, 2 trunks, 2 routes`.
pub fn summary(loaded: &Loaded) -> String {
    let snapshot = &loaded.snapshot;
    let counts =
        [(snapshot.listeners.len(), "listener"), (snapshot.trunks.len(), "trunk"), (snapshot.route_count(), "route")];
    counts.map(|(count, noun)| counted(count, noun)).join(", ")
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_refused_with_the_configuration_exit_code() {
        let mut out = Vec::new();
        let checked = run(Path::new("/nonexistent/trunkline.toml"), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(checked.exit_code(), 78);
        assert!(text.starts_with("/nonexistent/trunkline.toml: cannot be read: "), "{text}");
        assert!(text.ends_with("configuration refused: 1 error\n"), "{text}");
    }
}
