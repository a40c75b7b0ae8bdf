//! The network between agents and engine: seeded, so that a failure can be repeated.

use std::time::Duration;

use trunkline::base::Entropy;
use trunkline::base::entropy::SeededEntropy;

/// How datagrams fare, in percent. Connections deliver everything once and in order.
pub struct Network {
    entropy: SeededEntropy,
    pub loss: u64,
    pub doubled: u64,
    /// Extra delay of up to this many milliseconds: reorders.
    pub spread_ms: u64,
}

/// One way, without spread.
const DELAY: Duration = Duration::from_millis(10);

impl Network {
    /// Delivers everything once and in order.
    pub fn perfect(seed: u64) -> Network {
        Network { entropy: SeededEntropy::new(seed ^ 0x006e_6574), loss: 0, doubled: 0, spread_ms: 0 }
    }

    /// The delays of the copies of one message that arrive: none, one or two.
    pub fn copies(&mut self, reliable: bool) -> Vec<Duration> {
        if reliable {
            return vec![DELAY];
        }
        let copies = if self.entropy.below(100) < self.doubled { 2 } else { 1 };
        (0..copies)
            .filter(|_| self.entropy.below(100) >= self.loss)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|_| DELAY + Duration::from_millis(self.entropy.below(self.spread_ms.max(1))))
            .collect()
    }
}
