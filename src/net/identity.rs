//! Our own certificates: read, checked against their key, and chosen by SNI (RFC 6066 s.3, PF-191).

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{InconsistentKeys, SignatureScheme};

use super::names::{certificate_names, certificate_span, name_matches};
use super::pem::{self, PemError};
use super::tls::provider;
use crate::base::WallTime;

/// One certificate chain of ours with its private key.
#[derive(Debug)]
pub struct Identity {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
}

/// Why a chain and a key are no identity.
#[derive(Debug)]
pub enum IdentityError {
    Chain(PemError),
    Key(PemError),
    /// The key's kind is not supported (RSA, P-256, P-384, P-521, Ed25519 are).
    UnsupportedKey(String),
    /// The key does not belong to the first certificate of the chain.
    KeyMismatch,
    /// The first certificate cannot be read.
    BadCertificate,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::Chain(error) => write!(f, "the chain {error}"),
            IdentityError::Key(error) => write!(f, "the key file {error}"),
            IdentityError::UnsupportedKey(why) => {
                write!(f, "the key is of a kind that is not supported ({why}): use RSA or EC P-256")
            }
            IdentityError::KeyMismatch => f.write_str(
                "the key does not belong to the first certificate of the chain: write the leaf first, then intermediates",
            ),
            IdentityError::BadCertificate => f.write_str("the first certificate of the chain cannot be read"),
        }
    }
}

impl std::error::Error for IdentityError {}

impl Identity {
    /// `chain`: PEM, leaf first, then intermediates. `key`: PEM.
    ///
    /// # Errors
    /// Unreadable PEM, an unsupported key, or a key that is not the leaf's.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Identity, IdentityError> {
        let chain = pem::certificates(chain).map_err(IdentityError::Chain)?;
        let key = pem::private_key(key).map_err(IdentityError::Key)?;
        let signing = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|error| IdentityError::UnsupportedKey(error.to_string()))?;
        let names = chain.first().and_then(certificate_names).ok_or(IdentityError::BadCertificate)?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(IdentityError::KeyMismatch),
            Err(_) => return Err(IdentityError::BadCertificate),
        }
        Ok(Identity { key: Arc::new(certified), names })
    }

    /// DNS names of the leaf, lower case, wildcards as written.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// When the leaf ends, seconds since 1970; `None`: it cannot be read.
    pub fn expires(&self) -> Option<i64> {
        self.span().map(|span| *span.end())
    }

    /// From when until when the leaf holds, seconds since 1970; `None`: it cannot be read.
    pub fn span(&self) -> Option<RangeInclusive<i64>> {
        certificate_span(self.key.cert.first()?)
    }

    /// Whether the leaf's time is over; one that cannot be read has not ended.
    pub fn has_ended(&self, now: WallTime) -> bool {
        self.expires().is_some_and(|end| end < seconds(now))
    }

    /// Whether the leaf's time has come.
    pub fn has_begun(&self, now: WallTime) -> bool {
        self.span().is_none_or(|span| *span.start() <= seconds(now))
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    fn can_sign(&self, schemes: &[SignatureScheme]) -> bool {
        self.key.key.choose_scheme(schemes).is_some()
    }

    fn is_for(&self, server_name: &str) -> bool {
        self.names.iter().any(|name| name_matches(name, server_name))
    }
}

/// As certificates count time.
fn seconds(time: WallTime) -> i64 {
    i64::try_from(time.0 / 1000).unwrap_or(i64::MAX)
}

/// The identities of one listener behind one pointer, so that they can be swapped while it runs. TLS asks per handshake.
#[derive(Debug)]
pub struct ServerIdentities {
    current: ArcSwap<Vec<Arc<Identity>>>,
}

impl ServerIdentities {
    /// The first is the default.
    pub fn new(identities: Vec<Arc<Identity>>) -> Self {
        ServerIdentities { current: ArcSwap::from_pointee(identities) }
    }

    /// New handshakes see these; connections that are up keep theirs (PF-186).
    pub fn swap(&self, identities: Vec<Arc<Identity>>) {
        self.current.store(Arc::new(identities));
    }
}

impl ResolvesServerCert for ServerIdentities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let identities = self.current.load();
        let usable = || identities.iter().filter(|identity| identity.can_sign(hello.signature_schemes()));
        let named = hello.server_name().and_then(|name| usable().find(|identity| identity.is_for(name)));
        named.or_else(|| usable().next()).map(|identity| identity.key.clone())
    }
}

/// Shows one identity whenever a server asks, whatever issuers it names (PF-189).
#[derive(Debug)]
pub struct ClientIdentity(pub Arc<Identity>);

impl ResolvesClientCert for ClientIdentity {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.can_sign(schemes).then(|| self.0.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
