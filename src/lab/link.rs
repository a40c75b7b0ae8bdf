//! How an agent's octets travel: one UDP socket, or a TLS listener and the connections made and taken.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::rustls::pki_types::ServerName;

use super::streams::{Arrived, Origin, Streams, datagrams, inbox, send_datagram, unbound};
use super::tls::{TlsSettings, carries_name};

/// The other end: where to send requests, and the name its certificate must carry (TLS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    pub name: String,
}

/// What carries an agent's messages. Cloning shares.
#[derive(Clone)]
pub enum Link {
    Udp(Arc<UdpSocket>),
    Tls(Arc<TlsLink>),
}

/// The connections of an agent.
pub struct TlsLink {
    settings: TlsSettings,
    local: SocketAddr,
    streams: Arc<Streams>,
    /// The connection our requests use; made when first needed, again when it broke.
    own: tokio::sync::Mutex<Option<u64>>,
    /// The name a client's certificate must carry; unset: any that the authority signed.
    expected_name: Mutex<Option<String>>,
}

impl Link {
    /// Binds a datagram socket and begins to read.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn udp(address: SocketAddr) -> Result<(Link, mpsc::Receiver<Arrived>), String> {
        let (socket, arrivals) = datagrams(address).await?;
        Ok((Link::Udp(socket), arrivals))
    }

    /// Binds a listener and begins to accept.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn tls(address: SocketAddr, settings: TlsSettings) -> Result<(Link, mpsc::Receiver<Arrived>), String> {
        let listener = TcpListener::bind(address).await.map_err(|error| unbound(address, "tcp", &error))?;
        let (inbox, arrivals) = inbox();
        let link = Arc::new(TlsLink {
            settings,
            local: listener.local_addr().map_err(|error| error.to_string())?,
            streams: Arc::new(Streams::new(inbox)),
            own: tokio::sync::Mutex::default(),
            expected_name: Mutex::default(),
        });
        let taker = link.clone();
        tokio::spawn(link.streams.clone().accept(listener, move |stream, source| {
            tokio::spawn(taker.clone().take(stream, source));
        }));
        Ok((Link::Tls(link), arrivals))
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn local(&self) -> Result<SocketAddr, String> {
        match self {
            Link::Udp(socket) => socket.local_addr().map_err(|error| error.to_string()),
            Link::Tls(link) => Ok(link.local),
        }
    }

    /// The Via token: `UDP` or `TLS`.
    #[must_use]
    pub fn token(&self) -> &'static str {
        match self {
            Link::Udp(_) => "UDP",
            Link::Tls(_) => "TLS",
        }
    }

    /// From now on a TLS client must show this name.
    pub fn expect_name(&self, name: &str) {
        match self {
            Link::Udp(_) => {}
            Link::Tls(link) => *link.expected_name() = Some(name.to_owned()),
        }
    }

    /// Sends a request to `peer`.
    ///
    /// # Errors
    /// Why it could not be handed over.
    pub async fn send(&self, peer: &Peer, octets: Bytes) -> Result<(), String> {
        match self {
            Link::Udp(socket) => send_datagram(socket, peer.address, &octets).await,
            Link::Tls(link) => link.send(peer, octets).await,
        }
    }

    /// Sends a response where its request came from.
    ///
    /// # Errors
    /// Why it could not be handed over.
    pub async fn reply(&self, origin: Origin, octets: Bytes) -> Result<(), String> {
        match (self, origin) {
            (Link::Udp(socket), Origin::Datagram(address)) => send_datagram(socket, address, &octets).await,
            (Link::Tls(link), Origin::Connection(id)) => link.streams.write(id, octets).await,
            (Link::Udp(_), Origin::Connection(_)) | (Link::Tls(_), Origin::Datagram(_)) => {
                Err("a reply to another transport".to_owned())
            }
        }
    }
}

impl TlsLink {
    fn expected_name(&self) -> MutexGuard<'_, Option<String>> {
        self.expected_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, peer: &Peer, octets: Bytes) -> Result<(), String> {
        let mut own = self.own.lock().await;
        let open = own.filter(|id| self.streams.is_open(*id));
        let id = match open {
            Some(id) => id,
            None => self.dial(peer).await?,
        };
        *own = Some(id);
        self.streams.write(id, octets).await
    }

    async fn dial(&self, peer: &Peer) -> Result<u64, String> {
        let say = |error: std::io::Error| format!("TLS to {}: {error}", peer.address);
        let socket = TcpSocket::new_v4().map_err(say)?;
        // The SBC may know its peers by address: leave from the agent's own.
        socket.bind(SocketAddr::new(self.local.ip(), 0)).map_err(say)?;
        let stream = socket.connect(peer.address).await.map_err(say)?;
        stream.set_nodelay(true).map_err(say)?;
        let name = ServerName::try_from(peer.name.clone()).map_err(|error| error.to_string())?;
        let secured = self.settings.connector.connect(name, stream).await.map_err(say)?;
        let id = self.streams.number();
        self.streams.serve(id, secured);
        Ok(id)
    }

    async fn take(self: Arc<Self>, stream: TcpStream, source: SocketAddr) {
        match self.settings.acceptor.accept(stream).await {
            Ok(secured) => {
                let expected = self.expected_name().clone();
                let leaf = secured.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
                let fits = |name: &String| leaf.as_ref().is_some_and(|leaf| carries_name(leaf, name));
                match expected.as_ref().filter(|name| !fits(name)) {
                    Some(name) => {
                        self.streams.complain(format!("certificate of {source} does not carry {name}")).await;
                    }
                    None => self.streams.serve(self.streams.number(), secured),
                }
            }
            Err(error) => self.streams.complain(format!("TLS from {source}: {error}")).await,
        }
    }
}
