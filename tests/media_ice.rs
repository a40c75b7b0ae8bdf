//! ICE-lite without sockets: which check moves the far end, and which does not (MD-195..201).

#[path = "relay/check.rs"]
mod check;
#[path = "relay/plain.rs"]
mod plain;

use std::net::SocketAddr;
use std::time::Duration;

use check::{Check, check};
use plain::plain;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::EndpointId;
use trunkline::base::limits::ICE_CHECKED_PAIRS;
use trunkline::base::{Instant, Secret};
use trunkline::media::ice::credentials;
use trunkline::media::plan::{EndpointPlan, IceCredentials, IcePlan, Protection, RemoteMedia};
use trunkline::media::streams::Streams;
use trunkline::media::verdict::{DropReason, MediaPort, Slot, Verdict};
use trunkline::rtp::buffer::PacketBuffer;
use trunkline::rtp::srtp::{Outbound, SrtpMaster, SrtpSuite};
use trunkline::rtp::stun::{Class, Message};

const PASSWORD: &str = "aVeryGoodPasswordOf32Characters0";
const A: Slot = Slot(0);
const B: Slot = Slot(1);
const CHECK: Check<'static> = Check { username: "ours:them", priority: 100, nominates: false };

/// A leg with ICE, joined with a plain one that shows where packets for the first would go.
struct Bench {
    streams: Streams,
    entropy: SeededEntropy,
    buffer: PacketBuffer,
    sequence: u16,
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn plan(remote: &str, ice: Option<IcePlan>) -> EndpointPlan {
    let remote = RemoteMedia { rtp: at(remote), rtcp: at(remote) };
    EndpointPlan { ice, silence: Some(Duration::from_secs(30)), ..plain(remote) }
}

fn ice(ours: &str, theirs: &str) -> Option<IcePlan> {
    let local = IceCredentials { ufrag: ours.into(), password: Secret::new(PASSWORD.to_owned()) };
    Some(IcePlan { local, remote_ufrag: Some(theirs.into()) })
}

impl Bench {
    fn new() -> Bench {
        let mut bench = Bench {
            streams: Streams::default(),
            entropy: SeededEntropy::new(1),
            buffer: PacketBuffer::default(),
            sequence: 0,
        };
        for (slot, plan) in [(A, plan("9.9.9.9:10", ice("ours", "them"))), (B, plan("8.8.8.8:10", None))] {
            let id = EndpointId(slot.0.into());
            assert!(bench.streams.open(Instant::ZERO, slot, id, &plan, &mut bench.entropy));
        }
        assert!(bench.streams.attach(EndpointId(0), EndpointId(1)));
        bench
    }

    fn configure(&mut self, plan: &EndpointPlan) {
        assert!(self.streams.configure(Instant::ZERO, EndpointId(0), plan, &mut self.entropy));
    }

    fn take(&mut self, slot: Slot, source: &str, packet: &[u8]) -> Verdict {
        self.buffer.load(packet);
        let port = MediaPort::Rtp;
        self.streams.receive(Instant::ZERO, slot, port, at(source), &mut self.buffer, &mut Vec::new())
    }

    fn check(&mut self, source: &str, what: Check<'_>) {
        let verdict = self.take(A, source, &check(what, PASSWORD));
        assert_eq!(verdict, Verdict::Reply { port: MediaPort::Rtp, to: at(source) });
    }

    /// Where a packet of the partner goes.
    fn target(&mut self) -> SocketAddr {
        match self.voice(B, "8.8.8.8:10") {
            Verdict::Forward { to, .. } => to,
            other => panic!("{other:?}"),
        }
    }

    fn voice(&mut self, slot: Slot, source: &str) -> Verdict {
        self.sequence += 1;
        let mut packet = vec![0x80, 0];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend([0, 0, 1, 0, 0, 0, 0, 7, 1, 2, 3, 4]);
        self.take(slot, source, &packet)
    }
}

#[test]
fn before_nomination_the_checked_pair_of_highest_priority_is_fed_and_nomination_settles_it() {
    let mut bench = Bench::new();
    assert_eq!(bench.target(), at("9.9.9.9:10"));
    bench.check("7.7.7.7:1", CHECK);
    assert_eq!(bench.target(), at("7.7.7.7:1"));
    bench.check("7.7.7.7:2", Check { priority: 900, ..CHECK });
    assert_eq!(bench.target(), at("7.7.7.7:2"));
    bench.check("7.7.7.7:1", Check { nominates: true, ..CHECK });
    assert_eq!(bench.target(), at("7.7.7.7:1"));
    bench.check("7.7.7.7:2", Check { priority: 900, ..CHECK });
    assert_eq!(bench.target(), at("7.7.7.7:1"), "later checks of the other pair change nothing");
}

#[test]
fn media_is_taken_from_every_checked_pair_of_the_far_end_and_from_nobody_else() {
    let mut bench = Bench::new();
    bench.check("7.7.7.7:1", CHECK);
    bench.check("6.6.6.6:1", Check { username: "ours:other", ..CHECK });
    assert!(matches!(bench.voice(A, "7.7.7.7:1"), Verdict::Forward { .. }));
    assert_eq!(bench.voice(A, "6.6.6.6:1"), Verdict::Drop(DropReason::UnknownSource));
    assert_eq!(bench.voice(A, "5.5.5.5:1"), Verdict::Drop(DropReason::UnknownSource));
}

/// MD-199: with one place for RTP and RTCP, a report of the far end from elsewhere moves neither.
#[test]
fn an_authentic_report_from_elsewhere_does_not_move_a_nominated_pair() {
    let mut bench = Bench::new();
    let master =
        |octet: u8| SrtpMaster { suite: SrtpSuite::AesCm128HmacSha1_80, key_salt: Secret::new(vec![octet; 30]) };
    let keys = Protection::Srtp { local: master(1), remote: master(2) };
    bench.configure(&EndpointPlan { protection: keys, ..plan("9.9.9.9:10", ice("ours", "them")) });
    bench.check("7.7.7.7:1", Check { nominates: true, ..CHECK });
    assert_eq!(bench.target(), at("7.7.7.7:1"));
    let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    report.resize(64, 0);
    let octets = Outbound::new(&master(2)).expect("keys").seal_rtcp(&mut report, 8).expect("sealed");
    bench.buffer.load(&report[..octets]);
    let port = MediaPort::Rtcp;
    let verdict = bench.streams.receive(Instant::ZERO, A, port, at("5.5.5.5:1"), &mut bench.buffer, &mut Vec::new());
    assert_eq!(verdict, Verdict::Consumed);
    assert_eq!(bench.target(), at("7.7.7.7:1"));
}

#[test]
fn the_re_invite_after_nomination_leaves_the_pair_where_it_is() {
    let mut bench = Bench::new();
    bench.check("7.7.7.7:1", Check { nominates: true, ..CHECK });
    bench.configure(&plan("7.7.7.7:1", ice("ours", "them")));
    assert_eq!(bench.target(), at("7.7.7.7:1"));
    bench.configure(&plan("9.9.9.9:44", ice("ours", "them")));
    assert_eq!(bench.target(), at("7.7.7.7:1"), "what was proved counts, not what is written");
}

#[test]
fn another_far_end_under_our_old_name_is_where_it_says_until_it_has_checked() {
    let mut bench = Bench::new();
    bench.check("7.7.7.7:1", Check { nominates: true, ..CHECK });
    bench.configure(&plan("9.9.9.9:10", ice("ours", "next")));
    assert_eq!(bench.target(), at("9.9.9.9:10"));
    bench.check("6.6.6.6:1", Check { username: "ours:next", ..CHECK });
    assert_eq!(bench.target(), at("6.6.6.6:1"));
}

#[test]
fn a_check_cannot_point_media_into_a_special_range() {
    let mut bench = Bench::new();
    for inside in ["127.0.0.1:53", "10.0.0.5:5060", "169.254.169.254:80"] {
        bench.check(inside, Check { nominates: true, ..CHECK });
        assert_eq!(bench.target(), at("9.9.9.9:10"));
    }
}

/// Consent is by traffic: a far end that checks is there, though it says nothing.
#[test]
fn checks_are_a_sign_of_life_and_forged_ones_are_not() {
    let mut bench = Bench::new();
    let mut events = Vec::new();
    let after = |seconds| Instant::ZERO + Duration::from_secs(seconds);
    for (password, silent) in [(PASSWORD, 1), ("aVeryBadPasswordOf32Characters00", 2)] {
        bench.buffer.load(&check(CHECK, password));
        bench.streams.receive(after(29), A, MediaPort::Rtp, at("7.7.7.7:1"), &mut bench.buffer, &mut events);
        bench.streams.watch_silence(after(if silent == 1 { 31 } else { 59 }), &mut events);
        assert_eq!(events.len(), silent, "{events:?}");
    }
}

#[test]
fn the_table_of_pairs_is_bounded_and_the_nominated_one_stays() {
    let mut bench = Bench::new();
    bench.check("7.7.7.7:1", Check { nominates: true, ..CHECK });
    for port in 0..3 * u16::try_from(ICE_CHECKED_PAIRS).unwrap() {
        bench.check(&format!("6.6.6.6:{}", 100 + port), CHECK);
    }
    assert_eq!(bench.target(), at("7.7.7.7:1"));
    assert_eq!(bench.voice(A, "6.6.6.6:100"), Verdict::Drop(DropReason::UnknownSource), "forgotten");
    assert!(matches!(bench.voice(A, "7.7.7.7:1"), Verdict::Forward { .. }));
}

#[test]
fn a_far_end_that_calls_itself_controlled_is_told_of_the_conflict() {
    let mut bench = Bench::new();
    let controlled = check::controlled(CHECK, PASSWORD);
    assert!(matches!(bench.take(A, "7.7.7.7:1", &controlled), Verdict::Reply { .. }));
    let answer = Message::read(bench.buffer.packet()).unwrap();
    assert!(answer.class == Class::Error && answer.is_authentic(PASSWORD.as_bytes()));
    assert_eq!(bench.target(), at("9.9.9.9:10"));
}

#[test]
fn answers_and_indications_are_dropped_by_name() {
    let mut bench = Bench::new();
    for kind in [0x0011u16, 0x0101, 0x0111, 0x0003] {
        let mut message = check(CHECK, PASSWORD);
        message[..2].copy_from_slice(&kind.to_be_bytes());
        assert_eq!(bench.take(A, "7.7.7.7:1", &message), Verdict::Drop(DropReason::StunUnexpected));
    }
    assert_eq!(bench.take(B, "8.8.8.8:10", &check(CHECK, PASSWORD)), Verdict::Drop(DropReason::NotRtp));
}

#[test]
fn our_credentials_are_the_same_for_one_seed_and_differ_with_seed_and_restart() {
    let made = |seed: u8, restart| credentials(&Secret::new([seed; 32]), restart);
    assert_eq!(made(1, 0), made(1, 0));
    for other in [made(1, 1), made(2, 0)] {
        assert_ne!(other.ufrag, made(1, 0).ufrag);
        assert_ne!(other.password, made(1, 0).password);
    }
    assert_eq!((made(1, 0).ufrag.len(), made(1, 0).password.expose().len()), (8, 32));
}
