//! DTMF in the audio (ITU-T Q.23): made from a digit, and heard by eight Goertzel filters by the rules of Q.24.

use std::time::Duration;

use crate::audio::SAMPLE_RATE;
use crate::audio::tone::{Chord, Partial};
use crate::base::Digit;

/// Hz of the rows and of the columns of the keypad.
const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// The keys by row and column.
const KEYPAD: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Level of the low and of the high tone we make: the high one a little louder, as lines dampen it more.
const LOW_DBM0: f64 = -10.0;
const HIGH_DBM0: f64 = -8.0;

/// The sound of a digit.
pub fn chord_of(digit: Digit) -> Chord {
    let place = KEYPAD.iter().flatten().position(|key| *key == digit.key()).unwrap_or(0);
    let hertz = |of: &[f64; 4], at: usize| of.get(at).copied().unwrap_or_default();
    let (row, column) = (hertz(&ROWS, place / 4), hertz(&COLUMNS, place % 4));
    Chord::new([Partial { hertz: row, dbm0: LOW_DBM0 }, Partial { hertz: column, dbm0: HIGH_DBM0 }])
}

/// Samples judged together (13.25 ms); a window begins at every half of one.
const WINDOW: u32 = 106;
const STEP: u32 = WINDOW / 2;
/// Windows alike that make a digit. A tone of 40 ms (Q.24: a digit) holds four whole ones wherever it begins; a tone of
/// 23 ms (Q.24: none) fills [`SHARE`] of three at most.
const TO_BEGIN: u32 = 4;
/// Windows without the digit that end it: a drop-out of 10 ms spoils three.
const TO_END: u32 = 4;
/// Quietest tone that counts: peak of a sine at -32 dBm0.
const QUIETEST_PEAK: f64 = 573.0;
/// The high tone may be 8 dB louder than the low one, the low one 4 dB louder than the high one.
const NORMAL_TWIST: f64 = 6.31;
const REVERSE_TWIST: f64 = 2.51;
/// A tone stands out 8 dB from the other three of its group.
const STANDS_OUT: f64 = 6.31;
/// Share of all energy that lies in the two tones. Speech spreads over many (talk-off); tones 1.5 % off their
/// place still give more.
const SHARE: f64 = 0.75;

/// Hears digits in samples.
#[derive(Clone, Debug)]
pub struct DtmfDetector {
    /// Two windows, half of one apart.
    banks: [Bank; 2],
    /// What the last window was, and how many windows on end.
    seen: (Option<Digit>, u32),
    sounding: Option<Sounding>,
}

/// One window being filled.
#[derive(Clone, Debug)]
struct Bank {
    filters: [Goertzel; 8],
    energy: f64,
    filled: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sounding {
    digit: Digit,
    /// Windows since it began.
    windows: u32,
    /// Of them without the digit, at the end.
    missing: u32,
}

/// A digit that was heard and is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardDigit {
    pub digit: Digit,
    pub duration: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Goertzel {
    twice_cosine: f64,
    last: f64,
    before: f64,
}

impl Default for DtmfDetector {
    fn default() -> Self {
        DtmfDetector { banks: [Bank::new(0), Bank::new(STEP)], seen: (None, 0), sounding: None }
    }
}

impl DtmfDetector {
    /// Takes some samples. Gives the digit that ended in them; of two, which no packet is long enough for, the last.
    pub fn hear(&mut self, samples: impl IntoIterator<Item = i16>) -> Option<HeardDigit> {
        let mut heard = None;
        for sample in samples {
            let sample = f64::from(sample);
            let [first, second] = &mut self.banks;
            // Never both at one sample: they are half a window apart.
            if let Some(window) = first.step(sample).or(second.step(sample)) {
                heard = self.end_of_window(window).or(heard);
            }
        }
        heard
    }

    /// True while a digit sounds.
    pub const fn is_sounding(&self) -> bool {
        self.sounding.is_some()
    }

    /// Nothing more comes: the digit that sounds, if any, is over.
    pub fn finish(&mut self) -> Option<HeardDigit> {
        self.seen = (None, 0);
        self.sounding.take().map(Sounding::heard)
    }

    fn end_of_window(&mut self, Judged(digit): Judged) -> Option<HeardDigit> {
        let run = if self.seen.0 == digit { self.seen.1.saturating_add(1) } else { 1 };
        self.seen = (digit, run);
        let ended = self.go_on(digit);
        if let (None, Some(digit)) = (self.sounding, digit)
            && run >= TO_BEGIN
        {
            self.sounding = Some(Sounding { digit, windows: run, missing: 0 });
        }
        ended
    }

    /// One window more of the digit that sounds, or one without it.
    fn go_on(&mut self, digit: Option<Digit>) -> Option<HeardDigit> {
        let sounding = self.sounding.as_mut()?;
        sounding.windows = sounding.windows.saturating_add(1);
        sounding.missing = if digit == Some(sounding.digit) { 0 } else { sounding.missing + 1 };
        if sounding.missing < TO_END {
            return None;
        }
        self.sounding.take().map(Sounding::heard)
    }
}

/// What a window held: a digit or none.
struct Judged(Option<Digit>);

impl Bank {
    fn new(filled: u32) -> Bank {
        let [a, b, c, d] = ROWS;
        let [e, f, g, h] = COLUMNS;
        Bank { filters: [a, b, c, d, e, f, g, h].map(Goertzel::new), energy: 0.0, filled }
    }

    /// Takes a sample; says what the window held when it is full with it, and begins the next.
    fn step(&mut self, sample: f64) -> Option<Judged> {
        self.energy += sample * sample;
        self.filters.iter_mut().for_each(|filter| filter.step(sample));
        self.filled += 1;
        if self.filled < WINDOW {
            return None;
        }
        let judged = Judged(self.judge());
        (self.energy, self.filled) = (0.0, 0);
        self.filters.iter_mut().for_each(Goertzel::clear);
        Some(judged)
    }

    fn judge(&self) -> Option<Digit> {
        let powers = self.filters.map(|filter| filter.power());
        let (row, low) = strongest(powers.get(..4)?)?;
        let (column, high) = strongest(powers.get(4..)?)?;
        let half = f64::from(WINDOW) / 2.0;
        let loud = low.min(high) >= (QUIETEST_PEAK * half).powi(2);
        let balanced = high <= low * NORMAL_TWIST && low <= high * REVERSE_TWIST;
        let pure = low + high >= SHARE * self.energy * half;
        let key = KEYPAD.get(row)?.get(column)?;
        if loud && balanced && pure { Digit::from_char(*key) } else { None }
    }
}

impl Sounding {
    fn heard(self) -> HeardDigit {
        let samples = u64::from(self.windows.saturating_sub(self.missing) + 1) * u64::from(STEP);
        HeardDigit {
            digit: self.digit,
            duration: Duration::from_nanos(samples.saturating_mul(1_000_000_000 / u64::from(SAMPLE_RATE))),
        }
    }
}

impl Goertzel {
    fn new(hertz: f64) -> Goertzel {
        let angle = std::f64::consts::TAU * hertz / f64::from(SAMPLE_RATE);
        Goertzel { twice_cosine: 2.0 * angle.cos(), last: 0.0, before: 0.0 }
    }

    fn step(&mut self, sample: f64) {
        let now = sample + self.twice_cosine * self.last - self.before;
        (self.before, self.last) = (self.last, now);
    }

    /// Of a sine of peak p over n samples: (p n / 2) squared.
    fn power(&self) -> f64 {
        self.last * self.last + self.before * self.before - self.twice_cosine * self.last * self.before
    }

    fn clear(&mut self) {
        (self.last, self.before) = (0.0, 0.0);
    }
}

/// Place and power of the strongest of a group, when it stands out from the others.
fn strongest(powers: &[f64]) -> Option<(usize, f64)> {
    let (place, power) = powers.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let alone = powers.iter().enumerate().all(|(other, its)| other == place || its * STANDS_OUT <= power);
    alone.then_some((place, power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::ZERO_DBM0_PEAK;
    use crate::audio::g711::Law;
    use crate::audio::ringing::{Ringing, RingingTone};
    use crate::base::Entropy;
    use crate::base::entropy::SeededEntropy;

    const MILLI: u32 = SAMPLE_RATE / 1000;

    /// Two tones with levels and a deviation, over silence on both sides.
    fn tones(row: f64, column: f64, dbm0: (f64, f64), millis: u32) -> Vec<i16> {
        let mut chord = Chord::new([Partial { hertz: row, dbm0: dbm0.0 }, Partial { hertz: column, dbm0: dbm0.1 }]);
        let pause = || std::iter::repeat_n(0, usize::try_from(60 * MILLI + 37).unwrap());
        let sound: Vec<i16> = (0..millis * MILLI).map(|_| chord.next_sample()).collect();
        pause().chain(sound).chain(pause()).collect()
    }

    fn press(digit: Digit, millis: u32) -> Vec<i16> {
        let mut chord = chord_of(digit);
        let pause = || std::iter::repeat_n(0, usize::try_from(50 * MILLI).unwrap());
        let sound: Vec<i16> = (0..millis * MILLI).map(|_| chord.next_sample()).collect();
        pause().chain(sound).chain(pause()).collect()
    }

    fn keys(samples: &[i16]) -> String {
        let mut detector = DtmfDetector::default();
        let heard: Vec<HeardDigit> =
            samples.chunks(160).filter_map(|chunk| detector.hear(chunk.iter().copied())).collect();
        heard.iter().map(|heard| heard.digit.key()).collect()
    }

    /// Gaussian-like noise of a level in dBm0.
    fn with_noise(samples: &[i16], dbm0: f64, seed: u64) -> Vec<i16> {
        let mut entropy = SeededEntropy::new(seed);
        let sigma = ZERO_DBM0_PEAK / 2f64.sqrt() * 10f64.powf(dbm0 / 20.0);
        let mut noise = || {
            let sum: f64 = (0..12).map(|_| entropy.below(1 << 20) as f64 / f64::from(1 << 20)).sum();
            (sum - 6.0) * sigma
        };
        samples.iter().map(|sample| (f64::from(*sample) + noise()).round() as i16).collect()
    }

    #[test]
    fn every_key_is_heard_through_both_laws() {
        let samples: Vec<i16> = Digit::all().flat_map(|digit| press(digit, 50)).collect();
        for law in [Law::A, Law::Mu] {
            let line: Vec<i16> = samples.iter().map(|sample| law.decode(law.encode(*sample))).collect();
            assert_eq!(keys(&line), "0123456789*#ABCD");
        }
    }

    #[test]
    fn every_key_is_heard_in_noise_18_db_below() {
        let samples: Vec<i16> = Digit::all().flat_map(|digit| press(digit, 60)).collect();
        for seed in 0..20 {
            assert_eq!(keys(&with_noise(&samples, -26.0, seed)), "0123456789*#ABCD", "seed {seed}");
        }
    }

    #[test]
    fn the_duration_is_that_of_the_press_within_two_windows() {
        for millis in [40, 75, 100, 300, 2000] {
            let samples = press(Digit::from_char('7').unwrap(), millis);
            let mut detector = DtmfDetector::default();
            let heard: Vec<HeardDigit> =
                samples.chunks(80).filter_map(|chunk| detector.hear(chunk.iter().copied())).collect();
            let heard = heard[0].duration.as_millis();
            assert!(heard.abs_diff(u128::from(millis)) <= 26, "{millis} {heard}");
        }
    }

    #[test]
    fn a_tone_of_40_ms_is_a_digit_and_one_of_23_ms_is_none() {
        for offset in 0..106usize {
            let mut samples = vec![0; offset];
            samples.extend(press(Digit::from_char('5').unwrap(), 40));
            assert_eq!(keys(&samples), "5", "offset {offset}");
            let mut samples = vec![0; offset];
            samples.extend(press(Digit::from_char('5').unwrap(), 23));
            assert_eq!(keys(&samples), "", "offset {offset}");
        }
    }

    #[test]
    fn the_same_key_twice_is_two_digits_and_a_drop_out_of_10_ms_makes_no_second() {
        let digit = Digit::from_char('9').unwrap();
        assert_eq!(keys(&[press(digit, 50), press(digit, 50)].concat()), "99");
        let mut samples = press(digit, 100);
        samples[800..880].fill(0);
        assert_eq!(keys(&samples), "9");
    }

    #[test]
    fn frequencies_a_little_off_are_taken_and_those_far_off_are_not() {
        for (row, column) in [(697.0, 1209.0), (770.0, 1477.0), (941.0, 1633.0)] {
            for sign in [-1.0, 1.0] {
                let off = |hertz: f64, percent: f64| hertz * (1.0 + sign * percent / 100.0);
                assert_eq!(
                    keys(&tones(off(row, 1.5), off(column, 1.5), (-10.0, -8.0), 60)).len(),
                    1,
                    "{row} {column} {sign}"
                );
                assert_eq!(
                    keys(&tones(off(row, 5.0), off(column, 5.0), (-10.0, -8.0), 60)),
                    "",
                    "{row} {column} {sign}"
                );
            }
        }
    }

    #[test]
    fn twist_is_taken_to_its_bounds_and_no_further() {
        let heard = |low: f64, high: f64| keys(&tones(852.0, 1336.0, (low, high), 60));
        assert_eq!((heard(-14.0, -7.0), heard(-8.0, -11.0)), ("8".to_owned(), "8".to_owned()));
        assert_eq!((heard(-18.0, -8.0), heard(-8.0, -14.0)), (String::new(), String::new()));
    }

    #[test]
    fn levels_from_loud_to_faint_are_heard_and_a_whisper_is_not() {
        assert_eq!(keys(&tones(697.0, 1336.0, (-1.0, -1.0), 60)), "2");
        assert_eq!(keys(&tones(697.0, 1336.0, (-28.0, -28.0), 60)), "2");
        assert_eq!(keys(&tones(697.0, 1336.0, (-40.0, -40.0), 60)), "");
    }

    #[test]
    fn ringing_and_noise_are_no_digits() {
        for code in RingingTone::countries() {
            let mut ringing = Ringing::new(RingingTone::of_country(code).unwrap());
            let samples: Vec<i16> = (0..4 * SAMPLE_RATE).map(|_| ringing.next_sample()).collect();
            assert_eq!(keys(&samples), "", "{code}");
        }
        assert_eq!(keys(&with_noise(&[0; 80_000], -10.0, 3)), "");
    }

    /// A voice as a source of harmonics under three formants that wander: enough of it passes near every key.
    fn voice(seed: u64, seconds: u32) -> Vec<i16> {
        let mut entropy = SeededEntropy::new(seed);
        let mut phase = 0.0f64;
        let (mut pitch, mut formants) = (120.0, [500.0, 1500.0, 2500.0]);
        let mut samples = Vec::new();
        for n in 0..seconds * SAMPLE_RATE {
            if n % 640 == 0 {
                pitch = 85.0 + entropy.below(220) as f64;
                let mut from = |low: f64, width: u64| low + entropy.below(width) as f64;
                formants = [from(300.0, 700), from(1000.0, 900), from(2200.0, 800)];
            }
            // No voice holds its pitch: it glides, here by a tenth within each sound.
            pitch *= 1.0 + 0.1 / 640.0;
            phase += pitch / f64::from(SAMPLE_RATE);
            let gain = |hertz: f64| -> f64 {
                formants.iter().map(|formant| 1.0 / (1.0 + ((hertz - formant) / 90.0).powi(2))).sum::<f64>() + 0.02
            };
            let harmonics = (1..40).map(|k| f64::from(k) * pitch).take_while(|hertz| *hertz < 3600.0);
            let sum: f64 = harmonics
                .enumerate()
                .map(|(k, hertz)| gain(hertz) * (std::f64::consts::TAU * phase * (k as f64 + 1.0)).sin())
                .sum();
            samples.push((sum * 5000.0).round() as i16);
        }
        samples
    }

    #[test]
    fn a_voice_is_no_digit() {
        let heard: usize = (0..6).map(|seed| keys(&voice(seed, 60)).len()).sum();
        assert!(heard <= 1, "{heard} digits in six minutes of vowels");
    }
}
