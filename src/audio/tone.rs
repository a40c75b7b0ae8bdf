//! Pure tones: what ringing and DTMF are made of.

use crate::audio::{SAMPLE_RATE, ZERO_DBM0_PEAK};

/// Tones that sound together, at most.
pub const TOGETHER: usize = 3;

/// One tone: frequency in Hz and level in dBm0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Partial {
    pub hertz: f64,
    pub dbm0: f64,
}

/// Some tones sounding together. Starts at a zero crossing, so that it does not click.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chord {
    voices: [Resonator; TOGETHER],
}

/// `y(n) = 2 cos(w) y(n-1) - y(n-2)`: a sine by one multiplication per sample.
#[derive(Clone, Copy, Debug, Default)]
struct Resonator {
    twice_cosine: f64,
    last: f64,
    before: f64,
}

impl Chord {
    /// The first [`TOGETHER`] of `partials`.
    pub fn new(partials: impl IntoIterator<Item = Partial>) -> Chord {
        let mut chord = Chord::default();
        chord.voices.iter_mut().zip(partials).for_each(|(voice, partial)| *voice = Resonator::new(partial));
        chord
    }

    /// The next sample, cut at full scale.
    pub fn next_sample(&mut self) -> i16 {
        let sum: f64 = self.voices.iter_mut().map(Resonator::step).sum();
        // A float becomes an integer saturating.
        sum.round() as i16
    }
}

impl Resonator {
    fn new(partial: Partial) -> Resonator {
        let angle = std::f64::consts::TAU * partial.hertz / f64::from(SAMPLE_RATE);
        let peak = ZERO_DBM0_PEAK * 10f64.powf(partial.dbm0 / 20.0);
        Resonator { twice_cosine: 2.0 * angle.cos(), last: 0.0, before: -peak * angle.sin() }
    }

    /// Gives sin(0), sin(w), sin(2w), ...
    fn step(&mut self) -> f64 {
        let now = self.last;
        let next = self.twice_cosine * self.last - self.before;
        (self.before, self.last) = (now, next);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_frequency_and_level_for_a_minute() {
        let mut chord = Chord::new([Partial { hertz: 425.0, dbm0: -16.0 }]);
        let peak = ZERO_DBM0_PEAK * 10f64.powf(-0.8);
        for n in 0..60 * SAMPLE_RATE {
            let wanted = peak * (std::f64::consts::TAU * 425.0 * f64::from(n) / 8000.0).sin();
            assert!((f64::from(chord.next_sample()) - wanted).abs() < 2.0, "sample {n}");
        }
    }

    #[test]
    fn tones_too_loud_together_are_cut_and_do_not_wrap() {
        let loud = Partial { hertz: 400.0, dbm0: 3.0 };
        let mut chord = Chord::new([loud, loud]);
        let samples: Vec<i16> = (0..20).map(|_| chord.next_sample()).collect();
        assert_eq!(samples.iter().max(), Some(&i16::MAX));
        assert!(samples[..10].iter().all(|sample| *sample >= 0));
    }
}
