//! Endpoints that go from one worker to another, because a transfer joins parties whose calls were on two: nothing of the
//! endpoint changes but the thread that serves it (MD-126: its port, key and SSRC stay).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::command_queue::CommandQueue;
use super::ports::Pair;
use crate::base::ids::{EndpointId, NetworkId};
use crate::media::endpoint::Endpoint;
use crate::media::plan::MediaCommand;

/// The queues a worker reads and writes.
pub struct Queues {
    pub own: Arc<CommandQueue>,
    /// Who is asked for ports when we have none.
    pub next: Arc<CommandQueue>,
    /// By worker.
    pub all: Arc<[Arc<CommandQueue>]>,
}

/// An endpoint between two workers.
pub struct Moved {
    pub network: NetworkId,
    pub pair: Pair,
    pub endpoint: Endpoint,
}

impl fmt::Debug for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moved").field("network", &self.network).finish_non_exhaustive()
    }
}

/// Endpoints that are on their way here, and the orders that wait for them. Their number is bounded by that of the orders
/// in the queue; the other worker lets each go at its next wake-up.
#[derive(Default)]
pub struct Expected {
    waiting: HashMap<EndpointId, Vec<MediaCommand>>,
}

impl Expected {
    /// This one will come.
    pub fn expect(&mut self, endpoint: EndpointId) {
        self.waiting.entry(endpoint).or_default();
    }

    /// Keeps an order for an endpoint that has not come; any other comes back.
    pub fn keep(&mut self, command: MediaCommand) -> Option<MediaCommand> {
        if self.waiting.is_empty() {
            return Some(command);
        }
        let named = named(&command).into_iter().flatten().find(|endpoint| self.waiting.contains_key(endpoint));
        match named.and_then(|endpoint| self.waiting.get_mut(&endpoint)) {
            Some(orders) => {
                orders.push(command);
                None
            }
            None => Some(command),
        }
    }

    /// It has come: the orders that waited, in their order.
    pub fn came(&mut self, endpoint: EndpointId) -> Vec<MediaCommand> {
        self.waiting.remove(&endpoint).unwrap_or_default()
    }
}

/// The endpoints that an order is about.
const fn named(command: &MediaCommand) -> [Option<EndpointId>; 2] {
    match command {
        MediaCommand::Refill { .. } | MediaCommand::Return { .. } => [None, None],
        MediaCommand::Attach { a, b, .. } => [Some(*a), Some(*b)],
        MediaCommand::Open { endpoint, .. }
        | MediaCommand::Configure { endpoint, .. }
        | MediaCommand::Detach { endpoint, .. }
        | MediaCommand::PlayDigit { endpoint, .. }
        | MediaCommand::PlayTone { endpoint, .. }
        | MediaCommand::StopTone { endpoint, .. }
        | MediaCommand::Move { endpoint, .. }
        | MediaCommand::Close { endpoint, .. } => [Some(*endpoint), None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::WorkerId;

    fn detach(endpoint: u64) -> MediaCommand {
        MediaCommand::Detach { endpoint: EndpointId(endpoint), worker: WorkerId(1) }
    }

    #[test]
    fn orders_for_one_that_has_not_come_wait_in_their_order() {
        let mut expected = Expected::default();
        expected.expect(EndpointId(7));
        assert!(expected.keep(detach(8)).is_some());
        let join = MediaCommand::Attach { a: EndpointId(8), b: EndpointId(7), worker: WorkerId(1) };
        assert!(expected.keep(join).is_none() && expected.keep(detach(7)).is_none());
        let came = expected.came(EndpointId(7));
        assert!(matches!(came.as_slice(), [MediaCommand::Attach { .. }, MediaCommand::Detach { .. }]));
        assert!(expected.keep(detach(7)).is_some());
    }
}
