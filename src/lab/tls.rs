//! TLS of the lab's agents: rustls with aws-lc-rs, certificates demanded and verified in both roles.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::certificates::Identity;

/// Both roles of one agent.
#[derive(Clone)]
pub struct TlsSettings {
    pub acceptor: TlsAcceptor,
    pub connector: TlsConnector,
}

impl TlsSettings {
    /// Trusts `authority` and shows `identity` in both roles; as a server it demands a client certificate.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit.
    pub fn new(authority: &Path, identity: &Identity) -> Result<TlsSettings, String> {
        let roots = roots(&[authority])?;
        Ok(TlsSettings {
            acceptor: TlsAcceptor::from(Arc::new(server(&roots, identity)?)),
            connector: TlsConnector::from(Arc::new(client(&roots, identity)?)),
        })
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn server(roots: &Arc<RootCertStore>, identity: &Identity) -> Result<ServerConfig, String> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider())
        .build()
        .map_err(|error| error.to_string())?;
    let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    versions
        .map_err(|error| error.to_string())?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&identity.chain)?, key(&identity.key)?)
        .map_err(|error| error.to_string())
}

fn client(roots: &Arc<RootCertStore>, identity: &Identity) -> Result<ClientConfig, String> {
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    versions
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(certificates(&identity.chain)?, key(&identity.key)?)
        .map_err(|error| error.to_string())
}

/// The certificates of a PEM file, in order.
///
/// # Errors
/// The file, and what is wrong with it.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let say = |error| format!("{}: {error}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path).map_err(say)?.collect::<Result<_, _>>().map_err(say)?;
    match chain.is_empty() {
        true => Err(format!(
            "{} holds no certificate (a block that begins with -----BEGIN CERTIFICATE-----)",
            path.display()
        )),
        false => Ok(chain),
    }
}

/// The key of a PEM file.
///
/// # Errors
/// The file, and what is wrong with it.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| format!("{}: {error}; a private key in PEM without a password is wanted", path.display()))
}

/// The roots of PEM files.
///
/// # Errors
/// The file, and what is wrong with it.
pub(super) fn roots<P: AsRef<Path>>(files: &[P]) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for path in files.iter().map(AsRef::as_ref) {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(Arc::new(roots))
}

/// The DNS names among the alternative names of a certificate.
pub(super) fn dns_names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    let names = leaf.subject_alternative_name().ok().flatten();
    names.map(|names| names.value.general_names.iter().filter_map(dns).collect()).unwrap_or_default()
}

/// True when the leaf's alternative names hold `name` (the chain itself was verified by rustls).
#[must_use]
pub fn carries_name(leaf: &CertificateDer<'_>, name: &str) -> bool {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else { return false };
    dns_names(&parsed).iter().any(|known| known.eq_ignore_ascii_case(name))
}
