//! A call through the real daemon: signalling and one packet of media each way.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use crate::ground::{Ground, Rules, SIP};
use crate::peer::Peer;
use crate::text::{Dialog, Message, sdp};

/// A call that is up: the caller's dialog, the INVITE the callee got, the answer the caller got.
pub struct Up {
    pub dialog: Dialog,
    pub offered: Message,
    pub accepted: Message,
}

/// From INVITE to ACK. `callee` is asked for once the daemon has been called.
pub fn set_up(caller: &mut Peer, callee: impl FnOnce() -> Peer, media: [SocketAddr; 2]) -> (Up, Peer) {
    caller.ask("INVITE", &sdp(media[0]));
    let mut callee = callee();
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("180 Ringing", callee.own, ""));
    caller.expect("SIP/2.0 180");
    callee.send(offered.respond("200 OK", callee.own, &sdp(media[1])));
    let accepted = caller.expect("SIP/2.0 200");
    callee.expect("ACK ");
    let dialog = caller.dialog(&accepted);
    caller.send(dialog.ack());
    (Up { dialog, offered, accepted }, callee)
}

pub fn hang_up(caller: &mut Peer, callee: &mut Peer, up: &mut Up) {
    caller.send(up.dialog.request("BYE"));
    caller.expect("SIP/2.0 200");
    let bye = callee.expect("BYE ");
    callee.send(bye.respond("200 OK", callee.own, ""));
}

/// Sends RTP from one far end until it comes out at the other: the relay is told by another thread than we are.
fn assert_heard(from: &UdpSocket, to: SocketAddr, at: &UdpSocket, sent_by: SocketAddr) {
    let mut buffer = [0u8; 2048];
    at.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    for sequence in 0u16..1000 {
        let mut packet = vec![0x80, 8];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(sequence) * 160).to_be_bytes());
        packet.extend(7u32.to_be_bytes());
        packet.extend([0x55; 160]);
        from.send_to(&packet, to).unwrap();
        if let Ok((length, source)) = at.recv_from(&mut buffer) {
            assert_eq!(source, sent_by);
            assert_eq!((length, &buffer[12..length]), (172, &[0x55; 160][..]));
            return;
        }
    }
    panic!("no packet of {} came out", from.local_addr().unwrap());
}

fn assert_both_hear(media: &[UdpSocket; 2], up: &Up) {
    let (towards_caller, towards_callee) = (up.accepted.media(), up.offered.media());
    assert_heard(&media[0], towards_caller, &media[1], towards_callee);
    assert_heard(&media[1], towards_callee, &media[0], towards_caller);
}

fn media(ground: &Ground) -> ([UdpSocket; 2], [SocketAddr; 2]) {
    let sockets = [ground.caller(), ground.callee()].map(|address| UdpSocket::bind((address, 0)).unwrap());
    let addresses = [0, 1].map(|place| sockets[place].local_addr().unwrap());
    (sockets, addresses)
}

#[test]
fn a_call_over_udp_carries_media_both_ways_and_leaves_nothing() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let _running = ground.start();
    let (sockets, addresses) = media(&ground);
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (mut up, mut callee) = set_up(&mut caller, || callee, addresses);
    assert_both_hear(&sockets, &up);
    assert!(ground.get("/metrics").contains("\nsbc_calls 1\n"));
    hang_up(&mut caller, &mut callee, &mut up);
    ground.until(Ground::held);
}

#[test]
fn a_call_over_tcp_carries_media_both_ways_and_leaves_nothing() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let _running = ground.start();
    let (sockets, addresses) = media(&ground);
    let listener = TcpListener::bind((ground.callee(), SIP)).unwrap();
    let mut caller = ground.tcp(ground.caller());
    let (mut up, mut callee) = set_up(&mut caller, || Peer::accepted(&listener), addresses);
    assert!(up.offered.header("Via").starts_with("SIP/2.0/TCP "), "{}", up.offered.0);
    assert_both_hear(&sockets, &up);
    hang_up(&mut caller, &mut callee, &mut up);
    callee.close();
    caller.close();
    ground.until(Ground::held);
}

#[test]
fn the_two_ends_of_a_call_see_the_daemon_and_not_each_other() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let (_sockets, addresses) = media(&ground);
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (up, _callee) = set_up(&mut caller, || callee, addresses);
    assert!(!up.offered.0.contains(&ground.caller().to_string()), "{}", up.offered.0);
    let shown = up.accepted.0.replace(up.accepted.header("Via"), "");
    assert!(!shown.contains(&ground.callee().to_string()), "{shown}");
}

#[test]
fn a_callee_that_nobody_listens_for_over_tcp_is_a_503_for_the_caller() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let mut caller = ground.tcp(ground.caller());
    caller.ask("INVITE", &sdp((ground.caller(), 40_000).into()));
    let refused = caller.expect("SIP/2.0 503");
    assert!(!refused.header("Reason").is_empty(), "{}", refused.0);
}

#[test]
fn the_next_hop_may_be_another_than_the_host_of_the_request_uri() {
    // PF-116: calls go to a proxy and name the carrier.
    let proxied = "targets = [\"carrier.example:15060\"]\nproxy = \"CALLEE:15060\"".to_owned();
    let ground =
        Ground::new(Rules { changes: vec![("targets = [\"CALLEE:15060\"]".to_owned(), proxied)], ..Rules::default() });
    let _running = ground.start();
    let (_sockets, addresses) = media(&ground);
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (up, _callee) = set_up(&mut caller, || callee, addresses);
    assert!(up.offered.start_line().starts_with("INVITE sip:+493012345678@carrier.example"), "{}", up.offered.0);
    assert!(up.offered.header("To").contains("@carrier.example"), "{}", up.offered.0);
}

#[test]
fn the_host_of_the_request_uri_may_be_written_out() {
    let named = "targets = [\"CALLEE:15060\"]\nrequest_uri_host = \"trunk.example\"".to_owned();
    let ground =
        Ground::new(Rules { changes: vec![("targets = [\"CALLEE:15060\"]".to_owned(), named)], ..Rules::default() });
    let _running = ground.start();
    let (_sockets, addresses) = media(&ground);
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (up, _callee) = set_up(&mut caller, || callee, addresses);
    assert!(up.offered.start_line().starts_with("INVITE sip:+493012345678@trunk.example"), "{}", up.offered.0);
}
