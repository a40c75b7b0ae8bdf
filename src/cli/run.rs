//! `trunkline run`: the daemon in the foreground.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use super::exit::Exit;
use crate::config;
use crate::daemon::{Daemon, Fault, Hangups, StartFailure, logging, panic};

/// Runs until a signal ends it. `overriding`: a second file laid over the first.
pub fn run(file: &Path, overriding: Option<&Path>) -> Exit {
    let hangups = match Hangups::listen() {
        Ok(hangups) => hangups,
        Err(error) => return failed(&StartFailure::System(error)),
    };
    let loaded = match config::load_overridden(file, overriding) {
        Ok(loaded) => loaded,
        Err(report) => {
            say(&report);
            return Exit::Configuration;
        }
    };
    logging::start(loaded.settings.log);
    panic::end_on_panic(Exit::Internal.code());
    panic::leave_no_core();
    for warning in loaded.warnings() {
        tracing::warn!(%warning, "configuration");
    }
    let ended = Daemon::start(loaded).and_then(|daemon| daemon.serve_until_signal(hangups));
    logging::flush();
    ended.map_or_else(|failure| failed(&failure), |()| Exit::Ok)
}

fn failed(failure: &StartFailure) -> Exit {
    say(&format_args!("trunkline: {failure}\n"));
    match failure.fault() {
        Fault::Configuration => Exit::Configuration,
        Fault::Taken => Exit::Taken,
        Fault::System => Exit::Internal,
    }
}

/// Where nobody can be told (a log on a full disk) the exit code still says it.
fn say(text: &dyn Display) {
    let _ = write!(io::stderr(), "{text}");
}
