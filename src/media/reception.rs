//! Loss and jitter of what one far end sends (RFC 3550 A.1, A.3, A.8).

use crate::base::Instant;
use crate::media::plan::ClockRate;
use crate::rtp::packet::RtpHeader;
use crate::rtp::srtp::index::nearest;

/// RFC 3550 A.1: beyond this a source has restarted.
const GREATEST_LEAP: u64 = 3000;
/// Room below the first sequence number of a source, for packets it overtook.
const FIRST_TURN: u64 = 1 << 16;
const NANOS: i64 = 1_000_000_000;
/// More than this between two packets is a pause or a restart, not jitter: one second.
const GREATEST_DEVIATION: u64 = 1_000_000_000;

/// What came so far.
#[derive(Clone, Copy, Debug)]
pub struct Reception {
    clock: ClockRate,
    current: Option<Tracked>,
    /// Lost of sources before the current one.
    lost_before: u64,
    /// Nanoseconds, with four binary places.
    jitter: u64,
}

#[derive(Clone, Copy, Debug)]
struct Tracked {
    ssrc: u32,
    first: u64,
    highest: u64,
    /// The index of this source's sequence number 0 in the turn it began in.
    turn: u64,
    received: u64,
    /// Expected and received when the last report was written.
    reported: (u64, u64),
    arrival: Instant,
    timestamp: u32,
}

/// What a report says of the source heard now (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub ssrc: u32,
    /// 256ths lost since the last report.
    pub fraction_lost: u8,
    /// Expected less received, of this source.
    pub lost: i32,
    /// Turns above the sequence number.
    pub highest_sequence: u32,
    /// Timestamp units.
    pub jitter: u32,
}

impl Reception {
    /// Nothing was heard yet; timestamps count at `clock`.
    pub const fn new(clock: ClockRate) -> Reception {
        Reception { clock, current: None, lost_before: 0, jitter: 0 }
    }

    /// Another codec has been agreed: timestamps count at `clock` from now on.
    pub const fn set_clock(&mut self, clock: ClockRate) {
        self.clock = clock;
    }

    /// The index of a plain packet, as SRTP would count it. (SRTP knows its own.)
    pub fn index(&self, header: &RtpHeader) -> u64 {
        match self.current {
            Some(tracked) if tracked.ssrc == header.ssrc => nearest(tracked.highest, header.sequence),
            Some(_) | None => FIRST_TURN + u64::from(header.sequence),
        }
    }

    /// Counts a valid packet.
    pub fn receive(&mut self, now: Instant, header: &RtpHeader, index: u64) {
        let Some(tracked) = self.current.as_mut().filter(|tracked| tracked.goes_on_with(header.ssrc, index)) else {
            self.lost_before = self.lost();
            let (ssrc, timestamp) = (header.ssrc, header.timestamp);
            self.current = Some(Tracked {
                ssrc,
                first: index,
                highest: index,
                turn: index & !0xffff,
                received: 1,
                reported: (0, 0),
                arrival: now,
                timestamp,
            });
            return;
        };
        let deviation = tracked.deviation(now, header.timestamp, self.clock);
        tracked.first = tracked.first.min(index);
        tracked.highest = tracked.highest.max(index);
        tracked.received += 1;
        (tracked.arrival, tracked.timestamp) = (now, header.timestamp);
        if deviation < GREATEST_DEVIATION {
            // RFC 3550 A.8, with J kept 16 times as large.
            self.jitter = self.jitter + deviation - ((self.jitter + 8) >> 4);
        }
    }

    /// Expected less received; repeated packets make it smaller, never negative.
    pub fn lost(&self) -> u64 {
        let current = self.current.map_or(0, |tracked| tracked.expected().saturating_sub(tracked.received));
        self.lost_before.saturating_add(current)
    }

    /// Interarrival jitter in microseconds.
    pub fn jitter_us(&self) -> u32 {
        u32::try_from((self.jitter >> 4) / 1000).unwrap_or(u32::MAX)
    }

    /// The source of which packets came since the last report; the next report counts from here.
    pub fn report(&mut self) -> Option<Heard> {
        let units = u128::from(self.jitter >> 4) * u128::from(self.clock.hz()) / u128::from(NANOS.unsigned_abs());
        let tracked = self.current.as_mut().filter(|tracked| tracked.received > tracked.reported.1)?;
        let (expected, received) = (tracked.expected(), tracked.received);
        let (expected_since, received_since) = (expected - tracked.reported.0, received - tracked.reported.1);
        tracked.reported = (expected, received);
        let lost_since = expected_since.saturating_sub(received_since);
        let fraction = (lost_since << 8).checked_div(expected_since).unwrap_or(0);
        Some(Heard {
            ssrc: tracked.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: i32::try_from(expected.cast_signed() - received.cast_signed()).unwrap_or(i32::MAX),
            highest_sequence: u32::try_from(tracked.highest.saturating_sub(tracked.turn) & 0xffff_ffff).unwrap_or(0),
            jitter: u32::try_from(units).unwrap_or(u32::MAX),
        })
    }
}

impl Tracked {
    fn goes_on_with(&self, ssrc: u32, index: u64) -> bool {
        self.ssrc == ssrc && index.abs_diff(self.highest) <= GREATEST_LEAP
    }

    const fn expected(&self) -> u64 {
        self.highest - self.first + 1
    }

    /// How much longer or shorter this packet travelled than the one before, in nanoseconds.
    fn deviation(&self, now: Instant, timestamp: u32, clock: ClockRate) -> u64 {
        let units = i64::from(timestamp.wrapping_sub(self.timestamp).cast_signed());
        let sent_apart = units * NANOS / i64::from(clock.hz());
        let came_apart = i64::try_from((now - self.arrival).as_nanos()).unwrap_or(i64::MAX);
        came_apart.saturating_sub(sent_apart).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn feed(reception: &mut Reception, millis: u64, ssrc: u32, sequence: u16) {
        let timestamp = u32::from(sequence) * 160;
        let header = RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc, payload_offset: 12 };
        let index = reception.index(&header);
        reception.receive(Instant::ZERO + Duration::from_millis(millis), &header, index);
    }

    #[test]
    fn loss_is_counted_over_the_wrap() {
        let mut reception = Reception::new(ClockRate::NARROW_BAND);
        for (millis, sequence) in [(0, 65_533u16), (20, 65_534), (60, 0), (80, 1), (120, 3)] {
            feed(&mut reception, millis, 1, sequence);
        }
        assert_eq!(reception.lost(), 2);
    }

    #[test]
    fn a_report_tells_of_the_time_since_the_last_one_and_of_the_whole() {
        let mut reception = Reception::new(ClockRate::NARROW_BAND);
        [65_534u16, 65_535, 1].into_iter().for_each(|sequence| feed(&mut reception, 0, 1, sequence));
        let first = reception.report().unwrap();
        assert_eq!((first.fraction_lost, first.lost, first.highest_sequence), (64, 1, 65_537));
        assert_eq!(reception.report(), None, "nothing came since");
        [2u16, 3].into_iter().for_each(|sequence| feed(&mut reception, 0, 1, sequence));
        let second = reception.report().unwrap();
        assert_eq!((second.fraction_lost, second.lost, second.highest_sequence), (0, 1, 65_539));
    }

    #[test]
    fn repeated_packets_make_the_loss_negative() {
        let mut reception = Reception::new(ClockRate::NARROW_BAND);
        [5u16, 5, 5, 6].into_iter().for_each(|sequence| feed(&mut reception, 0, 1, sequence));
        assert_eq!(reception.report().map(|heard| (heard.fraction_lost, heard.lost)), Some((0, -2)));
    }

    #[test]
    fn jitter_is_told_in_units_of_the_codec_s_clock() {
        for (clock_hz, step) in [(8000u32, 160u32), (16_000, 320)] {
            let mut reception = Reception::new(ClockRate::new(clock_hz).unwrap());
            for i in 0..400u16 {
                let timestamp = u32::from(i) * step;
                let header =
                    RtpHeader { marker: false, payload_type: 0, sequence: i, timestamp, ssrc: 1, payload_offset: 12 };
                let at = Duration::from_millis(20 * u64::from(i) + u64::from(i % 2) * 8);
                let index = reception.index(&header);
                reception.receive(Instant::ZERO + at, &header, index);
            }
            let milliseconds = reception.report().unwrap().jitter * 1000 / clock_hz;
            assert!((7..9).contains(&milliseconds), "{milliseconds}");
        }
    }

    #[test]
    fn a_change_of_source_is_no_loss() {
        let mut reception = Reception::new(ClockRate::NARROW_BAND);
        feed(&mut reception, 0, 1, 10);
        feed(&mut reception, 40, 1, 12);
        feed(&mut reception, 60, 2, 40_000);
        feed(&mut reception, 80, 2, 3);
        assert_eq!(reception.lost(), 1);
    }

    #[test]
    fn a_steady_stream_has_no_jitter_and_an_uneven_one_has() {
        let mut steady = Reception::new(ClockRate::NARROW_BAND);
        (0..50).for_each(|i| feed(&mut steady, 20 * u64::from(i), 1, i));
        assert_eq!(steady.jitter_us(), 0);
        let mut uneven = Reception::new(ClockRate::NARROW_BAND);
        (0..400).for_each(|i| feed(&mut uneven, 20 * u64::from(i) + u64::from(i % 2) * 8, 1, i));
        assert!((7_000..9_000).contains(&uneven.jitter_us()), "{}", uneven.jitter_us());
    }
}
