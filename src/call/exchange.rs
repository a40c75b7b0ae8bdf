//! The offer/answer exchange of an answered call: one at a time (RFC 3264 4, RFC 3261 14).

use super::effect::Branch;
use super::leg::Pending;
use super::negotiate::RemoteOffer;
use super::record::Side;

/// What is under way.
#[derive(Debug)]
pub enum Exchange {
    Idle,
    /// One party's re-INVITE is being asked of the other.
    Crossing(Box<Crossing>),
    /// Our 200 carried an offer; the ACK of this side brings the answer.
    AwaitingAnswer(Side),
    /// This side is being told, by a re-INVITE of ours, what the other said in such an answer.
    Telling {
        side: Side,
        branch: Branch,
    },
}

/// A re-INVITE on its way across.
#[derive(Debug)]
pub struct Crossing {
    /// Who asked.
    pub from: Side,
    pub asked: Pending,
    pub offer: RemoteOffer,
    /// Our INVITE on the other leg.
    pub branch: Branch,
}

impl Exchange {
    /// Our INVITE that waits for its answer went again under another branch.
    pub fn moved(&mut self, from: &Branch, to: Branch) {
        let branch = match self {
            Exchange::Crossing(crossing) => &mut crossing.branch,
            Exchange::Telling { branch, .. } => branch,
            Exchange::Idle | Exchange::AwaitingAnswer(_) => return,
        };
        if branch == from {
            *branch = to;
        }
    }
}
