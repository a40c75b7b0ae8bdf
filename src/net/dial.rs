//! Outgoing connections: one dial at a time per target, messages wait for it, a failure is told per message.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::Connection as TlsSession;

use super::arrival::News;
use super::connection::Connection;
use super::counters::{ConnectionOutcome, label};
use super::dial_log::Worth;
use super::guard::Visitor;
use super::listener::prepare_stream;
use super::names::certificate_names;
use super::reading::{self, Origin};
use super::shared::Shared;
use super::tls::{HandshakeFailure, client_config, dialled_name};
use crate::sip::flow::{Flow, PeerIdentity, Target, TlsTarget, TransmitFailure};

/// How long a TCP connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection before it is one of ours.
struct Dialled {
    stream: TcpStream,
    tls: Option<Box<TlsSession>>,
    peer: PeerIdentity,
}

/// Dials `target`, then sends what waits for it.
pub async fn dial(shared: Arc<Shared>, target: Target) {
    match establish(&shared, &target).await {
        Ok(dialled) => begin(&shared, &target, dialled),
        Err((failure, why)) => {
            shared.counters.connections.add(ConnectionOutcome::DialFailed);
            tell_failure(&shared, &target, failure, &why);
            for transmit in shared.flows.dial_failed(&target) {
                shared.fail(transmit.id, failure);
            }
        }
    }
}

fn begin(shared: &Arc<Shared>, target: &Target, dialled: Dialled) {
    let Ok(local) = dialled.stream.local_addr() else {
        for transmit in shared.flows.dial_failed(target) {
            shared.fail(transmit.id, TransmitFailure::ConnectFailed);
        }
        return;
    };
    let flow = Flow {
        id: shared.new_flow(),
        transport: target.transport,
        listener: target.listener,
        local,
        remote: target.address,
    };
    shared.gate.trust(&flow);
    let (read, write) = dialled.stream.into_split();
    let (known, limit) = ((flow, Visitor::Peer), shared.limits.connection_write_octets);
    let connection = Arc::new(Connection::new(known, write, dialled.tls, limit));
    shared.counters.connections.add(ConnectionOutcome::Dialled);
    tell_success(shared, target);
    shared.sink.report(News::FlowOpened(flow.id, dialled.peer));
    let waiting = shared.flows.dialled(target, connection.clone());
    for transmit in waiting {
        super::outgoing::put(shared, &connection, transmit);
    }
    connection.flush();
    tokio::spawn(reading::run(shared.clone(), connection, read, Origin::Dialled(target.keep_alive)));
}

/// A peer that hangs up at once, and is dialled for each call, must not fill the log.
fn tell_failure(shared: &Shared, target: &Target, failure: TransmitFailure, why: &str) {
    let (address, transport) = (target.address, target.transport.uri_token());
    match shared.dials.failed(Instant::now().into_std(), target) {
        Worth::Line => {
            tracing::warn!(%address, transport, ?failure, why, "cannot connect; further failures are counted")
        }
        Worth::Nothing => tracing::debug!(%address, transport, ?failure, why, "cannot connect"),
    }
}

fn tell_success(shared: &Shared, target: &Target) {
    if shared.dials.works(Instant::now().into_std(), target) == Worth::Line {
        tracing::info!(address = %target.address, transport = target.transport.uri_token(), "connected again");
    }
}

type Failed = (TransmitFailure, String);

async fn establish(shared: &Shared, target: &Target) -> Result<Dialled, Failed> {
    let stream = connect(shared, target).await?;
    match target.tls.as_deref() {
        Some(tls) => handshake(shared, target, tls, stream).await,
        None => Ok(Dialled { stream, tls: None, peer: PeerIdentity::default() }),
    }
}

async fn connect(shared: &Shared, target: &Target) -> Result<TcpStream, Failed> {
    let failed = |error: io::Error| (TransmitFailure::ConnectFailed, error.to_string());
    let socket = if target.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(failed)?;
    if let Some(source) = source_address(shared, target) {
        socket.bind(source).map_err(failed)?;
    }
    let stream = match timeout(CONNECT, socket.connect(target.address)).await {
        Ok(connected) => connected.map_err(failed)?,
        Err(_) => return Err((TransmitFailure::ConnectTimeout, "no answer to the connection request".to_owned())),
    };
    prepare_stream(&stream);
    Ok(stream)
}

/// The network's own address, when the listener is bound to one of the right family.
fn source_address(shared: &Shared, target: &Target) -> Option<SocketAddr> {
    let bound: IpAddr = shared.listener(target.listener)?.bind.ip();
    let fits = !bound.is_unspecified() && bound.is_ipv4() == target.address.is_ipv4();
    fits.then(|| SocketAddr::new(bound, 0))
}

async fn handshake(shared: &Shared, target: &Target, tls: &TlsTarget, stream: TcpStream) -> Result<Dialled, Failed> {
    let settings = shared.listener(target.listener);
    let listener = settings.as_ref().and_then(|listener| listener.tls.as_ref());
    let default = listener.and_then(|listener| listener.certificates.first());
    let config = client_config(tls, default.map(String::as_str), &shared.tls.load()).map_err(|error| {
        shared.counters.handshake_failures.add(HandshakeFailure::OurSettings);
        (TransmitFailure::TlsRefused, error.to_string())
    })?;
    let name = dialled_name(&tls.server_name, target.address.ip());
    let limit = Duration::from_secs(shared.limits.handshake_s);
    let outcome = timeout(limit, TlsConnector::from(config).connect(name, stream)).await;
    let error = match outcome {
        Ok(Ok(secured)) => {
            let (stream, session) = secured.into_inner();
            let leaf = session.peer_certificates().and_then(|chain| chain.first());
            let names = leaf.and_then(certificate_names).unwrap_or_default();
            let place = listener.and_then(|listener| listener.trust.iter().position(|store| *store == tls.trust));
            let trusted_by = place.filter(|place| *place < 64).map_or(0, |place| 1 << place);
            let session = Some(Box::new(TlsSession::Client(session)));
            return Ok(Dialled { stream, tls: session, peer: PeerIdentity { names, trusted_by, asked_for: None } });
        }
        Ok(Err(error)) => error,
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    let reason = HandshakeFailure::of(&error);
    shared.counters.handshake_failures.add(reason);
    let late = reason == HandshakeFailure::TimedOut;
    let failure = if late { TransmitFailure::ConnectTimeout } else { TransmitFailure::TlsRefused };
    Err((failure, format!("TLS, {}: {error}", label(&reason))))
}
