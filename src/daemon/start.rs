//! From a checked configuration to a running daemon: bind, start, serve (DESIGN 8). Nothing is read from the network
//! before everything is bound.

use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{JoinHandle, available_parallelism};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::{Clock, set_since_start, wall};
use super::control::{self, Hands};
use super::drain::Drain;
use super::entropy::OsEntropy;
use super::failure::StartFailure;
use super::first_ports::{self, Announcer, FirstPorts};
use super::helm::{Cargo, Helm, Load};
use super::inbox::Inbox;
use super::materials::{net_settings, relay_settings};
use super::memory;
use super::notice;
use super::operating::{Operating, Way};
use super::orders::Orders;
use super::pages::{api, metrics};
use super::phase::{Phase, PhaseBoard};
use super::precedence;
use super::provisioning::Provisioned;
use super::reloading::{Reloader, Shells};
use super::renewing::{self, Watched};
use super::signals::{Hangups, Signalled, Signals, Stop};
use super::watchdog::Watchdog;
use crate::base::ids::CommandId;
use crate::cdr::lines::Origin;
use crate::cdr::writer::{Durable, Started, Surroundings};
use crate::cdr::{self, Records, Room, RoomSink};
use crate::config::settings::CdrSettings;
use crate::config::{Loaded, Settings};
use crate::engine::Engine;
use crate::engine::io::{Command, Hold, Input, NewCalls};
use crate::media::plan::MediaEvent;
use crate::metrics::api::ApiCounters;
use crate::metrics::calls::CallCounters;
use crate::metrics::gauges::GaugeBoard;
use crate::metrics::limits::Bounds;
use crate::metrics::registry::Sources;
use crate::metrics::reloads::ReloadCounters;
use crate::net::inherited::Inherited;
use crate::net::settings::{Acquaintance, Known, Tap};
use crate::net::{Signalling, backlog};
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
    provisioned: Provisioned,
    records: Started,
    operating: Arc<Operating>,
}

impl Daemon {
    /// Binds and starts everything; when this returns, the daemon serves.
    ///
    /// # Errors
    /// Nothing was served.
    pub fn start(loaded: Loaded) -> Result<Daemon, StartFailure> {
        let shares = Shares::of(&loaded);
        shares.phase.enter(Phase::Building);
        let settings = &loaded.settings;
        let runtime = runtime().map_err(StartFailure::System)?;
        let inside = runtime.enter();
        let helm = Helm::new(shares.inbox.clone());
        let Bound { mut signalling, relay, ports, records } = Bound::bind(settings, &shares, &helm, &runtime)?;
        metrics(
            settings,
            shares.sources(settings, &signalling, &relay, &records),
            &shares.phase,
            &shares.inherited,
            &runtime,
        )?;
        let provisioned = Provisioned::start(settings, loaded.directory.clone(), &shares.orders, &shares.inbox);
        let (watched, watching) = watch::channel(Watched::now(&settings.certificates));
        let reloader = Reloader::new(&loaded, shares.reloaded(&signalling, &provisioned, watched, &runtime));
        let operating = Arc::new(Operating { reloader, orders: shares.orders.clone(), audit: provisioned.audited() });
        let hands = shares.hands(&signalling, &records, operating.clone());
        let seen = (&shares.current, shares.api.clone());
        let served = provisioned.served(settings, seen, (&shares.orders, operating.clone()), hands.clone());
        api(settings, served, (&signalling.renewal(), &shares.inherited), &runtime)?;
        tell_unwanted(&shares.inherited);
        let (load, load_seen) = watch::channel(Load::Idle);
        let cargo = shares.cargo(&signalling, &relay, &records, load);
        let engine = helm.launch(cargo).map_err(StartFailure::System)?;
        shares.phase.enter(Phase::Restoring);
        ports.wait();
        signalling.serve().map_err(StartFailure::System)?;
        // Whoever looks at something now and then does it together: the process wakes once for all of them.
        let beat = Instant::now();
        runtime.spawn(renewing::watch(beat, watching, signalling.renewal()));
        attend(beat, &settings.node.control, hands, &shares.inbox);
        shares.phase.enter(Phase::Running);
        drop(inside);
        let Shares { inbox, phase, .. } = shares;
        Ok(Daemon {
            runtime,
            signalling,
            relay,
            inbox,
            engine,
            phase,
            load: load_seen,
            provisioned,
            records,
            operating,
        })
    }

    /// Serves until a signal ends it (DESIGN 7): TERM drains, a second TERM or INT ends at once.
    ///
    /// # Errors
    /// Signals cannot be heard.
    pub fn serve_until_signal(self, hangups: Hangups) -> Result<(), StartFailure> {
        let mut signals = {
            let _inside = self.runtime.enter();
            Signals::listen(hangups).map_err(StartFailure::System)?
        };
        let watchdog = Watchdog::start(self.operating.orders.clone(), self.runtime.handle().clone());
        let watchdog = watchdog.map_err(StartFailure::System)?;
        notice::ready();
        self.runtime.block_on(async {
            let first = self.serve_until(&mut signals).await;
            let mut drain = self.drain();
            notice::stopping(if first == Stop::Drain { drain.patience } else { Duration::ZERO });
            if first == Stop::Drain {
                drain.drain(signals.stop()).await;
            }
            drain.stop().await;
        });
        drop(watchdog);
        self.end();
        Ok(())
    }

    /// Reads the configuration again whenever a signal says so, until another one ends the process.
    async fn serve_until(&self, signals: &mut Signals) -> Stop {
        loop {
            match signals.next().await {
                Signalled::Stop(stop) => return stop,
                Signalled::Reload => {
                    let operating = self.operating.clone();
                    let reload = tokio::task::spawn_blocking(move || operating.reload_by(Way::Signal));
                    tokio::select! {
                        // What came of it is in the log; a panic ends the process by itself.
                        _ = reload => {}
                        // Files that are slow to read do not keep the process.
                        stop = signals.stop() => return stop,
                    }
                }
            }
        }
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
            patience: self.operating.reloader.drain_patience(),
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

/// What looks after the daemon while it serves. Without its control socket it serves calls all the same.
fn attend(beat: Instant, path: &Path, hands: Arc<Hands>, inbox: &Arc<Inbox>) {
    memory::watch(beat, hands.gauges.clone(), hands.snapshot.clone(), inbox.clone());
    if let Err(error) = control::listen(path, hands) {
        tracing::error!(path = %path.display(), %error, "no control socket: `trunkline ctl` and `trace` do not work; let the daemon's user write to its folder (node.state_dir), and start anew");
    }
}

/// One worker for TLS and parsing on a small machine: the engine and the relay need the rest.
fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let workers = if cores <= 2 { 1 } else { (cores / 2).min(8) };
    let mut builder = Builder::new_multi_thread();
    // The workers park, and take their rank before they first do.
    let lies_down = || {
        precedence::signalling();
        backlog::lies_down();
    };
    builder.on_thread_park(lies_down).on_thread_unpark(backlog::rises);
    builder.worker_threads(workers).thread_name("net").enable_all().build()
}

/// What several parts of the daemon hold in common.
struct Shares {
    phase: PhaseBoard,
    clock: Clock,
    inbox: Arc<Inbox>,
    orders: Arc<Orders>,
    inherited: Inherited,
    /// The configuration in force, for whoever reads it outside of the engine.
    current: Arc<ArcSwap<Snapshot>>,
    gauges: Arc<GaugeBoard>,
    calls: Arc<CallCounters>,
    reloads: Arc<ReloadCounters>,
    api: Arc<ApiCounters>,
    trace: Arc<Trace>,
}

impl Shares {
    fn of(loaded: &Loaded) -> Shares {
        let clock = Clock::start();
        let inbox = Arc::new(Inbox::new(&loaded.snapshot.limits, clock));
        let calls = CallCounters::default();
        calls.keep_trunks(&loaded.snapshot);
        Shares {
            phase: PhaseBoard::default(),
            clock,
            orders: Orders::new(inbox.clone()),
            inbox,
            inherited: Inherited::from_environment(),
            current: Arc::new(ArcSwap::new(loaded.snapshot.clone())),
            gauges: Arc::default(),
            calls: Arc::new(calls),
            reloads: Arc::default(),
            api: Arc::default(),
            trace: Arc::new(Trace::new(loaded.settings.trace_octets, wall)),
        }
    }

    /// What `/metrics` reads.
    fn sources(&self, settings: &Settings, signalling: &Signalling, relay: &Arc<Relay>, records: &Started) -> Sources {
        let (orders, renewal, current) = (self.orders.clone(), signalling.renewal(), self.current.clone());
        let inbox = self.inbox.clone();
        Sources {
            net: signalling.counters(),
            gate: signalling.gate(),
            gauges: self.gauges.clone(),
            calls: self.calls.clone(),
            relay: relay.clone(),
            records: records.records.clone(),
            reloads: self.reloads.clone(),
            api: self.api.clone(),
            bounds: Box::new(move || bounds(&current.load())),
            expiries: Box::new(move || renewal.expiries()),
            census: Box::new(move || orders.census()),
            folders: folders(settings),
            clock_set: Box::new(set_since_start(self.clock)),
            waiting: Box::new(move || inbox.waiting()),
        }
    }

    /// What a reload changes.
    fn reloaded(
        &self,
        signalling: &Signalling,
        provisioned: &Provisioned,
        certificates: watch::Sender<Watched>,
        runtime: &Runtime,
    ) -> Shells {
        Shells {
            inbox: self.inbox.clone(),
            phase: self.phase.clone(),
            rebinding: signalling.rebinding(),
            snapshot: self.current.clone(),
            directory: provisioned.seen(),
            calls: self.calls.clone(),
            counters: self.reloads.clone(),
            certificates,
            runtime: runtime.handle().clone(),
        }
    }

    /// What the control socket and the API do.
    fn hands(&self, signalling: &Signalling, records: &Started, operating: Arc<Operating>) -> Arc<Hands> {
        Arc::new(Hands {
            phase: self.phase.clone(),
            gauges: self.gauges.clone(),
            calls: self.orders.clone(),
            records: records.records.clone(),
            trace: self.trace.clone(),
            gate: signalling.gate(),
            snapshot: self.current.clone(),
            operating,
        })
    }

    /// What the engine's thread takes along.
    fn cargo(
        &self,
        signalling: &Signalling,
        relay: &Arc<Relay>,
        records: &Started,
        load: watch::Sender<Load>,
    ) -> Cargo {
        Cargo {
            engine: Engine::new(self.current.load_full(), Box::new(OsEntropy::new())),
            outgoing: signalling.outgoing(),
            relay: relay.clone(),
            clock: self.clock,
            gauges: self.gauges.clone(),
            calls: self.calls.clone(),
            records: records.records.clone(),
            trace: self.trace.clone(),
            load,
            orders: self.orders.clone(),
        }
    }
}

/// Everything that has a socket, a port or a file.
struct Bound {
    signalling: Signalling,
    relay: Arc<Relay>,
    ports: FirstPorts,
    records: Started,
}

impl Bound {
    fn bind(settings: &Settings, shares: &Shares, helm: &Arc<Helm>, runtime: &Runtime) -> Result<Bound, StartFailure> {
        let snapshot = shares.current.load_full();
        let signalling = signalling(settings, shares, helm, runtime)?;
        let (ports, announcer) = FirstPorts::of(snapshot.networks.iter().map(|network| network.id));
        let relay = relay(settings, &snapshot, &shares.inbox, announcer)?;
        let records = records(settings, &snapshot, shares)?;
        Ok(Bound { signalling, relay, ports, records })
    }
}

fn signalling(
    settings: &Settings,
    shares: &Shares,
    helm: &Arc<Helm>,
    runtime: &Runtime,
) -> Result<Signalling, StartFailure> {
    let snapshot = shares.current.load_full();
    let mut net = net_settings(settings, &snapshot).map_err(StartFailure::Files)?;
    net.second_reader = snapshot.cross_check.then(|| shares.calls.clone().second_reader());
    if settings.trace_octets > 0 {
        let trace = shares.trace.clone();
        net.tap = Some(Tap(Arc::new(move |direction, flow: &Flow, octets: &[u8]| trace.keep(direction, flow, octets))));
    }
    net.known = Some(known(shares.current.clone()));
    net.inherited = shares.inherited.clone();
    Signalling::bind(net, helm.clone(), Box::new(OsEntropy::new()), runtime.handle().clone())
        .map_err(StartFailure::Signalling)
}

/// Peers are named by their source range, or by a certificate that was proved. A range as wide as a whole class A network
/// names nobody.
fn known(current: Arc<ArcSwap<Snapshot>>) -> Known {
    let is_proved = |peer: &PeerIdentity| !peer.names.is_empty() || peer.trusted_by != 0;
    let is_narrow = |range: IpNet| match range {
        IpNet::V4(range) => range.prefix_len() >= 8,
        IpNet::V6(range) => range.prefix_len() >= 16,
    };
    Known(Arc::new(move |flow: &Flow, peer: &PeerIdentity| {
        let snapshot = current.load();
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
fn records(settings: &Settings, snapshot: &Snapshot, shares: &Shares) -> Result<Started, StartFailure> {
    let (CdrSettings { writer, at_start }, inbox) = (settings.cdr.clone(), shares.inbox.clone());
    let room: RoomSink = Box::new(move |room| {
        let new_calls = match room {
            Room::Free => NewCalls::Taken,
            Room::Full => NewCalls::Refused,
        };
        inbox.put(Input::Command(CommandId(0), Command::NewCalls(Hold::Records, new_calls)));
    });
    let records = Records::new(snapshot.limits.record_octets, writer.when_full, room);
    let (origin, trace) = (Origin { node: settings.node.name.clone(), since: wall() }, shares.trace.clone());
    let surroundings = Surroundings { origin, clock: wall, durable: Durable(Arc::new(move || trace.settle())) };
    let folder = writer.folder.clone();
    cdr::writer::start(writer, at_start, Arc::new(records), surroundings)
        .map_err(|error| StartFailure::Records(folder, error))
}

/// Folders that grow.
fn folders(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    vec![("state", settings.node.state_dir.clone()), ("records", settings.cdr.writer.folder.clone())]
}

/// What `/metrics` shows of the limits in force.
fn bounds(snapshot: &Snapshot) -> Bounds {
    Bounds { limits: snapshot.limits.clone(), ports: snapshot.networks.iter().map(pairs).collect() }
}

/// How many pairs of media ports a network has; a pair begins with an even one.
fn pairs(network: &Network) -> (String, usize) {
    let (first, last) = network.rtp_ports;
    (network.name.to_string(), usize::from(last.saturating_add(1).saturating_sub(first.next_multiple_of(2)) / 2))
}

fn tell_unwanted(inherited: &Inherited) {
    for socket in inherited.unwanted() {
        tracing::warn!(%socket, "the service manager passed a socket that no listener of the configuration has");
    }
}
