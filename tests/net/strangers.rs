//! What strangers may do to the shell, and what peers may (R-B3, R-B4, R-B7, S-R1, S-R2).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use trunkline::base::limits::{Limits, TRUSTED_SOURCES};
use trunkline::net::counters::{ConnectionOutcome, TurnedAway};
use trunkline::net::guard::Offence;
use trunkline::net::settings::{Acquaintance, ClientCertificate, Known, NetSettings};
use trunkline::sip::flow::{Bearing, Flow, PeerIdentity, Transport};

use crate::authority::Authority;
use crate::world::{
    PATIENCE, TCP, TLS, UDP, World, bye, call_id, on, options, plain, secured, tcp_target, tls_target, to,
};

/// Nobody is a peer but who has proved a certificate.
fn without_peers(settings: NetSettings) -> NetSettings {
    let known = |_: &Flow, peer: &PeerIdentity| match peer.names.is_empty() {
        true => Acquaintance::Nobody,
        false => Acquaintance::Peer,
    };
    NetSettings { known: Some(Known(Arc::new(known))), ..settings }
}

fn strange(listener: trunkline::base::ids::ListenerId, transport: Transport, limits: Limits) -> World {
    World::new(without_peers(plain(listener, transport, limits)))
}

/// Not filled up again while a test runs.
fn stingy() -> Limits {
    Limits { unknown_requests_per_s: 1, unknown_connections_per_s: 1, ..Limits::default() }
}

fn datagrams(world: &World, count: usize, text: &str) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..count {
        socket.send_to(text.as_bytes(), world.addr(UDP)).unwrap();
    }
    socket
}

fn closed(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    // Closed or reset: nothing more comes either way.
    let _ = stream.read_to_end(&mut rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_datagrams_beyond_its_rate_are_not_read() {
    let mut world = strange(UDP, Transport::Udp, stingy());
    datagrams(&world, 50, &options("one"));
    world.counted(|counters| counters.turned_away.count(TurnedAway::StrangerRate), 45).await;
    assert_eq!(call_id(&world.message().await.1), "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_messages_bring_a_ban_that_ends_by_hand() {
    let world = strange(UDP, Transport::Udp, Limits { unknown_requests_per_s: 1000, ..Limits::default() });
    let gate = world.signalling.gate();
    let bad = options("bad").replace("CSeq: 1 OPTIONS", "CSeq: x OPTIONS");
    datagrams(&world, 30, &bad);
    world.counted(|counters| counters.turned_away.count(TurnedAway::Banned), 10).await;
    let counters = world.signalling.counters();
    assert_eq!((counters.offences.count(Offence::Malformed), counters.bans.count(Offence::Malformed)), (20, 1));
    let bans = gate.bans();
    assert_eq!((bans.len(), bans[0].source.to_string().as_str(), bans[0].why), (1, "127.0.0.1", Offence::Malformed));
    assert!(gate.lift("127.0.0.1".parse().unwrap()));
    datagrams(&world, 1, &bad);
    world.counted(|counters| counters.offences.count(Offence::Malformed), 21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_closes_the_connections_its_source_has() {
    let mut world = strange(TCP, Transport::Tcp, Limits::default());
    let mut stream = TcpStream::connect(world.addr(TCP)).unwrap();
    stream.write_all(options("one").as_bytes()).unwrap();
    let flow = world.message().await.1.flow;
    let outgoing = world.signalling.outgoing();
    for _ in 0..3 {
        outgoing.note(&flow, Bearing::Scanner);
    }
    closed(&mut stream);
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Banned), 1).await;
    closed(&mut TcpStream::connect(world.addr(TCP)).unwrap());
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Banned), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_we_send_a_request_is_no_stranger() {
    let mut world = strange(UDP, Transport::Udp, stingy());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let outgoing = world.signalling.outgoing();
    let place = Flow {
        id: trunkline::base::ids::FlowId(0),
        transport: Transport::Udp,
        listener: UDP,
        local: world.addr(UDP),
        remote: socket.local_addr().unwrap(),
    };
    world.send(1, on(place), &options("asked"));
    (0..50).for_each(|_| outgoing.note(&place, Bearing::Scanner));
    for _ in 0..50 {
        socket.send_to(bye("more").as_bytes(), world.addr(UDP)).unwrap();
    }
    for _ in 0..50 {
        assert_eq!(call_id(&world.message().await.1), "more");
    }
    assert_eq!(world.signalling.gate().bans(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_we_dialled_is_no_strangers() {
    let mut far = strange(TCP, Transport::Tcp, Limits::default());
    let near = strange(TCP, Transport::Tcp, stingy());
    near.send(1, to(tcp_target(far.addr(TCP))), &options("asked"));
    let flow = far.message().await.1.flow;
    assert!((0..50).all(|_| near.signalling.gate().message(&flow) == trunkline::net::guard::Verdict::Take));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_opens_so_many_connections_in_a_second_and_has_so_many_seats() {
    let world = strange(TCP, Transport::Tcp, stingy());
    let held: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(world.addr(TCP)).unwrap()).collect();
    world.counted(|counters| counters.connections.count(ConnectionOutcome::TooFast), 15).await;
    drop(held);
    let limits = Limits { unknown_connections_per_s: 1000, max_unknown_connections_per_source: 5, ..Limits::default() };
    let world = strange(TCP, Transport::Tcp, limits);
    let _held: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(world.addr(TCP)).unwrap()).collect();
    world.counted(|counters| counters.connections.count(ConnectionOutcome::TooManyOfSource), 15).await;
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Accepted), 5).await;
    assert_eq!(world.signalling.counters().connections.count(ConnectionOutcome::Accepted), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stranger_is_closed_and_one_that_speaks_is_not() {
    let mut world = strange(TCP, Transport::Tcp, Limits { first_message_s: 3, ..Limits::default() });
    let mut silent = TcpStream::connect(world.addr(TCP)).unwrap();
    let mut speaks = TcpStream::connect(world.addr(TCP)).unwrap();
    speaks.write_all(options("one").as_bytes()).unwrap();
    world.message().await;
    closed(&mut silent);
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Silent), 1).await;
    speaks.write_all(options("two").as_bytes()).unwrap();
    assert_eq!(call_id(&world.message().await.1), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_only_pings_has_said_nothing() {
    let world = strange(TCP, Transport::Tcp, Limits { first_message_s: 1, ..Limits::default() });
    let mut pings = TcpStream::connect(world.addr(TCP)).unwrap();
    pings.write_all(b"\r\n\r\n").unwrap();
    let mut pong = [0u8; 2];
    pings.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
    closed(&mut pings);
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Silent), 1).await;
}

/// S-R3: the address on a datagram is what somebody wrote there, and a peer that its certificate names has no range of
/// its own.
#[tokio::test(flavor = "multi_thread")]
async fn forged_datagrams_keep_nobody_from_its_connections() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["localhost"]);
    let mut settings = secured(&[("main", &leaf)], &[("peers", &authority)], ClientCertificate::Request);
    settings.listeners.extend(plain(UDP, Transport::Udp, Limits::default()).listeners);
    settings.limits = Limits { unknown_requests_per_s: 1000, ..Limits::default() };
    let mut far = World::new(without_peers(settings));
    let near = World::tls(&authority.leaf(&["peer.example"]), &authority, ClientCertificate::Request);
    let bad = options("bad").replace("CSeq: 1 OPTIONS", "CSeq: x OPTIONS");
    datagrams(&far, 30, &bad);
    far.counted(|counters| counters.turned_away.count(TurnedAway::Banned), 10).await;
    near.send(1, to(tls_target(far.addr(TLS), "localhost", &[])), &options("after"));
    assert_eq!(call_id(&far.message().await.1), "after");
}

/// The proof that it gave holds as long as the connection does, and not for an hour.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_proved_a_certificate_on_this_connection_is_not_banned_for_what_it_sends_there() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["localhost"]);
    let settings = secured(&[("main", &leaf)], &[("peers", &authority)], ClientCertificate::Request);
    let mut far = World::new(without_peers(settings));
    let near = World::tls(&authority.leaf(&["peer.example"]), &authority, ClientCertificate::Request);
    let target = to(tls_target(far.addr(TLS), "localhost", &[]));
    near.send(1, target.clone(), &options("before"));
    let flow = far.message().await.1.flow;
    // Others have taken its place among those that are trusted.
    for n in 0..2 * TRUSTED_SOURCES as u32 {
        let remote = (Ipv4Addr::from_bits(0x0a00_0000 | n), 5060).into();
        far.signalling.gate().trust(&Flow { remote, ..flow });
    }
    (0..50).for_each(|_| far.signalling.outgoing().note(&flow, Bearing::Scanner));
    near.send(2, target, &options("after"));
    assert_eq!(call_id(&far.message().await.1), "after");
    assert_eq!(far.signalling.gate().bans(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_flood_on_a_connection_closes_it() {
    let world = strange(TCP, Transport::Tcp, stingy());
    let mut stream = TcpStream::connect(world.addr(TCP)).unwrap();
    stream.write_all(options("one").repeat(50).as_bytes()).unwrap();
    closed(&mut stream);
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Flood), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_proves_a_certificate_is_a_peer_wherever_it_comes_from() {
    let authority = Authority::new("one");
    let mut settings = without_peers(secured(
        &[("main", &authority.leaf(&["localhost"]))],
        &[("peers", &authority)],
        ClientCertificate::Request,
    ));
    settings.limits = stingy();
    let mut far = World::new(settings);
    let near = World::tls(&authority.leaf(&["peer.example"]), &authority, ClientCertificate::Request);
    for n in 0..50u64 {
        near.send(n, to(tls_target(far.addr(TLS), "localhost", &[])), &options("many"));
    }
    for _ in 0..50 {
        assert_eq!(call_id(&far.message().await.1), "many");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_fail_bring_a_ban_before_anything_is_read() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["localhost"]);
    let mut settings = without_peers(secured(&[("main", &leaf)], &[("peers", &authority)], ClientCertificate::Request));
    settings.limits = Limits { unknown_connections_per_s: 1000, ..Limits::default() };
    let world = World::new(settings);
    for _ in 0..20 {
        let mut stream = TcpStream::connect(world.addr(TLS)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        closed(&mut stream);
    }
    world.counted(|counters| counters.bans.count(Offence::BadHandshake), 1).await;
    closed(&mut TcpStream::connect(world.addr(TLS)).unwrap());
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Banned), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_a_tls_connection_and_says_nothing_or_half_a_hello_is_closed_first() {
    let authority = Authority::new("one");
    let leaf = authority.leaf(&["localhost"]);
    let mut settings = secured(&[("main", &leaf)], &[("peers", &authority)], ClientCertificate::Request);
    settings.limits = Limits { hello_s: 1, handshake_s: 3600, ..Limits::default() };
    let world = World::new(settings);
    closed(&mut TcpStream::connect(world.addr(TLS)).unwrap());
    let mut half = TcpStream::connect(world.addr(TLS)).unwrap();
    // A record of 256 octets, a ClientHello of 252: the rest never comes.
    half.write_all(&[22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]).unwrap();
    closed(&mut half);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_takes_nothing_is_closed() {
    let mut world = World::tcp_limited(Limits { write_s: 1, connection_write_octets: 1 << 30, ..Limits::default() });
    let mut stream = TcpStream::connect(world.addr(TCP)).unwrap();
    stream.write_all(options("one").as_bytes()).unwrap();
    let flow = world.message().await.1.flow;
    let long = format!("SIP/2.0 200 OK\r\nX: {}\r\n\r\n", "x".repeat(60_000));
    for n in 0..2000 {
        world.send(n, on(flow), &long);
    }
    world.counted(|counters| counters.connections.count(ConnectionOutcome::Stalled), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_begins_too_much_gets_503_on_a_connection_and_keeps_its_calls() {
    let mut world = World::tcp_limited(Limits { max_requests_per_s_per_source: 5, ..Limits::default() });
    let mut stream = TcpStream::connect(world.addr(TCP)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let all: String = (0..10).map(|n| options(&n.to_string())).chain((0..10).map(|n| bye(&format!("b{n}")))).collect();
    stream.write_all(all.as_bytes()).unwrap();
    let mut heard = Vec::new();
    while heard.iter().filter(|id: &&String| id.starts_with('b')).count() < 10 {
        heard.push(call_id(&world.message().await.1));
    }
    assert!(heard.len() < 20, "{heard:?}");
    let mut buffer = [0u8; 4096];
    let length = stream.read(&mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(answer.starts_with("SIP/2.0 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
    let counters = world.signalling.counters();
    assert!(counters.turned_away.count(TurnedAway::PeerRate) > 0);
    assert_eq!(counters.open.load(Ordering::Relaxed), 1, "the connection goes on");
}
