//! The one place that reads PEM (RFC 7468). Over octets: who has the file reads it.

use std::fmt;

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::trust::RevocationLists;

/// Why a PEM text gives nothing. Says what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemError {
    /// No `BEGIN CERTIFICATE`.
    NoCertificate,
    /// No `BEGIN X509 CRL`.
    NoRevocationList,
    /// No private key in a form that can be read.
    NoPrivateKey,
    /// A key that needs a password.
    EncryptedKey,
    /// The other form of such files.
    Binary,
    /// A section that is not base64 or has no end.
    Damaged(String),
}

impl PemError {
    /// What programs know it by.
    pub const fn name(&self) -> &'static str {
        match self {
            PemError::NoCertificate => "pem.no_certificate",
            PemError::NoRevocationList => "pem.no_revocation_list",
            PemError::NoPrivateKey => "pem.no_private_key",
            PemError::EncryptedKey => "pem.encrypted_key",
            PemError::Binary => "pem.binary",
            PemError::Damaged(_) => "pem.damaged",
        }
    }
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PemError::NoCertificate => {
                f.write_str("holds no certificate (a block that begins with -----BEGIN CERTIFICATE-----)")
            }
            PemError::NoRevocationList => f.write_str(
                "holds no list of withdrawn certificates (a block that begins with -----BEGIN X509 CRL-----)",
            ),
            PemError::NoPrivateKey => {
                f.write_str("holds no private key (a block that begins with -----BEGIN PRIVATE KEY-----)")
            }
            PemError::EncryptedKey => {
                f.write_str("holds an encrypted key: write it without a password (openssl pkey -in KEY -out NEW)")
            }
            PemError::Binary => f.write_str(
                "is binary (DER, or PKCS #12 as .pfx and .p12 are) and no PEM: convert it with openssl x509, pkey or crl \
                 -inform DER -in FILE -out NEW, or with openssl pkcs12 -nodes -in FILE -out NEW",
            ),
            PemError::Damaged(what) => write!(f, "is damaged: {what}; copy it anew from where it was made"),
        }
    }
}

impl std::error::Error for PemError {}

/// All certificates in the order written. Text outside the sections is of no consequence.
///
/// # Errors
/// No certificate at all, or a damaged section.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Vec<_> = rustls_pemfile::certs(&mut without_mark(pem))
        .collect::<Result<_, _>>()
        .map_err(|error| PemError::Damaged(error.to_string()))?;
    if found.is_empty() { Err(missing(pem, PemError::NoCertificate)) } else { Ok(found) }
}

/// All lists of withdrawn certificates (RFC 5280 5).
///
/// # Errors
/// No list at all, or a damaged section.
pub fn revocation_lists(pem: &[u8]) -> Result<RevocationLists, PemError> {
    let found: Vec<_> = rustls_pemfile::crls(&mut without_mark(pem))
        .collect::<Result<_, _>>()
        .map_err(|error| PemError::Damaged(error.to_string()))?;
    if found.is_empty() { Err(missing(pem, PemError::NoRevocationList)) } else { Ok(found) }
}

/// The first private key: PKCS #8, PKCS #1 (RSA) or SEC 1 (EC).
///
/// # Errors
/// No key, an encrypted one, or a damaged section.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    match rustls_pemfile::private_key(&mut without_mark(pem)) {
        Ok(Some(key)) => Ok(key),
        Ok(None) if is_encrypted(pem) => Err(PemError::EncryptedKey),
        Ok(None) => Err(missing(pem, PemError::NoPrivateKey)),
        Err(_) if is_encrypted(pem) => Err(PemError::EncryptedKey),
        Err(error) => Err(PemError::Damaged(error.to_string())),
    }
}

/// Every file of DER begins with a sequence (X.690 8.9).
fn missing(pem: &[u8], what: PemError) -> PemError {
    if pem.first() == Some(&0x30) { PemError::Binary } else { what }
}

/// Some editors begin a text with a byte order mark; it would hide the first section.
fn without_mark(pem: &[u8]) -> &[u8] {
    pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem)
}

fn is_encrypted(pem: &[u8]) -> bool {
    [&b"BEGIN ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| memchr::memmem::find(pem, mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "MAMBAf8=";

    fn section(label: &str) -> String {
        format!("-----BEGIN {label}-----\n{BODY}\n-----END {label}-----\n")
    }

    #[test]
    fn lines_around_the_sections_do_not_matter() {
        let text = format!("subject=CN = a\n{}quit\n{}quit\n", section("CERTIFICATE"), section("CERTIFICATE"));
        assert_eq!(certificates(text.as_bytes()).map(|found| found.len()), Ok(2));
    }

    #[test]
    fn a_byte_order_mark_and_dos_line_ends_do_not_matter() {
        let text = format!("\u{feff}{}", section("CERTIFICATE").replace('\n', "\r\n"));
        assert_eq!(certificates(text.as_bytes()).map(|found| found.len()), Ok(1));
    }

    #[test]
    fn a_text_without_a_certificate_says_so() {
        assert_eq!(certificates(section("PRIVATE KEY").as_bytes()), Err(PemError::NoCertificate));
        assert_eq!(certificates(b""), Err(PemError::NoCertificate));
    }

    #[test]
    fn the_binary_form_is_told_from_a_file_without_anything() {
        for read in [|pem: &[u8]| certificates(pem).err(), |pem: &[u8]| private_key(pem).err()] {
            assert_eq!(read(b"\x30\x82\x03\x0c\x30\x82"), Some(PemError::Binary));
        }
        assert_eq!(revocation_lists(b"\x30\x82").err(), Some(PemError::Binary));
    }

    #[test]
    fn an_encrypted_key_is_told_from_a_missing_one() {
        let encrypted = section("ENCRYPTED PRIVATE KEY");
        assert_eq!(private_key(encrypted.as_bytes()).err(), Some(PemError::EncryptedKey));
        assert_eq!(private_key(section("CERTIFICATE").as_bytes()).err(), Some(PemError::NoPrivateKey));
    }

    #[test]
    fn a_section_that_is_not_base64_is_damaged() {
        let text = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        assert!(matches!(certificates(text.as_bytes()), Err(PemError::Damaged(_))));
    }
}
