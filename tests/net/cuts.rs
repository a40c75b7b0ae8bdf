//! Connections that die under a request: it is told at once (RFC 3261 8.1.3.1), not when timer B or F fires.

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trunkline::base::ids::TransmitId;
use trunkline::net::News;
use trunkline::net::settings::ClientCertificate;
use trunkline::sip::flow::TransmitFailure;

use crate::authority::Authority;
use crate::world::{Heard, TCP, World, bye, on, options, tcp_target, tls_target, to};

/// What the shell told, until the end of the connection.
async fn told(world: &mut World) -> Vec<TransmitId> {
    let mut failed = Vec::new();
    loop {
        match world.news().await {
            News::TransmitFailed(id, TransmitFailure::FlowGone) => failed.push(id),
            News::FlowClosed(_) => return failed,
            News::FlowOpened(..) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Takes a request of the shell whole, and gives the connection it came on.
async fn taken(world: &World, id: u64) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = options("one");
    world.send(id, to(tcp_target(listener.local_addr().unwrap())), &text);
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut octets = vec![0; text.len()];
    stream.read_exact(&mut octets).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_read_is_told_when_its_connection_is_reset() {
    let mut world = World::tcp();
    let stream = taken(&world, 7).await;
    SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(stream);
    assert_eq!(told(&mut world).await, [TransmitId(7)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_read_is_told_when_its_connection_is_closed() {
    let mut world = World::tcp();
    drop(taken(&world, 7).await);
    assert_eq!(told(&mut world).await, [TransmitId(7)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_came_before_the_end_is_heard_before_it() {
    let mut world = World::tcp();
    let mut stream = taken(&world, 7).await;
    let answer = options("one").replacen("OPTIONS sip:a@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    stream.write_all(answer.as_bytes()).await.unwrap();
    drop(stream);
    loop {
        match world.next().await {
            Heard::Message(..) => break,
            Heard::News(News::FlowOpened(..)) => {}
            Heard::News(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(told(&mut world).await, [TransmitId(7)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_ours_that_left_is_not_told() {
    let mut world = World::tcp();
    let mut stream = TcpStream::connect(world.addr(TCP)).await.unwrap();
    stream.write_all(bye("one").as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    let answer = "SIP/2.0 200 OK\r\n\r\n";
    world.send(9, on(flow), answer);
    stream.read_exact(&mut vec![0; answer.len()]).await.unwrap();
    drop(stream);
    assert_eq!(told(&mut world).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tls_alert_is_told_to_the_requests_before_it() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["far.example"]);
    let mut world = World::tls(&leaf, &authority, ClientCertificate::Never);
    let mut far = World::tls(&leaf, &authority, ClientCertificate::Never);
    // A proxy between the two, which puts noise where a record is due: the shell breaks the session off.
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.send(7, to(tls_target(proxy.local_addr().unwrap(), "far.example", &[])), &options("one"));
    let (mut near_side, _) = proxy.accept().await.unwrap();
    let mut far_side = TcpStream::connect(far.addr(crate::world::TLS)).await.unwrap();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near_side, &mut far_side) => panic!("the proxy ended"),
        _ = far.message() => {}
    }
    near_side.write_all(b"SIP/2.0 is no TLS record\r\n\r\n").await.unwrap();
    assert_eq!(told(&mut world).await, [TransmitId(7)]);
}
