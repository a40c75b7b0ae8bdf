//! From a checked configuration to a running daemon: bind, start, serve (DESIGN 8). Nothing is read from the network
//! before everything is bound.

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::clock::{Clock, wall};
use super::control::{self, Hands};
use super::drain::Drain;
use super::entropy::OsEntropy;
use super::failure::StartFailure;
use super::first_ports::{self, Announcer, FirstPorts};
use super::helm::{Cargo, Helm, Load};
use super::inbox::Inbox;
use super::materials::{net_settings, relay_settings};
use super::orders::Orders;
use super::pages::{api, metrics};
use super::phase::{Phase, PhaseBoard};
use super::provisioning::Provisioned;
use super::renewing;
use super::signals::{Signals, Stop};
use super::watchdog::Watchdog;
use crate::base::ids::CommandId;
use crate::cdr::lines::Origin;
use crate::cdr::writer::{Started, Surroundings};
use crate::cdr::{self, Records, Room, RoomSink};
use crate::config::settings::CdrSettings;
use crate::config::{Loaded, Settings};
use crate::engine::Engine;
use crate::engine::io::{Command, Input, NewCalls};
use crate::media::plan::MediaEvent;
use crate::metrics::calls::CallCounters;
use crate::metrics::gauges::GaugeBoard;
use crate::metrics::limits::Bounds;
use crate::metrics::registry::Sources;
use crate::net::Signalling;
use crate::net::inherited::Inherited;
use crate::net::settings::{Acquaintance, Known, Tap};
use crate::relay::Relay;
use crate::route::snapshot::Snapshot;
use crate::route::trunk::Network;
use crate::sip::flow::{Flow, PeerIdentity};
use crate::trace::Trace;

/// How long tasks may take to end with the runtime.
const RUNTIME_END: Duration = Duration::from_millis(200);

/// A running daemon.
pub struct Daemon {
    runtime: Runtime,
    signalling: Signalling,
    relay: Arc<Relay>,
    inbox: Arc<Inbox>,
    engine: JoinHandle<()>,
    phase: PhaseBoard,
    load: watch::Receiver<Load>,
    drain_patience: Duration,
    provisioned: Provisioned,
    records: Started,
    orders: Arc<Orders>,
}

impl Daemon {
    /// Binds and starts everything; when this returns, the daemon serves.
    ///
    /// # Errors
    /// Nothing was served.
    pub fn start(loaded: Loaded) -> Result<Daemon, StartFailure> {
        let phase = PhaseBoard::default();
        phase.enter(Phase::Building);
        let Loaded { settings, snapshot, directory, .. } = loaded;
        let runtime = runtime().map_err(StartFailure::System)?;
        let inside = runtime.enter();
        let inherited = Inherited::from_environment();
        let clock = Clock::start();
        let inbox = Arc::new(Inbox::new(&snapshot.limits, clock));
        let helm = Helm::new(inbox.clone());
        let calls = Arc::new(CallCounters::default());
        let trace = Arc::new(Trace::new(settings.trace_octets, wall));
        let watching = Watching { calls: calls.clone(), trace: trace.clone() };
        let mut signalling = signalling(&settings, &snapshot, &helm, watching, &inherited, &runtime)?;
        let (ports, announcer) = FirstPorts::of(snapshot.networks.iter().map(|network| network.id));
        let relay = relay(&settings, &snapshot, &inbox, announcer)?;
        let gauges = Arc::new(GaugeBoard::default());
        let records = records(&settings, &snapshot, &inbox)?;
        let orders = Orders::new(inbox.clone());
        let told = Told { gauges: gauges.clone(), calls: calls.clone(), records: records.records.clone() };
        let sources = sources(&snapshot, &signalling, (&relay, &inbox, &orders), told);
        metrics(&settings, sources, &phase, &inherited, &runtime)?;
        let provisioned = Provisioned::start(&settings, directory, &orders, &inbox);
        let hands = Arc::new(Hands {
            phase: phase.clone(),
            gauges: gauges.clone(),
            calls: orders.clone(),
            records: records.records.clone(),
            trace: trace.clone(),
            gate: signalling.gate(),
            snapshot: Arc::new(ArcSwap::new(snapshot.clone())),
        });
        let served = provisioned.served(&settings, &snapshot, &orders, hands.clone());
        api(&settings, served, &inherited, &runtime)?;
        tell_unwanted(&inherited);
        let (load, watched) = watch::channel(Load::Idle);
        let cargo = Cargo {
            engine: Engine::new(snapshot, Box::new(OsEntropy::new())),
            outgoing: signalling.outgoing(),
            relay: relay.clone(),
            clock,
            gauges,
            calls,
            records: records.records.clone(),
            trace,
            load,
            orders: orders.clone(),
        };
        let engine = helm.launch(cargo).map_err(StartFailure::System)?;
        phase.enter(Phase::Restoring);
        ports.wait();
        signalling.serve().map_err(StartFailure::System)?;
        runtime.spawn(renewing::watch(settings.certificates.clone(), signalling.renewal()));
        listen(&settings.node.control, hands);
        phase.enter(Phase::Running);
        drop(inside);
        Ok(Daemon {
            runtime,
            signalling,
            relay,
            inbox,
            engine,
            phase,
            load: watched,
            drain_patience: settings.node.drain,
            provisioned,
            records,
            orders,
        })
    }

    /// Serves until a signal ends it (DESIGN 7): TERM drains, a second TERM or INT ends at once.
    ///
    /// # Errors
    /// Signals cannot be heard.
    pub fn serve_until_signal(self) -> Result<(), StartFailure> {
        let mut signals = {
            let _inside = self.runtime.enter();
            Signals::listen().map_err(StartFailure::System)?
        };
        let watchdog = Watchdog::start(self.orders.clone(), self.runtime.handle().clone());
        let watchdog = watchdog.map_err(StartFailure::System)?;
        notify(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status("serving")]);
        let mut drain = self.drain();
        self.runtime.block_on(async {
            let first = signals.next().await;
            notify(&[sd_notify::NotifyState::Stopping, sd_notify::NotifyState::Status("draining")]);
            if first == Stop::Drain {
                drain.drain(signals.next()).await;
            }
            drain.stop().await;
        });
        drop(watchdog);
        self.end();
        Ok(())
    }

    /// Ends every call with BYE or CANCEL, then the daemon (for a process that holds it: demo, tests).
    pub fn stop(self) {
        let mut drain = self.drain();
        self.runtime.block_on(drain.stop());
        self.end();
    }

    /// The phase, for who must know when it is served.
    pub fn phase(&self) -> Phase {
        self.phase.current()
    }

    fn drain(&self) -> Drain {
        Drain {
            inbox: self.inbox.clone(),
            phase: self.phase.clone(),
            load: self.load.clone(),
            patience: self.drain_patience,
        }
    }

    fn end(mut self) {
        self.signalling.stop();
        self.inbox.end();
        if self.engine.join().is_err() {
            tracing::error!("the engine's thread ended badly");
        }
        self.runtime.shutdown_timeout(RUNTIME_END);
        self.provisioned.end();
        // The engine's thread has ended: no record comes any more.
        self.records.end();
        // The engine's thread and the metrics have let go of it.
        if let Some(relay) = Arc::into_inner(self.relay) {
            relay.stop();
        }
    }
}

/// Without its control socket a daemon serves calls all the same.
fn listen(path: &Path, hands: Arc<Hands>) {
    if let Err(error) = control::listen(path, hands) {
        tracing::error!(path = %path.display(), %error, "no control socket: `trunkline ctl` and `trace` do not work");
    }
}

/// One worker for TLS and parsing on a small machine: the engine and the relay need the rest.
fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let workers = if cores <= 2 { 1 } else { (cores / 2).min(8) };
    Builder::new_multi_thread().worker_threads(workers).thread_name("net").enable_all().build()
}

/// Who sees every message.
struct Watching {
    calls: Arc<CallCounters>,
    trace: Arc<Trace>,
}

fn signalling(
    settings: &Settings,
    snapshot: &Arc<Snapshot>,
    helm: &Arc<Helm>,
    watching: Watching,
    inherited: &Inherited,
    runtime: &Runtime,
) -> Result<Signalling, StartFailure> {
    let mut net = net_settings(settings, snapshot).map_err(StartFailure::Files)?;
    let Watching { calls, trace } = watching;
    net.second_reader = snapshot.cross_check.then(|| calls.second_reader());
    if settings.trace_octets > 0 {
        net.tap = Some(Tap(Arc::new(move |direction, flow: &Flow, octets: &[u8]| trace.keep(direction, flow, octets))));
    }
    net.known = Some(known(snapshot.clone()));
    net.inherited = inherited.clone();
    Signalling::bind(net, helm.clone(), Box::new(OsEntropy::new()), runtime.handle().clone())
        .map_err(StartFailure::Signalling)
}

/// Peers are named by their source range, or by a certificate that was proved. A range as wide as a whole class A network
/// names nobody.
fn known(snapshot: Arc<Snapshot>) -> Known {
    let is_proved = |peer: &PeerIdentity| !peer.names.is_empty() || peer.trusted_by != 0;
    let is_narrow = |range: IpNet| match range {
        IpNet::V4(range) => range.prefix_len() >= 8,
        IpNet::V6(range) => range.prefix_len() >= 16,
    };
    Known(Arc::new(move |flow: &Flow, peer: &PeerIdentity| {
        if is_proved(peer) && snapshot.identify(flow, peer).is_ok() {
            return Acquaintance::Peer;
        }
        match snapshot.source_range(flow) {
            Some(range) if is_narrow(range) => Acquaintance::Peer,
            Some(_) => Acquaintance::Anybody,
            None => Acquaintance::Nobody,
        }
    }))
}

fn relay(
    settings: &Settings,
    snapshot: &Snapshot,
    inbox: &Arc<Inbox>,
    announcer: Announcer,
) -> Result<Arc<Relay>, StartFailure> {
    let inbox = inbox.clone();
    let events = Box::new(move |event: MediaEvent| {
        let told = first_ports::told(&event);
        match event {
            MediaEvent::Digit { .. } => inbox.put(Input::Media(event)),
            // Calls wait for ports.
            MediaEvent::Ready { .. } | MediaEvent::Exhausted { .. } => inbox.put_by(Input::Media(event)),
            MediaEvent::FirstPacket { .. }
            | MediaEvent::Silent { .. }
            | MediaEvent::Heard { .. }
            | MediaEvent::Closed { .. } => inbox.put_behind(Input::Media(event)),
        }
        if let Some(network) = told {
            announcer.announce(network);
        }
    });
    Relay::start(relay_settings(settings, snapshot), events).map(Arc::new).map_err(StartFailure::Relay)
}

/// The thread that writes call records. Where they must not be lost, it tells the engine when there is no room for more.
fn records(settings: &Settings, snapshot: &Snapshot, inbox: &Arc<Inbox>) -> Result<Started, StartFailure> {
    let (CdrSettings { writer, at_start }, inbox) = (settings.cdr.clone(), inbox.clone());
    let room: RoomSink = Box::new(move |room| {
        let new_calls = match room {
            Room::Free => NewCalls::Taken,
            Room::Full => NewCalls::Refused,
        };
        inbox.put(Input::Command(CommandId(0), Command::NewCalls(new_calls)));
    });
    let records = Records::new(snapshot.limits.record_octets, writer.when_full, room);
    let surroundings = Surroundings { origin: Origin { node: settings.node.name.clone(), since: wall() }, clock: wall };
    let folder = writer.folder.clone();
    cdr::writer::start(writer, at_start, Arc::new(records), surroundings)
        .map_err(|error| StartFailure::Records(folder, error))
}

/// What the engine's shell counts and keeps.
struct Told {
    gauges: Arc<GaugeBoard>,
    calls: Arc<CallCounters>,
    records: Arc<Records>,
}

fn sources(
    snapshot: &Snapshot,
    signalling: &Signalling,
    (relay, inbox, orders): (&Arc<Relay>, &Arc<Inbox>, &Arc<Orders>),
    told: Told,
) -> Sources {
    let Told { gauges, calls, records } = told;
    let (orders, renewal) = (orders.clone(), signalling.renewal());
    Sources {
        net: signalling.counters(),
        gate: signalling.gate(),
        gauges,
        calls,
        relay: relay.clone(),
        records,
        bounds: Bounds { limits: snapshot.limits.clone(), ports: snapshot.networks.iter().map(pairs).collect() },
        expiries: Box::new(move || renewal.expiries()),
        census: Box::new(move || orders.census()),
        waiting: waiting_of(inbox),
    }
}

/// How many pairs of media ports a network has; a pair begins with an even one.
fn pairs(network: &Network) -> (String, usize) {
    let (first, last) = network.rtp_ports;
    (network.name.to_string(), usize::from(last.saturating_add(1).saturating_sub(first.next_multiple_of(2)) / 2))
}

fn waiting_of(inbox: &Arc<Inbox>) -> Box<dyn Fn() -> (usize, usize) + Send + Sync> {
    let inbox = inbox.clone();
    Box::new(move || inbox.waiting())
}

fn tell_unwanted(inherited: &Inherited) {
    for socket in inherited.unwanted() {
        tracing::warn!(%socket, "the service manager passed a socket that no listener of the configuration has");
    }
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(states);
}
