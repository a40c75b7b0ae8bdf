//! How an agent's octets travel: one UDP socket, or a TLS listener and the connections made and taken.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::rustls::pki_types::ServerName;

use super::framing::StreamCutter;
use super::tls::{TlsSettings, carries_name};

/// Messages that wait for the agent; beyond it datagrams are dropped and streams wait.
const INBOX: usize = 1_024;
/// Messages that wait for a connection's writer.
const OUTBOX: usize = 256;
const DATAGRAM_LIMIT: usize = 65_535;

/// The other end: where to send requests, and the name its certificate must carry (TLS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    pub name: String,
}

/// Where a message came from; a response goes back there (RFC 3261 18.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Datagram(SocketAddr),
    Connection(u64),
}

/// Octets that came, or why nothing more comes.
#[derive(Clone, Debug)]
pub enum Arrived {
    Message(Bytes, Origin),
    /// A handshake, name check or stream that failed, in words.
    Trouble(String),
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
    writers: Mutex<HashMap<u64, mpsc::Sender<Bytes>>>,
    next: AtomicU64,
    /// The connection our requests use; made when first needed, again when it broke.
    own: tokio::sync::Mutex<Option<u64>>,
    /// The name a client's certificate must carry; unset: any that the authority signed.
    expected_name: Mutex<Option<String>>,
    inbox: mpsc::Sender<Arrived>,
}

impl Link {
    /// Binds a datagram socket and begins to read.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn udp(address: SocketAddr) -> Result<(Link, mpsc::Receiver<Arrived>), String> {
        let socket = Arc::new(UdpSocket::bind(address).await.map_err(|error| format!("{address}/udp: {error}"))?);
        let (inbox, arrivals) = mpsc::channel(INBOX);
        tokio::spawn(read_datagrams(socket.clone(), inbox));
        Ok((Link::Udp(socket), arrivals))
    }

    /// Binds a listener and begins to accept.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn tls(address: SocketAddr, settings: TlsSettings) -> Result<(Link, mpsc::Receiver<Arrived>), String> {
        let listener = TcpListener::bind(address).await.map_err(|error| format!("{address}/tcp: {error}"))?;
        let (inbox, arrivals) = mpsc::channel(INBOX);
        let link = Arc::new(TlsLink {
            settings,
            local: listener.local_addr().map_err(|error| error.to_string())?,
            writers: Mutex::default(),
            next: AtomicU64::new(1),
            own: tokio::sync::Mutex::default(),
            expected_name: Mutex::default(),
            inbox,
        });
        tokio::spawn(accept(listener, link.clone()));
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
            Link::Tls(link) => *lock(&link.expected_name) = Some(name.to_owned()),
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
            (Link::Tls(link), Origin::Connection(id)) => link.write(id, octets).await,
            (Link::Udp(_), Origin::Connection(_)) | (Link::Tls(_), Origin::Datagram(_)) => {
                Err("a reply to another transport".to_owned())
            }
        }
    }
}

impl TlsLink {
    async fn send(self: &Arc<Self>, peer: &Peer, octets: Bytes) -> Result<(), String> {
        let mut own = self.own.lock().await;
        let open = own.filter(|id| lock(&self.writers).contains_key(id));
        let id = match open {
            Some(id) => id,
            None => self.dial(peer).await?,
        };
        *own = Some(id);
        self.write(id, octets).await
    }

    async fn write(&self, id: u64, octets: Bytes) -> Result<(), String> {
        let writer = lock(&self.writers).get(&id).cloned().ok_or("the connection is closed")?;
        writer.send(octets).await.map_err(|_| "the connection is closed".to_owned())
    }

    async fn dial(self: &Arc<Self>, peer: &Peer) -> Result<u64, String> {
        let say = |error: std::io::Error| format!("TLS to {}: {error}", peer.address);
        let socket = TcpSocket::new_v4().map_err(say)?;
        // The SBC may know its peers by address: leave from the agent's own.
        socket.bind(SocketAddr::new(self.local.ip(), 0)).map_err(say)?;
        let stream = socket.connect(peer.address).await.map_err(say)?;
        stream.set_nodelay(true).map_err(say)?;
        let name = ServerName::try_from(peer.name.clone()).map_err(|error| error.to_string())?;
        let secured = self.settings.connector.connect(name, stream).await.map_err(say)?;
        Ok(self.serve(secured))
    }

    /// Gives a connection its number, reader and writer.
    fn serve<S>(self: &Arc<Self>, stream: S) -> u64
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reader, writer) = tokio::io::split(stream);
        let (queue, outbox) = mpsc::channel(OUTBOX);
        lock(&self.writers).insert(id, queue);
        tokio::spawn(write_stream(writer, outbox));
        tokio::spawn(read_stream(self.clone(), id, reader));
        id
    }

    async fn take(self: Arc<Self>, stream: TcpStream, source: SocketAddr) {
        match self.settings.acceptor.accept(stream).await {
            Ok(secured) => {
                let expected = lock(&self.expected_name).clone();
                let leaf = secured.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
                let fits = |name: &String| leaf.as_ref().is_some_and(|leaf| carries_name(leaf, name));
                match expected.as_ref().filter(|name| !fits(name)) {
                    Some(name) => self.complain(format!("certificate of {source} does not carry {name}")).await,
                    None => {
                        self.serve(secured);
                    }
                }
            }
            Err(error) => self.complain(format!("TLS from {source}: {error}")).await,
        }
    }

    async fn complain(&self, words: String) {
        // Nobody listens any more when the run is over.
        let _ = self.inbox.send(Arrived::Trouble(words)).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send_datagram(socket: &UdpSocket, address: SocketAddr, octets: &[u8]) -> Result<(), String> {
    socket.send_to(octets, address).await.map(|_| ()).map_err(|error| format!("UDP to {address}: {error}"))
}

async fn read_datagrams(socket: Arc<UdpSocket>, inbox: mpsc::Sender<Arrived>) {
    let mut buffer = vec![0; DATAGRAM_LIMIT];
    while !inbox.is_closed() {
        // An error here is an ICMP answer to something sent before: the sender's timers notice.
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else { continue };
        let octets = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
        if octets.iter().any(|octet| !octet.is_ascii_whitespace()) {
            let _ = inbox.try_send(Arrived::Message(octets, Origin::Datagram(source)));
        }
    }
}

async fn accept(listener: TcpListener, link: Arc<TlsLink>) {
    while !link.inbox.is_closed() {
        if let Ok((stream, source)) = listener.accept().await
            && stream.set_nodelay(true).is_ok()
        {
            tokio::spawn(link.clone().take(stream, source));
        }
    }
}

/// Writes what is queued for a connection until the queue or the connection ends.
pub(super) async fn write_stream(mut writer: impl AsyncWrite + Unpin, mut outbox: mpsc::Receiver<Bytes>) {
    while let Some(octets) = outbox.recv().await {
        if writer.write_all(&octets).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

async fn read_stream(link: Arc<TlsLink>, id: u64, reader: impl AsyncRead + Unpin) {
    let wrap = |octets| Arrived::Message(octets, Origin::Connection(id));
    if let Err(words) = read_messages(reader, &link.inbox, wrap).await {
        link.complain(format!("stream: {words}")).await;
    }
    lock(&link.writers).remove(&id);
}

/// Cuts what a connection brings into messages and hands each on, until the connection ends.
///
/// # Errors
/// What cannot be cut, or nobody listens any more.
pub(super) async fn read_messages<T>(
    mut reader: impl AsyncRead + Unpin,
    inbox: &mpsc::Sender<T>,
    wrap: impl Fn(Bytes) -> T,
) -> Result<(), String> {
    let mut cutter = StreamCutter::default();
    let mut buffer = vec![0; 8_192];
    while let Ok(length) = reader.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        cutter.push(buffer.get(..length).unwrap_or_default());
        while let Some(octets) = cutter.next_message()? {
            inbox.send(wrap(octets)).await.map_err(|_| "nobody listens any more")?;
        }
    }
    Ok(())
}
