//! What the signalling shell is started with. The configuration fills these; nothing here reads a file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;

use super::counters::Direction;
use super::identity::Identity;
use super::inherited::Inherited;
use super::trust::RevocationLists;
use crate::base::ids::ListenerId;
use crate::base::limits::Limits;
use crate::sip::SipMessage;
use crate::sip::flow::{Flow, PeerIdentity, Transport};

/// Everything the signalling shell needs to start.
#[derive(Debug, Default)]
pub struct NetSettings {
    /// Places where SIP arrives; each id is used once.
    pub listeners: Vec<ListenerSettings>,
    /// Our certificates by their key in `[certificates]`.
    pub identities: BTreeMap<String, Arc<Identity>>,
    /// Trust stores by their key in `[trust]`.
    pub trust: BTreeMap<String, Arc<RootCertStore>>,
    /// What their authorities have withdrawn, by the same key.
    pub revoked: BTreeMap<String, RevocationLists>,
    pub dns: DnsSettings,
    pub limits: Limits,
    /// Sees every message that was accepted (`sip.cross_check`).
    pub second_reader: Option<SecondReader>,
    /// Sees every message that was accepted or sent, as it is on the wire without TLS.
    pub tap: Option<Tap>,
    /// Who is a peer; strangers are limited, banned, and get no answer of the shell's own (400, 503). `None`: everybody.
    pub known: Option<Known>,
    /// Sockets that are bound already.
    pub inherited: Inherited,
}

/// One place where SIP arrives (`[listeners.NAME]`).
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    pub id: ListenerId,
    pub name: Arc<str>,
    pub transport: Transport,
    /// Port 0 lets the system choose (tests).
    pub bind: SocketAddr,
    /// Present exactly when `transport` is [`Transport::Tls`].
    pub tls: Option<TlsListener>,
    /// How often we ping on connections dialled for this listener's trunks, which must then answer (RFC 5626 4.4.1).
    /// `None`: never.
    pub keep_alive: Option<Duration>,
}

/// TLS settings of one listener.
#[derive(Clone, Debug)]
pub struct TlsListener {
    /// Keys of [`NetSettings::identities`]; chosen by SNI, the first is the default.
    pub certificates: Vec<String>,
    pub client_certificate: ClientCertificate,
    /// Keys of [`NetSettings::trust`]: those of the listener's trunks, at most 64. The order gives the bits of
    /// [`PeerIdentity::trusted_by`](crate::sip::flow::PeerIdentity::trusted_by).
    pub trust: Vec<String>,
}

/// `client_certificate` of a TLS listener (PF-190).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// Not asked for.
    Never,
    /// Asked for; none is accepted, one that does not verify is refused.
    Request,
    /// Asked for; the handshake fails without one.
    Require,
}

/// `[dns]`.
#[derive(Clone, Debug, Default)]
pub struct DnsSettings {
    /// Servers to ask; empty: those of the system.
    pub servers: Vec<SocketAddr>,
    /// Static answers, asked before any server. Names in lower case, no dot at the end.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
}

/// A function that is shown every accepted message.
#[derive(Clone)]
pub struct SecondReader(pub Arc<dyn Fn(&SipMessage) + Send + Sync>);

impl fmt::Debug for SecondReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondReader")
    }
}

/// What a [`Tap`] calls: the message's way, its flow, its octets.
pub type Listening = dyn Fn(Direction, &Flow, &[u8]) + Send + Sync;

/// A function that is shown every message, with its way.
#[derive(Clone)]
pub struct Tap(pub Arc<Listening>);

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}

/// What a flow's listener and source address say of who is there, and a certificate if one was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquaintance {
    /// A configured peer, or one of the addresses it has.
    Peer,
    /// It lies in a range so wide that it names nobody: such a peer proves itself by digest.
    Anybody,
    /// In no range.
    Nobody,
}

/// What a [`Known`] calls.
pub type Recognising = dyn Fn(&Flow, &PeerIdentity) -> Acquaintance + Send + Sync;

/// Tells peers from strangers.
#[derive(Clone)]
pub struct Known(pub Arc<Recognising>);

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}
