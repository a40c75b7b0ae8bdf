//! TLS of a lab platform: it shows one of several identities, asks for the SBC's certificate, finishes the handshake
//! whatever it gets, and judges afterwards. A platform would just hang up; a lab says why.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion, version,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::public_key::PublicKey;

use super::transcript::Shown;
use crate::lab::certificates::Identity;
use crate::lab::tls::{self, certificates, dns_names, key, provider};

/// Which protocol versions a connection of ours offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    Both,
    /// TLS 1.2 alone (MD-19).
    Twelve,
}

/// What a platform shows and trusts.
#[derive(Clone)]
pub struct Posture {
    roots: Arc<RootCertStore>,
    /// By listener: the first listener shows the first identity, and so on, round.
    acceptors: Vec<TlsAcceptor>,
    /// Round as well, one per connection that we dial.
    connectors: Vec<TlsConnector>,
    twelve: TlsConnector,
}

/// Who shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Both ends.
    Mutual,
    /// The server alone, and TLS 1.2 only, as Genesys (PF-64).
    ServerAlone,
}

impl Posture {
    /// # Errors
    /// A file that cannot be read or does not fit.
    pub fn new(roots: &[PathBuf], identities: &[Identity], mode: Authentication) -> Result<Posture, String> {
        let roots = tls::roots(roots)?;
        let acceptors = identities.iter().map(|identity| acceptor(identity, mode)).collect::<Result<Vec<_>, _>>()?;
        let connectors = identities.iter().map(|identity| connector(identity, mode, Versions::Both));
        let connectors = connectors.collect::<Result<Vec<_>, _>>()?;
        let first = identities.first().ok_or("no identity for the platform")?;
        let twelve = connector(first, mode, Versions::Twelve)?;
        Ok(Posture { roots, acceptors, connectors, twelve })
    }

    /// For the listener of that place in the list.
    #[must_use]
    pub fn acceptor(&self, place: usize) -> Option<TlsAcceptor> {
        self.acceptors.get(place.checked_rem(self.acceptors.len())?).cloned()
    }

    /// For the connection of that number.
    #[must_use]
    pub fn connector(&self, number: usize, versions: Versions) -> Option<TlsConnector> {
        match versions {
            Versions::Both => self.connectors.get(number.checked_rem(self.connectors.len())?).cloned(),
            Versions::Twelve => Some(self.twelve.clone()),
        }
    }

    /// What a chain of the SBC says, and whether it leads to the roots. `name`: one it must carry.
    #[must_use]
    pub fn judge(&self, chain: Option<&[CertificateDer<'_>]>) -> Shown {
        let Some((leaf, rest)) = chain.and_then(|chain| chain.split_first()) else { return Shown::default() };
        let (names, key) = described(leaf);
        Shown { chain: rest.len() + 1, names, key, untrusted: self.distrust(leaf, rest).err() }
    }

    /// serverAuth or clientAuth: MD-27 demands the first, MD-28 forbids to demand the second.
    fn distrust(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> Result<(), String> {
        let now = UnixTime::now();
        let as_client = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), provider()).build();
        if as_client.is_ok_and(|verifier| verifier.verify_client_cert(leaf, rest, now).is_ok()) {
            return Ok(());
        }
        let (names, _) = described(leaf);
        let name = names.first().map_or_else(|| "none".to_owned(), |name| name.replacen('*', "one", 1));
        let name = ServerName::try_from(name).map_err(|error| error.to_string())?;
        let as_server = WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider()).build();
        let as_server = as_server.map_err(|error| error.to_string())?;
        as_server.verify_server_cert(leaf, rest, &name, &[], now).map(|_| ()).map_err(|error| error.to_string())
    }
}

/// True when one of `names` is `name`, or a wildcard for its one first label (MD-25).
#[must_use]
pub fn covers(names: &[String], name: &str) -> bool {
    let parent = name.split_once('.').map(|(_, parent)| parent);
    names.iter().any(|known| {
        known.eq_ignore_ascii_case(name)
            || known
                .strip_prefix("*.")
                .is_some_and(|known| parent.is_some_and(|parent| known.eq_ignore_ascii_case(parent)))
    })
}

fn described(leaf: &CertificateDer<'_>) -> (Vec<String>, String) {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else {
        return (Vec::new(), "unreadable".to_owned());
    };
    let key = match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        Ok(_) | Err(_) => "another key".to_owned(),
    };
    (dns_names(&parsed), key)
}

static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
static TWELVE: [&SupportedProtocolVersion; 1] = [&version::TLS12];

fn versions_of(mode: Authentication, versions: Versions) -> &'static [&'static SupportedProtocolVersion] {
    match (mode, versions) {
        (Authentication::Mutual, Versions::Both) => &BOTH,
        (Authentication::ServerAlone, _) | (Authentication::Mutual, Versions::Twelve) => &TWELVE,
    }
}

fn acceptor(identity: &Identity, mode: Authentication) -> Result<TlsAcceptor, String> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions_of(mode, Versions::Both))
        .map_err(|error| error.to_string())?;
    let config = match mode {
        Authentication::Mutual => {
            config.with_client_cert_verifier(Arc::new(Lenient(provider().signature_verification_algorithms)))
        }
        Authentication::ServerAlone => config.with_no_client_auth(),
    };
    let config = config
        .with_single_cert(certificates(&identity.chain)?, key(&identity.key)?)
        .map_err(|error| format!("{}: {error}", identity.chain.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn connector(identity: &Identity, mode: Authentication, versions: Versions) -> Result<TlsConnector, String> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions_of(mode, versions))
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Lenient(provider().signature_verification_algorithms)));
    let mut config = match mode {
        Authentication::ServerAlone => config.with_no_client_auth(),
        Authentication::Mutual => config
            .with_client_auth_cert(certificates(&identity.chain)?, key(&identity.key)?)
            .map_err(|error| format!("{}: {error}", identity.chain.display()))?,
    };
    // Each handshake is a whole one, so that each shows its certificates.
    config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Takes every certificate whose holder proves that it has the key; `Posture::judge` says what is wrong with it.
#[derive(Debug)]
struct Lenient(WebPkiSupportedAlgorithms);

/// What both kinds of verifier do alike: the handshake's signature is looked at as ever.
macro_rules! signatures_are_checked {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    signatures_are_checked!();
}

impl ClientCertVerifier for Lenient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    signatures_are_checked!();
}
