//! The signals the process heeds.

use std::io;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What the operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signalled {
    Stop(Stop),
    /// HUP: read the configuration again.
    Reload,
}

/// How the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// TERM: drain. A second one: at once.
    Drain,
    /// INT: BYE and exit.
    AtOnce,
}

/// HUP, from the moment this is made: one that comes before the daemon serves is heeded when it does, and does not end the
/// process.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Call it first of all, outside of every runtime.
    ///
    /// # Errors
    /// The system does not let us listen.
    pub fn listen() -> io::Result<Hangups> {
        // What is registered outlives this runtime; what came meanwhile is heard by the next.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let _inside = runtime.enter();
        signal(SignalKind::hangup()).map(Hangups)
    }
}

/// All of them, from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    /// Must be called inside the runtime.
    ///
    /// # Errors
    /// The system does not let us listen.
    pub fn listen(Hangups(hup): Hangups) -> io::Result<Signals> {
        Ok(Signals { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())?, hup })
    }

    /// Waits for the next one. Several HUPs that came together are one.
    pub async fn next(&mut self) -> Signalled {
        tokio::select! {
            biased;
            stop = wait(&mut self.int, &mut self.term) => Signalled::Stop(stop),
            _ = self.hup.recv() => Signalled::Reload,
        }
    }

    /// Waits for the next that ends the process: one that ends already reads no configuration.
    pub async fn stop(&mut self) -> Stop {
        wait(&mut self.int, &mut self.term).await
    }
}

async fn wait(int: &mut Signal, term: &mut Signal) -> Stop {
    tokio::select! {
        biased;
        _ = int.recv() => Stop::AtOnce,
        _ = term.recv() => Stop::Drain,
    }
}
