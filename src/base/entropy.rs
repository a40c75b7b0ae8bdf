//! Randomness as an argument. The process hands the operating system's generator down; tests a seeded one.

use zeroize::Zeroize;

use super::text::hexadecimal;

/// A source of random octets. What a peer must not guess (tags, branches, keys) comes from here.
pub trait Entropy {
    /// Fills `out` completely.
    fn fill(&mut self, out: &mut [u8]);

    /// A uniformly distributed 64-bit value.
    fn next_u64(&mut self) -> u64 {
        let mut octets = [0u8; 8];
        self.fill(&mut octets);
        u64::from_le_bytes(octets)
    }

    /// A uniformly distributed 32-bit value.
    fn next_u32(&mut self) -> u32 {
        let mut octets = [0u8; 4];
        self.fill(&mut octets);
        u32::from_le_bytes(octets)
    }

    /// A value in `0..bound`; 0 when `bound` is 0. The bias is below 2^-32 for bounds under 2^32.
    fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64 }
    }

    /// Appends `octets` random octets as lower-case hexadecimal: safe in any SIP token, 8 bits each.
    fn push_token(&mut self, octets: usize, out: &mut Vec<u8>) {
        let mut left = octets;
        while left > 0 {
            let mut chunk = [0u8; 16];
            self.fill(&mut chunk);
            out.extend_from_slice(hexadecimal(chunk).get(..left.min(chunk.len())).unwrap_or_default().as_flattened());
            left = left.saturating_sub(chunk.len());
        }
    }

    /// A token of `octets` random octets, twice as many characters.
    fn token(&mut self, octets: usize) -> String {
        let mut out = Vec::with_capacity(octets * 2);
        self.push_token(octets, &mut out);
        out.into_iter().map(char::from).collect()
    }
}

/// Octets a [`Pooled`] draws at once.
const POOL: usize = 512;

/// A source that is asked in blocks, because a token or a sequence number must not cost a whole draw. What was handed
/// out is overwritten in the pool.
pub struct Pooled<E> {
    source: E,
    pool: [u8; POOL],
    /// Octets of the pool already handed out.
    used: usize,
}

impl<E: Entropy> Pooled<E> {
    /// Nothing is drawn before it is needed.
    pub const fn new(source: E) -> Self {
        Pooled { source, pool: [0; POOL], used: POOL }
    }

    /// Moves as much as there is to the front of `out`, and gives the rest of `out`.
    fn hand_out<'a>(&mut self, out: &'a mut [u8]) -> &'a mut [u8] {
        if self.used >= POOL {
            self.source.fill(&mut self.pool);
            self.used = 0;
        }
        let fresh = self.pool.get_mut(self.used..).unwrap_or_default();
        let count = fresh.len().min(out.len());
        let (now, later) = out.split_at_mut(count);
        now.copy_from_slice(fresh.get(..count).unwrap_or_default());
        fresh.get_mut(..count).unwrap_or_default().zeroize();
        self.used += count;
        later
    }
}

impl<E: Entropy> Entropy for Pooled<E> {
    fn fill(&mut self, out: &mut [u8]) {
        let mut rest = out;
        while !rest.is_empty() {
            rest = self.hand_out(rest);
        }
    }
}

impl<E> Drop for Pooled<E> {
    fn drop(&mut self) {
        self.pool.zeroize();
    }
}

/// A repeatable generator (SplitMix64) for tests and simulation; never for a running daemon.
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    state: u64,
}

impl SeededEntropy {
    /// The same seed gives the same sequence on every machine.
    pub const fn new(seed: u64) -> Self {
        SeededEntropy { state: seed }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            for (slot, octet) in chunk.iter_mut().zip((z ^ (z >> 31)).to_le_bytes()) {
                *slot = octet;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_hands_out_what_its_source_gives_in_order() {
        let mut out = vec![0u8; POOL * 3];
        let mut pooled = Pooled::new(SeededEntropy::new(7));
        let (first, rest) = out.split_at_mut(5);
        pooled.fill(first);
        pooled.fill(rest);
        let mut straight = vec![0u8; POOL * 3];
        SeededEntropy::new(7).fill(&mut straight);
        assert_eq!(out, straight);
    }

    #[test]
    fn what_was_handed_out_is_gone_from_the_pool() {
        let mut pooled = Pooled::new(SeededEntropy::new(7));
        pooled.fill(&mut [0u8; 100]);
        assert!(pooled.pool.iter().take(100).all(|octet| *octet == 0));
        assert!(pooled.pool.iter().skip(100).any(|octet| *octet != 0));
    }

    #[test]
    fn a_token_is_hexadecimal_of_twice_the_length() {
        let token = SeededEntropy::new(1).token(20);
        assert_eq!(token.len(), 40);
        assert!(token.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    }

    #[test]
    fn below_stays_below() {
        let mut entropy = SeededEntropy::new(7);
        assert!((0..1000).all(|_| entropy.below(3) < 3));
        assert_eq!(entropy.below(0), 0);
    }
}
