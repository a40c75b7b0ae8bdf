//! What an operator wrote about networks, listeners, trunks, groups and routes: typed values that still refer to
//! each other by name. [`compile`](super::compile) makes a snapshot of them.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::directory::DenialCodes;
use super::emergency::EmergencySettings;
use super::fraud::FraudSettings;
use super::group::Order;
use super::mark::CustomHeader;
use super::policy::Pair;
use super::profile::Behaviour;
use super::snapshot::UnknownSources;
use super::table::{Conditions, Pattern};
use super::trunk::{ClientCertificate, ContactHost, PeerShows, TargetSpec, TrunkAuth};
use crate::base::limits::Limits;
use crate::registration::RegistrationSettings;
use crate::sip::flow::{KeepAlive, LargeRequests, Transport};

/// Everything a snapshot is made of.
#[derive(Clone, Debug, Default)]
pub struct RoutingSettings {
    /// `node.name`.
    pub node_name: String,
    pub networks: Vec<NetworkSettings>,
    pub listeners: Vec<ListenerSettings>,
    pub trunks: Vec<TrunkSettings>,
    pub groups: Vec<GroupSettings>,
    /// In the order they are tried.
    pub routes: Vec<RouteSettings>,
    pub fraud: FraudSettings,
    pub emergency: EmergencySettings,
    /// `provisioning.custom_header`.
    pub custom_header: Option<CustomHeader>,
    /// `provisioning.codes`.
    pub codes: DenialCodes,
    pub limits: Limits,
    /// `sip.cross_check`.
    pub cross_check: bool,
    /// `sip.unknown_sources`.
    pub unknown_sources: UnknownSources,
}

/// `[networks.NAME]`.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    pub name: String,
    pub bind: IpAddr,
    pub advertise: IpAddr,
    /// First and last port; the first is even.
    pub rtp_ports: (u16, u16),
    pub allow_media: Vec<IpNet>,
}

/// `[listeners.NAME]`.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    pub name: String,
    pub network: String,
    pub transport: Transport,
    pub port: u16,
    /// Keys of `[certificates]`, the first is the default. Empty unless the transport is TLS.
    pub certificates: Vec<String>,
    pub client_certificate: ClientCertificate,
}

/// `[trunks.NAME]`, the profile's values filled in.
#[derive(Clone, Debug)]
pub struct TrunkSettings {
    pub name: String,
    pub profile: String,
    pub listener: String,
    pub fqdn: Option<String>,
    /// Below which the accounts of this trunk have their names; `None`: below `fqdn`.
    pub base_domain: Option<String>,
    /// `account_by_server_name`; TLS listeners only.
    pub server_names: ServerNames,
    /// Key of `[certificates]`; `None`: the listener's first.
    pub certificate: Option<String>,
    /// Key of `[trust]`; present when the listener is TLS.
    pub trust: Option<String>,
    pub targets: Vec<TargetSpec>,
    /// `None`: the addresses among the targets.
    pub sources: Option<Vec<IpNet>>,
    /// Where requests inside a dialog may go besides `sources` and targets.
    pub contacts: Vec<IpNet>,
    pub peer_names: Vec<String>,
    /// `client_certificate` of a trunk.
    pub peer_shows: PeerShows,
    /// `follow_contact`.
    pub contact_host: ContactHost,
    pub request_uri_host: Option<String>,
    /// The port of the first target where a proxy stands before it.
    pub request_uri_port: Option<u16>,
    /// `offer_reuse`; TLS listeners only.
    pub reuse: Reuse,
    /// `udp_to_tcp`; UDP listeners only.
    pub large_requests: LargeRequests,
    /// `keep_alive_s`; TCP and TLS listeners only.
    pub keep_alive: KeepAlive,
    pub behaviour: Behaviour,
    pub max_calls: Option<usize>,
    pub max_calls_per_s: Option<u32>,
    pub auth: Option<TrunkAuth>,
    pub registration: Option<RegistrationSettings>,
}

impl TrunkSettings {
    /// Who may send as this trunk: `sources`, or else the addresses among the targets.
    pub fn effective_sources(&self) -> Vec<IpNet> {
        match &self.sources {
            Some(sources) => sources.iter().map(IpNet::trunc).collect(),
            None => self.targets.iter().filter_map(|target| target.address).map(IpNet::from).collect(),
        }
    }
}

/// A range of IPv4-mapped addresses (`::ffff:192.0.2.0/120`) as the IPv4 range that packets of it come from.
pub fn canonical_range(range: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let four = match range {
        IpNet::V4(four) => Some(four),
        IpNet::V6(six) => six
            .addr()
            .to_ipv4_mapped()
            .zip(six.prefix_len().checked_sub(MAPPED))
            .and_then(|(address, length)| Ipv4Net::new(address, length).ok()),
    };
    four.map_or(range, IpNet::V4)
}

/// Whether the name that a peer's TLS asked for names the account of its calls, where the Request-URI names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerNames {
    #[default]
    Ignored,
    NameAccounts,
}

/// Whether we offer a peer the connections that we dial to it (RFC 5923).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Nothing is said of it.
    #[default]
    Unsaid,
    /// Our Via carries `alias`.
    Offered,
}

/// `[groups.NAME]`.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    pub name: String,
    /// Among members of one priority.
    pub order: Order,
    pub members: Vec<MemberSettings>,
}

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSettings {
    pub trunk: String,
    /// Lower first.
    pub priority: u16,
    /// Among members of one priority; what it does is the group's `order`.
    pub weight: u16,
}

/// One `[[routes]]`.
#[derive(Clone, Debug, Default)]
pub struct RouteSettings {
    pub name: Option<String>,
    /// Trunk or group.
    pub from: String,
    pub calling: Option<Pattern>,
    pub called: Option<Pattern>,
    /// What else the call must be.
    pub only: Conditions,
    /// Trunks or groups, in the order they are hunted.
    pub to: Vec<String>,
    /// `context`: pairs for trunks with a builder, before theirs of the same names.
    pub context: Vec<Pair>,
}

impl RouteSettings {
    /// No call from `from` passes it.
    pub fn takes_all(&self) -> bool {
        self.calling.is_none() && self.called.is_none() && self.only.are_none()
    }
}
