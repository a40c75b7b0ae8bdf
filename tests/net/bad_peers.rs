//! Nine bad peers are refused with nine different reasons, in the counter and in the log's word for it (MD-41, PF-209).

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use trunkline::net::News;
use trunkline::net::settings::ClientCertificate;
use trunkline::net::tls::{HandshakeFailure, provider};

use crate::authority::{Authority, Leaf, Usage, Validity};
use crate::handshakes::{client, server};
use crate::world::{TLS, World, options, tls_target, to};

const NAME: &str = "sip.peer.example";

/// A client that connects to us.
async fn calls_us(leaf: Option<&Leaf>, authority: &Authority, reason: HandshakeFailure) -> HandshakeFailure {
    let world = World::tls(&authority.leaf(&["sbc.example"]), authority, ClientCertificate::Require);
    if let Ok(mut stream) = client(&world, authority, leaf, &TLS13, "sbc.example").await {
        assert!(stream.read(&mut [0_u8; 1]).await.is_err());
    }
    world.counted(|counters| counters.handshake_failures.count(reason), 1).await;
    reason
}

/// A server that we dial.
async fn is_called(leaf: &Leaf, trusted: &Authority, reason: HandshakeFailure) -> HandshakeFailure {
    let (socket, acceptor) = server(leaf, &TLS12).await;
    let address = socket.local_addr().unwrap();
    let mut world = World::tls(&trusted.leaf(&["sbc.example"]), trusted, ClientCertificate::Request);
    world.send(1, to(tls_target(address, NAME, &[NAME])), &options("one"));
    let (stream, _) = socket.accept().await.unwrap();
    let _ = acceptor.accept(stream).await;
    assert!(matches!(world.news().await, News::TransmitFailed(..)));
    world.counted(|counters| counters.handshake_failures.count(reason), 1).await;
    reason
}

async fn says_something_else(authority: &Authority) -> HandshakeFailure {
    let world = World::tls(&authority.leaf(&["sbc.example"]), authority, ClientCertificate::Require);
    let mut stream = TcpStream::connect(world.addr(TLS)).await.unwrap();
    stream.write_all(b"OPTIONS sip:sbc.example SIP/2.0\r\n\r\n").await.unwrap();
    world.counted(|counters| counters.handshake_failures.count(HandshakeFailure::NotTls), 1).await;
    HandshakeFailure::NotTls
}

async fn hangs_up(authority: &Authority) -> HandshakeFailure {
    let world = World::tls(&authority.leaf(&["sbc.example"]), authority, ClientCertificate::Require);
    drop(TcpStream::connect(world.addr(TLS)).await.unwrap());
    world.counted(|counters| counters.handshake_failures.count(HandshakeFailure::Closed), 1).await;
    HandshakeFailure::Closed
}

#[tokio::test(flavor = "multi_thread")]
async fn nine_bad_peers_have_nine_reasons() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let of = |usage, validity| ours.leaf_for(&[NAME], usage, validity);
    let over = of(Usage::Both, Validity::Over);
    let early = of(Usage::Both, Validity::ToCome);
    let coded = of(Usage::CodeSigning, Validity::Now);
    let reasons = [
        calls_us(None, &ours, HandshakeFailure::NoCertificate).await,
        calls_us(Some(&theirs.leaf(&[NAME])), &ours, HandshakeFailure::UnknownIssuer).await,
        calls_us(Some(&over), &ours, HandshakeFailure::Expired).await,
        calls_us(Some(&early), &ours, HandshakeFailure::NotYetValid).await,
        calls_us(Some(&coded), &ours, HandshakeFailure::WrongPurpose).await,
        is_called(&ours.leaf(&["other.example"]), &ours, HandshakeFailure::WrongName).await,
        has_another_suite(&ours).await,
        says_something_else(&ours).await,
        hangs_up(&ours).await,
    ];
    let words: BTreeSet<String> = reasons.iter().map(|reason| format!("{reason:?}")).collect();
    assert_eq!(words.len(), 9, "{words:?}");
}

/// A client whose only suite wants an RSA certificate, while ours is of another kind (MD-21).
async fn has_another_suite(authority: &Authority) -> HandshakeFailure {
    let reason = HandshakeFailure::OurSettings;
    let world = World::tls(&authority.leaf(&["sbc.example"]), authority, ClientCertificate::Request);
    let suites = vec![cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let provider = CryptoProvider { cipher_suites: suites, ..CryptoProvider::clone(&provider()) };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    let stream = TcpStream::connect(world.addr(TLS)).await.unwrap();
    let name = ServerName::try_from("sbc.example").unwrap();
    assert!(TlsConnector::from(Arc::new(config)).connect(name, stream).await.is_err());
    world.counted(|counters| counters.handshake_failures.count(reason), 1).await;
    reason
}
