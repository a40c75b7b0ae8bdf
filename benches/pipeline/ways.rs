//! The ways a question can take, each with one more part of the product in it.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{ListenerId, TransmitId};
use trunkline::config;
use trunkline::daemon::Daemon;
use trunkline::net::settings::{ListenerSettings, NetSettings};
use trunkline::net::{Class, News, Outgoing, Signalling, Sink};
use trunkline::sip::flow::{Destination, Received, Transmit, Transport};
use trunkline::sip::{Name, SipMessage, Status, Writer};

use crate::text;

/// One way.
pub struct Way {
    pub name: String,
    pub transport: Transport,
    pub address: SocketAddr,
    pub is_floor: bool,
}

/// What answers on the ways, as long as it is held.
pub struct Alive {
    _shells: [Shell; 2],
    _daemon: Daemon,
}

const UDP: ListenerId = ListenerId(0);
const TCP: ListenerId = ListenerId(1);

/// Every way, the floor of each transport before the ways that are held against it.
pub fn all() -> (Vec<Way>, Alive) {
    let in_place = Shell::new(Arc::new(InPlace::default()));
    let hop = Shell::new(Arc::new(Hop::new()));
    let daemon = daemon();
    let mut ways = Vec::new();
    for transport in [Transport::Udp, Transport::Tcp] {
        let listener = if transport == Transport::Udp { UDP } else { TCP };
        let mut add = |name: &str, address: SocketAddr, is_floor: bool| {
            let name = format!("{}: {name}", transport.via_token());
            ways.push(Way { name, transport, address, is_floor });
        };
        add("a bare echo thread", echo(transport), true);
        add("net, answered where it was read", in_place.address(listener), false);
        add("net, another thread, net", hop.address(listener), false);
        add("the daemon: net, engine, net", (text::address(70), text::PORT).into(), false);
    }
    (ways, Alive { _shells: [in_place, hop], _daemon: daemon })
}

fn echo(transport: Transport) -> SocketAddr {
    let any = (IpAddr::from(Ipv4Addr::LOCALHOST), 0);
    let spawn = |work: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name("echo".into()).spawn(work).unwrap();
    if transport == Transport::Udp {
        let socket = UdpSocket::bind(any).unwrap();
        let address = socket.local_addr().unwrap();
        spawn(Box::new(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok((octets, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..octets], from);
            }
        }));
        return address;
    }
    let listener = TcpListener::bind(any).unwrap();
    let address = listener.local_addr().unwrap();
    spawn(Box::new(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = vec![0; 65_536];
        while let Ok(octets @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..octets]).unwrap();
        }
    }));
    address
}

/// The signalling shell with a sink of the bench's own.
struct Shell {
    signalling: Signalling,
    _runtime: Runtime,
}

/// A sink that wants the hand on the network.
trait Answering: Sink {
    fn begin(self: Arc<Self>, outgoing: Outgoing);
}

impl Shell {
    fn new<S: Answering + 'static>(sink: Arc<S>) -> Shell {
        // As many as the daemon has on a small machine.
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("net").enable_all().build().unwrap();
        let inside = runtime.enter();
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener =
            |id, transport| ListenerSettings { id, name: "bench".into(), transport, bind, tls: None, keep_alive: None };
        let listeners = vec![listener(UDP, Transport::Udp), listener(TCP, Transport::Tcp)];
        let settings = NetSettings { listeners, ..NetSettings::default() };
        let entropy = Box::new(SeededEntropy::new(1));
        let mut signalling = Signalling::bind(settings, sink.clone(), entropy, runtime.handle().clone()).unwrap();
        sink.begin(signalling.outgoing());
        signalling.serve().unwrap();
        drop(inside);
        Shell { signalling, _runtime: runtime }
    }

    fn address(&self, listener: ListenerId) -> SocketAddr {
        self.signalling.local_addr(listener).unwrap()
    }
}

/// What the engine writes for OPTIONS, without an engine.
fn answer(received: &Received) -> Option<Transmit> {
    let SipMessage::Request(request) = &received.message else { return None };
    let writer = Writer::response(Status::new(200)?, None, request, received.flow.remote, Some(b"bench"));
    let bytes: Bytes = writer
        .header(Name::Contact, "<sip:192.0.2.1:5060>")
        .header(Name::Allow, "INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, INFO")
        .header(Name::Supported, "timer")
        .header(Name::Accept, "application/sdp")
        .finish();
    Some(Transmit { id: TransmitId(0), to: Destination::Flow(received.flow), bytes })
}

/// Answers in the task that read the question.
#[derive(Default)]
struct InPlace {
    outgoing: OnceLock<Mutex<Outgoing>>,
    room: Notify,
}

impl Sink for InPlace {
    fn offer(&self, _: Class, received: Received) -> Result<(), Received> {
        if let (Some(transmit), Some(outgoing)) = (answer(&received), self.outgoing.get()) {
            let mut outgoing = outgoing.lock().unwrap();
            outgoing.transmit(transmit);
            outgoing.flush();
        }
        Ok(())
    }

    fn report(&self, _: News) {}

    fn room(&self) -> &Notify {
        &self.room
    }
}

impl Answering for InPlace {
    fn begin(self: Arc<Self>, outgoing: Outgoing) {
        assert!(self.outgoing.set(Mutex::new(outgoing)).is_ok());
    }
}

/// Answers in a thread of its own that does nothing else.
struct Hop {
    sender: SyncSender<Received>,
    waiting: Mutex<Option<Receiver<Received>>>,
    room: Notify,
}

impl Hop {
    fn new() -> Hop {
        let (sender, waiting) = sync_channel(4096);
        Hop { sender, waiting: Mutex::new(Some(waiting)), room: Notify::new() }
    }
}

impl Sink for Hop {
    fn offer(&self, _: Class, received: Received) -> Result<(), Received> {
        self.sender.try_send(received).map_err(|full| match full {
            TrySendError::Full(received) | TrySendError::Disconnected(received) => received,
        })
    }

    fn report(&self, _: News) {}

    fn room(&self) -> &Notify {
        &self.room
    }
}

impl Answering for Hop {
    fn begin(self: Arc<Self>, mut outgoing: Outgoing) {
        let waiting = self.waiting.lock().unwrap().take().unwrap();
        let serve = move || {
            while let Ok(received) = waiting.recv() {
                for received in std::iter::once(received).chain(waiting.try_iter().take(64)) {
                    answer(&received).into_iter().for_each(|transmit| outgoing.transmit(transmit));
                }
                outgoing.flush();
            }
        };
        std::thread::Builder::new().name("hop".into()).spawn(serve).unwrap();
    }
}

fn daemon() -> Daemon {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("trunkline.toml");
    std::fs::write(&file, text::configuration()).unwrap();
    let loaded = config::load(&file).unwrap_or_else(|report| panic!("{report}"));
    Daemon::start(loaded).unwrap_or_else(|failure| panic!("{failure}"))
}
