//! What was measured of a stream: sequence, loss, jitter (RFC 3550 appendix A) and an estimate of the listening
//! quality (ITU-T G.107, reduced to delay and loss).

use std::time::Duration;

/// Packets of one SSRC, counted.
#[derive(Clone, Debug)]
pub struct SourceCount {
    pub ssrc: u32,
    first: u32,
    highest: u32,
    received: u32,
    jitter: f64,
    transit: Option<f64>,
}

impl SourceCount {
    /// Begins with the first packet's sequence number; that packet must then be counted too.
    #[must_use]
    pub fn new(ssrc: u32, sequence: u16) -> SourceCount {
        // One round ahead, so that a packet from before the first one has a number.
        let first = 0x1_0000 | u32::from(sequence);
        SourceCount { ssrc, first, highest: first, received: 0, jitter: 0.0, transit: None }
    }

    /// Counts a packet.
    pub fn count(&mut self, sequence: u16) {
        let ahead = sequence.wrapping_sub(low_half(self.highest));
        if ahead < 0x8000 {
            self.highest += u32::from(ahead);
        } else {
            self.first = self.first.min(self.highest - u32::from(ahead.wrapping_neg()));
        }
        self.received += 1;
    }

    /// RFC 3550 6.4.1: moves the jitter estimate. `arrival` since any fixed moment, `timestamp` at 8 kHz.
    pub fn arrive(&mut self, arrival: Duration, timestamp: u32) {
        let transit = arrival.as_secs_f64() * 8_000.0 - f64::from(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            self.jitter += ((transit - before).abs() - self.jitter) / 16.0;
        }
    }

    /// Packets that the sequence numbers promise.
    #[must_use]
    pub fn expected(&self) -> u32 {
        self.highest - self.first + 1
    }

    /// Packets that never came.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received)
    }

    /// The extended highest sequence number.
    #[must_use]
    pub fn highest(&self) -> u32 {
        self.highest
    }

    /// Milliseconds.
    #[must_use]
    pub fn jitter_ms(&self) -> f64 {
        self.jitter / 8.0
    }
}

fn low_half(number: u32) -> u16 {
    let octets = number.to_le_bytes();
    u16::from_le_bytes([octets[0], octets[1]])
}

/// Estimated mean opinion score, 1.0 to 4.5, of G.711 with loss (0 to 1) and jitter.
///
/// R = 93.2 - Id - Ie,eff (G.107). The delay is a 20 ms packet and a play-out buffer of twice the jitter (loopback has
/// no other); Ie,eff takes Bpl = 4.3 (G.113, G.711 without concealment) and random loss.
#[must_use]
pub fn mean_opinion_score(loss: f64, jitter_ms: f64) -> f64 {
    let delay_ms = 20.0 + 2.0 * jitter_ms;
    let delay_impairment = 0.024 * delay_ms + if delay_ms > 177.3 { 0.11 * (delay_ms - 177.3) } else { 0.0 };
    let loss_percent = loss * 100.0;
    let loss_impairment = 95.0 * loss_percent / (loss_percent + 4.3);
    let rating = (93.2 - delay_impairment - loss_impairment).clamp(0.0, 100.0);
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_over_the_wrap_is_counted_as_lost() {
        let mut count = SourceCount::new(1, 65_534);
        for sequence in [65_534, 65_535, 1, 2] {
            count.count(sequence);
        }
        assert_eq!((count.expected(), count.lost()), (5, 1));
    }

    #[test]
    fn reordered_packets_are_not_lost() {
        let mut count = SourceCount::new(1, 10);
        for sequence in [10, 9, 12, 11] {
            count.count(sequence);
        }
        assert_eq!((count.expected(), count.lost()), (4, 0));
    }

    #[test]
    fn packets_on_time_have_no_jitter() {
        let mut count = SourceCount::new(1, 0);
        for tick in 0..50u32 {
            count.arrive(Duration::from_millis(u64::from(tick) * 20), tick * 160);
        }
        assert!(count.jitter_ms() < 0.001);
    }

    #[test]
    fn a_clean_call_scores_above_four_and_five_percent_loss_below_three() {
        assert!(mean_opinion_score(0.0, 1.0) > 4.3);
        assert!(mean_opinion_score(0.05, 1.0) < 3.0);
    }
}
