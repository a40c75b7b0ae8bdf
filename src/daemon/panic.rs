//! A panic is a defect of the highest class. It ends the process: a daemon that lost a thread but still holds its
//! ports is worse than none, because nothing starts in its place.

use std::io::Write;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::logging;

/// Logs a panic of any thread with its place, and ends the process with `code`.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "a panic on any thread must not be survived")]
pub fn end_on_panic(code: i32) {
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(String::new, ToString::to_string);
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(|text| harmless(text))).unwrap_or("no text");
        tracing::error!(%place, %thread, text, "panic; the process ends");
        logging::flush();
        // Where nobody can be told, the code still says it.
        let _ = writeln!(std::io::stderr(), "trunkline: internal error in thread {thread} at {place}: {text}");
        std::process::exit(code);
    }));
}

/// A panic's text without the values that it may show: what was unwrapped, what two sides of an assertion were, the
/// string that was cut inside a character (S-L1).
fn harmless(text: &str) -> &str {
    let ends = ["\n", "value: ", " of `"].into_iter().filter_map(|mark| Some(text.find(mark)? + mark.trim_end().len()));
    ends.min().and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Whatever ends the process, its memory stays out of files: the keys of calls and certificates are in it (S-L1).
pub fn leave_no_core() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "a crash would write the memory of the process, keys included, to a core file");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the standard library writes.
    #[test]
    fn a_panic_shows_no_value() {
        for (text, shown) in [
            (
                "called `Result::unwrap()` on an `Err` value: Key(\"secret\")",
                "called `Result::unwrap()` on an `Err` value:",
            ),
            ("assertion `left == right` failed: keys\n  left: \"secret\"", "assertion `left == right` failed: keys"),
            (
                "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of `secret`",
                "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of `",
            ),
            (
                "index out of bounds: the len is 3 but the index is 7",
                "index out of bounds: the len is 3 but the index is 7",
            ),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }
}
