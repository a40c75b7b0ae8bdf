//! Packets that were authentic once and come again are forwarded never (issue 4; RFC 3711 3.3.2).

use std::net::UdpSocket;

use super::figure;
use super::party::Party;
use super::talk::{Change, Talk, counter, ground};
use super::voice::{Rollover, Voice};
use crate::ground::Ground;

/// Few enough for a socket's queue; the genuine packet behind them shows that they were looked at.
const BURST: u64 = 50;
const SRTP: &str = "{ security = \"srtp\" }";

/// Replays known packets, from where they came and from a third host, with a genuine one behind each burst.
fn replay(talk: &mut Talk, stranger: &UdpSocket, known: &[Vec<u8>], bursts: u64, at: &mut usize) {
    for _ in 0..bursts {
        for n in 0..BURST {
            *at = (*at + 1) % known.len();
            match n % 2 {
                0 => talk.parties[0].send(&known[*at]),
                _ => drop(stranger.send_to(&known[*at], talk.parties[0].towards).unwrap()),
            }
        }
        talk.tick();
    }
}

fn dropped(ground: &Ground) -> u64 {
    ["\"replayed\"", "\"stale\"", "\"unauthenticated\""].iter().map(|why| counter(ground, "sbc_media_drops", why)).sum()
}

fn proof(bursts: u64) {
    let ground = ground(SRTP, SRTP);
    let _running = ground.start();
    let stranger = UdpSocket::bind((ground.stranger(), 0)).unwrap();
    stranger.set_nonblocking(true).unwrap();
    let (a, b) = (Voice::secured(1, 65_000), Voice::secured(2, 100));
    let mut talk = Talk::begin(Party::caller(&ground, a), Party::callee(&ground, b), || {});
    talk.warm_up();
    // Over the first wrap of the sequence, so that old packets have another roll-over counter.
    let mut known = Vec::new();
    for _ in 0..1000 {
        let (number, packet) = talk.parties[0].voice.next();
        talk.parties[0].send(&packet);
        talk.expect(0, number);
        known.push(packet);
    }
    let (before, mut at) = (dropped(&ground), 0);
    for change in [Change::SameKey, Change::NewKey(Rollover::Kept), Change::Hold("sendonly"), Change::Resume] {
        replay(&mut talk, &stranger, &known, bursts / 4, &mut at);
        talk.reinvite(0, change);
    }
    let replayed = bursts / 4 * 4 * BURST;
    talk.settle();
    let refused = dropped(&ground) - before;
    let talk = talk.end(&ground);
    let (lost, twice) = (talk.ways[0].lost() + talk.ways[1].lost(), talk.parties[1].ear.twice);
    let foreign = talk.ways[0].unsent() as u64 + talk.repeats();
    figure(
        "replayed packets",
        format!("{replayed}, of which dropped by name {refused}"),
        "1000000, all",
        "issue 4, Proof",
    );
    figure("of them forwarded", foreign + twice, "0", "issue 4, Proof");
    figure("genuine packets lost meanwhile", format!("{lost} of {}", talk.ways[0].sent.len()), "0", "issue 4, Proof");
    assert_eq!((refused, foreign, twice, lost), (replayed, 0, 0, 0));
    assert!(stranger.recv_from(&mut [0; 16]).is_err(), "the third host was sent something");
}

#[test]
fn replayed_packets_go_nowhere_whoever_sends_them() {
    proof(200);
}

#[test]
#[ignore = "long: tests/reliability/run replay"]
fn of_a_million_replayed_packets_none_is_forwarded() {
    proof(20_000);
}
