//! Orders to one worker: a bounded list and one wake-up per batch.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use super::moving::Moved;
use crate::base::ids::{EndpointId, NetworkId};
use crate::base::limits::RELAY_COMMANDS;
use crate::media::plan::MediaCommand;

/// What a worker is told.
#[derive(Debug)]
pub enum Order {
    Media(MediaCommand),
    /// Bind `count` more pairs. What this worker cannot, the next is asked for, until `asked` is `of`.
    Refill {
        network: NetworkId,
        count: usize,
        asked: usize,
        of: usize,
    },
    /// An endpoint is on its way here: orders for it wait.
    Expect {
        endpoint: EndpointId,
    },
    /// It has come, or does not exist.
    Adopt {
        endpoint: EndpointId,
        moved: Option<Box<Moved>>,
    },
    Stop,
}

impl Order {
    /// True for orders that take something; they may be refused, those that give something back may not.
    const fn takes(&self) -> bool {
        match self {
            Order::Media(command) => match command {
                MediaCommand::Open { .. }
                | MediaCommand::Configure { .. }
                | MediaCommand::Attach { .. }
                | MediaCommand::PlayDigit { .. }
                | MediaCommand::PlayTone { .. } => true,
                MediaCommand::Refill { .. }
                | MediaCommand::Return { .. }
                | MediaCommand::Detach { .. }
                | MediaCommand::StopTone { .. }
                | MediaCommand::Move { .. }
                | MediaCommand::Close { .. } => false,
            },
            Order::Refill { .. } => true,
            Order::Expect { .. } | Order::Adopt { .. } | Order::Stop => false,
        }
    }

    /// What is about packets that come waits for them: a worker takes its orders before it reads a packet. What makes
    /// the worker speak by itself, or others wait, is pressing.
    const fn urgency(&self) -> Unheard {
        match self {
            Order::Media(command) => match command {
                MediaCommand::Open { .. }
                | MediaCommand::Configure { .. }
                | MediaCommand::Attach { .. }
                | MediaCommand::Detach { .. }
                | MediaCommand::StopTone { .. }
                | MediaCommand::Close { .. }
                | MediaCommand::Return { .. } => Unheard::Quiet,
                MediaCommand::PlayDigit { .. }
                | MediaCommand::PlayTone { .. }
                | MediaCommand::Refill { .. }
                | MediaCommand::Move { .. } => Unheard::Pressing,
            },
            Order::Refill { .. } | Order::Expect { .. } | Order::Adopt { .. } | Order::Stop => Unheard::Pressing,
        }
    }
}

#[derive(Debug, Default)]
struct List {
    orders: Vec<Order>,
    /// What came since the worker was woken last, or took its orders.
    unheard: Unheard,
}

/// What waits in the list without the worker knowing. The order is that of urgency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unheard {
    #[default]
    Nothing,
    /// It may wait until the worker is woken by a packet or for another reason, or for some milliseconds.
    Quiet,
    Pressing,
}

/// The queue, shared by whoever commands and the worker.
pub struct CommandQueue {
    list: Mutex<List>,
    /// Whether the list has orders: the worker asks each time it wakes, mostly for nothing.
    filled: AtomicBool,
    wake: OwnedFd,
    refused: AtomicU64,
}

impl CommandQueue {
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<CommandQueue> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(CommandQueue {
            list: Mutex::new(List::default()),
            filled: AtomicBool::new(false),
            wake,
            refused: AtomicU64::new(0),
        })
    }

    /// Appends an order. The worker hears of it with [`CommandQueue::call`], or when it takes others.
    pub fn push(&self, order: Order) {
        let mut list = self.lock();
        if list.orders.len() >= RELAY_COMMANDS && order.takes() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        list.unheard = list.unheard.max(order.urgency());
        list.orders.push(order);
        self.filled.store(true, Ordering::SeqCst);
    }

    /// Wakes the worker if something of at least this urgency is new to it. Gives what it is still not told of.
    pub fn call(&self, from: Unheard) -> Unheard {
        let mut list = self.lock();
        if list.unheard < from || list.unheard == Unheard::Nothing {
            return list.unheard;
        }
        list.unheard = Unheard::Nothing;
        drop(list);
        // It fails only when the count is full: then the worker is awake anyway.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        Unheard::Nothing
    }

    /// Takes note of a wake-up. Before [`CommandQueue::take`]: an order that comes in between is taken then, or wakes
    /// again.
    pub fn heard(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0u8; 8]);
    }

    /// Exchanges the waiting orders for `taken`, which is empty. Costs next to nothing when there are none.
    pub fn take(&self, taken: &mut Vec<Order>) {
        if !self.filled.load(Ordering::SeqCst) {
            return;
        }
        let mut list = self.lock();
        self.filled.store(false, Ordering::SeqCst);
        list.unheard = Unheard::Nothing;
        std::mem::swap(&mut list.orders, taken);
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `epoll` waits on.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Orders refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::WorkerId;
    use crate::media::plan::PortLease;

    fn detach() -> Order {
        Order::Media(MediaCommand::Detach { endpoint: EndpointId(1), worker: WorkerId(0) })
    }

    #[test]
    fn a_full_queue_refuses_what_starts_and_takes_what_ends() {
        let queue = CommandQueue::new().unwrap();
        let refill = || Order::Refill { network: NetworkId(0), count: 1, asked: 1, of: 1 };
        (0..RELAY_COMMANDS).for_each(|_| queue.push(refill()));
        queue.push(refill());
        queue.push(detach());
        let mut taken = Vec::new();
        queue.take(&mut taken);
        assert_eq!((taken.len(), queue.refused()), (RELAY_COMMANDS + 1, 1));
    }

    #[test]
    fn a_batch_wakes_once() {
        let queue = CommandQueue::new().unwrap();
        queue.push(Order::Stop);
        queue.push(Order::Stop);
        queue.call(Unheard::Pressing);
        queue.call(Unheard::Pressing);
        let mut count = [0u8; 8];
        rustix::io::read(&queue.wake, &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
    }

    #[test]
    fn a_worker_that_wakes_for_a_packet_finds_what_nobody_called_it_for() {
        let queue = CommandQueue::new().unwrap();
        queue.push(detach());
        assert_eq!(queue.call(Unheard::Pressing), Unheard::Quiet);
        let mut taken = Vec::new();
        queue.take(&mut taken);
        assert_eq!((taken.len(), queue.call(Unheard::Quiet)), (1, Unheard::Nothing));
        taken.clear();
        queue.take(&mut taken);
        assert!(taken.is_empty());
    }

    #[test]
    fn what_ends_something_waits_for_others_or_for_its_own_call() {
        let queue = CommandQueue::new().unwrap();
        let lease = PortLease { network: NetworkId(0), worker: WorkerId(0), rtp_port: 10 };
        queue.push(Order::Media(MediaCommand::Close { endpoint: EndpointId(1), lease }));
        assert_eq!(queue.call(Unheard::Pressing), Unheard::Quiet);
        assert!(rustix::io::read(&queue.wake, &mut [0u8; 8]).is_err(), "nobody was woken");
        assert_eq!(queue.call(Unheard::Quiet), Unheard::Nothing);
        assert!(rustix::io::read(&queue.wake, &mut [0u8; 8]).is_ok());
    }
}
