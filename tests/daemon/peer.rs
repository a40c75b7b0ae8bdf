//! A far end on plain sockets.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use trunkline::lab::certificates::SBC_NAME;

use crate::ground::PATIENCE;
use crate::text::{Dialog, Message, request};

enum Link {
    Datagrams(UdpSocket),
    Stream(TcpStream),
    Secured(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// See the module.
pub struct Peer {
    link: Link,
    pub own: SocketAddr,
    daemon: SocketAddr,
    /// Octets of a stream that are not a whole message yet.
    unread: Vec<u8>,
    /// What came before: repetitions are not news.
    seen: HashSet<Vec<u8>>,
}

impl Peer {
    pub fn datagrams(socket: UdpSocket, daemon: SocketAddr) -> Peer {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let own = socket.local_addr().unwrap();
        Peer::new(Link::Datagrams(socket), own, daemon)
    }

    pub fn stream(from: IpAddr, daemon: SocketAddr) -> Peer {
        let stream = connect(from, daemon);
        let own = stream.local_addr().unwrap();
        Peer::new(Link::Stream(stream), own, daemon)
    }

    /// The connection the daemon dials next.
    pub fn accepted(listener: &TcpListener) -> Peer {
        let (stream, daemon) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer::on(stream, listener.local_addr().unwrap(), daemon)
    }

    /// A connection the daemon dialled to `own`.
    pub fn on(stream: TcpStream, own: SocketAddr, daemon: SocketAddr) -> Peer {
        Peer::new(Link::Stream(stream), own, daemon)
    }

    pub fn secured(from: IpAddr, daemon: SocketAddr, settings: Arc<ClientConfig>) -> Peer {
        let stream = connect(from, daemon);
        let own = stream.local_addr().unwrap();
        let session = ClientConnection::new(settings, ServerName::try_from(SBC_NAME).unwrap()).unwrap();
        Peer::new(Link::Secured(Box::new(StreamOwned::new(session, stream))), own, daemon)
    }

    fn new(link: Link, own: SocketAddr, daemon: SocketAddr) -> Peer {
        Peer { link, own, daemon, unread: Vec::new(), seen: HashSet::new() }
    }

    pub fn transport(&self) -> &'static str {
        match self.link {
            Link::Datagrams(_) => "UDP",
            Link::Stream(_) => "TCP",
            Link::Secured(_) => "TLS",
        }
    }

    /// Sends octets as they are.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.try_send(octets.as_ref()).unwrap();
    }

    /// Sends octets; the far end may have closed the connection in the middle of them.
    pub fn try_send(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match &mut self.link {
            Link::Datagrams(socket) => socket.send_to(octets, self.daemon).map(drop),
            Link::Stream(stream) => stream.write_all(octets),
            Link::Secured(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }

    /// A request out of any dialog.
    pub fn ask(&mut self, method: &str, body: &str) -> String {
        let text = self.written(method, body);
        self.send(&text);
        text
    }

    /// The same, not sent.
    pub fn written(&self, method: &str, body: &str) -> String {
        request(method, self.transport(), self.own, self.daemon, body)
    }

    /// OPTIONS that the court knows again.
    pub fn question(&self) -> String {
        request("OPTIONS", self.transport(), self.own, self.daemon, "").replacen("Call-ID: ", "Call-ID: court", 1)
    }

    /// The next message that is new and begins with `start`; a 100 may come before it.
    pub fn expect(&mut self, start: &str) -> Message {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("the connection ended before {start}"));
            if message.start_line().starts_with(start) {
                return message;
            }
            assert!(message.start_line().starts_with("SIP/2.0 100"), "expected {start}, got\n{}", message.0);
        }
    }

    /// The next message that is new; `None` when the stream has ended.
    pub fn next(&mut self) -> Option<Message> {
        loop {
            let octets = match &mut self.link {
                Link::Datagrams(socket) => {
                    let mut buffer = vec![0; 65_536];
                    let (length, _) = socket.recv_from(&mut buffer).expect("nothing came");
                    buffer.truncate(length);
                    buffer
                }
                Link::Stream(stream) => next_of(stream, &mut self.unread)?,
                Link::Secured(stream) => next_of(stream.as_mut(), &mut self.unread)?,
            };
            if self.seen.insert(octets.clone()) {
                return Some(Message(String::from_utf8_lossy(&octets).into_owned()));
            }
        }
    }

    /// True when OPTIONS get their 200.
    pub fn probe(&mut self) -> Message {
        self.ask("OPTIONS", "");
        self.expect("SIP/2.0 200")
    }

    /// A datagram peer: nothing has come so far.
    pub fn is_quiet(&mut self) -> bool {
        let Link::Datagrams(socket) = &mut self.link else { panic!("for datagrams") };
        socket.set_nonblocking(true).unwrap();
        let came = socket.recv_from(&mut [0; 16]);
        socket.set_nonblocking(false).unwrap();
        came.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Says that no more comes and reads until the far end has said so too: then it has read everything.
    pub fn close(&mut self) {
        let mut rest = Vec::new();
        // A reset says it as well as an end.
        match &mut self.link {
            Link::Datagrams(_) => {}
            Link::Stream(stream) => {
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut rest);
            }
            Link::Secured(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
                let _ = stream.read_to_end(&mut rest);
            }
        }
    }

    /// The dialog of a call this peer placed.
    pub fn dialog(&self, accepted: &Message) -> Dialog {
        Dialog::of_caller(self.transport(), self.own, accepted)
    }
}

fn connect(from: IpAddr, daemon: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&daemon.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// One message by its Content-Length.
fn next_of(stream: &mut impl Read, unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(length) = whole(unread) {
            return Some(unread.drain(..length).collect());
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(length) => unread.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => return None,
            Err(error) => panic!("{error}"),
        }
    }
}

fn whole(octets: &[u8]) -> Option<usize> {
    let end = octets.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = Message(String::from_utf8_lossy(&octets[..end]).into_owned());
    let length = end + head.header("Content-Length").parse::<usize>().unwrap_or(0);
    (octets.len() >= length).then_some(length)
}
