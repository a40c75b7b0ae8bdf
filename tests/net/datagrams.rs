//! Datagram listeners.

use std::net::UdpSocket;
use std::sync::Arc;

use tokio::runtime::Handle;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::ListenerId;
use trunkline::base::limits::Limits;
use trunkline::net::settings::{Acquaintance, Known};
use trunkline::net::{Class, News, Signalling, StartError};
use trunkline::sip::flow::{Target, TransmitFailure, Transport};

use crate::world::{PATIENCE, UDP, World, bye, call_id, on, options, plain, request, to};

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn text(socket: &UdpSocket) -> (String, std::net::SocketAddr) {
    let mut buffer = [0u8; 65_535];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (String::from_utf8_lossy(&buffer[..length]).into_owned(), from)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_back_from_the_port_its_request_came_to() {
    let (mut world, peer) = (World::udp(), peer());
    peer.send_to(options("one").as_bytes(), world.addr(UDP)).unwrap();
    let (class, received) = world.message().await;
    assert_eq!((class, call_id(&received)), (Class::New, "one".to_owned()));
    world.send(1, on(received.flow), "SIP/2.0 200 OK\r\n\r\n");
    assert_eq!(text(&peer), ("SIP/2.0 200 OK\r\n\r\n".to_owned(), world.addr(UDP)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_remote_address_is_one_flow_and_another_is_another() {
    let mut world = World::udp();
    let (a, b) = (peer(), peer());
    let mut flows = Vec::new();
    for (socket, branch) in [(&a, "1"), (&a, "2"), (&b, "3")] {
        socket.send_to(bye(branch).as_bytes(), world.addr(UDP)).unwrap();
        flows.push(world.message().await.1.flow.id);
    }
    assert_eq!(flows[0], flows[1]);
    assert_ne!(flows[0], flows[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_a_target_leaves_from_the_listeners_port() {
    let (world, peer) = (World::udp(), peer());
    let target = Target {
        transport: Transport::Udp,
        address: peer.local_addr().unwrap(),
        listener: UDP,
        tls: None,
        keep_alive: Default::default(),
    };
    world.send(1, to(target), &options("out"));
    assert_eq!(text(&peer), (options("out"), world.addr(UDP)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_the_system_does_not_take_is_told() {
    let mut world = World::udp();
    let target = Target {
        transport: Transport::Udp,
        address: peer().local_addr().unwrap(),
        listener: UDP,
        tls: None,
        keep_alive: Default::default(),
    };
    world.send(7, to(target), &"x".repeat(70_000));
    let news = world.news().await;
    assert!(matches!(news, News::TransmitFailed(id, TransmitFailure::SendFailed) if id.0 == 7), "{news:?}");
}

/// One thread reads both, as on a small machine.
#[tokio::test]
async fn listeners_to_which_datagrams_never_cease_to_come_take_turns() {
    let mut settings = plain(UDP, Transport::Udp, Limits::default());
    settings.listeners.extend(plain(ListenerId(3), Transport::Udp, Limits::default()).listeners);
    let (mut world, peer) = (World::new(settings), peer());
    for listener in [UDP, ListenerId(3)] {
        for number in 0..150 {
            peer.send_to(bye(&number.to_string()).as_bytes(), world.addr(listener)).unwrap();
        }
    }
    let (mut in_one_go, mut last, mut longest) = (0, None, 0);
    for _ in 0..300 {
        let flow = world.message().await.1.flow.id;
        in_one_go = if last == Some(flow) { in_one_go + 1 } else { 1 };
        last = Some(flow);
        longest = longest.max(in_one_go);
    }
    assert!(longest <= 128, "{longest} of one listener were read before the other's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_answered_on_the_spot() {
    let (world, peer) = (World::udp(), peer());
    peer.send_to(options("bad").replace("CSeq: 1 OPTIONS", "CSeq: x OPTIONS").as_bytes(), world.addr(UDP)).unwrap();
    let (answer, _) = text(&peer);
    assert!(answer.starts_with("SIP/2.0 400 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_no_answer_of_the_shells_own() {
    let mut settings = plain(UDP, Transport::Udp, Limits::default());
    settings.known = Some(Known(Arc::new(|_, _| Acquaintance::Nobody)));
    let (mut world, peer) = (World::new(settings), peer());
    peer.send_to(options("bad").replace("CSeq: 1 OPTIONS", "CSeq: x OPTIONS").as_bytes(), world.addr(UDP)).unwrap();
    // Datagrams of one socket arrive in order: when the second is up here, the first has been dealt with.
    peer.send_to(bye("good").as_bytes(), world.addr(UDP)).unwrap();
    let flow = world.message().await.1.flow;
    world.send(1, on(flow), "SIP/2.0 481 Gone\r\n\r\n");
    assert!(text(&peer).0.starts_with("SIP/2.0 481 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_that_finds_its_inbox_full_is_dropped_and_counted() {
    let (mut world, peer) = (World::udp(), peer());
    world.ear.set_places(0);
    peer.send_to(options("lost").as_bytes(), world.addr(UDP)).unwrap();
    world.counted(|counters| counters.inbox_full.count(Class::New), 1).await;
    world.ear.set_places(1);
    peer.send_to(options("heard").as_bytes(), world.addr(UDP)).unwrap();
    assert_eq!(call_id(&world.message().await.1), "heard");
}

/// RFC 3261 8.2.7: what has ended for its caller does not begin when a repetition was under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_refused_under_load_is_refused_when_it_is_repeated_after_it() {
    let (mut world, peer) = (World::udp(), peer());
    let call = |branch: &str| peer.send_to(request("INVITE", branch, "").as_bytes(), world.addr(UDP)).unwrap();
    world.ear.set_sheds(true);
    call("refused");
    let refusal = text(&peer).0;
    assert!(refusal.starts_with("SIP/2.0 503 "), "{refusal}");
    world.ear.set_sheds(false);
    call("refused");
    assert_eq!(text(&peer).0, refusal);
    call("another");
    assert_eq!(call_id(&world.message().await.1), "another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named() {
    let taken = peer();
    let mut settings = plain(UDP, Transport::Udp, Limits::default());
    settings.listeners[0].bind = taken.local_addr().unwrap();
    let ear = World::udp().ear;
    let error = Signalling::bind(settings, ear, Box::new(SeededEntropy::new(1)), Handle::current()).unwrap_err();
    assert!(matches!(error, StartError::Taken { .. }), "{error}");
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
}
