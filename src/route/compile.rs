//! Settings -> [`Snapshot`]: names become indices, every default is filled in, groups are expanded.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::emergency::{Emergency, EmergencyRoute, EmergencyRouteSettings, EmergencySettings};
use super::fraud::FraudGuard;
use super::group::{Group, Member};
use super::identify::Senders;
use super::mark::CustomHeader;
use super::media::MediaSettings;
use super::numbering::Numbering;
use super::presence::Presence;
use super::presentation::Presentation;
use super::reach::Reach;
use super::role::PeerRole;
use super::settings::{
    ListenerSettings, MemberSettings, NetworkSettings, RouteSettings, RoutingSettings, TrunkSettings,
};
use super::snapshot::Snapshot;
use super::table::{Destination, Route, RouteTable};
use super::trunk::{Listener, Network, TargetSpec, Trunk};
use crate::base::ids::{ListenerId, NetworkId, TrunkId};
use crate::base::limits::Limits;
use crate::media::plan::AddressRules;
use crate::route::policy::MostPassed;
use crate::sip::flow::{Discovery, TlsTarget, Transport};

/// Why settings are no snapshot. A file that `config` accepted never gives one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// `path` names something that does not exist.
    Dangling { path: String, name: String },
    /// More entries than the process has numbers for, or more trust stores on one listener than `LISTENER_TRUSTS`.
    TooMany(&'static str),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::Dangling { path, name } => write!(f, "{path}: there is no \"{name}\""),
            CompileError::TooMany(what) => write!(f, "too many {what}"),
        }
    }
}

impl std::error::Error for CompileError {}

impl Snapshot {
    /// Makes the snapshot that calls read.
    ///
    /// # Errors
    /// A name that refers to nothing, or too many of something.
    pub fn compile(settings: &RoutingSettings) -> Result<Snapshot, CompileError> {
        Snapshot::compile_after(settings, Numbering::default())
    }

    /// The same for a process that has a snapshot already, whose numbering is handed on.
    ///
    /// # Errors
    /// The same.
    pub fn compile_after(settings: &RoutingSettings, mut numbering: Numbering) -> Result<Snapshot, CompileError> {
        let networks = networks(settings, &mut numbering)?;
        let listeners = listeners(settings, &networks, &mut numbering)?;
        let trunks = trunks(settings, &networks, &listeners, &mut numbering)?;
        let names = Names::new(&trunks, settings)?;
        let routes = settings.routes.iter().enumerate().map(|(index, route)| names.route(index, route));
        let routes = RouteTable::new(routes.collect::<Result<_, _>>()?);
        let senders = Senders::new(&listeners, &trunks, &mut numbering)?;
        let node_name = settings.node_name.as_str().into();
        let own = trunks.iter().filter_map(|trunk| trunk.presentation.numbers.country);
        let fraud = FraudGuard::new(settings.fraud.clone(), own);
        let emergency = names.emergency(&settings.emergency)?;
        let trunks: Vec<Arc<Trunk>> = trunks.into_iter().map(Arc::new).collect();
        Ok(Snapshot {
            node_name,
            networks,
            listeners,
            places: places(&trunks),
            trunks,
            fraud,
            emergency,
            codes: settings.codes.clone(),
            limits: settings.limits.clone(),
            cross_check: settings.cross_check,
            unknown_sources: settings.unknown_sources,
            numbering,
            senders,
            routes,
        })
    }
}

/// Where the trunk of each id stands.
fn places(trunks: &[Arc<Trunk>]) -> Vec<Option<u16>> {
    let mut places = Vec::new();
    for (place, trunk) in (0_u16..).zip(trunks) {
        let id = usize::from(trunk.id.0);
        places.resize(places.len().max(id + 1), None);
        if let Some(held) = places.get_mut(id) {
            *held = Some(place);
        }
    }
    places
}

/// Entries in the order of their names.
fn by_name<T>(entries: &[T], name: impl Fn(&T) -> &str) -> Vec<&T> {
    let mut sorted: Vec<&T> = entries.iter().collect();
    sorted.sort_by(|a, b| name(a).cmp(name(b)));
    sorted
}

fn networks(settings: &RoutingSettings, numbering: &mut Numbering) -> Result<Vec<Network>, CompileError> {
    let own = own_ports(settings);
    let build = |(id, network): (NetworkId, &NetworkSettings)| Network {
        id,
        name: network.name.as_str().into(),
        bind: network.bind,
        advertise: network.advertise,
        rtp_ports: network.rtp_ports,
        rules: Arc::new(AddressRules { allow: network.allow_media.clone(), own: own.clone() }),
    };
    let sorted = by_name(&settings.networks, |network| &network.name);
    let ids = numbering.networks(sorted.iter().map(|network| network.name.clone()).collect())?;
    Ok(ids.into_iter().zip(sorted).map(build).collect())
}

/// Every address of ours with the ports that are ours there: nobody may have media sent to them.
fn own_ports(settings: &RoutingSettings) -> Vec<(IpAddr, u16, u16)> {
    let mut own = Vec::new();
    for network in &settings.networks {
        let (first, last) = network.rtp_ports;
        let signalling = settings.listeners.iter().filter(|listener| listener.network == network.name);
        let ranges = signalling.map(|l| (l.port, l.port)).chain([(first, last)]);
        for (first, last) in ranges {
            own.extend(addresses(network).map(|address| (address, first, last)));
        }
    }
    own.sort_unstable();
    own.dedup();
    own
}

fn addresses(network: &NetworkSettings) -> impl Iterator<Item = IpAddr> {
    [network.bind, network.advertise].into_iter().filter(|address| !address.is_unspecified())
}

fn listeners(
    settings: &RoutingSettings,
    networks: &[Network],
    numbering: &mut Numbering,
) -> Result<Vec<Listener>, CompileError> {
    let placed = |listener| {
        let network = network_of(listener, networks)?;
        Ok((listener, SocketAddr::new(network.bind, listener.port)))
    };
    let sorted = by_name(&settings.listeners, |listener| &listener.name);
    let sorted: Vec<(&ListenerSettings, SocketAddr)> =
        sorted.into_iter().map(placed).collect::<Result<_, CompileError>>()?;
    let ids = numbering.listeners(&sorted)?;
    let build = |(id, (listener, bind)): (ListenerId, (&ListenerSettings, SocketAddr))| {
        let network = network_of(listener, networks)?;
        Ok(Listener {
            id,
            name: listener.name.as_str().into(),
            network: network.id,
            transport: listener.transport,
            bind,
            advertise: SocketAddr::new(network.advertise, listener.port),
            certificates: listener.certificates.clone(),
            client_certificate: listener.client_certificate,
        })
    };
    ids.into_iter().zip(sorted).map(build).collect()
}

fn network_of<'n>(listener: &ListenerSettings, networks: &'n [Network]) -> Result<&'n Network, CompileError> {
    let found = networks.iter().find(|network| *network.name == *listener.network);
    found.ok_or_else(|| dangling("listeners", &listener.name, "network", &listener.network))
}

fn dangling(table: &str, entry: &str, key: &str, name: &str) -> CompileError {
    CompileError::Dangling { path: format!("{table}.{entry}.{key}"), name: name.to_owned() }
}

fn trunks(
    settings: &RoutingSettings,
    networks: &[Network],
    listeners: &[Listener],
    numbering: &mut Numbering,
) -> Result<Vec<Trunk>, CompileError> {
    let custom_header = settings.custom_header.clone().map(Arc::new);
    let build = |(id, trunk): (TrunkId, &TrunkSettings)| {
        let found = listeners.iter().find(|listener| *listener.name == *trunk.listener);
        let listener = found.ok_or_else(|| dangling("trunks", &trunk.name, "listener", &trunk.listener))?;
        let network = networks.iter().find(|network| network.id == listener.network);
        let rules = network.map(|network| Arc::clone(&network.rules)).unwrap_or_default();
        let compiled = with_limits(compile_trunk(id, trunk, listener, rules), &settings.limits);
        Ok(with_custom_header(compiled, custom_header.as_ref()))
    };
    let sorted = by_name(&settings.trunks, |trunk| &trunk.name);
    let ids = numbering.trunks(sorted.iter().map(|trunk| trunk.name.clone()).collect())?;
    ids.into_iter().zip(sorted).map(build).collect()
}

fn with_limits(trunk: Trunk, limits: &Limits) -> Trunk {
    let most_passed = MostPassed(limits.passed_headers);
    if trunk.presentation.headers.most_passed == most_passed {
        return trunk;
    }
    let mut presentation = Presentation::clone(&trunk.presentation);
    presentation.headers.most_passed = most_passed;
    Trunk { presentation: Arc::new(presentation), ..trunk }
}

/// Written to carriers alone (PV-31), and never believed of anybody (PF-29).
fn with_custom_header(trunk: Trunk, header: Option<&Arc<CustomHeader>>) -> Trunk {
    let Some(header) = header else { return trunk };
    let mut presentation = Presentation::clone(&trunk.presentation);
    presentation.headers.stripped = Some(header.name.clone());
    let custom_header = (trunk.role == PeerRole::Carrier).then(|| Arc::clone(header));
    Trunk { presentation: Arc::new(presentation), custom_header, ..trunk }
}

fn compile_trunk(id: TrunkId, trunk: &TrunkSettings, listener: &Listener, rules: Arc<AddressRules>) -> Trunk {
    let mut targets = trunk.targets.clone();
    targets.sort_by_key(|target| target.priority);
    let sources = trunk.effective_sources();
    let tls = (listener.transport == Transport::Tls).then(|| Arc::new(tls_target(trunk, targets.first())));
    Trunk {
        id,
        name: trunk.name.as_str().into(),
        profile: trunk.profile.as_str().into(),
        role: trunk.behaviour.role,
        listener: listener.id,
        network: listener.network,
        transport: listener.transport,
        fqdn: trunk.fqdn.as_deref().map(Arc::from),
        base_domain: trunk.base_domain.as_deref().map(Arc::from),
        server_names: trunk.server_names,
        service: trunk.behaviour.service,
        presence: Arc::new(Presence::new(listener, trunk)),
        targets: targets.into_iter().map(|target| with_port(target, trunk.behaviour.port)).collect(),
        tls,
        policy: trunk.behaviour.presentation.id(&trunk.profile),
        custom_header: None,
        presentation: Arc::clone(&trunk.behaviour.presentation),
        media: Arc::new(media(&trunk.behaviour.media, &sources)),
        reach: reach(trunk, &sources, listener, rules),
        sources,
        peer_names: trunk.peer_names.clone(),
        peer_shows: trunk.peer_shows,
        contact_host: trunk.contact_host,
        request_uri_host: trunk.request_uri_host.as_deref().map(Arc::from),
        request_uri_port: trunk.request_uri_port,
        large_requests: trunk.large_requests,
        keep_alive: trunk.keep_alive,
        timers: trunk.behaviour.timers,
        options: trunk.behaviour.options.clone(),
        provisional: trunk.behaviour.provisional,
        transfer: trunk.behaviour.transfer,
        session_timer: trunk.behaviour.session_timer,
        methods: trunk.behaviour.methods,
        failover: trunk.behaviour.failover.clone(),
        max_calls: trunk.max_calls,
        max_calls_per_s: trunk.max_calls_per_s,
        auth: trunk.auth.clone(),
        registration: trunk.registration.clone(),
    }
}

/// `sources`, the targets' addresses and `contacts`; with TLS and without sources the certificate decides.
fn reach(trunk: &TrunkSettings, sources: &[IpNet], listener: &Listener, rules: Arc<AddressRules>) -> Reach {
    let targets = trunk.targets.iter().filter_map(|target| target.address).map(IpNet::from);
    let ranges = sources.iter().chain(&trunk.contacts).copied().chain(targets).collect();
    match sources.is_empty() && listener.transport == Transport::Tls {
        true => Reach::proved_by_certificate(ranges, rules),
        false => Reach::within(ranges),
    }
}

/// The profile's port for a target that names none and asks no SRV record for it.
fn with_port(target: TargetSpec, port: Option<u16>) -> TargetSpec {
    let port = target.port.or(port.filter(|_| target.discovery == Discovery::Hosts));
    TargetSpec { port, ..target }
}

/// The first target's TLS settings; [`Trunk::tls_towards`] gives those of the others.
fn tls_target(trunk: &TrunkSettings, target: Option<&TargetSpec>) -> TlsTarget {
    TlsTarget {
        server_name: target.map(|target| server_name(target, &trunk.peer_names)).unwrap_or_default(),
        peer_names: trunk.peer_names.clone(),
        identity: trunk.certificate.clone(),
        trust: trunk.trust.clone().unwrap_or_default(),
    }
}

/// The target's name; for an address the first of `peer_names` that is no wildcard, or the address itself.
pub(super) fn server_name(target: &TargetSpec, peer_names: &[String]) -> String {
    let name = peer_names.iter().find(|name| !name.contains('*'));
    match (target.address, name) {
        (Some(_), Some(name)) => name.clone(),
        (Some(address), None) => address.to_string(),
        (None, _) => target.host.to_string(),
    }
}

/// `media.sources` is the trunk's `sources` unless set.
fn media(media: &MediaSettings, sources: &[IpNet]) -> MediaSettings {
    let own = if media.sources.is_empty() { sources } else { &media.sources };
    MediaSettings { sources: own.to_vec(), ..media.clone() }
}

/// What a route may name.
struct Names(HashMap<String, Destination>);

impl Names {
    fn new(trunks: &[Trunk], settings: &RoutingSettings) -> Result<Names, CompileError> {
        let ids: HashMap<&str, TrunkId> = trunks.iter().map(|trunk| (&*trunk.name, trunk.id)).collect();
        let mut names: HashMap<String, Destination> = HashMap::new();
        for group in &settings.groups {
            let member = |member: &MemberSettings| {
                let found = ids.get(member.trunk.as_str()).copied();
                let trunk = found.ok_or_else(|| dangling("groups", &group.name, "members", &member.trunk))?;
                Ok(Member { trunk, priority: member.priority, weight: member.weight })
            };
            let members = group.members.iter().map(member).collect::<Result<_, _>>()?;
            let group = (group.name.clone(), Destination::Group(Arc::new(Group::new(group.order, members))));
            names.extend([group]);
        }
        names.extend(trunks.iter().map(|trunk| (trunk.name.to_string(), Destination::Trunk(trunk.id))));
        Ok(Names(names))
    }

    fn route(&self, index: usize, route: &RouteSettings) -> Result<Route, CompileError> {
        let to = route.to.iter().map(|name| self.find(index, "to", name).cloned()).collect::<Result<_, _>>()?;
        let name = route.name.clone().unwrap_or_else(|| format!("routes[{index}]"));
        let from = match self.find(index, "from", &route.from)? {
            Destination::Trunk(trunk) => vec![*trunk],
            Destination::Group(group) => group.members().iter().map(|member| member.trunk).collect(),
        };
        Ok(Route {
            name: name.into(),
            from,
            calling: route.calling.clone(),
            called: route.called.clone(),
            only: route.only.clone(),
            leads_to: route.to.clone().into(),
            to,
            context: (!route.context.is_empty()).then(|| route.context.clone().into()),
        })
    }

    /// Groups by priority, the heaviest first: no lots are drawn about help.
    fn emergency(&self, settings: &EmergencySettings) -> Result<Emergency, CompileError> {
        let trunks = |index: usize, key: &str, name: &String| {
            let path = format!("emergency.routes[{index}].{key}");
            let found = self.0.get(name).ok_or(CompileError::Dangling { path, name: name.clone() })?;
            Ok(match found {
                Destination::Trunk(trunk) => vec![*trunk],
                Destination::Group(group) => group.members().iter().map(|member| member.trunk).collect(),
            })
        };
        let route = |(index, route): (usize, &EmergencyRouteSettings)| {
            let from = route.from.as_ref().map_or(Ok(Vec::new()), |name| trunks(index, "from", name))?;
            let to: Vec<Vec<TrunkId>> =
                route.to.iter().map(|name| trunks(index, "to", name)).collect::<Result<_, _>>()?;
            Ok(EmergencyRoute { from, numbers: route.numbers.clone(), to: to.concat() })
        };
        let routes = settings.routes.iter().enumerate().map(route).collect::<Result<_, CompileError>>()?;
        Ok(Emergency::new(settings.numbers.clone(), routes, settings.elin.clone()))
    }

    fn find(&self, index: usize, key: &str, name: &str) -> Result<&Destination, CompileError> {
        let missing = || CompileError::Dangling { path: format!("routes[{index}].{key}"), name: name.to_owned() };
        self.0.get(name).ok_or_else(missing)
    }
}
