//! Incoming connections: bind, accept within the limits, TLS handshake within its deadline, then the connection's task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::Connection as TlsSession;
use tokio_rustls::rustls::server::Acceptor;

use super::arrival::News;
use super::connection::Connection;
use super::counters::{ConnectionOutcome, label};
use super::guard::{Offence, Verdict, Visitor};
use super::reading::{self, Origin};
use super::seats::{Handshake, Seat};
use super::shared::Shared;
use super::tls::{HandshakeFailure, TlsServer};
use crate::base::ids::{FlowId, ListenerId};
use crate::sip::flow::{Flow, PeerIdentity, Transport};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// TCP keep-alive (issue: a dead connection is found before the next call fails).
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long octets may stay without an acknowledgement: a connection that died under a request is given up before the
/// request's transaction is (RFC 3261 timer B, 32 s).
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// How long accepting rests when the process has no descriptor left (R-B6): no busy loop.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);
/// How often the log tells of that while it lasts.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// Binds a listener of connections.
///
/// # Errors
/// What the system says; `AddrInUse` when the port is taken.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Only lets us back in while old connections linger in TIME_WAIT; a port that is listened on stays taken.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Options of every connection of ours: no delay for small writes, keep-alive, no endless repetition.
pub fn prepare_stream(stream: &TcpStream) {
    // A connection without these options still works.
    let _ = stream.set_nodelay(true);
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(Duration::from_secs(10)).with_retries(3);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

/// Accepts until the listener is taken away or the process ends.
pub async fn serve(shared: Arc<Shared>, listener: ListenerId, transport: Transport, socket: TcpListener) {
    let mut told: Option<Instant> = None;
    loop {
        match socket.accept().await {
            Ok((stream, remote)) => match transport {
                Transport::Tls => {
                    // As the listener shows itself now: certificates and trust may have been changed.
                    if let Some(tls) = shared.servers.load().get(&listener).cloned() {
                        admit(&shared, listener, stream, remote, Some(&tls));
                    }
                }
                Transport::Tcp | Transport::Udp => admit(&shared, listener, stream, remote, None),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                if told.is_none_or(|at| at.elapsed() >= TOLD_AGAIN) {
                    tracing::warn!(%error, "cannot accept connections for the moment");
                    told = Some(Instant::now());
                }
                sleep(NO_DESCRIPTOR).await;
            }
        }
    }
}

/// Errors of a connection that was gone before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn admit(shared: &Arc<Shared>, listener: ListenerId, stream: TcpStream, remote: SocketAddr, tls: Option<&TlsServer>) {
    let Ok(local) = stream.local_addr() else { return };
    let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
    let flow = Flow { id: FlowId(0), transport, listener, local, remote };
    let visitor = shared.gate.visitor(&flow, &PeerIdentity::default());
    let refused = match shared.gate.connection(visitor, remote.ip()) {
        Verdict::Take => None,
        Verdict::TooMany => Some(ConnectionOutcome::TooFast),
        Verdict::Banned => Some(ConnectionOutcome::Banned),
    };
    if let Some(outcome) = refused {
        return shared.counters.connections.add(outcome);
    }
    let seated = shared.seats.take(remote.ip(), visitor);
    let seated = seated.and_then(|seat| match tls {
        Some(tls) => Ok((seat, Some((tls.clone(), shared.seats.begin_handshake(remote.ip(), visitor)?)))),
        None => Ok((seat, None)),
    });
    let (seat, handshake) = match seated {
        Ok(seated) => seated,
        Err(outcome) => return shared.counters.connections.add(outcome),
    };
    prepare_stream(&stream);
    let arrival = Arrival { shared: shared.clone(), flow, seat };
    match handshake {
        Some((tls, handshake)) => tokio::spawn(arrival.greet(stream, tls, handshake)),
        None => tokio::spawn(arrival.begin(stream, None, PeerIdentity::default())),
    };
}

/// A connection that was let in.
struct Arrival {
    shared: Arc<Shared>,
    /// Without its number.
    flow: Flow,
    seat: Seat,
}

impl Arrival {
    /// The handshake, and the connection in a task of its own when it is done: until then it needs no room (R-B3).
    async fn greet(self, stream: TcpStream, tls: TlsServer, handshake: Handshake) {
        let secured = self.secure(&tls, stream).await;
        drop(handshake);
        if let Some((stream, session, peer)) = secured {
            tokio::spawn(self.begin(stream, Some(session), peer));
        }
    }

    async fn secure(&self, tls: &TlsServer, stream: TcpStream) -> Option<(TcpStream, Box<TlsSession>, PeerIdentity)> {
        let limits = &self.shared.limits;
        // Who opens and says nothing, or half a ClientHello, costs the least time, and each stage the memory of its own
        // (R-B3): a future that is not in a box lies in this one before it begins.
        let greeted = timeout(Duration::from_secs(limits.hello_s), async {
            stream.readable().await?;
            Box::pin(LazyConfigAcceptor::new(Acceptor::default(), stream)).await.map(Box::new)
        });
        let accepted = async {
            let greeted = greeted.await??;
            Box::pin(greeted.into_stream(tls.config.clone())).await
        };
        let error = match timeout(Duration::from_secs(limits.handshake_s), accepted).await {
            Ok(Ok(secured)) => {
                let (stream, session) = secured.into_inner();
                let proved = tls.identify(session.peer_certificates().unwrap_or_default());
                let asked_for = session.server_name().map(|name| name.to_ascii_lowercase().into());
                let peer = PeerIdentity { asked_for, ..proved };
                return Some((stream, Box::new(TlsSession::Server(session)), peer));
            }
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        self.failed(&error);
        None
    }

    fn failed(&self, error: &io::Error) {
        let (remote, reason) = (self.flow.remote, HandshakeFailure::of(error));
        self.shared.counters.handshake_failures.add(reason);
        tracing::info!(%remote, reason = label(&reason), %error, "TLS handshake failed");
        if reason.is_an_offence() {
            self.shared.offended(&self.flow, Offence::BadHandshake);
        }
    }

    async fn begin(self, stream: TcpStream, tls: Option<Box<TlsSession>>, peer: PeerIdentity) {
        let Arrival { shared, flow, mut seat } = self;
        let flow = Flow { id: shared.new_flow(), ..flow };
        if seat.visitor() == Visitor::Stranger && shared.gate.visitor(&flow, &peer) == Visitor::Peer {
            // Its certificate names it, wherever it comes from.
            seat.is_of_a_peer();
            shared.gate.trust(&flow);
        }
        let (read, write) = stream.into_split();
        let (known, limit) = ((flow, seat.visitor()), shared.limits.connection_write_octets);
        let connection = Arc::new(Connection::new(known, write, tls, limit));
        shared.counters.connections.add(ConnectionOutcome::Accepted);
        tracing::debug!(flow = flow.id.0, remote = %flow.remote, names = ?peer.names, "connection accepted");
        shared.flows.opened(connection.clone(), &peer);
        shared.sink.report(News::FlowOpened(flow.id, peer));
        reading::run(shared, connection, read, Origin::Accepted(seat)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_connection_is_probed_when_idle_and_given_up_when_octets_stay_unacknowledged() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        prepare_stream(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap() && stream.nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(20)));
    }
}
