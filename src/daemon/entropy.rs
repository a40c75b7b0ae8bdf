//! The operating system's randomness through aws-lc.

use crate::base::Entropy;
use crate::base::entropy::Pooled;

/// The generator of a running daemon.
pub struct OsEntropy(Pooled<System>);

struct System;

impl OsEntropy {
    /// Nothing is drawn before it is needed.
    pub const fn new() -> Self {
        OsEntropy(Pooled::new(System))
    }
}

impl Default for OsEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for OsEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

impl Entropy for System {
    fn fill(&mut self, out: &mut [u8]) {
        // Without randomness no tag, branch or key is safe: there is no way to go on.
        assert!(aws_lc_rs::rand::fill(out).is_ok(), "the operating system gives no random octets");
    }
}
