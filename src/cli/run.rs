//! `trunkline run`: the daemon in the foreground.

use std::path::Path;

use super::exit::Exit;
use crate::config;
use crate::daemon::{Daemon, Fault, logging, panic};

/// Runs until a signal ends it. `overriding`: a second file laid over the first.
pub fn run(file: &Path, overriding: Option<&Path>) -> Exit {
    let loaded = match config::load_overridden(file, overriding) {
        Ok(loaded) => loaded,
        Err(report) => {
            eprint!("{report}");
            return Exit::Configuration;
        }
    };
    logging::start(loaded.settings.log);
    panic::end_on_panic(Exit::Internal.code());
    panic::leave_no_core();
    for warning in loaded.warnings() {
        tracing::warn!(%warning, "configuration");
    }
    let ended = Daemon::start(loaded).and_then(Daemon::serve_until_signal);
    logging::flush();
    match ended {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            eprintln!("trunkline: {failure}");
            exit_of(failure.fault())
        }
    }
}

const fn exit_of(fault: Fault) -> Exit {
    match fault {
        Fault::Configuration => Exit::Configuration,
        Fault::Taken => Exit::Taken,
        Fault::System => Exit::Internal,
    }
}
