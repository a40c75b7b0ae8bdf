//! What a relayed packet costs: the CPU time of a relay worker and of a bare receive-and-send loop on the
//! same number of sockets at the same rate, in turns within one run; medians. The loop is the floor: one thread, `epoll`, one
//! `recv` and one `send` a packet, nothing looked at.
//! `cargo bench --bench relay`; `--test` runs one short round.

#[path = "../tests/relay/plain.rs"]
mod plain;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use plain::plain;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use trunkline::base::Secret;
use trunkline::base::ids::{EndpointId, NetworkId};
use trunkline::media::plan::{
    EndpointPlan, MediaCommand, MediaEvent, PortLease, Protection, RemoteMedia, SrtpMaster, SrtpSuite,
};
use trunkline::relay::{Relay, RelayNetwork, RelaySettings};
use trunkline::rtp::packet::RtpHeader;
use trunkline::rtp::srtp::Outbound;

const PACKET: usize = 172;

/// One way of carrying packets from senders to sinks, set up for the whole bench.
struct Way {
    name: &'static str,
    streams: Vec<Stream>,
    /// The thread that carries them, in `/proc`.
    thread: PathBuf,
    /// CPU nanoseconds per packet, one figure a round.
    figures: Vec<f64>,
    /// Kept open so that there is somewhere to send to.
    _sinks: Vec<UdpSocket>,
    _relay: Option<Relay>,
}

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test");
    let (calls, rounds, seconds) = if smoke { (4, 1, 0.1) } else { (250, 15, 0.4) };
    let mut ways = [
        floor(calls),
        relayed("relay, RTP to RTP", calls, Legs::Plain, 20_000),
        relayed("relay, SRTP to RTP", calls, Legs::OneSecured, 22_000),
        relayed("relay, SRTP to SRTP", calls, Legs::BothSecured, 24_000),
    ];
    for _ in 0..rounds {
        ways.iter_mut().for_each(|way| way.round(seconds));
    }
    let figures = ways.map(|way| (way.name, median(way.figures)));
    println!("{calls} streams, a packet of {PACKET} octets each 20 ms   CPU ns/packet   to the floor");
    for (name, nanos) in figures {
        println!("{name:48} {nanos:15.0}   {:12.2}", nanos / figures[0].1);
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

impl Way {
    fn round(&mut self, seconds: f64) {
        let before = thread_cpu(&self.thread);
        let packets = pace(&mut self.streams, seconds);
        self.figures.push((thread_cpu(&self.thread) - before) as f64 / packets as f64);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Legs {
    Plain,
    OneSecured,
    BothSecured,
}

/// A sender, its packets, and where it sends them.
struct Stream {
    socket: UdpSocket,
    to: SocketAddr,
    voice: Option<Outbound>,
    next: u64,
}

impl Stream {
    fn new(voice: Option<Outbound>) -> Stream {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        Stream { socket, to, voice, next: 1 }
    }

    fn send(&mut self) {
        let mut packet = [0u8; PACKET + 16];
        let header = RtpHeader {
            marker: false,
            payload_type: 0,
            sequence: (self.next & 0xffff) as u16,
            timestamp: ((self.next * 160) & 0xffff_ffff) as u32,
            ssrc: 7,
            payload_offset: 12,
        };
        packet[0] = 0x80;
        header.write(&mut packet);
        let octets = match &mut self.voice {
            Some(voice) => voice.seal_rtp(&mut packet, PACKET, &header, self.next).unwrap(),
            None => PACKET,
        };
        self.next += 1;
        let _ = self.socket.send_to(&packet[..octets], self.to);
    }
}

/// Sends one packet of every stream each 20 ms, spread over that time.
fn pace(streams: &mut [Stream], seconds: f64) -> u64 {
    let start = Instant::now();
    let gap = Duration::from_micros(20_000) / u32::try_from(streams.len()).unwrap();
    let mut sent = 0u32;
    while start.elapsed().as_secs_f64() < seconds {
        for stream in &mut *streams {
            stream.send();
            sent += 1;
            let due = gap * sent;
            if let Some(early) = due.checked_sub(start.elapsed()).filter(|early| *early > Duration::from_micros(200)) {
                std::thread::sleep(early);
            }
        }
    }
    u64::from(sent)
}

/// CPU nanoseconds of a thread, by the scheduler's own account.
fn thread_cpu(thread: &Path) -> u64 {
    let account = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    account.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// The youngest thread of this name.
fn thread_named(name: &str) -> PathBuf {
    let named = |task: &PathBuf| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name);
    let number = |task: &PathBuf| task.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    tasks.filter(named).max_by_key(number).unwrap()
}

fn floor(calls: usize) -> Way {
    let mut streams: Vec<Stream> = (0..calls).map(|_| Stream::new(None)).collect();
    let sinks: Vec<UdpSocket> = (0..calls).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut pairs = Vec::new();
    for (stream, sink) in streams.iter_mut().zip(&sinks) {
        let [inward, outward] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        inward.set_nonblocking(true).unwrap();
        outward.connect(sink.local_addr().unwrap()).unwrap();
        stream.to = inward.local_addr().unwrap();
        pairs.push((inward, outward));
    }
    let (started, ready) = channel();
    let carry = move || {
        let _ = started.send(());
        bare_loop(&pairs);
    };
    std::thread::Builder::new().name("floor".into()).spawn(carry).unwrap();
    ready.recv().unwrap();
    let thread = thread_named("floor");
    Way { name: "bare recv and send", streams, thread, figures: Vec::new(), _sinks: sinks, _relay: None }
}

/// Ends with the process.
fn bare_loop(pairs: &[(UdpSocket, UdpSocket)]) {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (place, (inward, _)) in pairs.iter().enumerate() {
        let mark = epoll::EventData::new_u64(place as u64);
        epoll::add(&epoll, inward.as_fd(), mark, epoll::EventFlags::IN).unwrap();
    }
    let mut ready: Vec<epoll::Event> = Vec::with_capacity(256);
    let mut area = [0; 2048];
    loop {
        ready.clear();
        epoll::wait(&epoll, spare_capacity(&mut ready), None).unwrap();
        for event in &ready {
            let (inward, outward) = &pairs[event.data.u64() as usize];
            if let Ok(octets) = inward.recv(&mut area) {
                let _ = outward.send(&area[..octets]);
            }
        }
    }
}

fn relayed(name: &'static str, calls: usize, legs: Legs, first_port: u16) -> Way {
    let (sender, events) = channel();
    let last_port = first_port + 4 * u16::try_from(calls).unwrap();
    let network = RelayNetwork { id: NetworkId(0), bind: "127.0.0.1".parse().unwrap(), first_port, last_port };
    let settings = RelaySettings {
        networks: vec![network],
        workers: 1,
        dscp: 46,
        port_rest: Duration::from_secs(30),
        ready_ports: 2 * calls,
    };
    let relay = Relay::start(settings, Box::new(move |event| drop(sender.send(event)))).unwrap();
    let Ok(MediaEvent::Ready { leases }) = events.recv() else { panic!("no ports") };
    let thread = thread_named("relay-0");
    let sinks: Vec<UdpSocket> = (0..calls).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut streams = Vec::new();
    for (place, (pair, sink)) in leases.chunks_exact(2).zip(&sinks).enumerate() {
        streams.push(join(&relay, place as u64 * 2, pair, sink, legs));
    }
    Way { name, streams, thread, figures: Vec::new(), _sinks: sinks, _relay: Some(relay) }
}

/// Joins two endpoints and gives the stream that feeds the first.
fn join(relay: &Relay, endpoint: u64, pair: &[PortLease], sink: &UdpSocket, legs: Legs) -> Stream {
    let voice = (legs != Legs::Plain).then(|| Outbound::new(&master(2)).unwrap());
    let mut stream = Stream::new(voice);
    let secured = || Protection::Srtp { local: master(1), remote: master(2) };
    let near = if legs == Legs::Plain { Protection::Rtp } else { secured() };
    let far = if legs == Legs::BothSecured { secured() } else { Protection::Rtp };
    let ends = [(stream.to, near), (sink.local_addr().unwrap(), far)];
    for ((place, lease), (remote, protection)) in pair.iter().enumerate().zip(ends) {
        let plan = EndpointPlan { protection, ..plain(RemoteMedia { rtp: remote, rtcp: remote }) };
        let endpoint = EndpointId(endpoint + place as u64);
        relay.command(MediaCommand::Open { endpoint, lease: *lease, plan: Arc::new(plan) });
    }
    let (a, b) = (EndpointId(endpoint), EndpointId(endpoint + 1));
    relay.command(MediaCommand::Attach { a, b, worker: pair[0].worker });
    stream.to = SocketAddr::from(([127, 0, 0, 1], pair[0].rtp_port));
    stream
}

fn master(fill: u8) -> SrtpMaster {
    SrtpMaster { suite: SrtpSuite::AesCm128HmacSha1_80, key_salt: Secret::new(vec![fill; 30]) }
}
