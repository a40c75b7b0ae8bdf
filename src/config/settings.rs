//! The whole file as typed values: paths absolute, defaults filled in, every reference checked.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::cdr;
use crate::route::directory::DenialCodes;
use crate::route::mark::CustomHeader;
use crate::route::settings::RoutingSettings;
use crate::store::audit::Retention;

/// Everything the process is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    pub node: NodeSettings,
    pub dns: DnsSettings,
    /// `[certificates.NAME]`.
    pub certificates: BTreeMap<String, CertificateFiles>,
    /// `[trust.NAME]`; `default` with the system's roots when the file has none.
    pub trust: BTreeMap<String, TrustRoots>,
    /// `trust.NAME.crl`: PEM.
    pub revoked: BTreeMap<String, PathBuf>,
    pub media: MediaEngineSettings,
    /// `metrics.bind`; `None`: no metrics, no `/healthz`.
    pub metrics: Option<SocketAddr>,
    /// `[api]`; `None`: no API.
    pub api: Option<ApiSettings>,
    pub provisioning: ProvisioningSettings,
    pub cdr: CdrSettings,
    /// `trace.octets`: SIP kept for traces; 0: none.
    pub trace_octets: usize,
    pub log: LogSettings,
    /// `keep_alive_s` by the listener's name, where it is not 0.
    pub keep_alives: BTreeMap<String, Duration>,
    /// Networks, listeners, trunks, groups, routes, limits: what [`Snapshot`](crate::route::snapshot::Snapshot) is
    /// compiled from.
    pub routing: RoutingSettings,
}

/// `[node]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    pub name: String,
    pub state_dir: PathBuf,
    /// The control socket; by default `control.sock` under the state directory.
    pub control: PathBuf,
    /// How long TERM lets calls go on.
    pub drain: Duration,
}

/// `[api]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    pub bind: SocketAddr,
    /// A `[certificates.NAME]`; `None`: without TLS, on loopback alone.
    pub certificate: Option<String>,
    /// Of one client (PV-62).
    pub requests_per_minute: u32,
    /// Of all clients together.
    pub node_requests_per_minute: u32,
}

/// `[cdr]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CdrSettings {
    /// By default the folder is `cdr` under the state directory.
    pub writer: cdr::Settings,
    pub at_start: cdr::AtStart,
}

/// `[provisioning]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningSettings {
    pub source: ProvisioningSource,
    /// The header that carries a number's contents (PV-31).
    pub custom_header: Option<CustomHeader>,
    pub codes: DenialCodes,
    /// How long the audit log is kept (PV-74).
    pub audit: Retention,
}

/// `provisioning.source`: the one place that is the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvisioningSource {
    /// This configuration.
    File,
    /// SQLite under the state directory, filled by the API and by imports.
    Store,
}

/// `[dns]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsSettings {
    /// Empty: the system's.
    pub servers: Vec<SocketAddr>,
    /// Names in lower case that are never asked for.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
}

/// `[certificates.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: leaf first, then intermediates.
    pub chain: PathBuf,
    /// PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// `trust.NAME.roots`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustRoots {
    System,
    /// PEM.
    File(PathBuf),
}

/// `[media]`: the relay as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaEngineSettings {
    /// Worker threads; 0: chosen from the cores.
    pub workers: u16,
    /// DiffServ code point of media packets (46: expedited forwarding, RFC 3246).
    pub dscp: u8,
    /// How long a released port pair is not used again.
    pub port_rest: Duration,
}

/// `[log]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    pub format: LogFormat,
    pub level: LogLevel,
    /// Lines in a second that one source may cause, of each kind; 0: no limit.
    pub lines_per_s_per_source: u32,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

/// `log.level`, each including those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// As written in the file and understood by `tracing`'s filter.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}
