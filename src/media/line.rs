//! What one far end hears from us: one SSRC and one line of sequence numbers for the life of our key,
//! whoever speaks at the other side (issue 4 item 3, MD-175).

use crate::base::ids::EndpointId;
use crate::base::{Entropy, Instant};
use crate::media::plan::ClockRate;
use crate::media::verdict::DropReason;
use crate::rtp::packet::RtpHeader;
use crate::rtp::srtp::index::{Freshness, LAST_INDEX, ReplayWindow};

/// RFC 3550 A.1: a greater leap forward is a restart of the source, not loss.
const GREATEST_LEAP: u64 = 3000;
/// A place above this lies before the line's first: sums wrap.
const BELOW_ZERO: u64 = u64::MAX >> 1;

/// The stream that we send to one far end.
#[derive(Debug)]
pub struct OutgoingLine {
    ssrc: u32,
    /// Places a moment on the line.
    clock: ClockRate,
    /// The index and timestamp that the first packet takes.
    start: (u64, u32),
    carried: Option<Source>,
    sent: Option<Sent>,
}

/// Whose packets are carried now and how they are moved. All sums wrap: a shift may be negative.
#[derive(Clone, Copy, Debug)]
struct Source {
    endpoint: EndpointId,
    ssrc: u32,
    highest: u64,
    index_shift: u64,
    timestamp_shift: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    window: ReplayWindow,
    /// Of the packet with the highest index, and when the first packet of this timestamp went: all packets of an
    /// event have the timestamp of its begin.
    timestamp: u32,
    at: Instant,
}

impl OutgoingLine {
    /// A line with an SSRC, a sequence and a timestamp nobody can guess. The sequence starts below 2^15, so
    /// that losing the first packets does not hide a wrap from the receiver (RFC 3711 3.3.1), and above the
    /// replay window, so that a packet overtaken by the first still has a place.
    pub fn new(clock: ClockRate, entropy: &mut dyn Entropy) -> OutgoingLine {
        let start = (ReplayWindow::WIDTH + entropy.below((1 << 15) - ReplayWindow::WIDTH), entropy.next_u32());
        OutgoingLine { ssrc: entropy.next_u32(), clock, start, carried: None, sent: None }
    }

    /// The speech is of this clock from now on.
    pub const fn set_clock(&mut self, clock: ClockRate) {
        self.clock = clock;
    }

    /// Under a new key the roll-over counter begins again at 0; SSRC and sequence go on (MD-173).
    pub fn count_from_zero(&mut self) {
        let Some(sent) = &mut self.sent else { return };
        let turns = sent.window.highest() & !0xffff;
        sent.window.lower_by(turns);
        if let Some(source) = &mut self.carried {
            source.index_shift = source.index_shift.wrapping_sub(turns);
        }
    }

    /// Our SSRC.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Places a packet of `endpoint` with the index `index` in this line: rewrites SSRC, sequence and
    /// timestamp of `header`, and the marker where another source begins. Gives its index here.
    ///
    /// # Errors
    /// `Repeated` when that place was sent before, `KeyExhausted` at the end of the line.
    pub fn place(
        &mut self,
        now: Instant,
        endpoint: EndpointId,
        index: u64,
        header: &mut RtpHeader,
    ) -> Result<u64, DropReason> {
        let source = match self.carried.filter(|source| source.goes_on_with(endpoint, header.ssrc, index)) {
            Some(source) => source,
            None => {
                header.marker |= self.sent.is_some();
                self.joined(now, endpoint, index, header)
            }
        };
        let place = index.wrapping_add(source.index_shift);
        if place > BELOW_ZERO {
            return Err(DropReason::Repeated);
        }
        if place > LAST_INDEX {
            return Err(DropReason::KeyExhausted);
        }
        header.ssrc = self.ssrc;
        header.sequence = (place & 0xffff) as u16;
        header.timestamp = header.timestamp.wrapping_add(source.timestamp_shift);
        self.commit(now, place, header.timestamp)?;
        self.carried = Some(Source { highest: source.highest.max(index), ..source });
        Ok(place)
    }

    /// The timestamp that a packet made at `now` would have; `None` until one was sent.
    pub fn timestamp_at(&self, now: Instant) -> Option<u32> {
        self.sent.map(|sent| sent.timestamp.wrapping_add(units_between(sent.at, now, self.clock)))
    }

    /// Timestamp units in a second.
    pub const fn clock_hz(&self) -> u32 {
        self.clock.hz()
    }

    /// A new source goes on where the line stands, as much later as time has passed; at least one unit, so
    /// that it is never at the same moment as the old one.
    fn joined(&self, now: Instant, endpoint: EndpointId, index: u64, header: &RtpHeader) -> Source {
        let (next, timestamp) = match self.sent {
            Some(sent) => {
                let passed = units_between(sent.at, now, self.clock).max(1);
                (sent.window.highest() + 1, sent.timestamp.wrapping_add(passed))
            }
            None => self.start,
        };
        Source {
            endpoint,
            ssrc: header.ssrc,
            highest: index,
            index_shift: next.wrapping_sub(index),
            timestamp_shift: timestamp.wrapping_sub(header.timestamp),
        }
    }

    fn commit(&mut self, now: Instant, place: u64, timestamp: u32) -> Result<(), DropReason> {
        let Some(sent) = &mut self.sent else {
            self.sent = Some(Sent { window: ReplayWindow::starting_at(place), timestamp, at: now });
            return Ok(());
        };
        match sent.window.judge(place) {
            Freshness::Newest if sent.timestamp == timestamp => {}
            Freshness::Newest => (sent.timestamp, sent.at) = (timestamp, now),
            Freshness::Late => {}
            Freshness::Seen | Freshness::TooOld => return Err(DropReason::Repeated),
        }
        sent.window.commit(place);
        Ok(())
    }
}

impl Source {
    /// True for the same source without a leap: late by less than the window, or ahead by a likely loss.
    fn goes_on_with(&self, endpoint: EndpointId, ssrc: u32, index: u64) -> bool {
        self.endpoint == endpoint
            && self.ssrc == ssrc
            && index + ReplayWindow::WIDTH > self.highest
            && index <= self.highest + GREATEST_LEAP
    }
}

fn units_between(from: Instant, to: Instant, clock: ClockRate) -> u32 {
    let units = (to - from).as_nanos() * u128::from(clock.hz()) / 1_000_000_000;
    u32::try_from(units & 0xffff_ffff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::entropy::SeededEntropy;

    const A: EndpointId = EndpointId(1);
    const B: EndpointId = EndpointId(2);

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> RtpHeader {
        RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc, payload_offset: 12 }
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn loss_and_order_of_the_source_are_kept() {
        let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(1));
        let places: Vec<u64> =
            [10u16, 11, 14, 13].map(|s| line.place(at(0), A, u64::from(s), &mut header(7, s, 0)).unwrap()).to_vec();
        assert_eq!(places.iter().map(|place| place - places[0]).collect::<Vec<_>>(), [0, 1, 4, 3]);
    }

    #[test]
    fn another_source_goes_on_with_the_next_sequence_later_in_time_and_marked() {
        let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(1));
        let (mut first, mut second) = (header(7, 60_000, 1000), header(9, 3, 77));
        let before = line.place(at(0), A, 60_000, &mut first).unwrap();
        assert_eq!(line.place(at(40), B, 3, &mut second), Ok(before + 1));
        assert_eq!((second.ssrc, second.sequence), (first.ssrc, first.sequence + 1));
        assert_eq!(second.timestamp, first.timestamp.wrapping_add(320));
        assert!(second.marker && !first.marker);
    }

    #[test]
    fn speech_after_an_event_is_as_late_as_the_event_was_long() {
        let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(1));
        let mut event = header(7, 1, 1000);
        (0..10u16).for_each(|n| {
            event = header(7, 1 + n, 1000);
            line.place(at(20 * u64::from(n)), A, 1 + u64::from(n), &mut event).unwrap();
        });
        let mut speech = header(9, 3, 77);
        line.place(at(200), B, 3, &mut speech).unwrap();
        assert_eq!(speech.timestamp, event.timestamp.wrapping_add(1600));
    }

    #[test]
    fn a_wideband_line_counts_time_by_its_own_clock() {
        let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(1));
        line.set_clock(ClockRate::new(16_000).unwrap());
        let (mut first, mut second) = (header(7, 1, 0), header(9, 3, 77));
        line.place(at(0), A, 1, &mut first).unwrap();
        line.place(at(20), B, 3, &mut second).unwrap();
        assert_eq!(second.timestamp, first.timestamp.wrapping_add(320));
    }

    #[test]
    fn a_source_that_leaps_goes_on_without_a_leap() {
        let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(1));
        let before = line.place(at(0), A, 100, &mut header(7, 100, 0)).unwrap();
        assert_eq!(line.place(at(20), A, 20_000, &mut header(7, 20_000, 9)), Ok(before + 1));
        assert_eq!(line.place(at(40), A, 200, &mut header(7, 200, 9)), Ok(before + 2));
    }

    #[test]
    fn a_repeated_packet_is_sent_once() {
        let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(1));
        line.place(at(0), A, 5, &mut header(7, 5, 0)).unwrap();
        line.place(at(0), A, 6, &mut header(7, 6, 0)).unwrap();
        assert_eq!(line.place(at(0), A, 5, &mut header(7, 5, 0)), Err(DropReason::Repeated));
    }

    #[test]
    fn the_first_sequence_number_lies_in_the_lower_half_and_above_the_window() {
        for seed in 0..200 {
            let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(seed));
            let place = line.place(at(0), A, 9, &mut header(7, 9, 0)).unwrap();
            assert!((ReplayWindow::WIDTH..1 << 15).contains(&place));
        }
    }

    #[test]
    fn no_place_is_given_twice_however_sources_come_and_go() {
        let mut line = OutgoingLine::new(ClockRate::NARROW_BAND, &mut SeededEntropy::new(3));
        let mut entropy = SeededEntropy::new(4);
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..20_000 {
            let (endpoint, ssrc) = if entropy.below(50) == 0 { (B, 2) } else { (A, 1) };
            let index = 70_000 + entropy.below(400);
            if let Ok(place) = line.place(at(0), endpoint, index, &mut header(ssrc, 0, 0)) {
                assert!(places.insert(place));
            }
        }
        assert!(places.len() > 300);
    }
}
