//! A log line, which stays one line whatever text from outside stands in it.
//!
//! As JSON it is written straight into the line: a call writes one at its end, and building a map of values first cost a
//! tenth of all instructions of a call.
//!
//! `{"timestamp":"2026-11-21T08:51:18.449375Z","level":"INFO","message":"call ended",...,"target":"trunkline::..."}`

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::base::text::push_number;
use crate::daemon::clock;
use crate::store::wall;

/// Octets of a line that is not moved while it grows: the one of a call's end has some six hundred.
const USUAL: usize = 1024;

/// A line as JSON.
pub struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // One text to the end: what `writer` leads to is called once.
        let mut line = Vec::with_capacity(USUAL);
        line.extend_from_slice(b"{\"timestamp\":\"");
        wall::append_micros(&mut line, clock::since_1970());
        let mut line = String::from_utf8(line).unwrap_or_default();
        line.push_str("\",\"level\":\"");
        line.push_str(event.metadata().level().as_str());
        line.push('"');
        let mut fields = Fields { out: &mut line, outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        line.push_str(",\"target\":");
        quote(&mut line, event.metadata().target())?;
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

/// Writes each field as it comes.
struct Fields<'w> {
    out: &'w mut String,
    /// The first failure; nothing is written after it.
    outcome: fmt::Result,
}

impl Fields<'_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut String) -> fmt::Result) {
        if self.outcome.is_ok() {
            self.name(field.name());
            self.outcome = value(self.out);
        }
    }

    /// Names stand in source code: nothing in them is to be escaped.
    fn name(&mut self, name: &str) {
        self.out.push_str(",\"");
        self.out.push_str(name);
        self.out.push_str("\":");
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no other numbers.
        self.field(field, |out| if value.is_finite() { write!(out, "{value}") } else { out.write_str("null") });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |out| {
            push_number(out, value);
            Ok(())
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |out| out.write_str(if value { "true" } else { "false" }));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, |out| quote(out, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, |out| {
            out.write_char('"')?;
            write!(Escaped(out), "{value:?}")?;
            out.write_char('"')
        });
    }
}

fn quote(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    Escaped(out).write_str(text)?;
    out.write_char('"')
}

/// The inside of a JSON string (RFC 8259 section 7): no quote, backslash or control character goes through, so no
/// text of the network ends a string or a line.
struct Escaped<'w, W>(&'w mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // No early end: so the compiler looks at sixteen octets at a time.
        if !text.bytes().fold(false, |any, octet| any | may_be_special(octet)) {
            return self.0.write_str(text);
        }
        let ends = |c: char| matches!(c, '"' | '\\') || c.is_control();
        escape(self.0, text, ends, |out, special| match special {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            control => by_number(out, control),
        })
    }
}

/// Octets without which a text has nothing to escape; the second group of control characters (U+0080 to U+009F) begins
/// with 0xc2 in UTF-8. Most of a line is plain, and octets are looked at faster than characters.
const fn may_be_special(octet: u8) -> bool {
    matches!(octet, b'"' | b'\\' | 0..=0x1f | 0x7f | 0xc2)
}

/// A line of text.
pub struct TextLine<F>(pub F);

impl<S, N, F> FormatEvent<S, N> for TextLine<F>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        // What turns the direction of text would show a terminal another line than the one that was written.
        let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        escape(&mut writer, line.trim_end_matches('\n'), |c| c.is_control() || turns(c), by_number)?;
        writer.write_char('\n')
    }
}

/// Writes `text`, but each character that `is_special` as `shown` writes it.
fn escape<W: Write>(
    out: &mut W,
    text: &str,
    is_special: impl Fn(char) -> bool,
    shown: impl Fn(&mut W, char) -> fmt::Result,
) -> fmt::Result {
    let mut rest = text;
    while let Some(place) = rest.find(&is_special) {
        let (plain, tail) = rest.split_at(place);
        out.write_str(plain)?;
        let mut left = tail.chars();
        left.next().map_or(Ok(()), |special| shown(out, special))?;
        rest = left.as_str();
    }
    out.write_str(rest)
}

fn by_number(out: &mut impl Write, special: char) -> fmt::Result {
    write!(out, "\\u{:04x}", u32::from(special))
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;
    use tracing_subscriber::fmt::format;
    use tracing_subscriber::fmt::format::DefaultFields;

    use super::*;

    /// Where a test's lines go.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Each line of what was logged.
    pub fn lines_of<F>(format: F, log: impl FnOnce()) -> Vec<String>
    where
        F: FormatEvent<Registry, DefaultFields> + Send + Sync + 'static,
    {
        let lines = Lines::default();
        let writer = lines.clone();
        let builder = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false);
        tracing::subscriber::with_default(builder.event_format(format).finish(), log);
        let octets = lines.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap().lines().map(str::to_owned).collect()
    }

    fn line_of(log: impl FnOnce()) -> serde_json::Map<String, serde_json::Value> {
        let lines = lines_of(JsonLine, log);
        assert_eq!(lines.len(), 1, "{lines:?}");
        serde_json::from_str(&lines[0]).unwrap()
    }

    #[test]
    fn a_line_is_one_object_with_its_fields_in_it() {
        let line =
            line_of(|| tracing::info!(call = 7, from = %"carrier", talked_ms = Some(5u64), far = -1, "call ended"));
        assert_eq!(
            (&line["level"], &line["message"], &line["call"]),
            (&"INFO".into(), &"call ended".into(), &7.into())
        );
        assert_eq!((&line["from"], &line["talked_ms"], &line["far"]), (&"carrier".into(), &5.into(), &(-1).into()));
        assert_eq!(line["target"], module_path!());
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn hostile_text_stays_inside_its_string() {
        let hostile = "a\"b\\c\r\nd\u{1b}[2J\u{85}\u{7f}\t\u{0}é";
        let line = line_of(|| tracing::warn!(by = hostile, shown = %hostile, "x"));
        assert_eq!((&line["by"], &line["shown"]), (&hostile.into(), &hostile.into()));
    }

    #[test]
    fn numbers_that_json_has_not_are_null() {
        let line = line_of(|| tracing::info!(share = f64::NAN, load = 0.5, full = true, "x"));
        assert_eq!((&line["share"], &line["load"], &line["full"]), (&().into(), &0.5.into(), &true.into()));
    }

    #[test]
    fn hostile_text_stays_in_its_line_and_colours_nothing() {
        let hostile = "a\r\nERROR forged\u{1b}[2J\u{9b}31m\u{7f}\u{0}\u{202e}b";
        let line = TextLine(format().with_ansi(false));
        let lines = lines_of(line, || tracing::warn!(by = hostile, shown = %hostile, "x {hostile}"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(!lines[0].contains(|c: char| c.is_control() || c == '\u{202e}'), "{lines:?}");
    }
}
