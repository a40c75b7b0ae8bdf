//! R-H: what an authority has withdrawn is refused, from whichever side it comes, and nothing else is.

use std::collections::BTreeMap;

use tokio::io::AsyncReadExt;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use trunkline::net::News;
use trunkline::net::counters::ConnectionOutcome;
use trunkline::net::settings::ClientCertificate;
use trunkline::net::tls::HandshakeFailure;
use trunkline::net::trust::RevocationLists;

use crate::authority::{Authority, Leaf};
use crate::handshakes::{client, server};
use crate::world::{World, options, secured, tls_target, to};

const NAME: &str = "sip.peer.example";

fn world(authority: &Authority, lists: RevocationLists, client_certificate: ClientCertificate) -> World {
    let ours = authority.leaf(&["sbc.example"]);
    let mut settings = secured(&[("main", &ours)], &[("peers", authority)], client_certificate);
    settings.revoked = BTreeMap::from([("peers".to_owned(), lists)]);
    World::new(settings)
}

async fn is_refused(world: &World, authority: &Authority, leaf: &Leaf, reason: HandshakeFailure) {
    if let Ok(mut stream) = client(world, authority, Some(leaf), &TLS13, "sbc.example").await {
        assert!(stream.read(&mut [0_u8; 1]).await.is_err());
    }
    world.counted(|counters| counters.handshake_failures.count(reason), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_certificate_was_withdrawn_is_refused_and_its_sibling_is_not() {
    let authority = Authority::new("one");
    let (withdrawn, good) = (authority.leaf(&[NAME]), authority.leaf(&[NAME]));
    let world = world(&authority, authority.withdraws(&[&withdrawn]), ClientCertificate::Require);
    is_refused(&world, &authority, &withdrawn, HandshakeFailure::Revoked).await;
    let _open = client(&world, &authority, Some(&good), &TLS13, "sbc.example").await.expect("let in");
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Accepted), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_certificate_was_withdrawn_gets_no_message() {
    let authority = Authority::new("one");
    let withdrawn = authority.leaf(&[NAME]);
    let mut world = world(&authority, authority.withdraws(&[&withdrawn]), ClientCertificate::Request);
    let (socket, acceptor) = server(&withdrawn, &TLS12).await;
    world.send(1, to(tls_target(socket.local_addr().unwrap(), NAME, &[NAME])), &options("one"));
    let (stream, _) = socket.accept().await.unwrap();
    let _ = acceptor.accept(stream).await;
    assert!(matches!(world.news().await, News::TransmitFailed(..)));
    world.counted(|counters| counters.handshake_failures.count(HandshakeFailure::Revoked), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_vouches_for_itself_has_a_reason_of_its_own() {
    let authority = Authority::new("one");
    let world = world(&authority, Vec::new(), ClientCertificate::Require);
    is_refused(&world, &authority, &Leaf::of_itself(&[NAME]), HandshakeFailure::SelfSigned).await;
}
