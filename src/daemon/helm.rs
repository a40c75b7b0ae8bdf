//! The engine, and whoever has it in hand (the helm).
//!
//! The engine is one value; which thread lets it decide does not matter, as long as it is one at a time. So the task
//! that read a message takes the helm right there, hands everything that waits to the engine, and carries out what it
//! wants: no other thread is woken for a message, and what was read is still warm. Who finds the helm taken leaves the
//! message in the inbox, and whoever has the helm looks there again before letting go. Under load one task steers for
//! all, and parsing and TLS go on beside it. The engine's own thread steers when nobody else would: timers, orders,
//! news, and what is left after a task's share of rounds.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::call_log;
use super::clock::Clock;
use super::inbox::{Held, Inbox, Stay, Watch};
use super::orders::Orders;
use super::precedence;
use crate::base::Instant;
use crate::base::ids::FlowId;
use crate::call::CallEvent;
use crate::cdr::Records;
use crate::engine::Engine;
use crate::engine::io::{Event, Input, Outbox, Output};
use crate::engine::overload::Fate;
use crate::engine::shed::Shed;
use crate::metrics::calls::CallCounters;
use crate::metrics::gauges::GaugeBoard;
use crate::net::{Class, Glanced, News, Outgoing, Sink};
use crate::relay::{Relay, Unheard};
use crate::sip::flow::{Flow, Received, Transmit};
use crate::sip::glance::PlainInvite;
use crate::trace::Trace;

/// Rounds one task steers for others before the engine's thread takes over: its own connections wait meanwhile.
const ROUNDS: usize = 4;
/// How often the engine is told how long packets wait.
const LOOK: Duration = Duration::from_millis(100);

/// Whether the engine holds calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Idle,
    Busy,
}

/// What is put under the helm.
pub struct Cargo {
    pub engine: Engine,
    pub outgoing: Outgoing,
    pub relay: Arc<Relay>,
    pub clock: Clock,
    pub gauges: Arc<GaugeBoard>,
    pub calls: Arc<CallCounters>,
    pub records: Arc<Records>,
    pub trace: Arc<Trace>,
    pub load: watch::Sender<Load>,
    pub orders: Arc<Orders>,
}

/// The cargo, and what is under way.
struct Ship {
    cargo: Cargo,
    /// What the relay has not been told yet.
    unheard: Unheard,
    /// Empty between rounds; kept for their room.
    inputs: Vec<Input>,
    out: Outbox,
    /// Messages of the round, which leave when the relay has been told what they promise.
    leaving: Vec<Transmit>,
    /// Connections that end after it.
    closing: Vec<FlowId>,
    /// When the relay was last asked how long packets wait.
    looked: Instant,
}

/// See the module. Shared by everyone who brings something.
pub struct Helm {
    pub inbox: Arc<Inbox>,
    /// Calls are shed, as of the last round.
    shedding: AtomicBool,
    /// `None` before the start and after the end. Locked by whoever the inbox gave the helm, and for a glance.
    ship: Mutex<Option<Ship>>,
}

impl std::fmt::Debug for Helm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Helm").field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

impl Helm {
    /// A helm without a ship: what comes waits.
    pub fn new(inbox: Arc<Inbox>) -> Arc<Helm> {
        Arc::new(Helm { inbox, shedding: AtomicBool::new(false), ship: Mutex::new(None) })
    }

    /// Puts the engine under the helm and starts its thread, which ends after [`Inbox::end`] and takes the engine with
    /// it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn launch(self: &Arc<Self>, cargo: Cargo) -> io::Result<JoinHandle<()>> {
        let (inputs, out, leaving, closing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let ship = Ship { cargo, unheard: Unheard::Nothing, inputs, out, leaving, closing, looked: Instant::ZERO };
        *self.ship.lock().unwrap_or_else(PoisonError::into_inner) = Some(ship);
        let helm = self.clone();
        Builder::new().name("engine".to_owned()).spawn(move || helm.watch())
    }

    fn watch(&self) {
        precedence::signalling();
        while self.inbox.watch() == Watch::Go {
            self.steer(usize::MAX, Stay::UntilNothingWaits, Unheard::Quiet);
        }
        // The helm is not given back: nobody steers after the end.
        let ship = self.ship.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut ship) = ship {
            // What the first leads to comes with the second.
            for _ in 0..2 {
                self.inbox.take_rest(&mut ship.inputs);
                ship.round(Unheard::Quiet);
            }
        }
    }

    /// For whoever has the helm: rounds until nothing waits that he stays for, at most `rounds`. The relay is woken for
    /// orders from this urgency on.
    fn steer(&self, rounds: usize, stay: Stay, from: Unheard) {
        for _ in 0..rounds {
            // Let go of between two rounds, for whoever waits to ask the engine something.
            let mut held = self.ship.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(ship) = held.as_mut() else { return };
            self.inbox.take(&mut ship.inputs);
            ship.round(from);
            self.shedding.store(ship.cargo.engine.is_shedding(), Ordering::Relaxed);
            if self.inbox.leave(ship.next_timeout(), stay) == Held::NotMine {
                return;
            }
        }
        self.inbox.hand_over();
    }
}

impl Sink for Helm {
    fn offer(&self, class: Class, received: Received) -> Result<(), Received> {
        self.inbox.offer(class, received)
    }

    fn settle(&self) {
        if self.inbox.board() == Held::Mine {
            self.steer(ROUNDS, Stay::UntilMessagesAreDone, Unheard::Pressing);
        }
    }

    fn is_shedding(&self) -> bool {
        self.shedding.load(Ordering::Relaxed)
    }

    fn glance(&self, flow: &Flow, invite: &PlainInvite<'_>, waited: Duration) -> Glanced {
        let mut held = self.ship.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Ship { cargo, .. }) = held.as_mut() else { return Glanced::Unknown };
        // What it may repeat was not seen by the engine yet; refused, it would end a call that goes on.
        if !flow.transport.is_reliable() && self.inbox.holds_call(invite.call_id()) {
            return Glanced::Unknown;
        }
        match cargo.engine.glance(cargo.clock.instant(), flow, invite, waited) {
            None => Glanced::Unknown,
            Some(Fate::Taken) => Glanced::Admitted,
            Some(Fate::Shed) => {
                cargo.calls.note(&Event::Shed(Shed::Overload));
                Glanced::Shed
            }
        }
    }

    fn report(&self, news: News) {
        self.inbox.report(news);
    }

    fn room(&self) -> &Notify {
        self.inbox.room()
    }
}

impl Ship {
    /// One round: every input, every timer that is due, and every effect.
    fn round(&mut self, from: Unheard) {
        let mut now = self.cargo.clock.now();
        let mut inputs = std::mem::take(&mut self.inputs);
        for input in inputs.drain(..) {
            if matches!(input, Input::Begins { .. }) {
                // How long it has waited shows when its turn comes, not when the round began.
                now = self.cargo.clock.now();
            }
            self.cargo.engine.handle(now, input, &mut self.out);
            self.obey();
        }
        self.inputs = inputs;
        if now.instant.since(self.looked) >= LOOK {
            self.looked = now.instant;
            let waited = self.cargo.relay.longest_wait();
            self.cargo.engine.handle(now, Input::MediaWaited(waited), &mut self.out);
            self.obey();
        }
        if self.cargo.engine.next_timeout().is_some_and(|deadline| deadline <= now.instant) {
            self.cargo.engine.handle_timeout(now, &mut self.out);
            self.obey();
        }
        // Media first: nobody hears of a port before the relay has it.
        self.unheard = self.cargo.relay.wake(from);
        self.leaving.drain(..).for_each(|transmit| self.cargo.outgoing.transmit(transmit));
        self.cargo.outgoing.flush();
        // What is said to whoever is shown the door is said before.
        self.closing.drain(..).for_each(|flow| self.cargo.outgoing.close(flow));
        self.publish();
    }

    /// When the engine's thread must look: at the engine's timers, and at once (which is never quite at once) when the
    /// relay has something to hear, or soon will: while there are calls the thread wakes by its own beat, so that
    /// nobody has to wake it to move its alarm.
    fn next_timeout(&self) -> Option<Instant> {
        match self.unheard {
            Unheard::Nothing if self.cargo.engine.is_idle() => self.cargo.engine.next_timeout(),
            Unheard::Nothing | Unheard::Quiet | Unheard::Pressing => Some(self.cargo.clock.instant()),
        }
    }

    /// Carries out what the engine wants. The relay, connections and datagrams get theirs at the end of the round.
    fn obey(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        for output in out.drain(..) {
            match output {
                Output::Transmit(transmit) => self.leaving.push(transmit),
                Output::Resolve(question) => self.cargo.outgoing.resolve(question),
                Output::Media(command) => self.cargo.relay.post(command),
                Output::Event(event) => {
                    self.cargo.calls.note(&event);
                    call_log::write(&event);
                    if let Event::Call(CallEvent::Ended(record)) = event {
                        let record = Arc::from(record);
                        self.cargo.trace.ended(Arc::clone(&record));
                        // A record that finds no room is counted, and logged by the writer.
                        let _ = self.cargo.records.push(record);
                    }
                }
                Output::Bearing(flow, bearing) => self.cargo.outgoing.note(&flow, bearing),
                Output::CloseFlow(flow) => self.closing.push(flow),
                Output::Reply(id, reply) => self.cargo.orders.answered(id, reply),
            }
        }
        self.out = out;
    }

    fn publish(&self) {
        self.cargo.gauges.publish(&self.cargo.engine.gauges());
        let load = if self.cargo.engine.is_idle() { Load::Idle } else { Load::Busy };
        self.cargo.load.send_if_modified(|held| std::mem::replace(held, load) != load);
    }
}
