//! The signalling shell as a whole: bind everything, then serve.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::arrival::Sink;
use super::counters::{ConnectionOutcome, Counters};
use super::dial_log::DialLog;
use super::flows::Flows;
use super::guard::Gate;
use super::outgoing::Outgoing;
use super::rebinding::{Held, Rebinding, servers};
use super::renewal::Renewal;
use super::resolver::Resolver;
use super::seats::Seats;
use super::settings::{ListenerSettings, NetSettings};
use super::shared::Shared;
use super::tls::{TlsError, TlsMaterial};
use crate::base::Entropy;
use crate::base::ids::ListenerId;
use crate::sip::flow::Transport;

/// Why the shell does not start.
#[derive(Debug)]
pub enum StartError {
    /// Another process has the port, or `by`, a listener of ours that goes or has gone, for calls of before.
    Taken { listener: Arc<str>, transport: Transport, address: SocketAddr, by: Option<Arc<str>> },
    /// The system does not give us the address or port.
    Unavailable { listener: Arc<str>, address: SocketAddr, error: io::Error },
    /// The TLS settings cannot be used.
    Tls { listener: Arc<str>, error: TlsError },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Taken { listener, transport, address, by: None } => write!(
                f,
                "{} port {address} of listener `{listener}` is taken by another process; stop it or change `port`",
                transport.via_token()
            ),
            StartError::Taken { listener, transport, address, by: Some(by) } => write!(
                f,
                "{} port {address} of listener `{listener}` is held by listener `{by}` for its calls; take `{by}` away first, and \
                 add `{listener}` a minute after the last of them",
                transport.via_token()
            ),
            StartError::Unavailable { listener, address, error } => {
                write!(f, "listener `{listener}` cannot be bound to {address}: {error}{}", remedy(error))
            }
            StartError::Tls { listener, error } => write!(f, "listener `{listener}`: {error}"),
        }
    }
}

/// What to do where the system does not give an address or a port.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: write one of `ip addr` as the network's `bind`, the public one behind a NAT as `advertise`"
        }
        io::ErrorKind::PermissionDenied => {
            "; a port below 1024 is for root: let the service manager hold it (trunkline.socket), or write another port"
        }
        _ => "",
    }
}

impl std::error::Error for StartError {}

/// The running shell.
#[derive(Debug)]
pub struct Signalling {
    shared: Arc<Shared>,
    held: Arc<Held>,
}

impl Signalling {
    /// Binds every listener; nothing is read before [`Signalling::serve`]. Call it inside `runtime`.
    ///
    /// # Errors
    /// The first listener that cannot be had.
    pub fn bind(
        settings: NetSettings,
        sink: Arc<dyn Sink>,
        entropy: Box<dyn Entropy + Send>,
        runtime: Handle,
    ) -> Result<Signalling, StartError> {
        let material =
            TlsMaterial { identities: settings.identities, trust: settings.trust, revoked: settings.revoked };
        let listeners: Vec<Arc<ListenerSettings>> = settings.listeners.into_iter().map(Arc::new).collect();
        let servers = servers(&listeners, &material)?;
        let held = Held::bind(&listeners, &settings.inherited)?;
        let datagram_key = RandomState::new();
        let shared = Shared {
            busy_tag: format!("busy{:016x}", datagram_key.hash_one("busy")),
            seats: Seats::new(&settings.limits),
            gate: Arc::new(Gate::new(&settings.limits, settings.known)),
            listeners: ArcSwap::from_pointee(listeners),
            limits: settings.limits,
            sink,
            counters: Arc::new(Counters::default()),
            flows: Flows::default(),
            dials: DialLog::default(),
            tls: ArcSwap::from_pointee(material),
            servers: ArcSwap::from_pointee(servers),
            changing: Mutex::new(()),
            udp: ArcSwap::from_pointee(held.ports()),
            resolver: ArcSwap::from_pointee(Resolver::new(settings.dns)),
            second_reader: settings.second_reader,
            tap: settings.tap,
            runtime,
            entropy: Mutex::new(entropy),
            next_flow: AtomicU64::new(1),
            datagram_key,
        };
        Ok(Signalling { shared: Arc::new(shared), held: Arc::new(held) })
    }

    /// Begins to read and to accept.
    ///
    /// # Errors
    /// A bound socket that the runtime does not take.
    pub fn serve(&mut self) -> io::Result<()> {
        self.held.serve(&self.shared)
    }

    /// The engine's hand on the network.
    pub fn outgoing(&self) -> Outgoing {
        Outgoing::new(self.shared.clone())
    }

    /// The hand that renews certificates while this runs.
    pub fn renewal(&self) -> Renewal {
        Renewal::new(Arc::clone(&self.shared))
    }

    /// The hand that changes listeners while this runs.
    pub fn rebinding(&self) -> Rebinding {
        Rebinding::new(Arc::clone(&self.shared), Arc::clone(&self.held))
    }

    /// Who watches strangers.
    pub fn gate(&self) -> Arc<Gate> {
        self.shared.gate.clone()
    }

    /// What was counted.
    pub fn counters(&self) -> Arc<Counters> {
        self.shared.counters.clone()
    }

    /// Where a listener is bound (the port chosen, when 0 was asked for).
    pub fn local_addr(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.held.local_addr(listener)
    }

    /// Stops listening and closes every connection; what was written before still leaves.
    pub fn stop(&mut self) {
        self.held.stop();
        for connection in self.shared.flows.all() {
            connection.flush();
            connection.close(ConnectionOutcome::Closed);
        }
    }
}
