//! The guard as the shell asks it: who is a peer, what the time is, and one lock that peers hardly meet.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant as Clock;

use super::{Ban, Guard, Offence, Over, Source, Verdict};
use crate::base::Instant;
use crate::base::limits::Limits;
use crate::net::settings::{Acquaintance, Known};
use crate::sip::flow::{Flow, PeerIdentity};

/// How whoever sends on a flow is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// Named by a trunk: limited, never banned.
    Peer,
    /// Anybody else.
    Stranger,
}

/// See the module.
pub struct Gate {
    guard: Mutex<Guard>,
    known: Option<Known>,
    since: Clock,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Gate {
    /// `known`: tells peers from strangers. `None`: everybody is a peer.
    pub fn new(limits: &Limits, known: Option<Known>) -> Gate {
        Gate { guard: Mutex::new(Guard::new(limits)), known, since: Clock::now() }
    }

    /// How the far end of a flow is dealt with; `peer`: what it has proved.
    pub fn visitor(&self, flow: &Flow, peer: &PeerIdentity) -> Visitor {
        match self.acquaintance(flow, peer) {
            Acquaintance::Peer => Visitor::Peer,
            Acquaintance::Anybody | Acquaintance::Nobody => Visitor::Stranger,
        }
    }

    /// True when the far end may get an answer of the shell's own: a stranger gets nothing (S-A1).
    pub fn answers(&self, flow: &Flow) -> bool {
        self.acquaintance(flow, &PeerIdentity::default()) != Acquaintance::Nobody
    }

    fn acquaintance(&self, flow: &Flow, peer: &PeerIdentity) -> Acquaintance {
        self.known.as_ref().map_or(Acquaintance::Peer, |known| (known.0)(flow, peer))
    }

    /// A datagram, or a request of a connection that belongs to a stranger: whether it is looked at.
    pub fn message(&self, flow: &Flow) -> Verdict {
        match self.visitor(flow, &PeerIdentity::default()) {
            Visitor::Peer => Verdict::Take,
            Visitor::Stranger => {
                self.lock().message(self.now(), Source::of(flow.remote.ip()), Over::of(flow.transport))
            }
        }
    }

    /// A connection, before anything is read from it.
    pub fn connection(&self, visitor: Visitor, remote: IpAddr) -> Verdict {
        match visitor {
            Visitor::Peer => Verdict::Take,
            Visitor::Stranger => self.lock().connection(self.now(), Source::of(remote)),
        }
    }

    /// A request that begins something: whether its source, a peer, may begin more in this second.
    pub fn may_begin(&self, remote: IpAddr) -> bool {
        self.lock().peer_may_begin(self.now(), Source::of(remote))
    }

    /// Counts what a stranger did; a peer is not judged. Returns the ban this brings.
    pub fn offend(&self, flow: &Flow, offence: Offence) -> Option<Ban> {
        match self.visitor(flow, &PeerIdentity::default()) {
            Visitor::Peer => None,
            Visitor::Stranger => {
                self.lock().offend(self.now(), Source::of(flow.remote.ip()), Over::of(flow.transport), offence)
            }
        }
    }

    /// The far end is as good as a peer for a while.
    pub fn trust(&self, flow: &Flow) {
        if self.visitor(flow, &PeerIdentity::default()) == Visitor::Stranger {
            self.lock().trust(self.now(), Source::of(flow.remote.ip()));
        }
    }

    /// Bans that hold, the longest first.
    pub fn bans(&self) -> Vec<Ban> {
        self.lock().bans(self.now())
    }

    /// Ends the ban of an address; `false`: there is none.
    pub fn lift(&self, address: IpAddr) -> bool {
        self.lock().lift(self.now(), Source::of(address))
    }

    /// Strangers remembered.
    pub fn remembered(&self) -> usize {
        self.lock().remembered()
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.since.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
