//! Offering a call to one candidate: a target of a trunk, perhaps a name with several addresses.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::call::Common;
use super::cause::Cause;
use super::effect::Work;
use super::media_end::MediaEnd;
use super::outgoing::OutgoingInvite;
use super::transfer::Diverted;
use crate::base::ids::ResolveId;
use crate::route::health::Way;
use crate::route::snapshot::{RoutePlan, Snapshot};
use crate::route::trunk::{TargetSpec, Trunk};
use crate::sip::{Host, SipUri, Uri};

/// Candidates of one call at most: more are not tried.
const CANDIDATES: usize = 32;

/// Forks of one INVITE whose early descriptions are kept. What more of them say is not heard until their answer.
const FORKS: usize = 16;

/// One place to offer the call to.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub trunk: Arc<Trunk>,
    pub target: TargetSpec,
    /// Set by a 3xx that is followed.
    pub diverted: Option<Arc<Diverted>>,
}

impl Candidate {
    pub fn new(trunk: Arc<Trunk>, target: TargetSpec) -> Candidate {
        Candidate { trunk, target, diverted: None }
    }

    /// User part of the Request-URI: the one a 3xx named, else the called number.
    pub fn called_user<'a>(&'a self, common: &'a Common) -> Option<&'a Bytes> {
        match &self.diverted {
            Some(diverted) => diverted.user.as_ref(),
            None => common.numbers.called_user.as_ref(),
        }
    }

    /// The URI of `user` there. PF-116: a Request-URI host of its own has nothing to do with the next hop, so neither has
    /// its port.
    pub fn uri_of(&self, user: Option<Bytes>) -> Uri {
        let (host, port) = match self.trunk.request_uri_host.as_deref() {
            Some(host) => (host, None),
            None => (&*self.target.host, self.target.port),
        };
        let port = port.filter(|&port| port != self.trunk.transport.default_port());
        let host = Host::parse(host).unwrap_or(Host::Name(Bytes::copy_from_slice(host.as_bytes())));
        Uri::Sip(SipUri::new(user, host, port))
    }

    /// The targets of every trunk of the plan, in the order they are tried: those that failed lately come last.
    pub fn expand(snapshot: &Snapshot, plan: &RoutePlan, work: &Work<'_>) -> VecDeque<Candidate> {
        let mut candidates: Vec<Candidate> = plan
            .trunks
            .iter()
            .filter_map(|&id| snapshot.trunk(id))
            .flat_map(|trunk| trunk.targets.iter().map(|target| Candidate::new(Arc::clone(trunk), target.clone())))
            .take(CANDIDATES)
            .collect();
        candidates
            .sort_by_key(|candidate| candidate.address().is_some_and(|at| work.is_penalised(&candidate.trunk, at)));
        candidates.into()
    }

    /// Where it is, when the target is an address.
    pub fn address(&self) -> Option<SocketAddr> {
        let port = self.target.port.unwrap_or(self.trunk.transport.default_port());
        Some(SocketAddr::new(self.target.address?, port))
    }
}

/// The attempt under way.
#[derive(Debug)]
pub(super) enum Attempt {
    None,
    Resolving { id: ResolveId, candidate: Candidate },
    Inviting(Box<Inviting>),
}

/// An INVITE that is out.
#[derive(Debug)]
pub(super) struct Inviting {
    pub invite: OutgoingInvite,
    pub candidate: Candidate,
    pub media: MediaEnd,
    pub address: SocketAddr,
    /// Other addresses of the same target.
    pub addresses: VecDeque<SocketAddr>,
    /// Descriptions that came before the answer, the latest of each fork (by To tag).
    pub early: BTreeMap<Bytes, Bytes>,
}

impl Inviting {
    /// The way this attempt takes.
    pub fn way(&self) -> Way {
        Way { trunk: self.candidate.trunk.id, address: self.address }
    }

    /// Keeps what the fork with this To tag said before its answer. False when too many forks have spoken.
    pub fn heard_early(&mut self, tag: Bytes, body: Bytes) -> bool {
        let kept = self.early.contains_key(&tag) || self.early.len() < FORKS;
        if kept {
            self.early.insert(tag, body);
        }
        kept
    }

    /// Gives up an attempt that has had its final answer.
    pub fn close(mut self, work: &mut Work<'_>) {
        work.supply.leave(&self.candidate.trunk);
        self.media.close(work);
    }

    /// Gives up an attempt that may still be answered.
    pub fn abandon(mut self, common: &mut Common, cause: Cause, work: &mut Work<'_>) {
        work.supply.leave(&self.candidate.trunk);
        self.invite.cancel(cause, work);
        self.media.close(work);
        common.losers.push(self.invite);
    }
}
