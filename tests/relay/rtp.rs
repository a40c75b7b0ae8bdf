//! Plain RTP on both legs.

use std::net::UdpSocket;
use std::time::Duration;

use trunkline::media::plan::{Flowing, MediaCommand, MediaEvent, SourceRule};
use trunkline::media::verdict::DropReason;

use crate::bench::{Bench, Far, packet, payload, receive, sequence, ssrc};

const REST: Duration = Duration::from_secs(30);

#[test]
fn audio_goes_both_ways_with_its_payload_and_order() {
    let mut bench = Bench::new(31_000, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    for step in 0..5u16 {
        a.send(&packet(0, 100 + step, 1, step as u8), to_a);
        b.send(&packet(0, 900 + step, 2, 50 + step as u8), to_b);
    }
    let at_b: Vec<_> = (0..5).map(|_| receive(&b.rtp)).collect();
    let at_a: Vec<_> = (0..5).map(|_| receive(&a.rtp)).collect();
    for step in 0..5u16 {
        assert_eq!(payload(&at_b[usize::from(step)]), [step as u8; 160]);
        assert_eq!(payload(&at_a[usize::from(step)]), [50 + step as u8; 160]);
        assert_eq!(sequence(&at_b[usize::from(step)]), sequence(&at_b[0]) + step);
    }
    let counts = bench.close(to_a);
    assert_eq!((counts.received, counts.received_octets, counts.sent, counts.lost), (5, 800, 5, 0));
    bench.relay.stop();
}

#[test]
fn how_long_packets_wait_is_told() {
    let mut bench = Bench::new(31_090, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(a.plan(), b.plan());
    bench.relay.longest_wait();
    // Until the worker has dealt with what came.
    let waited = (0..60_000u16).find_map(|step| {
        a.send(&packet(0, step, 1, 1), to_a);
        receive(&b.rtp);
        Some(bench.relay.longest_wait()).filter(|waited| !waited.is_zero())
    });
    assert!(waited.is_some_and(|waited| waited < Duration::from_secs(10)), "{waited:?}");
    bench.relay.stop();
}

#[test]
fn payload_types_are_mapped_and_what_has_no_counterpart_is_dropped() {
    let mut bench = Bench::new(31_010, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let mut plan = a.plan();
    plan.payloads.0[101] = 96;
    plan.payloads.0[13] = 255;
    let (to_a, _) = bench.call(plan, b.plan());
    a.send(&packet(13, 1, 1, 0), to_a);
    a.send(&packet(101, 2, 1, 7), to_a);
    let got = receive(&b.rtp);
    assert_eq!((got[1] & 0x7f, payload(&got)[0]), (96, 7));
    assert_eq!(bench.counters().dropped(DropReason::PayloadNotCarried), 1);
    bench.relay.stop();
}

#[test]
fn a_stranger_is_not_heard_and_gets_nothing() {
    let mut bench = Bench::new(31_020, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&packet(0, 1, 9, 0xee), to_a.rtp()).unwrap();
    a.send(&packet(0, 2, 1, 1), to_a);
    b.send(&packet(0, 2, 2, 2), to_b);
    assert_eq!(payload(&receive(&b.rtp))[0], 1);
    assert_eq!(payload(&receive(&a.rtp))[0], 2);
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.recv(&mut [0; 100]).is_err());
    bench.relay.stop();
}

#[test]
fn a_far_end_behind_another_port_is_learnt_once_inside_its_range() {
    let mut bench = Bench::new(31_030, 2, REST);
    let (a, b, elsewhere, late) = (Far::new(), Far::new(), Far::new(), Far::new());
    let mut plan = a.plan();
    plan.sources = SourceRule::LearnOnce(vec!["127.0.0.0/8".parse().unwrap()].into());
    let (to_a, to_b) = bench.call(plan, b.plan());
    elsewhere.send(&packet(0, 1, 1, 1), to_a);
    assert_eq!(payload(&receive(&b.rtp))[0], 1);
    b.send(&packet(0, 1, 2, 2), to_b);
    assert_eq!(payload(&receive(&elsewhere.rtp))[0], 2);
    late.send(&packet(0, 2, 1, 3), to_a);
    elsewhere.send(&packet(0, 3, 1, 4), to_a);
    assert_eq!(payload(&receive(&b.rtp))[0], 4);
    assert_eq!(bench.counters().dropped(DropReason::UnknownSource), 1);
    bench.relay.stop();
}

#[test]
fn one_ssrc_and_sequence_line_goes_on_when_the_partner_changes() {
    let mut bench = Bench::new(31_040, 3, REST);
    let (a, b, c) = (Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    b.send(&packet(0, 60_000, 2, 1), to_b);
    let first = receive(&a.rtp);
    let to_c = bench.open(c.plan());
    bench.attach(to_a, to_c);
    bench.settle();
    b.send(&packet(0, 60_001, 2, 0xee), to_b);
    c.send(&packet(0, 7, 3, 2), to_c);
    let second = receive(&a.rtp);
    assert_eq!(payload(&second)[0], 2);
    assert_eq!((ssrc(&second), sequence(&second)), (ssrc(&first), sequence(&first) + 1));
    assert_eq!(bench.close(to_b).dropped, 1);
    bench.relay.stop();
}

#[test]
fn a_detached_endpoint_counts_and_drops_until_it_is_attached_again() {
    let mut bench = Bench::new(31_050, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    bench.relay.command(MediaCommand::Detach { endpoint: to_a.id, worker: to_a.lease.worker });
    bench.settle();
    a.send(&packet(0, 1, 1, 1), to_a);
    assert!(matches!(bench.event(), MediaEvent::FirstPacket { endpoint } if endpoint == to_a.id));
    bench.attach(to_a, to_b);
    bench.settle();
    a.send(&packet(0, 2, 1, 2), to_a);
    assert_eq!(payload(&receive(&b.rtp))[0], 2);
    assert_eq!(bench.counters().dropped(DropReason::NotAttached), 1);
    bench.relay.stop();
}

#[test]
fn on_hold_nothing_is_sent_and_nothing_is_taken() {
    let mut bench = Bench::new(31_060, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    let mut held = a.plan();
    held.flowing = Flowing { send: false, receive: false };
    bench.configure(to_a, held);
    bench.settle();
    a.send(&packet(0, 1, 1, 0xee), to_a);
    b.send(&packet(0, 1, 2, 0xee), to_b);
    assert!(matches!(bench.event(), MediaEvent::FirstPacket { .. }));
    assert!(matches!(bench.event(), MediaEvent::FirstPacket { .. }));
    bench.configure(to_a, a.plan());
    bench.settle();
    a.send(&packet(0, 2, 1, 5), to_a);
    b.send(&packet(0, 2, 2, 6), to_b);
    assert_eq!((payload(&receive(&b.rtp))[0], payload(&receive(&a.rtp))[0]), (5, 6));
    let counters = bench.counters();
    assert_eq!((counters.dropped(DropReason::ReceivingOff), counters.dropped(DropReason::SendingOff)), (1, 1));
    bench.relay.stop();
}

#[test]
fn the_first_packet_is_told_once() {
    let mut bench = Bench::new(31_070, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(a.plan(), b.plan());
    a.send(&packet(0, 1, 1, 1), to_a);
    a.send(&packet(0, 2, 1, 1), to_a);
    receive(&b.rtp);
    receive(&b.rtp);
    assert!(matches!(bench.event(), MediaEvent::FirstPacket { endpoint } if endpoint == to_a.id));
    bench.relay.command(MediaCommand::Close { endpoint: to_a.id, lease: to_a.lease });
    assert!(matches!(bench.event(), MediaEvent::Closed { .. }));
    bench.relay.stop();
}

#[test]
fn silence_is_told_when_nothing_comes() {
    let mut bench = Bench::new(31_080, 2, REST);
    let a = Far::new();
    let mut plan = a.plan();
    plan.silence = Some(Duration::from_millis(1));
    let to_a = bench.open(plan);
    assert!(matches!(bench.event(), MediaEvent::Silent { endpoint } if endpoint == to_a.id));
    bench.relay.stop();
}
