//! Octets of a station: TLS listeners and as many connections as one likes, from any of its addresses (MD-36), or one
//! datagram socket.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::rustls::pki_types::ServerName;

use super::posture::{Posture, Versions};
use super::transcript::{Author, Connected, Shown, Transcript};
use crate::lab::streams::{Arrived, Origin, Streams, datagrams, inbox, send_datagram, unbound};

/// For a connection and its handshake.
const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// What carries a station's messages. Cloning shares.
#[derive(Clone)]
pub enum Wire {
    Udp(Arc<UdpSocket>),
    Tls(Arc<TlsWire>),
}

/// The listeners and connections of a platform.
pub struct TlsWire {
    posture: Posture,
    sources: Vec<IpAddr>,
    transcript: Transcript,
    streams: Arc<Streams>,
    dialled: AtomicUsize,
}

/// From which address a connection leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The next in turn.
    AnyAddress,
    /// The one of that place in the list of addresses, round.
    Address(usize),
}

impl Wire {
    /// Binds a datagram socket and begins to read.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn udp(address: SocketAddr) -> Result<(Wire, mpsc::Receiver<Arrived>), String> {
        let (socket, arrivals) = datagrams(address).await?;
        Ok((Wire::Udp(socket), arrivals))
    }

    /// Listens on each address; connections of ours leave from them in turn.
    ///
    /// # Errors
    /// An address is taken.
    pub async fn tls(
        addresses: &[SocketAddr],
        posture: Posture,
        transcript: Transcript,
    ) -> Result<(Wire, mpsc::Receiver<Arrived>), String> {
        let (inbox, arrivals) = inbox();
        let wire = Arc::new(TlsWire {
            posture,
            sources: addresses.iter().map(SocketAddr::ip).collect(),
            transcript,
            streams: Arc::new(Streams::new(inbox)),
            dialled: AtomicUsize::new(0),
        });
        for (place, address) in addresses.iter().enumerate() {
            let listener = TcpListener::bind(address).await.map_err(|error| unbound(*address, "tcp", &error))?;
            let taker = wire.clone();
            tokio::spawn(wire.streams.clone().accept(listener, move |stream, source| {
                tokio::spawn(taker.clone().take(stream, source, place));
            }));
        }
        Ok((Wire::Tls(wire), arrivals))
    }

    /// The Via token: `UDP` or `TLS`.
    #[must_use]
    pub fn token(&self) -> &'static str {
        match self {
            Wire::Udp(_) => "UDP",
            Wire::Tls(_) => "TLS",
        }
    }

    /// Sends where a request came from, or on a connection that is open.
    ///
    /// # Errors
    /// The connection is closed, or the transport is another.
    pub async fn write(&self, origin: Origin, octets: Bytes) -> Result<(), String> {
        match (self, origin) {
            (Wire::Udp(socket), Origin::Datagram(address)) => send_datagram(socket, address, &octets).await,
            (Wire::Tls(wire), Origin::Connection(id)) => wire.streams.write(id, octets).await,
            (Wire::Udp(_), Origin::Connection(_)) | (Wire::Tls(_), Origin::Datagram(_)) => {
                Err("a reply to another transport".to_owned())
            }
        }
    }
}

impl TlsWire {
    /// Opens a connection to the SBC and gives its number and the address it left from.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn dial(
        &self,
        peer: SocketAddr,
        name: &str,
        from: From,
        versions: Versions,
    ) -> Result<(u64, IpAddr), String> {
        let number = self.dialled.fetch_add(1, Ordering::Relaxed);
        let place = match from {
            From::AnyAddress => number,
            From::Address(place) => place,
        };
        let source = place.checked_rem(self.sources.len()).and_then(|place| self.sources.get(place)).copied();
        let source = source.ok_or("no address of ours")?;
        let connector = self.posture.connector(number, versions).ok_or("no identity of ours")?;
        let dialling = async {
            let socket = if peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(SocketAddr::new(source, 0))?;
            let stream = socket.connect(peer).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
            connector.connect(name, stream).await
        };
        let dialled = tokio::time::timeout(DIAL_LIMIT, dialling).await;
        let secured = dialled.map_err(|_| format!("TLS to {peer} from {source}: no handshake in 5 s"))?;
        let secured = secured.map_err(|error| {
            let words = format!("TLS to {peer} from {source}: {error}{}", advice(&error));
            self.transcript.trouble(words.clone());
            words
        })?;
        let (stream, session) = secured.get_ref();
        let shown = self.posture.judge(session.peer_certificates());
        let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
        let (version, suite) = spoken(session.protocol_version(), session.negotiated_cipher_suite());
        let seen = Handshake { author: Author::Lab, ends, version, suite, asked_name: None, shown };
        Ok((self.serve(secured, seen), source))
    }

    /// Gives a connection its number, reader and writer.
    fn serve<S>(&self, stream: S, seen: Handshake) -> u64
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let id = self.streams.number();
        if let Some((local, remote)) = seen.ends {
            self.transcript.connected(Connected {
                id,
                at: self.transcript.elapsed(),
                dialled_by: seen.author,
                local,
                remote,
                version: seen.version,
                suite: seen.suite,
                asked_name: seen.asked_name,
                shown: seen.shown,
            });
        }
        self.streams.serve(id, stream);
        id
    }

    async fn take(self: Arc<Self>, stream: TcpStream, source: SocketAddr, place: usize) {
        let Some(acceptor) = self.posture.acceptor(place) else { return };
        let accepted = tokio::time::timeout(DIAL_LIMIT, acceptor.accept(stream)).await;
        match accepted.unwrap_or_else(|_| Err(std::io::Error::other("no handshake in 5 s"))) {
            Ok(secured) => {
                let (stream, session) = secured.get_ref();
                let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
                let shown = self.posture.judge(session.peer_certificates());
                let (version, suite) = spoken(session.protocol_version(), session.negotiated_cipher_suite());
                let asked_name = session.server_name().map(str::to_owned);
                self.serve(secured, Handshake { author: Author::Sbc, ends, version, suite, asked_name, shown });
            }
            Err(error) => self.transcript.trouble(format!("TLS from {}: {error}{}", source.ip(), advice(&error))),
        }
    }
}

/// What to do about a handshake that the SBC refused.
fn advice(error: &std::io::Error) -> &'static str {
    use tokio_rustls::rustls::AlertDescription::{
        BadCertificate, CertificateExpired, CertificateUnknown, DecryptError, UnknownCA,
    };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<tokio_rustls::rustls::Error>());
    match inner {
        Some(tokio_rustls::rustls::Error::AlertReceived(
            BadCertificate | CertificateExpired | CertificateUnknown | DecryptError | UnknownCA,
        )) => {
            ": the SBC does not believe the platform; it must trust lab-roots.pem of --directory (or what --ca names)"
        }
        Some(_) | None => "",
    }
}

struct Handshake {
    author: Author,
    ends: Option<(SocketAddr, SocketAddr)>,
    version: String,
    suite: String,
    asked_name: Option<String>,
    shown: Shown,
}

fn spoken(
    version: Option<tokio_rustls::rustls::ProtocolVersion>,
    suite: Option<tokio_rustls::rustls::SupportedCipherSuite>,
) -> (String, String) {
    let suite = suite.map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    (version.map(|version| format!("{version:?}")).unwrap_or_default(), suite)
}
