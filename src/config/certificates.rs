//! The files that certificates and trust stores name: do they exist, do they hold what they should, do they fit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tokio_rustls::rustls::crypto::aws_lc_rs::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::document::Document;
use super::grammar;
use super::settings::{CertificateFiles, Settings, TrustRoots};
use crate::base::limits::CONFIG_OCTETS;
use crate::net::pem;

/// Whether the files a configuration names are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They must be there and hold what they should.
    Checked,
    /// Only the configuration itself counts: examples, editors.
    Ignored,
}

/// Checks every file that `[certificates]` and `[trust]` name, and that trunks show names their certificates carry.
pub(super) fn check(doc: &Document, settings: &Settings) {
    for (name, files) in &settings.certificates {
        let names = identity(doc, &format!("certificates.{name}"), files);
        check_fqdns(doc, settings, name, &names.unwrap_or_default());
    }
    for (name, roots) in &settings.trust {
        match roots {
            TrustRoots::System => {}
            TrustRoots::File(path) => {
                certificates(doc, &format!("trust.{name}.roots"), path);
            }
        }
    }
}

/// Reads one identity; gives the DNS names of its leaf.
fn identity(doc: &Document, path: &str, files: &CertificateFiles) -> Option<Vec<String>> {
    let (chain_path, key_path) = (format!("{path}.chain"), format!("{path}.key"));
    let chain = certificates(doc, &chain_path, &files.chain);
    let key = read(doc, &key_path, &files.key).and_then(|octets| match pem::private_key(&octets) {
        Ok(key) => Some(key),
        Err(error) => refuse(doc, &key_path, &files.key, error),
    });
    let chain = chain?;
    if let Some(key) = key {
        check_pair(doc, (&chain_path, &key_path), files, &chain, &key);
    }
    leaf_names(doc, &chain_path, chain.first()?)
}

fn certificates(doc: &Document, path: &str, file: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let octets = read(doc, path, file)?;
    match pem::certificates(&octets) {
        Ok(certificates) => Some(certificates),
        Err(error) => refuse(doc, path, file, error),
    }
}

fn refuse<T>(doc: &Document, path: &str, file: &Path, reason: impl std::fmt::Display) -> Option<T> {
    fault(doc, path, file, reason);
    None
}

fn fault(doc: &Document, path: &str, file: &Path, reason: impl std::fmt::Display) {
    doc.error(path, format!("{} {reason}", file.display()));
}

/// A regular file of bounded size: a pipe or a device would hang the start.
fn read(doc: &Document, path: &str, file: &Path) -> Option<Vec<u8>> {
    match file.metadata() {
        Err(error) => {
            return refuse(doc, path, file, format_args!("cannot be read: {error}; write the path of a PEM file"));
        }
        Ok(metadata) if !metadata.is_file() => {
            return refuse(doc, path, file, "is no file; write the path of a PEM file");
        }
        Ok(metadata) if metadata.len() > CONFIG_OCTETS => {
            return refuse(doc, path, file, "is too large for a PEM file");
        }
        Ok(_) => {}
    }
    let mut octets = Vec::new();
    match File::open(file).and_then(|opened| opened.take(CONFIG_OCTETS).read_to_end(&mut octets)) {
        Ok(_) => Some(octets),
        Err(error) => refuse(doc, path, file, format_args!("cannot be read: {error}; let the daemon's user read it")),
    }
}

/// The key must belong to the first certificate of the chain.
fn check_pair(
    doc: &Document,
    (chain_path, key_path): (&str, &str),
    files: &CertificateFiles,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) {
    let Ok(signing) = any_supported_type(key) else {
        let reason = "holds a key that TLS cannot use; write an RSA (2048 bits or more), ECDSA or Ed25519 key";
        return fault(doc, key_path, &files.key, reason);
    };
    let fits = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], signing.clone()).keys_match()
            != Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch))
    };
    match chain.iter().position(fits) {
        Some(0) => {}
        Some(_) => doc.error(chain_path, "the leaf must stand first in the chain, the intermediates after it"),
        None => fault(doc, key_path, &files.key, format_args!("is not the key of {}", files.chain.display())),
    }
}

/// DNS names of a certificate, in lower case; warns when it is not valid today.
fn leaf_names(doc: &Document, path: &str, leaf: &CertificateDer<'static>) -> Option<Vec<String>> {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
        doc.error(path, "the first certificate is damaged");
        return None;
    };
    let validity = certificate.validity();
    if !validity.is_valid() {
        doc.warn(path, format!("not valid today, only from {} to {}", validity.not_before, validity.not_after));
    }
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names = alternatives.into_iter().flat_map(|extension| extension.value.general_names.iter());
    Some(
        names
            .filter_map(|name| if let GeneralName::DNSName(dns) = name { Some(dns.to_ascii_lowercase()) } else { None })
            .collect(),
    )
}

/// A trunk that shows a name its certificate does not carry is refused by its peer (MD-24).
fn check_fqdns(doc: &Document, settings: &Settings, certificate: &str, names: &[String]) {
    for trunk in settings.routing.trunks.iter().filter(|trunk| shown_by(settings, trunk) == Some(certificate)) {
        let Some(fqdn) = &trunk.fqdn else { continue };
        if !names.iter().any(|name| grammar::covers(name, fqdn)) {
            let text = format!("certificate \"{certificate}\" does not carry {fqdn}: peers that check will refuse us");
            doc.warn(&format!("trunks.{}.fqdn", trunk.name), text);
        }
    }
}

/// The certificate a TLS trunk shows: its own, or its listener's first.
fn shown_by<'s>(settings: &'s Settings, trunk: &'s crate::route::settings::TrunkSettings) -> Option<&'s str> {
    let listener = settings.routing.listeners.iter().find(|listener| listener.name == trunk.listener)?;
    let first = listener.certificates.first()?;
    Some(trunk.certificate.as_ref().unwrap_or(first))
}
