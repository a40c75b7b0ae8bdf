//! The files that certificates and trust stores name: do they exist, do they hold what they should, do they fit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tokio_rustls::rustls::crypto::aws_lc_rs::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use super::document::{Document, joined, key_of};
use super::file;
use super::grammar;
use super::profile::known_profile;
use super::settings::{CertificateFiles, Settings, TrustRoots};
use crate::base::limits::CONFIG_OCTETS;
use crate::net::{pem, tls, trust};
use crate::route::profile::{Need, Profile, Thumbprint};
use crate::route::settings::TrunkSettings;

/// Findings about a certificate's dates, its purpose and its names, which an examination of the certificate itself makes better.
pub const EXAMINED: [&str; 4] = [DATES, PURPOSE, NAME, LISTENER];
const DATES: &str = "certificate.dates";
const PURPOSE: &str = "certificate.no_server_auth";
const NAME: &str = "certificate.name_missing";
const LISTENER: &str = "certificate.not_at_listener";

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
    let leaf = |(name, files): (&String, &CertificateFiles)| {
        Some((name.clone(), identity(doc, &joined("certificates", name), files)?))
    };
    let leaves: Leaves = settings.certificates.iter().filter_map(leaf).collect();
    for (name, leaf) in &leaves {
        check_kind(doc, settings, name, leaf.kind);
        check_purpose(doc, settings, name, leaf.purpose);
    }
    settings.routing.trunks.iter().for_each(|trunk| check_names(doc, settings, trunk, &leaves));
    for (name, roots) in &settings.trust {
        let held = match roots {
            TrustRoots::System => None,
            TrustRoots::File(path) => {
                Some(certificates(doc, &key_of("trust", name, "roots"), path).unwrap_or_default())
            }
        };
        check_roots(doc, settings, name, held);
    }
    for (name, file) in &settings.revoked {
        check_lists(doc, &key_of("trust", name, "crl"), file);
    }
}

/// A list whose next issue is due names what was withdrawn until then alone; it is still used.
fn check_lists(doc: &Document, path: &str, file: &Path) {
    let Some(octets) = read(doc, path, file) else { return };
    let lists = match pem::revocation_lists(&octets).and_then(trust::readable) {
        Ok(lists) => lists,
        Err(error) => return fault(doc, error.name(), path, file, error),
    };
    let now = ASN1Time::now();
    for list in &lists {
        let due = CertificateRevocationList::from_der(list.as_ref()).ok().and_then(|(_, list)| list.next_update());
        if let Some(due) = due.filter(|due| *due < now) {
            let text = format!("{} was to be renewed by {due}; what was withdrawn since is let in", file.display());
            doc.warn(path, text);
        }
    }
}

/// What the first certificates say, by the names of their tables.
type Leaves = BTreeMap<String, Leaf>;

/// Reads one identity; gives what its leaf says. Of one that is refused nothing more is said.
fn identity(doc: &Document, path: &str, files: &CertificateFiles) -> Option<Leaf> {
    let (chain_path, key_path) = (format!("{path}.chain"), format!("{path}.key"));
    let chain = certificates(doc, &chain_path, &files.chain);
    let key = read(doc, &key_path, &files.key).and_then(|octets| match pem::private_key(&octets) {
        Ok(key) => Some(key),
        Err(error) => refuse(doc, error.name(), &key_path, &files.key, error),
    });
    let chain = chain?;
    if let Some(key) = key {
        check_pair(doc, (&chain_path, &key_path), files, &chain, &key);
    }
    read_leaf(doc, &chain_path, chain.first()?).filter(|_| !doc.is_refused(path))
}

fn certificates(doc: &Document, path: &str, file: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let octets = read(doc, path, file)?;
    match pem::certificates(&octets) {
        Ok(certificates) => Some(certificates),
        Err(error) => refuse(doc, error.name(), path, file, error),
    }
}

fn refuse<T>(doc: &Document, name: &'static str, path: &str, file: &Path, reason: impl std::fmt::Display) -> Option<T> {
    fault(doc, name, path, file, reason);
    None
}

fn fault(doc: &Document, name: &'static str, path: &str, file: &Path, reason: impl std::fmt::Display) {
    doc.error_named(name, path, format!("{} {reason}", file.display()));
}

fn read(doc: &Document, path: &str, file: &Path) -> Option<Vec<u8>> {
    match file::read(file, CONFIG_OCTETS) {
        Ok(octets) => {
            doc.read_file(path, &octets);
            Some(octets)
        }
        Err(error) => refuse(doc, "file.unreadable", path, file, error.with("write the path of a PEM file")),
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
        return fault(doc, "certificate.key_unusable", key_path, &files.key, reason);
    };
    let fits = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], signing.clone()).keys_match()
            != Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch))
    };
    match chain.iter().position(fits) {
        Some(0) => {}
        Some(_) => {
            let text = "the leaf must stand first in the chain, the intermediates after it";
            doc.error_named("certificate.order", chain_path, text);
        }
        None => {
            let reason =
                format_args!("is not the key of {}; write the one it was requested with", files.chain.display());
            fault(doc, "certificate.key_mismatch", key_path, &files.key, reason);
        }
    }
}

/// What the first certificate of an identity says.
struct Leaf {
    /// DNS names in lower case.
    names: Vec<String>,
    /// What stands as its common name, which nobody reads as a name any more (RFC 6125 6.4.4).
    common_name: Option<String>,
    kind: KeyKind,
    purpose: Purpose,
}

/// What a certificate says that it may be used for (RFC 5280 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Unsaid,
    Server,
    /// Something, and no server.
    Other,
}

impl Purpose {
    fn of(certificate: &X509Certificate<'_>) -> Purpose {
        match certificate.extended_key_usage().ok().flatten() {
            None => Purpose::Unsaid,
            Some(usage) if usage.value.any || usage.value.server_auth => Purpose::Server,
            Some(_) => Purpose::Other,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    Other,
}

/// Names and kind of key of a certificate; warns when it is not valid today.
fn read_leaf(doc: &Document, path: &str, leaf: &CertificateDer<'static>) -> Option<Leaf> {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
        doc.error_named("certificate.damaged", path, "the first certificate is damaged");
        return None;
    };
    let validity = certificate.validity();
    if !validity.is_valid() {
        doc.warn_named(
            DATES,
            path,
            format!("not valid today, only from {} to {}", validity.not_before, validity.not_after),
        );
    }
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names = alternatives.into_iter().flat_map(|extension| extension.value.general_names.iter());
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(dns) => Some(dns.to_ascii_lowercase()),
        _ => None,
    };
    let is_rsa = certificate.public_key().algorithm.algorithm == OID_PKCS1_RSAENCRYPTION;
    let kind = if is_rsa { KeyKind::Rsa } else { KeyKind::Other };
    let common_name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    Some(Leaf {
        names: names.filter_map(dns).collect(),
        common_name: common_name.map(str::to_ascii_lowercase),
        kind,
        purpose: Purpose::of(&certificate),
    })
}

/// Trunks that show a certificate, with what is known of such peers.
fn showing<'s>(
    settings: &'s Settings,
    certificate: &'s str,
) -> impl Iterator<Item = (&'s TrunkSettings, &'static Profile)> + 's {
    let shown = settings.routing.trunks.iter().filter(move |trunk| shown_by(settings, trunk) == Some(certificate));
    shown.filter_map(|trunk| Some((trunk, known_profile(&trunk.profile)?)))
}

/// MD-21, PF-65: a peer whose suites are all of RSA refuses another key.
fn check_kind(doc: &Document, settings: &Settings, certificate: &str, kind: KeyKind) {
    if kind != KeyKind::Other {
        return;
    }
    for (trunk, profile) in showing(settings, certificate).filter(|(_, known)| known.needs.contains(&Need::RsaIdentity))
    {
        let text = format!(
            "certificate \"{certificate}\" has no RSA key, and {} has no cipher suite for another; \
             write certificate = \"NAME\" of an RSA one",
            profile.name
        );
        doc.error_named("certificate.key_not_accepted", &key_of("trunks", &trunk.name, "profile"), text);
    }
}

/// MD-30: roots that the peers of a profile are known to be certified by. `held`: of a file; `None`: the system's.
fn check_roots(doc: &Document, settings: &Settings, trust: &str, held: Option<Vec<CertificateDer<'static>>>) {
    let trunks = settings.routing.trunks.iter().filter(|trunk| trunk.trust.as_deref() == Some(trust));
    let known = trunks.filter_map(|trunk| Some((trunk, known_profile(&trunk.profile)?)));
    let wanting: Vec<_> = known.filter(|(_, profile)| !profile.roots.is_empty()).collect();
    if wanting.is_empty() {
        return;
    }
    let held = held.unwrap_or_else(tls::system_certificates);
    let held: BTreeSet<Thumbprint> = held.iter().filter_map(thumbprint).collect();
    for (trunk, profile) in wanting {
        let missing: Vec<&str> = profile
            .roots
            .iter()
            .filter(|root| !held.contains(&root.thumbprint))
            .map(|root| root.name.as_str())
            .collect();
        if !missing.is_empty() {
            let text = format!(
                "trust store \"{trust}\" lacks {} of the {} roots of {}: {}; connections fail when the peer changes to them",
                missing.len(),
                profile.roots.len(),
                profile.name,
                missing.join(", ")
            );
            doc.warn_named("trust.roots_missing", &key_of("trunks", &trunk.name, "trust"), text);
        }
    }
}

/// SHA-1 over the certificate: a name, nothing is trusted because of it.
fn thumbprint(certificate: &CertificateDer<'static>) -> Option<Thumbprint> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    digest.as_ref().try_into().ok().map(Thumbprint)
}

/// PF-187..189: whoever is shown it refuses a certificate that is not for servers; clouds want it said (MD-27).
fn check_purpose(doc: &Document, settings: &Settings, certificate: &str, purpose: Purpose) {
    let is_clouds = || showing(settings, certificate).any(|(trunk, _)| trunk.behaviour.service.is_some());
    let told = match purpose {
        Purpose::Server => return,
        Purpose::Unsaid if is_clouds() => "says nothing of its purpose (extended key usage)",
        Purpose::Unsaid => return,
        Purpose::Other => "is not for servers (extended key usage)",
    };
    let text = format!("{told}: peers will refuse us; get one with serverAuth");
    doc.warn_named(PURPOSE, &key_of("certificates", certificate, "chain"), text);
}

/// A trunk that shows a name its certificate does not carry is refused by its peer (MD-24), and so is one whose listener
/// shows another certificate to whoever dials that name.
fn check_names(doc: &Document, settings: &Settings, trunk: &TrunkSettings, leaves: &Leaves) {
    let Some((fqdn, shown)) = trunk.fqdn.as_deref().zip(shown_by(settings, trunk)) else { return };
    let covers = |leaf: &Leaf| leaf.names.iter().any(|name| grammar::covers(name, fqdn));
    let Some(leaf) = leaves.get(shown) else { return };
    if !covers(leaf) {
        let only = match leaf.common_name.as_deref() == Some(fqdn) {
            true => " among its alternative names, and the common name counts no more",
            false => "",
        };
        let text = format!("certificate \"{shown}\" does not carry {fqdn}{only}: peers that check will refuse us");
        return doc.warn_named(NAME, &key_of("trunks", &trunk.name, "fqdn"), text);
    }
    let listener = settings.routing.listeners.iter().find(|listener| listener.name == trunk.listener);
    let at_listener = listener.map(|listener| listener.certificates.as_slice()).unwrap_or_default();
    if at_listener.iter().filter_map(|name| leaves.get(name)).all(|leaf| !covers(leaf)) {
        let text = format!(
            "listener \"{0}\" shows no certificate with {fqdn} to whoever dials it; write \"{shown}\" into \
             listeners.{0}.certificates too",
            trunk.listener
        );
        doc.warn_named(LISTENER, &key_of("trunks", &trunk.name, "certificate"), text);
    }
}

/// The certificate a TLS trunk shows: its own, or its listener's first.
fn shown_by<'s>(settings: &'s Settings, trunk: &'s TrunkSettings) -> Option<&'s str> {
    let listener = settings.routing.listeners.iter().find(|listener| listener.name == trunk.listener)?;
    let first = listener.certificates.first()?;
    Some(trunk.certificate.as_ref().unwrap_or(first))
}
