//! Connections we dial: one per target, used again, and what happens when there is none to be had.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use trunkline::net::News;
use trunkline::net::counters::ConnectionOutcome;
use trunkline::sip::flow::{Destination, Target, TransmitFailure, Transport};

use crate::world::{TCP, UDP, World, bye, on, options, tcp_target, to};

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_to_one_target_share_a_connection() {
    let (world, mut far) = (World::tcp(), World::tcp());
    let target = tcp_target(far.addr(TCP));
    world.send(1, to(target.clone()), &options("one"));
    let first = far.message().await.1.flow;
    world.send(2, to(target), &options("two"));
    let second = far.message().await.1.flow;
    assert_eq!(first, second);
    assert_eq!(world.signalling.counters().connections.count(ConnectionOutcome::Dialled), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_while_dialling_share_the_connection_in_their_order() {
    let (world, mut far) = (World::tcp(), World::tcp());
    let target = tcp_target(far.addr(TCP));
    for id in 0..5 {
        world.send(id, to(target.clone()), &bye(&id.to_string()));
    }
    let mut flows = Vec::new();
    for id in 0..5 {
        let received = far.message().await.1;
        assert_eq!(crate::world::call_id(&received), id.to_string());
        flows.push(received.flow.id);
    }
    flows.dedup();
    assert_eq!(flows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_that_waited_for_a_failed_dial_is_told() {
    let mut world = World::tcp();
    // Bound and closed again: nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    world.send(1, to(tcp_target(nobody)), &options("one"));
    world.send(2, to(tcp_target(nobody)), &options("two"));
    let mut failed = Vec::new();
    for _ in 0..2 {
        match world.news().await {
            News::TransmitFailed(id, TransmitFailure::ConnectFailed) => failed.push(id.0),
            other => panic!("{other:?}"),
        }
    }
    failed.sort_unstable();
    assert_eq!(failed, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_a_connection_that_is_gone_fails() {
    let mut world = World::tcp();
    let mut stream = tokio::net::TcpStream::connect(world.addr(TCP)).await.unwrap();
    stream.write_all(bye("one").as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    drop(stream);
    assert!(matches!(world.news().await, News::FlowClosed(_)));
    world.send(9, on(flow), "SIP/2.0 200 OK\r\n\r\n");
    let news = world.news().await;
    assert!(matches!(news, News::TransmitFailed(id, TransmitFailure::FlowGone) if id.0 == 9), "{news:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_a_way_out_takes_it_when_its_connection_is_gone() {
    let (mut world, mut far) = (World::tcp(), World::tcp());
    let mut stream = tokio::net::TcpStream::connect(world.addr(TCP)).await.unwrap();
    stream.write_all(bye("one").as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    drop(stream);
    assert!(matches!(world.news().await, News::FlowClosed(_)));
    world.send(1, Destination::FlowOr(flow, tcp_target(far.addr(TCP))), &bye("two"));
    assert_eq!(crate::world::call_id(&far.message().await.1), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_dialled_again_after_its_connection_ended() {
    let (mut world, listener) = (World::tcp(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let target = tcp_target(listener.local_addr().unwrap());
    world.send(1, to(target.clone()), &options("one"));
    drop(listener.accept().await.unwrap());
    while !matches!(world.news().await, News::FlowClosed(_)) {}
    world.send(2, to(target), &options("two"));
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut octets = vec![0u8; options("two").len()];
    stream.read_exact(&mut octets).await.unwrap();
    assert_eq!(octets, options("two").as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_on_a_dialled_connection_is_heard() {
    let (mut world, mut far) = (World::tcp(), World::tcp());
    world.send(1, to(tcp_target(far.addr(TCP))), &options("one"));
    let flow = far.message().await.1.flow;
    far.send(1, on(flow), &bye("back"));
    assert_eq!(crate::world::call_id(&world.message().await.1), "back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_of_datagrams_dials_for_what_is_too_large_and_hears_the_answer() {
    let mut world = World::udp();
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = peer.local_addr().unwrap();
    let text = options("one");
    world.send(
        1,
        to(Target { transport: Transport::Tcp, address, listener: UDP, tls: None, keep_alive: Default::default() }),
        &text,
    );
    let (mut stream, from) = peer.accept().await.unwrap();
    assert_eq!(from.ip(), world.addr(UDP).ip());
    let mut octets = vec![0; text.len()];
    stream.read_exact(&mut octets).await.unwrap();
    assert_eq!(octets, text.as_bytes());
    let answer = text.replacen("OPTIONS sip:a@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    stream.write_all(answer.as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    assert_eq!((flow.transport, flow.listener, flow.remote), (Transport::Tcp, UDP, address));
}
