//! The offer/answer exchange of an answered call: one at a time (RFC 3264 4, RFC 3261 14, RFC 6337 4).

use super::effect::Branch;
use super::leg::Pending;
use super::negotiate::RemoteOffer;
use super::record::Side;
use crate::sip::Request;
use crate::sip::flow::Flow;

/// What is under way.
#[derive(Debug)]
pub enum Exchange {
    Idle,
    /// One party's re-INVITE or UPDATE is being asked of the other.
    Crossing(Box<Crossing>),
    /// Our 200 carried an offer; the ACK of this side brings the answer.
    AwaitingAnswer(Side),
    /// This side is being told, by a request of ours, what the other said in such an answer.
    Telling {
        side: Side,
        branch: Branch,
    },
    /// This side is sent its description again, to refresh the session (RFC 4028).
    Refreshing {
        side: Side,
        branch: Branch,
    },
    /// Who asked has been refused; this side may still take what it was asked.
    Unwanted {
        side: Side,
        branch: Branch,
    },
}

/// Parties that must still be told what the other one said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    caller: bool,
    callee: bool,
}

impl Untold {
    pub const fn is_empty(self) -> bool {
        !self.caller && !self.callee
    }

    pub const fn add(&mut self, side: Side) {
        *self.place(side) = true;
    }

    /// True when it was one of them.
    pub const fn forget(&mut self, side: Side) -> bool {
        std::mem::replace(self.place(side), false)
    }

    /// The called party first: what it answers, the caller may have to hear.
    pub const fn take_next(&mut self) -> Option<Side> {
        if self.forget(Side::Callee) {
            Some(Side::Callee)
        } else if self.forget(Side::Caller) {
            Some(Side::Caller)
        } else {
            None
        }
    }

    const fn place(&mut self, side: Side) -> &mut bool {
        match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        }
    }
}

/// A re-INVITE or UPDATE on its way across.
#[derive(Debug)]
pub struct Crossing {
    /// Who asked.
    pub from: Side,
    pub asked: Pending,
    pub offer: RemoteOffer,
    /// Our request on the other leg.
    pub branch: Branch,
}

/// A re-INVITE that waits for the exchange before it; one at a time.
#[derive(Debug)]
pub struct Held {
    pub side: Side,
    pub asked: Pending,
    pub request: Request,
    pub flow: Flow,
}

/// Whether a party's offer may be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    /// When the other party has answered.
    Later,
    /// 491: an offer of ours to this party is open (RFC 3261 14.2, RFC 3311 5.2).
    Glare,
    /// 500 with Retry-After: an offer of this party is open.
    Twice,
}

impl Exchange {
    /// Our request that waits for its answer went again under another branch.
    pub fn moved(&mut self, from: &Branch, to: Branch) {
        if let Some(branch) = self.branch_mut().filter(|branch| *branch == from) {
            *branch = to;
        }
    }

    fn branch_mut(&mut self) -> Option<&mut Branch> {
        match self {
            Exchange::Crossing(crossing) => Some(&mut crossing.branch),
            Exchange::Telling { branch, .. }
            | Exchange::Refreshing { branch, .. }
            | Exchange::Unwanted { branch, .. } => Some(branch),
            Exchange::Idle | Exchange::AwaitingAnswer(_) => None,
        }
    }

    /// Takes the exchange that our request with this branch belongs to.
    pub fn take_by(&mut self, branch: &Branch) -> Option<Exchange> {
        self.branch_mut().filter(|open| *open == branch)?;
        Some(std::mem::replace(self, Exchange::Idle))
    }

    /// Whether an offer of `side` may be taken now.
    pub fn room_for(&self, side: Side) -> Room {
        match self {
            Exchange::Idle => Room::Free,
            Exchange::Crossing(crossing) if crossing.from == side => Room::Twice,
            Exchange::Crossing(_) => Room::Glare,
            Exchange::AwaitingAnswer(asked)
            | Exchange::Telling { side: asked, .. }
            | Exchange::Refreshing { side: asked, .. }
            | Exchange::Unwanted { side: asked, .. } => {
                if *asked == side {
                    Room::Glare
                } else {
                    Room::Later
                }
            }
        }
    }
}
