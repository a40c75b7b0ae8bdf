//! From the configuration to the shells' settings: files are read here, once, before anything is bound.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::base::limits::CONFIG_OCTETS;
use crate::config;
use crate::config::settings::{CertificateFiles, Settings, TrustRoots};
use crate::net::NetSettings;
use crate::net::identity::{Identity, IdentityError};
use crate::net::inherited::Inherited;
use crate::net::pem::{self, PemError};
use crate::net::renewal::Renewal;
use crate::net::settings::{ClientCertificate, DnsSettings, ListenerSettings, TlsListener};
use crate::net::tls::{TlsError, roots_of_pem, roots_of_system};
use crate::net::trust::{self, RevocationLists};
use crate::relay::{RelayNetwork, RelaySettings};
use crate::route::snapshot::Snapshot;
use crate::route::trunk::{self, Listener};
use crate::sip::flow::Transport;

/// A file the configuration names and that cannot be used. Says where it is named.
#[derive(Debug)]
pub struct BadFile {
    /// Path in the configuration: `certificates.main.chain`.
    pub key: String,
    pub file: PathBuf,
    pub why: String,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.key, self.file.display(), self.why)
    }
}

/// Settings of the signalling shell.
///
/// # Errors
/// Every file that cannot be used, at once.
pub fn net_settings(settings: &Settings, snapshot: &Snapshot) -> Result<NetSettings, Vec<BadFile>> {
    let mut bad = Vec::new();
    let identities = each(&settings.certificates, &mut bad, identity);
    let mut trust = each(&settings.trust, &mut bad, roots);
    let revoked = each(&settings.revoked, &mut bad, |name, file| revocation_lists(name, file));
    if !bad.is_empty() {
        return Err(bad);
    }
    // Places among a listener's trust stores are kept for good: one that is no more proves nothing.
    for name in snapshot.listeners.iter().flat_map(|listener| snapshot.listener_trusts(listener.id)) {
        trust.entry(name.clone()).or_insert_with(|| Arc::new(RootCertStore::empty()));
    }
    Ok(NetSettings {
        listeners: snapshot.listeners.iter().map(|listener| listener_settings(listener, settings, snapshot)).collect(),
        identities,
        trust,
        revoked,
        dns: DnsSettings { servers: settings.dns.servers.clone(), hosts: settings.dns.hosts.clone() },
        limits: snapshot.limits.clone(),
        second_reader: None,
        known: None,
        inherited: Inherited::default(),
        tap: None,
    })
}

/// The API's side of TLS, where it has a certificate; a renewed one is shown as soon as SIP shows it.
///
/// # Errors
/// The provider refuses our settings.
pub fn api_tls(settings: &Settings, renewal: &Renewal) -> Result<Option<Arc<ServerConfig>>, BadFile> {
    let name = settings.api.as_ref().and_then(|api| api.certificate.as_ref());
    let Some((name, files)) = name.and_then(|name| settings.certificates.get_key_value(name)) else { return Ok(None) };
    let bad = |error: TlsError| BadFile {
        key: "api.certificate".to_owned(),
        file: files.chain.clone(),
        why: error.to_string(),
    };
    renewal.server(name).map(|server| Some(Arc::new(server))).map_err(bad)
}

/// Settings of the relay.
pub fn relay_settings(settings: &Settings, snapshot: &Snapshot) -> RelaySettings {
    let networks = snapshot.networks.iter().map(|network| RelayNetwork {
        id: network.id,
        bind: network.bind,
        first_port: network.rtp_ports.0,
        last_port: network.rtp_ports.1,
    });
    RelaySettings {
        networks: networks.collect(),
        workers: usize::from(settings.media.workers),
        dscp: settings.media.dscp,
        port_rest: settings.media.port_rest,
        ready_ports: snapshot.limits.ready_ports,
    }
}

fn each<F, T>(
    from: &BTreeMap<String, F>,
    bad: &mut Vec<BadFile>,
    read: impl Fn(&str, &F) -> Result<T, BadFile>,
) -> BTreeMap<String, T> {
    let mut out = BTreeMap::new();
    for (name, files) in from {
        match read(name, files) {
            Ok(value) => {
                out.insert(name.clone(), value);
            }
            Err(error) => bad.push(error),
        }
    }
    out
}

/// What is said of a pair whose certificate has ended.
pub fn has_ended(name: &str, files: &CertificateFiles) -> BadFile {
    let why = "has ended: it would take the place of a certificate that has not".to_owned();
    BadFile { key: format!("certificates.{name}.chain"), file: files.chain.clone(), why }
}

/// One identity of ours, read from its files.
///
/// # Errors
/// A file that cannot be used.
pub fn identity(name: &str, files: &CertificateFiles) -> Result<Arc<Identity>, BadFile> {
    let (chain_key, key_key) = (format!("certificates.{name}.chain"), format!("certificates.{name}.key"));
    let chain = octets(&chain_key, &files.chain)?;
    let key = zeroize::Zeroizing::new(octets(&key_key, &files.key)?);
    Identity::from_pem(&chain, &key).map(Arc::new).map_err(|error| {
        let (named, file) = match error {
            IdentityError::Key(_) | IdentityError::UnsupportedKey(_) | IdentityError::KeyMismatch => {
                (key_key, files.key.clone())
            }
            IdentityError::Chain(_) | IdentityError::BadCertificate => (chain_key, files.chain.clone()),
        };
        BadFile { key: named, file, why: error.to_string() }
    })
}

fn roots(name: &str, roots: &TrustRoots) -> Result<Arc<RootCertStore>, BadFile> {
    let found = match roots {
        TrustRoots::System => roots_of_system(),
        TrustRoots::File(file) => {
            let key = format!("trust.{name}.roots");
            let pem = octets(&key, file)?;
            roots_of_pem(&pem).map_err(|error: PemError| BadFile { key, file: file.clone(), why: error.to_string() })?
        }
    };
    if found.skipped > 0 {
        tracing::warn!(trust = name, skipped = found.skipped, "certificates that cannot be used as roots are skipped");
    }
    Ok(found.store)
}

fn revocation_lists(name: &str, file: &Path) -> Result<RevocationLists, BadFile> {
    let key = format!("trust.{name}.crl");
    let pem = octets(&key, file)?;
    let lists = pem::revocation_lists(&pem).and_then(trust::readable);
    lists.map_err(|error| BadFile { key, file: file.to_owned(), why: error.to_string() })
}

fn octets(key: &str, file: &Path) -> Result<Vec<u8>, BadFile> {
    config::file::read(file, CONFIG_OCTETS).map_err(|error| BadFile {
        key: key.to_owned(),
        file: file.to_owned(),
        why: error.to_string(),
    })
}

fn listener_settings(listener: &Listener, settings: &Settings, snapshot: &Snapshot) -> ListenerSettings {
    let tls = match listener.transport {
        Transport::Tls => Some(TlsListener {
            certificates: listener.certificates.clone(),
            client_certificate: match listener.client_certificate {
                trunk::ClientCertificate::Never => ClientCertificate::Never,
                trunk::ClientCertificate::Request => ClientCertificate::Request,
                trunk::ClientCertificate::Require => ClientCertificate::Require,
            },
            trust: snapshot.listener_trusts(listener.id).to_vec(),
        }),
        Transport::Udp | Transport::Tcp => None,
    };
    ListenerSettings {
        id: listener.id,
        name: listener.name.clone(),
        transport: listener.transport,
        bind: listener.bind,
        tls,
        keep_alive: settings.keep_alives.get(listener.name.as_ref()).copied(),
    }
}
