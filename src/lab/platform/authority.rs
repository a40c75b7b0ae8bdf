//! The lab's certification: two roots of the kinds Microsoft announced (RSA 4096 and P-384, MD-30, MD-33), leaves with
//! serverAuth alone (MD-29), and a certificate for the SBC with an RSA key (MD-21). Made once and kept in a directory;
//! nothing here is ever good for anything but a lab.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, RsaKeySize,
};

use crate::lab::certificates::Identity;

/// The files of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Both roots: what the SBC must trust.
    pub roots: PathBuf,
    /// The platform's leaf under the RSA 4096 root, and the one under the P-384 root.
    pub rsa: Identity,
    pub elliptic: Identity,
    /// For the SBC under test, if it has none of its own.
    pub sbc: Identity,
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa(RsaKeySize),
    Elliptic,
}

struct Signer {
    issuer: Issuer<'static, KeyPair>,
    /// What a leaf's chain carries after the leaf: the intermediate.
    chain: String,
}

impl Authority {
    /// The files in `directory`: those that are there, or new ones.
    #[must_use]
    pub fn at(directory: &Path) -> Authority {
        let identity = |name: &str| Identity {
            chain: directory.join(format!("{name}.chain.pem")),
            key: directory.join(format!("{name}.key.pem")),
        };
        Authority {
            roots: directory.join("lab-roots.pem"),
            rsa: identity("platform-rsa"),
            elliptic: identity("platform-p384"),
            sbc: identity("sbc"),
        }
    }

    /// Makes what is not there. `platform`: the names of the platform's leaves; `sbc`: those of the SBC's.
    ///
    /// # Errors
    /// What could not be made or written.
    pub fn prepare(directory: &Path, platform: &[&str], sbc: &[&str]) -> Result<Authority, String> {
        let files = Authority::at(directory);
        let wanted = format!("{}\n{}\n", platform.join(" "), sbc.join(" "));
        let note = directory.join("names");
        if files.roots.exists() && fs::read_to_string(&note).is_ok_and(|text| text == wanted) {
            return Ok(files);
        }
        fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let (rsa_root, rsa) = signer("RSA", Kind::Rsa(RsaKeySize::_4096))?;
        let (elliptic_root, elliptic) = signer("P-384", Kind::Elliptic)?;
        write(&files.roots, &(rsa_root + &elliptic_root), 0o644)?;
        write_leaf(&files.rsa, platform, Kind::Rsa(RsaKeySize::_2048), &rsa)?;
        write_leaf(&files.elliptic, platform, Kind::Elliptic, &elliptic)?;
        write_leaf(&files.sbc, sbc, Kind::Rsa(RsaKeySize::_2048), &rsa)?;
        write(&note, &wanted, 0o644)?;
        Ok(files)
    }
}

fn new_key(kind: Kind) -> Result<KeyPair, String> {
    let made = match kind {
        Kind::Rsa(size) => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size),
        Kind::Elliptic => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
    };
    made.map_err(|error| error.to_string())
}

/// A root and the intermediate under it, which signs.
fn signer(word: &str, kind: Kind) -> Result<(String, Signer), String> {
    let say = |error: rcgen::Error| error.to_string();
    let root_key = new_key(kind)?;
    let root = issuing(&format!("Trunkline lab root {word}"));
    let root_certificate = root.self_signed(&root_key).map_err(say)?;
    let root_issuer = Issuer::new(root, root_key);
    let middle_key = new_key(match kind {
        Kind::Rsa(_) => Kind::Rsa(RsaKeySize::_2048),
        Kind::Elliptic => Kind::Elliptic,
    })?;
    let middle = issuing(&format!("Trunkline lab intermediate {word}"));
    let middle_certificate = middle.signed_by(&middle_key, &root_issuer).map_err(say)?;
    let chain = middle_certificate.pem();
    Ok((root_certificate.pem(), Signer { issuer: Issuer::new(middle, middle_key), chain }))
}

fn issuing(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params
}

fn write_leaf(identity: &Identity, names: &[&str], kind: Kind, signer: &Signer) -> Result<(), String> {
    let key = new_key(kind)?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut leaf = CertificateParams::new(names.clone()).map_err(|error| error.to_string())?;
    leaf.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    // MD-28, MD-29: no clientAuth on either side.
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let certificate = leaf.signed_by(&key, &signer.issuer).map_err(|error| error.to_string())?;
    write(&identity.chain, &(certificate.pem() + &signer.chain), 0o644)?;
    write(&identity.key, &key.serialize_pem(), 0o600)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path).map_err(say)?;
    file.write_all(text.as_bytes()).map_err(say)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_kept_until_the_names_change() {
        let directory = tempfile::tempdir().expect("a directory");
        let made = Authority::prepare(directory.path(), &["sip.example"], &["sbc.example"]).expect("made");
        let first = fs::read(&made.sbc.chain).expect("written");
        Authority::prepare(directory.path(), &["sip.example"], &["sbc.example"]).expect("kept");
        assert_eq!(fs::read(&made.sbc.chain).expect("written"), first);
        Authority::prepare(directory.path(), &["sip.example"], &["other.example"]).expect("made anew");
        assert_ne!(fs::read(&made.sbc.chain).expect("written"), first);
    }
}
