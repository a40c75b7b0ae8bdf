//! Our own certificates as peers will see them: dates, chain, purpose, key, issuer.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::finding::Finding;
use super::host::{HostFacts, now};
use crate::config::Loaded;
use crate::net::pem;
use crate::route::role::PeerRole;

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
    /// Whether a platform sees it, which trusts public roots alone.
    pub shown_to: Audience,
}

/// Who is shown a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A cloud platform.
    Platform,
    /// Others, who may have been given our root.
    Others,
}

/// Every certificate of the configuration.
pub fn examine(loaded: &Loaded, facts: &HostFacts) -> Vec<Finding> {
    let now = facts.now.unwrap_or_else(now);
    let now = now.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    let mut findings = Vec::new();
    for (name, files) in &loaded.settings.certificates {
        let chain = std::fs::read(&files.chain).ok().and_then(|octets| pem::certificates(&octets).ok());
        let Some(chain) = chain else { continue };
        let expectation = Expectation {
            now: now.unwrap_or_default(),
            public_roots: &facts.public_roots,
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

fn audience(loaded: &Loaded, certificate: &str) -> Audience {
    let routing = &loaded.settings.routing;
    let shown = routing.trunks.iter().filter(|trunk| trunk.behaviour.role == PeerRole::Platform).any(|trunk| {
        let listener = routing.listeners.iter().find(|listener| listener.name == trunk.listener);
        let first = listener.and_then(|listener| listener.certificates.first());
        trunk.certificate.as_deref().or(first.map(String::as_str)) == Some(certificate)
    });
    if shown { Audience::Platform } else { Audience::Others }
}

/// Everything about one chain, leaf first.
pub fn chain_findings(subject: &str, chain: &[CertificateDer<'_>], expectation: &Expectation<'_>) -> Vec<Finding> {
    let parsed: Vec<X509Certificate<'_>> =
        chain.iter().filter_map(|one| X509Certificate::from_der(one).ok().map(|(_, read)| read)).collect();
    let Some(leaf) = parsed.first() else {
        return vec![Finding::fault("certificate.damaged", subject, "cannot be read", "write a PEM certificate")];
    };
    let mut findings = vec![dates(subject, leaf, expectation.now)];
    findings.extend(order(subject, &parsed).or_else(|| issuer(subject, &parsed, expectation)));
    findings.extend(purpose(subject, leaf));
    findings.extend(key(subject, leaf));
    let faultless = findings.iter().all(|finding| finding.verdict == super::Verdict::Good);
    if faultless {
        let names =
            crate::net::names::certificate_names(&CertificateDer::from(chain.first().map_or(&[][..], |c| c.as_ref())));
        let told = format!("{} of {}", names.unwrap_or_default().join(", "), leaf.issuer());
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
    let is_known = |name: &x509_parser::x509::X509Name<'_>| {
        expectation
            .public_roots
            .iter()
            .any(|root| X509Certificate::from_der(root).is_ok_and(|(_, root)| root.subject().as_raw() == name.as_raw()))
    };
    if is_known(last.issuer()) {
        return Some(Finding::good("certificate.chain", subject, format!("reaches {}", last.issuer())));
    }
    let self_signed = last.issuer() == last.subject();
    let (code, told, advice) = if chain.len() == 1 && self_signed && leaf.issuer() == leaf.subject() {
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
            "a platform trusts public authorities alone; peers of your own must be given that root",
        )
    };
    Some(match expectation.shown_to {
        Audience::Platform => Finding::fault(code, subject, told, advice),
        Audience::Others => Finding::warning(code, subject, told, advice),
    })
}

/// PF-187..189: what the certificate may be used for.
fn purpose(subject: &str, leaf: &X509Certificate<'_>) -> Option<Finding> {
    let usage = leaf.extended_key_usage().ok().flatten()?.value;
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
