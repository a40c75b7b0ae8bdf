//! What endpoints hear and say by themselves, without sockets, on invented time: digits, tones, fill.

#[path = "relay/plain.rs"]
mod plain;

use std::net::SocketAddr;
use std::time::Duration;

use plain::plain;
use trunkline::audio::dtmf::{DtmfDetector, HeardDigit, chord_of};
use trunkline::audio::g711::Law;
use trunkline::base::digit::Digit;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::EndpointId;
use trunkline::base::limits::DIGIT_QUEUE;
use trunkline::base::{Instant, Secret};
use trunkline::media::plan::{
    DigitsTo, DtmfMode, EndpointPlan, Fill, HearDigits, LocalSound, MediaEvent, PayloadMap, Protection, RemoteMedia,
    RingingTone, SpeakDigits, SrtpMaster, SrtpSuite, Tone, Voice,
};
use trunkline::media::streams::Streams;
use trunkline::media::verdict::{DropReason, MediaPort, Slot, Verdict};
use trunkline::rtp::buffer::PacketBuffer;
use trunkline::rtp::event::TelephoneEvent;
use trunkline::rtp::packet::RtpHeader;
use trunkline::rtp::srtp::Inbound;

const A: (EndpointId, Slot) = (EndpointId(1), Slot(0));
const B: (EndpointId, Slot) = (EndpointId(2), Slot(3));
/// Payload types: events of A, events of B, PCMA.
const EVENTS_A: u8 = 101;
const EVENTS_B: u8 = 96;
const PCMA: u8 = 8;

/// A packet as B's far end gets it.
#[derive(Clone, Debug)]
struct Got {
    at_ms: u64,
    header: RtpHeader,
    payload: Vec<u8>,
}

impl Got {
    fn event(&self) -> TelephoneEvent {
        assert_eq!(self.header.payload_type, EVENTS_B);
        TelephoneEvent::read(&self.payload).unwrap()
    }
}

struct Bench {
    streams: Streams,
    now: Instant,
    buffer: PacketBuffer,
    events: Vec<MediaEvent>,
    /// What went to B's far end.
    got: Vec<Got>,
    sequence: u16,
}

fn far(slot: Slot) -> SocketAddr {
    SocketAddr::from(([9, 9, 9, 9], 4000 + u16::try_from(slot.0).unwrap() * 10))
}

fn plan(slot: Slot, dtmf: DtmfMode) -> EndpointPlan {
    let rtp = far(slot);
    let mut payloads = PayloadMap::NONE;
    payloads.0[usize::from(PCMA)] = PCMA;
    let voice = Some(Voice { law: Law::A, payload: PCMA });
    let sound = LocalSound { voice, ..LocalSound::default() };
    EndpointPlan { payloads, dtmf, sound, ..plain(RemoteMedia { rtp, rtcp: rtp }) }
}

fn hears(hear: HearDigits) -> EndpointPlan {
    plan(A.1, DtmfMode { hear, speak: SpeakDigits::Off })
}

fn speaks(speak: SpeakDigits) -> EndpointPlan {
    plan(B.1, DtmfMode { hear: HearDigits::Carried, speak })
}

const EVENTS: SpeakDigits = SpeakDigits::Events { payload: EVENTS_B, clock: 8000 };
const INBAND: HearDigits = HearDigits::Inband { a_law: Some(PCMA), mu_law: Some(0), to: DigitsTo::Partner };

const fn events_to(to: DigitsTo) -> HearDigits {
    HearDigits::Events { payload: EVENTS_A, clock: 8000, to }
}

fn digit(key: char) -> Digit {
    Digit::from_char(key).unwrap()
}

fn pressed(key: char, millis: u64) -> HeardDigit {
    HeardDigit { digit: digit(key), duration: Duration::from_millis(millis) }
}

impl Bench {
    fn new(a: &EndpointPlan, b: &EndpointPlan) -> Bench {
        let mut bench = Bench {
            streams: Streams::default(),
            now: Instant::ZERO,
            buffer: PacketBuffer::default(),
            events: Vec::new(),
            got: Vec::new(),
            sequence: 100,
        };
        let mut entropy = SeededEntropy::new(1);
        for ((id, slot), plan) in [(A, a), (B, b)] {
            assert!(bench.streams.open(bench.now, slot, id, plan, &mut entropy));
        }
        assert!(bench.streams.attach(A.0, B.0));
        bench
    }

    fn at_ms(&self) -> u64 {
        self.now.as_nanos() / 1_000_000
    }

    fn keep(&mut self, verdict: Verdict) {
        if let Verdict::Forward { slot, port: MediaPort::Rtp, to } = verdict {
            assert_eq!((slot, to), (B.1, far(B.1)));
            let header = RtpHeader::read(self.buffer.packet()).unwrap();
            let payload = self.buffer.packet()[header.payload_offset..].to_vec();
            self.got.push(Got { at_ms: self.at_ms(), header, payload });
        }
    }

    /// The far end of A sends, with timestamps by the clock of this bench.
    fn a_sends(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) -> Verdict {
        self.sequence += 1;
        let header =
            RtpHeader { marker: false, payload_type, sequence: self.sequence, timestamp, ssrc: 7, payload_offset: 12 };
        let mut packet = vec![0x80; 12];
        header.write(&mut packet);
        packet.extend(payload);
        self.buffer.load(&packet);
        let verdict = self.streams.receive(self.now, A.1, MediaPort::Rtp, far(A.1), &mut self.buffer, &mut self.events);
        self.keep(verdict);
        verdict
    }

    fn a_speaks(&mut self) -> Verdict {
        self.a_sends(PCMA, u32::try_from(self.at_ms() * 8).unwrap(), &[0xd5; 160])
    }

    /// Time passes in steps of 1 ms; what is due is played when it is due.
    fn pass(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now = self.now + Duration::from_millis(1);
            if self.streams.next_due().is_none_or(|due| self.now < due) {
                continue;
            }
            while let Some(verdict) = self.streams.play(self.now, &mut self.buffer, &mut self.events) {
                self.keep(verdict);
            }
        }
    }

    /// An event of A's far end, begun now: updates every 20 ms, the end three times.
    fn a_presses_event(&mut self, key: char, millis: u16) {
        let timestamp = u32::try_from(self.at_ms() * 8).unwrap();
        let event = |end, duration| TelephoneEvent { event: digit(key).event(), end, volume: 10, duration }.octets();
        for step in 1..=millis / 20 {
            self.a_sends(EVENTS_A, timestamp, &event(false, step * 160));
            self.pass(20);
        }
        for _ in 0..3 {
            self.a_sends(EVENTS_A, timestamp, &event(true, millis * 8));
        }
    }

    fn dropped(&mut self, id: EndpointId) -> u64 {
        self.streams.close(self.now, id).unwrap().1.dropped
    }
}

/// The digits in the PCMA that B's far end got, packets in order.
fn tones(got: &[Got]) -> String {
    let mut detector = DtmfDetector::default();
    let speech = got.iter().filter(|got| got.header.payload_type == PCMA);
    let heard = speech.filter_map(|got| detector.hear(got.payload.iter().map(|octet| Law::A.decode(*octet))));
    heard.map(|heard| heard.digit.key()).collect()
}

fn assert_one_line(got: &[Got]) {
    for pair in got.windows(2) {
        assert_eq!(pair[1].header.sequence, pair[0].header.sequence.wrapping_add(1));
        assert_eq!(pair[1].header.ssrc, pair[0].header.ssrc);
    }
}

#[test]
fn a_played_digit_is_one_event_with_a_marker_growing_durations_and_three_ends() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &speaks(EVENTS));
    assert!(bench.streams.play_digit(bench.now, B.0, pressed('5', 90)));
    bench.pass(500);
    let events: Vec<_> = bench.got.iter().map(|got| (got.event().end, got.event().duration)).collect();
    let wanted = [(false, 160), (false, 320), (false, 480), (false, 640), (true, 720), (true, 720), (true, 720)];
    assert_eq!(events, wanted);
    assert!(bench.got.iter().all(|got| got.event().digit() == Some(digit('5'))));
    assert!(bench.got.iter().all(|got| got.header.timestamp == bench.got[0].header.timestamp));
    assert_eq!(bench.got.iter().filter(|got| got.header.marker).count(), 1);
    assert!(bench.got[0].header.marker);
    assert_one_line(&bench.got);
    assert!(bench.got[1..].windows(2).all(|pair| pair[1].at_ms - pair[0].at_ms == 20));
    assert_eq!(bench.streams.next_due(), None);
}

#[test]
fn packets_of_our_own_bring_a_report_soon_that_counts_them() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &speaks(EVENTS));
    assert!(bench.streams.play_digit(bench.now, B.0, pressed('5', 90)));
    bench.pass(510);
    let sent = bench.got.len();
    let verdict = bench.streams.report(bench.now, &mut bench.buffer, &mut SeededEntropy::new(2));
    assert!(matches!(verdict, Some(Verdict::Forward { slot, .. }) if slot == B.1), "{verdict:?}");
    let report = bench.buffer.packet();
    let word = |at: usize| u32::from_be_bytes(report[at..at + 4].try_into().unwrap());
    assert_eq!((report[1], word(4)), (200, bench.got[0].header.ssrc));
    assert_eq!((word(20), word(24)), (u32::try_from(sent).unwrap(), u32::try_from(sent * 4).unwrap()));
}

#[test]
fn speech_is_replaced_while_a_digit_lasts_and_goes_on_at_its_own_time() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &speaks(EVENTS));
    bench.a_speaks();
    bench.pass(20);
    bench.streams.play_digit(bench.now, B.0, pressed('5', 100));
    let mut replaced = 0;
    for _ in 0..20 {
        replaced += usize::from(bench.a_speaks() == Verdict::Drop(DropReason::Replaced));
        bench.pass(20);
    }
    // Five frames of digit, two more ends, three of pause; the last is over when speech comes.
    assert_eq!(replaced, 9);
    assert_one_line(&bench.got);
    let (first, event) = (&bench.got[0], &bench.got[1]);
    let again = bench.got.iter().skip(1).find(|got| got.header.payload_type == PCMA).unwrap();
    for later in [event, again] {
        let elapsed = u32::try_from((later.at_ms - first.at_ms) * 8).unwrap();
        let counted = later.header.timestamp.wrapping_sub(first.header.timestamp);
        assert!(counted.abs_diff(elapsed) <= 160, "{counted} {elapsed}");
    }
    assert!(again.header.marker);
}

#[test]
fn an_event_becomes_a_tone_on_a_leg_without_events() {
    let mut bench = Bench::new(&hears(events_to(DigitsTo::Partner)), &speaks(SpeakDigits::Inband));
    for key in ['1', '1', '#'] {
        bench.a_presses_event(key, 100);
        bench.pass(300);
    }
    assert_eq!(tones(&bench.got), "11#");
    assert_one_line(&bench.got);
    assert!(bench.got.iter().all(|got| got.header.payload_type == PCMA));
}

#[test]
fn a_tone_becomes_an_event_and_is_not_heard_a_second_time() {
    let mut bench = Bench::new(&hears(INBAND), &speaks(EVENTS));
    let mut chord = chord_of(digit('7'));
    for step in 0..40 {
        let sounds = (5..10).contains(&step);
        let octets: Vec<u8> = (0..160).map(|_| Law::A.encode(if sounds { chord.next_sample() } else { 0 })).collect();
        bench.a_sends(PCMA, u32::try_from(bench.at_ms() * 8).unwrap(), &octets);
        bench.pass(20);
    }
    let events: Vec<_> = bench.got.iter().filter(|got| got.header.payload_type == EVENTS_B).collect();
    assert_eq!(events.iter().filter(|got| got.event().end).count(), 3);
    assert!(events.iter().all(|got| got.event().digit() == Some(digit('7'))));
    let duration = events.last().unwrap().event().duration;
    assert!(duration.abs_diff(800) <= 212, "{duration}");
    assert_eq!(tones(&bench.got), "");
    assert_one_line(&bench.got);
}

#[test]
fn a_digit_for_the_core_is_told_once_and_never_printed() {
    let mut bench = Bench::new(&hears(events_to(DigitsTo::Core)), &speaks(SpeakDigits::Off));
    bench.a_presses_event('9', 120);
    bench.pass(300);
    let told: Vec<_> = bench.events.iter().filter(|event| matches!(event, MediaEvent::Digit { .. })).collect();
    let [MediaEvent::Digit { endpoint, digit: told_digit, duration }] = told[..] else { panic!("{told:?}") };
    assert_eq!((*endpoint, told_digit.key(), duration.as_millis()), (A.0, '9', 120));
    assert!(!format!("{told:?}").contains('9'));
    assert!(bench.got.is_empty());
}

#[test]
fn an_event_whose_end_is_lost_is_told_by_time() {
    let mut bench = Bench::new(&hears(events_to(DigitsTo::Partner)), &speaks(EVENTS));
    let octets = TelephoneEvent { event: 3, end: false, volume: 10, duration: 640 }.octets();
    bench.a_sends(EVENTS_A, 0, &octets);
    assert_eq!(bench.streams.next_due(), Some(Instant::ZERO + Duration::from_millis(100)));
    bench.pass(500);
    assert_eq!(bench.got.last().unwrap().event().duration, 640);
}

#[test]
fn between_clocks_an_event_keeps_its_time_in_the_other_clocks_units() {
    let wide = HearDigits::Events { payload: EVENTS_A, clock: 16_000, to: DigitsTo::Partner };
    let mut bench = Bench::new(&hears(wide), &speaks(EVENTS));
    let octets = TelephoneEvent { event: 3, end: true, volume: 10, duration: 1600 }.octets();
    bench.a_sends(EVENTS_A, 0, &octets);
    bench.pass(500);
    assert_eq!(bench.got.last().unwrap().event().duration, 800);
    let narrow = SpeakDigits::Events { payload: EVENTS_B, clock: 16_000 };
    let mut bench = Bench::new(&hears(events_to(DigitsTo::Partner)), &speaks(narrow));
    bench.a_presses_event('3', 100);
    bench.pass(500);
    let durations: Vec<u16> = bench.got.iter().map(|got| got.event().duration).collect();
    assert_eq!(durations, [320, 640, 960, 1280, 1600, 1600, 1600]);
}

#[test]
fn events_that_are_carried_keep_durations_ends_and_their_timestamp() {
    let mut a = hears(HearDigits::Carried);
    a.payloads.0[usize::from(EVENTS_A)] = EVENTS_B;
    let mut bench = Bench::new(&a, &speaks(EVENTS));
    bench.a_speaks();
    bench.pass(20);
    bench.a_presses_event('4', 100);
    bench.pass(20);
    bench.a_speaks();
    let events: Vec<_> = bench.got[1..bench.got.len() - 1].iter().map(Got::event).collect();
    assert_eq!(events.iter().map(|event| event.duration).collect::<Vec<_>>(), [160, 320, 480, 640, 800, 800, 800, 800]);
    assert_eq!(events.iter().filter(|event| event.end).count(), 3);
    assert!(bench.got[1..8].iter().all(|got| got.header.timestamp == bench.got[1].header.timestamp));
    assert_one_line(&bench.got);
}

#[test]
fn digits_wait_for_each_other_and_one_too_many_is_lost_and_counted() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &speaks(EVENTS));
    let told = (0..DIGIT_QUEUE + 3).filter(|_| bench.streams.play_digit(bench.now, B.0, pressed('1', 40))).count();
    assert_eq!(told, DIGIT_QUEUE);
    bench.pass(20_000);
    let mut begins: Vec<u32> = bench.got.iter().map(|got| got.header.timestamp).collect();
    begins.dedup();
    assert_eq!(begins.len(), DIGIT_QUEUE);
    assert_one_line(&bench.got);
    assert_eq!(bench.dropped(B.0), 3);
}

#[test]
fn without_a_way_to_tell_it_a_digit_is_lost_and_counted() {
    let mut bench = Bench::new(&hears(events_to(DigitsTo::Partner)), &speaks(SpeakDigits::Off));
    bench.a_presses_event('4', 60);
    assert_eq!(bench.dropped(B.0), 1);
}

#[test]
fn sound_of_ours_and_speech_are_one_srtp_stream() {
    let key = |fill| SrtpMaster { suite: SrtpSuite::AesCm128HmacSha1_80, key_salt: Secret::new(vec![fill; 30]) };
    let mut secured = speaks(EVENTS);
    secured.protection = Protection::Srtp { local: key(1), remote: key(2) };
    let mut bench = Bench::new(&hears(HearDigits::Carried), &secured);
    bench.streams.play_tone(bench.now, B.0, ringing(0));
    bench.pass(100);
    bench.a_speaks();
    bench.streams.play_digit(bench.now, B.0, pressed('5', 100));
    bench.pass(300);
    assert_one_line(&bench.got);
    let mut far_end = Inbound::new(&key(1)).unwrap();
    let mut opened = Vec::new();
    for got in &bench.got {
        let mut packet = vec![0x80; 12];
        got.header.write(&mut packet);
        packet.extend(&got.payload);
        let octets = far_end.open_rtp(&mut packet, &got.header).unwrap().octets;
        opened.push(packet[12..octets].to_vec());
    }
    assert_eq!(opened[opened.len() - 8], [0xd5; 160]);
    assert!(TelephoneEvent::read(opened.last().unwrap()).is_some_and(|event| event.end && event.duration == 800));
}

fn ringing(after_ms: u64) -> Tone {
    Tone { ringing: RingingTone::of_country("DE").unwrap(), after: Duration::from_millis(after_ms) }
}

#[test]
fn ringing_sounds_every_20_ms_until_the_first_packet_of_the_far_side() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &speaks(EVENTS));
    assert!(bench.streams.play_tone(bench.now, B.0, ringing(0)));
    bench.pass(1000);
    assert_eq!(bench.got.len(), 51);
    let loud = |got: &Got| got.payload.iter().any(|octet| Law::A.decode(*octet).abs() > 1000);
    assert_eq!(bench.got.iter().filter(|got| loud(got)).count(), 50);
    assert_eq!(bench.a_speaks(), Verdict::Forward { slot: B.1, port: MediaPort::Rtp, to: far(B.1) });
    bench.pass(2000);
    assert_eq!(bench.got.len(), 52);
    assert_one_line(&bench.got);
    let (ring, speech) = (&bench.got[50], &bench.got[51]);
    assert_eq!(speech.payload, [0xd5; 160]);
    assert!(speech.header.marker && speech.header.timestamp != ring.header.timestamp);
    assert_eq!(bench.streams.next_due(), None);
}

#[test]
fn ringing_waits_for_media_that_was_announced_and_is_not_heard_when_it_comes() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &speaks(EVENTS));
    bench.streams.play_tone(bench.now, B.0, ringing(500));
    bench.pass(400);
    assert!(bench.got.is_empty());
    bench.a_speaks();
    bench.pass(1000);
    assert_eq!(bench.got.len(), 1);
    bench.streams.play_tone(bench.now, B.0, ringing(500));
    bench.pass(519);
    assert_eq!(bench.got.len(), 2);
}

#[test]
fn ringing_stops_when_told_and_needs_g711() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &speaks(EVENTS));
    bench.streams.play_tone(bench.now, B.0, ringing(0));
    bench.pass(100);
    bench.streams.stop_tone(B.0);
    let before = bench.got.len();
    bench.pass(1000);
    assert_eq!(bench.got.len(), before);
    let mut wideband = speaks(EVENTS);
    wideband.sound.voice = None;
    let mut bench = Bench::new(&hears(HearDigits::Carried), &wideband);
    bench.streams.play_tone(bench.now, B.0, ringing(0));
    bench.pass(1000);
    assert!(bench.got.is_empty());
}

fn filled(fill: Fill) -> EndpointPlan {
    let mut plan = speaks(EVENTS);
    plan.sound.fill = fill;
    plan
}

#[test]
fn fill_begins_soon_steps_back_for_speech_and_begins_again_after_two_seconds() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &filled(Fill::Silence));
    bench.pass(199);
    assert!(bench.got.is_empty());
    bench.pass(101);
    assert_eq!(bench.got.len(), 6);
    assert!(bench.got.iter().all(|got| got.payload == [0xd5; 160]));
    bench.a_speaks();
    bench.pass(1999);
    assert_eq!(bench.got.len(), 7);
    bench.pass(21);
    assert!(bench.got.len() > 7);
    assert_one_line(&bench.got);
}

#[test]
fn noise_is_faint_and_music_goes_round() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &filled(Fill::Noise));
    bench.pass(1000);
    let loudest = |got: &[Got]| got.iter().flat_map(|got| &got.payload).map(|o| Law::A.decode(*o).abs()).max().unwrap();
    assert!((8..=40).contains(&loudest(&bench.got)));
    let music: Vec<i16> = (0..240).map(|n| if n < 120 { 1000 } else { -1000 }).collect();
    let mut bench = Bench::new(&hears(HearDigits::Carried), &filled(Fill::Music(music.clone().into())));
    bench.pass(259);
    let heard: Vec<bool> = bench.got.iter().flat_map(|got| &got.payload).map(|o| Law::A.decode(*o) > 0).collect();
    assert_eq!(heard.len(), 480);
    assert!(heard.iter().enumerate().all(|(n, up)| *up == (music[n % 240] > 0)));
}

#[test]
fn a_held_far_end_that_receives_nothing_hears_nothing_of_ours() {
    let mut held = filled(Fill::Noise);
    held.flowing.send = false;
    let mut bench = Bench::new(&hears(HearDigits::Carried), &held);
    bench.streams.play_digit(bench.now, B.0, pressed('1', 100));
    bench.pass(1000);
    assert!(bench.got.is_empty());
}

#[test]
fn a_worker_that_comes_late_catches_up_a_little_and_leaves_out_the_rest() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &filled(Fill::Silence));
    bench.pass(300);
    let before = bench.got.len();
    bench.now = bench.now + Duration::from_secs(30);
    bench.pass(1);
    assert!(bench.got.len() - before <= 6);
}

#[test]
fn an_endpoint_that_is_closed_while_it_plays_leaves_no_deadline() {
    let mut bench = Bench::new(&hears(HearDigits::Carried), &filled(Fill::Silence));
    bench.streams.play_tone(bench.now, B.0, ringing(0));
    bench.pass(50);
    bench.streams.close(bench.now, B.0);
    bench.pass(100);
    assert_eq!(bench.streams.next_due(), None);
}
