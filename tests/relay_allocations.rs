//! Nothing is allocated per relayed packet (DESIGN rule 6): a counting allocator watches the whole process
//! while packets that were made beforehand cross an SRTP leg and a plain leg in both directions, and while an
//! endpoint rings and turns events into tones.

#![cfg(feature = "lab")]
#![allow(unsafe_code, reason = "an allocator is an unsafe trait")]

#[path = "relay/plain.rs"]
mod plain;

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plain::plain;
use trunkline::audio::g711::Law;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{EndpointId, NetworkId};
use trunkline::base::{Instant, Secret};
use trunkline::media::plan::{
    DigitsTo, DtmfMode, EndpointPlan, Fill, HearDigits, MediaCommand, MediaEvent, PortLease, Protection, RemoteMedia,
    SpeakDigits, SrtpMaster, SrtpSuite, Voice,
};
use trunkline::media::streams::Streams;
use trunkline::media::verdict::Slot;
use trunkline::relay::{Relay, RelayNetwork, RelaySettings};
use trunkline::rtp::buffer::PacketBuffer;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes on to the system's allocator unchanged; only a number is added to.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The counter is the process's: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

const PATIENCE: Duration = Duration::from_secs(60);

fn far() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Reports go where nobody reads them: the far ends count packets of voice.
fn plan(far: &UdpSocket, protection: Protection) -> EndpointPlan {
    let rtp = far.local_addr().unwrap();
    let rtcp = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    EndpointPlan { protection, silence: Some(Duration::from_secs(30)), ..plain(RemoteMedia { rtp, rtcp }) }
}

fn master(suite: SrtpSuite, fill: u8) -> SrtpMaster {
    SrtpMaster { suite, key_salt: Secret::new(vec![fill; suite.key_salt_octets()]) }
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend([0, 0, 0, 7]);
    packet.extend([0x55; 160]);
    packet
}

/// Opens and joins two endpoints; gives their leases.
fn call(relay: &Relay, events: &Receiver<MediaEvent>, plans: [EndpointPlan; 2]) -> [PortLease; 2] {
    let leases = match events.recv_timeout(PATIENCE).unwrap() {
        MediaEvent::Ready { leases } => leases,
        other => panic!("unexpected {other:?}"),
    };
    for (place, plan) in plans.into_iter().enumerate() {
        let endpoint = EndpointId(place as u64);
        relay.command(MediaCommand::Open { endpoint, lease: leases[place], plan: Arc::new(plan) });
    }
    relay.command(MediaCommand::Attach { a: EndpointId(0), b: EndpointId(1), worker: leases[0].worker });
    // A packet that comes before the orders are obeyed is dropped: the answer to one more order says that they are.
    let nobody = PortLease { network: NetworkId(99), ..leases[0] };
    relay.command(MediaCommand::Close { endpoint: EndpointId(99), lease: nobody });
    while !matches!(events.recv_timeout(PATIENCE).unwrap(), MediaEvent::Closed { .. }) {}
    [leases[0], leases[1]]
}

/// A relay of one worker with two pairs from this port on, and its news.
fn relay(first_port: u16) -> (Relay, Receiver<MediaEvent>) {
    let (sender, events) = channel();
    let network =
        RelayNetwork { id: NetworkId(0), bind: "127.0.0.1".parse().unwrap(), first_port, last_port: first_port + 7 };
    let settings = RelaySettings {
        networks: vec![network],
        workers: 1,
        dscp: 46,
        port_rest: Duration::from_secs(30),
        ready_ports: 2,
    };
    (Relay::start(settings, Box::new(move |event| drop(sender.send(event)))).unwrap(), events)
}

#[test]
fn no_allocation_per_packet_in_either_direction() {
    use webrtc_srtp::protection_profile::ProtectionProfile;
    let _turn = TURN.lock().unwrap();
    relays_without_allocation(SrtpSuite::AesCm128HmacSha1_80, ProtectionProfile::Aes128CmHmacSha1_80, 31_500);
    relays_without_allocation(SrtpSuite::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm, 31_510);
}

fn relays_without_allocation(
    suite: SrtpSuite,
    profile: webrtc_srtp::protection_profile::ProtectionProfile,
    first_port: u16,
) {
    let (relay, events) = relay(first_port);
    let (secured, plain) = (far(), far());
    let protection = Protection::Srtp { local: master(suite, 1), remote: master(suite, 2) };
    let plans = [plan(&secured, protection), plan(&plain, Protection::Rtp)];
    let leases = call(&relay, &events, plans);
    let shape = suite.shape();
    let (key, salt) = (vec![2; shape.key], vec![2; shape.salt]);
    let mut voice = webrtc_srtp::context::Context::new(&key, &salt, profile, None, None).unwrap();
    let sealed: Vec<_> = (0..1100u16).map(|sequence| voice.encrypt_rtp(&packet(sequence)).unwrap()).collect();
    let clear: Vec<_> = (0..1100u16).map(packet).collect();
    let to = leases.map(|lease| std::net::SocketAddr::from(([127, 0, 0, 1], lease.rtp_port)));
    let mut area = [0; 400];
    let mut before = 0;
    for step in 0..1100 {
        if step == 100 {
            before = ALLOCATIONS.load(Ordering::Relaxed);
        }
        secured.send_to(&sealed[step], to[0]).unwrap();
        assert_eq!(plain.recv(&mut area).unwrap(), 172);
        plain.send_to(&clear[step], to[1]).unwrap();
        assert_eq!(secured.recv(&mut area).unwrap(), 172 + shape.rtp_tag);
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    relay.stop();
    reports_allocate_nothing(suite, &secured, &plain);
}

/// A thousand reports of two legs on invented time. Part of the one test: the allocator counts the whole process.
fn reports_allocate_nothing(suite: SrtpSuite, secured: &UdpSocket, plain: &UdpSocket) {
    let (mut streams, mut entropy, mut buffer) = (Streams::default(), SeededEntropy::new(1), PacketBuffer::default());
    let protection = Protection::Srtp { local: master(suite, 1), remote: master(suite, 2) };
    let plans = [plan(secured, protection), plan(plain, Protection::Rtp)];
    for (place, plan) in (0u32..).zip(&plans) {
        assert!(streams.open(Instant::ZERO, Slot(place), EndpointId(place.into()), plan, &mut entropy));
    }
    let mut sent = 0;
    let mut before = ALLOCATIONS.load(Ordering::Relaxed);
    while sent < 1100 {
        let now = streams.next_report().unwrap();
        while streams.report(now, &mut buffer, &mut entropy).is_some() {
            sent += 1;
        }
        if sent == 100 {
            before = ALLOCATIONS.load(Ordering::Relaxed);
        }
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
}

/// The three end packets of the n-th event.
fn event(n: u16) -> [Vec<u8>; 3] {
    std::array::from_fn(|repeat| {
        let mut packet = packet(n * 3 + repeat as u16);
        packet[1] = 101;
        packet[4..8].copy_from_slice(&(u32::from(n) * 8000).to_be_bytes());
        packet.truncate(12);
        packet.extend([5, 0x8a, 0x01, 0x40]);
        packet
    })
}

#[test]
fn no_allocation_per_packet_of_our_own() {
    let _turn = TURN.lock().unwrap();
    let (relay, events) = relay(31_520);
    let (pressing, hearing) = (far(), far());
    let mut plans = [plan(&pressing, Protection::Rtp), plan(&hearing, Protection::Rtp)];
    plans[0].dtmf.hear = HearDigits::Events { payload: 101, clock: 8000, to: DigitsTo::Partner };
    plans[1].dtmf = DtmfMode { hear: HearDigits::Carried, speak: SpeakDigits::Inband };
    plans[1].sound.voice = Some(Voice { law: Law::A, payload: 8 });
    plans[1].sound.fill = Fill::Noise;
    let leases = call(&relay, &events, plans);
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], leases[0].rtp_port));
    let presses: Vec<_> = (0..6).map(event).collect();
    let mut area = [0; 400];
    let mut before = 0;
    for (step, press) in presses.iter().enumerate() {
        if step == 2 {
            before = ALLOCATIONS.load(Ordering::Relaxed);
        }
        press.iter().for_each(|packet| drop(pressing.send_to(packet, to)));
        for _ in 0..8 {
            assert_eq!(hearing.recv(&mut area).unwrap(), 172);
        }
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    relay.stop();
}
