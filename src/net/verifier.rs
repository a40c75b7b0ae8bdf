//! Who may be at the far end of a TLS connection. Two verifiers: of clients that call us, and of servers we dial.
//! Chains are verified by rustls's webpki; what differs is which usage is accepted and which name must stand there.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};

use super::names::{certificate_names, name_matches};
use super::tls::provider;

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
    client_usage: Arc<dyn ClientCertVerifier>,
    union: Arc<RootCertStore>,
    stores: Vec<Store>,
    anonymous: Anonymous,
    algorithms: WebPkiSupportedAlgorithms,
}

/// One trust store, ready to verify clients. `None`: it holds no root.
struct Store {
    roots: Arc<RootCertStore>,
    client_usage: Option<Arc<dyn ClientCertVerifier>>,
}

impl fmt::Debug for PeerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerVerifier({} stores, anonymous {:?})", self.stores.len(), self.anonymous)
    }
}

impl PeerVerifier {
    /// `stores`: at most 64, in the order of the bits of `trusted_by`.
    ///
    /// # Errors
    /// No root at all.
    pub fn new(stores: Vec<Arc<RootCertStore>>, anonymous: Anonymous) -> Result<Self, VerifierBuilderError> {
        let mut union = RootCertStore::empty();
        for store in &stores {
            union.roots.extend(store.roots.iter().cloned());
        }
        let union = Arc::new(union);
        let provider = provider();
        let client_usage = WebPkiClientVerifier::builder_with_provider(union.clone(), provider.clone()).build()?;
        Ok(PeerVerifier {
            client_usage,
            union,
            stores: stores.into_iter().map(Store::new).collect(),
            anonymous,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    /// Which stores verify a chain, one bit each. Only for chains that this verifier has let in.
    pub fn trusted_by(&self, chain: &[CertificateDer<'_>]) -> u64 {
        if self.stores.len() == 1 {
            return 1;
        }
        let Some((leaf, intermediates)) = chain.split_first() else { return 0 };
        let mut bits = 0;
        for (place, store) in self.stores.iter().take(64).enumerate() {
            if store.verifies(leaf, intermediates, self.algorithms) {
                bits |= 1 << place;
            }
        }
        bits
    }
}

impl Store {
    fn new(roots: Arc<RootCertStore>) -> Store {
        let client_usage = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider()).build().ok();
        Store { roots, client_usage }
    }

    fn verifies(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        algorithms: WebPkiSupportedAlgorithms,
    ) -> bool {
        let now = UnixTime::now();
        let for_client =
            |verifier: &Arc<dyn ClientCertVerifier>| verifier.verify_client_cert(leaf, intermediates, now).is_ok();
        self.client_usage.as_ref().is_some_and(for_client)
            || verify_chain(leaf, intermediates, &self.roots, now, algorithms).is_ok()
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
        match self.client_usage.verify_client_cert(leaf, intermediates, now) {
            Err(Error::InvalidCertificate(
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
            )) => verify_chain(leaf, intermediates, &self.union, now, self.algorithms)
                .map(|()| ClientCertVerified::assertion()),
            verdict => verdict,
        }
    }

    signatures_by_algorithms!();
}

/// Verifies a server we dial: its chain against one trust store, its name against `peer_names`, or against the
/// name dialled when there are none (RFC 5922 7.3, PF-195).
#[derive(Debug)]
pub struct TargetVerifier {
    roots: Arc<RootCertStore>,
    peer_names: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl TargetVerifier {
    /// `peer_names`: exact names, or `*` as the left-most label; one of them must stand in the certificate. Empty:
    /// the name dialled.
    pub fn new(roots: Arc<RootCertStore>, peer_names: Vec<String>, provider: &CryptoProvider) -> Self {
        TargetVerifier { roots, peer_names, algorithms: provider.signature_verification_algorithms }
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
        verify_chain(leaf, intermediates, &self.roots, now, self.algorithms)?;
        self.verify_name(leaf, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures_by_algorithms!();
}

/// Verifies a chain for server use, whatever its name.
fn verify_chain(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
    algorithms: WebPkiSupportedAlgorithms,
) -> Result<(), Error> {
    verify_server_cert_signed_by_trust_anchor(
        &ParsedCertificate::try_from(leaf)?,
        roots,
        intermediates,
        now,
        algorithms.all,
    )
}
