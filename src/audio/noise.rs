//! Comfort noise: the faint hiss that tells a listener the line is alive.

/// Peak of the noise: about -60 dBm0, the two lowest steps of G.711.
const PEAK: i16 = 24;

/// White noise from a xorshift generator: it hides nothing, so it need not be unguessable.
#[derive(Clone, Copy, Debug)]
pub struct ComfortNoise {
    state: u32,
}

impl ComfortNoise {
    /// `seed` only keeps two legs from hissing alike.
    pub const fn new(seed: u32) -> ComfortNoise {
        ComfortNoise { state: seed | 1 }
    }

    /// The next sample.
    pub fn next_sample(&mut self) -> i16 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let [high, low, ..] = self.state.to_be_bytes();
        i16::from_be_bytes([high, low]) % (PEAK + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_is_faint_without_a_bias_and_does_not_repeat_soon() {
        let mut noise = ComfortNoise::new(7);
        let samples: Vec<i16> = (0..16_000).map(|_| noise.next_sample()).collect();
        assert!(samples.iter().all(|sample| sample.abs() <= PEAK));
        let sum: i32 = samples.iter().map(|sample| i32::from(*sample)).sum();
        assert!(sum.abs() < 16_000);
        assert_ne!(samples[..8000], samples[8000..]);
    }
}
