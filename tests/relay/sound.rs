//! What endpoints say by themselves, through real sockets and the worker's own clock.

use std::time::Duration;

use trunkline::audio::dtmf::{DtmfDetector, chord_of};
use trunkline::audio::g711::Law;
use trunkline::base::Digit;
use trunkline::media::plan::{
    DigitsTo, DtmfMode, EndpointPlan, Fill, HearDigits, MediaCommand, MediaEvent, RingingTone, SpeakDigits, Tone, Voice,
};
use trunkline::rtp::event::TelephoneEvent;

use crate::bench::{Bench, Far, packet, payload, receive, sequence, ssrc};

const REST: Duration = Duration::from_secs(30);
const EVENTS: u8 = 101;

/// PCMA, and digits as given.
fn sounding(far: &Far, hear: HearDigits, speak: SpeakDigits) -> EndpointPlan {
    let mut plan = far.plan();
    plan.dtmf = DtmfMode { hear, speak };
    plan.sound.voice = Some(Voice { law: Law::A, payload: 8 });
    plan
}

fn events(to: DigitsTo) -> HearDigits {
    HearDigits::Events { payload: EVENTS, clock: 8000, to }
}

fn event_packet(number: u16, event: TelephoneEvent) -> Vec<u8> {
    let mut octets = packet(EVENTS, number, 1, 0);
    octets.truncate(12);
    octets[4..8].copy_from_slice(&[0, 0, 0, 9]);
    octets.extend(event.octets());
    octets
}

#[test]
fn ringing_comes_from_the_worker_until_the_other_side_speaks() {
    let mut bench = Bench::new(31_600, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let plan = sounding(&a, HearDigits::Carried, SpeakDigits::Off);
    let (to_a, to_b) = bench.call(plan, b.plan());
    let tone = Tone { ringing: RingingTone::of_country("US").unwrap(), after: Duration::ZERO };
    bench.relay.command(MediaCommand::PlayTone { endpoint: to_a.id, worker: to_a.lease.worker, tone });
    let rings: Vec<_> = (0..5).map(|_| receive(&a.rtp)).collect();
    assert!(rings.iter().all(|ring| ring[1] & 0x7f == 8 && payload(ring).len() == 160));
    assert!(payload(&rings[4]).iter().any(|octet| Law::A.decode(*octet).unsigned_abs() > 1000));
    b.send(&packet(0, 77, 2, 5), to_b);
    let mut last = rings[4].clone();
    let speech = loop {
        let got = receive(&a.rtp);
        assert_eq!((sequence(&got), ssrc(&got)), (sequence(&last).wrapping_add(1), ssrc(&last)));
        if got[1] & 0x7f == 0 {
            break got;
        }
        last = got;
    };
    assert_eq!(payload(&speech), [5; 160]);
    assert_eq!(speech[1] & 0x80, 0x80, "another source begins with the marker");
    let counts = bench.close(to_a);
    assert_eq!(counts.sent, u64::from(sequence(&speech).wrapping_sub(sequence(&rings[0]))) + 1);
    bench.relay.stop();
}

#[test]
fn events_of_one_far_end_are_tones_at_the_other_and_tones_are_events() {
    let mut bench = Bench::new(31_610, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let at_a = sounding(&a, events(DigitsTo::Partner), SpeakDigits::Events { payload: EVENTS, clock: 8000 });
    let inband = HearDigits::Inband { a_law: Some(8), mu_law: None, to: DigitsTo::Partner };
    let (to_a, to_b) = bench.call(at_a, sounding(&b, inband, SpeakDigits::Inband));
    let seven = Digit::from_char('7').unwrap();
    let event = TelephoneEvent { event: seven.event(), end: true, volume: 10, duration: 800 };
    (0..3).for_each(|n| a.send(&event_packet(n, event), to_a));
    let mut detector = DtmfDetector::default();
    let heard = std::iter::from_fn(|| Some(receive(&b.rtp)))
        .take(8)
        .find_map(|got| detector.hear(payload(&got).iter().map(|octet| Law::A.decode(*octet))));
    assert_eq!(heard.map(|heard| heard.digit), Some(seven));
    let mut chord = chord_of(seven);
    for n in 0..12u16 {
        let mut octets = packet(8, 500 + n, 2, 0);
        octets.truncate(12);
        octets.extend((0..160).map(|_| Law::A.encode(if n < 5 { chord.next_sample() } else { 0 })));
        b.send(&octets, to_b);
    }
    let ends = std::iter::from_fn(|| Some(receive(&a.rtp)))
        .filter(|got| got[1] & 0x7f == EVENTS)
        .map(|got| TelephoneEvent::read(payload(&got)).unwrap())
        .filter(|event| event.end)
        .take(3);
    assert!(ends.into_iter().all(|event| event.digit() == Some(seven)));
    bench.relay.stop();
}

#[test]
fn a_digit_for_the_core_comes_as_news_and_one_of_the_core_as_an_event() {
    let mut bench = Bench::new(31_620, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let at_a = sounding(&a, events(DigitsTo::Core), SpeakDigits::Events { payload: EVENTS, clock: 8000 });
    let (to_a, _) = bench.call(at_a, b.plan());
    let four = Digit::from_char('4').unwrap();
    let event = TelephoneEvent { event: 4, end: true, volume: 10, duration: 960 };
    (0..3).for_each(|n| a.send(&event_packet(n, event), to_a));
    let told = loop {
        if let MediaEvent::Digit { endpoint, digit, duration } = bench.event() {
            break (endpoint, digit, duration);
        }
    };
    assert_eq!(told, (to_a.id, four, Duration::from_millis(120)));
    let (endpoint, worker) = (to_a.id, to_a.lease.worker);
    let duration = Duration::from_millis(40);
    bench.relay.command(MediaCommand::PlayDigit { endpoint, worker, digit: four, duration });
    let got: Vec<_> = (0..4).map(|_| receive(&a.rtp)).collect();
    let events: Vec<_> = got.iter().map(|got| TelephoneEvent::read(payload(got)).unwrap()).collect();
    assert_eq!(
        events.iter().map(|event| (event.end, event.duration)).collect::<Vec<_>>(),
        [(false, 160), (true, 320), (true, 320), (true, 320)]
    );
    bench.relay.stop();
}

#[test]
fn a_far_end_that_hears_nothing_gets_noise() {
    let mut bench = Bench::new(31_630, 2, REST);
    let (a, b) = (Far::new(), Far::new());
    let mut plan = sounding(&a, HearDigits::Carried, SpeakDigits::Off);
    plan.sound.fill = Fill::Noise;
    bench.call(plan, b.plan());
    let got = receive(&a.rtp);
    assert_eq!((got[1] & 0x7f, payload(&got).len()), (8, 160));
    bench.relay.stop();
}
