//! What a call wants done, and what it draws on while it decides: plain values and one small trait.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::event::CallEvent;
use super::guarding::{Exceeded, Spending};
use super::hop::Hop;
use super::outgoing::OutgoingInvite;
use super::record::Side;
use super::step::Step;
use crate::base::ids::{EndpointId, NetworkId, ResolveId, TransactionId, TrunkId, WorkerId};
use crate::base::{Entropy, Instant, Now};
use crate::dialog::DialogKey;
use crate::media::plan::{MediaCommand, PortLease};
use crate::route::group::Choice;
use crate::route::health::{TargetId, Way};
use crate::route::liveness::{TargetState, Turn};
use crate::route::standing::Standing;
use crate::route::trunk::Trunk;
use crate::sip::flow::{LargeRequests, Resolve};
use crate::sip::{Method, Response, Status};
use crate::transaction::TimerValues;

pub use crate::transaction::Branch;

/// A request to be sent in a client transaction of its own.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    pub side: Side,
    pub branch: Branch,
    pub method: Method,
    pub bytes: Bytes,
    pub hop: Hop,
    /// What the trunk says of requests that a datagram should not carry.
    pub large: LargeRequests,
    pub timers: TimerValues,
    /// For an INVITE that opens a leg: what its second answer, from another fork, is ended by.
    pub opens: Option<Box<OutgoingInvite>>,
}

/// The ACK of a 2xx to our INVITE.
#[derive(Clone, Debug)]
pub struct Acknowledgement {
    /// The branch of the INVITE.
    pub invite: Branch,
    /// The To tag of the 2xx, which tells its repetition from the answer of another fork.
    pub tag: Bytes,
    pub hop: Hop,
    pub bytes: Bytes,
}

/// One thing a call wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Start a client transaction.
    Request(Box<ClientRequest>),
    /// Send the ACK of a 2xx, now and whenever that 2xx comes again (RFC 3261 13.2.2.4).
    Acknowledge(Box<Acknowledgement>),
    /// Answer a request. A 2xx to an INVITE may be given again: it is sent again.
    Respond {
        transaction: TransactionId,
        status: Status,
        bytes: Bytes,
    },
    /// Forget a client transaction whose answer no longer matters (RFC 3261 9.1: 64*T1 after CANCEL).
    Abandon {
        branch: Branch,
    },
    Resolve(Resolve),
    Media(MediaCommand),
    /// Requests with this key belong to this call from now on.
    DialogOpened {
        key: DialogKey,
        side: Side,
    },
    DialogClosed {
        key: DialogKey,
    },
    /// Take the party that talks to the peer of this dialog out of its call and bring it to this one, to stand on `side`;
    /// the answer comes as [`super::CallInput::Joined`]. `trunk`: whose dialog it must be.
    Join {
        key: DialogKey,
        side: Side,
        trunk: TrunkId,
    },
    Event(CallEvent),
}

/// Things of the process that a call takes one of.
pub trait Supply {
    /// A ready pair of ports on this network, on `worker` when one is named. `None`: none left.
    fn lease(&mut self, network: NetworkId, worker: Option<WorkerId>) -> Option<PortLease>;
    /// Counts the call on a trunk it goes out to. False: the trunk's limit of calls or of calls per second is reached.
    fn enter(&mut self, now: Instant, trunk: &Trunk) -> bool;
    /// An operator's word on a trunk that a new leg would go to.
    fn standing(&self, trunk: &Trunk) -> Standing;
    /// Calls on a trunk now.
    fn load(&self, trunk: TrunkId) -> usize;
    /// The same for an emergency call, which no limit stops (PF-163).
    fn enter_urgent(&mut self, trunk: &Trunk);
    /// The call has left that trunk again.
    fn leave(&mut self, trunk: &Trunk);
    /// Counts the call where rules of `[[fraud.limits]]` bound it; it is counted until it ends.
    ///
    /// # Errors
    /// A rule has no room for it.
    fn spend(&mut self, now: Instant, spending: &Spending<'_>) -> Result<(), Exceeded>;
    /// Nobody can be reached on this way.
    fn failed(&mut self, now: Instant, way: Way);
    /// Who is there asks to be left alone for `pause` (503 with Retry-After).
    fn told_to_wait(&mut self, now: Instant, way: Way, pause: Duration);
    /// Somebody is there.
    fn works(&mut self, now: Instant, way: Way);
    /// True while this way is tried last.
    fn is_penalised(&self, now: Instant, way: Way) -> bool;
    /// What is known of a target.
    fn target_state(&self, trunk: &Trunk, target: Option<TargetId>) -> TargetState;
    /// When this call, which has several targets, goes to this one.
    fn turn_of(&mut self, now: Instant, trunk: &Trunk, target: Option<TargetId>) -> Turn;
    /// Route of an INVITE that opens a leg on this trunk (RFC 3608); empty unless its registrar gave one.
    fn service_route(&self, trunk: &Trunk) -> Vec<Bytes>;
    /// Whether steps are told ([`super::step::Step`]).
    fn tells(&self) -> bool;
    /// A fresh identifier.
    fn endpoint(&mut self) -> EndpointId;
    /// A fresh identifier whose answer comes back to this call.
    fn resolve(&mut self) -> ResolveId;
}

/// What a call has in hand while it handles one input.
pub struct Work<'a> {
    pub now: Now,
    pub entropy: &'a mut dyn Entropy,
    pub supply: &'a mut dyn Supply,
    pub out: &'a mut Vec<Effect>,
}

impl Choice for Work<'_> {
    fn load(&self, trunk: TrunkId) -> usize {
        self.supply.load(trunk)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.entropy.below(bound)
    }
}

impl Work<'_> {
    /// What a response to our INVITE says of its way: somebody is there, or wants to be left alone for a while
    /// (RFC 3261 21.5.4).
    pub fn heard_on(&mut self, way: Way, response: &Response) {
        match response.pause() {
            None if response.status == Status::SERVICE_UNAVAILABLE => {}
            None => self.supply.works(self.now.instant, way),
            Some(pause) => self.supply.told_to_wait(self.now.instant, way, pause),
        }
    }

    /// Tells a step, where somebody wants to know.
    pub fn tell(&mut self, step: impl FnOnce() -> Step) {
        if self.supply.tells() {
            self.out.push(Effect::Event(CallEvent::Step(Box::new(step()))));
        }
    }

    /// True while this address of the trunk is tried last.
    pub fn is_penalised(&self, trunk: &Trunk, address: SocketAddr) -> bool {
        self.supply.is_penalised(self.now.instant, Way { trunk: trunk.id, address, target: None })
    }

    /// A fresh branch with the magic cookie (RFC 3261 8.1.1.7), 96 bits.
    pub fn branch(&mut self) -> Branch {
        Branch::fresh(self.entropy)
    }

    /// A fresh tag or Call-ID, `octets` random octets.
    pub fn token(&mut self, octets: usize) -> Bytes {
        let mut token = Vec::with_capacity(octets * 2);
        self.entropy.push_token(octets, &mut token);
        token.into()
    }
}
