//! Endpoints without sockets, on invented time: packet in, verdict out.

#[path = "relay/plain.rs"]
mod plain;

use std::net::SocketAddr;
use std::time::Duration;

use plain::plain;
use rtcp::goodbye::Goodbye;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{SdesType, SourceDescription};
use trunkline::base::entropy::{Entropy, SeededEntropy};
use trunkline::base::ids::EndpointId;
use trunkline::base::{Instant, Secret};
use trunkline::media::plan::{
    ClockRate, EndpointPlan, Flowing, Keying, MediaEvent, Mki, OnRekey, Protection, RemoteMedia, SrtpMaster, SrtpSuite,
};
use trunkline::media::streams::Streams;
use trunkline::media::verdict::{DropReason, MediaPort, Slot, Verdict};
use trunkline::rtp::buffer::PacketBuffer;
use trunkline::rtp::packet::RtpHeader;
use trunkline::rtp::srtp::{Inbound, Outbound};

const A: (EndpointId, Slot) = (EndpointId(1), Slot(0));
const B: (EndpointId, Slot) = (EndpointId(2), Slot(5));

/// Two endpoints and the moment.
struct Bench {
    streams: Streams,
    entropy: SeededEntropy,
    now: Instant,
    buffer: PacketBuffer,
    events: Vec<MediaEvent>,
}

fn far(slot: Slot) -> SocketAddr {
    SocketAddr::from(([9, 9, 9, 9], 4000 + u16::try_from(slot.0).unwrap() * 10))
}

fn plan(slot: Slot, protection: Protection) -> EndpointPlan {
    let rtp = far(slot);
    let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
    EndpointPlan { protection, silence: Some(Duration::from_secs(30)), ..plain(RemoteMedia { rtp, rtcp }) }
}

fn key(fill: u8, octets: usize) -> SrtpMaster {
    SrtpMaster { suite: SrtpSuite::AesCm128HmacSha1_80, key_salt: Secret::new(vec![fill; octets]) }
}

fn secured() -> Protection {
    Protection::Srtp { local: key(1, 30), remote: key(2, 30) }
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 1, 0, 0, 0, 0, 7, 1, 2, 3, 4]);
    packet
}

impl Bench {
    fn new(a: Protection, b: Protection) -> Bench {
        let mut bench = Bench {
            streams: Streams::default(),
            entropy: SeededEntropy::new(1),
            now: Instant::from_nanos(1_000_000_000),
            buffer: PacketBuffer::default(),
            events: Vec::new(),
        };
        for ((id, slot), protection) in [(A, a), (B, b)] {
            assert!(bench.streams.open(bench.now, slot, id, &plan(slot, protection), &mut bench.entropy));
        }
        assert!(bench.streams.attach(A.0, B.0));
        bench
    }

    fn configure(&mut self, (id, _): (EndpointId, Slot), plan: &EndpointPlan) {
        assert!(self.streams.configure(self.now, id, plan, &mut self.entropy));
    }

    /// A packet from the far end of A, from its own address.
    fn a_sends(&mut self, packet: &[u8]) -> Verdict {
        self.sends((A.1, MediaPort::Rtp), far(A.1), packet)
    }

    fn sends(&mut self, (slot, port): (Slot, MediaPort), source: SocketAddr, packet: &[u8]) -> Verdict {
        self.buffer.load(packet);
        self.streams.receive(self.now, slot, port, source, &mut self.buffer, &mut self.events)
    }

    fn after(&mut self, seconds: u64) -> Vec<MediaEvent> {
        self.now = self.now + Duration::from_secs(seconds);
        self.events.clear();
        self.streams.watch_silence(self.now, &mut self.events);
        std::mem::take(&mut self.events)
    }
}

/// Who gets a report, in order, until `seconds` have passed.
fn reported(bench: &mut Bench, seconds: u64) -> Vec<(Duration, Slot, Vec<u8>)> {
    let (from, until) = (bench.now, bench.now + Duration::from_secs(seconds));
    let mut sent = Vec::new();
    while let Some(at) = bench.streams.next_report().filter(|at| *at <= until) {
        bench.now = bench.now.max(at);
        while let Some(verdict) = bench.streams.report(bench.now, &mut bench.buffer, &mut bench.entropy) {
            let Verdict::Forward { slot, port: MediaPort::Rtcp, to } = verdict else { panic!("{verdict:?}") };
            assert_eq!(to, SocketAddr::new(far(slot).ip(), far(slot).port() + 1));
            sent.push((bench.now - from, slot, bench.buffer.packet().to_vec()));
        }
    }
    bench.now = until;
    sent
}

/// The packet types a slot's far end got.
fn types(sent: &[(Duration, Slot, Vec<u8>)], slot: Slot) -> Vec<u8> {
    sent.iter().filter(|(_, to, _)| *to == slot).map(|(_, _, octets)| octets[1]).collect()
}

fn to_b() -> Verdict {
    Verdict::Forward { slot: B.1, port: MediaPort::Rtp, to: far(B.1) }
}

fn silent(events: &[MediaEvent]) -> Vec<EndpointId> {
    events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::Silent { endpoint } => Some(*endpoint),
            _ => None,
        })
        .collect()
}

#[test]
fn silence_is_told_once_and_again_after_the_next_packets() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    assert_eq!(bench.a_sends(&packet(1)), to_b());
    assert_eq!(silent(&bench.after(29)), []);
    assert_eq!(silent(&bench.after(1)), [A.0, B.0]);
    assert_eq!(silent(&bench.after(100)), []);
    bench.a_sends(&packet(2));
    assert!(
        matches!(bench.events.as_slice(), [MediaEvent::Heard { endpoint }] if *endpoint == A.0),
        "{:?}",
        bench.events
    );
    bench.a_sends(&packet(3));
    assert_eq!(bench.events.len(), 1, "told once");
    assert_eq!(silent(&bench.after(30)), [A.0]);
    assert_eq!(bench.streams.close(bench.now, A.0).unwrap().1.silences, 2);
}

#[test]
fn reports_are_a_sign_of_life() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.after(29);
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let source = SocketAddr::new(far(A.1).ip(), far(A.1).port() + 1);
    bench.sends((A.1, MediaPort::Rtcp), source, &report);
    assert_eq!(silent(&bench.after(2)), [B.0]);
}

/// RFC 3611 and RFC 3550 6.6: extended reports, feedback and a goodbye are taken with the compound they came in, and what
/// was agreed by signalling stands.
#[test]
fn extended_reports_and_a_goodbye_of_a_far_end_change_nothing() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.a_sends(&packet(1));
    let receiver_report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let extended = [0x80, 207, 0, 3, 0, 0, 0, 7, 4, 0, 0, 1, 1, 2, 3, 4];
    let feedback = [0x81, 206, 0, 2, 0, 0, 0, 7, 0, 0, 0, 9];
    let goodbye = [0x81, 203, 0, 1, 0, 0, 0, 7];
    let source = SocketAddr::new(far(A.1).ip(), far(A.1).port() + 1);
    for after in [&extended[..], &feedback[..], &goodbye[..]] {
        let compound = [&receiver_report[..], after].concat();
        assert_eq!(bench.sends((A.1, MediaPort::Rtcp), source, &compound), Verdict::Consumed);
    }
    assert_eq!(bench.a_sends(&packet(2)), to_b());
    let counts = bench.streams.close(bench.now, A.0).unwrap().1;
    assert_eq!((counts.rtcp_received, counts.dropped, counts.received), (3, 0, 2));
}

#[test]
fn reports_go_to_both_far_ends_for_ever_though_nobody_sends_anything() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    let sent = reported(&mut bench, 300);
    for slot in [A.1, B.1] {
        let times: Vec<Duration> = sent.iter().filter(|(_, to, _)| *to == slot).map(|(at, _, _)| *at).collect();
        assert!((50..=70).contains(&times.len()), "{}", times.len());
        assert!(times.windows(2).all(|pair| (2500..7500).contains(&(pair[1] - pair[0]).as_millis())));
    }
    assert!(sent.iter().all(|(_, _, octets)| octets[1] == 201));
}

#[test]
fn held_and_muted_legs_get_reports_too() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.a_sends(&packet(1));
    assert_eq!(types(&reported(&mut bench, 2), B.1), [200], "the first soon after the first packet");
    let held = Flowing { send: false, receive: false };
    bench.configure(B, &EndpointPlan { flowing: held, ..plan(B.1, Protection::Rtp) });
    let on_hold = types(&reported(&mut bench, 60), B.1);
    assert!(on_hold.len() >= 8 && on_hold[3..].iter().all(|kind| *kind == 201), "{on_hold:?}");
    bench.configure(B, &plan(B.1, Protection::Rtp));
    bench.a_sends(&packet(2));
    assert_eq!(types(&reported(&mut bench, 8), B.1)[0], 200);
}

#[test]
fn a_report_counts_what_went_out_under_its_ssrc_and_begins_anew_with_another() {
    let mut bench = Bench::new(Protection::Rtp, secured());
    (1..=5).for_each(|step| assert_eq!(bench.a_sends(&packet(step)), to_b()));
    let before = reported(&mut bench, 10);
    let mut opener = Inbound::new(&key(1, 30)).unwrap();
    let open = |octets: &[u8], opener: &mut Inbound| {
        let mut octets = octets.to_vec();
        opener.open_rtcp(&mut octets).unwrap();
        (octets[4..8].to_vec(), octets[23], octets[27])
    };
    let reports: Vec<_> = before.iter().filter(|(_, slot, _)| *slot == B.1).collect();
    let (ssrc, packets, octets) = open(&reports[0].2, &mut opener);
    assert_eq!((packets, octets), (5, 20));
    bench.configure(B, &plan(B.1, Protection::Srtp { local: key(3, 30), remote: key(2, 30) }));
    bench.a_sends(&packet(6));
    let after = reported(&mut bench, 10);
    let first = after.iter().find(|(_, slot, _)| *slot == B.1).unwrap();
    let (new_ssrc, packets, octets) = open(&first.2, &mut Inbound::new(&key(3, 30)).unwrap());
    assert_eq!((packets, octets), (1, 4));
    assert_ne!(new_ssrc, ssrc);
}

#[test]
fn where_our_ssrc_stays_over_a_new_key_its_report_counts_on() {
    for on_rekey in [OnRekey::KeepAll, OnRekey::KeepFromZero] {
        let mut bench = Bench::new(Protection::Rtp, secured());
        (1..=5).for_each(|step| assert_eq!(bench.a_sends(&packet(step)), to_b()));
        bench.configure(B, &rekeyed(3, on_rekey));
        bench.a_sends(&packet(6));
        let after = reported(&mut bench, 10);
        let mut first = after.into_iter().find(|(_, slot, _)| *slot == B.1).unwrap().2;
        Inbound::new(&key(3, 30)).unwrap().open_rtcp(&mut first).unwrap();
        assert_eq!((first[23], first[27]), (6, 24), "{on_rekey:?}");
    }
}

#[test]
fn another_reader_finds_in_our_report_what_we_meant() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    assert_eq!(bench.a_sends(&packet(1)), to_b());
    bench.sends((B.1, MediaPort::Rtp), far(B.1), &packet(50));
    bench.sends((B.1, MediaPort::Rtp), far(B.1), &packet(53));
    let sent = reported(&mut bench, 2);
    let mut octets = sent.iter().find(|(_, slot, _)| *slot == B.1).unwrap().2.as_slice();
    let read = rtcp::packet::unmarshal(&mut octets).unwrap();
    let report: &SenderReport = read[0].as_any().downcast_ref().unwrap();
    assert_eq!((report.packet_count, report.octet_count, report.reports.len()), (1, 4, 1));
    let block = &report.reports[0];
    assert_eq!((block.ssrc, block.total_lost, block.fraction_lost, block.last_sequence_number), (7, 2, 128, 53));
    let description: &SourceDescription = read[1].as_any().downcast_ref().unwrap();
    assert_eq!(description.chunks[0].source, report.ssrc);
    let item = &description.chunks[0].items[0];
    assert_eq!((item.sdes_type, item.text.len()), (SdesType::SdesCname, 24));
    bench.streams.farewell(B.0, &mut bench.buffer).unwrap();
    let read = rtcp::packet::unmarshal(&mut bench.buffer.packet()).unwrap();
    let goodbye: &Goodbye = read[2].as_any().downcast_ref().unwrap();
    assert_eq!(goodbye.sources, [report.ssrc]);
}

#[test]
fn an_endpoint_without_a_far_end_or_closed_reports_to_nobody() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.configure(B, &EndpointPlan { remote: None, ..plan(B.1, Protection::Rtp) });
    bench.streams.close(bench.now, A.0);
    assert_eq!(reported(&mut bench, 60), []);
}

#[test]
fn who_was_sent_nothing_is_told_no_goodbye() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    assert_eq!(bench.streams.farewell(B.0, &mut bench.buffer), None);
    bench.a_sends(&packet(1));
    assert!(bench.streams.farewell(B.0, &mut bench.buffer).is_some());
    assert_eq!(bench.streams.farewell(EndpointId(77), &mut bench.buffer), None);
}

#[test]
fn one_way_audio_shows_as_silence_as_long_as_the_call() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    for step in 0..20 {
        bench.a_sends(&packet(step));
        bench.after(1);
    }
    let [a, b] = [A.0, B.0].map(|id| bench.streams.close(bench.now, id).unwrap().1);
    assert_eq!((a.silence_ms, b.silence_ms), (1_000, 20_000));
    assert_eq!((a.mos > 400, b.mos), (true, 0));
}

#[test]
fn the_pause_before_the_end_counts_to_the_millisecond() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.a_sends(&packet(1));
    bench.now = bench.now + Duration::from_millis(321);
    assert_eq!(bench.streams.close(bench.now, A.0).unwrap().1.silence_ms, 321);
}

#[test]
fn a_pause_on_hold_is_no_silence() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.a_sends(&packet(1));
    bench.after(2);
    let held = Flowing { send: true, receive: false };
    bench.configure(A, &EndpointPlan { flowing: held, ..plan(A.1, Protection::Rtp) });
    bench.after(500);
    bench.configure(A, &plan(A.1, Protection::Rtp));
    bench.after(1);
    assert_eq!(bench.streams.close(bench.now, A.0).unwrap().1.silence_ms, 2_000);
}

#[test]
fn the_round_trip_of_a_leg_is_measured_from_the_answer_to_our_report() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.a_sends(&packet(1));
    let sent = reported(&mut bench, 1);
    let (_, _, report) = sent.iter().find(|(_, slot, _)| *slot == B.1).unwrap();
    let sent_at = bench.now;
    // The far end answers with what it was told, a quarter of a second after it came; 100 ms were spent on the way.
    let told_at = sent.iter().find(|(_, slot, _)| *slot == B.1).unwrap().0;
    let waited = Duration::from_secs(1) - told_at;
    bench.now = sent_at + Duration::from_millis(350);
    let delay = u32::try_from((waited + Duration::from_millis(250)).as_micros() * 65_536 / 1_000_000).unwrap();
    let mut answer = vec![0x81, 201, 0, 7, 0, 0, 0, 9];
    answer.extend(&report[4..8]);
    answer.extend([0; 12]);
    answer.extend(&report[10..14]);
    answer.extend(delay.to_be_bytes());
    let source = SocketAddr::new(far(B.1).ip(), far(B.1).port() + 1);
    assert_eq!(bench.sends((B.1, MediaPort::Rtcp), source, &answer), Verdict::Consumed);
    let round_trip_us = bench.streams.close(bench.now, B.0).unwrap().1.round_trip_us;
    assert!((99_000..101_000).contains(&round_trip_us), "{round_trip_us}");
}

#[test]
fn on_hold_silence_is_not_watched_and_resume_begins_anew() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    for endpoint in [A, B] {
        bench.configure(endpoint, &EndpointPlan { silence: None, ..plan(endpoint.1, Protection::Rtp) });
    }
    assert_eq!(silent(&bench.after(1000)), []);
    for endpoint in [A, B] {
        bench.configure(endpoint, &plan(endpoint.1, Protection::Rtp));
    }
    assert_eq!(silent(&bench.after(29)), []);
    assert_eq!(silent(&bench.after(1)), [A.0, B.0]);
}

#[test]
fn keys_of_a_wrong_length_let_nothing_pass_in_either_direction() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Srtp { local: key(1, 29), remote: key(2, 30) });
    assert_eq!(bench.a_sends(&packet(1)), Verdict::Drop(DropReason::NoKeys));
    let answer = bench.sends((B.1, MediaPort::Rtp), far(B.1), &packet(1));
    assert_eq!(answer, Verdict::Drop(DropReason::NoKeys));
}

#[test]
fn extensions_and_contributors_stay_on_their_leg() {
    let mut bench = Bench::new(Protection::Rtp, secured());
    let mut with_both = packet(1)[..12].to_vec();
    with_both[0] = 0x80 | 0x10 | 2;
    with_both.extend([0xc0; 8]);
    with_both.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
    with_both.extend([1, 2, 3, 4]);
    assert_eq!(bench.a_sends(&with_both), to_b());
    let mut sealed = bench.buffer.packet().to_vec();
    let header = RtpHeader::read(&sealed).unwrap();
    let opened = Inbound::new(&key(1, 30)).unwrap().open_rtp(&mut sealed, &header).unwrap();
    assert_eq!(sealed[0], 0x80);
    assert_eq!(sealed[12..opened.octets], [1, 2, 3, 4]);
}

#[test]
fn a_plain_packet_on_a_secured_leg_is_never_relayed() {
    let mut bench = Bench::new(secured(), Protection::Rtp);
    assert_eq!(bench.a_sends(&packet(1)), Verdict::Drop(DropReason::Malformed));
    let long = [&packet(1)[..], &[0; 100]].concat();
    assert_eq!(bench.a_sends(&long), Verdict::Drop(DropReason::Unauthenticated));
    assert!(bench.events.is_empty());
}

#[test]
fn a_leg_that_becomes_secured_takes_nothing_plain_any_more() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    assert_eq!(bench.a_sends(&packet(1)), to_b());
    bench.configure(A, &plan(A.1, secured()));
    let long = [&packet(2)[..], &[0; 100]].concat();
    assert_eq!(bench.a_sends(&long), Verdict::Drop(DropReason::Unauthenticated));
}

#[test]
fn while_held_the_roll_over_counter_of_the_far_end_is_followed() {
    let mut bench = Bench::new(secured(), Protection::Rtp);
    let mut voice = Outbound::new(&key(2, 30)).unwrap();
    let mut sealed = |index: u64| {
        let mut buffer = [&packet((index & 0xffff) as u16)[..], &[0; 16]].concat();
        let header = RtpHeader::read(&buffer).unwrap();
        let octets = voice.seal_rtp(&mut buffer, 16, &header, index).unwrap();
        buffer.truncate(octets);
        buffer
    };
    assert_eq!(bench.a_sends(&sealed(100)), to_b());
    let held = Flowing { send: true, receive: false };
    bench.configure(A, &EndpointPlan { flowing: held, ..plan(A.1, secured()) });
    for index in (200..200_000).step_by(20_000) {
        assert_eq!(bench.a_sends(&sealed(index)), Verdict::Drop(DropReason::ReceivingOff));
    }
    bench.configure(A, &plan(A.1, secured()));
    assert_eq!(bench.a_sends(&sealed(200_001)), to_b());
}

#[test]
fn without_an_address_nothing_is_sent() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    bench.configure(B, &EndpointPlan { remote: None, ..plan(B.1, Protection::Rtp) });
    assert_eq!(bench.a_sends(&packet(1)), Verdict::Drop(DropReason::NoRemote));
}

#[test]
fn other_protocols_and_unknown_slots_are_dropped_by_name() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    for first in [0u8, 20, 64, 100, 200] {
        assert_eq!(bench.a_sends(&[first; 20]), Verdict::Drop(DropReason::NotRtp), "{first}");
    }
    assert_eq!(bench.a_sends(&[0x80; 11]), Verdict::Drop(DropReason::Malformed));
    assert_eq!(bench.sends((Slot(3), MediaPort::Rtp), far(A.1), &packet(1)), Verdict::Drop(DropReason::NotOpen));
    assert_eq!(bench.sends((Slot(99), MediaPort::Rtp), far(A.1), &packet(1)), Verdict::Drop(DropReason::NotOpen));
    let (_, counts) = bench.streams.close(bench.now, A.0).unwrap();
    assert_eq!(counts.dropped, 6);
}

#[test]
fn an_endpoint_is_opened_once_and_joined_only_with_another() {
    let mut bench = Bench::new(Protection::Rtp, Protection::Rtp);
    let other = plan(A.1, Protection::Rtp);
    assert!(!bench.streams.open(bench.now, Slot(7), A.0, &other, &mut bench.entropy));
    assert!(!bench.streams.open(bench.now, A.1, EndpointId(3), &other, &mut bench.entropy));
    assert!(!bench.streams.attach(A.0, A.0));
    assert!(!bench.streams.attach(A.0, EndpointId(3)));
    assert_eq!(bench.a_sends(&packet(1)), to_b());
    bench.streams.close(bench.now, B.0);
    assert_eq!(bench.a_sends(&packet(2)), Verdict::Drop(DropReason::NotAttached));
}

/// What B's far end gets is sealed under `fill`, and our stream goes over to that key as `on_rekey` says.
fn rekeyed(fill: u8, on_rekey: OnRekey) -> EndpointPlan {
    let protection = Protection::Srtp { local: key(fill, 30), remote: key(2, 30) };
    EndpointPlan { keying: Keying { on_rekey, ..Keying::default() }, ..plan(B.1, protection) }
}

/// What B's far end hears of the next packet from A: SSRC and index.
fn heard_by_b(bench: &mut Bench, receiver: &mut Inbound, sequence: u16) -> (u32, u64) {
    assert_eq!(bench.a_sends(&packet(sequence)), to_b());
    let mut sealed = bench.buffer.packet().to_vec();
    let header = RtpHeader::read(&sealed).unwrap();
    (header.ssrc, receiver.open_rtp(&mut sealed, &header).unwrap().index)
}

/// Two legs whose second has sent beyond the wrap of its sequence, its far end, and what that heard last.
fn beyond_the_wrap(on_rekey: OnRekey) -> (Bench, Inbound, (u32, u64)) {
    let mut bench = Bench::new(Protection::Rtp, secured());
    bench.configure(B, &rekeyed(1, on_rekey));
    let mut receiver = Inbound::new(&key(1, 30)).unwrap();
    let mut heard = (0, 0);
    for step in 0..60u16 {
        heard = heard_by_b(&mut bench, &mut receiver, step.wrapping_mul(2900));
    }
    assert!(heard.1 > 2 << 16);
    (bench, receiver, heard)
}

#[test]
fn where_the_plan_keeps_everything_a_new_key_of_ours_goes_on_in_the_same_stream() {
    let (mut bench, mut receiver, (ssrc, index)) = beyond_the_wrap(OnRekey::KeepAll);
    bench.configure(B, &rekeyed(3, OnRekey::KeepAll));
    receiver.rekey(&key(3, 30), None).unwrap();
    assert_eq!(heard_by_b(&mut bench, &mut receiver, 59u16.wrapping_mul(2900) + 1), (ssrc, index + 1));
}

#[test]
fn where_the_plan_resets_a_new_key_of_ours_keeps_ssrc_and_sequence_and_counts_from_zero() {
    let (mut bench, _, (ssrc, index)) = beyond_the_wrap(OnRekey::KeepFromZero);
    bench.configure(B, &rekeyed(3, OnRekey::KeepFromZero));
    let mut receiver = Inbound::new(&key(3, 30)).unwrap();
    let next = 59u16.wrapping_mul(2900) + 1;
    assert_eq!(heard_by_b(&mut bench, &mut receiver, next), (ssrc, (index & 0xffff) + 1));
    bench.configure(B, &rekeyed(3, OnRekey::KeepFromZero));
    assert_eq!(heard_by_b(&mut bench, &mut receiver, next + 1), (ssrc, (index & 0xffff) + 2));
}

#[test]
fn by_default_a_new_key_of_ours_brings_a_new_stream() {
    let (mut bench, _, (ssrc, _)) = beyond_the_wrap(OnRekey::NewSource);
    bench.configure(B, &rekeyed(3, OnRekey::NewSource));
    let mut receiver = Inbound::new(&key(3, 30)).unwrap();
    let (new_ssrc, index) = heard_by_b(&mut bench, &mut receiver, 59u16.wrapping_mul(2900) + 1);
    assert_ne!(new_ssrc, ssrc);
    assert!(index < 1 << 15);
}

#[test]
fn a_key_that_comes_back_does_not_count_from_zero_in_its_old_stream() {
    let (mut bench, _, (ssrc, _)) = beyond_the_wrap(OnRekey::KeepFromZero);
    for fill in [3, 1] {
        bench.configure(B, &rekeyed(fill, OnRekey::KeepFromZero));
    }
    let mut receiver = Inbound::new(&key(1, 30)).unwrap();
    assert_ne!(heard_by_b(&mut bench, &mut receiver, 59u16.wrapping_mul(2900) + 1).0, ssrc);
}

#[test]
fn packets_with_the_far_ends_mki_are_relayed_and_ours_carry_none() {
    let mut bench = Bench::new(secured(), Protection::Rtp);
    let keying = Keying { mki: Mki::new(7, 2), ..Keying::default() };
    bench.configure(A, &EndpointPlan { keying, ..plan(A.1, secured()) });
    let mut sealed = [&packet(5)[..], &[0; 16]].concat();
    let header = RtpHeader::read(&sealed).unwrap();
    let octets = Outbound::new(&key(2, 30)).unwrap().seal_rtp(&mut sealed, 16, &header, 5).unwrap();
    let marked = [&sealed[..16], &[0, 7], &sealed[16..octets]].concat();
    assert_eq!(bench.a_sends(&sealed[..octets]), Verdict::Drop(DropReason::Unauthenticated));
    assert_eq!(bench.a_sends(&marked), to_b());
    let answer = bench.sends((B.1, MediaPort::Rtp), far(B.1), &packet(1));
    assert!(matches!(answer, Verdict::Forward { .. }));
    assert_eq!(bench.buffer.packet().len(), 16 + 10);
}

#[test]
fn whoever_speaks_a_far_end_hears_one_stream_at_the_pace_of_its_clock() {
    const C: (EndpointId, Slot) = (EndpointId(3), Slot(9));
    for hz in [8_000, 16_000, 48_000] {
        let mut bench = Bench::new(Protection::Rtp, secured());
        let clock = ClockRate::new(hz).unwrap();
        let wide = |at: Slot, protection| EndpointPlan { clock, ..plan(at, protection) };
        assert!(bench.streams.open(bench.now, C.1, C.0, &wide(C.1, Protection::Rtp), &mut bench.entropy));
        bench.configure(B, &wide(B.1, secured()));
        let mut heard = Vec::new();
        let speakers = [(A, 7u8, 0u8), (A, 9, 0), (A, 9, 101), (C, 5, 0), (A, 9, 0)];
        for (step, ((id, slot), ssrc, payload_type)) in speakers.into_iter().enumerate() {
            bench.streams.detach(B.0);
            assert!(bench.streams.attach(id, B.0));
            let mut voice = packet(1000 + step as u16);
            (voice[1], voice[11]) = (payload_type, ssrc);
            voice[4..8].copy_from_slice(&(step as u32 / 2 * hz / 50).to_be_bytes());
            assert_eq!(bench.sends((slot, MediaPort::Rtp), far(slot), &voice), to_b());
            let header = RtpHeader::read(bench.buffer.packet()).unwrap();
            heard.push((header.ssrc, header.sequence, header.timestamp));
            bench.now = bench.now + Duration::from_millis(20);
        }
        let [first, second, third, fourth, fifth] = heard.try_into().unwrap();
        let after = |(ssrc, sequence, timestamp): (u32, u16, u32), units| {
            (ssrc, sequence + 1, u32::wrapping_add(timestamp, units))
        };
        assert_eq!(second, after(first, hz / 50), "another source");
        assert_eq!(third, after(second, hz / 50), "another payload type of the same source");
        assert_eq!(fourth, after(third, hz / 50), "another leg");
        assert_eq!(fifth, after(fourth, hz / 50), "the first leg again");
    }
}

#[test]
fn a_storm_of_new_plans_never_seals_two_packets_with_one_key_and_index() {
    for (on_rekey, seed) in [OnRekey::NewSource, OnRekey::KeepAll, OnRekey::KeepFromZero].into_iter().zip(1..) {
        let mut bench = Bench::new(Protection::Rtp, secured());
        let mut entropy = SeededEntropy::new(seed);
        // One payload throughout: two packets are alike only when key, SSRC and index are.
        let mut ciphertexts = std::collections::BTreeSet::new();
        let (mut sequence, mut sent) = (0u16, 0);
        for _ in 0..6000 {
            if entropy.below(20) == 0 {
                bench.configure(B, &rekeyed(10 + entropy.below(5) as u8, on_rekey));
            }
            if entropy.below(1500) == 0 {
                bench.configure(B, &plan(B.1, Protection::Rtp));
                bench.configure(B, &rekeyed(10 + entropy.below(5) as u8, on_rekey));
            }
            sequence = match entropy.below(10) {
                0 => sequence.wrapping_sub(entropy.below(200) as u16),
                1 => sequence.wrapping_add(entropy.below(2000) as u16),
                _ => sequence.wrapping_add(1),
            };
            let mut voice = packet(sequence);
            voice.truncate(12);
            voice.extend([0x55; 32]);
            if bench.a_sends(&voice) == to_b() && bench.buffer.packet().len() == 44 + 10 {
                sent += 1;
                assert!(ciphertexts.insert(bench.buffer.packet()[12..44].to_vec()), "{on_rekey:?}");
            }
        }
        assert!(sent > 4000, "{on_rekey:?} {sent}");
    }
}

#[test]
fn no_octets_of_any_kind_on_any_port_make_it_fail() {
    let mut bench = Bench::new(Protection::Rtp, secured());
    let mut state = 7u32;
    for round in 0..20_000usize {
        let octets: Vec<u8> = (0..round % 90)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8 | if round % 2 == 0 { 0x80 } else { 0 }
            })
            .collect();
        let slot = if round % 3 == 0 { A.1 } else { B.1 };
        let port = if round % 5 == 0 { MediaPort::Rtcp } else { MediaPort::Rtp };
        let source = SocketAddr::new(far(slot).ip(), far(slot).port() + u16::from(port == MediaPort::Rtcp));
        bench.sends((slot, port), source, &octets);
    }
    let (_, counts) = bench.streams.close(bench.now, B.0).unwrap();
    assert_eq!(counts.received, 0);
}
