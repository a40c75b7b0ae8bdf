//! How we present ourselves on one trunk: Via and Contact, always ours, never a peer's.

use std::sync::Arc;

use super::compose::ALLOW;
use crate::route::media::TrunkDtmf;
use crate::route::transfer::ReferPolicy;
use crate::route::trunk::{Listener, Trunk};
use crate::sip::flow::Transport;

/// The name and port that a trunk's peer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    transport: Transport,
    /// `host:port` or `[v6]:port`.
    authority: String,
    /// Host alone, for From.
    host: String,
    /// Methods we take from this trunk.
    allow: String,
}

impl OwnAddress {
    /// The trunk's FQDN if it has one, else the advertised address, always with the listener's port.
    pub fn of(trunk: &Trunk, listener: &Listener) -> Arc<OwnAddress> {
        let port = listener.advertise.port();
        let (host, authority) = match &trunk.fqdn {
            Some(fqdn) => (fqdn.to_string(), format!("{fqdn}:{port}")),
            None => {
                let authority = listener.advertise.to_string();
                let host = authority.rsplit_once(':').map_or_else(|| authority.clone(), |(host, _)| host.to_owned());
                (host, authority)
            }
        };
        Arc::new(OwnAddress { transport: listener.transport, authority, host, allow: allow(trunk) })
    }

    /// For a listener without a trunk in play.
    pub fn of_listener(listener: &Listener) -> OwnAddress {
        let authority = listener.advertise.to_string();
        let host = authority.rsplit_once(':').map_or_else(|| authority.clone(), |(host, _)| host.to_owned());
        OwnAddress { transport: listener.transport, authority, host, allow: ALLOW.to_owned() }
    }

    /// A Via value with the given branch; `rport` asks for the address we are seen from (RFC 3581).
    pub fn via(&self, branch: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(64 + branch.len());
        value.extend_from_slice(b"SIP/2.0/");
        value.extend_from_slice(self.transport.via_token().as_bytes());
        value.push(b' ');
        value.extend_from_slice(self.authority.as_bytes());
        value.extend_from_slice(b";branch=");
        value.extend_from_slice(branch);
        value.extend_from_slice(b";rport");
        value
    }

    /// Our Contact: one constant value per trunk.
    pub fn contact(&self) -> String {
        match self.transport {
            Transport::Udp => format!("<sip:{}>", self.authority),
            Transport::Tcp | Transport::Tls => {
                format!("<sip:{};transport={}>", self.authority, self.transport.uri_token())
            }
        }
    }

    /// Value of our Allow (RFC 3261 20.5).
    pub fn allow(&self) -> &str {
        &self.allow
    }

    /// `host:port` as written in Via and Contact.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Host part of our own From.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// What we take from this trunk. Platforms choose their way of transfer by it (MD-73): REFER and NOTIFY, or neither.
fn allow(trunk: &Trunk) -> String {
    let info = match trunk.media.sound.dtmf {
        TrunkDtmf::Info => ", INFO",
        TrunkDtmf::Rfc4733 | TrunkDtmf::Inband => "",
    };
    let refer = match trunk.transfer.refer {
        ReferPolicy::Execute | ReferPolicy::Pass => ", REFER, NOTIFY",
        ReferPolicy::Refuse => "",
    };
    format!("{ALLOW}{info}{refer}")
}
