//! Peer profiles: what is known about a kind of peer, as data (PF-203, PF-204). The texts are embedded in the
//! binary; `config` reads them with the reader that reads an operator's file, and a trunk overrides single keys.

use std::sync::Arc;
use std::time::Duration;

use super::directory::Service;
use super::media::{Ice, MediaSettings, Security, SrtpKeying};
use super::methods::MethodSettings;
use super::presentation::Presentation;
use super::provisional::ProvisionalSettings;
use super::role::PeerRole;
use super::transfer::TransferSettings;
use super::trunk::{ProbeSettings, SipTimers};
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
            options: ProbeSettings { interval: Duration::ZERO },
            timers: SipTimers::default(),
            provisional: ProvisionalSettings::default(),
            presentation: Arc::default(),
            transfer: TransferSettings::default(),
            session_timer: TimerSettings::default(),
            methods: MethodSettings::default(),
        }
    }
}

/// One profile, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub name: &'static str,
    /// Raised when a value changes.
    pub version: u16,
    /// One sentence for `trunkline profiles`.
    pub description: String,
    /// Transports such a peer speaks.
    pub transports: Vec<Transport>,
    pub behaviour: Behaviour,
}

/// Name and text of every embedded profile, by name.
const TEXTS: [(&str, &str); 2] = [
    ("carrier-ip", include_str!("../../config/profiles/carrier-ip.toml")),
    ("generic-tls", include_str!("../../config/profiles/generic-tls.toml")),
];

/// Names of the embedded profiles, in order.
pub fn profile_names() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(name, _)| *name)
}

/// The commented text of one profile, as `trunkline profiles NAME` prints it.
pub fn profile_text(name: &str) -> Option<&'static str> {
    TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
