//! Everything a call reads, compiled once and never changed.

use std::sync::Arc;

use ipnet::IpNet;

use super::directory::DenialCodes;
use super::emergency::Emergency;
use super::fraud::FraudGuard;
use super::identify::{KnownBy, Meant, Senders};
use super::numbering::Numbering;
use super::policy::RoutePairs;
use super::table::RouteTable;
use super::trunk::{Listener, Network, Trunk};
use crate::base::ids::{ListenerId, NetworkId, TrunkId};
use crate::base::limits::Limits;
use crate::sip::flow::{Flow, PeerIdentity};

/// The compiled configuration. A running call keeps the one it started with.
#[derive(Debug)]
pub struct Snapshot {
    pub node_name: Arc<str>,
    /// By name.
    pub networks: Vec<Network>,
    /// By name.
    pub listeners: Vec<Listener>,
    /// By name.
    pub trunks: Vec<Arc<Trunk>>,
    /// Where in `trunks` each [`TrunkId`] is.
    pub(super) places: Vec<Option<u16>>,
    /// What may be called at all, and how much.
    pub fraud: FraudGuard,
    pub emergency: Emergency,
    /// What callers are told of refusals.
    pub codes: DenialCodes,
    pub limits: Limits,
    pub cross_check: bool,
    pub unknown_sources: UnknownSources,
    pub(super) numbering: Numbering,
    pub(super) senders: Senders,
    pub(super) routes: RouteTable,
}

/// Why a sender is nobody we know. The name is the metric label; such a sender gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unidentified {
    /// No trunk of the listener has this source.
    UnknownSource,
    /// The source fits a trunk, the certificate shown does not.
    WrongCertificate,
    /// The source fits, but only a certificate could tell which trunk it is, and none was shown.
    NoCertificate,
    /// It is a peer of several trunks, and none of them has the name that it asks for (MD-62).
    UnknownName,
}

/// What a request out of a dialog from a source of no trunk is told (S-A1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownSources {
    /// Nothing.
    #[default]
    Silence,
    /// 403, without our name.
    Forbidden,
}

/// Where a call may go: trunks in the order they are hunted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePlan {
    /// `name` of the route, or `routes[N]` (from 0) when it has none.
    pub route: Arc<str>,
    pub trunks: Vec<TrunkId>,
    /// What the route says in the context of its calls (PF-124).
    pub context: RoutePairs,
}

/// No route; `nearest` names, for the log, the route that missed by the least and what missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRoute {
    pub nearest: Option<String>,
}

impl Snapshot {
    /// The network with this number.
    pub fn network(&self, id: NetworkId) -> Option<&Network> {
        self.networks.iter().find(|network| network.id == id)
    }

    /// The listener with this number.
    pub fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.id == id)
    }

    /// The trunk with this number.
    pub fn trunk(&self, id: TrunkId) -> Option<&Arc<Trunk>> {
        let place = self.places.get(usize::from(id.0)).copied().flatten()?;
        self.trunks.get(usize::from(place))
    }

    /// What the next configuration of this process is compiled with: see [`Snapshot::compile_after`].
    pub fn numbering(&self) -> Numbering {
        self.numbering.clone()
    }

    /// The trunk an operator calls so.
    pub fn trunk_named(&self, name: &str) -> Option<&Arc<Trunk>> {
        let index = self.trunks.binary_search_by(|trunk| (*trunk.name).cmp(name)).ok()?;
        self.trunks.get(index)
    }

    /// Number of routes.
    pub fn route_count(&self) -> usize {
        self.routes.len()
    }

    /// Keys of `[trust]` that the trunks of a listener name: the order of the bits of [`PeerIdentity::trusted_by`].
    pub fn listener_trusts(&self, id: ListenerId) -> &[String] {
        self.senders.trusts(id)
    }

    /// Which trunk sends on this flow: listener, source address, verified certificate names. Of several trunks of one peer,
    /// any.
    ///
    /// # Errors
    /// Nobody we know.
    pub fn identify(&self, flow: &Flow, peer: &PeerIdentity) -> Result<TrunkId, Unidentified> {
        self.recognise(flow, peer, Meant::Any).map(|(trunk, _)| trunk)
    }

    /// The narrowest source range of a flow's listener that its remote address lies in.
    pub fn source_range(&self, flow: &Flow) -> Option<IpNet> {
        self.senders.range(flow.listener, flow.remote.ip())
    }

    /// The trunk that is meant, with what its sender is known by.
    ///
    /// # Errors
    /// Nobody we know.
    pub fn recognise(
        &self,
        flow: &Flow,
        peer: &PeerIdentity,
        meant: Meant<'_>,
    ) -> Result<(TrunkId, KnownBy), Unidentified> {
        self.senders.identify(flow.listener, flow.remote.ip(), peer, meant)
    }
}
