//! Logs: one line each, to standard error, as JSON or text. `TRUNKLINE_LOG` overrides the level of the file.

use tracing_subscriber::EnvFilter;

use super::log_line::JsonLine;
use crate::config::settings::{LogFormat, LogSettings};

/// The variable that overrides `log.level` (a filter of `tracing`: `debug`, `trunkline::net=trace,info`).
const VARIABLE: &str = "TRUNKLINE_LOG";
/// Libraries whose own news are of no use to an operator.
const QUIET: &str = "hickory_resolver=warn,hickory_net=warn,hickory_proto=warn,rustls=error";

/// Starts logging. Later calls do nothing: the first wins.
pub fn start(settings: LogSettings) {
    let filter = EnvFilter::try_from_env(VARIABLE)
        .unwrap_or_else(|_| EnvFilter::new(format!("{},{QUIET}", settings.level.as_str())));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process (tests, demo) is refused; the first goes on.
    let _ = match settings.format {
        LogFormat::Json => builder.event_format(JsonLine).try_init(),
        LogFormat::Text => builder.with_ansi(false).try_init(),
    };
}
