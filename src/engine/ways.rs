//! Where a request inside a call goes when its way is gone under it: once more to the same place over a new connection
//! (RFC 5923), then to the other addresses of its next hop (RFC 3261 8.1.3.1, RFC 3263 4.3). It stays the same
//! transaction, so that whoever has it already knows the repetition by its branch (RFC 3261 17.2.3).

use crate::sip::flow::{Destination, TransmitFailure};

/// Which connection a request is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    First,
    /// No further one is opened to the same place.
    Last,
}

/// The ways that are left to one request.
#[derive(Debug)]
pub struct Ways {
    connection: Connection,
    /// Other places, the last one first.
    others: Vec<Destination>,
}

/// How it goes again.
#[derive(Debug, PartialEq, Eq)]
pub enum Again {
    SamePlace,
    Other(Destination),
}

impl Ways {
    /// Of a request whose user looks for other ways by itself.
    pub const NONE: Ways = Ways { connection: Connection::Last, others: Vec::new() };

    /// Of a request that has `others` beside its own place, in the order they are tried.
    pub fn of(mut others: Vec<Destination>) -> Ways {
        others.reverse();
        Ways { connection: Connection::First, others }
    }

    /// The next way after this failure; `None`: there is no other.
    pub fn next(&mut self, failure: TransmitFailure) -> Option<Again> {
        if failure == TransmitFailure::FlowGone && self.connection == Connection::First {
            self.connection = Connection::Last;
            return Some(Again::SamePlace);
        }
        self.others.pop().map(Again::Other)
    }
}
