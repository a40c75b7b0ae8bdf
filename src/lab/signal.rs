//! The recognisable signal of one side of one call, and its verifier.
//!
//! Every 20 ms tick is a tone, a slow sweep and a low pseudo-random pattern that depends on call, side and tick, coded
//! in G.711. The SBC relays G.711 unchanged, so the receiver knows each payload octet in advance: loss, corruption,
//! a mix-up of calls or sides and repetition are told apart exactly.

use std::collections::{BTreeSet, HashMap};
use std::f64::consts::TAU;

/// Octets of a payload: 20 ms at 8 kHz.
pub const TICK_SAMPLES: u16 = 160;
/// Ticks looked ahead for the first payload of a stream (30 s) and beyond the newest one heard.
const HORIZON: u32 = 1_500;
/// Ticks a verifier keeps at most: one hour. What comes later is counted as foreign.
const TICK_LIMIT: u32 = 180_000;

/// G.711 law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Pcmu,
    Pcma,
}

impl Codec {
    /// The static payload type (RFC 3551 6).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
        }
    }

    /// The encoding name of the rtpmap.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// The codec of a static payload type.
    #[must_use]
    pub const fn of_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            _ => None,
        }
    }

    fn encode(self, sample: i16) -> u8 {
        match self {
            Codec::Pcmu => mu_law(sample),
            Codec::Pcma => a_law(sample),
        }
    }
}

/// G.711 mu-law: sign, exponent and mantissa of the biased magnitude, inverted.
fn mu_law(sample: i16) -> u8 {
    let magnitude = sample.unsigned_abs().min(32_635) + 132;
    let (segment, mantissa) = segment_of(magnitude);
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | segment << 4 | mantissa)
}

/// G.711 A-law: even bits inverted.
fn a_law(sample: i16) -> u8 {
    let (magnitude, sign) = if sample < 0 { (!sample as u16, 0) } else { (sample.unsigned_abs(), 0x80) };
    let code = match magnitude {
        0..256 => low_octet(magnitude >> 4),
        _ => {
            let (segment, mantissa) = segment_of(magnitude);
            segment << 4 | mantissa
        }
    };
    (sign | code) ^ 0x55
}

/// Position of the highest bit above bit 7, and the four bits below it.
fn segment_of(magnitude: u16) -> (u8, u8) {
    let highest = 15u32.saturating_sub(magnitude.leading_zeros()).max(7);
    (low_octet((highest - 7) as u16), low_octet(magnitude >> (highest - 4) & 0x0F))
}

fn low_octet(value: u16) -> u8 {
    value.to_le_bytes()[0]
}

/// Which end of a call a signal belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Caller,
    Called,
}

/// What one side of one call plays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal {
    seed: u64,
    tone_hz: f64,
}

impl Signal {
    /// The signal of `side` in call number `call`.
    #[must_use]
    pub fn new(call: u64, side: Side) -> Signal {
        let (side, tone_hz) = match side {
            Side::Caller => (1, 440.0),
            Side::Called => (2, 697.0),
        };
        Signal { seed: scramble(call << 2 | side), tone_hz }
    }

    /// The payload of a tick.
    #[must_use]
    pub fn payload(&self, codec: Codec, tick: u32) -> Vec<u8> {
        (0..TICK_SAMPLES).map(|index| codec.encode(self.sample(tick, index))).collect()
    }

    fn sample(&self, tick: u32, index: u16) -> i16 {
        let position = u64::from(tick) * u64::from(TICK_SAMPLES) + u64::from(index);
        let seconds = position as f64 / 8_000.0;
        let sweep_hz = 1_000.0 + 400.0 * (seconds * 0.5).sin();
        let tones = 5_000.0 * (TAU * self.tone_hz * seconds).sin() + 1_200.0 * (TAU * sweep_hz * seconds).sin();
        let pattern = (scramble(self.seed ^ position) >> 54) as f64 - 512.0;
        (tones + pattern) as i16
    }
}

/// One round of splitmix64: spreads neighbouring numbers.
fn scramble(value: u64) -> u64 {
    let mixed = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// What a payload turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Octet for octet the payload of this tick, for the first time.
    Tick(u32),
    /// A tick that was heard before.
    Again(u32),
    /// Not a payload of the expected signal.
    Foreign,
}

/// Compares what arrives with what the far side plays.
#[derive(Clone, Debug)]
pub struct Verifier {
    signal: Signal,
    codec: Codec,
    expected: HashMap<Vec<u8>, u32>,
    prepared: u32,
    heard: BTreeSet<u32>,
}

impl Verifier {
    #[must_use]
    pub fn new(signal: Signal, codec: Codec) -> Verifier {
        Verifier { signal, codec, expected: HashMap::new(), prepared: 0, heard: BTreeSet::new() }
    }

    /// The law of the payloads it expects.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Judges a payload.
    pub fn hear(&mut self, payload: &[u8]) -> Heard {
        self.prepare();
        match self.expected.get(payload) {
            Some(tick) if self.heard.insert(*tick) => Heard::Tick(*tick),
            Some(tick) => Heard::Again(*tick),
            None => Heard::Foreign,
        }
    }

    /// Every tick heard.
    #[must_use]
    pub fn heard(&self) -> &BTreeSet<u32> {
        &self.heard
    }

    fn prepare(&mut self) {
        let newest = self.heard.last().copied().unwrap_or(0);
        let wanted = (newest + HORIZON).min(TICK_LIMIT);
        // In steps of half the horizon, so that most packets find their table ready.
        if self.prepared < wanted.saturating_sub(HORIZON / 2) || self.prepared == 0 {
            for tick in self.prepared..wanted {
                self.expected.insert(self.signal.payload(self.codec, tick), tick);
            }
            self.prepared = wanted;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_samples_have_their_g711_codes() {
        for (sample, mu, a) in
            [(0, 0xFF, 0xD5), (-1, 0x7F, 0x55), (32_767, 0x80, 0xAA), (-32_768, 0x00, 0x2A), (1_000, 0xCE, 0xFA)]
        {
            assert_eq!(mu_law(sample), mu, "mu-law of {sample}");
            assert_eq!(a_law(sample), a, "A-law of {sample}");
        }
    }

    #[test]
    fn every_tick_of_the_signal_is_recognised_once() {
        let signal = Signal::new(1, Side::Caller);
        let mut verifier = Verifier::new(signal, Codec::Pcma);
        for tick in 0..600 {
            assert_eq!(verifier.hear(&signal.payload(Codec::Pcma, tick)), Heard::Tick(tick));
        }
        assert_eq!(verifier.hear(&signal.payload(Codec::Pcma, 7)), Heard::Again(7));
    }

    #[test]
    fn one_changed_bit_is_foreign() {
        let signal = Signal::new(1, Side::Caller);
        let mut payload = signal.payload(Codec::Pcmu, 3);
        payload[80] ^= 1;
        assert_eq!(Verifier::new(signal, Codec::Pcmu).hear(&payload), Heard::Foreign);
    }

    #[test]
    fn the_other_side_and_the_other_call_are_foreign() {
        let mut verifier = Verifier::new(Signal::new(1, Side::Caller), Codec::Pcmu);
        for stranger in [Signal::new(1, Side::Called), Signal::new(2, Side::Caller)] {
            assert_eq!(verifier.hear(&stranger.payload(Codec::Pcmu, 0)), Heard::Foreign);
        }
    }
}
