//! The shell under test, and an engine's ear that a test reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{ListenerId, TransmitId};
use trunkline::base::limits::Limits;
use trunkline::net::settings::{ClientCertificate, ListenerSettings, NetSettings, TlsListener};
use trunkline::net::{Class, Glanced, News, Outgoing, Signalling, Sink};
use trunkline::sip::flow::{Destination, Flow, PeerIdentity, Received, Target, TlsTarget, Transmit, Transport};
use trunkline::sip::glance::PlainInvite;

use crate::authority::{Authority, Leaf};

/// Longer than anything here takes: only a failing test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// More than any test hears before it listens; what comes on top is lost, and with it the test.
const HEARD: usize = 4096;

#[derive(Debug)]
pub enum Heard {
    Message(Class, Received),
    News(News),
}

/// Takes everything, or refuses when `places` are used up.
pub struct Ear {
    heard: mpsc::Sender<Heard>,
    places: AtomicUsize,
    /// Every call is refused at a glance.
    sheds: AtomicBool,
    /// Messages that were offered since they were last decided upon.
    undecided: AtomicUsize,
    room: Notify,
}

impl Ear {
    pub fn set_places(&self, places: usize) {
        self.places.store(places, Ordering::SeqCst);
        self.room.notify_waiters();
    }

    pub fn set_sheds(&self, sheds: bool) {
        self.sheds.store(sheds, Ordering::SeqCst);
    }

    pub fn undecided(&self) -> usize {
        self.undecided.load(Ordering::SeqCst)
    }
}

impl Sink for Ear {
    fn offer(&self, class: Class, received: Received) -> Result<(), Received> {
        let taken = self.places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |places| places.checked_sub(1));
        if taken.is_err() {
            return Err(received);
        }
        self.undecided.fetch_add(1, Ordering::SeqCst);
        let _ = self.heard.try_send(Heard::Message(class, received));
        Ok(())
    }

    fn settle(&self) {
        self.undecided.store(0, Ordering::SeqCst);
    }

    fn is_shedding(&self) -> bool {
        self.sheds.load(Ordering::SeqCst)
    }

    fn glance(&self, _: &Flow, _: &PlainInvite<'_>, _: Duration) -> Glanced {
        Glanced::Shed
    }

    fn report(&self, news: News) {
        let _ = self.heard.try_send(Heard::News(news));
    }

    fn room(&self) -> &Notify {
        &self.room
    }
}

/// One shell with at most one listener of each transport.
pub struct World {
    pub signalling: Signalling,
    pub outgoing: Mutex<Outgoing>,
    pub ear: Arc<Ear>,
    heard: mpsc::Receiver<Heard>,
}

pub const UDP: ListenerId = ListenerId(0);
pub const TCP: ListenerId = ListenerId(1);
pub const TLS: ListenerId = ListenerId(2);

impl World {
    pub fn new(settings: NetSettings) -> World {
        let (sender, heard) = mpsc::channel(HEARD);
        let (places, sheds) = (AtomicUsize::new(usize::MAX), AtomicBool::new(false));
        let ear = Arc::new(Ear { heard: sender, places, sheds, undecided: AtomicUsize::new(0), room: Notify::new() });
        let entropy = Box::new(SeededEntropy::new(1));
        let mut signalling = Signalling::bind(settings, ear.clone(), entropy, Handle::current()).unwrap();
        signalling.serve().unwrap();
        let outgoing = Mutex::new(signalling.outgoing());
        World { signalling, outgoing, ear, heard }
    }

    pub fn udp() -> World {
        World::new(plain(UDP, Transport::Udp, Limits::default()))
    }

    pub fn tcp() -> World {
        World::tcp_limited(Limits::default())
    }

    pub fn tcp_limited(limits: Limits) -> World {
        World::new(plain(TCP, Transport::Tcp, limits))
    }

    /// A TLS listener that shows `leaf` and trusts `peers`.
    pub fn tls(leaf: &Leaf, peers: &Authority, client_certificate: ClientCertificate) -> World {
        World::new(secured(&[("main", leaf)], &[("peers", peers)], client_certificate))
    }

    pub fn addr(&self, listener: ListenerId) -> SocketAddr {
        self.signalling.local_addr(listener).unwrap()
    }

    pub async fn next(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.heard.recv()).await.expect("nothing was heard").unwrap()
    }

    /// The next message, past any news.
    pub async fn message(&mut self) -> (Class, Received) {
        loop {
            if let Heard::Message(class, received) = self.next().await {
                return (class, received);
            }
        }
    }

    /// The next news, past any message.
    pub async fn news(&mut self) -> News {
        loop {
            if let Heard::News(news) = self.next().await {
                return news;
            }
        }
    }

    /// What the next connection proved.
    pub async fn opened(&mut self) -> PeerIdentity {
        loop {
            if let News::FlowOpened(_, peer) = self.news().await {
                return peer;
            }
        }
    }

    pub fn send(&self, id: u64, to: Destination, text: &str) {
        let mut outgoing = self.outgoing.lock().unwrap();
        outgoing.transmit(Transmit { id: TransmitId(id), to, bytes: Bytes::copy_from_slice(text.as_bytes()) });
        outgoing.flush();
    }

    /// Waits until a count is reached that another task keeps.
    pub async fn counted(&self, count: impl Fn(&trunkline::net::Counters) -> u64, least: u64) {
        let counters = self.signalling.counters();
        let reached = async {
            while count(&counters) < least {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the count was not reached");
    }
}

pub fn plain(id: ListenerId, transport: Transport, limits: Limits) -> NetSettings {
    let bind = "127.0.0.1:0".parse().unwrap();
    let listener = ListenerSettings { id, name: "plain".into(), transport, bind, tls: None, keep_alive: None };
    NetSettings { listeners: vec![listener], limits, ..NetSettings::default() }
}

pub fn secured(
    leaves: &[(&str, &Leaf)],
    stores: &[(&str, &Authority)],
    client_certificate: ClientCertificate,
) -> NetSettings {
    let tls = TlsListener {
        certificates: leaves.iter().map(|(name, _)| (*name).to_owned()).collect(),
        client_certificate,
        trust: stores.iter().map(|(name, _)| (*name).to_owned()).collect(),
    };
    let bind = "127.0.0.1:0".parse().unwrap();
    let listener = ListenerSettings {
        id: TLS,
        name: "secured".into(),
        transport: Transport::Tls,
        bind,
        tls: Some(tls),
        keep_alive: None,
    };
    let identities: BTreeMap<_, _> = leaves.iter().map(|(name, leaf)| ((*name).to_owned(), leaf.identity())).collect();
    let trust: BTreeMap<_, _> = stores.iter().map(|(name, store)| ((*name).to_owned(), store.roots())).collect();
    NetSettings { listeners: vec![listener], identities, trust, ..NetSettings::default() }
}

pub fn tcp_target(address: SocketAddr) -> Target {
    Target { transport: Transport::Tcp, address, listener: TCP, tls: None, keep_alive: Default::default() }
}

pub fn tls_target(address: SocketAddr, server_name: &str, peer_names: &[&str]) -> Target {
    let tls = TlsTarget {
        server_name: server_name.to_owned(),
        peer_names: peer_names.iter().map(|name| (*name).to_owned()).collect(),
        identity: None,
        trust: "peers".to_owned(),
    };
    Target {
        transport: Transport::Tls,
        address,
        listener: TLS,
        tls: Some(Arc::new(tls)),
        keep_alive: Default::default(),
    }
}

pub fn to(target: Target) -> Destination {
    Destination::Target(target)
}

pub fn on(flow: Flow) -> Destination {
    Destination::Flow(flow)
}

/// A request outside any dialog.
pub fn options(branch: &str) -> String {
    request("OPTIONS", branch, "")
}

/// A request inside a dialog.
pub fn bye(branch: &str) -> String {
    request("BYE", branch, ";tag=b")
}

pub fn request(method: &str, branch: &str, to_tag: &str) -> String {
    format!(
        "{method} sip:a@127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK{branch}\r\n\
         From: <sip:b@127.0.0.1>;tag=a\r\n\
         To: <sip:a@127.0.0.1>{to_tag}\r\n\
         Call-ID: {branch}\r\n\
         CSeq: 1 {method}\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

pub fn call_id(received: &Received) -> String {
    let octets = match &received.message {
        trunkline::sip::SipMessage::Request(request) => &request.call_id,
        trunkline::sip::SipMessage::Response(response) => &response.call_id,
    };
    String::from_utf8_lossy(octets).into_owned()
}
