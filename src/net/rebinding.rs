//! The sockets of every listener, and how another configuration takes their place while the shell runs: everything that
//! can fail is done first ([`Rebinding::prepare`]), then nothing can ([`Rebinding::commit`]).
//!
//! A listener that is no more takes no new connection; its connections and its datagram socket stay until running calls
//! need them no longer ([`Rebinding::release`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::RootCertStore;

use super::counters::ConnectionOutcome;
use super::identity::Identity;
use super::inherited::Inherited;
use super::listener;
use super::renewal::{Changed, turn_over};
use super::resolver::Resolver;
use super::settings::{DnsSettings, ListenerSettings, NetSettings};
use super::shared::Shared;
use super::signalling::StartError;
use super::tls::{TlsMaterial, TlsServer};
use super::udp::{self, UdpPort};
use crate::base::ids::ListenerId;
use crate::sip::flow::Transport;

/// Every listener that has a socket.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<BTreeMap<ListenerId, Bound>>);

/// One of them.
#[derive(Debug)]
pub(super) struct Bound {
    settings: Arc<ListenerSettings>,
    local: SocketAddr,
    socket: Socket,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Socket {
    Stream(std::net::TcpListener),
    Datagrams(Arc<UdpPort>),
    /// It listens no more; its connections live on.
    Gone,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ListenerId, Bound>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds every listener.
    ///
    /// # Errors
    /// The first that cannot be had.
    pub fn bind(listeners: &[Arc<ListenerSettings>], inherited: &Inherited) -> Result<Held, StartError> {
        let bound = |listener: &Arc<ListenerSettings>| Ok((listener.id, Bound::new(listener, inherited)?));
        Ok(Held(Mutex::new(listeners.iter().map(bound).collect::<Result<_, StartError>>()?)))
    }

    /// Where a listener is bound.
    pub fn local_addr(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.lock().get(&listener).map(|bound| bound.local)
    }

    /// Sockets for datagrams.
    pub fn ports(&self) -> Vec<Arc<UdpPort>> {
        self.lock().values().filter_map(Bound::port).collect()
    }

    /// Begins to read and to accept.
    ///
    /// # Errors
    /// A bound socket that the runtime does not take.
    pub fn serve(&self, shared: &Arc<Shared>) -> io::Result<()> {
        self.lock().values_mut().try_for_each(|bound| bound.serve(shared))
    }

    /// Stops listening: whoever comes to a socket that nobody accepts from any more is refused, and does not wait.
    pub fn stop(&self) {
        for bound in self.lock().values_mut() {
            bound.leave();
            bound.stop();
        }
    }
}

impl Bound {
    fn new(settings: &Arc<ListenerSettings>, inherited: &Inherited) -> Result<Bound, StartError> {
        let failed = |error| not_bound(settings, error);
        let (socket, local) = match settings.transport {
            Transport::Udp => {
                let bound = match inherited.datagrams(settings.bind) {
                    Some(socket) => UdpPort::of(settings.id, socket),
                    None => UdpPort::bind(settings.id, settings.bind),
                };
                let port = bound.map_err(failed)?;
                let local = port.local;
                (Socket::Datagrams(Arc::new(port)), local)
            }
            Transport::Tcp | Transport::Tls => {
                let bound = match inherited.stream(settings.bind) {
                    Some(socket) => socket.set_nonblocking(true).map(|()| socket),
                    None => listener::bind(settings.bind),
                };
                let socket = bound.map_err(failed)?;
                let local = socket.local_addr().map_err(failed)?;
                (Socket::Stream(socket), local)
            }
        };
        Ok(Bound { settings: Arc::clone(settings), local, socket, task: None })
    }

    /// The same socket for another listener at the same place: TLS where there was TCP.
    fn taken_over(&self, settings: &Arc<ListenerSettings>) -> Option<Bound> {
        let Socket::Stream(socket) = &self.socket else { return None };
        let fits = settings.transport != Transport::Udp && settings.bind == self.settings.bind;
        let socket = socket.try_clone().ok().filter(|_| fits)?;
        let (settings, local) = (Arc::clone(settings), self.local);
        Some(Bound { settings, local, socket: Socket::Stream(socket), task: None })
    }

    fn port(&self) -> Option<Arc<UdpPort>> {
        match &self.socket {
            Socket::Datagrams(port) => Some(Arc::clone(port)),
            Socket::Stream(_) | Socket::Gone => None,
        }
    }

    fn is_gone(&self) -> bool {
        matches!(self.socket, Socket::Gone)
    }

    fn serve(&mut self, shared: &Arc<Shared>) -> io::Result<()> {
        if self.task.is_some() {
            return Ok(());
        }
        self.task = match &self.socket {
            Socket::Datagrams(port) => Some(shared.runtime.spawn(udp::serve(Arc::clone(shared), Arc::clone(port)))),
            Socket::Stream(socket) => {
                let _inside = shared.runtime.enter();
                let socket = TcpListener::from_std(socket.try_clone()?)?;
                let (id, transport) = (self.settings.id, self.settings.transport);
                Some(shared.runtime.spawn(listener::serve(Arc::clone(shared), id, transport, socket)))
            }
            Socket::Gone => None,
        };
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// No new connection is taken. Datagrams still come: those of calls go on.
    fn leave(&mut self) {
        if let Socket::Stream(_) = &self.socket {
            self.stop();
            self.socket = Socket::Gone;
        }
    }
}

fn not_bound(listener: &ListenerSettings, error: io::Error) -> StartError {
    let (name, address) = (listener.name.clone(), listener.bind);
    if error.kind() == io::ErrorKind::AddrInUse {
        StartError::Taken { listener: name, transport: listener.transport, address, by: None }
    } else {
        StartError::Unavailable { listener: name, address, error }
    }
}

/// Says of a port that is taken when it is so by a datagram socket of ours: those stay as long as calls need them.
fn by_whom(error: StartError, held: &BTreeMap<ListenerId, Bound>) -> StartError {
    match error {
        StartError::Taken { listener, transport: Transport::Udp, address, by: None } => {
            let holds = |bound: &&Bound| bound.port().is_some() && overlap(bound.local, address);
            let by = held.values().find(holds).map(|bound| bound.settings.name.clone());
            StartError::Taken { listener, transport: Transport::Udp, address, by }
        }
        StartError::Taken { .. } | StartError::Unavailable { .. } | StartError::Tls { .. } => error,
    }
}

/// Whether two sockets cannot be there at once: one address covers the other.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

/// Our side of every TLS listener.
///
/// # Errors
/// Certificates or trust stores that are not in `material`.
pub(super) fn servers(
    listeners: &[Arc<ListenerSettings>],
    material: &TlsMaterial,
) -> Result<BTreeMap<ListenerId, TlsServer>, StartError> {
    let mut servers = BTreeMap::new();
    for listener in listeners {
        if let Some(tls) = &listener.tls {
            let failed = |error| StartError::Tls { listener: listener.name.clone(), error };
            servers.insert(listener.id, TlsServer::new(tls, material).map_err(failed)?);
        }
    }
    Ok(servers)
}

/// The hand that changes listeners, certificates, trust and name servers.
#[derive(Clone, Debug)]
pub struct Rebinding {
    shared: Arc<Shared>,
    held: Arc<Held>,
}

/// What another configuration needs, all of it there.
pub struct Prepared {
    listeners: Vec<Arc<ListenerSettings>>,
    material: TlsMaterial,
    servers: BTreeMap<ListenerId, TlsServer>,
    fresh: Vec<Bound>,
    dns: Option<DnsSettings>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("listeners", &self.listeners)
            .field("fresh", &self.fresh)
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebound {
    /// Connections that showed an old certificate or were proved by an old trust store: closed after a while.
    pub turned_over: usize,
    /// Listeners that only running calls need: hand them to [`Rebinding::release`].
    pub lingering: Vec<ListenerId>,
}

impl Rebinding {
    pub(super) fn new(shared: Arc<Shared>, held: Arc<Held>) -> Rebinding {
        Rebinding { shared, held }
    }

    /// The certificate that is shown now under a key of `[certificates]`.
    pub fn shown(&self, name: &str) -> Option<Arc<Identity>> {
        self.shared.tls.load().identities.get(name).cloned()
    }

    /// Binds what is new, and makes ready what TLS needs. Nothing that runs is touched. `dns`: where it has changed.
    /// Limits, the second reader, the tap and inherited sockets stay as they were at the start.
    ///
    /// # Errors
    /// The first listener that cannot be had; what was bound for it is closed again.
    pub fn prepare(&self, settings: NetSettings, dns: Option<DnsSettings>) -> Result<Prepared, StartError> {
        let material =
            TlsMaterial { identities: settings.identities, trust: settings.trust, revoked: settings.revoked };
        let listeners: Vec<Arc<ListenerSettings>> = settings.listeners.into_iter().map(Arc::new).collect();
        let servers = servers(&listeners, &material)?;
        let held = self.held.lock();
        let mut fresh = Vec::new();
        for listener in &listeners {
            if held.get(&listener.id).is_some_and(|bound| !bound.is_gone()) {
                continue;
            }
            let leaves = |id: &ListenerId| listeners.iter().all(|listener| listener.id != *id);
            let before = held.iter().filter(|(id, _)| leaves(id)).find_map(|(_, bound)| bound.taken_over(listener));
            let bind = || Bound::new(listener, &Inherited::default()).map_err(|error| by_whom(error, &held));
            fresh.push(before.map_or_else(bind, Ok)?);
        }
        Ok(Prepared { listeners, material, servers, fresh, dns })
    }

    /// Puts it in force. `told`: called when everything can be sent, and before anything of what is new is read.
    /// Connections that are turned over are closed after `rest`.
    pub fn commit(&self, prepared: Prepared, rest: Duration, told: impl FnOnce()) -> Rebound {
        let Prepared { listeners, material, servers, fresh, dns } = prepared;
        let _changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = changes(&self.shared.tls.load(), &material);
        let mut held = self.held.lock();
        for bound in fresh {
            held.insert(bound.settings.id, bound);
        }
        let wanted: BTreeSet<ListenerId> = listeners.iter().map(|listener| listener.id).collect();
        held.iter_mut().filter(|(id, _)| !wanted.contains(id)).for_each(|(_, bound)| bound.leave());
        for listener in &listeners {
            if let Some(bound) = held.get_mut(&listener.id) {
                bound.settings = Arc::clone(listener);
            }
        }
        self.shared.tls.store(Arc::new(material));
        self.shared.servers.store(Arc::new(servers));
        if let Some(dns) = dns {
            let _inside = self.shared.runtime.enter();
            let resolver = Resolver::new(dns).remembering(&self.shared.resolver.load());
            self.shared.resolver.store(Arc::new(resolver));
        }
        self.show(&held);
        told();
        for bound in held.values_mut() {
            if let Err(error) = bound.serve(&self.shared) {
                tracing::error!(listener = %bound.settings.name, %error, "the listener is deaf");
            }
        }
        let lingering = held.keys().filter(|id| !wanted.contains(id)).copied().collect();
        drop(held);
        Rebound { turned_over: turn_over(&self.shared, &changed, rest), lingering }
    }

    /// No call needs these any more: their sockets and connections are closed. One that is configured again stays.
    pub fn release(&self, listeners: &[ListenerId]) {
        let _changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.held.lock();
        for id in listeners {
            if let Some(mut bound) = held.remove(id) {
                bound.stop();
                tracing::info!(listener = %bound.settings.name, local = %bound.local, "listener closed");
            }
        }
        self.show(&held);
        drop(held);
        for connection in self.shared.flows.all() {
            if listeners.contains(&connection.flow.listener) {
                connection.flush();
                connection.close(ConnectionOutcome::Closed);
            }
        }
    }

    fn show(&self, held: &BTreeMap<ListenerId, Bound>) {
        let listeners = held.values().map(|bound| Arc::clone(&bound.settings)).collect();
        self.shared.listeners.store(Arc::new(listeners));
        self.shared.udp.store(Arc::new(held.values().filter_map(Bound::port).collect()));
    }
}

/// Certificates and trust stores that are other ones now, or no more.
fn changes(before: &TlsMaterial, now: &TlsMaterial) -> Changed {
    let same = |a: &Arc<Identity>, b: &Arc<Identity>| a.chain() == b.chain();
    let identities = differing(&before.identities, &now.identities, same);
    let same = |a: &Arc<RootCertStore>, b: &Arc<RootCertStore>| a.roots == b.roots;
    let mut trust = differing(&before.trust, &now.trust, same);
    trust.extend(
        now.revoked
            .iter()
            .filter(|(name, lists)| before.revoked.get(*name) != Some(*lists))
            .map(|(name, _)| name.clone()),
    );
    Changed { identities, trust }
}

fn differing<T>(
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
) -> BTreeSet<String> {
    let is_other = |(name, old): &(&String, &T)| !now.get(*name).is_some_and(|new| same(old, new));
    before.iter().filter(is_other).map(|(name, _)| name.clone()).collect()
}
