//! A call set up and torn down through [`Engine::handle`] alone: no socket, no clock, no thread.

use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{FlowId, NetworkId, WorkerId};
use trunkline::base::{Instant, Now, WallTime};
use trunkline::config;
use trunkline::engine::Engine;
use trunkline::engine::io::{Input, Outbox, Output};
use trunkline::media::plan::{EndpointCounts, MediaCommand, MediaEvent, PortLease};
use trunkline::sip::flow::{Flow, Received, Transport};
use trunkline::sip::{SipMessage, frame};

use crate::allocations;
use crate::text;

/// Invented time between two calls: at 100 calls/s every timer of RFC 3261 fires while later calls go on.
const PAUSE: Duration = Duration::from_millis(10);
/// Calls before anything is counted: more than the 32 s of a transaction.
const WARM_UP: usize = 4_000;
/// Messages in one call that reach us, and that we send.
const ARRIVING: u32 = 6;
const LEAVING: u32 = 7;

/// Time and allocations of one part.
#[derive(Clone, Copy, Default)]
struct Cost {
    time: Duration,
    allocations: u64,
}

impl Cost {
    fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (before, start) = (allocations::count(), Clock::now());
        let value = work();
        self.time += start.elapsed();
        self.allocations += allocations::count() - before;
        value
    }

    fn print(&self, name: &str, calls: usize, messages: u32) {
        let nanos = self.time.as_nanos() as f64 / calls as f64;
        let allocations = self.allocations as f64 / calls as f64;
        println!("{name:46} {nanos:12.0} {:12.0} {allocations:12.1}", nanos / f64::from(messages));
    }
}

/// Measures `calls` calls and prints their cost.
pub fn run(calls: usize) {
    let mut bench = Bench::new();
    let warm_up = WARM_UP.min(calls);
    (0..warm_up).for_each(|serial| bench.call(serial));
    (bench.reading, bench.engine) = (Cost::default(), Cost::default());
    (warm_up..warm_up + calls).for_each(|serial| bench.call(serial));
    println!("{:46} {:>12} {:>12} {:>12}", "the core alone", "ns/call", "ns/message", "alloc/call");
    bench.reading.print("reading the 6 messages that arrive", calls, ARRIVING);
    bench.engine.print("the engine, 6 in and 7 out", calls, ARRIVING + LEAVING);
    let held = bench.engine_under_test.gauges();
    assert_eq!((held.calls, held.dialogs, held.ports_leased), (0, 0, 0), "{held:?}");
}

struct Bench {
    engine_under_test: Engine,
    now: Instant,
    flows: [Flow; 2],
    reading: Cost,
    engine: Cost,
    out: Outbox,
    next_port: u16,
}

impl Bench {
    fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("trunkline.toml");
        std::fs::write(&file, text::configuration()).unwrap();
        let snapshot = config::load(&file).unwrap_or_else(|report| panic!("{report}")).snapshot;
        let listener = snapshot.listeners.iter().find(|listener| listener.transport == Transport::Udp).unwrap();
        let flow = |place: u8| Flow {
            id: FlowId((1 << 63) | u64::from(place)),
            transport: Transport::Udp,
            listener: listener.id,
            local: listener.bind,
            remote: (text::address(place), text::PORT).into(),
        };
        let flows = [flow(71), flow(72)];
        let engine_under_test = Engine::new(snapshot, Box::new(SeededEntropy::new(1)));
        let now = Instant::from_nanos(1_000_000_000);
        let (reading, engine) = (Cost::default(), Cost::default());
        let mut bench = Bench { engine_under_test, now, flows, reading, engine, out: Outbox::new(), next_port: 20_000 };
        let leases = bench.bind(NetworkId(0), 64);
        bench.feed(Input::Media(MediaEvent::Ready { leases }));
        bench
    }

    fn call(&mut self, serial: usize) {
        let offered = self.message(0, &text::invite(serial), "INVITE ");
        self.message(1, &text::answer(&offered, "180 Ringing", ""), "SIP/2.0 180");
        let answer = text::answer(&offered, "200 OK", &text::sdp(text::address(72)));
        let accepted = self.message(1, &answer, "SIP/2.0 200");
        self.message(0, &text::in_dialog(serial, "ACK", 1, &accepted), "");
        let bye = self.message(0, &text::in_dialog(serial, "BYE", 2, &accepted), "BYE ");
        self.message(1, &text::answer(&bye, "200 OK", ""), "");
        self.now = self.now + PAUSE;
        while self.engine_under_test.next_timeout().is_some_and(|deadline| deadline <= self.now) {
            let (engine, now, out) = (&mut self.engine_under_test, now(self.now), &mut self.out);
            self.engine.of(|| engine.handle_timeout(now, out));
            self.obey();
        }
    }

    /// Hands one message in; gives the message that leaves and begins with `wanted`.
    fn message(&mut self, party: usize, text: &str, wanted: &str) -> String {
        let flow = self.flows[party];
        let octets = Bytes::copy_from_slice(text.as_bytes());
        let read = self.reading.of(|| frame::datagram(&octets, flow.remote));
        let message: SipMessage = read.unwrap().unwrap_or_else(|rejection| panic!("{rejection:?} of\n{text}"));
        let sent = self.feed(Input::Message(Received { flow, message }));
        if wanted.is_empty() {
            return String::new();
        }
        let found = sent.iter().find(|bytes| bytes.starts_with(wanted.as_bytes()));
        let found = found.unwrap_or_else(|| panic!("no {wanted} after\n{text}\nbut {sent:?}"));
        String::from_utf8_lossy(found).into_owned()
    }

    fn feed(&mut self, input: Input) -> Vec<Bytes> {
        let (engine, now, out) = (&mut self.engine_under_test, now(self.now), &mut self.out);
        self.engine.of(|| engine.handle(now, input, out));
        self.obey()
    }

    /// Plays the relay; gives the messages that leave.
    fn obey(&mut self) -> Vec<Bytes> {
        let mut sent = Vec::new();
        while let Some(output) = (!self.out.is_empty()).then(|| self.out.remove(0)) {
            match output {
                Output::Transmit(transmit) => sent.push(transmit.bytes),
                Output::Media(command) => {
                    if let Some(event) = self.relay(command) {
                        let (engine, now, out) = (&mut self.engine_under_test, now(self.now), &mut self.out);
                        self.engine.of(|| engine.handle(now, Input::Media(event), out));
                    }
                }
                Output::Resolve(_) | Output::Event(_) | Output::CloseFlow(_) | Output::Reply(..) => {}
            }
        }
        sent
    }

    fn relay(&mut self, command: MediaCommand) -> Option<MediaEvent> {
        match command {
            MediaCommand::Refill { network, count } => Some(MediaEvent::Ready { leases: self.bind(network, count) }),
            MediaCommand::Return { lease } => Some(MediaEvent::Ready { leases: vec![lease] }),
            MediaCommand::Close { endpoint, .. } => {
                Some(MediaEvent::Closed { endpoint, counts: EndpointCounts::default() })
            }
            MediaCommand::Open { .. }
            | MediaCommand::Configure { .. }
            | MediaCommand::Attach { .. }
            | MediaCommand::Detach { .. }
            | MediaCommand::PlayDigit { .. }
            | MediaCommand::PlayTone { .. }
            | MediaCommand::StopTone { .. } => None,
        }
    }

    fn bind(&mut self, network: NetworkId, count: usize) -> Vec<PortLease> {
        let lease = |_| {
            self.next_port = if self.next_port > 60_000 { 20_000 } else { self.next_port + 2 };
            PortLease { network, worker: WorkerId(0), rtp_port: self.next_port }
        };
        (0..count).map(lease).collect()
    }
}

fn now(instant: Instant) -> Now {
    Now { instant, wall: WallTime(1_700_000_000_000 + instant.as_nanos() / 1_000_000) }
}
