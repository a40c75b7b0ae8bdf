//! Reports: they end at their leg, and ours go out whatever the other side does (MD-181).

use std::time::Duration;

use trunkline::media::plan::Flowing;
use trunkline::media::verdict::DropReason;

use crate::bench::{Bench, Far, packet, receive, secured, ssrc, voice};

const REST: Duration = Duration::from_secs(30);

/// A sender report of `sender` with one block about `about`.
pub fn report(sender: u32, about: u32, highest: u32) -> Vec<u8> {
    let words = [sender, 0x0001_0203, 0x0405_0607, 160, 9, 9, about, 0x0000_0007, highest, 0, 0, 0];
    let mut report = vec![0x81, 200, 0, 12];
    report.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    report
}

fn word(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(packet[at..at + 4].try_into().unwrap())
}

/// The next compound whose first packet is of this type; others are of an earlier state.
pub fn compound(far: &Far, packet_type: u8) -> Vec<u8> {
    loop {
        let compound = receive(&far.rtcp);
        if compound[1] == packet_type {
            return compound;
        }
    }
}

#[test]
fn a_far_end_gets_sender_reports_of_what_it_hears_though_nobody_else_reports() {
    let mut bench = Bench::new(31_300, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(a.plan(), b.plan());
    (0..3).for_each(|step| a.send(&packet(0, step, 0xaaaa, 1), to_a));
    let heard = [receive(&b.rtp), receive(&b.rtp), receive(&b.rtp)];
    let report = compound(&b, 200);
    assert_eq!(word(&report, 4), ssrc(&heard[0]));
    assert_eq!((word(&report, 20), word(&report, 24)), (3, 480));
    let behind = word(&report, 16).wrapping_sub(word(&heard[2], 4));
    assert!(behind < 16_000, "the timestamp is that of now: {behind} units after the last packet");
    bench.relay.stop();
}

#[test]
fn a_far_end_that_only_speaks_is_told_what_was_heard_of_it() {
    let mut bench = Bench::new(31_310, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    [65_534, 65_535, 1].into_iter().for_each(|step| a.send(&packet(0, step, 0xaaaa, 1), to_a));
    a.rtcp.send_to(&report(0xaaaa, 0, 0), to_a.rtcp()).unwrap();
    (0..3).for_each(|_| drop(receive(&b.rtp)));
    b.send(&packet(0, 1, 0xbbbb, 1), to_b);
    receive(&a.rtp);
    let report = compound(&a, 200);
    assert_eq!((report[0] & 31, word(&report, 28)), (1, 0xaaaa));
    assert_eq!(word(&report, 32), 64 << 24 | 1, "one of four is lost");
    assert_eq!(word(&report, 36), 65_537);
    assert_eq!(word(&report, 44), 0x0203_0405, "the middle of the sender report that came");
    bench.relay.stop();
}

#[test]
fn a_silent_held_leg_gets_receiver_reports() {
    let mut bench = Bench::new(31_320, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let mut held = a.plan();
    held.flowing = Flowing { send: false, receive: false };
    bench.call(held, b.plan());
    let report = compound(&a, 201);
    assert_eq!((report[0] & 31, report[9]), (0, 202));
    bench.relay.stop();
}

#[test]
fn reports_are_sealed_on_a_secured_leg_and_opened_from_it() {
    let mut bench = Bench::new(31_330, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let (mut from_us, mut to_us) = (voice(1), voice(2));
    b.send(&packet(0, 1, 0xbbbb, 1), to_b);
    let heard = ssrc(&receive(&a.rtp));
    let plain = from_us.decrypt_rtcp(&compound(&a, 200)).unwrap();
    assert_eq!((plain[1], word(&plain, 4)), (200, heard));
    a.rtcp.send_to(&to_us.encrypt_rtcp(&report(0xaaaa, heard, 0)).unwrap(), to_a.rtcp()).unwrap();
    bench.settle();
    let counts = bench.close(to_a);
    assert_eq!((counts.rtcp_received, counts.lost_there), (1, 7));
    bench.relay.stop();
}

#[test]
fn an_unencrypted_report_on_a_secured_leg_is_dropped() {
    let mut bench = Bench::new(31_340, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(secured(a.plan(), 1, 2), b.plan());
    let mut to_us = voice(2);
    let forged = [&report(0xaaaa, 0, 0)[..], &[0, 0, 0, 9], &[0; 10]].concat();
    a.rtcp.send_to(&forged, to_a.rtcp()).unwrap();
    a.send(&to_us.encrypt_rtp(&packet(0, 1, 0xaaaa, 1)).unwrap(), to_a);
    receive(&b.rtp);
    assert_eq!(bench.counters().dropped(DropReason::RtcpUnencrypted), 1);
    assert_eq!(bench.close(to_a).rtcp_received, 0);
    bench.relay.stop();
}

#[test]
fn reports_share_the_port_of_a_far_end_that_multiplexes() {
    let mut bench = Bench::new(31_350, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let mut plan = a.plan();
    if let Some(remote) = &mut plan.remote {
        remote.rtcp = remote.rtp;
    }
    let (to_a, to_b) = bench.call(plan, b.plan());
    b.send(&packet(0, 1, 0xbbbb, 1), to_b);
    let first = receive(&a.rtp);
    let shared = if first[1] == 0 { receive(&a.rtp) } else { first };
    assert!(matches!(shared[1], 200 | 201));
    a.send(&report(0xaaaa, 0, 0), to_a);
    a.send(&packet(0, 1, 0xaaaa, 1), to_a);
    receive(&b.rtp);
    assert_eq!(bench.close(to_a).rtcp_received, 1);
    bench.relay.stop();
}

#[test]
fn the_last_report_of_a_call_says_goodbye() {
    let mut bench = Bench::new(31_360, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    a.send(&packet(0, 1, 0xaaaa, 1), to_a);
    let heard = receive(&b.rtp);
    bench.close(to_b);
    let last = loop {
        let compound = receive(&b.rtcp);
        if compound[compound.len() - 7] == 203 {
            break compound;
        }
    };
    assert_eq!(word(&last, last.len() - 4), ssrc(&heard));
    bench.relay.stop();
}
