//! Logs: one line each, to standard error, as JSON or text. `TRUNKLINE_LOG` overrides the level of the file; the control
//! socket changes it while the daemon runs.

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::EnvFilter;

use super::log_line::{JsonLine, TextLine};
use super::log_quota::Limited;
use super::log_sink::LogSink;
use crate::config::settings::{LogFormat, LogSettings};

/// The variable that overrides `log.level` (a filter of `tracing`: `debug`, `trunkline::net=trace,info`).
const VARIABLE: &str = "TRUNKLINE_LOG";
/// Libraries whose own news are of no use to an operator.
const QUIET: &str = "hickory_resolver=warn,hickory_net=warn,hickory_proto=warn,rustls=error";

/// The log of the process: it is started once, and has one level.
struct Log {
    exchange: Box<dyn Fn(EnvFilter) -> bool + Send + Sync>,
    level: Mutex<String>,
    sink: LogSink,
}

static LOG: OnceLock<Log> = OnceLock::new();

/// Starts logging. Later calls do nothing: the first wins.
pub fn start(settings: LogSettings) {
    let level = std::env::var(VARIABLE).unwrap_or_else(|_| settings.level.as_str().to_owned());
    let (level, filter, bad) = match filter(&level) {
        Ok(filter) => (level, filter, None),
        Err(error) => (settings.level.as_str().to_owned(), EnvFilter::new(settings.level.as_str()), Some(error)),
    };
    let (sink, per_s) = (LogSink::start(std::io::stderr()), settings.lines_per_s_per_source);
    let writer = sink.clone();
    // A line that standard error does not take is lost, and nothing else: to say so on standard error would panic.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .log_internal_errors(false);
    // A second subscriber in one process (tests, demo) is refused; the first goes on.
    let exchange: Box<dyn Fn(EnvFilter) -> bool + Send + Sync> = match settings.format {
        LogFormat::Json => {
            let builder = builder.event_format(Limited::new(JsonLine, per_s)).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
        LogFormat::Text => {
            let line = TextLine(tracing_subscriber::fmt::format().with_ansi(false));
            let builder = builder.event_format(Limited::new(line, per_s)).with_filter_reloading();
            let handle = builder.reload_handle();
            let _ = builder.try_init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
    };
    let _ = LOG.set(Log { exchange, level: Mutex::new(level), sink });
    if let Some(error) = bad {
        tracing::warn!(%error, "{VARIABLE} is not used; log.level holds");
    }
}

/// Waits until what was logged is written, at most a second: the process ends.
pub fn flush() {
    if let Some(log) = LOG.get() {
        log.sink.flush();
    }
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    if let Some(word) = level.split(',').map(str::trim).find(|part| !part.contains('=') && !is_level(part)) {
        return Err(format!(
            "{word:?} is no level: write error, warn, info, debug or trace, or a filter like trunkline::net=trace,info"
        ));
    }
    // Whoever asks for more of one module does not mean to lose the errors of all others.
    if level.split(',').all(|part| part.contains('=')) {
        return Err(format!("say the level of everything else too: {level},info"));
    }
    EnvFilter::try_new(format!("{level},{QUIET}")).map_err(|error| format!("no level and no filter: {error}"))
}

/// A word alone would be a module: everything but its lines would be gone.
fn is_level(word: &str) -> bool {
    ["error", "warn", "info", "debug", "trace", "off"].iter().any(|level| word.eq_ignore_ascii_case(level))
}

/// The level, or the filter, in force.
pub fn level() -> String {
    LOG.get().map(|log| log.level.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
}

/// Changes it: `error`, `warn`, `info`, `debug`, `trace`, or a filter like `trunkline::net=trace,info`.
///
/// # Errors
/// What is wrong with it, for people.
pub fn set_level(level: &str) -> Result<(), String> {
    let filter = filter(level)?;
    let log = LOG.get().ok_or("logging has not begun")?;
    if !(log.exchange)(filter) {
        return Err("the log has ended".to_owned());
    }
    *log.level.lock().unwrap_or_else(PoisonError::into_inner) = level.to_owned();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_does_not_silence_the_log() {
        for level in ["info", "TRACE", "trunkline::net=trace,info", "warn,trunkline::call=debug", "off"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["shout", "", "info,shout", "inf", "trunkline::net", "a=b=c", "a=b=c,info", "trunkline::net=trace"]
        {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
