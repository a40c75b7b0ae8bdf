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

/// What becomes of the SBC's certificate when another name is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new one takes its place.
    Made,
    /// Somebody may run with it: it stays, and that is an error.
    Refused,
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa(RsaKeySize),
    Elliptic,
}

/// An intermediate that signs.
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

    /// Makes what is not there. `platform`: the names of the platform's leaves; `sbc`: those of the SBC's. The roots stay
    /// as long as their files do: whoever trusts them goes on. Labs that share a directory prepare one after the other,
    /// and nobody reads half a file.
    ///
    /// # Errors
    /// What could not be made or written; or the SBC's certificate is for another name and must stay.
    pub fn prepare(directory: &Path, platform: &[&str], sbc: &[&str], change: Change) -> Result<Authority, String> {
        let files = Authority::at(directory);
        let _alone = alone_in(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let signers = files.signers(directory)?;
        let note = directory.join("names");
        let before = fs::read_to_string(&note).unwrap_or_default();
        let (platform_names, sbc_names) = (platform.join(" "), sbc.join(" "));
        let mut known = before.lines();
        let [platform_before, sbc_before] = [known.next().unwrap_or_default(), known.next().unwrap_or_default()];
        let stands = |identity: &Identity| identity.chain.exists() && identity.key.exists();
        let (rsa, elliptic, fresh) = signers;
        if fresh || platform_before != platform_names || !stands(&files.rsa) || !stands(&files.elliptic) {
            write_leaf(&files.rsa, platform, Kind::Rsa(RsaKeySize::_2048), &rsa)?;
            write_leaf(&files.elliptic, platform, Kind::Elliptic, &elliptic)?;
        }
        if fresh || !stands(&files.sbc) || (sbc_before != sbc_names && change == Change::Made) {
            write_leaf(&files.sbc, sbc, Kind::Rsa(RsaKeySize::_2048), &rsa)?;
        } else if sbc_before != sbc_names {
            let name = sbc_before.split(' ').next().unwrap_or_default();
            return Err(format!(
                "{} is for {name}: give --name {name}, or print the block for the other name with --print-config and start \
                 the SBC with it",
                files.sbc.chain.display()
            ));
        }
        let names = format!("{platform_names}\n{sbc_names}\n");
        if before != names {
            write(&note, &names, 0o644)?;
        }
        Ok(files)
    }

    /// Both intermediates, from their files or new under new roots, and whether they are new.
    fn signers(&self, directory: &Path) -> Result<(Signer, Signer, bool), String> {
        let place = |word: &str| Identity {
            chain: directory.join(format!("intermediate-{word}.pem")),
            key: directory.join(format!("intermediate-{word}.key.pem")),
        };
        let (rsa_file, elliptic_file) = (place("rsa"), place("p384"));
        if self.roots.exists()
            && let (Some(rsa), Some(elliptic)) = (kept(&rsa_file, "RSA"), kept(&elliptic_file, "P-384"))
        {
            return Ok((rsa, elliptic, false));
        }
        let (rsa_root, rsa) = signer("RSA", Kind::Rsa(RsaKeySize::_4096), &rsa_file)?;
        let (elliptic_root, elliptic) = signer("P-384", Kind::Elliptic, &elliptic_file)?;
        write(&self.roots, &(rsa_root + &elliptic_root), 0o644)?;
        Ok((rsa, elliptic, true))
    }
}

/// An intermediate of an earlier run.
fn kept(file: &Identity, word: &str) -> Option<Signer> {
    let chain = fs::read_to_string(&file.chain).ok()?;
    let key = KeyPair::from_pem(&fs::read_to_string(&file.key).ok()?).ok()?;
    Some(Signer { issuer: Issuer::new(intermediate(word), key), chain })
}

fn new_key(kind: Kind) -> Result<KeyPair, String> {
    let made = match kind {
        Kind::Rsa(size) => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size),
        Kind::Elliptic => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
    };
    made.map_err(|error| error.to_string())
}

fn intermediate(word: &str) -> CertificateParams {
    issuing(&format!("Trunkline lab intermediate {word}"))
}

/// A root and the intermediate under it, which signs and is kept in `file`.
fn signer(word: &str, kind: Kind, file: &Identity) -> Result<(String, Signer), String> {
    let say = |error: rcgen::Error| error.to_string();
    let root_key = new_key(kind)?;
    let root = issuing(&format!("Trunkline lab root {word}"));
    let root_certificate = root.self_signed(&root_key).map_err(say)?;
    let root_issuer = Issuer::new(root, root_key);
    let middle_key = new_key(match kind {
        Kind::Rsa(_) => Kind::Rsa(RsaKeySize::_2048),
        Kind::Elliptic => Kind::Elliptic,
    })?;
    let middle = intermediate(word);
    let middle_certificate = middle.signed_by(&middle_key, &root_issuer).map_err(say)?;
    let chain = middle_certificate.pem();
    write(&file.key, &middle_key.serialize_pem(), 0o600)?;
    write(&file.chain, &chain, 0o644)?;
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

/// The directory, made if it is not there, and nobody else's until the file is closed.
fn alone_in(directory: &Path) -> std::io::Result<fs::File> {
    fs::create_dir_all(directory)?;
    let lock = fs::OpenOptions::new().write(true).create(true).truncate(false).open(directory.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// Beside its place first: a lab or an SBC that reads it meets the old file or the new one, whole.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let say = |error: std::io::Error| format!("{}: {error}", path.display());
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new).map_err(say)?;
    file.write_all(text.as_bytes()).map_err(say)?;
    fs::rename(&new, path).map_err(say)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(directory: &Path, platform: &str, sbc: &str, change: Change) -> Result<[Vec<u8>; 3], String> {
        let files = Authority::prepare(directory, &[platform], &[sbc], change)?;
        Ok([files.roots, files.rsa.chain, files.sbc.chain].map(|path| fs::read(path).expect("written")))
    }

    #[test]
    fn what_was_made_is_kept_until_its_names_change_and_the_roots_stay() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = made(directory.path(), "sip.example", "sbc.example", Change::Refused).expect("made");
        let again = made(directory.path(), "sip.example", "sbc.example", Change::Refused).expect("kept");
        assert_eq!(first, again);
        let [roots, platform, sbc] =
            made(directory.path(), "zoom.example", "sbc.example", Change::Refused).expect("made");
        assert_eq!((&roots, &sbc), (&first[0], &first[2]));
        assert_ne!(platform, first[1]);
        let refused = made(directory.path(), "zoom.example", "other.example", Change::Refused).expect_err("refused");
        assert!(refused.contains("is for sbc.example: give --name sbc.example"), "{refused}");
        let [roots, same, other] = made(directory.path(), "zoom.example", "other.example", Change::Made).expect("made");
        assert_eq!((&roots, &same), (&first[0], &platform));
        assert_ne!(other, sbc);
    }

    #[test]
    fn labs_that_share_a_directory_find_the_same_files() {
        let directory = tempfile::tempdir().expect("a directory");
        let one = made(directory.path(), "sip.example", "sbc.example", Change::Refused).expect("made");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let same = made(directory.path(), "sip.example", "sbc.example", Change::Refused);
                        assert_eq!(same.as_ref(), Ok(&one));
                    }
                });
            }
        });
    }

    #[test]
    fn labs_that_begin_together_in_an_empty_directory_agree() {
        let directory = tempfile::tempdir().expect("a directory");
        let begin = || made(directory.path(), "sip.example", "sbc.example", Change::Refused);
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(begin);
            (begin(), other.join().expect("no panic"))
        });
        assert_eq!(one, other);
        assert!(one.is_ok(), "{one:?}");
    }
}
