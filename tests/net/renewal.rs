//! MD-40, PF-186: certificates are renewed under handshakes and connections, and nobody is turned away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::version::TLS13;
use trunkline::net::counters::ConnectionOutcome;
use trunkline::net::identity::Identity;
use trunkline::net::settings::ClientCertificate;

use crate::authority::{Authority, Leaf};
use crate::handshakes::client;
use crate::world::{TLS, World, options, secured, tls_target, to};

const RENEWALS: usize = 600;

fn under(key: &str, leaf: &Leaf) -> BTreeMap<String, Arc<Identity>> {
    BTreeMap::from([(key.to_owned(), leaf.identity())])
}

/// The leaf that a new connection is shown.
async fn shown(world: &World, authority: &Authority) -> CertificateDer<'static> {
    let stream = client(world, authority, None, &TLS13, "sbc.example").await.expect("a handshake");
    let chain = stream.get_ref().1.peer_certificates().expect("a certificate").to_vec();
    chain.into_iter().next().expect("a leaf")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_hundred_renewals_under_handshakes_turn_nobody_away() {
    let authority = Arc::new(Authority::new("one"));
    let leaves: Vec<Leaf> = (0..4).map(|_| authority.leaf(&["sbc.example"])).collect();
    let world = Arc::new(World::tls(&leaves[0], &authority, ClientCertificate::Request));
    let (renewal, done) = (world.signalling.renewal(), Arc::new(AtomicBool::new(false)));
    let caller = tokio::spawn({
        let (world, authority, done) = (world.clone(), authority.clone(), done.clone());
        async move {
            let mut handshakes = 0_usize;
            while !done.load(Ordering::SeqCst) {
                shown(&world, &authority).await;
                handshakes += 1;
            }
            handshakes
        }
    });
    for round in 0..RENEWALS {
        renewal.renew(&under("main", &leaves[round % leaves.len()]), Duration::ZERO);
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::SeqCst);
    let handshakes = caller.await.expect("no handshake failed");
    assert!(handshakes > 0);
    let last = &leaves[(RENEWALS - 1) % leaves.len()];
    assert_eq!(shown(&world, &authority).await, last.parts().0[0], "the last one is shown");
    assert!(renewal.shows("main", &last.identity()) && !renewal.shows("main", &leaves[0].identity()));
}

/// T26 of the traps: the certificate is renewed and long-lived connections go on showing the old one.
#[tokio::test(flavor = "multi_thread")]
async fn t26_connections_that_showed_the_old_certificate_are_closed_after_their_rest() {
    let authority = Authority::new("one");
    let (old, new) = (authority.leaf(&["sbc.example"]), authority.leaf(&["sbc.example"]));
    let world = World::tls(&old, &authority, ClientCertificate::Request);
    let mut before = client(&world, &authority, None, &TLS13, "sbc.example").await.unwrap();
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Accepted), 1).await;
    let count = world.signalling.renewal().renew(&under("main", &new), Duration::from_millis(50));
    assert_eq!(count, 1);
    assert_eq!(before.read(&mut [0_u8; 1]).await.unwrap_or_default(), 0, "closed by us");
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Renewed), 1).await;
    assert_eq!(shown(&world, &authority).await, new.parts().0[0]);
}

/// The pool: the next request goes on a new connection at once, the old one stays up for what is under way.
#[tokio::test(flavor = "multi_thread")]
async fn requests_go_on_a_new_connection_at_once() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["localhost"]);
    let mut far = World::tls(&leaf, &authority, ClientCertificate::Require);
    let near = World::new(secured(&[("main", &leaf)], &[("peers", &authority)], ClientCertificate::Request));
    let target = tls_target(far.addr(TLS), "localhost", &[]);
    near.send(1, to(target.clone()), &options("first"));
    let first = far.message().await.1.flow.id;
    near.send(2, to(target.clone()), &options("second"));
    assert_eq!(far.message().await.1.flow.id, first, "kept for reuse");
    near.signalling.renewal().renew(&under("main", &authority.leaf(&["localhost"])), Duration::from_secs(3600));
    near.send(3, to(target), &options("third"));
    assert_ne!(far.message().await.1.flow.id, first);
    assert_eq!(near.signalling.counters().connections.count(ConnectionOutcome::Renewed), 0, "the old one rests");
}

/// Another identity of the same listener is left alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_shows_another_certificate_keeps_its_connection() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["localhost"]);
    let mut far = World::tls(&leaf, &authority, ClientCertificate::Require);
    let settings = secured(&[("main", &leaf), ("other", &leaf)], &[("peers", &authority)], ClientCertificate::Request);
    let near = World::new(settings);
    let mut target = tls_target(far.addr(TLS), "localhost", &[]);
    let tls = target.tls.as_deref().expect("TLS").clone();
    target.tls = Some(Arc::new(trunkline::sip::flow::TlsTarget { identity: Some("other".to_owned()), ..tls }));
    near.send(1, to(target.clone()), &options("first"));
    let first = far.message().await.1.flow.id;
    near.signalling.renewal().renew(&under("main", &authority.leaf(&["localhost"])), Duration::ZERO);
    near.send(2, to(target), &options("second"));
    assert_eq!(far.message().await.1.flow.id, first);
}
