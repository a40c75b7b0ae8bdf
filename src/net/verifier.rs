//! Who may be at the far end of a TLS connection. Two verifiers: of clients that call us, and of servers we dial.
//! Chains are verified by rustls's webpki; what differs is which usage is accepted and which name must stand there.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ParsedCertificate, VerifierBuilderError};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};

use super::names::{certificate_names, name_matches};
use super::tls::provider;
use super::trust::{RevocationLists, Trust};

/// What both verifiers say of the signatures of a handshake: whatever their `algorithms` support.
macro_rules! signatures_by_algorithms {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, cert, dss, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, cert, dss, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

/// Whether a client without a certificate is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    Allowed,
    Refused,
}

/// Verifies clients against the union of a listener's trust stores. Accepts leaves for client *or* server use:
/// public CAs stop issuing client certificates (PF-187, PF-188).
pub struct PeerVerifier {
    union: Trust,
    stores: Vec<Trust>,
    anonymous: Anonymous,
    algorithms: WebPkiSupportedAlgorithms,
}

impl fmt::Debug for PeerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerVerifier({} stores, anonymous {:?})", self.stores.len(), self.anonymous)
    }
}

impl PeerVerifier {
    /// `stores`: at most 64, in the order of the bits of `trusted_by`; roots, and what their authorities have withdrawn.
    ///
    /// # Errors
    /// No root at all, or a list that cannot be read.
    pub fn new(
        stores: Vec<(Arc<RootCertStore>, RevocationLists)>,
        anonymous: Anonymous,
    ) -> Result<Self, VerifierBuilderError> {
        let mut union = RootCertStore::empty();
        let mut lists = Vec::new();
        for (roots, revoked) in &stores {
            union.roots.extend(roots.roots.iter().cloned());
            lists.extend(revoked.iter().cloned());
        }
        Ok(PeerVerifier {
            union: Trust::checked(Arc::new(union), &lists)?,
            stores: stores.into_iter().map(|(roots, lists)| Trust::new(roots, &lists)).collect(),
            anonymous,
            algorithms: provider().signature_verification_algorithms,
        })
    }

    /// Which stores verify a chain, one bit each. Only for chains that this verifier has let in.
    pub fn trusted_by(&self, chain: &[CertificateDer<'_>]) -> u64 {
        if self.stores.len() == 1 {
            return 1;
        }
        let Some((leaf, intermediates)) = chain.split_first() else { return 0 };
        let now = UnixTime::now();
        let mut bits = 0;
        for (place, store) in self.stores.iter().take(64).enumerate() {
            if store.client(leaf, intermediates, now).is_ok() {
                bits |= 1 << place;
            }
        }
        bits
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.anonymous == Anonymous::Refused
    }

    /// No hints: with the roots of a system they would be longer than the rest of the handshake.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.union.client(leaf, intermediates, now).map(|()| ClientCertVerified::assertion())
    }

    signatures_by_algorithms!();
}

/// Verifies a server we dial: its chain against one trust store, its name against `peer_names`, or against the
/// name dialled when there are none (RFC 5922 7.3, PF-195).
#[derive(Debug)]
pub struct TargetVerifier {
    trust: Trust,
    peer_names: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl TargetVerifier {
    /// `peer_names`: exact names, or `*` as the left-most label; one of them must stand in the certificate. Empty:
    /// the name dialled.
    pub fn new(trust: Trust, peer_names: Vec<String>, provider: &CryptoProvider) -> Self {
        TargetVerifier { trust, peer_names, algorithms: provider.signature_verification_algorithms }
    }

    fn verify_name(&self, leaf: &CertificateDer<'_>, dialled: &ServerName<'_>) -> Result<(), Error> {
        if self.peer_names.is_empty() {
            return verify_server_name(&ParsedCertificate::try_from(leaf)?, dialled);
        }
        let presented = certificate_names(leaf).unwrap_or_default();
        let covered = |wanted: &String| {
            presented.iter().any(|name| name_matches(name, wanted) || name_matches(wanted, name))
                || carries_address(leaf, wanted)
        };
        if self.peer_names.iter().any(covered) { Ok(()) } else { Err(CertificateError::NotValidForName.into()) }
    }
}

/// `peer_names` may hold an address; then the certificate must carry it as one (RFC 5922 7.1).
fn carries_address(leaf: &CertificateDer<'_>, wanted: &str) -> bool {
    let Ok(address) = wanted.parse::<std::net::IpAddr>() else { return false };
    ParsedCertificate::try_from(leaf)
        .is_ok_and(|parsed| verify_server_name(&parsed, &ServerName::IpAddress(address.into())).is_ok())
}

impl ServerCertVerifier for TargetVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.trust.server(leaf, intermediates, now)?;
        self.verify_name(leaf, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures_by_algorithms!();
}
