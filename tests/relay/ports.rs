//! The life of a port pair.

use std::sync::Arc;
use std::time::Duration;

use trunkline::base::ids::EndpointId;
use trunkline::media::plan::{MediaCommand, MediaEvent};
use trunkline::media::verdict::DropReason;

use crate::bench::{Bench, Far, NETWORK, packet, payload, receive};

const REST: Duration = Duration::from_secs(3600);

#[test]
fn a_closed_pair_rests_and_late_packets_of_the_call_are_dropped() {
    let mut bench = Bench::new(31_400, 3, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    bench.close(to_a);
    a.send(&packet(0, 1, 1, 0xee), to_a);
    // Another endpoint's packet, sent later on the same thread's sockets, proves that the late one was read.
    let other = bench.open(a.plan());
    bench.attach(other, to_b);
    bench.settle();
    a.send(&packet(0, 2, 1, 2), other);
    assert_eq!(payload(&receive(&b.rtp))[0], 2);
    let counters = bench.counters();
    assert_eq!(counters.dropped(DropReason::NotOpen), 1);
    assert_eq!((counters.ports_bound, counters.ports_leased, counters.ports_resting), (3, 2, 1));
    bench.relay.stop();
}

#[test]
fn a_rested_pair_is_ready_again() {
    let mut bench = Bench::new(31_410, 1, Duration::ZERO);
    let a = Far::new();
    let opened = bench.open(a.plan());
    bench.close(opened);
    assert_eq!(bench.lease(), opened.lease);
    bench.relay.stop();
}

#[test]
fn a_pair_given_back_unopened_need_not_rest() {
    let mut bench = Bench::new(31_420, 1, REST);
    let lease = bench.lease();
    bench.relay.command(MediaCommand::Return { lease });
    assert_eq!(bench.lease(), lease);
    bench.relay.stop();
}

#[test]
fn a_range_that_is_used_up_is_told_and_a_resting_pair_is_used_early() {
    let mut bench = Bench::new(31_430, 1, REST);
    let a = Far::new();
    let opened = bench.open(a.plan());
    bench.relay.command(MediaCommand::Refill { network: NETWORK, count: 1 });
    assert!(matches!(bench.event(), MediaEvent::Exhausted { network } if network == NETWORK));
    bench.close(opened);
    bench.relay.command(MediaCommand::Refill { network: NETWORK, count: 1 });
    assert_eq!(bench.lease(), opened.lease);
    assert_eq!(bench.counters().rests_cut_short, 1);
    bench.relay.stop();
}

#[test]
fn many_pairs_are_made_ready_some_at_a_time() {
    let mut bench = Bench::new(24_600, 80, REST);
    let announced = [bench.announced(), bench.announced(), bench.announced()];
    assert_eq!(announced, [32, 32, 16], "the first of them serve while the last are bound");
    bench.relay.stop();
}

#[test]
fn a_port_of_another_program_is_passed_over() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:31441").unwrap();
    let mut bench = Bench::with_ready(31_440, 2, REST, 1);
    assert_eq!(bench.lease().rtp_port, 31_442);
    drop(taken);
    bench.relay.stop();
}

#[test]
fn an_open_on_a_pair_in_use_changes_nothing_and_its_close_is_answered() {
    let mut bench = Bench::new(31_450, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(a.plan(), b.plan());
    let endpoint = EndpointId(777);
    bench.relay.command(MediaCommand::Open { endpoint, lease: to_a.lease, plan: Arc::new(b.plan()) });
    bench.relay.command(MediaCommand::Close { endpoint, lease: to_a.lease });
    assert!(matches!(bench.event(), MediaEvent::Closed { endpoint: closed, .. } if closed == endpoint));
    a.send(&packet(0, 1, 1, 3), to_a);
    assert_eq!(payload(&receive(&b.rtp))[0], 3);
    assert!(bench.counters().commands_misfit >= 1);
    bench.relay.stop();
}

#[test]
fn workers_share_one_range_and_ask_each_other_before_it_is_used_up() {
    let mut bench = Bench::with_workers(2, 31_460, 5, REST, 2);
    let mut leases = vec![bench.lease(), bench.lease()];
    assert_ne!(leases[0].worker, leases[1].worker);
    bench.relay.command(MediaCommand::Refill { network: NETWORK, count: 3 });
    leases.extend([bench.lease(), bench.lease(), bench.lease()]);
    bench.relay.command(MediaCommand::Refill { network: NETWORK, count: 1 });
    assert!(matches!(bench.event(), MediaEvent::Exhausted { .. }));
    let ports: std::collections::BTreeSet<u16> = leases.iter().map(|lease| lease.rtp_port).collect();
    assert_eq!(ports, [31_460, 31_462, 31_464, 31_466, 31_468].into());
    bench.relay.stop();
}

#[test]
fn a_pair_used_again_hears_its_new_far_end() {
    let mut bench = Bench::new(31_470, 2, Duration::ZERO);
    let (a, b, c) = (Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(a.plan(), b.plan());
    a.send(&packet(0, 1, 1, 1), to_a);
    receive(&b.rtp);
    bench.close(to_a);
    let to_c = bench.open(c.plan());
    assert_eq!(to_c.lease, to_a.lease);
    bench.attach(to_c, to_b);
    bench.settle();
    c.send(&packet(0, 1, 3, 3), to_c);
    assert_eq!(payload(&receive(&b.rtp))[0], 3);
    b.send(&packet(0, 1, 2, 4), to_b);
    assert_eq!(payload(&receive(&c.rtp))[0], 4);
    bench.relay.stop();
}
