//! Our own keep-alives on connections we dialled (RFC 5626 4.4.1).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trunkline::base::limits::Limits;
use trunkline::net::News;
use trunkline::net::counters::ConnectionOutcome;
use trunkline::sip::flow::{KeepAlive, Target, Transport};

use crate::world::{TCP, World, options, plain, tcp_target, to};

/// A shell that pings as often as this test can wait for.
fn pinging() -> World {
    let mut settings = plain(TCP, Transport::Tcp, Limits::default());
    settings.listeners[0].keep_alive = Some(Duration::from_millis(100));
    World::new(settings)
}

/// Lets the shell dial, and takes the request that made it dial.
async fn dialled(world: &World) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = options("one");
    world.send(1, to(tcp_target(listener.local_addr().unwrap())), &text);
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut octets = vec![0; text.len()];
    stream.read_exact(&mut octets).await.unwrap();
    stream
}

async fn ping(stream: &mut TcpStream) {
    let mut octets = [0; 4];
    stream.read_exact(&mut octets).await.unwrap();
    assert_eq!(&octets, b"\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_answers_pings_keeps_its_connection_and_hears_nothing_else() {
    let world = pinging();
    let mut stream = dialled(&world).await;
    for _ in 0..4 {
        ping(&mut stream).await;
        stream.write_all(b"\r\n").await.unwrap();
    }
    assert_eq!(world.signalling.counters().connections.count(ConnectionOutcome::NoPong), 0);
    assert_eq!(world.signalling.counters().keep_alives.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_does_not_answer_loses_its_connection_and_the_next_request_dials_anew() {
    let mut world = pinging();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = tcp_target(listener.local_addr().unwrap());
    world.send(1, to(target.clone()), &options("one"));
    let (_silent, _) = listener.accept().await.unwrap();
    while !matches!(world.news().await, News::FlowClosed(_)) {}
    assert_eq!(world.signalling.counters().connections.count(ConnectionOutcome::NoPong), 1);
    world.send(2, to(target), &options("two"));
    let (mut second, _) = listener.accept().await.unwrap();
    let mut octets = vec![0; 7];
    second.read_exact(&mut octets).await.unwrap();
    assert_eq!(octets, b"OPTIONS");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_others_dialled_are_not_pinged() {
    let mut world = pinging();
    let mut far = TcpStream::connect(world.addr(TCP)).await.unwrap();
    far.write_all(b"\r\n\r\n").await.unwrap();
    let mut octets = [0; 2];
    far.read_exact(&mut octets).await.unwrap();
    far.write_all(options("one").as_bytes()).await.unwrap();
    world.message().await;
    // Longer than our interval: a dialled connection of the same shell is pinged meanwhile.
    let mut dialled = dialled(&world).await;
    ping(&mut dialled).await;
    far.write_all(b"\r\n\r\n").await.unwrap();
    far.read_exact(&mut octets).await.unwrap();
    assert_eq!(&octets, b"\r\n");
    assert!(far.try_read(&mut octets).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
}

/// What the trunk says goes before what its listener says.
#[tokio::test(flavor = "multi_thread")]
async fn each_trunk_has_its_own_interval() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = tcp_target(listener.local_addr().unwrap());
    let world = World::new(plain(TCP, Transport::Tcp, Limits::default()));
    let every = KeepAlive::Every(Duration::from_millis(100));
    world.send(1, to(Target { keep_alive: every, ..target.clone() }), &options("one"));
    let (mut pinged, _) = listener.accept().await.unwrap();
    pinged.read_exact(&mut vec![0; options("one").len()]).await.unwrap();
    ping(&mut pinged).await;
    let world = pinging();
    world.send(1, to(Target { keep_alive: KeepAlive::Never, ..target.clone() }), &options("two"));
    let (mut left_alone, _) = listener.accept().await.unwrap();
    left_alone.read_exact(&mut vec![0; options("two").len()]).await.unwrap();
    world.send(2, to(target), &options("three"));
    let (mut pinged, _) = listener.accept().await.unwrap();
    pinged.read_exact(&mut vec![0; options("three").len()]).await.unwrap();
    for _ in 0..3 {
        ping(&mut pinged).await;
        pinged.write_all(b"\r\n").await.unwrap();
    }
    let read = left_alone.try_read(&mut [0; 4]);
    assert!(read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "it was pinged");
}
