//! Who fills the log: lines that name where something came from are limited by source and kind of line (S-L2), so that nobody
//! outside writes the operator's disk full, or hides behind his own noise. Lines of the process and of calls are not.

use std::fmt::{self, Debug};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::base::Instant;
use crate::base::bucket::{Bucket, Rate};
use crate::base::limits::LOG_SOURCES;
use crate::daemon::clock::Clock;
use crate::metrics::log::DROPS;
use crate::net::guard::{Recent, Source};

/// The field that names where something came from.
const SOURCE: &str = "remote";

/// Writes lines in the format of `line`, but those of a source that has had its share.
pub struct Limited<F> {
    line: F,
    /// `None`: no limit.
    quota: Option<Quota>,
}

impl<F> Limited<F> {
    /// `per_s`: `log.lines_per_s_per_source`; 0: no limit.
    pub fn new(line: F, per_s: u32) -> Limited<F> {
        Limited { line, quota: (per_s > 0).then(|| Quota::new(per_s)) }
    }
}

impl<S, N, F> FormatEvent<S, N> for Limited<F>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if self.quota.as_ref().is_some_and(|quota| !quota.has_room(event)) {
            DROPS.source.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.line.format_event(context, writer, event)
    }
}

/// A line of text that stays one line whatever text from outside stands in it.
pub struct OneLine<F>(pub F);

impl<S, N, F> FormatEvent<S, N> for OneLine<F>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        one_line(&line, &mut writer)
    }
}

/// Control characters, and what turns the direction of text, show as escapes; the last line end stays.
fn one_line(line: &str, writer: &mut Writer<'_>) -> fmt::Result {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut rest = line.trim_end_matches('\n');
    while let Some(place) = rest.find(|c: char| c.is_control() || turns(c)) {
        let (plain, tail) = rest.split_at(place);
        let mut left = tail.chars();
        writer.write_str(plain)?;
        left.next().map_or(Ok(()), |special| write!(writer, "\\u{:04x}", u32::from(special)))?;
        rest = left.as_str();
    }
    writer.write_str(rest)?;
    writer.write_char('\n')
}

/// What each source may write of each kind of line.
struct Quota {
    rate: Rate,
    clock: Clock,
    written: Mutex<Recent<(Identifier, Source), Bucket>>,
}

impl Quota {
    fn new(per_s: u32) -> Quota {
        let rate = Rate::new(per_s, per_s.saturating_mul(2));
        Quota { rate, clock: Clock::start(), written: Mutex::new(Recent::new(LOG_SOURCES)) }
    }

    fn has_room(&self, event: &Event<'_>) -> bool {
        let metadata = event.metadata();
        if metadata.fields().field(SOURCE).is_none() {
            return true;
        }
        let mut remote = Remote::default();
        event.record(&mut remote);
        remote.source.is_none_or(|source| self.takes(self.clock.instant(), (metadata.callsite(), source)))
    }

    fn takes(&self, now: Instant, key: (Identifier, Source)) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.entry(key, || Bucket::full(now, self.rate)).take(now, self.rate)
    }
}

/// Reads the source out of a line.
#[derive(Default)]
struct Remote {
    source: Option<Source>,
}

impl Visit for Remote {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == SOURCE {
            let text = format!("{value:?}");
            let address = text.parse::<SocketAddr>().map(|socket| socket.ip()).or_else(|_| text.parse::<IpAddr>());
            self.source = address.ok().map(Source::of);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing_subscriber::fmt::format;

    use super::*;

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

    fn lines_of(per_s: u32, log: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = Limited::new(OneLine(format().with_ansi(false)), per_s);
        let builder = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false);
        tracing::subscriber::with_default(builder.event_format(format).finish(), log);
        let octets = lines.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap().lines().map(str::to_owned).collect()
    }

    fn refused(remote: &str) {
        tracing::info!(%remote, "request refused");
    }

    #[test]
    fn a_source_has_its_share_of_each_kind_of_line_and_others_have_theirs() {
        let before = DROPS.source.load(Ordering::Relaxed);
        let lines = lines_of(1, || {
            for port in 0..50 {
                refused(&format!("192.0.2.1:{port}"));
                refused(&format!("[2001:db8::{port}]:5060"));
            }
            refused("192.0.2.2:5060");
            tracing::info!(remote = %"192.0.2.1:5060", "another kind");
        });
        let of = |wanted: &str| lines.iter().filter(|line| line.contains(wanted)).count();
        // Two at once; a second or two may pass on a machine that is busy.
        assert!((2..=10).contains(&of("refused remote=192.0.2.1:")), "{lines:?}");
        assert!((2..=10).contains(&of("refused remote=[2001:db8::")), "a /64 is one source: {lines:?}");
        assert_eq!((of("192.0.2.2:"), of("another kind")), (1, 1));
        assert!(DROPS.source.load(Ordering::Relaxed) - before >= 80);
    }

    #[test]
    fn lines_of_the_process_and_of_calls_are_not_limited() {
        assert_eq!(lines_of(1, || (0..100).for_each(|call| tracing::info!(call, "call ended"))).len(), 100);
        assert_eq!(lines_of(0, || (0..100).for_each(|_| refused("192.0.2.1:1"))).len(), 100);
    }

    #[test]
    fn hostile_text_stays_in_its_line_and_colours_nothing() {
        let hostile = "a\r\nERROR forged\u{1b}[2J\u{9b}31m\u{7f}\u{0}\u{202e}b";
        let lines = lines_of(0, || tracing::warn!(by = hostile, shown = %hostile, "x {hostile}"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(!lines[0].contains(|c: char| c.is_control() || c == '\u{202e}'), "{lines:?}");
    }
}
