//! What every end of the lab has below its messages: a datagram socket, or connections that each have a reader and a
//! writer, all leading into one inbox.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;

use super::framing::StreamCutter;

/// Messages that wait for the end they came to; beyond it datagrams are dropped and streams wait.
const INBOX: usize = 1_024;
/// Messages that wait for a connection's writer.
const OUTBOX: usize = 256;
const DATAGRAM_LIMIT: usize = 65_535;

/// Where a message came from; a response goes back there (RFC 3261 18.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Datagram(SocketAddr),
    Connection(u64),
}

impl Origin {
    /// The connection, if it was one.
    #[must_use]
    pub const fn connection(self) -> Option<u64> {
        match self {
            Origin::Connection(id) => Some(id),
            Origin::Datagram(_) => None,
        }
    }
}

/// Octets that came, or why nothing more comes.
#[derive(Clone, Debug)]
pub enum Arrived {
    Message(Bytes, Origin),
    /// A handshake, name check or stream that failed, in words.
    Trouble(String),
}

/// The inbox of one end: where all it reads goes.
#[must_use]
pub fn inbox() -> (mpsc::Sender<Arrived>, mpsc::Receiver<Arrived>) {
    mpsc::channel(INBOX)
}

/// Binds a datagram socket and begins to read.
///
/// # Errors
/// The address is taken.
pub async fn datagrams(address: SocketAddr) -> Result<(Arc<UdpSocket>, mpsc::Receiver<Arrived>), String> {
    let socket = Arc::new(UdpSocket::bind(address).await.map_err(|error| unbound(address, "udp", &error))?);
    let (inbox, arrivals) = inbox();
    tokio::spawn(read_datagrams(socket.clone(), inbox));
    Ok((socket, arrivals))
}

/// Why an address cannot be listened at, in words that tell what to do.
#[must_use]
pub fn unbound(address: SocketAddr, transport: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("{address}/{transport} is in use: another program listens there (`ss -lntup` names it)")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{address}/{transport}: this machine has no address {}", address.ip())
        }
        _ => format!("{address}/{transport}: {error}"),
    }
}

/// Sends one message as a datagram.
///
/// # Errors
/// Why the system refused.
pub async fn send_datagram(socket: &UdpSocket, address: SocketAddr, octets: &[u8]) -> Result<(), String> {
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

/// Open connections of one end; a whole run has some hundred.
const CONNECTION_LIMIT: usize = 1_000;
/// After a connection that could not be accepted.
const NEXT_TRY: Duration = Duration::from_millis(50);

/// The open connections of one end.
pub struct Streams {
    writers: Mutex<HashMap<u64, mpsc::Sender<Bytes>>>,
    next: AtomicU64,
    inbox: mpsc::Sender<Arrived>,
}

impl Streams {
    #[must_use]
    pub fn new(inbox: mpsc::Sender<Arrived>) -> Streams {
        Streams { writers: Mutex::default(), next: AtomicU64::new(1), inbox }
    }

    fn writers(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Bytes>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when messages can be written to this connection.
    #[must_use]
    pub fn is_open(&self, id: u64) -> bool {
        self.writers().contains_key(&id)
    }

    /// Queues a message for a connection.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn write(&self, id: u64, octets: Bytes) -> Result<(), String> {
        let writer = self.writers().get(&id).cloned().ok_or("the connection is closed")?;
        writer.send(octets).await.map_err(|_| "the connection is closed".to_owned())
    }

    /// A number for the connection that comes next.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives the connection of that number its reader and writer.
    pub fn serve<S>(self: &Arc<Self>, id: u64, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, writer) = tokio::io::split(stream);
        let (queue, outbox) = mpsc::channel(OUTBOX);
        self.writers().insert(id, queue);
        tokio::spawn(write_stream(writer, outbox));
        tokio::spawn(read_stream(self.clone(), id, reader));
    }

    /// Says what went wrong below the messages.
    pub async fn complain(&self, words: String) {
        // Nobody listens any more when the run is over.
        let _ = self.inbox.send(Arrived::Trouble(words)).await;
    }

    /// Accepts until nobody listens any more; each connection that came is given to `take`.
    pub async fn accept(self: Arc<Self>, listener: TcpListener, take: impl Fn(TcpStream, SocketAddr)) {
        while !self.inbox.is_closed() {
            match listener.accept().await {
                Ok((stream, source)) => {
                    // Whoever opens more than a platform needs is shut out until others close.
                    if self.writers().len() < CONNECTION_LIMIT && stream.set_nodelay(true).is_ok() {
                        take(stream, source);
                    }
                }
                // Without descriptors the next try fails as fast: somebody has to close first.
                Err(_) => tokio::time::sleep(NEXT_TRY).await,
            }
        }
    }
}

/// Writes what is queued for a connection until the queue or the connection ends.
async fn write_stream(mut writer: impl AsyncWrite + Unpin, mut outbox: mpsc::Receiver<Bytes>) {
    while let Some(octets) = outbox.recv().await {
        if writer.write_all(&octets).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

async fn read_stream(streams: Arc<Streams>, id: u64, reader: impl AsyncRead + Unpin) {
    if let Err(words) = read_messages(reader, &streams.inbox, Origin::Connection(id)).await {
        streams.complain(format!("stream {id}: {words}")).await;
    }
    streams.writers().remove(&id);
}

/// Cuts what a connection brings into messages and hands each on, until the connection ends.
async fn read_messages(
    mut reader: impl AsyncRead + Unpin,
    inbox: &mpsc::Sender<Arrived>,
    origin: Origin,
) -> Result<(), String> {
    let mut cutter = StreamCutter::default();
    let mut buffer = vec![0; 8_192];
    while let Ok(length) = reader.read(&mut buffer).await {
        if length == 0 {
            break;
        }
        cutter.push(buffer.get(..length).unwrap_or_default());
        while let Some(octets) = cutter.next_message()? {
            inbox.send(Arrived::Message(octets, origin)).await.map_err(|_| "nobody listens any more")?;
        }
    }
    Ok(())
}
