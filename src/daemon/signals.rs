//! The signals that end the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// TERM: drain. A second one: at once.
    Drain,
    /// INT: BYE and exit.
    AtOnce,
}

/// Both signals, from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Must be called inside the runtime.
    ///
    /// # Errors
    /// The system does not let us listen.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Stop {
        tokio::select! {
            biased;
            _ = self.int.recv() => Stop::AtOnce,
            _ = self.term.recv() => Stop::Drain,
        }
    }
}
