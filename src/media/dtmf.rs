//! Digits in what a far end sends: as RFC 4733 events or as tones in G.711. One digit comes out of the many
//! packets it is made of, with the time it was pressed.

use std::time::Duration;

use crate::audio::dtmf::DtmfDetector;
pub use crate::audio::dtmf::HeardDigit;
use crate::audio::g711::Law;
use crate::base::{Digit, Instant};
use crate::media::plan::{DigitsTo, HearDigits};
use crate::rtp::event::{EventEnded, EventLine, TelephoneEvent};
use crate::rtp::packet::RtpHeader;

/// An event of which nothing more comes has ended: five packets of 20 ms were lost (RFC 4733 2.5.2.4).
const EVENT_PATIENCE: Duration = Duration::from_millis(100);

/// Listens for digits. What it does was chosen once, when the plan was applied.
pub enum Ear {
    /// Hears nothing.
    Off,
    Events(EventEar),
    Inband(Box<InbandEar>),
}

/// Hears events.
pub struct EventEar {
    payload: u8,
    clock: u32,
    to: DigitsTo,
    line: EventLine,
    /// Timestamps are counted anew with every source.
    ssrc: u32,
    last: Instant,
}

/// Hears tones.
pub struct InbandEar {
    a_law: Option<u8>,
    mu_law: Option<u8>,
    to: DigitsTo,
    detector: DtmfDetector,
    last: Instant,
}

/// What becomes of the packet itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    GoesOn,
    /// It is a digit's, and the digit is told otherwise.
    Kept,
}

/// A digit and whom it is told.
pub type Told = (HeardDigit, DigitsTo);

impl Ear {
    /// Listens as the plan says.
    pub fn new(hear: HearDigits) -> Ear {
        match hear {
            HearDigits::Carried => Ear::Off,
            HearDigits::Events { payload, clock, to } => Ear::Events(EventEar {
                payload,
                clock: clock.max(1),
                to,
                line: EventLine::default(),
                ssrc: 0,
                last: Instant::ZERO,
            }),
            HearDigits::Inband { a_law, mu_law, to } => Ear::Inband(Box::new(InbandEar {
                a_law,
                mu_law,
                to,
                detector: DtmfDetector::default(),
                last: Instant::ZERO,
            })),
        }
    }

    /// Takes a packet. Gives the digit that is over with it (then the packet is kept), and what becomes of the packet.
    pub fn hear(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) -> (Option<Told>, Fate) {
        match self {
            Ear::Off => (None, Fate::GoesOn),
            Ear::Events(ear) if header.payload_type == ear.payload => (ear.hear(now, header, packet), Fate::Kept),
            Ear::Events(_) => (None, Fate::GoesOn),
            Ear::Inband(ear) => ear.hear(now, header, packet),
        }
    }

    /// When a digit that began is over if nothing more comes; `None` while none is open.
    pub fn due(&self) -> Option<Instant> {
        match self {
            Ear::Off => None,
            Ear::Events(ear) => ear.line.is_open().then_some(ear.last + EVENT_PATIENCE),
            Ear::Inband(ear) => ear.detector.is_sounding().then_some(ear.last + EVENT_PATIENCE),
        }
    }

    /// Ends a digit of which nothing more came.
    pub fn time_out(&mut self, now: Instant) -> Option<Told> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        match self {
            Ear::Off => None,
            Ear::Events(ear) => ear.line.finish().and_then(|ended| ear.told(ended)),
            Ear::Inband(ear) => ear.detector.finish().map(|heard| (heard, ear.to)),
        }
    }
}

impl EventEar {
    fn hear(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) -> Option<Told> {
        let event = TelephoneEvent::read(packet.get(header.payload_offset..)?)?;
        if self.ssrc != header.ssrc {
            (self.ssrc, self.line) = (header.ssrc, EventLine::default());
        }
        self.last = now;
        let ended = self.line.receive(header.timestamp, event)?;
        self.told(ended)
    }

    /// Flash and other events that are no digits are not told.
    fn told(&self, ended: EventEnded) -> Option<Told> {
        let digit = Digit::from_event(ended.event)?;
        let duration = Duration::from_micros(u64::from(ended.duration) * 1_000_000 / u64::from(self.clock));
        Some((HeardDigit { digit, duration }, self.to))
    }
}

impl InbandEar {
    fn hear(&mut self, now: Instant, header: &RtpHeader, packet: &[u8]) -> (Option<Told>, Fate) {
        let payload_type = Some(header.payload_type);
        let law = match (payload_type == self.a_law, payload_type == self.mu_law) {
            (true, _) => Law::A,
            (false, true) => Law::Mu,
            (false, false) => return (None, Fate::GoesOn),
        };
        self.last = now;
        let octets = packet.get(header.payload_offset..).unwrap_or_default();
        let was_sounding = self.detector.is_sounding();
        let heard = self.detector.hear(octets.iter().map(|octet| law.decode(*octet)));
        // What sounds as a tone on the other leg would be heard as a second digit there.
        let kept = was_sounding || self.detector.is_sounding();
        (heard.map(|heard| (heard, self.to)), if kept { Fate::Kept } else { Fate::GoesOn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::dtmf::chord_of;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn events() -> Ear {
        Ear::new(HearDigits::Events { payload: 101, clock: 8000, to: DigitsTo::Partner })
    }

    fn header(payload_type: u8, ssrc: u32, timestamp: u32) -> RtpHeader {
        RtpHeader { marker: false, payload_type, sequence: 0, timestamp, ssrc, payload_offset: 12 }
    }

    fn event_packet(event: u8, end: bool, duration: u16) -> Vec<u8> {
        let mut packet = vec![0; 12];
        packet.extend(TelephoneEvent { event, end, volume: 10, duration }.octets());
        packet
    }

    fn told(told: Option<Told>) -> Option<(char, u128)> {
        told.map(|(heard, _)| (heard.digit.key(), heard.duration.as_millis()))
    }

    #[test]
    fn an_event_is_kept_and_told_once_with_its_time() {
        let mut ear = events();
        let (first, fate) = ear.hear(at(0), &header(101, 1, 500), &event_packet(5, false, 160));
        assert_eq!((told(first), fate), (None, Fate::Kept));
        let ends: Vec<_> =
            (1..4).map(|n| told(ear.hear(at(20 * n), &header(101, 1, 500), &event_packet(5, true, 800)).0)).collect();
        assert_eq!(ends, [Some(('5', 100)), None, None]);
        assert_eq!(ear.due(), None);
    }

    #[test]
    fn an_event_without_its_end_ends_by_time() {
        let mut ear = events();
        ear.hear(at(0), &header(101, 1, 500), &event_packet(9, false, 160));
        ear.hear(at(20), &header(101, 1, 500), &event_packet(9, false, 320));
        assert_eq!(ear.due(), Some(at(120)));
        assert_eq!(told(ear.time_out(at(119))), None);
        assert_eq!(told(ear.time_out(at(120))), Some(('9', 40)));
        assert_eq!(told(ear.time_out(at(121))), None);
    }

    #[test]
    fn a_new_source_counts_its_timestamps_anew() {
        let mut ear = events();
        ear.hear(at(0), &header(101, 1, 90_000), &event_packet(1, true, 800));
        let (second, _) = ear.hear(at(500), &header(101, 2, 89_000), &event_packet(2, true, 800));
        assert_eq!(told(second), Some(('2', 100)));
    }

    #[test]
    fn flash_and_short_payloads_are_kept_and_told_nobody() {
        let mut ear = events();
        let (flash, fate) = ear.hear(at(0), &header(101, 1, 0), &event_packet(16, true, 800));
        assert_eq!((told(flash), fate), (None, Fate::Kept));
        assert_eq!(ear.hear(at(0), &header(101, 1, 0), &[0; 14]).1, Fate::Kept);
        assert_eq!(ear.hear(at(0), &header(0, 1, 0), &[0; 172]).1, Fate::GoesOn);
    }

    #[test]
    fn a_tone_is_told_when_it_ends_and_not_carried_while_it_sounds() {
        let mut ear = Ear::new(HearDigits::Inband { a_law: Some(8), mu_law: None, to: DigitsTo::Core });
        let mut chord = chord_of(Digit::from_event(11).unwrap());
        let mut fates = Vec::new();
        let mut heard = Vec::new();
        for n in 0..10u64 {
            let mut packet = vec![0; 12];
            packet.extend((0..160).map(|_| Law::A.encode(if n < 5 { chord.next_sample() } else { 0 })));
            let (told, fate) = ear.hear(at(20 * n), &header(8, 1, 0), &packet);
            fates.push(fate);
            heard.extend(told);
        }
        assert_eq!(heard.len(), 1);
        assert_eq!((heard[0].0.digit.key(), heard[0].1), ('#', DigitsTo::Core));
        assert_eq!(fates.iter().position(|fate| *fate == Fate::Kept), Some(1));
        assert_eq!(fates.last(), Some(&Fate::GoesOn));
    }
}
