//! The operating system's randomness through aws-lc, drawn in blocks: a token must not cost a system call.

use zeroize::Zeroize;

use crate::base::Entropy;

/// Octets drawn at once.
const POOL: usize = 512;

/// The generator of a running daemon. What was handed out is overwritten in the pool.
pub struct OsEntropy {
    pool: [u8; POOL],
    /// Octets of the pool already handed out.
    used: usize,
}

impl OsEntropy {
    /// Nothing is drawn before it is needed.
    pub const fn new() -> Self {
        OsEntropy { pool: [0; POOL], used: POOL }
    }

    fn refill(&mut self) {
        // Without randomness no tag, branch or key is safe: there is no way to go on.
        assert!(aws_lc_rs::rand::fill(&mut self.pool).is_ok(), "the operating system gives no random octets");
        self.used = 0;
    }
}

impl Default for OsEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for OsEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        for octet in out {
            if self.used >= POOL {
                self.refill();
            }
            if let Some(fresh) = self.pool.get_mut(self.used) {
                *octet = std::mem::take(fresh);
            }
            self.used += 1;
        }
    }
}

impl Drop for OsEntropy {
    fn drop(&mut self) {
        self.pool.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_pool_can_be_drawn_and_never_repeats() {
        let mut entropy = OsEntropy::new();
        let mut out = vec![0u8; POOL * 3];
        entropy.fill(&mut out);
        let blocks: std::collections::HashSet<_> = out.chunks(16).collect();
        assert_eq!(blocks.len(), POOL * 3 / 16);
    }

    #[test]
    fn what_was_handed_out_is_gone_from_the_pool() {
        let mut entropy = OsEntropy::new();
        entropy.fill(&mut [0u8; 100]);
        assert!(entropy.pool.iter().take(100).all(|octet| *octet == 0));
    }
}
