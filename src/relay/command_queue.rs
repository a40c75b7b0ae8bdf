//! Orders to one worker: a bounded list and one wake-up per batch.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use crate::base::ids::NetworkId;
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
                | MediaCommand::Close { .. } => false,
            },
            Order::Refill { .. } => true,
            Order::Stop => false,
        }
    }
}

/// The queue, shared by whoever commands and the worker.
pub struct CommandQueue {
    orders: Mutex<Vec<Order>>,
    wake: OwnedFd,
    refused: AtomicU64,
}

impl CommandQueue {
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<CommandQueue> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(CommandQueue { orders: Mutex::new(Vec::new()), wake, refused: AtomicU64::new(0) })
    }

    /// Appends an order and wakes the worker if it was the first of a batch.
    pub fn push(&self, order: Order) {
        let first = {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            if orders.len() >= RELAY_COMMANDS && order.takes() {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            orders.push(order);
            orders.len() == 1
        };
        if first {
            // It fails only when the count is full: then the worker is awake anyway.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
    }

    /// Exchanges the waiting orders for `taken`, which is empty.
    pub fn take(&self, taken: &mut Vec<Order>) {
        // Cleared before the exchange: an order that comes in between is in the batch or wakes again.
        let _ = rustix::io::read(&self.wake, &mut [0u8; 8]);
        std::mem::swap(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner), taken);
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
    use crate::base::ids::{EndpointId, WorkerId};

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
        queue.push(detach());
        queue.push(detach());
        let mut count = [0u8; 8];
        rustix::io::read(&queue.wake, &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 1);
    }
}
