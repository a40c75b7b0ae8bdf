//! The signalling shell as a whole: bind everything, then serve.

use std::fmt;
use std::hash::RandomState;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::arrival::Sink;
use super::counters::{ConnectionOutcome, Counters};
use super::dial_log::DialLog;
use super::flows::Flows;
use super::guard::Gate;
use super::inherited::Inherited;
use super::listener;
use super::outgoing::Outgoing;
use super::renewal::Renewal;
use super::resolver::Resolver;
use super::seats::Seats;
use super::settings::{ListenerSettings, NetSettings};
use super::shared::Shared;
use super::tls::{TlsError, TlsMaterial, TlsServer};
use super::udp::{self, UdpPort};
use crate::base::Entropy;
use crate::base::ids::ListenerId;
use crate::sip::flow::Transport;

/// Why the shell does not start.
#[derive(Debug)]
pub enum StartError {
    /// Another process has the port.
    Taken { listener: Arc<str>, transport: Transport, address: SocketAddr },
    /// The system does not give us the address or port.
    Unavailable { listener: Arc<str>, address: SocketAddr, error: io::Error },
    /// The TLS settings cannot be used.
    Tls { listener: Arc<str>, error: TlsError },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Taken { listener, transport, address } => write!(
                f,
                "{} port {address} of listener `{listener}` is taken by another process; stop it or change `port`",
                transport.via_token()
            ),
            StartError::Unavailable { listener, address, error } => {
                write!(f, "listener `{listener}` cannot be bound to {address}: {error}")
            }
            StartError::Tls { listener, error } => write!(f, "listener `{listener}`: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// The running shell.
#[derive(Debug)]
pub struct Signalling {
    shared: Arc<Shared>,
    resolver: Arc<Resolver>,
    streams: Vec<BoundStream>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct BoundStream {
    listener: ListenerId,
    local: SocketAddr,
    /// `None` once served.
    socket: Option<std::net::TcpListener>,
    tls: Option<TlsServer>,
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
        let material = TlsMaterial { identities: settings.identities, trust: settings.trust };
        let mut streams = Vec::new();
        let mut ports = Vec::new();
        for listener in &settings.listeners {
            match listener.transport {
                Transport::Udp => ports.push(Arc::new(bind_port(listener, &settings.inherited)?)),
                Transport::Tcp | Transport::Tls => streams.push(bind_stream(listener, &material, &settings.inherited)?),
            }
        }
        let shared = Shared {
            seats: Seats::new(&settings.limits),
            gate: Arc::new(Gate::new(&settings.limits, settings.known)),
            listeners: settings.listeners,
            limits: settings.limits,
            sink,
            counters: Arc::new(Counters::default()),
            flows: Flows::default(),
            dials: DialLog::default(),
            tls: ArcSwap::from_pointee(material),
            udp: ports,
            second_reader: settings.second_reader,
            tap: settings.tap,
            runtime,
            entropy: Mutex::new(entropy),
            next_flow: AtomicU64::new(1),
            datagram_key: RandomState::new(),
        };
        let resolver = Arc::new(Resolver::new(settings.dns));
        Ok(Signalling { shared: Arc::new(shared), resolver, streams, tasks: Vec::new() })
    }

    /// Begins to read and to accept.
    ///
    /// # Errors
    /// A bound socket that the runtime does not take.
    pub fn serve(&mut self) -> io::Result<()> {
        for port in &self.shared.udp {
            self.tasks.push(self.shared.runtime.spawn(udp::serve(self.shared.clone(), port.clone())));
        }
        let _inside = self.shared.runtime.enter();
        for stream in &mut self.streams {
            if let Some(socket) = stream.socket.take() {
                let socket = TcpListener::from_std(socket)?;
                let served = listener::serve(self.shared.clone(), stream.listener, socket, stream.tls.clone());
                self.tasks.push(self.shared.runtime.spawn(served));
            }
        }
        Ok(())
    }

    /// The engine's hand on the network.
    pub fn outgoing(&self) -> Outgoing {
        Outgoing::new(self.shared.clone(), self.resolver.clone())
    }

    /// The hand that renews certificates while this runs.
    pub fn renewal(&self) -> Renewal {
        let shown = |stream: &BoundStream| {
            let names = self.shared.listener(stream.listener)?.tls.as_ref()?.certificates.clone();
            Some((stream.listener, names, Arc::clone(&stream.tls.as_ref()?.identities)))
        };
        Renewal::new(Arc::clone(&self.shared), self.streams.iter().filter_map(shown).collect())
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
        let port = self.shared.udp.iter().find(|port| port.listener == listener).map(|port| port.local);
        port.or_else(|| self.streams.iter().find(|stream| stream.listener == listener).map(|stream| stream.local))
    }

    /// Stops listening and closes every connection; what was written before still leaves.
    pub fn stop(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        for connection in self.shared.flows.all() {
            connection.flush();
            connection.close(ConnectionOutcome::Closed);
        }
    }
}

fn bind_port(listener: &ListenerSettings, inherited: &Inherited) -> Result<UdpPort, StartError> {
    let bound = match inherited.datagrams(listener.bind) {
        Some(socket) => UdpPort::of(listener.id, socket),
        None => UdpPort::bind(listener.id, listener.bind),
    };
    bound.map_err(|error| not_bound(listener, error))
}

fn bind_stream(
    listener: &ListenerSettings,
    material: &TlsMaterial,
    inherited: &Inherited,
) -> Result<BoundStream, StartError> {
    let tls = match &listener.tls {
        Some(tls) => Some(
            TlsServer::new(tls, material)
                .map_err(|error| StartError::Tls { listener: listener.name.clone(), error })?,
        ),
        None => None,
    };
    let bound = match inherited.stream(listener.bind) {
        Some(socket) => socket.set_nonblocking(true).map(|()| socket),
        None => listener::bind(listener.bind),
    };
    let socket = bound.map_err(|error| not_bound(listener, error))?;
    let local = socket.local_addr().map_err(|error| not_bound(listener, error))?;
    Ok(BoundStream { listener: listener.id, local, socket: Some(socket), tls })
}

fn not_bound(listener: &ListenerSettings, error: io::Error) -> StartError {
    let (name, address) = (listener.name.clone(), listener.bind);
    if error.kind() == io::ErrorKind::AddrInUse {
        StartError::Taken { listener: name, transport: listener.transport, address }
    } else {
        StartError::Unavailable { listener: name, address, error }
    }
}
