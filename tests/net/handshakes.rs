//! TLS: who is let in, who is believed, which certificate is shown, and the name of every refusal.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use trunkline::net::News;
use trunkline::net::settings::ClientCertificate;
use trunkline::net::tls::{HandshakeFailure, provider};
use trunkline::sip::flow::{PeerIdentity, TransmitFailure};

use crate::authority::{Authority, Leaf, Usage, Validity};
use crate::world::{TLS, World, bye, call_id, options, secured, tls_target, to};

/// A client that is not ours.
pub async fn client(
    world: &World,
    roots: &Authority,
    leaf: Option<&Leaf>,
    version: &'static SupportedProtocolVersion,
    name: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots.roots());
    let config = match leaf.map(Leaf::parts) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(world.addr(TLS)).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

/// A server that is not ours; its port.
pub async fn server(leaf: &Leaf, version: &'static SupportedProtocolVersion) -> (TcpListener, TlsAcceptor) {
    let (chain, key) = leaf.parts();
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    (TcpListener::bind("127.0.0.1:0").await.unwrap(), TlsAcceptor::from(Arc::new(config)))
}

fn failures(world: &World, reason: HandshakeFailure) -> u64 {
    world.signalling.counters().handshake_failures.count(reason)
}

/// A client with this certificate is refused for this reason.
async fn refused(leaf: Option<&Leaf>, authority: &Authority, policy: ClientCertificate, reason: HandshakeFailure) {
    let world = World::tls(&authority.leaf(&["sbc.example"]), authority, policy);
    for version in [&TLS12, &TLS13] {
        let before = failures(&world, reason);
        if let Ok(mut stream) = client(&world, authority, leaf, version, "sbc.example").await {
            // With TLS 1.3 the client learns of the refusal after its own handshake is done.
            assert!(stream.read(&mut [0u8; 1]).await.is_err());
        }
        world.counted(|counters| counters.handshake_failures.count(reason), before + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_and_the_name_asked_for_become_the_peers_identity() {
    let authority = Authority::new("one");
    let mut world = World::tls(&authority.leaf(&["sbc.example"]), &authority, ClientCertificate::Require);
    let leaf = authority.leaf(&["SIP.peer.example", "*.peer.example"]);
    for version in [&TLS12, &TLS13] {
        let _stream = client(&world, &authority, Some(&leaf), version, "sbc.example").await.unwrap();
        let names = vec!["sip.peer.example".to_owned(), "*.peer.example".to_owned()];
        let asked_for = Some("sbc.example".into());
        assert_eq!(world.opened().await, PeerIdentity { names, trusted_by: 1, asked_for });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_with_the_last_flight_of_the_handshake_is_heard() {
    let authority = Authority::new("one");
    let mut world = World::tls(&authority.leaf(&["sbc.example"]), &authority, ClientCertificate::Never);
    let mut stream = client(&world, &authority, None, &TLS13, "sbc.example").await.unwrap();
    stream.write_all(format!("{}{}", options("one"), bye("two")).as_bytes()).await.unwrap();
    assert_eq!(call_id(&world.message().await.1), "one");
    assert_eq!(call_id(&world.message().await.1), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_for_server_use_only_is_accepted() {
    let authority = Authority::new("one");
    let mut world = World::tls(&authority.leaf(&["sbc.example"]), &authority, ClientCertificate::Require);
    let leaf = authority.leaf_for(&["peer.example"], Usage::ServerOnly, Validity::Now);
    let _stream = client(&world, &authority, Some(&leaf), &TLS13, "sbc.example").await.unwrap();
    assert_eq!(world.opened().await.names, ["peer.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_certificate_is_let_in_where_one_is_only_requested() {
    let authority = Authority::new("one");
    let mut world = World::tls(&authority.leaf(&["sbc.example"]), &authority, ClientCertificate::Request);
    let _stream = client(&world, &authority, None, &TLS13, "sbc.example").await.unwrap();
    assert_eq!(world.opened().await, PeerIdentity { asked_for: Some("sbc.example".into()), ..PeerIdentity::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    let authority = Authority::new("one");
    refused(None, &authority, ClientCertificate::Require, HandshakeFailure::NoCertificate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_another_authority_is_refused_even_where_a_certificate_is_only_requested() {
    let stranger = Authority::new("stranger").leaf(&["peer.example"]);
    let authority = Authority::new("one");
    refused(Some(&stranger), &authority, ClientCertificate::Request, HandshakeFailure::UnknownIssuer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_client_certificate_is_refused() {
    let authority = Authority::new("one");
    let leaf = authority.leaf_for(&["peer.example"], Usage::Both, Validity::Over);
    refused(Some(&leaf), &authority, ClientCertificate::Request, HandshakeFailure::Expired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_of_tomorrow_is_refused() {
    let authority = Authority::new("one");
    let leaf = authority.leaf_for(&["peer.example"], Usage::Both, Validity::ToCome);
    refused(Some(&leaf), &authority, ClientCertificate::Request, HandshakeFailure::NotYetValid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_for_neither_use_is_refused() {
    let authority = Authority::new("one");
    let leaf = authority.leaf_for(&["peer.example"], Usage::CodeSigning, Validity::Now);
    refused(Some(&leaf), &authority, ClientCertificate::Request, HandshakeFailure::WrongPurpose).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_that_verified_a_client_are_told_apart() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let leaf = one.leaf(&["sbc.example"]);
    let settings = secured(&[("main", &leaf)], &[("one", &one), ("two", &two)], ClientCertificate::Require);
    let mut world = World::new(settings);
    let _stream = client(&world, &one, Some(&two.leaf(&["peer.example"])), &TLS13, "sbc.example").await.unwrap();
    assert_eq!(world.opened().await.trusted_by, 0b10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_is_refused_by_that_name() {
    let authority = Authority::new("one");
    let world = World::tls(&authority.leaf(&["sbc.example"]), &authority, ClientCertificate::Never);
    let mut stream = TcpStream::connect(world.addr(TLS)).await.unwrap();
    stream.write_all(options("plain").as_bytes()).await.unwrap();
    world.counted(|counters| counters.handshake_failures.count(HandshakeFailure::NotTls), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_chosen_by_the_name_asked_for_and_the_first_is_the_default() {
    let authority = Authority::new("one");
    let (first, second) = (authority.leaf(&["a.example"]), authority.leaf(&["*.b.example"]));
    let settings = secured(&[("first", &first), ("second", &second)], &[], ClientCertificate::Never);
    let world = World::new(settings);
    let shown = async |name: &str| {
        let stream = client(&world, &authority, None, &TLS13, name).await.ok()?;
        stream.get_ref().1.peer_certificates().map(|chain| chain[0].clone())
    };
    assert_eq!(shown("a.example").await.as_ref(), first.parts().0.first());
    assert_eq!(shown("sip.b.example").await.as_ref(), second.parts().0.first());
    // Nobody's name: the default is shown, which the client then refuses.
    assert_eq!(shown("c.example").await, None);
    world.counted(|counters| counters.handshake_failures.count(HandshakeFailure::OurCertificateRefused), 1).await;
}

/// Dials a server that shows `leaf`, wanting these names; what is heard.
async fn dialled(leaf: &Leaf, trusted: &Authority, server_name: &str, peer_names: &[&str]) -> (World, News) {
    let (listener, acceptor) = server(leaf, &TLS13).await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = acceptor.accept(stream).await {
            let _ = stream.read(&mut [0u8; 1]).await;
        }
    });
    let mut world = World::tls(&trusted.leaf(&["sbc.example"]), trusted, ClientCertificate::Never);
    world.send(1, to(tls_target(address, server_name, peer_names)), &options("one"));
    let news = world.news().await;
    (world, news)
}

async fn dial_refused(leaf: &Leaf, trusted: &Authority, peer_names: &[&str], reason: HandshakeFailure) {
    let (world, news) = dialled(leaf, trusted, "peer.example", peer_names).await;
    assert!(matches!(news, News::TransmitFailed(id, TransmitFailure::TlsRefused) if id.0 == 1), "{news:?}");
    assert_eq!(failures(&world, reason), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_carries_the_name_dialled_is_believed() {
    let authority = Authority::new("one");
    let (_, news) = dialled(&authority.leaf(&["peer.example"]), &authority, "peer.example", &[]).await;
    let News::FlowOpened(_, peer) = news else { panic!("{news:?}") };
    assert_eq!(peer, PeerIdentity { names: vec!["peer.example".to_owned()], trusted_by: 1, asked_for: None });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_dialled_by_address_must_carry_the_address() {
    let authority = Authority::new("one");
    let (_, news) = dialled(&authority.leaf(&["127.0.0.1"]), &authority, "127.0.0.1", &[]).await;
    assert!(matches!(news, News::FlowOpened(..)), "{news:?}");
    let (world, news) = dialled(&authority.leaf(&["127.0.0.2"]), &authority, "127.0.0.1", &[]).await;
    assert!(matches!(news, News::TransmitFailed(_, TransmitFailure::TlsRefused)), "{news:?}");
    assert_eq!(failures(&world, HandshakeFailure::WrongName), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_carry_any_of_the_peer_names_exactly_or_by_wildcard() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["sip.cloud.example"]);
    for names in [&["other.example", "sip.cloud.example"], &["other.example", "*.cloud.example"]] {
        let (_, news) = dialled(&leaf, &authority, "10-1-2-3.peer.example", names).await;
        assert!(matches!(news, News::FlowOpened(..)), "{news:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_name_is_refused() {
    let authority = Authority::new("one");
    dial_refused(&authority.leaf(&["evil.example"]), &authority, &[], HandshakeFailure::WrongName).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_carries_the_name_dialled_but_none_of_the_peer_names_is_refused() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["peer.example"]);
    dial_refused(&leaf, &authority, &["sip.cloud.example"], HandshakeFailure::WrongName).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_authority_is_refused() {
    let leaf = Authority::new("stranger").leaf(&["peer.example"]);
    dial_refused(&leaf, &Authority::new("one"), &[], HandshakeFailure::UnknownIssuer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_server_is_refused() {
    let authority = Authority::new("one");
    let leaf = authority.leaf_for(&["peer.example"], Usage::Both, Validity::Over);
    dial_refused(&leaf, &authority, &[], HandshakeFailure::Expired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_dialled_is_sent_as_sni_and_the_request_arrives_with_either_version() {
    let authority = Authority::new("one");
    let world = World::tls(&authority.leaf(&["sbc.example"]), &authority, ClientCertificate::Never);
    for version in [&TLS12, &TLS13] {
        let (listener, acceptor) = server(&authority.leaf(&["peer.example"]), version).await;
        world.send(1, to(tls_target(listener.local_addr().unwrap(), "peer.example", &[])), &options("one"));
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        assert_eq!(stream.get_ref().1.server_name(), Some("peer.example"));
        let mut octets = vec![0u8; options("one").len()];
        stream.read_exact(&mut octets).await.unwrap();
        assert_eq!(octets, options("one").as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shells_verify_each_other_and_talk_both_ways_on_one_connection() {
    let authority = Authority::new("one");
    let near = World::tls(&authority.leaf(&["near.example"]), &authority, ClientCertificate::Require);
    let mut far = World::tls(&authority.leaf(&["far.example"]), &authority, ClientCertificate::Require);
    near.send(1, to(tls_target(far.addr(TLS), "far.example", &[])), &options("one"));
    assert_eq!(far.opened().await.names, ["near.example"]);
    let flow = far.message().await.1.flow;
    near.send(2, to(tls_target(far.addr(TLS), "far.example", &[])), &bye("two"));
    assert_eq!(far.message().await.1.flow, flow);
    let mut near = near;
    far.send(1, crate::world::on(flow), &bye("back"));
    assert_eq!(call_id(&near.message().await.1), "back");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_under_two_names_is_two_connections() {
    let authority = Authority::new("one");
    let near = World::tls(&authority.leaf(&["near.example"]), &authority, ClientCertificate::Never);
    let leaf = authority.leaf(&["a.example", "b.example"]);
    let mut far = World::tls(&leaf, &authority, ClientCertificate::Never);
    near.send(1, to(tls_target(far.addr(TLS), "a.example", &[])), &options("one"));
    let first = far.message().await.1.flow;
    near.send(2, to(tls_target(far.addr(TLS), "b.example", &[])), &options("two"));
    assert_ne!(far.message().await.1.flow.id, first.id);
}
