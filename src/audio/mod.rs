//! Sound as samples: G.711, tones made and heard, noise, music. 8 kHz, 16 bits, one channel everywhere.
//!
//! Obeyed: ITU-T G.711, Q.23 and Q.24 (DTMF), E.180 and its supplement 2 (ringing tones). Assumed: other
//! codecs are carried and never looked into.

pub mod dtmf;
pub mod g711;
pub mod music;
pub mod noise;
pub mod ringing;
pub mod tone;

/// Samples in a second.
pub const SAMPLE_RATE: u32 = 8000;
/// Samples of one packet of ours: 20 ms.
pub const FRAME_SAMPLES: usize = 160;
/// Peak of a sine of 0 dBm0: the codec's full scale is 3.14 dBm0 (G.711 table 6).
pub const ZERO_DBM0_PEAK: f64 = 22_827.0;
