//! OPTIONS from outside: who gets an answer, and what is in it (RFC 3261 11.2).

use crate::ground::{Ground, Rules};
use crate::peer::Peer;
use crate::text::Message;

fn assert_capabilities(peer: &mut Peer, uri: &str) {
    let answer: Message = peer.probe();
    assert!(answer.header("Contact").contains(uri), "{}", answer.0);
    for method in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"] {
        assert!(answer.header("Allow").contains(method), "{}", answer.0);
    }
    assert_eq!(answer.headers("Supported").len(), 1, "{}", answer.0);
    assert!(answer.header("Accept").contains("application/sdp"), "{}", answer.0);
}

#[test]
fn options_are_answered_over_udp_with_what_we_can() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    assert_capabilities(&mut ground.udp(ground.caller()), &format!("sip:{}", ground.sip()));
}

#[test]
fn options_are_answered_over_tcp_with_what_we_can() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    assert_capabilities(&mut ground.tcp(ground.caller()), &format!("sip:{};transport=tcp", ground.sip()));
}

#[test]
fn options_are_answered_over_tls_with_what_we_can() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    assert_capabilities(&mut ground.tls(), "sbc.lab.test");
}

#[test]
fn a_stranger_over_udp_hears_nothing() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let (mut stranger, mut caller) = (ground.udp(ground.stranger()), ground.udp(ground.caller()));
    stranger.ask("OPTIONS", "");
    stranger.ask("INVITE", "");
    stranger.send("OPTIONS sip:a@b SIP/2.0\r\nVia: nonsense\r\n\r\n");
    // Asked later on the same socket, so the stranger's turn is over when this is answered.
    caller.probe();
    assert!(stranger.is_quiet());
}

#[test]
fn a_stranger_over_tcp_is_closed_without_a_word() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let mut stranger = ground.tcp(ground.stranger());
    stranger.ask("OPTIONS", "");
    assert_eq!(stranger.next(), None);
    ground.tcp(ground.caller()).probe();
}

#[test]
fn a_keep_alive_on_a_stream_is_answered_before_what_follows_it() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let mut caller = ground.tcp(ground.caller());
    caller.send("\r\n\r\n");
    caller.ask("OPTIONS", "");
    assert!(caller.next().unwrap().0.starts_with("\r\nSIP/2.0 200"));
}
