//! One relay thread: waits, receives, asks what the packet means, sends.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{getpriority_process, setpriority_process};
use rustix::time::{ClockId, clock_gettime};

use crate::base::bounds::Bound;
use crate::base::entropy::Pooled;
use crate::base::ids::{EndpointId, NetworkId, WorkerId};
use crate::base::limits::{MEDIA_PACKET_OCTETS, RELAY_PAIRS};
use crate::base::{Entropy, Instant};
use crate::media::dtmf::HeardDigit;
use crate::media::plan::{EndpointCounts, EndpointPlan, MediaCommand, MediaEvent, PortLease};
use crate::media::streams::Streams;
use crate::media::verdict::{DropReason, MediaPort, Slot, Verdict};
use crate::relay::EventSink;
use crate::relay::command_queue::{Order, Unheard};
use crate::relay::counters::WorkerCounters;
use crate::relay::lateness::{Batch, Lateness};
use crate::relay::moving::{Expected, Moved, Queues};
use crate::relay::ports::{Pair, PortShelves};
use crate::relay::socket;
use crate::rtp::buffer::PacketBuffer;

/// Sockets reported by one wait. Each has one packet read: one that has more is reported again.
const BATCH: usize = 256;
/// Pairs bound before packets are read again: about a millisecond.
const BOUND_AT_ONCE: usize = 32;
/// How often silence and rests are looked at.
const TICK: Duration = Duration::from_millis(250);
/// By how much a worker's nice value is below that of the threads that write records and logs. Those that answer calls
/// stand between, nearer to these: a relay that needs two thirds of a busy processor is due more than that only where its
/// weight is seven times theirs, and who uses all that is due to him waits for his turn. Measured at five times the calls
/// that a node bears: nine nice values above signalling packets wait 1 to 5 ms longer than at rest (p99), five above it 4 to 95 ms.
pub const PRECEDENCE: i32 = 13;
/// The mark of the command queue among the sockets.
const WAKE: u64 = u64::MAX;

/// The thread's whole state.
pub struct Worker {
    id: WorkerId,
    epoll: OwnedFd,
    queues: Queues,
    shelves: Arc<PortShelves>,
    counters: Arc<WorkerCounters>,
    sink: Arc<EventSink>,
    /// Never shrinks: the place of a pair is its slot. A place is empty whose pair went to another worker.
    pairs: Vec<Option<OwnedPair>>,
    vacant: Vec<Slot>,
    expected: Expected,
    by_port: HashMap<(NetworkId, u16), Slot>,
    resting: VecDeque<(Instant, Slot)>,
    streams: Streams,
    entropy: Pooled<SystemEntropy>,
    buffer: PacketBuffer,
    events: Vec<MediaEvent>,
    next_tick: Instant,
    lateness: Lateness,
}

struct OwnedPair {
    network: NetworkId,
    pair: Pair,
    state: PairState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PairState {
    /// Announced; the engine has it.
    Ready,
    Open,
    Resting,
}

/// Media before signalling (R-A6): where processors are short, calls that talk are heard, and it is new ones that wait
/// and are refused. Where the system does not allow it (`RLIMIT_NICE`), the threads are alike.
fn goes_first() {
    let _ = getpriority_process(None).and_then(|nice| setpriority_process(None, nice.saturating_sub(PRECEDENCE)));
}

/// Whether the thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    On,
    Stop,
}

impl Worker {
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new(
        id: WorkerId,
        queues: Queues,
        shelves: Arc<PortShelves>,
        counters: Arc<WorkerCounters>,
        sink: Arc<EventSink>,
    ) -> io::Result<Worker> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, queues.own.wake(), epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        Ok(Worker {
            id,
            epoll,
            queues,
            shelves,
            counters,
            sink,
            pairs: Vec::new(),
            vacant: Vec::new(),
            expected: Expected::default(),
            by_port: HashMap::new(),
            resting: VecDeque::new(),
            streams: Streams::default(),
            entropy: Pooled::new(SystemEntropy),
            buffer: PacketBuffer::default(),
            events: Vec::with_capacity(BATCH),
            next_tick: Instant::ZERO,
            lateness: Lateness::default(),
        })
    }

    /// Works until told to stop.
    pub fn run(mut self) {
        goes_first();
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(BATCH);
        let mut orders = Vec::new();
        let mut before = clock();
        loop {
            ready.clear();
            let patience = self.patience(before);
            // An interrupted wait reports nothing; the list is empty then and the next wait goes on.
            let _ = epoll::wait(&self.epoll, spare_capacity(&mut ready), patience.as_ref());
            let now = clock();
            if ready.iter().any(|event| event.data.u64() == WAKE) {
                self.queues.own.heard();
            }
            // Orders first: one that a packet needs may wait for the packet to wake us.
            self.queues.own.take(&mut orders);
            for order in orders.drain(..) {
                if self.obey(now, order) == Course::Stop {
                    return;
                }
            }
            for socket in ready.iter().map(|event| event.data.u64()).filter(|mark| *mark != WAKE) {
                self.receive(now, socket);
            }
            self.play(now);
            self.report(now);
            if now >= self.next_tick {
                self.tick(now);
            }
            self.events.drain(..).for_each(|event| (self.sink)(event));
            let batch = if ready.len() == ready.capacity() { Batch::Full } else { Batch::All };
            before = clock();
            self.counters.longest_wait.note(self.lateness.dealt(batch, now, before));
        }
    }

    /// How long a wait may last; endless while nothing is open and nothing rests.
    fn patience(&mut self, now: Instant) -> Option<Timespec> {
        if self.streams.is_empty() && self.resting.is_empty() {
            return None;
        }
        let deadlines = [self.streams.next_due(), self.streams.next_report()];
        let next = deadlines.into_iter().flatten().fold(self.next_tick, Instant::min);
        Timespec::try_from(next - now).ok()
    }

    /// Sends what the endpoints say by themselves and is due.
    fn play(&mut self, now: Instant) {
        if self.streams.next_due().is_none_or(|due| now < due) {
            return;
        }
        while let Some(verdict) = self.streams.play(now, &mut self.buffer, &mut self.events) {
            if let Verdict::Forward { slot, port, to } = verdict {
                self.send(slot, port, to);
            }
        }
    }

    /// Reads one packet from a socket and does with it as it must be done.
    fn receive(&mut self, now: Instant, socket_mark: u64) {
        let (slot, port) = unmarked(socket_mark);
        let Some(owned) = owned(&self.pairs, slot) else { return };
        let Ok((octets, Some(source))) = socket::receive(owned.pair.socket(port), self.buffer.receive_area()) else {
            return;
        };
        match port {
            MediaPort::Rtp => self.counters.rtp_received.add(),
            MediaPort::Rtcp => self.counters.rtcp_received.add(),
        }
        if octets > MEDIA_PACKET_OCTETS {
            return self.counters.dropped(DropReason::TooLong);
        }
        self.buffer.received(octets);
        match self.streams.receive(now, slot, port, source, &mut self.buffer, &mut self.events) {
            Verdict::Forward { slot, port, to } => self.send(slot, port, to),
            Verdict::Reply { port, to } => self.answer(slot, port, to),
            Verdict::Consumed => {}
            Verdict::Drop(reason) => self.counters.dropped(reason),
        }
    }

    /// Sends the reports that are due.
    fn report(&mut self, now: Instant) {
        while let Some(verdict) = self.streams.report(now, &mut self.buffer, &mut self.entropy) {
            match verdict {
                Verdict::Forward { slot, port, to } => self.send(slot, port, to),
                Verdict::Drop(reason) => self.counters.dropped(reason),
                Verdict::Reply { .. } | Verdict::Consumed => {}
            }
        }
    }

    /// Sends a STUN answer where the request came from.
    fn answer(&mut self, slot: Slot, port: MediaPort, to: std::net::SocketAddr) {
        let Some(Some(owned)) = self.pairs.get_mut(slot.index()) else { return };
        match owned.pair.send(port, self.buffer.packet(), to) {
            Ok(_) => self.counters.stun_answered.add(),
            Err(Errno::AGAIN | Errno::NOBUFS) => self.counters.dropped(DropReason::SendBlocked),
            Err(_) => self.counters.dropped(DropReason::SendFailed),
        }
    }

    fn send(&mut self, slot: Slot, port: MediaPort, to: std::net::SocketAddr) {
        let Some(Some(owned)) = self.pairs.get_mut(slot.index()) else { return };
        match owned.pair.send(port, self.buffer.packet(), to) {
            Ok(_) => match port {
                MediaPort::Rtp => self.counters.rtp_sent.add(),
                MediaPort::Rtcp => self.counters.rtcp_sent.add(),
            },
            Err(Errno::AGAIN | Errno::NOBUFS) => self.counters.dropped(DropReason::SendBlocked),
            Err(_) => self.counters.dropped(DropReason::SendFailed),
        }
    }

    fn obey(&mut self, now: Instant, order: Order) -> Course {
        let order = match order {
            Order::Media(command) => match self.expected.keep(command) {
                Some(command) => Order::Media(command),
                None => return Course::On,
            },
            Order::Refill { .. } | Order::Expect { .. } | Order::Adopt { .. } | Order::Stop => order,
        };
        match order {
            Order::Stop => return Course::Stop,
            Order::Expect { endpoint } => self.expected.expect(endpoint),
            Order::Adopt { endpoint, moved } => self.adopt(now, endpoint, moved),
            Order::Media(MediaCommand::Move { endpoint, lease: _, to }) => self.give_away(endpoint, to),
            Order::Refill { network, count, asked, of } => self.refill(network, count, asked, of),
            Order::Media(MediaCommand::Refill { network, count }) => self.refill(network, count, 1, 1),
            Order::Media(MediaCommand::Return { lease }) => self.take_back(lease),
            Order::Media(MediaCommand::Open { endpoint, lease, plan }) => self.open(now, endpoint, lease, &plan),
            Order::Media(MediaCommand::Configure { endpoint, lease: _, plan }) => self.configure(now, endpoint, &plan),
            Order::Media(MediaCommand::Attach { a, b, worker: _ }) => {
                if !self.streams.attach(a, b) {
                    self.counters.misfits.add();
                }
            }
            Order::Media(MediaCommand::Detach { endpoint, worker: _ }) => self.streams.detach(endpoint),
            Order::Media(MediaCommand::Close { endpoint, lease }) => self.close(now, endpoint, lease),
            Order::Media(MediaCommand::PlayDigit { endpoint, worker: _, digit, duration }) => {
                if !self.streams.play_digit(now, endpoint, HeardDigit { digit, duration }) {
                    self.counters.dropped(DropReason::DigitLost);
                }
            }
            Order::Media(MediaCommand::PlayTone { endpoint, worker: _, tone }) => {
                if !self.streams.play_tone(now, endpoint, tone) {
                    self.counters.misfits.add();
                }
            }
            Order::Media(MediaCommand::StopTone { endpoint, worker: _ }) => self.streams.stop_tone(endpoint),
        }
        self.set_gauges();
        Course::On
    }

    /// Announces `count` pairs: unbound ports first, then rested and, if need be, resting ones of our own. Some at a
    /// time: calls that wait have the first ones early, and packets are read in between.
    fn refill(&mut self, network: NetworkId, count: usize, asked: usize, of: usize) {
        let now = count.min(BOUND_AT_ONCE);
        let mut leases = Vec::with_capacity(now);
        while leases.len() < now {
            let Some(slot) = self.bind_pair(network).or_else(|| self.cut_rest_short(network)) else { break };
            leases.extend(self.ready(slot));
        }
        let found = leases.len();
        let missing = count.saturating_sub(found);
        if !leases.is_empty() {
            self.events.push(MediaEvent::Ready { leases });
        }
        let (queue, asked) = match missing {
            0 => return,
            _ if found == now => (&self.queues.own, asked),
            _ if asked < of => (&self.queues.next, asked + 1),
            _ => return self.events.push(MediaEvent::Exhausted { network }),
        };
        queue.push(Order::Refill { network, count: missing, asked, of });
        queue.call(Unheard::Pressing);
    }

    fn bind_pair(&mut self, network: NetworkId) -> Option<Slot> {
        let slot = self.free_slot()?;
        let pair = self.shelves.bind_next(network)?;
        let port = pair.rtp_port;
        let placed = self.place(slot, OwnedPair { network, pair, state: PairState::Resting });
        if placed.is_none() {
            self.shelves.put_back(network, port);
        }
        placed
    }

    /// A place without a pair; `None`: the table is full.
    fn free_slot(&self) -> Option<Slot> {
        let next = || u32::try_from(self.pairs.len()).ok().map(Slot).filter(|_| self.pairs.len() < RELAY_PAIRS);
        let free = self.vacant.last().copied().or_else(next);
        if free.is_none() {
            Bound::RelayPairs.reached();
        }
        free
    }

    /// Watches a pair at its place. `None`, and the pair is closed, when the system refuses.
    fn place(&mut self, slot: Slot, placed: OwnedPair) -> Option<Slot> {
        for port in [MediaPort::Rtp, MediaPort::Rtcp] {
            let mark = epoll::EventData::new_u64(marked(slot, port));
            epoll::add(&self.epoll, placed.pair.socket(port), mark, epoll::EventFlags::IN).ok()?;
        }
        self.by_port.insert((placed.network, placed.pair.rtp_port), slot);
        match self.pairs.get_mut(slot.index()) {
            Some(place) => {
                self.vacant.retain(|vacant| *vacant != slot);
                *place = Some(placed);
            }
            None => self.pairs.push(Some(placed)),
        }
        Some(slot)
    }

    // ---- endpoints that go to another worker

    /// Hands an endpoint to `to`, which expects it.
    fn give_away(&mut self, endpoint: EndpointId, to: WorkerId) {
        let moved = self.streams.release(endpoint).and_then(|(slot, state)| {
            let owned = self.pairs.get_mut(slot.index())?.take()?;
            self.vacant.push(slot);
            self.by_port.remove(&(owned.network, owned.pair.rtp_port));
            for port in [MediaPort::Rtp, MediaPort::Rtcp] {
                // A socket that is not watched is nobody's loss.
                let _ = epoll::delete(&self.epoll, owned.pair.socket(port));
            }
            Some(Box::new(Moved { network: owned.network, pair: owned.pair, endpoint: state }))
        });
        if moved.is_none() {
            self.counters.misfits.add();
        }
        if let Some(queue) = self.queues.all.get(usize::from(to.0)) {
            queue.push(Order::Adopt { endpoint, moved });
            queue.call(Unheard::Pressing);
        }
    }

    /// Takes an endpoint in, and obeys what waited for it.
    fn adopt(&mut self, now: Instant, id: EndpointId, moved: Option<Box<Moved>>) {
        if let Some(moved) = moved {
            let Moved { network, pair, endpoint } = *moved;
            let slot = self.free_slot();
            let placed = slot.and_then(|slot| self.place(slot, OwnedPair { network, pair, state: PairState::Open }));
            if placed.is_none_or(|slot| !self.streams.adopt(slot, id, endpoint)) {
                self.counters.misfits.add();
            }
        }
        for command in self.expected.came(id) {
            self.obey(now, Order::Media(command));
        }
    }

    /// The pool is short: the pair that rested longest is used again.
    fn cut_rest_short(&mut self, network: NetworkId) -> Option<Slot> {
        let place = self
            .resting
            .iter()
            .position(|(_, slot)| owned(&self.pairs, *slot).is_some_and(|owned| owned.network == network))?;
        self.counters.rests_cut_short.add();
        self.resting.remove(place).map(|(_, slot)| slot)
    }

    /// Makes a pair ready and gives it as the engine will name it.
    fn ready(&mut self, slot: Slot) -> Option<PortLease> {
        let owned = self.pairs.get_mut(slot.index())?.as_mut()?;
        owned.state = PairState::Ready;
        Some(PortLease { network: owned.network, worker: self.id, rtp_port: owned.pair.rtp_port })
    }

    fn slot_of(&self, lease: PortLease) -> Option<Slot> {
        self.by_port.get(&(lease.network, lease.rtp_port)).copied()
    }

    fn take_back(&mut self, lease: PortLease) {
        let ready = self.slot_of(lease).and_then(|slot| owned(&self.pairs, slot));
        if ready.is_some_and(|owned| owned.state == PairState::Ready) {
            self.events.push(MediaEvent::Ready { leases: vec![lease] });
        } else {
            self.counters.misfits.add();
        }
    }

    fn open(&mut self, now: Instant, endpoint: EndpointId, lease: PortLease, plan: &EndpointPlan) {
        let slot = self.slot_of(lease);
        let owned = slot.and_then(|slot| self.pairs.get_mut(slot.index())?.as_mut());
        let (Some(slot), Some(owned)) = (slot, owned) else { return self.counters.misfits.add() };
        if owned.state != PairState::Ready || !self.streams.open(now, slot, endpoint, plan, &mut self.entropy) {
            return self.counters.misfits.add();
        }
        owned.state = PairState::Open;
        owned.pair.connect(self.streams.fixed_remote(slot));
    }

    fn configure(&mut self, now: Instant, endpoint: EndpointId, plan: &EndpointPlan) {
        let slot = self.streams.slot_of(endpoint);
        let owned = slot.and_then(|slot| self.pairs.get_mut(slot.index())?.as_mut());
        let (Some(slot), Some(owned)) = (slot, owned) else { return self.counters.misfits.add() };
        self.streams.configure(now, endpoint, plan, &mut self.entropy);
        owned.pair.connect(self.streams.fixed_remote(slot));
    }

    /// Ends an endpoint. One whose `Open` did not fit is answered too, so that no call waits for it.
    fn close(&mut self, now: Instant, endpoint: EndpointId, lease: PortLease) {
        if let Some(Verdict::Forward { slot, port, to }) = self.streams.farewell(endpoint, &mut self.buffer) {
            self.send(slot, port, to);
        }
        let counts = match self.streams.close(now, endpoint) {
            Some((slot, counts)) => {
                self.rest(now, slot);
                counts
            }
            None => {
                self.take_back(lease);
                EndpointCounts::default()
            }
        };
        self.events.push(MediaEvent::Closed { endpoint, counts });
    }

    fn rest(&mut self, now: Instant, slot: Slot) {
        if let Some(Some(owned)) = self.pairs.get_mut(slot.index()) {
            owned.pair.connect(None);
            owned.state = PairState::Resting;
            self.resting.push_back((now + self.shelves.rest, slot));
        }
    }

    fn tick(&mut self, now: Instant) {
        self.next_tick = now + TICK;
        self.streams.watch_silence(now, &mut self.events);
        let mut leases = Vec::new();
        while let Some(&(_, slot)) = self.resting.front().filter(|(until, _)| *until <= now) {
            self.resting.pop_front();
            leases.extend(self.ready(slot));
        }
        if !leases.is_empty() {
            self.events.push(MediaEvent::Ready { leases });
            self.set_gauges();
        }
    }

    fn set_gauges(&self) {
        let (bound, open, resting) = (self.pairs.len() - self.vacant.len(), self.streams.len(), self.resting.len());
        self.counters.ports_bound.set(bound);
        self.counters.ports_leased.set(open);
        self.counters.ports_resting.set(resting);
        self.counters.ports_ready.set(bound.saturating_sub(open + resting));
    }
}

/// The pair at this place.
fn owned(pairs: &[Option<OwnedPair>], slot: Slot) -> Option<&OwnedPair> {
    pairs.get(slot.index())?.as_ref()
}

/// Slot and port as one number for `epoll`.
fn marked(slot: Slot, port: MediaPort) -> u64 {
    u64::from(slot.0) << 1 | u64::from(port == MediaPort::Rtcp)
}

fn unmarked(mark: u64) -> (Slot, MediaPort) {
    let port = if mark & 1 == 1 { MediaPort::Rtcp } else { MediaPort::Rtp };
    (Slot(u32::try_from(mark >> 1).unwrap_or(u32::MAX)), port)
}

/// The worker's own line of time. Only differences leave this thread.
fn clock() -> Instant {
    let reading = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(reading.tv_sec).unwrap_or(0);
    Instant::from_nanos(
        seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(reading.tv_nsec).unwrap_or(0)),
    )
}

/// The operating system's generator. SSRCs and first sequence numbers come from it.
struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        // aws-lc ends the process itself when the system gives no randomness.
        let _ = aws_lc_rs::rand::fill(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_goes_before_the_other_threads_where_that_is_allowed() {
        let worker = std::thread::spawn(|| {
            let before = getpriority_process(None).unwrap();
            goes_first();
            let after = getpriority_process(None).unwrap();
            (before - after, setpriority_process(None, after - 1).is_ok())
        });
        let (gained, allowed) = worker.join().unwrap();
        assert_eq!(gained, if allowed { PRECEDENCE } else { 0 });
    }

    #[test]
    fn a_mark_names_slot_and_port() {
        for slot in [Slot(0), Slot(77), Slot(u32::MAX)] {
            for port in [MediaPort::Rtp, MediaPort::Rtcp] {
                assert_eq!(unmarked(marked(slot, port)), (slot, port));
            }
        }
    }
}
