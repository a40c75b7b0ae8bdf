//! Incoming TLS connections used for our own requests (RFC 5923), and when they are not.

use tokio::net::TcpListener;
use trunkline::net::counters::ConnectionOutcome;
use trunkline::net::settings::ClientCertificate;
use trunkline::sip::flow::{Received, Target};

use crate::authority::{Authority, Leaf};
use crate::world::{TLS, World, options, tls_target, to};

/// A far end that has dialled us and sent one request, with the place it says it listens at.
struct Scene {
    near: World,
    far: World,
    place: Target,
    arrived: Received,
    /// Nobody answers there: who dials it waits for a handshake.
    _listener: TcpListener,
}

async fn scene(near: &Leaf, far: &Leaf, authority: &Authority, parameter: &str, wanted: &str) -> Scene {
    let mut near = World::tls(near, authority, ClientCertificate::Request);
    let far = World::tls(far, authority, ClientCertificate::Request);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let via = format!("Via: SIP/2.0/TLS 127.0.0.1:{}{parameter};branch", address.port());
    let text = options("one").replace("Via: SIP/2.0/TCP 127.0.0.1:5060;branch", &via);
    far.send(1, to(tls_target(near.addr(TLS), "near.example", &[])), &text);
    let (_, arrived) = near.message().await;
    Scene { near, far, place: tls_target(address, wanted, &[]), arrived, _listener: listener }
}

impl Scene {
    /// True when our request to the far end's place came on the connection it had dialled.
    async fn reuses(mut self) -> bool {
        self.near.send(2, to(self.place.clone()), &options("two"));
        if self
            .near
            .signalling
            .counters()
            .messages
            .all()
            .iter()
            .all(|(_, direction, _, count)| *direction != trunkline::net::counters::Direction::Sent || *count == 0)
        {
            return false;
        }
        let (_, answered) = self.far.message().await;
        assert_eq!(answered.flow.remote, self.arrived.flow.local);
        assert_eq!(self.near.signalling.counters().connections.count(ConnectionOutcome::Dialled), 0);
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_offered_by_a_peer_with_the_right_name_carries_our_requests() {
    let authority = Authority::new("one");
    let (near, far) = (authority.leaf(&["near.example"]), authority.leaf(&["far.example"]));
    assert!(scene(&near, &far, &authority, ";alias", "far.example").await.reuses().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_not_offered_is_left_to_its_owner() {
    let authority = Authority::new("one");
    let (near, far) = (authority.leaf(&["near.example"]), authority.leaf(&["far.example"]));
    assert!(!scene(&near, &far, &authority, "", "far.example").await.reuses().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_another_name_at_the_same_address_is_not_taken() {
    let authority = Authority::new("one");
    let (near, far) = (authority.leaf(&["near.example"]), authority.leaf(&["other.example"]));
    assert!(!scene(&near, &far, &authority, ";alias", "far.example").await.reuses().await);
}
