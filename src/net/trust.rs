//! Who may vouch for a peer: roots, and the lists of what their authorities have withdrawn (RFC 5280 5). A certificate that
//! no list speaks of is taken: most authorities publish none for us to read.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, Der, ServerName, TrustAnchor, UnixTime,
};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{CertificateError, Error, OtherError};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::pem::PemError;
use super::tls::provider;

/// Lists of withdrawn certificates, as signed.
pub type RevocationLists = Vec<CertificateRevocationListDer<'static>>;

/// RSA keys of fewer bits are refused (NIST SP 800-131A: not allowed since 2014).
const RSA_BITS: usize = 2048;

/// One or several trust stores, ready to verify. `None` inside: there is no root.
#[derive(Clone)]
pub struct Trust {
    for_client: Option<Arc<dyn ClientCertVerifier>>,
    for_server: Option<Arc<WebPkiServerVerifier>>,
}

/// What makes a certificate unfit beyond what its chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It vouches for itself.
    SelfSigned,
    /// Its key can be broken.
    WeakKey,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::SelfSigned => "the certificate is signed by itself",
            Unfit::WeakKey => "an RSA key of less than 2048 bits",
        })
    }
}

impl std::error::Error for Unfit {}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Error {
        CertificateError::Other(OtherError(Arc::new(unfit))).into()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({})", if self.for_server.is_some() { "roots" } else { "no root" })
    }
}

impl Trust {
    /// A list that cannot be read leaves the whole without roots: nobody is let in past it.
    pub fn new(roots: Arc<RootCertStore>, lists: &[CertificateRevocationListDer<'static>]) -> Trust {
        Trust::checked(roots, lists).unwrap_or(Trust { for_client: None, for_server: None })
    }

    /// # Errors
    /// No root, or a list that cannot be read.
    pub fn checked(
        roots: Arc<RootCertStore>,
        lists: &[CertificateRevocationListDer<'static>],
    ) -> Result<Trust, VerifierBuilderError> {
        let for_client = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
            .with_crls(lists.iter().cloned())
            .allow_unknown_revocation_status()
            .build()?;
        let for_server = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .with_crls(lists.iter().cloned())
            .allow_unknown_revocation_status()
            .build()?;
        Ok(Trust { for_client: Some(for_client), for_server: Some(for_server) })
    }

    /// The chain of a client: for client or for server use, as public CAs stop issuing client certificates (PF-187).
    ///
    /// # Errors
    /// Why it is refused.
    pub fn client(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let for_client = self.for_client.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        match for_client.verify_client_cert(leaf, intermediates, now) {
            Err(Error::InvalidCertificate(
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
            )) => self.server(leaf, intermediates, now),
            Err(error) => Err(told_apart(error, leaf)),
            Ok(_) => strong(leaf, intermediates),
        }
    }

    /// The chain of a server, whatever its name.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn server(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let for_server = self.for_server.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        // The name is looked at last, after the chain and its revocation; ours is nobody's.
        let nobody = ServerName::IpAddress(std::net::IpAddr::from([0, 0, 0, 0]).into());
        match for_server.verify_server_cert(leaf, intermediates, &nobody, &[], now) {
            Ok(_)
            | Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => strong(leaf, intermediates),
            Err(error) => Err(told_apart(error, leaf)),
        }
    }
}

/// The same lists, once each of them has been read as verifying reads it.
///
/// # Errors
/// One that cannot be used.
pub fn readable(lists: RevocationLists) -> Result<RevocationLists, PemError> {
    let nobody = TrustAnchor {
        subject: Der::from_slice(&[]),
        subject_public_key_info: Der::from_slice(&[]),
        name_constraints: None,
    };
    match Trust::checked(Arc::new(RootCertStore { roots: vec![nobody] }), &lists) {
        Ok(_) => Ok(lists),
        Err(_) => {
            Err(PemError::Damaged("a list of withdrawn certificates must be of version 2, with a number".to_owned()))
        }
    }
}

/// Refuses keys that a chain in order may still hold.
fn strong(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<(), Error> {
    let is_weak = |certificate: &CertificateDer<'_>| rsa_bits(certificate).is_some_and(|bits| bits < RSA_BITS);
    if is_weak(leaf) || intermediates.iter().any(is_weak) { Err(Unfit::WeakKey.into()) } else { Ok(()) }
}

fn rsa_bits(certificate: &CertificateDer<'_>) -> Option<usize> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    match parsed.public_key().parsed().ok()? {
        PublicKey::RSA(key) => Some(key.key_size()),
        _ => None,
    }
}

/// One that vouches for itself has no issuer we know, or is an authority where a leaf is wanted.
fn told_apart(error: Error, leaf: &CertificateDer<'_>) -> Error {
    match &error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
            if is_own_issuer(leaf) =>
        {
            Unfit::SelfSigned.into()
        }
        _ => error,
    }
}

fn is_own_issuer(leaf: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(leaf).is_ok_and(|(_, parsed)| parsed.issuer() == parsed.subject())
}
