//! What a caller hears while the other side rings: tone and cadence by country (ITU-T E.180, supplement 2).

use std::time::Duration;

use crate::audio::SAMPLE_RATE;
use crate::audio::tone::{Chord, Partial, TOGETHER};

/// Level of a ringing tone, all its parts together.
const LEVEL_DBM0: f64 = -16.0;

/// What sounds while a ringing tone is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
    /// Tones of one level, in Hz.
    Sum(&'static [u16]),
    /// A tone whose loudness swings fully, both in Hz ("400 x 25" in E.180).
    Swinging { tone: u16, by: u16 },
}

/// One country's ringing tone.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    country: &'static str,
    sound: Sound,
    /// Milliseconds of tone and of pause, in turn; repeated.
    cadence: &'static [u16],
}

const fn entry(country: &'static str, sound: Sound, cadence: &'static [u16]) -> Entry {
    Entry { country, sound, cadence }
}

/// By ISO 3166 code, in order.
static TABLE: [Entry; 26] = [
    entry("AT", Sound::Sum(&[420]), &[1000, 5000]),
    entry("AU", Sound::Sum(&[400, 450]), &[400, 200, 400, 2000]),
    entry("BE", Sound::Sum(&[425]), &[1000, 3000]),
    entry("BR", Sound::Sum(&[425]), &[1000, 4000]),
    entry("CA", Sound::Sum(&[440, 480]), &[2000, 4000]),
    entry("CH", Sound::Sum(&[425]), &[1000, 4000]),
    entry("CZ", Sound::Sum(&[425]), &[1000, 4000]),
    entry("DE", Sound::Sum(&[425]), &[1000, 4000]),
    entry("DK", Sound::Sum(&[425]), &[1000, 4000]),
    entry("ES", Sound::Sum(&[425]), &[1500, 3000]),
    entry("FI", Sound::Sum(&[425]), &[1000, 4000]),
    entry("FR", Sound::Sum(&[440]), &[1500, 3500]),
    entry("GB", Sound::Sum(&[400, 450]), &[400, 200, 400, 2000]),
    entry("IE", Sound::Sum(&[400, 450]), &[400, 200, 400, 2000]),
    entry("IN", Sound::Swinging { tone: 400, by: 25 }, &[400, 200, 400, 2000]),
    entry("IT", Sound::Sum(&[425]), &[1000, 4000]),
    entry("JP", Sound::Swinging { tone: 400, by: 16 }, &[1000, 2000]),
    entry("LU", Sound::Sum(&[425]), &[1000, 4000]),
    entry("MX", Sound::Sum(&[425]), &[1000, 4000]),
    entry("NL", Sound::Sum(&[425]), &[1000, 4000]),
    entry("NO", Sound::Sum(&[425]), &[1000, 4000]),
    entry("NZ", Sound::Sum(&[400, 450]), &[400, 200, 400, 2000]),
    entry("PL", Sound::Sum(&[425]), &[1000, 4000]),
    entry("PT", Sound::Sum(&[425]), &[1000, 5000]),
    entry("SE", Sound::Sum(&[425]), &[1000, 5000]),
    entry("US", Sound::Sum(&[440, 480]), &[2000, 4000]),
];

/// A country whose ringing tone is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingingTone(&'static Entry);

impl RingingTone {
    /// By ISO 3166 code, in capitals.
    pub fn of_country(code: &str) -> Option<RingingTone> {
        TABLE.iter().find(|entry| entry.country == code).map(RingingTone)
    }

    /// The codes of all countries known.
    pub fn countries() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|entry| entry.country)
    }

    /// The country's code.
    pub const fn country(self) -> &'static str {
        self.0.country
    }

    fn chord(self) -> Chord {
        match self.0.sound {
            Sound::Sum(tones) => {
                let share = LEVEL_DBM0 - if tones.len() > 1 { 3.0 } else { 0.0 };
                Chord::new(tones.iter().map(|hertz| Partial { hertz: f64::from(*hertz), dbm0: share }))
            }
            Sound::Swinging { tone, by } => {
                let (tone, by) = (f64::from(tone), f64::from(by));
                // Full modulation is a carrier and two side tones of half its height.
                let side = LEVEL_DBM0 - 2.0 - 6.0;
                let partials: [Partial; TOGETHER] = [
                    Partial { hertz: tone, dbm0: LEVEL_DBM0 - 2.0 },
                    Partial { hertz: tone - by, dbm0: side },
                    Partial { hertz: tone + by, dbm0: side },
                ];
                Chord::new(partials)
            }
        }
    }
}

/// A ringing tone that sounds.
#[derive(Clone, Copy, Debug)]
pub struct Ringing {
    tone: RingingTone,
    chord: Chord,
    /// Place in the cadence: even places sound.
    step: usize,
    /// Samples left of the step.
    left: u32,
}

impl Ringing {
    /// Begins with the tone.
    pub fn new(tone: RingingTone) -> Ringing {
        Ringing { tone, chord: tone.chord(), step: 0, left: samples(tone, 0) }
    }

    /// The next sample.
    pub fn next_sample(&mut self) -> i16 {
        if self.left == 0 {
            self.step = (self.step + 1) % self.tone.0.cadence.len();
            self.left = samples(self.tone, self.step);
            self.chord = self.tone.chord();
        }
        self.left = self.left.saturating_sub(1);
        if self.step.is_multiple_of(2) { self.chord.next_sample() } else { 0 }
    }
}

fn samples(tone: RingingTone, step: usize) -> u32 {
    let millis = tone.0.cadence.get(step).copied().unwrap_or(1000);
    u32::from(millis) * SAMPLE_RATE / 1000
}

/// The longest a far side is waited for before its ringing is made here, when media of its own was announced (MD-112).
pub const ANNOUNCED_MEDIA_GRACE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of tone and pause, in turn, as heard over `seconds`. A pause has no sound for 5 ms.
    fn cadence(code: &str, seconds: u32) -> Vec<u32> {
        let mut ringing = Ringing::new(RingingTone::of_country(code).unwrap());
        let samples: Vec<i16> = (0..seconds * SAMPLE_RATE).map(|_| ringing.next_sample()).collect();
        let loud = |chunk: &[i16]| chunk.iter().any(|sample| *sample != 0);
        let mut spans: Vec<(bool, u32)> = Vec::new();
        for chunk in samples.chunks(400) {
            match spans.last_mut() {
                Some((was, span)) if *was == loud(chunk) => *span += 50,
                _ => spans.push((loud(chunk), 50)),
            }
        }
        assert!(spans[0].0, "it begins with the tone");
        spans.into_iter().map(|(_, span)| span).collect()
    }

    #[test]
    fn germany_rings_one_second_in_five() {
        assert_eq!(cadence("DE", 10), [1000, 4000, 1000, 4000]);
    }

    #[test]
    fn britain_rings_twice_and_america_long() {
        assert_eq!(cadence("GB", 6), [400, 200, 400, 2000, 400, 200, 400, 2000]);
        assert_eq!(cadence("US", 12), [2000, 4000, 2000, 4000]);
    }

    #[test]
    fn the_countries_of_the_plan_are_known_and_in_order() {
        for code in ["DE", "US", "GB", "FR", "NL", "AT", "CH", "IT", "ES", "AU", "IN", "JP"] {
            assert_eq!(RingingTone::of_country(code).map(RingingTone::country), Some(code));
        }
        assert!(RingingTone::countries().is_sorted());
        assert_eq!(RingingTone::of_country("XX"), None);
    }

    #[test]
    fn every_tone_is_loud_enough_and_never_cut() {
        for code in RingingTone::countries() {
            let mut ringing = Ringing::new(RingingTone::of_country(code).unwrap());
            let peak = (0..3200).map(|_| ringing.next_sample().unsigned_abs()).max().unwrap();
            assert!((2500..8000).contains(&peak), "{code} {peak}");
        }
    }
}
