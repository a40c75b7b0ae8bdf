//! Who fills the log: lines that name where something came from are limited by source and kind of line (S-L2), so that
//! nobody outside writes the operator's disk full, or hides behind his own noise. Lines of the process and of calls are
//! not.

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
use crate::base::bounds::Bound;
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

/// What each source may write of each kind of line.
struct Quota {
    rate: Rate,
    clock: Clock,
    written: Mutex<Recent<(Identifier, Source), Bucket>>,
}

impl Quota {
    fn new(per_s: u32) -> Quota {
        let rate = Rate::new(per_s, per_s.saturating_mul(2));
        Quota { rate, clock: Clock::start(), written: Mutex::new(Recent::new(LOG_SOURCES, Bound::LogSources)) }
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
    use tracing_subscriber::fmt::format;

    use super::*;
    use crate::daemon::log_line::TextLine;
    use crate::daemon::log_line::tests::lines_of;

    fn lines_limited(per_s: u32, log: impl FnOnce()) -> Vec<String> {
        lines_of(Limited::new(TextLine(format().with_ansi(false)), per_s), log)
    }

    fn refused(remote: &str) {
        tracing::info!(%remote, "request refused");
    }

    #[test]
    fn a_source_has_its_share_of_each_kind_of_line_and_others_have_theirs() {
        let before = DROPS.source.load(Ordering::Relaxed);
        let lines = lines_limited(1, || {
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
        assert_eq!(lines_limited(1, || (0..100).for_each(|call| tracing::info!(call, "call ended"))).len(), 100);
        assert_eq!(lines_limited(0, || (0..100).for_each(|_| refused("192.0.2.1:1"))).len(), 100);
    }
}
