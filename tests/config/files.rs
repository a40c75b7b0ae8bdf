//! Files on disk: the configuration itself and the certificates it names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{CertificateParams, CertificateRevocationListParams, CertifiedIssuer, KeyIdMethod, KeyPair, SerialNumber};
use tempfile::TempDir;
use trunkline::base::Secret;
use trunkline::cli::check;
use trunkline::config::{Files, load, parse};
use trunkline::registration::Form;
use trunkline::sip::auth::{Credentials, Demand};

use super::{Finding, GOOD, SOUTH};

struct Disk {
    dir: TempDir,
}

impl Disk {
    /// The good file with a chain of leaf and authority, its key, and the authority as trust store.
    fn new() -> Disk {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk { dir };
        let authority = CertificateParams::new(Vec::new()).unwrap();
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["*.example.com".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        disk.write("chain.pem", &format!("subject=quit\n{}{}", leaf.pem(), authority.pem()));
        disk.write("backwards.pem", &format!("{}{}", authority.pem(), leaf.pem()));
        disk.write("key.pem", &key.serialize_pem());
        disk.write("other.key.pem", &KeyPair::generate().unwrap().serialize_pem());
        disk.write("ca.pem", &authority.pem());
        disk.write("empty.pem", "");
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2021, 1, 1),
            next_update: rcgen::date_time_ymd(2022, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        disk.write("old.pem", &list.signed_by(&authority).unwrap().pem().unwrap());
        disk
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        // As an operator keeps a password.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn good(&self) -> String {
        GOOD.replace("roots = \"system\"", "roots = \"ca.pem\"")
    }

    /// Errors of the good file with one piece replaced, as (path, text).
    fn errors(&self, from: &str, to: &str) -> Vec<(String, String)> {
        assert!(self.good().contains(from));
        let path = self.write("trunkline.toml", &self.good().replacen(from, to, 1));
        let errors = load(&path).map_or_else(|report| report.errors, |_| Vec::new());
        errors.into_iter().map(|Finding { path, text, .. }| (path, text)).collect()
    }

    fn assert_error(&self, from: &str, to: &str, path: &str, says: &str) {
        let errors = self.errors(from, to);
        assert!(matches!(errors.as_slice(), [(at, text)] if at == path && text.contains(says)), "{errors:?}");
    }

    fn warnings(&self, text: &str) -> Vec<String> {
        let path = self.write("trunkline.toml", text);
        load(&path).unwrap().warnings().iter().map(ToString::to_string).collect()
    }
}

#[test]
fn hold_music_is_read_with_the_file_and_what_is_no_music_is_named() {
    let disk = Disk::new();
    disk.write("hold.alaw", &"U".repeat(800));
    disk.write("hold.wav", "RIFF");
    let with = |file: &str| (SOUTH, format!("{SOUTH}\nmedia = {{ hold_music_file = \"{file}\" }}"));
    let (from, to) = with("hold.alaw");
    let path = disk.write("trunkline.toml", &disk.good().replacen(from, &to, 1));
    let loaded = load(&path).unwrap();
    let music = loaded.snapshot.trunk_named("south").unwrap().media.sound.hold_music.clone();
    assert_eq!(music.map(|samples| samples.len()), Some(800));
    let at = "trunks.south.media.hold_music_file";
    for (file, says) in [
        ("hold.wav", "is no WAVE file"),
        ("none.wav", "cannot be read: No such file"),
        ("hold.mp3", "ends in none of .wav, .alaw, .ulaw"),
    ] {
        let (from, to) = with(file);
        disk.assert_error(from, &to, at, says);
    }
}

#[test]
fn relative_paths_start_at_the_file() {
    let disk = Disk::new();
    assert_eq!(disk.warnings(&disk.good()), Vec::<String>::new());
}

#[test]
fn a_file_that_does_not_exist_is_named() {
    let disk = Disk::new();
    disk.assert_error("\"chain.pem\"", "\"none.pem\"", "certificates.main.chain", "none.pem cannot be read: No such");
    disk.assert_error("\"key.pem\"", "\"none.pem\"", "certificates.main.key", "write the path of a PEM file");
    disk.assert_error("\"ca.pem\"", "\"none.pem\"", "trust.default.roots", "none.pem cannot be read");
}

fn with_password(disk: &Disk) -> String {
    let auth = "[trunks.south.auth]\nuser = \"u\"\nrealm = \"r\"\npassword_file = \"pw\"\nrequire = true\n[trunks.south.registration]\naor = \"sip:+4930@carrier.example\"\ngin = true\n[limits]";
    disk.good().replacen("[limits]", auth, 1)
}

#[test]
fn a_trunk_knows_its_password_and_what_it_registers() {
    let disk = Disk::new();
    disk.write("pw", "s3cret with spaces\r\n");
    let path = disk.write("trunkline.toml", &with_password(&disk));
    let loaded = load(&path).unwrap();
    assert_eq!(loaded.warnings(), []);
    let trunk = loaded.snapshot.trunks.iter().find(|trunk| &*trunk.name == "south").unwrap();
    let auth = trunk.auth.as_ref().unwrap();
    let password = Secret::new(b"s3cret with spaces".to_vec());
    assert_eq!(*auth.credentials, Credentials::new("u".into(), "r".into(), password));
    assert_eq!(auth.demand, Some(Demand::Sha256));
    let registration = trunk.registration.as_ref().unwrap();
    assert_eq!((registration.expires.as_secs(), registration.form), (600, Form::Bulk));
    assert!(!format!("{loaded:?}").contains("s3cret"));
}

#[test]
fn a_password_file_holds_one_line() {
    let disk = Disk::new();
    for bad in ["", "\n", "a\nb\n", "a\0b"] {
        disk.write("pw", bad);
        let path = disk.write("trunkline.toml", &with_password(&disk));
        let errors = load(&path).unwrap_err().errors;
        assert!(errors[0].text.contains("must hold one line with the password and nothing else"), "{errors:?}");
    }
}

#[test]
fn a_directory_is_no_certificate() {
    Disk::new().assert_error("\"chain.pem\"", "\".\"", "certificates.main.chain", "is no file");
}

#[test]
fn a_file_without_certificate_says_what_one_looks_like() {
    let disk = Disk::new();
    disk.assert_error("\"chain.pem\"", "\"key.pem\"", "certificates.main.chain", "BEGIN CERTIFICATE");
    disk.assert_error("\"ca.pem\"", "\"empty.pem\"", "trust.default.roots", "holds no certificate");
}

#[test]
fn a_list_of_withdrawn_certificates_is_read_with_the_file() {
    let disk = Disk::new();
    let with = |list: &str| format!("roots = \"ca.pem\"\ncrl = \"{list}\"");
    let trust = "roots = \"ca.pem\"";
    disk.assert_error(trust, &with("absent.pem"), "trust.default.crl", "cannot be read");
    disk.assert_error(trust, &with("ca.pem"), "trust.default.crl", "BEGIN X509 CRL");
    disk.write("odd.pem", "-----BEGIN X509 CRL-----\nMAMBAf8=\n-----END X509 CRL-----\n");
    disk.assert_error(trust, &with("odd.pem"), "trust.default.crl", "must be of version 2");
    let warnings = disk.warnings(&disk.good().replace(trust, &with("old.pem")));
    assert!(matches!(warnings.as_slice(), [text] if text.contains("was to be renewed by")), "{warnings:?}");
}

#[test]
fn a_file_without_key_says_what_one_looks_like() {
    Disk::new().assert_error("\"key.pem\"", "\"chain.pem\"", "certificates.main.key", "BEGIN PRIVATE KEY");
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    Disk::new().assert_error("\"key.pem\"", "\"other.key.pem\"", "certificates.main.key", "is not the key of");
}

#[test]
fn a_chain_written_backwards_is_told_so() {
    Disk::new().assert_error("\"chain.pem\"", "\"backwards.pem\"", "certificates.main.chain", "leaf must stand first");
}

#[test]
fn a_key_that_is_no_key_is_refused() {
    let disk = Disk::new();
    disk.write("bad.pem", "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n");
    disk.assert_error("\"key.pem\"", "\"bad.pem\"", "certificates.main.key", "TLS cannot use");
}

#[test]
fn a_name_the_certificate_does_not_carry_is_warned_about() {
    let disk = Disk::new();
    let warnings = disk.warnings(&disk.good().replace("sbc1.example.com", "cust.sbc1.example.com"));
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("trunks.teams.fqdn: certificate \"main\" does not carry cust.sbc1.example.com"));
}

#[test]
fn sources_of_a_file_count_like_written_ones() {
    let disk = Disk::new();
    disk.write("ranges.txt", "# carrier north\n10.9.0.0/16  # media too\n\n10.8.0.1\n");
    let sources = "targets = [\"10.2.0.2\"]\nsources_file = \"ranges.txt\"";
    let path = disk.write("trunkline.toml", &disk.good().replace(SOUTH, sources));
    let loaded = load(&path).unwrap();
    let sources = &loaded.snapshot.trunk_named("south").unwrap().sources;
    assert_eq!(sources.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.9.0.0/16", "10.8.0.1/32"]);
}

#[test]
fn a_wrong_line_of_a_sources_file_is_named() {
    let disk = Disk::new();
    disk.write("ranges.txt", "10.9.0.0/16\ncarrier\n");
    let sources = "targets = [\"10.2.0.2\"]\nsources_file = \"ranges.txt\"";
    disk.assert_error(SOUTH, sources, "trunks.south.sources_file", "ranges.txt:2: \"carrier\" is no address");
}

#[test]
fn a_file_that_is_not_utf8_names_the_line() {
    let disk = Disk::new();
    let path = disk.dir.path().join("latin1.toml");
    fs::write(&path, b"[node]\nname = \"\xe4\"\n").unwrap();
    let found = &load(&path).unwrap_err().errors[0];
    assert_eq!((found.line, found.text.as_str()), (2, "is not UTF-8 (octet 0xe4); save the file as UTF-8 text"));
}

#[test]
fn a_file_of_ten_megabytes_is_refused_before_it_is_parsed() {
    let disk = Disk::new();
    let path = disk.write("large.toml", &"# padding\n".repeat(1024 * 1024));
    assert!(load(&path).unwrap_err().errors[0].text.starts_with("is larger than 4194304 octets"));
}

#[test]
fn the_check_sums_up_what_it_accepted() {
    let disk = Disk::new();
    let path = disk.write("trunkline.toml", &disk.good());
    let mut out = Vec::new();
    let checked = check::run(&path, &mut out).unwrap();
    assert_eq!(checked.exit_code(), 0);
    assert_eq!(String::from_utf8(out).unwrap(), "configuration OK: 2 listeners, 3 trunks, 2 routes\n");
}

#[test]
fn the_check_counts_what_it_refused() {
    let disk = Disk::new();
    let path = disk.write("trunkline.toml", &disk.good().replace("name = \"t\"", "nam = 5\ndrain_s = \"x\""));
    let mut out = Vec::new();
    let checked = check::run(&path, &mut out).unwrap();
    assert_eq!(checked.exit_code(), 78);
    assert!(String::from_utf8(out).unwrap().ends_with("\nconfiguration refused: 2 errors\n"));
}

#[test]
fn files_are_not_looked_at_when_only_the_text_counts() {
    assert!(parse("trunkline.toml", GOOD, std::path::Path::new("/nowhere"), Files::Ignored).is_ok());
}
