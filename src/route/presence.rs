//! How we present ourselves to one trunk's peer: written once, copied into every message to it.

use std::net::SocketAddr;

use super::media::TrunkDtmf;
use super::methods::Rule;
use super::profile::Behaviour;
use super::provisional::Reliability;
use super::settings::{Reuse, TrunkSettings};
use super::transfer::{ReferPolicy, ReplacesPolicy};
use super::trunk::Listener;
use crate::dialog::session_timer::{TIMER, TimerMode};
use crate::sip::Method;
use crate::sip::flow::Transport;

/// Methods we take on every trunk (RFC 3261 20.5).
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS";

/// Names and ready-made values; always ours, never a peer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Host alone, for From.
    pub host: Box<str>,
    /// `host:port` or `[v6]:port`.
    pub authority: Box<str>,
    /// Value of Contact: one constant value per trunk.
    pub contact: Box<str>,
    /// Value of Via up to the branch.
    pub via: Box<str>,
    /// And behind it: `rport` asks for the address we are seen from (RFC 3581), `alias` offers the connection for the
    /// peer's requests (RFC 5923).
    pub via_end: &'static str,
    /// Value of Allow: methods we take from this trunk.
    pub allow: Box<str>,
    /// Extensions that this trunk's peer may use and that change nothing for one that does not (RFC 3261 20.37).
    pub supported: Box<str>,
    /// Whether the Contact of a dialog names a number.
    pub contact_form: ContactForm,
    pub request_uri: UriForm,
    /// Header fields that name the product, in requests and in responses.
    pub signs_requests: Signature,
    pub signs_responses: Signature,
}

/// Names and values of header fields.
pub type Signature = Vec<(&'static str, &'static str)>;

/// `presence.contact`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ContactForm {
    /// `<sip:host:port>`: one value per trunk.
    #[default]
    Host,
    /// `<sip:number@host:port>`: one value per dialog (MD-56).
    Number,
}

/// `presence = { .. }` of a trunk: what its peer is told of who we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PresenceSettings {
    pub contact: ContactForm,
    /// `User-Agent` in requests and `Server` in responses.
    pub user_agent: bool,
    /// `X-MS-SBC` in both (MD-79).
    pub x_ms_sbc: bool,
    pub request_uri: UriForm,
}

/// `presence.request_uri`: what our Request-URIs say besides number and host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UriForm {
    /// The port where it is not the transport's own.
    #[default]
    Short,
    /// Port and transport always (MD-49, MD-84).
    Full,
}

/// As User-Agent and Server name us.
const PRODUCT: &str = concat!("Trunkline/", env!("CARGO_PKG_VERSION"));
/// As X-MS-SBC names us: vendor, product, version (MD-79).
const VENDOR_PRODUCT: &str = concat!("Trunkline/Trunkline/", env!("CARGO_PKG_VERSION"));

/// The fields of a request or a response; `name` is the standard's for it.
fn signature(settings: PresenceSettings, name: &'static str) -> Signature {
    let rows = [(name, PRODUCT, settings.user_agent), ("X-MS-SBC", VENDOR_PRODUCT, settings.x_ms_sbc)];
    rows.into_iter().filter(|(_, _, is_written)| *is_written).map(|(name, value, _)| (name, value)).collect()
}

impl Presence {
    /// What a trunk's peer sees of us on this listener.
    pub fn new(listener: &Listener, trunk: &TrunkSettings) -> Presence {
        let allow = without(&allow(&trunk.behaviour), &trunk.behaviour.presentation.headers.hidden_methods);
        let named = Presence::named(listener.transport, trunk.fqdn.as_deref(), listener.advertise, allow);
        let via_end = match trunk.reuse {
            Reuse::Unsaid => named.via_end,
            Reuse::Offered => ";rport;alias",
        };
        let told = trunk.behaviour.presence;
        Presence {
            supported: supported(&trunk.behaviour).into(),
            via_end,
            contact_form: told.contact,
            request_uri: told.request_uri,
            signs_requests: signature(told, "User-Agent"),
            signs_responses: signature(told, "Server"),
            ..named
        }
    }

    /// The same under the name of an account (MD-56, MD-63). Via stays the trunk's: answers come back to the node.
    pub fn of_account(&self, name: &str) -> Presence {
        let port = self.authority.rsplit_once(':').map_or("", |(_, port)| port);
        let authority = format!("{name}:{port}");
        let contact = self.contact.replacen(&*self.authority, &authority, 1);
        Presence { host: name.into(), contact: contact.into(), authority: authority.into(), ..self.clone() }
    }

    /// The trunk's FQDN if it has one, else the listener's advertised address, always with the listener's port.
    fn named(transport: Transport, fqdn: Option<&str>, advertise: SocketAddr, allow: String) -> Presence {
        let authority = match fqdn {
            Some(fqdn) => format!("{fqdn}:{}", advertise.port()),
            None => advertise.to_string(),
        };
        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
        let contact = match transport {
            Transport::Udp => format!("<sip:{authority}>"),
            Transport::Tcp | Transport::Tls => format!("<sip:{authority};transport={}>", transport.uri_token()),
        };
        Presence {
            host: host.into(),
            contact: contact.into(),
            via: format!("SIP/2.0/{} {authority};branch=", transport.via_token()).into(),
            via_end: ";rport",
            authority: authority.into(),
            allow: allow.into(),
            supported: Box::default(),
            contact_form: ContactForm::default(),
            request_uri: UriForm::default(),
            signs_requests: Signature::new(),
            signs_responses: Signature::new(),
        }
    }
}

/// What we take from a trunk. Platforms choose their way of transfer by it (MD-73): REFER and NOTIFY, or neither.
fn allow(behaviour: &Behaviour) -> String {
    let methods = &behaviour.methods;
    let digits = behaviour.media.sound.dtmf == TrunkDtmf::Info;
    let transfers = behaviour.transfer.refer != ReferPolicy::Refuse;
    let rows = [
        ("INFO", digits || methods.info != Rule::Refuse),
        ("PRACK", behaviour.provisional.reliable != Reliability::Off),
        ("REFER", transfers),
        ("NOTIFY", transfers || methods.notify != Rule::Refuse),
        ("MESSAGE", methods.message != Rule::Refuse),
        ("SUBSCRIBE", methods.subscribe != Rule::Refuse),
        ("PUBLISH", methods.publish != Rule::Refuse),
    ];
    let taken = rows.into_iter().filter(|(_, is_taken)| *is_taken);
    taken.fold(format!("{ALLOW}, UPDATE"), |allow, (method, _)| format!("{allow}, {method}"))
}

/// Option tags of what we do with this trunk's peer. MD-76: a platform sends INVITE with Replaces to whom it is told takes
/// it.
fn supported(behaviour: &Behaviour) -> String {
    let rows = [
        (TIMER, behaviour.session_timer.mode != TimerMode::Off),
        ("replaces", behaviour.transfer.replaces == ReplacesPolicy::Take),
        ("norefersub", behaviour.transfer.refer == ReferPolicy::Execute),
    ];
    let hidden = &behaviour.presentation.headers.hidden_options;
    let tags = rows.into_iter().filter(|(_, is_supported)| *is_supported).map(|(tag, _)| tag);
    tags.filter(|tag| !hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(tag))).collect::<Vec<_>>().join(", ")
}

/// The list without methods a trunk hides (PF-137).
fn without(allow: &str, hidden: &[Method]) -> String {
    let is_hidden = |name: &&str| hidden.iter().any(|method| method.as_str() == *name);
    allow.split(", ").filter(|name| !is_hidden(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_before_the_address_and_the_port_is_the_listeners() {
        let advertise = "[2001:db8::1]:5061".parse().unwrap();
        let named = Presence::named(Transport::Tls, Some("sbc.example.com"), advertise, String::new());
        assert_eq!((&*named.host, &*named.contact), ("sbc.example.com", "<sip:sbc.example.com:5061;transport=tls>"));
        let plain = Presence::named(Transport::Udp, None, advertise, String::new());
        assert_eq!((&*plain.host, &*plain.contact), ("[2001:db8::1]", "<sip:[2001:db8::1]:5061>"));
        assert_eq!(&*plain.via, "SIP/2.0/UDP [2001:db8::1]:5061;branch=");
    }
}
