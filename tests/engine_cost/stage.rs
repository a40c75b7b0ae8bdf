//! The engine alone between two parties: no socket, no clock, no thread. Every message is handed to
//! [`Engine::handle`], and what the relay would do is done at once.

use std::net::IpAddr;
use std::time::{Duration, Instant as Clock};

use bytes::Bytes;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{FlowId, NetworkId, WorkerId};
use trunkline::base::{Instant, Now, WallTime};
use trunkline::config;
use trunkline::engine::Engine;
use trunkline::engine::io::{Gauges, Input, Outbox, Output};
use trunkline::media::plan::{EndpointCounts, MediaCommand, MediaEvent, PortLease};
use trunkline::sip::flow::{Destination, Flow, PeerIdentity, Received, Transmit, TransmitFailure, Transport};
use trunkline::sip::{SipMessage, frame};

use crate::allocator::allocated;
use crate::text;

/// Who speaks with the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Caller,
    Callee,
    /// The caller over TCP, on a connection that may be cut.
    Stream,
}

/// Time and allocations of one part of the work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub time: Duration,
    pub allocations: u64,
}

impl Cost {
    fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (before, start) = (allocated().count, Clock::now());
        let value = work();
        self.time += start.elapsed();
        self.allocations += allocated().count - before;
        value
    }
}

/// One engine and its two parties.
pub struct Stage {
    engine: Engine,
    now: Instant,
    flows: [Flow; 3],
    out: Outbox,
    next_port: u16,
    /// What reading the messages that arrive has cost.
    pub reading: Cost,
    /// What the engine has cost.
    pub deciding: Cost,
}

impl Stage {
    /// An engine with ports and without calls.
    pub fn new() -> Stage {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("trunkline.toml");
        std::fs::write(&file, text::configuration()).unwrap();
        let snapshot = config::load(&file).unwrap_or_else(|report| panic!("{report}")).snapshot;
        let flow = |id: FlowId, transport: Transport, place: u8| {
            let listener = snapshot.listeners.iter().find(|listener| listener.transport == transport).unwrap();
            let remote = (text::address(place), text::PORT).into();
            Flow { id, transport, listener: listener.id, local: listener.bind, remote }
        };
        let datagrams = |place: u8| flow(FlowId((1 << 63) | u64::from(place)), Transport::Udp, place);
        let flows = [datagrams(71), datagrams(72), flow(FlowId(1), Transport::Tcp, 71)];
        let mut stage = Stage {
            engine: Engine::new(snapshot, Box::new(SeededEntropy::new(1))),
            now: Instant::from_nanos(1_000_000_000),
            flows,
            out: Outbox::new(),
            next_port: 20_000,
            reading: Cost::default(),
            deciding: Cost::default(),
        };
        let leases = stage.bind(NetworkId(0), 64);
        stage.feed(Input::Media(MediaEvent::Ready { leases }));
        stage.feed(Input::FlowOpened(FlowId(1), PeerIdentity::default()));
        stage
    }

    /// The caller's connection is cut, and comes up again as another one. What goes to the old one does not leave.
    pub fn cut(&mut self) -> Sent {
        let [_, _, stream] = &mut self.flows;
        let old = stream.id;
        stream.id = FlowId(old.0 + 1);
        let new = stream.id;
        let mut sent = self.feed(Input::FlowClosed(old));
        sent.extend(self.feed(Input::FlowOpened(new, PeerIdentity::default())));
        Sent(sent)
    }

    /// A call from INVITE to ACK. Gives the 200 that the caller got.
    pub fn set_up(&mut self, serial: usize) -> String {
        let offered = self.message(Party::Caller, &text::invite(serial)).named("INVITE ");
        self.message(Party::Callee, &text::answer(&offered, "180 Ringing", "")).named("SIP/2.0 180");
        let answer = text::answer(&offered, "200 OK", &text::sdp(text::address(72)));
        let accepted = self.message(Party::Callee, &answer).named("SIP/2.0 200");
        self.message(Party::Caller, &text::in_dialog(serial, "ACK", 1, &accepted));
        accepted
    }

    /// The caller hangs up the call it got `accepted` for.
    pub fn hang_up(&mut self, serial: usize, accepted: &str) {
        let bye = self.message(Party::Caller, &text::in_dialog(serial, "BYE", 2, accepted)).named("BYE ");
        self.message(Party::Callee, &text::answer(&bye, "200 OK", ""));
    }

    /// Lets time pass; every timer that comes due in it fires. Gives what was sent.
    pub fn pass(&mut self, time: Duration) -> Sent {
        let (end, mut sent) = (self.now + time, Vec::new());
        while let Some(due) = self.engine.next_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            let (engine, now, out) = (&mut self.engine, now(self.now), &mut self.out);
            self.deciding.of(|| engine.handle_timeout(now, out));
            sent.extend(self.obey());
        }
        self.now = end;
        Sent(sent)
    }

    /// Hands one message in. Gives what is sent because of it.
    pub fn message(&mut self, party: Party, text: &str) -> Sent {
        let flow = self.flows[party as usize];
        let octets = Bytes::copy_from_slice(text.as_bytes());
        let read = self.reading.of(|| frame::datagram(&octets, flow.remote));
        drop(octets);
        let message: SipMessage = read.unwrap().unwrap_or_else(|rejection| panic!("{rejection:?} of\n{text}"));
        Sent(self.feed(Input::Message(Received { flow, message })))
    }

    /// How many of everything the engine holds.
    pub fn gauges(&self) -> Gauges {
        self.engine.gauges()
    }

    fn feed(&mut self, input: Input) -> Vec<(IpAddr, Bytes)> {
        let (engine, now, out) = (&mut self.engine, now(self.now), &mut self.out);
        self.deciding.of(|| engine.handle(now, input, out));
        self.obey()
    }

    /// Plays the relay; gives the messages that leave.
    fn obey(&mut self) -> Vec<(IpAddr, Bytes)> {
        let mut sent = Vec::new();
        while let Some(output) = (!self.out.is_empty()).then(|| self.out.remove(0)) {
            match output {
                Output::Transmit(Transmit { id, to, bytes }) => match self.way(&to) {
                    Some(remote) => sent.push((remote, bytes)),
                    None => {
                        let (engine, now, out) = (&mut self.engine, now(self.now), &mut self.out);
                        let input = Input::TransmitFailed(id, TransmitFailure::FlowGone);
                        self.deciding.of(|| engine.handle(now, input, out));
                    }
                },
                Output::Media(command) => {
                    if let Some(event) = self.relay(command) {
                        let (engine, now, out) = (&mut self.engine, now(self.now), &mut self.out);
                        self.deciding.of(|| engine.handle(now, Input::Media(event), out));
                    }
                }
                Output::Resolve(_)
                | Output::Event(_)
                | Output::CloseFlow(_)
                | Output::Bearing(..)
                | Output::Reply(..) => {}
            }
        }
        sent
    }

    /// Where a message goes; `None` on a connection that is gone.
    fn way(&self, to: &Destination) -> Option<IpAddr> {
        match to {
            Destination::Flow(flow) | Destination::FlowOr(flow, _) => {
                let is_up = !flow.transport.is_reliable() || self.flows.iter().any(|up| up.id == flow.id);
                is_up.then(|| flow.remote.ip())
            }
            Destination::Target(target) => Some(target.address.ip()),
        }
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
            | MediaCommand::Move { .. }
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

/// Messages that left, and for whom.
#[derive(Debug)]
pub struct Sent(pub Vec<(IpAddr, Bytes)>);

impl Sent {
    /// The message that begins with `start`.
    pub fn named(&self, start: &str) -> String {
        self.find(start).unwrap_or_else(|| panic!("no {start} but {:?}", self.0))
    }

    /// The same, if it was sent.
    pub fn find(&self, start: &str) -> Option<String> {
        let found = self.0.iter().find(|(_, bytes)| bytes.starts_with(start.as_bytes()));
        found.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    }
}

fn now(instant: Instant) -> Now {
    Now { instant, wall: WallTime(1_700_000_000_000 + instant.as_nanos() / 1_000_000) }
}
