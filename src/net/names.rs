//! Names in certificates (RFC 5922, RFC 6125): reading them and comparing them.

use std::ops::RangeInclusive;

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::base::bounds::Bound;
use crate::base::limits::CERTIFICATE_NAMES;

/// DNS names (SAN) of a certificate, lower case, wildcards as written. `None`: the certificate cannot be read.
/// The common name is not a name (RFC 6125 6.4.4).
pub fn certificate_names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let alternative = parsed.subject_alternative_name().ok()?;
    let names = alternative.iter().flat_map(|extension| &extension.value.general_names);
    Some(Bound::CertificateNames.first(CERTIFICATE_NAMES, names.filter_map(dns_name)).collect())
}

/// From when until when a certificate holds, seconds since 1970.
pub fn certificate_span(certificate: &CertificateDer<'_>) -> Option<RangeInclusive<i64>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let validity = parsed.validity();
    Some(validity.not_before.timestamp()..=validity.not_after.timestamp())
}

fn dns_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}

/// True when `pattern` (exact, or with `*` as its whole left-most label) covers `name`. Case does not matter. The
/// wildcard stands for exactly one label; the same wildcard covers itself.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    if pattern.eq_ignore_ascii_case(name) {
        return true;
    }
    let Some(suffix) = pattern.strip_prefix("*.") else { return false };
    match name.split_once('.') {
        Some((label, rest)) => !label.is_empty() && suffix.contains('.') && suffix.eq_ignore_ascii_case(rest),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_whole_label() {
        assert!(name_matches("*.example.com", "SIP.example.com"));
        assert!(!name_matches("*.example.com", "a.b.example.com"));
        assert!(!name_matches("*.example.com", "example.com"));
        assert!(!name_matches("s*.example.com", "sip.example.com"));
        assert!(!name_matches("*.com", "example.com"));
    }

    #[test]
    fn an_exact_name_matches_without_case() {
        assert!(name_matches("sip.Example.com", "sip.example.com"));
        assert!(!name_matches("sip.example.com", "sip.example.com.evil"));
    }
}
