//! The traps of TLS in real deployments with Microsoft (section 18 of the sheet), by their numbers.

use std::sync::Arc;

use trunkline::net::identity::Identity;
use trunkline::net::settings::ClientCertificate;
use trunkline::net::{pem, tls};
use trunkline::sip::flow::TlsTarget;

use crate::authority::{Authority, Usage, Validity};
use crate::world::{TLS, World, options, secured, tls_target, to};

/// T3: the handshake fails: no certificate as a client, no SNI, no roots.
#[tokio::test(flavor = "multi_thread")]
async fn t03_both_sides_show_a_certificate_and_the_name_is_asked_for() {
    let authority = Authority::new("one");
    let (other, asked) = (authority.leaf(&["other.example"]), authority.leaf(&["sip.pstnhub.microsoft.com"]));
    let settings =
        secured(&[("other", &other), ("asked", &asked)], &[("peers", &authority)], ClientCertificate::Require);
    let mut far = World::new(settings);
    let near = World::tls(&authority.leaf(&["sbc1.example.com"]), &authority, ClientCertificate::Request);
    let name = "sip.pstnhub.microsoft.com";
    near.send(1, to(tls_target(far.addr(TLS), name, &[name])), &options("one"));
    assert_eq!(far.opened().await.names, ["sbc1.example.com"], "MD-22");
    far.message().await;
}

/// T4: requests of tenant B use tenant A's connection.
#[tokio::test(flavor = "multi_thread")]
async fn t04_each_identity_has_its_own_connection() {
    let authority = Authority::new("one");
    let mut far = World::tls(&authority.leaf(&["localhost"]), &authority, ClientCertificate::Require);
    let (a, b) = (authority.leaf(&["a.example"]), authority.leaf(&["b.example"]));
    let near = World::new(secured(&[("a", &a), ("b", &b)], &[("peers", &authority)], ClientCertificate::Request));
    for identity in ["a", "b"] {
        let mut target = tls_target(far.addr(TLS), "localhost", &[]);
        let tls = TlsTarget::clone(target.tls.as_deref().expect("TLS"));
        target.tls = Some(Arc::new(TlsTarget { identity: Some(identity.to_owned()), ..tls }));
        near.send(1, to(target), &options(identity));
        assert_eq!(far.opened().await.names, [format!("{identity}.example")], "MD-38");
    }
}

/// T5: calls break when Microsoft changes its CA: a certificate for server use only, on the client's side of the handshake.
#[tokio::test(flavor = "multi_thread")]
async fn t05_a_peer_with_a_certificate_for_server_use_is_let_in_as_client() {
    let authority = Authority::new("one");
    let mut near = World::tls(&authority.leaf(&["localhost"]), &authority, ClientCertificate::Require);
    let theirs = authority.leaf_for(&["sip.pstnhub.microsoft.com"], Usage::ServerOnly, Validity::Now);
    let far = World::tls(&theirs, &authority, ClientCertificate::Request);
    far.send(1, to(tls_target(near.addr(TLS), "localhost", &[])), &options("one"));
    assert_eq!(near.opened().await.names, ["sip.pstnhub.microsoft.com"], "MD-29");
}

/// T27: a PEM whose text contains the word "quit".
#[test]
fn t27_a_pem_text_with_the_word_quit_loads() {
    let authority = Authority::new("quit");
    let leaf = authority.leaf(&["sbc1.example.com"]);
    let chain = format!("subject=CN = quit\nquit\n{}quit\nexit\n", leaf.chain);
    let identity = Identity::from_pem(chain.as_bytes(), leaf.key.as_bytes()).expect("it is data");
    assert_eq!(identity.names(), ["sbc1.example.com"]);
    let roots = tls::roots_of_pem(chain.as_bytes()).expect("roots");
    assert_eq!((roots.skipped, pem::certificates(chain.as_bytes()).map(|found| found.len()).ok()), (0, Some(2)));
}
