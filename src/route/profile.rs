//! Peer profiles: what is known about a kind of peer, as data (PF-203, PF-204). The texts are embedded in the
//! binary; `config` reads them with the reader that reads an operator's file, and a trunk overrides single keys.

use std::sync::Arc;

use ipnet::IpNet;

use super::directory::Service;
use super::failover::FailoverSettings;
use super::media::{Ice, MediaSettings, Security, SrtpKeying};
use super::methods::MethodSettings;
use super::presence::PresenceSettings;
use super::presentation::Presentation;
use super::provisional::ProvisionalSettings;
use super::role::PeerRole;
use super::transfer::TransferSettings;
use super::trunk::{ContactHost, PeerShows, ProbeSettings, SipTimers, TargetSpec};
use crate::dialog::session_timer::TimerSettings;
use crate::media::plan::SrtpSuite;
use crate::sip::flow::Transport;

/// How a peer behaves and wants to be treated.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    pub role: PeerRole,
    /// What a platform's trunk serves.
    pub service: Option<Service>,
    /// Port of a target that names none; `None`: the transport's (RFC 3261 19.1.2).
    pub port: Option<u16>,
    pub media: MediaSettings,
    pub options: ProbeSettings,
    pub timers: SipTimers,
    pub provisional: ProvisionalSettings,
    pub presentation: Arc<Presentation>,
    pub transfer: TransferSettings,
    pub session_timer: TimerSettings,
    pub methods: MethodSettings,
    pub presence: PresenceSettings,
    pub failover: FailoverSettings,
}

impl Default for Behaviour {
    /// A peer nothing is known about: plain RTP, any codec, the standard's timers, no probes, no transfers.
    fn default() -> Self {
        Behaviour {
            role: PeerRole::default(),
            service: None,
            port: None,
            media: MediaSettings {
                security: Security::Rtp,
                codecs: Vec::new(),
                suites: vec![SrtpSuite::AesCm128HmacSha1_80],
                srtp_lifetime: false,
                srtp: SrtpKeying::default(),
                learn: false,
                sources: Vec::new(),
                ice: Ice::Off,
                silence: Default::default(),
                sound: Default::default(),
            },
            options: ProbeSettings::default(),
            timers: SipTimers::default(),
            provisional: ProvisionalSettings::default(),
            presentation: Arc::default(),
            transfer: TransferSettings::default(),
            session_timer: TimerSettings::default(),
            methods: MethodSettings::default(),
            presence: PresenceSettings::default(),
            failover: FailoverSettings::default(),
        }
    }
}

/// One profile, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: &'static str,
    /// Raised when a value changes.
    pub version: u16,
    pub standing: Standing,
    /// One sentence for `trunkline profiles`.
    pub description: String,
    /// Transports such a peer speaks.
    pub transports: Vec<Transport>,
    /// What a trunk must say for itself.
    pub needs: Vec<Need>,
    pub counterpart: Counterpart,
    /// Roots that the trunk's trust store must hold, by the order of their names.
    pub roots: Vec<TrustedRoot>,
    /// What such a peer asks of our certificate besides a public root.
    pub our_certificate: CertificateRules,
    pub behaviour: Behaviour,
}

/// How far a profile may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Written from the peer's published requirements.
    Supported,
    /// Too little of the peer's requirements is known: to be tried with it first (PF-99, PF-227).
    Experimental,
}

/// What a trunk of a profile must say for itself, besides profile and listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// `fqdn`: the peer knows us by a name, never by an address (MD-50, MD-56).
    Fqdn,
    /// The identity shown must be an RSA one: the peer has no suite for another (MD-21, PF-65).
    RsaIdentity,
    /// `registration` (PF-130, PF-131).
    Registration,
    /// `request_uri_host`: the peer knows its customer by it (PF-115).
    RequestUriHost,
}

/// Who a peer of this kind is, where that is known: what a trunk has unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counterpart {
    /// Empty: the trunk must name them.
    pub targets: Vec<TargetSpec>,
    /// `None`: the addresses among the targets.
    pub sources: Option<Vec<IpNet>>,
    pub peer_names: Vec<String>,
    /// Whether such a peer always shows a certificate.
    pub shows: PeerShows,
    /// Whether the host of its Contact is a place for SIP.
    pub contact_host: ContactHost,
}

/// `[our_certificate]` of a profile: the doctor holds our certificates against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateRules {
    /// Parts of an authority's name, one of which must stand among the issuers; empty: any public authority.
    pub authorities: Vec<String>,
    pub wildcards: Wildcards,
}

/// Whether a name with `*` in it counts as ours (PF-192).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wildcards {
    #[default]
    Accepted,
    Refused,
}

/// SHA-1 over a certificate, as administrators name roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(pub [u8; 20]);

impl Thumbprint {
    /// 40 hex digits in either case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Thumbprint> {
        let mut octets = [0; 20];
        if text.len() != 2 * octets.len() || !text.is_ascii() {
            return None;
        }
        for (octet, place) in octets.iter_mut().zip((0..text.len()).step_by(2)) {
            *octet = u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?;
        }
        Some(Thumbprint(octets))
    }
}

/// A root a trunk's peer may be certified by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedRoot {
    pub name: String,
    pub thumbprint: Thumbprint,
}

/// Name and text of every embedded profile, by name.
const TEXTS: [(&str, &str); 17] = [
    ("azure-acs", include_str!("../../config/profiles/azure-acs.toml")),
    ("carrier-gin", include_str!("../../config/profiles/carrier-gin.toml")),
    ("carrier-ip", include_str!("../../config/profiles/carrier-ip.toml")),
    ("carrier-register", include_str!("../../config/profiles/carrier-register.toml")),
    ("chime-vc", include_str!("../../config/profiles/chime-vc.toml")),
    ("generic-tls", include_str!("../../config/profiles/generic-tls.toml")),
    ("genesys-byoc", include_str!("../../config/profiles/genesys-byoc.toml")),
    ("google-gtp", include_str!("../../config/profiles/google-gtp.toml")),
    ("google-siplink", include_str!("../../config/profiles/google-siplink.toml")),
    ("microsoft-dod", include_str!("../../config/profiles/microsoft-dod.toml")),
    ("microsoft-gcch", include_str!("../../config/profiles/microsoft-gcch.toml")),
    ("microsoft-teams", include_str!("../../config/profiles/microsoft-teams.toml")),
    ("microsoft-teams-bypass", include_str!("../../config/profiles/microsoft-teams-bypass.toml")),
    ("operator-gateway", include_str!("../../config/profiles/operator-gateway.toml")),
    ("twilio-secure", include_str!("../../config/profiles/twilio-secure.toml")),
    ("webex", include_str!("../../config/profiles/webex.toml")),
    ("zoom-byoc", include_str!("../../config/profiles/zoom-byoc.toml")),
];

/// Names of the embedded profiles, in order.
pub fn profile_names() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(name, _)| *name)
}

/// The commented text of one profile, as `trunkline profiles NAME` prints it.
pub fn profile_text(name: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
