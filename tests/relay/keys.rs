//! Keys that change, and keys that do not, under running audio.

use std::time::Duration;

use trunkline::media::plan::Flowing;

use crate::bench::{Bench, Far, Opened, packet, payload, receive, secured, sequence, ssrc, voice};

const REST: Duration = Duration::from_secs(30);

/// Sends a packet of the secured far end and expects it at the plain one.
fn crosses(from: &Far, to_us: Opened, sealed: &[u8], at: &Far, fill: u8) {
    from.send(sealed, to_us);
    assert_eq!(payload(&receive(&at.rtp))[0], fill);
}

/// A voice that has sent packets up to the second turn of its sequence numbers, and its last sequence.
fn voice_in_its_third_turn(fill: u8) -> webrtc_srtp::context::Context {
    let mut voice = voice(fill);
    for sequence in [0u16, 30_000, 60_000, 20_000, 50_000, 10_000] {
        voice.encrypt_rtp(&packet(0, sequence, 1, 0)).unwrap();
    }
    voice
}

#[test]
fn hold_and_resume_with_the_same_keys_go_on_in_the_same_stream() {
    let mut bench = Bench::new(31_200, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let (mut from_us, mut to_us) = (voice(1), voice(2));
    crosses(&a, to_a, &to_us.encrypt_rtp(&packet(0, 10, 1, 1)).unwrap(), &b, 1);
    b.send(&packet(0, 1, 2, 1), to_b);
    let before = from_us.decrypt_rtp(&receive(&a.rtp)).unwrap();
    let mut held = secured(a.plan(), 1, 2);
    held.flowing = Flowing { send: false, receive: false };
    for plan in [held, secured(a.plan(), 1, 2)] {
        bench.configure(to_a, plan);
    }
    bench.settle();
    crosses(&a, to_a, &to_us.encrypt_rtp(&packet(0, 11, 1, 2)).unwrap(), &b, 2);
    b.send(&packet(0, 2, 2, 2), to_b);
    let after = from_us.decrypt_rtp(&receive(&a.rtp)).unwrap();
    assert_eq!((ssrc(&after), sequence(&after)), (ssrc(&before), sequence(&before) + 1));
    bench.relay.stop();
}

#[test]
fn a_far_end_that_keeps_its_counter_over_a_new_key_is_heard() {
    let mut bench = Bench::new(31_210, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let mut old = voice(2);
    for (step, sequence) in [0u16, 30_000, 60_000, 20_000, 50_000, 10_000].into_iter().enumerate() {
        crosses(&a, to_a, &old.encrypt_rtp(&packet(0, sequence, 1, step as u8)).unwrap(), &b, step as u8);
    }
    bench.configure(to_a, secured(a.plan(), 1, 5));
    bench.settle();
    crosses(&a, to_a, &old.encrypt_rtp(&packet(0, 10_001, 1, 11)).unwrap(), &b, 11);
    let mut new = voice_in_its_third_turn(5);
    crosses(&a, to_a, &new.encrypt_rtp(&packet(0, 10_002, 1, 12)).unwrap(), &b, 12);
    crosses(&a, to_a, &new.encrypt_rtp(&packet(0, 10_003, 1, 13)).unwrap(), &b, 13);
    assert_eq!(bench.close(to_a).unauthenticated, 0);
    bench.relay.stop();
}

#[test]
fn a_far_end_that_begins_again_at_zero_with_a_new_key_is_heard() {
    let mut bench = Bench::new(31_220, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let mut old = voice(2);
    for (step, sequence) in [0u16, 30_000, 60_000, 20_000, 50_000, 10_000].into_iter().enumerate() {
        crosses(&a, to_a, &old.encrypt_rtp(&packet(0, sequence, 1, step as u8)).unwrap(), &b, step as u8);
    }
    bench.configure(to_a, secured(a.plan(), 1, 5));
    bench.settle();
    let mut new = voice(5);
    crosses(&a, to_a, &new.encrypt_rtp(&packet(0, 10_001, 1, 12)).unwrap(), &b, 12);
    crosses(&a, to_a, &new.encrypt_rtp(&packet(0, 10_002, 1, 13)).unwrap(), &b, 13);
    bench.relay.stop();
}

#[test]
fn with_a_new_key_of_ours_our_ssrc_is_new_too() {
    let mut bench = Bench::new(31_230, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(secured(a.plan(), 1, 2), b.plan());
    b.send(&packet(0, 1, 2, 1), to_b);
    let before = voice(1).decrypt_rtp(&receive(&a.rtp)).unwrap();
    bench.configure(to_a, secured(a.plan(), 7, 2));
    bench.settle();
    b.send(&packet(0, 2, 2, 2), to_b);
    let after = voice(7).decrypt_rtp(&receive(&a.rtp)).unwrap();
    assert_ne!(ssrc(&after), ssrc(&before));
    bench.relay.stop();
}
