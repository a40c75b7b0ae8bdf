//! Trunks, networks and listeners as the engine needs them: everything resolved, every default filled in.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::compile::server_name;
use super::directory::{Account, Service, derived};
use super::failover::FailoverSettings;
use super::liveness::LivenessRules;
use super::mark::CustomHeader;
use super::media::MediaSettings;
use super::methods::MethodSettings;
use super::number::{NumberPlan, Reads};
use super::presence::Presence;
use super::presentation::{Presentation, Unroutable};
use super::provisional::ProvisionalSettings;
use super::reach::Reach;
use super::role::PeerRole;
use super::settings::ServerNames;
use super::transfer::TransferSettings;
use crate::base::ids::{ListenerId, NetworkId, TrunkId};
use crate::dialog::session_timer::TimerSettings;
use crate::media::plan::AddressRules;
use crate::registration::RegistrationSettings;
use crate::sip::auth::{Credentials, Demand};
use crate::sip::flow::{Discovery, KeepAlive, LargeRequests, Target, TlsTarget, Transport};

/// One side of the machine (`[networks.NAME]`).
#[derive(Clone, Debug)]
pub struct Network {
    pub id: NetworkId,
    pub name: Arc<str>,
    pub bind: IpAddr,
    pub advertise: IpAddr,
    /// First and last RTP port.
    pub rtp_ports: (u16, u16),
    pub rules: Arc<AddressRules>,
}

/// `client_certificate` of a TLS listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Not asked for.
    Never,
    /// Asked for; a peer without one is known by its address.
    Request,
    /// The handshake fails without one.
    Require,
}

/// Where requests inside a dialog without a route set go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContactHost {
    /// To the host of the peer's Contact (RFC 3261 12.2.1.1), within the trunk's reach.
    #[default]
    Followed,
    /// To where the dialog's messages come from: the Contact is a name that is no place for SIP (MD-81).
    Ignored,
}

/// What a trunk's peer shows when it connects to us (PF-190).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PeerShows {
    /// What its listener asks for.
    #[default]
    AsListener,
    /// Always a certificate with one of the trunk's `peer_names`: without one its address proves nothing (MD-10).
    Certificate,
}

/// One place where SIP arrives (`[listeners.NAME]`).
#[derive(Clone, Debug)]
pub struct Listener {
    pub id: ListenerId,
    pub name: Arc<str>,
    pub network: NetworkId,
    pub transport: Transport,
    pub bind: SocketAddr,
    /// Host of Via and Contact where no FQDN applies: the network's `advertise` and this port.
    pub advertise: SocketAddr,
    /// TLS only: keys of `[certificates]`, the first is the default.
    pub certificates: Vec<String>,
    pub client_certificate: ClientCertificate,
}

/// One place a trunk sends calls to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// A name or an address.
    pub host: Arc<str>,
    /// The address when `host` is one.
    pub address: Option<IpAddr>,
    pub port: Option<u16>,
    /// Which DNS records `host` is asked for.
    pub discovery: Discovery,
    /// Lower first.
    pub priority: u16,
    pub weight: u16,
}

/// What metrics, log and records call a target: its host, and its port where the trunk has another target at that host.
pub fn target_name(targets: &[TargetSpec], spec: &TargetSpec) -> Arc<str> {
    let is_alone = targets.iter().filter(|other| other.host == spec.host).count() < 2;
    match (spec.port, spec.host.contains(':')) {
        (Some(port), false) if !is_alone => format!("{}:{port}", spec.host).into(),
        (Some(port), true) if !is_alone => format!("[{}]:{port}", spec.host.trim_matches(['[', ']'])).into(),
        (Some(_) | None, _) => Arc::clone(&spec.host),
    }
}

/// RFC 3261 timers of one trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipTimers {
    /// Round-trip estimate, 500 ms.
    pub t1: Duration,
    /// Longest interval of retransmissions, 4 s.
    pub t2: Duration,
    /// Longest life of a message in the network, 5 s.
    pub t4: Duration,
    /// Silence after INVITE before the next candidate is tried (timer B is the bound): 64*T1 unless set.
    pub no_response: Duration,
    /// Ringing without an answer: 180 s.
    pub no_answer: Duration,
    /// Longest call: 24 h by default.
    pub max_duration: Duration,
}

impl Default for SipTimers {
    fn default() -> Self {
        SipTimers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            no_response: Duration::from_secs(32),
            no_answer: Duration::from_secs(180),
            max_duration: Duration::from_secs(24 * 3600),
        }
    }
}

/// Our OPTIONS to this trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    /// Zero: no probes.
    pub interval: Duration,
    /// The same while a target does not answer, where that is shorter.
    pub retry: Duration,
    /// Without an answer for so long nobody is there.
    pub timeout: Duration,
    pub liveness: LivenessRules,
    pub draining: WhileDraining,
    /// `asks_us`.
    pub theirs: TheirOptions,
}

/// Whether the peer sends OPTIONS of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TheirOptions {
    /// It may or may not.
    #[default]
    Unknown,
    /// It does, once ours came (MD-42, MD-43): the doctor waits for them.
    Expected,
}

impl Default for ProbeSettings {
    /// PF-155, MD-53; no probes.
    fn default() -> Self {
        ProbeSettings {
            interval: Duration::ZERO,
            retry: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            liveness: LivenessRules::default(),
            draining: WhileDraining::default(),
            theirs: TheirOptions::default(),
        }
    }
}

/// What the peer's OPTIONS are answered while the node is drained (DESIGN 8). Ours stop in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhileDraining {
    /// 503: no call is taken (PF-153).
    #[default]
    Refuse,
    /// Still 200: that ours stop is what the peer goes by (MD-52).
    Answer,
}

/// `auth = { .. }`: the name and password that we and this peer share in one realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkAuth {
    pub credentials: Arc<Credentials>,
    /// What the peer must prove to send us requests out of a dialog; `None`: nothing.
    pub demand: Option<Demand>,
}

/// One peer (`[trunks.NAME]`), profile and overrides merged.
#[derive(Clone, Debug)]
pub struct Trunk {
    pub id: TrunkId,
    pub name: Arc<str>,
    pub profile: Arc<str>,
    pub role: PeerRole,
    pub listener: ListenerId,
    pub network: NetworkId,
    pub transport: Transport,
    /// Host of our Contact and From towards this peer; `None`: the listener's advertised address.
    pub fqdn: Option<Arc<str>>,
    /// Below which the accounts of this trunk have their names; `None`: below `fqdn`.
    pub base_domain: Option<Arc<str>>,
    /// What the name says that the peer's TLS asked for.
    pub server_names: ServerNames,
    /// What the platform behind this trunk serves; `None`: it is not said, and any service of a number will do.
    pub service: Option<Service>,
    /// How this peer sees us.
    pub presence: Arc<Presence>,
    /// In the order they are tried.
    pub targets: Vec<TargetSpec>,
    /// TLS settings for a target; `server_name` is the target's name, or the first of `peer_names` for an address.
    pub tls: Option<Arc<TlsTarget>>,
    /// Who may send to us as this trunk.
    pub sources: Vec<IpNet>,
    /// Where requests inside a dialog may go.
    pub reach: Reach,
    /// Names of a client certificate that identify this trunk. Empty: sources alone decide.
    pub peer_names: Vec<String>,
    pub peer_shows: PeerShows,
    pub contact_host: ContactHost,
    /// Host written into the Request-URI of calls to this trunk; `None`: the target's host.
    pub request_uri_host: Option<Arc<str>>,
    /// Its port; `None`: none is written.
    pub request_uri_port: Option<u16>,
    /// How requests above 1300 octets go; for a UDP trunk only.
    pub large_requests: LargeRequests,
    /// Of the connections that we dial to it.
    pub keep_alive: KeepAlive,
    pub media: Arc<MediaSettings>,
    /// What a carrier's trunk shows of the account's number.
    pub custom_header: Option<Arc<CustomHeader>>,
    /// Numbers, identity, diversions and headers of this peer.
    pub presentation: Arc<Presentation>,
    /// Which rules those are: the profile, and a fingerprint that changes when they do. For records.
    pub policy: Arc<str>,
    pub timers: SipTimers,
    pub options: ProbeSettings,
    pub provisional: ProvisionalSettings,
    pub transfer: TransferSettings,
    pub session_timer: TimerSettings,
    pub methods: MethodSettings,
    pub failover: FailoverSettings,
    /// `None`: only the node's limit.
    pub max_calls: Option<usize>,
    pub max_calls_per_s: Option<u32>,
    pub auth: Option<TrunkAuth>,
    pub registration: Option<RegistrationSettings>,
}

impl Trunk {
    /// This trunk as an account's platform uses it: the account's number rules come before the trunk's (MD-67). A trunk
    /// that takes numbers as they are written takes the others so still.
    pub fn of_account(self: &Arc<Trunk>, account: Option<&Account>) -> Arc<Trunk> {
        let rules = account.filter(|_| self.role == PeerRole::Platform).and_then(|account| account.rules.as_deref());
        let Some(rules) = rules else { return Arc::clone(self) };
        let own = &self.presentation;
        let numbers = NumberPlan {
            reads: Reads::ByForm,
            incoming_rules: rules.incoming.before(&own.numbers.incoming_rules),
            outgoing_rules: rules.outgoing.before(&own.numbers.outgoing_rules),
            ..own.numbers.clone()
        };
        let unroutable = match own.numbers.reads {
            Reads::AsWritten => Unroutable::Pass,
            Reads::ByForm => own.unroutable,
        };
        let presentation = Arc::new(Presentation { numbers, unroutable, ..Presentation::clone(own) });
        Arc::new(Trunk { presentation, ..Trunk::clone(self) })
    }

    /// This address as a place to send this trunk's messages to.
    pub fn target(&self, address: SocketAddr, tls: Option<Arc<TlsTarget>>) -> Target {
        let (transport, listener, keep_alive) = (self.transport, self.listener, self.keep_alive);
        Target { transport, address, listener, tls, keep_alive }
    }

    /// Below which the accounts of this trunk have their names (MD-59).
    pub fn base_name(&self) -> Option<&str> {
        self.base_domain.as_deref().or(self.fqdn.as_deref())
    }

    /// The account's own name towards this trunk's peer (MD-56, MD-63); `None`: it has none, and is the trunk's.
    pub fn name_of(&self, account: &Account) -> Option<String> {
        let is_used_here = account.trunk.as_ref().is_none_or(|own| *own == self.name);
        if self.role != PeerRole::Platform || !is_used_here {
            return None;
        }
        let whole = match (&account.fqdn, &account.subdomain) {
            (Some(fqdn), _) => fqdn.to_string(),
            (None, Some(label)) => format!("{label}.{}", self.base_name()?),
            (None, None) => return None,
        };
        // PF-15: the platform knows no longer one.
        derived(&whole).ok()
    }

    /// TLS settings for one of this trunk's targets; `None` when the trunk is not TLS.
    pub fn tls_towards(&self, target: &TargetSpec) -> Option<Arc<TlsTarget>> {
        let first = self.tls.as_ref()?;
        let server_name = server_name(target, &self.peer_names);
        match server_name == first.server_name {
            true => Some(Arc::clone(first)),
            false => Some(Arc::new(TlsTarget { server_name, ..TlsTarget::clone(first) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: Option<u16>) -> TargetSpec {
        let (host, discovery) = (host.into(), Discovery::Hosts);
        TargetSpec { host, address: None, port, discovery, priority: 0, weight: 1 }
    }

    #[test]
    fn targets_of_one_host_are_told_apart_by_their_ports() {
        let targets = [
            target("a.test", Some(5060)),
            target("b.test", Some(5060)),
            target("b.test", Some(5070)),
            target("b.test", None),
        ];
        let names: Vec<_> = targets.iter().map(|spec| target_name(&targets, spec).to_string()).collect();
        assert_eq!(names, ["a.test", "b.test:5060", "b.test:5070", "b.test"]);
        let six = [target("2001:db8::1", Some(1)), target("2001:db8::1", Some(2))];
        assert_eq!(&*target_name(&six, &six[1]), "[2001:db8::1]:2");
    }
}
