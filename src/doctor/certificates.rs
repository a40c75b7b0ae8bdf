//! Our own certificates as peers will see them: dates, chain, purpose, key, issuer.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use super::finding::Finding;
use super::host::{HostFacts, now};
use crate::base::limits::CONFIG_OCTETS;
use crate::config::{self, Loaded, TrustRoots};
use crate::net::names::certificate_names;
use crate::net::pem;
use crate::net::tls::provider;
use crate::route::role::PeerRole;
use crate::route::settings::TrunkSettings;

/// Days before the end at which somebody is told (PF-194).
const SOON_DAYS: i64 = 30;
const DAY_S: i64 = 86_400;
/// Shorter RSA keys are refused by every platform (MD-21).
const RSA_BITS: usize = 2048;
/// Of a file's mode, what neither its owner nor its group is (`chmod(2)`).
const OTHERS: u32 = 0o007;

/// What a chain is measured against.
pub struct Expectation<'a> {
    /// Seconds since 1970.
    pub now: i64,
    /// Roots that the world knows.
    pub public_roots: &'a [CertificateDer<'static>],
    /// Roots of our own trust stores: whoever shares them with us knows our authority too.
    pub own_roots: &'a [CertificateDer<'static>],
    /// Who sees it: clouds trust public roots alone.
    pub shown_to: Audience,
}

/// Who is shown a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A platform that the profile names: it trusts public roots alone.
    Cloud,
    /// Some other platform.
    Platform,
    /// Others, who may have been given our root.
    Others,
}

/// Every certificate of the configuration.
pub fn examine(loaded: &Loaded, facts: &HostFacts) -> Vec<Finding> {
    let now = facts.now.unwrap_or_else(now);
    let now = now.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    let mut findings = Vec::new();
    let own_roots = own_roots(loaded);
    for (name, files) in &loaded.settings.certificates {
        let chain =
            config::file::read(&files.chain, CONFIG_OCTETS).ok().and_then(|octets| pem::certificates(&octets).ok());
        let Some(chain) = chain else { continue };
        let expectation = Expectation {
            now: now.unwrap_or_default(),
            public_roots: &facts.public_roots,
            own_roots: &own_roots,
            shown_to: audience(loaded, name),
        };
        findings.extend(chain_findings(&format!("certificates.{name}"), &chain, &expectation));
        findings.extend(open_key(name, &files.key));
    }
    findings
}

/// Whoever reads the key can be us.
fn open_key(name: &str, file: &Path) -> Option<Finding> {
    let mode = file.metadata().ok()?.permissions().mode();
    (mode & OTHERS != 0).then(|| {
        Finding::warning(
            "certificate.key_open",
            format!("certificates.{name}.key"),
            format!("{} can be read by every user of this machine (mode {:o})", file.display(), mode & 0o777),
            format!("chmod 640 {0}; chgrp trunkline {0}", file.display()),
        )
    })
}

/// The files of our trust stores.
fn own_roots(loaded: &Loaded) -> Vec<CertificateDer<'static>> {
    let files = loaded.settings.trust.values().filter_map(|roots| match roots {
        TrustRoots::File(path) => Some(path),
        TrustRoots::System => None,
    });
    let read = files.filter_map(|path| pem::certificates(&config::file::read(path, CONFIG_OCTETS).ok()?).ok());
    read.flatten().collect()
}

fn audience(loaded: &Loaded, certificate: &str) -> Audience {
    let routing = &loaded.settings.routing;
    let shows_it = |trunk: &&TrunkSettings| {
        let listener = routing.listeners.iter().find(|listener| listener.name == trunk.listener);
        let first = listener.and_then(|listener| listener.certificates.first());
        trunk.certificate.as_deref().or(first.map(String::as_str)) == Some(certificate)
    };
    let platforms = routing.trunks.iter().filter(|trunk| trunk.behaviour.role == PeerRole::Platform).filter(shows_it);
    platforms.fold(Audience::Others, |seen, trunk| match (seen, trunk.behaviour.service) {
        (Audience::Cloud, _) | (_, Some(_)) => Audience::Cloud,
        (Audience::Platform | Audience::Others, None) => Audience::Platform,
    })
}

/// Everything about one chain, leaf first.
pub fn chain_findings(subject: &str, chain: &[CertificateDer<'_>], expectation: &Expectation<'_>) -> Vec<Finding> {
    let parsed: Vec<X509Certificate<'_>> =
        chain.iter().filter_map(|one| X509Certificate::from_der(one).ok().map(|(_, read)| read)).collect();
    let Some(leaf) = parsed.first() else {
        return vec![Finding::fault("certificate.damaged", subject, "cannot be read", "write a PEM certificate")];
    };
    let mut findings = vec![dates(subject, leaf, expectation.now)];
    findings.extend(ended(subject, &parsed, expectation));
    findings.extend(order(subject, &parsed).or_else(|| issuer(subject, &parsed, expectation)));
    findings.extend(parsed.iter().find_map(|one| signature(subject, one)));
    findings.extend(purpose(subject, leaf, expectation.shown_to));
    findings.extend(key(subject, leaf));
    let is_good = |finding: &Finding| finding.verdict == super::Verdict::Good;
    if findings.iter().all(is_good) {
        findings.extend(verified(subject, chain, expectation));
    }
    let faultless = findings.iter().all(|finding| finding.verdict == super::Verdict::Good);
    if faultless {
        let names = chain.first().and_then(certificate_names).unwrap_or_default();
        let told = format!("{} of {}", names.join(", "), leaf.issuer());
        findings.push(Finding::good("certificate", subject, told));
    }
    findings
}

fn dates(subject: &str, leaf: &X509Certificate<'_>, now: i64) -> Finding {
    let (from, to) = (leaf.validity().not_before, leaf.validity().not_after);
    let days = (to.timestamp() - now) / DAY_S;
    if now < from.timestamp() {
        return Finding::fault(
            "certificate.not_yet_valid",
            subject,
            format!("valid from {from}"),
            "set this machine's clock, or wait: every peer refuses the certificate until then",
        );
    }
    if now > to.timestamp() {
        let told = format!("ended {to}");
        return Finding::fault(
            "certificate.expired",
            subject,
            told,
            "renew it: every peer refuses the certificate now",
        );
    }
    if days < SOON_DAYS {
        let advice = "renew it in time; the new files are taken without a restart";
        return Finding::warning("certificate.expires_soon", subject, format!("ends in {days} days, {to}"), advice);
    }
    Finding::good("certificate.dates", subject, format!("ends in {days} days"))
}

/// A certificate behind the leaf that has ended. Behind one that a root of the peer's has signed nobody needs it: so end the
/// chains of authorities whose root an older one has signed too.
fn ended(subject: &str, chain: &[X509Certificate<'_>], expectation: &Expectation<'_>) -> Option<Finding> {
    let is_over = |one: &X509Certificate<'_>| {
        one.validity().not_after.timestamp() < expectation.now && one.subject() != one.issuer()
    };
    let (place, issuer) = chain.iter().enumerate().skip(1).find(|(_, one)| is_over(one))?;
    let told = format!("{} in the chain ended {}", issuer.subject(), issuer.validity().not_after);
    let needed = reached(chain, expectation.public_roots).is_none_or(|end| place <= end);
    Some(match needed {
        true => Finding::fault(
            "certificate.intermediate_expired",
            subject,
            told,
            "replace it by the authority's present intermediate certificate; renewing brings both",
        ),
        false => Finding::warning(
            "certificate.cross_signature_expired",
            subject,
            format!("{told}; what stands before it reaches a public root already"),
            "take it out of the file: most peers take the shorter way, and older ones refuse the whole chain",
        ),
    })
}

/// The first certificate of the chain that one of these roots has signed.
fn reached(chain: &[X509Certificate<'_>], roots: &[CertificateDer<'_>]) -> Option<usize> {
    chain.iter().position(|one| is_root(roots, one.issuer()))
}

/// Signatures that no peer believes any more, by the object identifiers of RFC 3279 2.2: MD5 and SHA-1 with RSA, DSA and
/// ECDSA. A root's own signature is never looked at.
fn signature(subject: &str, one: &X509Certificate<'_>) -> Option<Finding> {
    const BROKEN: [&str; 4] =
        ["1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10040.4.3", "1.2.840.10045.4.1"];
    let algorithm = one.signature_algorithm.algorithm.to_id_string();
    let is_root = one.subject() == one.issuer();
    (BROKEN.contains(&algorithm.as_str()) && !is_root).then(|| {
        Finding::fault(
            "certificate.weak_signature",
            subject,
            format!("{} is signed with SHA-1 or MD5", one.subject()),
            "get it issued anew: authorities sign with SHA-256 or better, and peers take nothing else",
        )
    })
}

/// The whole chain as a peer's library judges it: signatures, constraints, purposes.
fn verified(subject: &str, chain: &[CertificateDer<'_>], expectation: &Expectation<'_>) -> Option<Finding> {
    let (leaf, rest) = chain.split_first()?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(expectation.public_roots.iter().cloned());
    if expectation.shown_to != Audience::Cloud {
        roots.add_parsable_certificates(expectation.own_roots.iter().cloned());
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()?;
    // A wildcard stands for any label.
    let name = certificate_names(leaf)?.first()?.replacen('*', "x", 1);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(expectation.now).ok()?));
    let outcome = verifier.verify_server_cert(leaf, rest, &ServerName::try_from(name).ok()?, &[], now);
    let error = outcome.err()?;
    Some(Finding::fault(
        "certificate.unverifiable",
        subject,
        format!("a peer that verifies the chain says: {error}"),
        "write the chain as the authority gave it: each certificate must have signed the one before it",
    ))
}

/// Each certificate is issued by the one after it.
fn order(subject: &str, chain: &[X509Certificate<'_>]) -> Option<Finding> {
    let broken = chain.windows(2).position(|pair| match pair {
        [one, next] => one.issuer() != next.subject(),
        _ => false,
    })?;
    Some(Finding::fault(
        "certificate.order",
        subject,
        format!("certificate {} of the chain was not issued by the one after it", broken + 1),
        "write the leaf first, then the certificate that issued it, and so on; nothing else",
    ))
}

/// The chain must reach a root that the peer has.
fn issuer(subject: &str, chain: &[X509Certificate<'_>], expectation: &Expectation<'_>) -> Option<Finding> {
    let (leaf, last) = (chain.first()?, chain.last()?);
    if let Some(end) = reached(chain, expectation.public_roots).and_then(|place| chain.get(place)) {
        return Some(Finding::good("certificate.chain", subject, format!("reaches {}", end.issuer())));
    }
    let self_signed = last.issuer() == last.subject();
    let is_own = !(self_signed && chain.len() == 1) && reached(chain, expectation.own_roots).is_some();
    if is_own && expectation.shown_to != Audience::Cloud {
        let told = format!("reaches {}, an authority of our own trust stores", last.issuer());
        return Some(Finding::good("certificate.chain", subject, told));
    }
    let (code, told, advice) = if is_own {
        (
            "certificate.private_authority",
            format!("ends at {}, an authority of our own trust stores and no public root", last.issuer()),
            "a platform trusts public authorities alone; peers of your own must be given that root",
        )
    } else if chain.len() == 1 && self_signed && leaf.issuer() == leaf.subject() {
        (
            "certificate.self_signed",
            "signed by itself".to_owned(),
            "get one from a public authority; a platform trusts nobody else",
        )
    } else if chain.len() == 1 {
        (
            "certificate.intermediates_missing",
            format!("issued by {}, which is no public root and is not in the file", leaf.issuer()),
            "append the authority's intermediate certificates to the chain (fullchain.pem)",
        )
    } else {
        (
            "certificate.private_authority",
            format!("ends at {}, which is no public root", last.issuer()),
            "append that authority's certificate if a public one has signed it: a platform trusts public authorities alone; \
             peers of your own must be given that root",
        )
    };
    Some(match expectation.shown_to {
        Audience::Cloud | Audience::Platform => Finding::fault(code, subject, told, advice),
        Audience::Others => Finding::warning(code, subject, told, advice),
    })
}

fn is_root(roots: &[CertificateDer<'_>], name: &X509Name<'_>) -> bool {
    let named = |root: &CertificateDer<'_>| {
        X509Certificate::from_der(root).is_ok_and(|(_, root)| root.subject().as_raw() == name.as_raw())
    };
    roots.iter().any(named)
}

/// PF-187..189: what the certificate may be used for.
fn purpose(subject: &str, leaf: &X509Certificate<'_>, shown_to: Audience) -> Option<Finding> {
    let Some(usage) = leaf.extended_key_usage().ok().flatten().map(|extension| extension.value) else {
        // MD-27: the platform wants serverAuth said.
        return (shown_to != Audience::Others).then(|| {
            Finding::fault(
                "certificate.no_server_auth",
                subject,
                "has no extended key usage, and platforms ask for serverAuth",
                "get one with the extended key usage serverAuth; every public authority issues them so",
            )
        });
    };
    if usage.any || (usage.server_auth && usage.client_auth) {
        return None;
    }
    Some(if usage.server_auth {
        Finding::good(
            "certificate.server_only",
            subject,
            "for servers only, as public authorities issue them now; platforms accept that in both directions",
        )
    } else {
        Finding::fault(
            "certificate.no_server_auth",
            subject,
            "may not be used by a server",
            "get one with the extended key usage serverAuth",
        )
    })
}

fn key(subject: &str, leaf: &X509Certificate<'_>) -> Option<Finding> {
    if leaf.public_key().algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
        return None;
    }
    let Ok(PublicKey::RSA(key)) = leaf.public_key().parsed() else { return None };
    let bits = key.key_size();
    (bits < RSA_BITS).then(|| {
        let told = format!("an RSA key of {bits} bits");
        Finding::fault("certificate.weak_key", subject, told, "use RSA with 2048 bits or more, or ECDSA P-256")
    })
}
