//! RFC 3261 s.18 as data: what came in on which flow, where a message shall go, and what to ask the resolver.
//! The shells fill and obey these values; the core never sees a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::message::{Rejection, SipMessage};
use crate::base::ids::{FlowId, ListenerId, ResolveId, TransmitId};

/// How octets travel (RFC 3261 s.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    /// True when the transport itself repeats what is lost (no timers A, E, G).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// As written in a Via: `UDP`, `TCP`, `TLS`.
    pub const fn via_token(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        }
    }

    /// As written in a URI's `transport` parameter: `udp`, `tcp`, `tls`.
    pub const fn uri_token(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }

    /// The port a URI without one means: 5061 for TLS, else 5060.
    pub const fn default_port(self) -> u16 {
        match self {
            Transport::Tls => 5061,
            Transport::Udp | Transport::Tcp => 5060,
        }
    }
}

/// Where a message came from. For a stream one flow is one connection; for datagrams it is listener and remote address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flow {
    pub id: FlowId,
    pub transport: Transport,
    pub listener: ListenerId,
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// What the transport proved about the far end. Names come from a verified certificate only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerIdentity {
    /// DNS names (SAN, lower case) of the verified certificate; empty without one.
    pub names: Vec<String>,
    /// Index into the listener's trust stores (`TlsListener::trust`), one bit each, of those that verified the chain.
    pub trusted_by: u64,
    /// The name that the far end's TLS asked for (RFC 6066 3), lower case; `None`: it named nobody, or we dialled.
    pub asked_for: Option<Box<str>>,
}

/// A message read from the network, its mandatory fields parsed, or what is wrong with it.
#[derive(Clone, Debug)]
pub struct Received {
    pub flow: Flow,
    pub message: SipMessage,
}

/// A message that could be framed but must be refused. The shell counts it and sends `answer` back on the flow.
#[derive(Clone, Debug)]
pub struct Refused {
    pub flow: Flow,
    pub rejection: Rejection,
}

/// Settings of an outgoing TLS connection; part of the pool key of DESIGN 5: (verified name, address, port, own identity).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsTarget {
    /// SNI sent, and the name the certificate must carry unless `peer_names` is set.
    pub server_name: String,
    /// Names of which the certificate must carry one (exact or left-most wildcard label). Empty: `server_name`.
    pub peer_names: Vec<String>,
    /// Configured certificate we show (key of `[certificates]`); `None`: the listener's default.
    pub identity: Option<String>,
    /// Trust store (key of `[trust]`) that must verify the peer.
    pub trust: String,
}

/// How often we ping on a connection that we dialled, which must then be answered (RFC 5626 4.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeepAlive {
    /// As its listener says.
    #[default]
    OfListener,
    Never,
    Every(Duration),
}

/// A resolved place to send to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub transport: Transport,
    pub address: SocketAddr,
    /// Datagrams leave from this listener's socket; connections leave from its network's address.
    pub listener: ListenerId,
    /// Present exactly when `transport` is [`Transport::Tls`].
    pub tls: Option<Arc<TlsTarget>>,
    /// Of a connection that is dialled for it.
    pub keep_alive: KeepAlive,
}

/// Where a [`Transmit`] goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// On this flow and no other. Responses: RFC 3261 18.2.2. When the connection is gone, the transmit fails.
    Flow(Flow),
    /// To this target: an existing connection with the same pool key is used, else one is dialled.
    Target(Target),
    /// On this flow; when its connection is gone, to the target (RFC 5923 reuse, RFC 3261 18.2.2 fall-back).
    FlowOr(Flow, Target),
}

/// How requests that a datagram should not carry go to a UDP peer (RFC 3261 18.1.1, PF-128).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LargeRequests {
    /// As datagrams all the same: many peers never take the switch.
    #[default]
    Udp,
    /// Over TCP to the same place, and as datagrams where nobody takes the connection.
    Tcp,
}

/// One message to send. Octets are shared, so that a retransmission costs no copy.
#[derive(Clone, Debug)]
pub struct Transmit {
    pub id: TransmitId,
    pub to: Destination,
    pub bytes: Bytes,
}

/// How whoever sends on a flow has borne itself: what the shell judges its source by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bearing {
    /// It belongs to a call, or has proved who it is: as good as a configured peer for a while.
    Trusted,
    /// A request out of a dialog from a source that no trunk has.
    Unknown,
    /// The same from a tool that looks for telephone systems.
    Scanner,
    /// Credentials that were wrong.
    WrongCredentials,
}

/// Why a message did not leave. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransmitFailure {
    /// The flow's connection is closed.
    FlowGone,
    /// TCP connection refused, reset or no route.
    ConnectFailed,
    /// No TCP connection or TLS handshake in time.
    ConnectTimeout,
    /// TLS handshake failed: certificate, name or version.
    TlsRefused,
    /// Too much waits to be written; the connection was closed.
    Congested,
    /// The operating system refused the datagram (too long, unreachable).
    SendFailed,
}

/// One question to the resolver (RFC 3263). The answer comes as [`Resolution`] under the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    pub id: ResolveId,
    pub host: String,
    /// Explicit port: then neither NAPTR nor SRV (RFC 3263 4.2).
    pub port: Option<u16>,
    pub transport: Transport,
    pub discovery: Discovery,
}

/// Which records a name is asked for (RFC 3263 4); each kind falls back to the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Discovery {
    /// A and AAAA only.
    #[default]
    Hosts,
    /// SRV of the transport (`_sips._tcp`, `_sip._udp`, ...) first.
    Services,
    /// NAPTR first; of its records those of the transport in use.
    Pointers,
}

/// The resolver's answer: addresses in the order they shall be tried (SRV priority and weight applied).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    pub id: ResolveId,
    pub outcome: Result<Resolved, ResolveFailure>,
}

/// Addresses with the time they may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub addresses: Vec<SocketAddr>,
    pub ttl: Duration,
}

/// Why a name gave no address. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResolveFailure {
    /// The name does not exist or has no address.
    NoSuchName,
    /// No server answered in time.
    TimedOut,
    /// The servers answered with an error.
    ServerFailed,
}
