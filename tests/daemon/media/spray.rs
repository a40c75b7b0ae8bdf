//! A third host sprays packets over the whole range of ports, before, during and after set-up, on hold and at each
//! re-INVITE (issue 4): none is forwarded, none is sent to it, and who speaks is heard.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::figure;
use super::party::Party;
use super::talk::{Change, Talk, counter, ground};
use super::voice::{Rollover, Voice};

const PORTS: std::ops::RangeInclusive<u16> = 30_000..=30_999;
const SLICE: Duration = Duration::from_millis(1);
/// What was held up for longer is left out: a burst of it all is another attack.
const LATE: Duration = Duration::from_millis(100);
/// 50,000 a second.
const PER_SLICE: u64 = 50;
/// A number no party says.
const FOREIGN: u32 = 0xdead_beef;

/// The third host at work.
struct Sprayer {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    began: Instant,
    socket: UdpSocket,
    thread: JoinHandle<()>,
}

/// Speech as the plain party says it, reports, checks and noise.
fn packets() -> Vec<Vec<u8>> {
    let speech = |ssrc: u32, sequence: u16| {
        let mut packet = vec![0x80, 8];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend(FOREIGN.to_be_bytes());
        packet.extend([0xaa; 166]);
        packet
    };
    let mut packets: Vec<Vec<u8>> = (0..64).map(|n| speech(0x1001 + u32::from(n % 3), 100 + n * 31)).collect();
    packets.push([vec![0x81, 201, 0, 7], vec![0; 28]].concat());
    packets.push([vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], vec![7; 12]].concat());
    packets.push(vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    packets.push(vec![0xff; 700]);
    packets.push(Vec::new());
    packets
}

impl Sprayer {
    fn begin(from: IpAddr, at: IpAddr) -> Sprayer {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        let (sending, stop, sent) =
            (socket.try_clone().unwrap(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, count) = (stop.clone(), sent.clone());
        let thread = thread::spawn(move || {
            let packets = packets();
            let mut targets = PORTS.cycle().map(|port| SocketAddr::new(at, port)).zip(packets.iter().cycle());
            let mut next = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                for (to, packet) in targets.by_ref().take(PER_SLICE as usize) {
                    // A port that is not bound answers with an error to the next call.
                    let _ = sending.send_to(packet, to);
                }
                count.fetch_add(PER_SLICE, Ordering::Relaxed);
                next = (next + SLICE).max(Instant::now() - LATE);
                thread::park_timeout(next.saturating_duration_since(Instant::now()));
            }
        });
        Sprayer { stop, sent, began: Instant::now(), socket, thread }
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until so many more went out.
    fn spray(&self, packets: u64) {
        let until = self.sent() + packets;
        while self.sent() < until {
            thread::park_timeout(SLICE);
        }
    }

    /// Ends it: packets sent, packets a second, and datagrams that came back to it.
    fn end(self) -> (u64, f64, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.socket.set_nonblocking(true).unwrap();
        let sent = self.sent.load(Ordering::Relaxed);
        let rate = sent as f64 / self.began.elapsed().as_secs_f64();
        let mut came = 0;
        loop {
            match self.socket.recv_from(&mut [0; 2048]) {
                Ok(_) => came += 1,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return (sent, rate, came),
                // The system's word that nobody listens at a port: not a packet.
                Err(_) => {}
            }
        }
    }
}

fn proof(phase: u64, spoken: usize) {
    let callee = "{ security = \"rtp\", learn = true, sources = [\"CALLEE/32\"] }";
    let ground = ground("{ security = \"srtp\" }", callee);
    let _running = ground.start();
    let sprayer = Sprayer::begin(ground.stranger(), ground.daemon());
    sprayer.spray(phase);
    let (caller, callee) = (Party::caller(&ground, Voice::secured(1, 100)), Party::callee(&ground, Voice::plain(2)));
    let mut talk = Talk::begin(caller, callee, || sprayer.spray(phase));
    sprayer.spray(phase);
    talk.warm_up();
    talk.speak(spoken);
    for change in [
        Change::Hold("inactive"),
        Change::Resume,
        Change::NewKey(Rollover::Kept),
        Change::Address,
        Change::Source,
        Change::Codecs,
    ] {
        talk.reinvite(0, change);
        sprayer.spray(phase);
        talk.speak(spoken);
    }
    let talk = talk.end(&ground);
    let reached = counter(&ground, "sbc_media_drops", "reason");
    let (sprayed, rate, came) = sprayer.end();
    let heard = (talk.ways[0].unsent() + talk.ways[1].unsent()) as u64;
    let forwarded = heard + talk.repeats() + talk.parties[0].ear.unauthentic;
    let (sent, lost) = talk.ways.iter().fold((0, 0), |sum, way| (sum.0 + way.sent.len(), sum.1 + way.lost()));
    let shown =
        format!("{sprayed} at {rate:.0} a second, of which {reached} met an open port and were dropped by name");
    figure("packets of a third host", shown, "50000 a second", "issue 4, Proof");
    figure("of them forwarded", forwarded, "0", "issue 4, Proof");
    figure("sent to the third host", came, "0", "issue 4, Proof");
    figure("legitimate packets lost", format!("{lost} of {sent}"), "0.1 %", "issue 4, Proof");
    assert_eq!((forwarded, came), (0, 0));
    assert!(lost * 1000 <= sent, "{lost} of {sent}");
    assert!(reached > 0);
}

#[test]
fn a_third_host_that_sprays_every_port_is_neither_heard_nor_answered() {
    proof(2_000, 200);
}

#[test]
#[ignore = "long: tests/reliability/run spray"]
fn a_third_host_that_sprays_for_long() {
    proof(150_000, 4_000);
}
