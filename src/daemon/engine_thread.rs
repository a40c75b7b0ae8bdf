//! The engine's thread: takes what came, lets the engine decide, and obeys. It blocks on its inbox and nowhere else.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use tokio::sync::watch;

use super::call_log;
use super::clock::Clock;
use super::inbox::{Inbox, Taken};
use crate::engine::Engine;
use crate::engine::io::{Input, Outbox, Output};
use crate::metrics::calls::CallCounters;
use crate::metrics::gauges::GaugeBoard;
use crate::net::Outgoing;
use crate::relay::Relay;

/// Whether the engine holds calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Idle,
    Busy,
}

/// Everything the engine's thread holds.
pub struct EngineThread {
    pub engine: Engine,
    pub inbox: Arc<Inbox>,
    pub outgoing: Outgoing,
    pub relay: Arc<Relay>,
    pub clock: Clock,
    pub gauges: Arc<GaugeBoard>,
    pub calls: Arc<CallCounters>,
    pub load: watch::Sender<Load>,
}

impl EngineThread {
    /// Starts the thread; it ends after [`Inbox::end`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(self) -> io::Result<JoinHandle<()>> {
        Builder::new().name("engine".to_owned()).spawn(move || self.run())
    }

    fn run(mut self) {
        let mut inputs = Vec::new();
        let mut out = Outbox::new();
        loop {
            let patience = self.engine.next_timeout().map(|deadline| self.clock.until(deadline));
            let taken = self.inbox.take(&mut inputs, patience);
            self.round(&mut inputs, &mut out);
            if taken == Taken::Ended {
                return;
            }
        }
    }

    /// One round: every input, every timer that is due, then every effect.
    fn round(&mut self, inputs: &mut Vec<Input>, out: &mut Outbox) {
        let now = self.clock.now();
        for input in inputs.drain(..) {
            self.engine.handle(now, input, out);
        }
        if self.engine.next_timeout().is_some_and(|deadline| deadline <= now.instant) {
            self.engine.handle_timeout(now, out);
        }
        for output in out.drain(..) {
            self.obey(output);
        }
        self.outgoing.flush();
        self.publish();
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Transmit(transmit) => self.outgoing.transmit(transmit),
            Output::Resolve(question) => self.outgoing.resolve(question),
            Output::Media(command) => self.relay.command(command),
            Output::Event(event) => {
                self.calls.note(&event);
                call_log::write(&event);
            }
            Output::CloseFlow(flow) => self.outgoing.close(flow),
            // Only the process gives orders so far, and it watches the load instead.
            Output::Reply(_, _) => {}
        }
    }

    fn publish(&self) {
        self.gauges.publish(&self.engine.gauges());
        let load = if self.engine.is_idle() { Load::Idle } else { Load::Busy };
        self.load.send_if_modified(|held| std::mem::replace(held, load) != load);
    }
}
