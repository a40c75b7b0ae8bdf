//! Configurations that are refused: each fault has its name, the key it stands at, and no companion.

use rcgen::{CertificateParams, KeyPair};

use crate::Deployment;

/// Exactly this is wrong, and it is said of `subject`.
fn only(deployment: &Deployment, code: &str, subject: &str) {
    let found = deployment.findings();
    let told: Vec<_> = found.iter().map(|finding| (&*finding.code, &*finding.subject)).collect();
    assert_eq!(told, [(code, subject)], "{found:#?}");
}

#[test]
fn a_key_that_does_not_exist() {
    let deployment = Deployment::healthy().spoil("key = \"key.pem\"", "key = \"other.pem\"");
    only(&deployment, "file.unreadable", "certificates.main.key");
}

#[test]
fn the_key_of_another_certificate() {
    let mut deployment = Deployment::healthy();
    deployment.ours.key = deployment.authority.leaf("sbc.example.com").key;
    only(&deployment, "certificate.key_mismatch", "certificates.main.key");
}

#[test]
fn a_key_with_a_password() {
    let mut deployment = Deployment::healthy();
    deployment.ours.key =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned();
    only(&deployment, "pem.encrypted_key", "certificates.main.key");
}

#[test]
fn a_key_where_the_certificate_should_be() {
    let mut deployment = Deployment::healthy();
    deployment.ours.chain = deployment.ours.key.clone();
    only(&deployment, "pem.no_certificate", "certificates.main.chain");
}

/// MD-21: nobody takes RSA below 2048 bits. Made with `openssl genrsa 1024` for this test alone.
#[test]
fn an_rsa_key_that_is_too_small() {
    let mut deployment = Deployment::healthy();
    deployment.ours.chain = SMALL_CHAIN.to_owned();
    deployment.ours.key = SMALL_KEY.to_owned();
    only(&deployment, "certificate.key_unusable", "certificates.main.key");
}

#[test]
fn the_leaf_does_not_stand_first() {
    let mut deployment = Deployment::healthy();
    deployment.ours.chain = deployment.authority.root.clone() + &deployment.ours.chain;
    only(&deployment, "certificate.order", "certificates.main.chain");
}

/// PF-65: Genesys has no cipher suite for it.
#[test]
fn an_elliptic_key_where_the_platform_takes_rsa_alone() {
    let deployment = Deployment::healthy().spoil("\"generic-tls\"", "\"genesys-byoc\"");
    only(&deployment, "certificate.key_not_accepted", "trunks.platform.profile");
}

#[test]
fn an_empty_trust_store() {
    let mut deployment = Deployment::healthy();
    deployment.authority.root = "nothing\n".to_owned();
    only(&deployment, "pem.no_certificate", "trust.default.roots");
}

/// MD-17, T23: a name is paired with one of the two, and calls by the other are answered 480.
#[test]
fn one_name_for_teams_and_for_communication_services() {
    let trunk = |name: &str, profile: &str| {
        format!(
            "[trunks.{name}]\nprofile = \"{profile}\"\nlistener = \"platform\"\nfqdn = \"sbc.example.com\"\n\
             certificate = \"rsa\"\n"
        )
    };
    let second = trunk("teams", "microsoft-teams")
        + &trunk("acs", "azure-acs")
        + "[certificates.rsa]\nchain = \"rsa.pem\"\nkey = \"rsa.key\"\n[[routes]]";
    let deployment = Deployment::healthy().spoil("[[routes]]", &second);
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let leaf = CertificateParams::new(vec!["sbc.example.com".to_owned()]).unwrap();
    std::fs::write(deployment.folder.path().join("rsa.pem"), leaf.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(deployment.folder.path().join("rsa.key"), key.serialize_pem()).unwrap();
    only(&deployment, "fqdn.shared", "trunks.acs.fqdn");
}

#[test]
fn a_key_of_the_configuration_that_nobody_knows() {
    let deployment = Deployment::healthy().spoil("peer_names = ", "peer_nmes = ");
    let found = deployment.findings();
    let refused = found.iter().find(|finding| finding.subject == "trunks.platform.peer_nmes").expect("told");
    assert_eq!(refused.code, "configuration.refused");
    assert!(refused.told.contains("did you mean \"peer_names\"?"), "{refused:?}");
    assert_eq!(found.len(), 1, "{found:#?}");
}

const SMALL_CHAIN: &str = "-----BEGIN CERTIFICATE-----\n\
MIICLjCCAZegAwIBAgIUYGScGcIzrT2Ihi3p4C97zo7fd5MwDQYJKoZIhvcNAQEL\n\
BQAwGjEYMBYGA1UEAwwPc2JjLmV4YW1wbGUuY29tMCAXDTI2MTEyMTE0MzgxMFoY\n\
DzIxMjYxMDI4MTQzODEwWjAaMRgwFgYDVQQDDA9zYmMuZXhhbXBsZS5jb20wgZ8w\n\
DQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAL1Xrwl0D2NYfTo299PhBRBQe8Rkf3ZH\n\
Z/Tcewy/niFj/SHAYr1TEj/Z46QHnce6UVYta9oTTPmD4rreQsuWOThNq6c+wotb\n\
8e/A2jLY3+ax5xEJyi5kUXOS4jGbiPIIsZioDI7vt6QjSD1N0dozna5xmgmew+ej\n\
qrqhOk4z8rXvAgMBAAGjbzBtMB0GA1UdDgQWBBRUnDK8K5XooCEd6YZ6rkaG2Xnv\n\
+jAfBgNVHSMEGDAWgBRUnDK8K5XooCEd6YZ6rkaG2Xnv+jAPBgNVHRMBAf8EBTAD\n\
AQH/MBoGA1UdEQQTMBGCD3NiYy5leGFtcGxlLmNvbTANBgkqhkiG9w0BAQsFAAOB\n\
gQBp7tt/iekhnJGWkwHsYv+lTkVbfXld447H/KNz/GJD5y2bvY89dGkBGdkg0b9u\n\
//YxRvb6wgIcHT3vyQSgfcBJWoqB2eAglXJxgy4Ejz6nuTqtpfAa1xObPLOv6S3m\n\
TXmb2clh2bnxi+ClzPFtrK5wdqnjlZPrxfQPZoS07z3RCw==\n\
-----END CERTIFICATE-----\n";

const SMALL_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAL1Xrwl0D2NYfTo2\n\
99PhBRBQe8Rkf3ZHZ/Tcewy/niFj/SHAYr1TEj/Z46QHnce6UVYta9oTTPmD4rre\n\
QsuWOThNq6c+wotb8e/A2jLY3+ax5xEJyi5kUXOS4jGbiPIIsZioDI7vt6QjSD1N\n\
0dozna5xmgmew+ejqrqhOk4z8rXvAgMBAAECgYAK2Hz0Q6ul+ymhLgjgICGUH6gX\n\
RdJvSgPQaNi7kDZUn0+eoVCGm72N3sNFYBJPoIKMNynYYgakvEM+hQC6fK5mS+NW\n\
tf1kFA/k/Ue7cB4HlpSQL1YyexmuMyHixD61fPGI+blmN2TEREIsvdau448fmcnr\n\
oAtMe9I8CvLleDG3UQJBAPNWkSk2ctbDd0irmJog29w11OY3M6kdMbJksj53t4Qn\n\
ZRpGUwhK/leUHUqIzCv2HF34pNy9FfNzwertxx4hUaMCQQDHMdt7sd7dkA12FkbJ\n\
N1tDEKd7p5Yf+9cqiwG9zVNdMLyJqDuTwGm3FDXVf49yCUgXnkvwEA62tl33s3jT\n\
lsdFAkAZWi+Nh6q3TW4kGByyEjJV4xXnVmD/gZcn6u3XLEnmbuRNtH36IzYUkc3r\n\
cg0zl1SlRb6HcPvUfX76pwNT1EzZAkBYoGc+PuKhA+HpY3n1NwsE6NkL3IGgE2Yl\n\
iJmqwDtSIEgSm2Z+k8K1cWmOZ2YEX/rSf1zcH9jcFIH0nsaopdJdAkBFmjGfMJy+\n\
iiWIq2BRV1Hgoklu1r7G2kWJkLYGhwHpP5w50eembcxM+sQ5mJ+QYzmqnUPOQPKW\n\
001aJsV5jULJ\n\
-----END PRIVATE KEY-----\n";
