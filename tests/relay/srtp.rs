//! SRTP on one leg, plain RTP on the other.

use std::time::Duration;

use trunkline::media::plan::SrtpSuite;
use trunkline::media::verdict::DropReason;

use crate::bench::{Bench, Far, packet, payload, receive, secured, secured_with, sequence, ssrc, voice, voice_of};
use crate::rtcp::{compound, report};

const REST: Duration = Duration::from_secs(30);

#[test]
fn a_secured_leg_and_a_plain_leg_hear_each_other() {
    let mut bench = Bench::new(31_100, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let (mut from_us, mut to_us) = (voice(1), voice(2));
    for step in 0..3u16 {
        a.send(&to_us.encrypt_rtp(&packet(0, 65_534u16.wrapping_add(step), 1, step as u8)).unwrap(), to_a);
        assert_eq!(payload(&receive(&b.rtp)), [step as u8; 160]);
        b.send(&packet(8, 65_534u16.wrapping_add(step), 2, 9 + step as u8), to_b);
        let sealed = receive(&a.rtp);
        assert_ne!(payload(&sealed)[..160], [9 + step as u8; 160]);
        assert_eq!(payload(&from_us.decrypt_rtp(&sealed).unwrap()), [9 + step as u8; 160]);
    }
    assert_eq!(bench.close(to_a).unauthenticated, 0);
    bench.relay.stop();
}

#[test]
fn two_legs_of_other_suites_hear_each_other_in_packets_and_reports() {
    let mut bench = Bench::new(31_150, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let [gcm, short] = [SrtpSuite::AeadAes256Gcm, SrtpSuite::AesCm128HmacSha1_32];
    let (to_a, to_b) = bench.call(secured_with(a.plan(), gcm, 1, 2), secured_with(b.plan(), short, 3, 4));
    let [mut a_hears, mut a_speaks] = [1, 2].map(|fill| voice_of(gcm, fill));
    let [mut b_hears, mut b_speaks] = [3, 4].map(|fill| voice_of(short, fill));
    a.send(&a_speaks.encrypt_rtp(&packet(0, 7, 1, 5)).unwrap(), to_a);
    assert_eq!(payload(&b_hears.decrypt_rtp(&receive(&b.rtp)).unwrap()), [5; 160]);
    b.send(&b_speaks.encrypt_rtp(&packet(0, 7, 2, 6)).unwrap(), to_b);
    let heard = a_hears.decrypt_rtp(&receive(&a.rtp)).unwrap();
    assert_eq!(payload(&heard), [6; 160]);
    let ours = a_hears.decrypt_rtcp(&compound(&a, 200)).unwrap();
    assert_eq!((ours[1], &ours[4..8]), (200, &ssrc(&heard).to_be_bytes()[..]));
    assert_eq!(b_hears.decrypt_rtcp(&compound(&b, 200)).unwrap()[1], 200);
    a.rtcp.send_to(&a_speaks.encrypt_rtcp(&report(1, ssrc(&heard), 0)).unwrap(), to_a.rtcp()).unwrap();
    b.rtcp.send_to(&b_speaks.encrypt_rtcp(&report(2, 0, 0)).unwrap(), to_b.rtcp()).unwrap();
    bench.settle();
    let [a_counts, b_counts] = [to_a, to_b].map(|leg| bench.close(leg));
    assert_eq!((a_counts.rtcp_received, a_counts.lost_there), (1, 7));
    assert_eq!((b_counts.rtcp_received, b_counts.lost_there), (1, 0));
    bench.relay.stop();
}

#[test]
fn a_forged_packet_goes_nowhere_and_moves_nothing() {
    let mut bench = Bench::new(31_110, 2, REST);
    let (a, b, stranger) = (Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let mut to_us = voice(2);
    stranger.send(&voice(3).encrypt_rtp(&packet(0, 21_000, 1, 0xee)).unwrap(), to_a);
    stranger.send(&packet(0, 21_000, 1, 0xee), to_a);
    a.send(&to_us.encrypt_rtp(&packet(0, 1000, 1, 1)).unwrap(), to_a);
    assert_eq!(payload(&receive(&b.rtp))[0], 1);
    b.send(&packet(0, 1, 2, 2), to_b);
    assert!(voice(1).decrypt_rtp(&receive(&a.rtp)).is_ok());
    assert_eq!(bench.counters().dropped(DropReason::Unauthenticated), 2);
    assert_eq!(bench.close(to_a).unauthenticated, 2);
    bench.relay.stop();
}

#[test]
fn a_replayed_packet_is_forwarded_once_and_does_not_move_the_far_end() {
    let mut bench = Bench::new(31_120, 2, REST);
    let (a, b, stranger) = (Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let mut to_us = voice(2);
    let first = to_us.encrypt_rtp(&packet(0, 1, 1, 1)).unwrap();
    a.send(&first, to_a);
    stranger.send(&first, to_a);
    a.send(&to_us.encrypt_rtp(&packet(0, 2, 1, 2)).unwrap(), to_a);
    assert_eq!((payload(&receive(&b.rtp))[0], payload(&receive(&b.rtp))[0]), (1, 2));
    b.send(&packet(0, 1, 2, 2), to_b);
    receive(&a.rtp);
    assert_eq!(bench.counters().dropped(DropReason::Replayed), 1);
    bench.relay.stop();
}

#[test]
fn a_fresh_authentic_packet_from_another_port_moves_the_far_end() {
    let mut bench = Bench::new(31_130, 2, REST);
    let (a, b, moved) = (Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let mut to_us = voice(2);
    a.send(&to_us.encrypt_rtp(&packet(0, 1, 1, 1)).unwrap(), to_a);
    receive(&b.rtp);
    moved.send(&to_us.encrypt_rtp(&packet(0, 2, 1, 2)).unwrap(), to_a);
    receive(&b.rtp);
    b.send(&packet(0, 1, 2, 3), to_b);
    assert_eq!(payload(&voice(1).decrypt_rtp(&receive(&moved.rtp)).unwrap())[0], 3);
    bench.relay.stop();
}

#[test]
fn two_secured_legs_have_keys_of_their_own() {
    let mut bench = Bench::new(31_140, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(secured(a.plan(), 1, 2), secured(b.plan(), 3, 4));
    let mut to_us = voice(2);
    let mut sequences = Vec::new();
    let mut from_us = voice(3);
    for step in 0..4u16 {
        a.send(&to_us.encrypt_rtp(&packet(0, step, 1, step as u8)).unwrap(), to_a);
        let plain = from_us.decrypt_rtp(&receive(&b.rtp)).unwrap();
        assert_eq!(payload(&plain)[0], step as u8);
        sequences.push((ssrc(&plain), sequence(&plain)));
    }
    assert!(sequences.windows(2).all(|pair| pair[1] == (pair[0].0, pair[0].1 + 1)));
    bench.relay.stop();
}
