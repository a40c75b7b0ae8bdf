//! The shell of the media plane: plain threads with `epoll` and fixed buffers, commanded by queues.
//!
//! Each worker owns its port pairs for good: a pair is bound once, is announced as ready, is opened for a
//! call, rests after it, and is announced again, so that a call costs no bind and no close. What a packet
//! means is decided in [`crate::media::streams`]; here it is received and sent. Nothing is allocated and no
//! lock is taken per packet.

mod command_queue;
mod moving;
mod counters;
mod lateness;
mod ports;
mod socket;
mod worker;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::ids::{NetworkId, WorkerId};
use crate::media::plan::{MediaCommand, MediaEvent};
pub use command_queue::Unheard;
use command_queue::{CommandQueue, Order};
pub use counters::RelayCounters;
use counters::WorkerCounters;
use moving::Queues;
use ports::PortShelves;
pub use worker::PRECEDENCE;
use worker::Worker;

/// Where the workers' news go. Called on the worker's thread: it must not wait.
pub type EventSink = Box<dyn Fn(MediaEvent) + Send + Sync>;

/// One side of the machine: where its media ports are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayNetwork {
    pub id: NetworkId,
    /// The address sockets are bound to; unspecified: every address of its family.
    pub bind: IpAddr,
    /// The range of ports, both ends included. Pairs begin at even ports.
    pub first_port: u16,
    pub last_port: u16,
}

/// How the relay is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    pub networks: Vec<RelayNetwork>,
    /// Worker threads; 0: half the cores, at least one.
    pub workers: usize,
    /// DiffServ code point of what is sent, 0..=63; 46 is expedited forwarding.
    pub dscp: u8,
    /// How long a pair rests after a call.
    pub port_rest: Duration,
    /// Pairs bound and announced at start, per network.
    pub ready_ports: usize,
}

/// The running relay.
pub struct Relay {
    workers: Vec<RunningWorker>,
    /// Where the next refill begins, so that small ones are spread.
    next_refill: AtomicUsize,
}

struct RunningWorker {
    queue: Arc<CommandQueue>,
    counters: Arc<WorkerCounters>,
    thread: JoinHandle<()>,
}

impl Relay {
    /// Starts the workers, and binds and announces `ready_ports` pairs per network.
    ///
    /// # Errors
    /// When a network's address cannot be bound, or the system refuses a thread or a descriptor.
    pub fn start(settings: RelaySettings, events: EventSink) -> io::Result<Relay> {
        raise_descriptor_limit();
        for network in &settings.networks {
            socket::probe(network.bind)?;
        }
        let events: Arc<EventSink> = Arc::new(events);
        let shelves = Arc::new(PortShelves::new(&settings));
        let count = worker_count(settings.workers);
        let queues: Vec<Arc<CommandQueue>> =
            (0..count).map(|_| CommandQueue::new().map(Arc::new)).collect::<io::Result<_>>()?;
        let all: Arc<[Arc<CommandQueue>]> = queues.as_slice().into();
        let mut workers = Vec::with_capacity(count);
        for (place, queue) in queues.iter().enumerate() {
            let counters = Arc::new(WorkerCounters::default());
            let id = WorkerId(u16::try_from(place).unwrap_or(u16::MAX));
            let next = queues.get(place + 1).or(queues.first()).unwrap_or(queue);
            let routes = Queues { own: queue.clone(), next: next.clone(), all: all.clone() };
            let worker = Worker::new(id, routes, shelves.clone(), counters.clone(), events.clone())?;
            let thread = std::thread::Builder::new().name(format!("relay-{place}")).spawn(move || worker.run())?;
            workers.push(RunningWorker { queue: queue.clone(), counters, thread });
        }
        let relay = Relay { workers, next_refill: AtomicUsize::new(0) };
        for network in &settings.networks {
            relay.refill(network.id, settings.ready_ports);
        }
        relay.wake(Unheard::Pressing);
        Ok(relay)
    }

    /// Hands an order to its worker and wakes it. Returns at once.
    pub fn command(&self, command: MediaCommand) {
        self.post(command);
        self.wake(Unheard::Quiet);
    }

    /// Hands an order to its worker, which takes it when [`Relay::wake`] is called. When a worker has more than
    /// `RELAY_COMMANDS` orders waiting, those that start something are refused and counted; those that end something
    /// are taken.
    pub fn post(&self, command: MediaCommand) {
        let worker = match &command {
            MediaCommand::Refill { network, count } => return self.refill(*network, *count),
            MediaCommand::Return { lease }
            | MediaCommand::Open { lease, .. }
            | MediaCommand::Configure { lease, .. }
            | MediaCommand::Close { lease, .. } => lease.worker,
            MediaCommand::Move { endpoint, lease, to } => {
                // Before the order to let it go: what follows finds that it is expected.
                if let Some(running) = self.workers.get(usize::from(to.0)) {
                    running.queue.push(Order::Expect { endpoint: *endpoint });
                }
                lease.worker
            }
            MediaCommand::Attach { worker, .. }
            | MediaCommand::Detach { worker, .. }
            | MediaCommand::PlayDigit { worker, .. }
            | MediaCommand::PlayTone { worker, .. }
            | MediaCommand::StopTone { worker, .. } => *worker,
        };
        if let Some(running) = self.workers.get(usize::from(worker.0)) {
            running.queue.push(Order::Media(command));
        }
    }

    /// Wakes the workers that have orders of at least this urgency. Gives the most urgent order that some worker has
    /// not heard of then: the caller sees to it that it is not left for long.
    pub fn wake(&self, from: Unheard) -> Unheard {
        self.workers.iter().map(|worker| worker.queue.call(from)).max().unwrap_or_default()
    }

    /// Worker threads.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Everything counted so far, all workers together.
    pub fn counters(&self) -> RelayCounters {
        let mut sum = RelayCounters::default();
        for worker in &self.workers {
            worker.counters.add_to(&mut sum);
            sum.commands_refused += worker.queue.refused();
        }
        sum
    }

    /// How long a packet has waited for its worker, of all workers the longest since the last look.
    pub fn longest_wait(&self) -> Duration {
        self.workers.iter().map(|worker| worker.counters.longest_wait.look()).max().unwrap_or_default()
    }

    /// Ends the workers and waits for them. Endpoints still open end without a word.
    pub fn stop(self) {
        for worker in &self.workers {
            worker.queue.push(Order::Stop);
            worker.queue.call(Unheard::Pressing);
        }
        for worker in self.workers {
            // A worker that panicked has said so already; there is nobody left to tell.
            let _ = worker.thread.join();
        }
    }

    /// Spreads `count` pairs over the workers.
    fn refill(&self, network: NetworkId, count: usize) {
        let workers = self.workers.len();
        let first = self.next_refill.fetch_add(count, Ordering::Relaxed);
        for place in 0..workers {
            // Worker `(first + n) % workers` binds the n-th pair.
            let share = (count + workers - 1).saturating_sub(place) / workers;
            if let Some(worker) = self.workers.get(first.wrapping_add(place) % workers)
                && share > 0
            {
                worker.queue.push(Order::Refill { network, count: share, asked: 1, of: workers });
            }
        }
    }
}

fn worker_count(wanted: usize) -> usize {
    match wanted {
        0 => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)),
        wanted => wanted.min(usize::from(u16::MAX)),
    }
}

/// Two descriptors per call leg: the system's default of 1024 is 256 calls. What cannot be raised shows as
/// `Exhausted` later.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let _ = setrlimit(Resource::Nofile, raised);
    }
}
