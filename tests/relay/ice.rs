//! ICE-lite on loopback (MD-195..201): the far ends check as a full agent does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trunkline::base::Secret;
use trunkline::media::plan::{EndpointPlan, IceCredentials, IcePlan};
use trunkline::media::verdict::DropReason;
use trunkline::rtp::stun::{Class, Message};

use crate::bench::{Bench, Far, Opened, packet, payload, receive, secured, voice};
use crate::check::{Check, check};

const REST: Duration = Duration::from_secs(30);
const PASSWORD: &str = "aVeryGoodPasswordOf32Characters0";

fn ice(remote: Option<&str>) -> Option<IcePlan> {
    let local = IceCredentials { ufrag: "ours".into(), password: Secret::new(PASSWORD.to_owned()) };
    Some(IcePlan { local, remote_ufrag: remote.map(Arc::from) })
}

/// A secured leg with ICE that shares one port.
fn bypass(far: &Far, remote: Option<&str>) -> EndpointPlan {
    let mut plan = secured(far.plan(), 1, 2);
    if let Some(remote) = &mut plan.remote {
        remote.rtcp = remote.rtp;
    }
    EndpointPlan { ice: ice(remote), ..plan }
}

/// Sends a check and gives the address in its answer, which must be authentic.
fn checked(far: &Far, to: Opened, what: Check<'_>) -> SocketAddr {
    far.send(&check(what, PASSWORD), to);
    loop {
        let octets = receive(&far.rtp);
        if let Ok(answer) = Message::read(&octets) {
            assert!(answer.is_authentic(PASSWORD.as_bytes()) && answer.has_good_fingerprint());
            assert_eq!(answer.class, Class::Success);
            return answer.mapped_address().unwrap();
        }
    }
}

/// The next packet that is RTP.
fn media(far: &Far) -> Vec<u8> {
    loop {
        let octets = receive(&far.rtp);
        if octets[0] == 0x80 && octets[1] & 0x7f < 64 {
            return octets;
        }
    }
}

const PLAIN: Check<'static> = Check { username: "ours:forkA", priority: 100, nominates: false };
const NOMINATING: Check<'static> = Check { nominates: true, ..PLAIN };

#[test]
fn a_check_is_answered_in_place_with_the_address_it_came_from() {
    let mut bench = Bench::new(31_700, 2, REST);
    let (described, elsewhere) = (Far::new(), Far::new());
    let to = bench.open(bypass(&described, Some("forkA")));
    bench.settle();
    assert_eq!(checked(&elsewhere, to, PLAIN), elsewhere.rtp.local_addr().unwrap());
    bench.settle();
    assert_eq!(bench.counters().stun_answered, 1);
    bench.relay.stop();
}

#[test]
fn a_nominated_pair_gets_the_media_whether_named_before_or_after_the_description() {
    for (first, nominate_first) in [(31_710, true), (31_720, false)] {
        let mut bench = Bench::new(first, 2, REST);
        let (described, client, b) = (Far::new(), Far::new(), Far::new());
        let early = EndpointPlan { remote: None, ..bypass(&described, None) };
        let (to_a, to_b) = bench.call(early, b.plan());
        if nominate_first {
            checked(&client, to_a, NOMINATING);
        }
        bench.configure(to_a, bypass(&described, Some("forkA")));
        bench.settle();
        if !nominate_first {
            checked(&client, to_a, NOMINATING);
        }
        b.send(&packet(0, 1, 2, 7), to_b);
        let opened = voice(1).decrypt_rtp(&media(&client)).unwrap();
        assert_eq!(payload(&opened)[0], 7);
        bench.relay.stop();
    }
}

#[test]
fn of_several_forks_that_check_at_once_the_one_that_answers_is_heard_and_fed() {
    let mut bench = Bench::new(31_730, 2, REST);
    let (described, fork_a, fork_b, b) = (Far::new(), Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(EndpointPlan { remote: None, ..bypass(&described, None) }, b.plan());
    checked(&fork_a, to_a, NOMINATING);
    checked(&fork_b, to_a, Check { username: "ours:forkB", ..NOMINATING });
    bench.configure(to_a, bypass(&described, Some("forkB")));
    bench.settle();
    checked(&fork_a, to_a, Check { priority: u32::MAX, ..NOMINATING });
    b.send(&packet(0, 1, 2, 7), to_b);
    assert!(voice(1).decrypt_rtp(&media(&fork_b)).is_ok());
    bench.relay.stop();
}

#[test]
fn media_from_another_checked_pair_is_taken_and_moves_nothing() {
    let mut bench = Bench::new(31_740, 2, REST);
    let (described, client, relayed, b) = (Far::new(), Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(bypass(&described, Some("forkA")), b.plan());
    checked(&client, to_a, NOMINATING);
    checked(&relayed, to_a, Check { priority: 900, ..PLAIN });
    relayed.send(&voice(2).encrypt_rtp(&packet(0, 1, 1, 5)).unwrap(), to_a);
    assert_eq!(payload(&receive(&b.rtp))[0], 5);
    b.send(&packet(0, 1, 2, 7), to_b);
    assert!(voice(1).decrypt_rtp(&media(&client)).is_ok());
    bench.relay.stop();
}

#[test]
fn a_check_without_our_password_is_dropped_and_teaches_nothing() {
    let mut bench = Bench::new(31_750, 2, REST);
    let (described, stranger, b) = (Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(bypass(&described, Some("forkA")), b.plan());
    stranger.send(&check(NOMINATING, "aVeryBadPasswordOf32Characters00"), to_a);
    stranger.send(&check(Check { username: "hers:forkA", ..NOMINATING }, PASSWORD), to_a);
    let mut cut = check(NOMINATING, PASSWORD);
    cut.truncate(40);
    stranger.send(&cut, to_a);
    checked(&described, to_a, PLAIN);
    b.send(&packet(0, 1, 2, 7), to_b);
    assert!(voice(1).decrypt_rtp(&media(&described)).is_ok());
    stranger.rtp.set_nonblocking(true).unwrap();
    assert!(stranger.rtp.recv(&mut [0; 200]).is_err());
    let counters = bench.counters();
    assert_eq!(counters.dropped(DropReason::StunUnauthenticated), 2);
    assert_eq!(counters.dropped(DropReason::StunMalformed), 1);
    bench.relay.stop();
}

#[test]
fn after_a_restart_the_old_pair_is_fed_until_a_check_under_the_new_name() {
    let mut bench = Bench::new(31_760, 2, REST);
    let (described, old, new, b) = (Far::new(), Far::new(), Far::new(), Far::new());
    let (to_a, to_b) = bench.call(bypass(&described, Some("forkA")), b.plan());
    checked(&old, to_a, NOMINATING);
    let local = IceCredentials { ufrag: "next".into(), password: Secret::new(PASSWORD.to_owned()) };
    let restarted = IcePlan { local, remote_ufrag: Some("forkA2".into()) };
    bench.configure(to_a, EndpointPlan { ice: Some(restarted), ..bypass(&Far::new(), None) });
    bench.settle();
    let mut opener = voice(1);
    b.send(&packet(0, 1, 2, 7), to_b);
    assert!(opener.decrypt_rtp(&media(&old)).is_ok());
    checked(&old, to_a, PLAIN);
    checked(&new, to_a, Check { username: "next:forkA2", ..NOMINATING });
    b.send(&packet(0, 2, 2, 8), to_b);
    assert!(opener.decrypt_rtp(&media(&new)).is_ok());
    bench.relay.stop();
}

#[test]
fn without_rtcp_mux_the_second_component_is_checked_on_its_own_port() {
    let mut bench = Bench::new(31_770, 2, REST);
    let (described, client, b) = (Far::new(), Far::new(), Far::new());
    let plan = EndpointPlan { ice: ice(Some("forkA")), ..secured(described.plan(), 1, 2) };
    let (to_a, to_b) = bench.call(plan, b.plan());
    checked(&client, to_a, NOMINATING);
    client.rtcp.send_to(&check(NOMINATING, PASSWORD), to_a.rtcp()).unwrap();
    assert!(Message::read(&receive(&client.rtcp)).is_ok());
    b.send(&packet(0, 1, 2, 7), to_b);
    let mut opener = voice(1);
    assert!(opener.decrypt_rtp(&media(&client)).is_ok());
    assert_eq!(opener.decrypt_rtcp(&receive(&client.rtcp)).unwrap()[1], 200);
    bench.relay.stop();
}

#[test]
fn a_leg_without_ice_answers_no_check() {
    let mut bench = Bench::new(31_780, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let (to_a, _) = bench.call(a.plan(), b.plan());
    a.send(&check(NOMINATING, PASSWORD), to_a);
    a.send(&packet(0, 1, 1, 1), to_a);
    receive(&b.rtp);
    assert_eq!(bench.counters().dropped(DropReason::NotRtp), 1);
    bench.relay.stop();
}
