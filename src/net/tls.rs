//! TLS 1.2 and 1.3 with one provider (aws-lc-rs), and a name for every way a handshake can fail.
//!
//! No tickets, no resumption, no early data: a connection is kept for days, and every handshake verifies anew.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use tokio_rustls::rustls;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, PeerIncompatible, RootCertStore, ServerConfig,
};

use super::identity::{ClientIdentity, Identity, ServerIdentities};
use super::names::certificate_names;
use super::settings::{ClientCertificate, TlsListener};
use super::trust::{RevocationLists, Trust, Unfit};
use super::verifier::{Anonymous, PeerVerifier, TargetVerifier};
use crate::sip::flow::{PeerIdentity, TlsTarget};

/// The one provider of the process, limited to the groups of S-T (X25519, P-256) and P-384 for peers that insist.
/// Handed to every configuration; no process-wide default is relied on.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let groups = vec![aws_lc_rs::kx_group::X25519, aws_lc_rs::kx_group::SECP256R1, aws_lc_rs::kx_group::SECP384R1];
        Arc::new(CryptoProvider { kx_groups: groups, ..aws_lc_rs::default_provider() })
    });
    PROVIDER.clone()
}

/// Why TLS settings cannot be used. The configuration's check finds these first; they say the same here.
#[derive(Debug)]
pub enum TlsError {
    UnknownCertificate(String),
    UnknownTrust(String),
    NoCertificate,
    NoRoots,
    Provider(Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::UnknownCertificate(name) => write!(f, "there is no [certificates.{name}]"),
            TlsError::UnknownTrust(name) => write!(f, "there is no [trust.{name}]"),
            TlsError::NoCertificate => f.write_str("a TLS listener needs a certificate: set `certificates`"),
            TlsError::NoRoots => f.write_str("no trust store of the listener's trunks holds a root certificate"),
            TlsError::Provider(error) => write!(f, "TLS cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        TlsError::Provider(error)
    }
}

/// Certificates and trust stores of the process, by their keys in the configuration.
#[derive(Clone, Debug, Default)]
pub struct TlsMaterial {
    pub identities: BTreeMap<String, Arc<Identity>>,
    pub trust: BTreeMap<String, Arc<RootCertStore>>,
    /// What the authorities of a trust store have withdrawn; a store that is not named here has no list.
    pub revoked: BTreeMap<String, RevocationLists>,
}

/// The server side of one listener.
#[derive(Clone, Debug)]
pub struct TlsServer {
    pub config: Arc<ServerConfig>,
    pub identities: Arc<ServerIdentities>,
    verifier: Option<Arc<PeerVerifier>>,
}

impl TlsServer {
    /// # Errors
    /// Keys that are not in `material`, or nothing to verify clients with where one is required.
    pub fn new(listener: &TlsListener, material: &TlsMaterial) -> Result<TlsServer, TlsError> {
        let identities = Arc::new(ServerIdentities::new(material.identities_named(&listener.certificates)?));
        let verifier = peer_verifier(listener, material)?;
        let config = server(verifier.clone(), identities.clone())?;
        Ok(TlsServer { config: Arc::new(config), identities, verifier })
    }

    /// What a client proved. `chain`: as rustls verified it, leaf first; empty without a certificate.
    pub fn identify(&self, chain: &[CertificateDer<'_>]) -> PeerIdentity {
        let Some(leaf) = chain.first() else { return PeerIdentity::default() };
        PeerIdentity {
            names: certificate_names(leaf).unwrap_or_default(),
            trusted_by: self.verifier.as_ref().map_or(0, |verifier| verifier.trusted_by(chain)),
            asked_for: None,
        }
    }
}

/// The server side of TLS: without a verifier no client is asked for a certificate.
///
/// # Errors
/// The provider refuses our settings.
pub(super) fn server(
    verifier: Option<Arc<PeerVerifier>>,
    identities: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13, &TLS12])?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(identities);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

impl TlsMaterial {
    fn identities_named(&self, names: &[String]) -> Result<Vec<Arc<Identity>>, TlsError> {
        if names.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        names.iter().map(|name| self.identity(name)).collect()
    }

    fn identity(&self, name: &str) -> Result<Arc<Identity>, TlsError> {
        self.identities.get(name).cloned().ok_or_else(|| TlsError::UnknownCertificate(name.to_owned()))
    }

    fn trust(&self, name: &str) -> Result<(Arc<RootCertStore>, RevocationLists), TlsError> {
        let roots = self.trust.get(name).cloned().ok_or_else(|| TlsError::UnknownTrust(name.to_owned()))?;
        Ok((roots, self.revoked.get(name).cloned().unwrap_or_default()))
    }
}

/// `None`: no certificate is asked for, because none is wanted or because none could be verified.
fn peer_verifier(listener: &TlsListener, material: &TlsMaterial) -> Result<Option<Arc<PeerVerifier>>, TlsError> {
    let anonymous = match listener.client_certificate {
        ClientCertificate::Never => return Ok(None),
        ClientCertificate::Request => Anonymous::Allowed,
        ClientCertificate::Require => Anonymous::Refused,
    };
    let stores = listener.trust.iter().map(|name| material.trust(name)).collect::<Result<Vec<_>, _>>()?;
    match PeerVerifier::new(stores, anonymous) {
        Ok(verifier) => Ok(Some(Arc::new(verifier))),
        Err(_) if anonymous == Anonymous::Allowed => Ok(None),
        Err(_) => Err(TlsError::NoRoots),
    }
}

/// The client side for one target. `default_identity`: shown when the target names none.
///
/// # Errors
/// Keys that are not in `material`.
pub fn client_config(
    target: &TlsTarget,
    default_identity: Option<&str>,
    material: &TlsMaterial,
) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let (roots, lists) = material.trust(&target.trust)?;
    let verifier = TargetVerifier::new(Trust::new(roots, &lists), target.peer_names.clone(), &provider);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match target.identity.as_deref().or(default_identity) {
        Some(name) => builder.with_client_cert_resolver(Arc::new(ClientIdentity(material.identity(name)?))),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The name to dial: sent as SNI when it is a DNS name (RFC 6066 s.3); without one, the address.
pub fn dialled_name(server_name: &str, address: IpAddr) -> ServerName<'static> {
    let by_name: Result<ServerName<'static>, InvalidDnsNameError> = ServerName::try_from(server_name.to_owned());
    by_name.unwrap_or_else(|_| ServerName::IpAddress(address.into()))
}

/// Why a handshake failed. The name is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeFailure {
    /// A certificate was required and none came.
    NoCertificate,
    /// The chain ends in no root we trust for this.
    UnknownIssuer,
    Expired,
    NotYetValid,
    /// The certificate names somebody else.
    WrongName,
    /// The certificate is for another use.
    WrongPurpose,
    Revoked,
    /// The certificate is signed by itself, and is no root of ours.
    SelfSigned,
    /// An RSA key of less than 2048 bits.
    WeakKey,
    /// A signature with SHA-1, or with an algorithm that is not known.
    WeakSignature,
    /// Any other fault of a certificate.
    BadCertificate,
    /// The far end refused *our* certificate.
    OurCertificateRefused,
    /// No version in common.
    NoCommonVersion,
    /// No cipher suite, group or signature in common.
    NoCommonSuite,
    /// The far end sent another alert.
    PeerAlert,
    /// What came was not TLS.
    NotTls,
    /// The far end broke the protocol.
    Misbehaved,
    TimedOut,
    /// The connection closed before the end.
    Closed,
    /// No certificate of ours fits what the client can verify, or our settings are wrong.
    OurSettings,
}

impl HandshakeFailure {
    /// Every reason, for the metrics' start at zero.
    pub const ALL: [HandshakeFailure; 20] = [
        HandshakeFailure::NoCertificate,
        HandshakeFailure::UnknownIssuer,
        HandshakeFailure::Expired,
        HandshakeFailure::NotYetValid,
        HandshakeFailure::WrongName,
        HandshakeFailure::WrongPurpose,
        HandshakeFailure::Revoked,
        HandshakeFailure::SelfSigned,
        HandshakeFailure::WeakKey,
        HandshakeFailure::WeakSignature,
        HandshakeFailure::BadCertificate,
        HandshakeFailure::OurCertificateRefused,
        HandshakeFailure::NoCommonVersion,
        HandshakeFailure::NoCommonSuite,
        HandshakeFailure::PeerAlert,
        HandshakeFailure::NotTls,
        HandshakeFailure::Misbehaved,
        HandshakeFailure::TimedOut,
        HandshakeFailure::Closed,
        HandshakeFailure::OurSettings,
    ];

    /// Names the reason behind what tokio-rustls reports.
    pub fn of(error: &io::Error) -> HandshakeFailure {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => HandshakeFailure::of_tls(error),
            None if error.kind() == io::ErrorKind::TimedOut => HandshakeFailure::TimedOut,
            None => HandshakeFailure::Closed,
        }
    }

    /// True when the far end is to blame, or came for no call: not when our own certificate or settings are.
    pub const fn is_an_offence(self) -> bool {
        match self {
            HandshakeFailure::NoCertificate
            | HandshakeFailure::UnknownIssuer
            | HandshakeFailure::Expired
            | HandshakeFailure::NotYetValid
            | HandshakeFailure::WrongName
            | HandshakeFailure::WrongPurpose
            | HandshakeFailure::Revoked
            | HandshakeFailure::SelfSigned
            | HandshakeFailure::WeakKey
            | HandshakeFailure::WeakSignature
            | HandshakeFailure::BadCertificate
            | HandshakeFailure::NoCommonVersion
            | HandshakeFailure::NoCommonSuite
            | HandshakeFailure::PeerAlert
            | HandshakeFailure::NotTls
            | HandshakeFailure::Misbehaved
            | HandshakeFailure::TimedOut
            | HandshakeFailure::Closed => true,
            HandshakeFailure::OurCertificateRefused | HandshakeFailure::OurSettings => false,
        }
    }

    fn of_tls(error: &Error) -> HandshakeFailure {
        match error {
            Error::NoCertificatesPresented => HandshakeFailure::NoCertificate,
            Error::InvalidCertificate(error) => HandshakeFailure::of_certificate(error),
            Error::AlertReceived(alert) => HandshakeFailure::of_alert(*alert),
            Error::PeerIncompatible(error) => HandshakeFailure::of_incompatible(error),
            Error::InvalidMessage(_) => HandshakeFailure::NotTls,
            Error::General(_) | Error::UnsupportedNameType => HandshakeFailure::OurSettings,
            _ => HandshakeFailure::Misbehaved,
        }
    }

    fn of_certificate(error: &CertificateError) -> HandshakeFailure {
        match error {
            CertificateError::UnknownIssuer => HandshakeFailure::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => HandshakeFailure::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                HandshakeFailure::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                HandshakeFailure::WrongName
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                HandshakeFailure::WrongPurpose
            }
            CertificateError::Revoked => HandshakeFailure::Revoked,
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                HandshakeFailure::WeakSignature
            }
            CertificateError::Other(other) => match other.0.downcast_ref::<Unfit>() {
                Some(Unfit::SelfSigned) => HandshakeFailure::SelfSigned,
                Some(Unfit::WeakKey) => HandshakeFailure::WeakKey,
                None => HandshakeFailure::BadCertificate,
            },
            _ => HandshakeFailure::BadCertificate,
        }
    }

    const fn of_alert(alert: AlertDescription) -> HandshakeFailure {
        match alert {
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateRequired => HandshakeFailure::OurCertificateRefused,
            AlertDescription::ProtocolVersion => HandshakeFailure::NoCommonVersion,
            AlertDescription::HandshakeFailure => HandshakeFailure::NoCommonSuite,
            _ => HandshakeFailure::PeerAlert,
        }
    }

    const fn of_incompatible(error: &PeerIncompatible) -> HandshakeFailure {
        match error {
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic
            | PeerIncompatible::SupportedVersionsExtensionRequired
            // RFC 5246 7.4.1.4.1: clients before TLS 1.2 must not send it, and are told of it first.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => HandshakeFailure::NoCommonVersion,
            _ => HandshakeFailure::NoCommonSuite,
        }
    }
}

/// Roots of a PEM file, or of the system. A certificate that cannot be used as a root is skipped and counted.
#[derive(Debug)]
pub struct Roots {
    pub store: Arc<RootCertStore>,
    /// Certificates that are no usable root.
    pub skipped: usize,
}

/// Reads `[trust.NAME].roots` of a file.
///
/// # Errors
/// No certificate, or a damaged section.
pub fn roots_of_pem(pem: &[u8]) -> Result<Roots, super::pem::PemError> {
    Ok(roots_of(super::pem::certificates(pem)?))
}

/// Roots of the operating system (`roots = "system"`). May be empty.
pub fn roots_of_system() -> Roots {
    roots_of(system_certificates())
}

fn roots_of(certificates: Vec<CertificateDer<'static>>) -> Roots {
    let mut store = rustls::RootCertStore::empty();
    let (_, skipped) = store.add_parsable_certificates(certificates);
    Roots { store: Arc::new(store), skipped }
}

/// The certificates behind them, as the system has them.
pub fn system_certificates() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}
