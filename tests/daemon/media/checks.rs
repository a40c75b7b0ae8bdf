//! MD-197: whoever has our INVITE may check connectivity at once, several forks of it beside each other; without our
//! password nobody is answered, and before the answer no media is taken.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::check::{Check, check};
use super::party::Party;
use super::talk::{counter, ground};
use super::voice::Voice;
use crate::ground::Ground;
use crate::text::Message;

const SUCCESS: [u8; 2] = [0x01, 0x01];
const REPEAT: Duration = Duration::from_millis(500);
const REPEATS: usize = 60;

fn value<'t>(message: &'t Message, attribute: &str) -> &'t str {
    message.body().lines().find_map(|line| line.strip_prefix(attribute)).expect(attribute)
}

/// A fork's check, repeated as an agent does, until it is answered where it came from (RFC 8445 14.3).
fn answered(ground: &Ground, to: SocketAddr, username: &str, password: &str) {
    let socket = UdpSocket::bind((ground.callee(), 0)).unwrap();
    socket.set_read_timeout(Some(REPEAT)).unwrap();
    let mut answer = [0; 256];
    for _ in 0..REPEATS {
        socket.send_to(&check(Check { username, priority: 1, nominates: false }, password), to).unwrap();
        if let Ok((length, from)) = socket.recv_from(&mut answer) {
            assert_eq!((&answer[..2], from), (&SUCCESS[..], to));
            return assert_eq!(answer[8..20], *b"transaction!", "{length}");
        }
    }
    panic!("{username} was never answered");
}

#[test]
fn checks_of_several_forks_are_answered_before_any_of_them_says_a_word() {
    let ground = ground("{ security = \"srtp\" }", "{ security = \"srtp\", ice = \"lite\" }");
    let _running = ground.start();
    let mut caller = Party::caller(&ground, Voice::secured(1, 100));
    let mut callee = Party::callee(&ground, Voice::secured(2, 100));
    let sdp = caller.sdp();
    caller.peer.ask("INVITE", &sdp);
    let offered = callee.peer.expect("INVITE ");
    let (ufrag, password) = (value(&offered, "a=ice-ufrag:"), value(&offered, "a=ice-pwd:"));
    let to = offered.media();
    for fork in ["forkA", "forkB"] {
        answered(&ground, to, &format!("{ufrag}:{fork}"), password);
    }
    let stranger = UdpSocket::bind((ground.stranger(), 0)).unwrap();
    let forged = Check { username: &format!("{ufrag}:forkA"), priority: 1, nominates: true };
    stranger.send_to(&check(forged, "guessed-password-000000"), to).unwrap();
    stranger.send_to(&[[0x80, 8].as_slice(), &[0; 170]].concat(), to).unwrap();
    // On the same socket, so what came before it has been looked at.
    answered(&ground, to, &format!("{ufrag}:forkB"), password);
    assert_eq!(counter(&ground, "sbc_media_drops_total", "stun_unauthenticated"), 1);
    assert_eq!(counter(&ground, "sbc_media_drops_total", "unknown_source"), 1);
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv_from(&mut [0; 16]).is_err());
    callee.peer.send(offered.respond("486 Busy Here", callee.peer.own, ""));
    callee.peer.expect("ACK ");
    caller.peer.expect("SIP/2.0 486");
    ground.until(|ground| {
        if ground.get("/metrics").contains("\nsbc_streams 0\n") { Ok(()) } else { Err("the port stays open".into()) }
    });
}
