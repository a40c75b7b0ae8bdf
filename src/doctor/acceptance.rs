//! Which platform takes which of our certificates: its authority, its key, its names (MD-21, MD-24..26, PF-65, PF-102,
//! PF-192). What a public root alone does not say.

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::finding::Finding;
use crate::base::limits::CONFIG_OCTETS;
use crate::config::{Loaded, file, profile};
use crate::net::names::{certificate_names, name_matches};
use crate::net::pem;
use crate::route::profile::{Need, Profile, Wildcards};
use crate::route::role::PeerRole;
use crate::route::settings::TrunkSettings;

/// Every trunk that shows a certificate to a peer whose rules are known.
pub fn examine(loaded: &Loaded) -> Vec<Finding> {
    loaded.settings.routing.trunks.iter().flat_map(|trunk| trunk_findings(loaded, trunk)).collect()
}

fn trunk_findings(loaded: &Loaded, trunk: &TrunkSettings) -> Vec<Finding> {
    let routing = &loaded.settings.routing;
    let listener = routing.listeners.iter().find(|listener| listener.name == trunk.listener);
    let default = listener.and_then(|listener| listener.certificates.first());
    let Some(name) = trunk.certificate.as_ref().or(default) else { return Vec::new() };
    let (Some(chain), Ok(profile)) = (chain_of(loaded, name), profile(&trunk.profile)) else { return Vec::new() };
    let mut found = held_against(&profile, trunk, &format!("certificates.{name}"), &chain);
    found.extend(at_listener(loaded, trunk));
    if let (Some(shown), true) = (shown(&chain), found.is_empty()) {
        let told = format!("{shown}, as profile {} asks", trunk.profile);
        found.push(Finding::good("certificate.accepted", format!("trunks.{}", trunk.name), told));
    }
    found
}

fn chain_of(loaded: &Loaded, certificate: &str) -> Option<Vec<CertificateDer<'static>>> {
    let files = loaded.settings.certificates.get(certificate)?;
    pem::certificates(&file::read(&files.chain, CONFIG_OCTETS).ok()?).ok()
}

/// What the platform would refuse of this chain.
fn held_against(
    profile: &Profile,
    trunk: &TrunkSettings,
    certificate: &str,
    chain: &[CertificateDer<'_>],
) -> Vec<Finding> {
    let Some(leaf) = chain.first() else { return Vec::new() };
    let names = certificate_names(leaf).unwrap_or_default();
    [
        authority(profile, certificate, chain),
        key(profile, certificate, leaf),
        wildcard(profile, trunk, certificate, &names),
        name(trunk, certificate, &names),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// MD-24: a platform refuses whoever shows another name than it was given; others may not look.
fn name(trunk: &TrunkSettings, certificate: &str, names: &[String]) -> Option<Finding> {
    let fqdn = trunk.fqdn.as_deref().filter(|fqdn| !names.iter().any(|name| name_matches(name, fqdn)))?;
    let carried = if names.is_empty() { "no alternative name at all".to_owned() } else { names.join(", ") };
    Some(told_to(
        trunk,
        "certificate.name_missing",
        format!("{certificate} carries {carried}, and not {fqdn}"),
        "get one with that name among its alternative names (the common name counts no more), or correct fqdn",
    ))
}

/// Whoever dials our name is shown a certificate of the listener, whichever the trunk shows where we dial.
fn at_listener(loaded: &Loaded, trunk: &TrunkSettings) -> Option<Finding> {
    let fqdn = trunk.fqdn.as_deref()?;
    let listener = loaded.settings.routing.listeners.iter().find(|listener| listener.name == trunk.listener)?;
    let own = trunk.certificate.as_ref().filter(|own| !listener.certificates.contains(own))?;
    let covers = |chain: Vec<CertificateDer<'_>>| {
        chain.first().and_then(certificate_names).is_some_and(|names| names.iter().any(|name| name_matches(name, fqdn)))
    };
    if listener.certificates.iter().filter_map(|name| chain_of(loaded, name)).any(covers) {
        return None;
    }
    Some(told_to(
        trunk,
        "certificate.not_at_listener",
        format!("listener `{}` shows no certificate with {fqdn} to whoever dials it", listener.name),
        &format!("write \"{own}\" into listeners.{}.certificates too", listener.name),
    ))
}

fn told_to(trunk: &TrunkSettings, code: &str, told: String, advice: &str) -> Finding {
    let subject = format!("trunks.{}.fqdn", trunk.name);
    match trunk.behaviour.role {
        PeerRole::Platform => Finding::fault(code, subject, told, advice),
        PeerRole::Carrier => Finding::warning(code, subject, told, advice),
    }
}

/// MD-26, PF-102: public, and of the authorities the platform names.
fn authority(profile: &Profile, certificate: &str, chain: &[CertificateDer<'_>]) -> Option<Finding> {
    let accepted = &profile.our_certificate.authorities;
    let issuers: Vec<String> = chain.iter().filter_map(issuer).collect();
    let is_accepted = |issuer: &String| accepted.iter().any(|name| issuer.contains(name.as_str()));
    if accepted.is_empty() || issuers.iter().any(is_accepted) {
        return None;
    }
    let last = issuers.last().map_or("nobody", String::as_str);
    Some(refused(
        "certificate.authority_not_accepted",
        certificate,
        format!("comes from {last}; profile {} takes {}", profile.name, accepted.join(", ")),
        "get one from an authority on that list, and name it as the trunk's certificate",
    ))
}

/// MD-21, PF-65. A listener shows its RSA identity beside another one; a trunk shows one alone.
fn key(profile: &Profile, certificate: &str, leaf: &CertificateDer<'_>) -> Option<Finding> {
    let (_, read) = X509Certificate::from_der(leaf).ok()?;
    let is_rsa = read.public_key().algorithm.algorithm == OID_PKCS1_RSAENCRYPTION;
    (profile.needs.contains(&Need::RsaIdentity) && !is_rsa).then(|| {
        let told = format!("has no RSA key, and profile {} has no cipher for another", profile.name);
        refused("certificate.key_not_accepted", certificate, told, "get one with an RSA key of 2048 bits or more")
    })
}

/// PF-192: the name itself, where a wildcard does not count.
fn wildcard(profile: &Profile, trunk: &TrunkSettings, certificate: &str, names: &[String]) -> Option<Finding> {
    let fqdn = trunk.fqdn.as_deref()?;
    let exact = names.iter().any(|name| name.eq_ignore_ascii_case(fqdn));
    let covered = names.iter().any(|name| name_matches(name, fqdn));
    (profile.our_certificate.wildcards == Wildcards::Refused && covered && !exact).then(|| {
        let told = format!("covers {fqdn} by a wildcard, which profile {} does not take", profile.name);
        refused(
            "certificate.wildcard_not_accepted",
            certificate,
            told,
            "get one with the name itself among its alternative names",
        )
    })
}

fn refused(code: &str, certificate: &str, told: String, advice: &str) -> Finding {
    Finding::fault(code, certificate, told, advice)
}

fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    X509Certificate::from_der(certificate).ok().map(|(_, read)| read.issuer().to_string())
}

/// Key and authority in words.
fn shown(chain: &[CertificateDer<'_>]) -> Option<String> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    let kind = match leaf.public_key().algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
        true => "RSA key",
        false => "elliptic key",
    };
    Some(format!("{kind}, {}", issuer(chain.last()?)?))
}
