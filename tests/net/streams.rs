//! Connections without TLS: framing, limits, deadlines, keep-alive.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trunkline::base::limits::Limits;
use trunkline::net::counters::ConnectionOutcome;
use trunkline::net::{Class, News};
use trunkline::sip::flow::TransmitFailure;

use crate::world::{PATIENCE, TCP, World, bye, call_id, on, options, request};

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.addr(TCP)).await.unwrap()
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.ends_with(end) {
            let mut buffer = [0u8; 4096];
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the stream ended after {text:?}");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    text
}

/// Reads to the end of the stream; a reset is an end.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut octets)).await;
    let _ = read.expect("the connection stayed open");
    String::from_utf8_lossy(&octets).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_write_arrive_one_by_one_and_in_order() {
    let mut world = World::tcp();
    let mut stream = connect(&world).await;
    stream.write_all(format!("{}{}", options("one"), bye("two")).as_bytes()).await.unwrap();
    let (first, second) = (world.message().await, world.message().await);
    assert_eq!((first.0, call_id(&first.1)), (Class::New, "one".to_owned()));
    assert_eq!((second.0, call_id(&second.1)), (Class::Established, "two".to_owned()));
    assert_eq!(first.1.flow, second.1.flow);
}

/// One thread reads both, as on a small machine.
#[tokio::test]
async fn connections_that_send_without_a_pause_take_turns() {
    let mut world = World::tcp();
    let streams = [connect(&world).await, connect(&world).await];
    for _ in &streams {
        assert!(matches!(world.news().await, News::FlowOpened(..)));
    }
    for (stream, name) in streams.iter().zip(["a", "b"]) {
        let many: String = (0..60).map(|number| options(&format!("{name}{number}"))).collect();
        assert_eq!(stream.try_write(many.as_bytes()).unwrap(), many.len());
    }
    let (mut in_one_go, mut last, mut longest) = (0, None, 0);
    for _ in 0..120 {
        let flow = world.message().await.1.flow.id;
        in_one_go = if last == Some(flow) { in_one_go + 1 } else { 1 };
        last = Some(flow);
        longest = longest.max(in_one_go);
        assert!(world.ear.undecided() <= 32, "{} messages wait to be decided upon", world.ear.undecided());
    }
    assert!(longest <= 32, "one was read {longest} times before the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_announced_before_its_first_message_and_after_its_end() {
    let mut world = World::tcp();
    let mut stream = connect(&world).await;
    stream.write_all(options("one").as_bytes()).await.unwrap();
    let News::FlowOpened(id, _) = world.news().await else { panic!("no FlowOpened") };
    assert_eq!(world.message().await.1.flow.id, id);
    drop(stream);
    assert!(matches!(world.news().await, News::FlowClosed(closed) if closed == id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_follows_what_it_cancels() {
    let mut world = World::tcp();
    let mut stream = connect(&world).await;
    stream.write_all(request("CANCEL", "one", "").as_bytes()).await.unwrap();
    assert_eq!(world.message().await.0, Class::Follows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keep_alive_is_answered_with_one_line_end() {
    let mut world = World::tcp();
    let mut stream = connect(&world).await;
    stream.write_all(b"\r\n\r\n").await.unwrap();
    stream.write_all(bye("after").as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    world.send(1, on(flow), "SIP/2.0 481 Gone\r\n\r\n");
    assert_eq!(read_until(&mut stream, "Gone\r\n\r\n").await, "\r\nSIP/2.0 481 Gone\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_keep_alives_closes_the_connection() {
    let world = World::tcp();
    let mut stream = connect(&world).await;
    stream.write_all(&b"\r\n\r\n".repeat(50)).await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "\r\n".repeat(10));
    world.counted(|counters| counters.connections.count(ConnectionOutcome::PingFlood), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_lost_its_framing_is_answered_and_closed() {
    let world = World::tcp();
    let mut stream = connect(&world).await;
    let without_length = options("bad").replace("Content-Length: 0\r\n", "");
    stream.write_all(format!("{without_length}{}", bye("never")).as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("SIP/2.0 400 "), "{answer}");
    world.counted(|counters| counters.connections.count(ConnectionOutcome::BadFraming), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_request_that_finds_its_inbox_full_is_answered_503_without_the_engine() {
    let world = World::tcp();
    world.ear.set_places(0);
    let mut stream = connect(&world).await;
    stream.write_all(options("one").as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("SIP/2.0 503 "), "{answer}");
    assert!(answer.contains("\r\nRetry-After: "), "{answer}");
    assert!(answer.contains("branch=z9hG4bKone"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_a_call_waits_for_room() {
    let mut world = World::tcp();
    world.ear.set_places(0);
    let mut stream = connect(&world).await;
    stream.write_all(bye("one").as_bytes()).await.unwrap();
    world.counted(|counters| counters.inbox_full.count(Class::Established), 1).await;
    world.ear.set_places(1);
    assert_eq!(call_id(&world.message().await.1), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_read_loses_its_connection() {
    let mut world = World::tcp_limited(Limits { connection_write_octets: 100_000, ..Limits::default() });
    let mut stream = connect(&world).await;
    stream.write_all(bye("one").as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    let text = "x".repeat(50_000);
    for id in 0.. {
        world.send(id, on(flow), &text);
        if world.signalling.counters().transmit_failures.count(TransmitFailure::Congested) > 0 {
            break;
        }
    }
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Congested), 1).await;
    world.send(0, on(flow), "late");
    assert!(world.signalling.counters().transmit_failures.count(TransmitFailure::FlowGone) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_socket_takes_at_once_still_arrives_whole() {
    let mut world = World::tcp_limited(Limits { connection_write_octets: 64 << 20, ..Limits::default() });
    let mut stream = connect(&world).await;
    stream.write_all(bye("one").as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    let part = "0123456789abcdef".repeat(4096);
    for id in 0..256 {
        world.send(id, on(flow), &part);
    }
    let mut octets = vec![0u8; part.len() * 256];
    stream.read_exact(&mut octets).await.unwrap();
    assert!(octets.chunks(part.len()).all(|chunk| chunk == part.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_begun_must_be_finished() {
    let world = World::tcp_limited(Limits { message_s: 0, ..Limits::default() });
    let mut stream = connect(&world).await;
    stream.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nVia: ").await.unwrap();
    read_to_end(&mut stream).await;
    world.counted(|counters| counters.connections.count(ConnectionOutcome::MessageTimeout), 1).await;
}

/// A busy peer, or one whose messages lie across segments: there is never a moment without one that is not complete.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_follow_so_closely_that_each_read_ends_inside_one_are_not_late() {
    let mut world = World::tcp_limited(Limits { message_s: 3, ..Limits::default() });
    let mut stream = connect(&world).await;
    let all: Vec<String> = (0..5).map(|n| bye(&n.to_string())).collect();
    let mut rest = "";
    for (n, message) in all.iter().enumerate() {
        let (begins, ends) = message.split_at(100);
        stream.write_all(format!("{rest}{begins}").as_bytes()).await.unwrap();
        if n > 0 {
            assert_eq!(call_id(&world.message().await.1), (n - 1).to_string());
        }
        rest = ends;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // The last one is begun, and never completed.
    read_to_end(&mut stream).await;
    world.counted(|counters| counters.connections.count(ConnectionOutcome::MessageTimeout), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed() {
    let world = World::tcp_limited(Limits { idle_connection_s: 0, ..Limits::default() });
    let mut stream = connect(&world).await;
    read_to_end(&mut stream).await;
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Idle), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_has_its_share_of_connections() {
    let mut world = World::tcp_limited(Limits { max_connections_per_source: 1, ..Limits::default() });
    let first = connect(&world).await;
    world.opened().await;
    let mut second = connect(&world).await;
    assert_eq!(read_to_end(&mut second).await, "");
    world.counted(|counters| counters.connections.count(ConnectionOutcome::TooManyOfSource), 1).await;
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_the_engine_closes_ends_after_what_was_sent_before() {
    let mut world = World::tcp();
    let mut stream = connect(&world).await;
    stream.write_all(bye("one").as_bytes()).await.unwrap();
    let flow = world.message().await.1.flow;
    world.send(1, on(flow), "SIP/2.0 481 Gone\r\n\r\n");
    world.outgoing.lock().unwrap().close(flow.id);
    assert_eq!(read_to_end(&mut stream).await, "SIP/2.0 481 Gone\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_the_end_is_refused_and_does_not_wait() {
    let mut world = World::tcp();
    let address = world.addr(TCP);
    drop(connect(&world).await);
    world.signalling.stop();
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("it still listens");
}
