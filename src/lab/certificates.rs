//! The development certificate authority: one root and two leaves, made anew for each run and never committed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};

/// The name the SBC's leaf carries.
pub const SBC_NAME: &str = "sbc.lab.test";
/// The name the lab platform's leaf carries.
pub const PLATFORM_NAME: &str = "platform.lab.test";

/// A PEM chain (leaf first) and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// What `make` wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// The root, to be trusted by both sides.
    pub authority: PathBuf,
    pub sbc: Identity,
    pub platform: Identity,
}

/// Writes `ca.pem`, `sbc.chain.pem`, `sbc.key.pem`, `platform.chain.pem` and `platform.key.pem` into `directory`.
/// ECDSA P-256; leaves are good for both roles of mutual TLS; keys have mode 0600.
///
/// # Errors
/// What could not be made or written.
pub fn make(directory: &Path) -> Result<Certificates, String> {
    let authority_key = new_key()?;
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "Trunkline lab authority");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = root.self_signed(&authority_key).map_err(|error| error.to_string())?;
    let authority = directory.join("ca.pem");
    write(&authority, &certificate.pem(), 0o644)?;
    let issuer = Issuer::new(root, authority_key);
    let make_leaf = |file, names: &[&str]| leaf(directory, file, names, &issuer, &certificate.pem());
    Ok(Certificates {
        authority,
        sbc: make_leaf("sbc", &[SBC_NAME, "localhost", "127.0.0.1"])?,
        platform: make_leaf("platform", &[PLATFORM_NAME, "localhost", "127.0.1.1"])?,
    })
}

fn new_key() -> Result<KeyPair, String> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| error.to_string())
}

fn leaf(
    directory: &Path,
    file: &str,
    names: &[&str],
    issuer: &Issuer<'_, KeyPair>,
    root: &str,
) -> Result<Identity, String> {
    let key = new_key()?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut leaf = CertificateParams::new(names.clone()).map_err(|error| error.to_string())?;
    leaf.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&key, issuer).map_err(|error| error.to_string())?;
    let identity =
        Identity { chain: directory.join(format!("{file}.chain.pem")), key: directory.join(format!("{file}.key.pem")) };
    write(&identity.chain, &(certificate.pem() + root), 0o644)?;
    write(&identity.key, &key.serialize_pem(), 0o600)?;
    Ok(identity)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(say)?;
    file.write_all(text.as_bytes()).map_err(say)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_readable_by_their_owner_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let made = make(directory.path()).expect("certificates");
        for key in [made.sbc.key, made.platform.key] {
            assert_eq!(fs::metadata(key).expect("written").permissions().mode() & 0o777, 0o600);
        }
    }
}
