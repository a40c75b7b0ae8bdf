//! What a listener would say of one leg: the E-model of ITU-T G.107, reduced to what a relay can measure.
//!
//! R = 93.2 - Id - Ie,eff. Id is the delay impairment by the usual straight-line fit of G.107's curve (0.024 d, and
//! 0.11 more for each ms above 177.3). Ie,eff comes from loss with G.113's values for G.711 whose receiver conceals
//! lost packets (Ie 0, Bpl 25.1), and random loss. Assumed: G.711, packets of 20 ms, a receiver that waits twice the
//! jitter, half the round trip each way, everything else at G.107's defaults. For another codec the figure is the
//! network's part only.

/// R with nothing impaired, at the defaults of G.107.
const BEST_R: f64 = 93.2;
/// G.113 appendix I: robustness of G.711 with concealment against random loss, percent.
const LOSS_ROBUSTNESS: f64 = 25.1;
/// Milliseconds of speech in a packet.
const PACKET_MS: f64 = 20.0;
/// Delay in milliseconds above which conversation suffers.
const DELAY_KNEE_MS: f64 = 177.3;

/// What was measured of the stream from one far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    pub received: u64,
    pub lost: u64,
    pub jitter_us: u32,
    /// 0: unknown.
    pub round_trip_us: u32,
}

/// Mean opinion score in hundredths, 100..=450; `None` when nothing was received.
pub fn opinion_score(measured: &Measured) -> Option<u16> {
    if measured.received == 0 {
        return None;
    }
    let r = (BEST_R - delay_impairment(measured) - loss_impairment(measured)).clamp(0.0, 100.0);
    let score = 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6;
    // Between 100 and 450 by the clamp: nothing is cut off.
    Some((score.clamp(1.0, 4.5) * 100.0).round() as u16)
}

fn delay_impairment(measured: &Measured) -> f64 {
    let [round_trip_ms, jitter_ms] = [measured.round_trip_us, measured.jitter_us].map(|us| f64::from(us) / 1000.0);
    let delay = round_trip_ms / 2.0 + PACKET_MS + 2.0 * jitter_ms;
    0.024 * delay + 0.11 * (delay - DELAY_KNEE_MS).max(0.0)
}

fn loss_impairment(measured: &Measured) -> f64 {
    let lost = measured.lost as f64;
    let percent = 100.0 * lost / (lost + measured.received as f64);
    95.0 * percent / (percent + LOSS_ROBUSTNESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Measured = Measured { received: 1000, lost: 0, jitter_us: 0, round_trip_us: 0 };

    fn score(measured: Measured) -> u16 {
        opinion_score(&measured).unwrap()
    }

    #[test]
    fn a_clean_stream_has_the_best_score_of_g_711() {
        assert!((438..=442).contains(&score(CLEAN)), "{}", score(CLEAN));
    }

    #[test]
    fn loss_delay_and_jitter_each_make_it_worse() {
        assert!(score(Measured { lost: 10, ..CLEAN }) < score(CLEAN));
        assert!(
            score(Measured { round_trip_us: 600_000, ..CLEAN }) < score(Measured { round_trip_us: 200_000, ..CLEAN })
        );
        assert!(score(Measured { jitter_us: 40_000, ..CLEAN }) < score(CLEAN));
    }

    #[test]
    fn one_percent_and_twenty_percent_lost_are_good_and_bad() {
        assert!(score(Measured { received: 99, lost: 1, ..CLEAN }) > 400);
        assert!(score(Measured { received: 80, lost: 20, ..CLEAN }) < 280);
    }

    #[test]
    fn the_worst_figures_stay_in_the_scale_and_nothing_received_has_none() {
        let worst = Measured { received: 1, lost: u64::MAX / 2, jitter_us: u32::MAX, round_trip_us: u32::MAX };
        assert_eq!(score(worst), 100);
        assert_eq!(opinion_score(&Measured { received: 0, ..worst }), None);
    }
}
