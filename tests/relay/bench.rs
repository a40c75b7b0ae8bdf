//! What every test here needs: a running relay, its news, and far ends on sockets of their own. Nothing
//! sleeps: a test waits for a packet or for news, and a packet that must not come is proved absent by one
//! sent after it that does.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use trunkline::base::Secret;
use trunkline::base::ids::{EndpointId, NetworkId};
use trunkline::media::plan::{
    AddressRules, EndpointCounts, EndpointPlan, MediaCommand, MediaEvent, PortLease, Protection, RemoteMedia,
    SrtpMaster, SrtpSuite,
};
use trunkline::relay::{Relay, RelayCounters, RelayNetwork, RelaySettings};
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

use crate::plain::plain;

/// Long enough for the slowest machine; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub const NETWORK: NetworkId = NetworkId(0);

/// A relay with one worker on loopback.
pub struct Bench {
    pub relay: Relay,
    events: Receiver<MediaEvent>,
    leases: Vec<PortLease>,
    next_endpoint: u64,
}

/// An endpoint of ours and where its far end finds it.
#[derive(Clone, Copy)]
pub struct Opened {
    pub id: EndpointId,
    pub lease: PortLease,
}

/// A far end: two sockets.
pub struct Far {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl Bench {
    /// Ports from `first` on, this many pairs, this much rest.
    pub fn new(first: u16, pairs: u16, rest: Duration) -> Bench {
        Bench::with_ready(first, pairs, rest, usize::from(pairs))
    }

    pub fn with_ready(first: u16, pairs: u16, port_rest: Duration, ready_ports: usize) -> Bench {
        Bench::with_workers(1, first, pairs, port_rest, ready_ports)
    }

    pub fn with_workers(workers: usize, first: u16, pairs: u16, port_rest: Duration, ready_ports: usize) -> Bench {
        let (sender, events) = channel();
        let network = RelayNetwork {
            id: NETWORK,
            bind: "127.0.0.1".parse().unwrap(),
            first_port: first,
            last_port: first + 2 * pairs - 1,
        };
        let settings = RelaySettings { networks: vec![network], workers, dscp: 46, port_rest, ready_ports };
        let relay = Relay::start(settings, Box::new(move |event| drop(sender.send(event)))).unwrap();
        Bench { relay, events, leases: Vec::new(), next_endpoint: 1 }
    }

    /// The next news that are not about ready ports; those are put aside for [`Bench::lease`].
    pub fn event(&mut self) -> MediaEvent {
        loop {
            match self.events.recv_timeout(PATIENCE).expect("news from the relay") {
                MediaEvent::Ready { leases } => self.leases.extend(leases),
                event => return event,
            }
        }
    }

    /// How many pairs the next news make ready.
    pub fn announced(&mut self) -> usize {
        let before = self.leases.len();
        match self.events.recv_timeout(PATIENCE).expect("ready ports") {
            MediaEvent::Ready { leases } => self.leases.extend(leases),
            other => panic!("unexpected {other:?}"),
        }
        self.leases.len() - before
    }

    /// A ready pair, waited for.
    pub fn lease(&mut self) -> PortLease {
        while self.leases.is_empty() {
            match self.events.recv_timeout(PATIENCE).expect("ready ports") {
                MediaEvent::Ready { leases } => self.leases.extend(leases),
                other => panic!("unexpected {other:?}"),
            }
        }
        self.leases.remove(0)
    }

    pub fn open(&mut self, plan: EndpointPlan) -> Opened {
        let lease = self.lease();
        let id = EndpointId(self.next_endpoint);
        self.next_endpoint += 1;
        self.relay.command(MediaCommand::Open { endpoint: id, lease, plan: Arc::new(plan) });
        Opened { id, lease }
    }

    pub fn configure(&self, opened: Opened, plan: EndpointPlan) {
        self.relay.command(MediaCommand::Configure { endpoint: opened.id, lease: opened.lease, plan: Arc::new(plan) });
    }

    pub fn attach(&self, a: Opened, b: Opened) {
        self.relay.command(MediaCommand::Attach { a: a.id, b: b.id, worker: a.lease.worker });
    }

    /// Ends an endpoint and gives its counts: everything ordered before has been obeyed then.
    pub fn close(&mut self, opened: Opened) -> EndpointCounts {
        self.relay.command(MediaCommand::Close { endpoint: opened.id, lease: opened.lease });
        loop {
            if let MediaEvent::Closed { endpoint, counts } = self.event() {
                assert_eq!(endpoint, opened.id);
                return counts;
            }
        }
    }

    /// Waits until every command given so far has been obeyed.
    pub fn settle(&mut self) {
        let nobody = EndpointId(u64::MAX);
        let lease = PortLease { network: NetworkId(99), worker: trunkline::base::ids::WorkerId(0), rtp_port: 2 };
        self.relay.command(MediaCommand::Close { endpoint: nobody, lease });
        while !matches!(self.event(), MediaEvent::Closed { endpoint, .. } if endpoint == nobody) {}
    }

    pub fn counters(&self) -> RelayCounters {
        self.relay.counters()
    }

    /// Two joined endpoints for two far ends.
    pub fn call(&mut self, a: EndpointPlan, b: EndpointPlan) -> (Opened, Opened) {
        let (a, b) = (self.open(a), self.open(b));
        self.attach(a, b);
        self.settle();
        (a, b)
    }
}

impl Opened {
    pub fn rtp(self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.lease.rtp_port))
    }

    pub fn rtcp(self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.lease.rtp_port + 1))
    }
}

impl Far {
    pub fn new() -> Far {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        Far { rtp: socket(), rtcp: socket() }
    }

    /// Plain RTP, everything flowing, payload types as they are.
    pub fn plan(&self) -> EndpointPlan {
        let [rtp, rtcp] = [&self.rtp, &self.rtcp].map(|socket| socket.local_addr().unwrap());
        EndpointPlan { rules: loopback(), ..plain(RemoteMedia { rtp, rtcp }) }
    }

    pub fn send(&self, packet: &[u8], to: Opened) {
        self.rtp.send_to(packet, to.rtp()).unwrap();
    }
}

/// What a lab's network allows.
pub fn loopback() -> Arc<AddressRules> {
    let allow = ["127.0.0.0/8", "::1/128"].map(|range| range.parse().unwrap()).to_vec();
    Arc::new(AddressRules { allow, own: Vec::new() })
}

/// The next packet.
pub fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut area = [0; 2048];
    let octets = socket.recv(&mut area).expect("a packet");
    area[..octets].to_vec()
}

/// An RTP packet of 20 ms G.711 with `fill` as payload.
pub fn packet(payload_type: u8, sequence: u16, ssrc: u32, fill: u8) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([fill; 160]);
    packet
}

pub fn payload(packet: &[u8]) -> &[u8] {
    &packet[12..]
}

pub fn sequence(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

pub fn ssrc(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[8..12].try_into().unwrap())
}

/// `ours` protects what the relay sends, `theirs` what the far end sends; a key is one repeated octet.
pub fn secured_with(plan: EndpointPlan, suite: SrtpSuite, ours: u8, theirs: u8) -> EndpointPlan {
    let key = |fill| SrtpMaster { suite, key_salt: Secret::new(vec![fill; suite.key_salt_octets()]) };
    EndpointPlan { protection: Protection::Srtp { local: key(ours), remote: key(theirs) }, ..plan }
}

/// The same with the suite everybody has.
pub fn secured(plan: EndpointPlan, ours: u8, theirs: u8) -> EndpointPlan {
    secured_with(plan, SrtpSuite::AesCm128HmacSha1_80, ours, theirs)
}

/// One direction of a far end's SRTP.
pub fn voice_of(suite: SrtpSuite, fill: u8) -> Context {
    let profile = match suite {
        SrtpSuite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        SrtpSuite::Aes256CmHmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        SrtpSuite::Aes256CmHmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        SrtpSuite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpSuite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    let shape = suite.shape();
    Context::new(&vec![fill; shape.key], &vec![fill; shape.salt], profile, None, None).unwrap()
}

pub fn voice(fill: u8) -> Context {
    voice_of(SrtpSuite::AesCm128HmacSha1_80, fill)
}
