//! Master keys of our own, as many as a leg needs over its life, from one seed of the operating system.

use serde::{Deserialize, Serialize};

use super::primitives::AesKey;
use super::suite::{SrtpMaster, SrtpSuite};
use crate::base::{Entropy, Secret};

const SEED: usize = 32;
/// Key stream blocks set aside for one key: the longest takes three.
const BLOCKS_PER_KEY: u32 = 16;

/// Draws keys as the key stream of AES-256 under a seed nobody else has. No key comes twice; none tells of another.
/// A clone draws the same keys: let one of the two go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeySource {
    #[serde(with = "crate::base::secret::in_checkpoint")]
    seed: Secret<[u8; SEED]>,
    drawn: u64,
}

impl KeySource {
    /// Takes a seed from `entropy`.
    pub fn new(entropy: &mut dyn Entropy) -> KeySource {
        let mut seed = [0; SEED];
        entropy.fill(&mut seed);
        KeySource { seed: Secret::new(seed), drawn: 0 }
    }

    /// The next key, for `suite`. `None` when the seed cannot be expanded: better no key than a weak one.
    pub fn draw(&mut self, suite: SrtpSuite) -> Option<SrtpMaster> {
        let first = u128::from(self.drawn) << BLOCKS_PER_KEY.trailing_zeros();
        self.drawn += 1;
        let mut octets = vec![0; suite.key_salt_octets()];
        AesKey::new(self.seed.expose())?.counter_mode(first, &mut octets);
        Some(SrtpMaster { suite, key_salt: Secret::new(octets) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn every_key_has_its_suites_length_and_none_comes_twice_or_overlaps() {
        let mut source = KeySource::new(&mut SeededEntropy::new(1));
        let mut seen = std::collections::BTreeSet::new();
        for suite in SrtpSuite::ALL.into_iter().cycle().take(300) {
            let master = source.draw(suite).unwrap();
            assert_eq!(master.key_salt.expose().len(), suite.key_salt_octets());
            assert!(master.key_salt.expose().windows(8).all(|part| seen.insert(part.to_vec())));
        }
    }

    #[test]
    fn another_seed_gives_other_keys_and_none_prints() {
        let [a, b] = [1, 2].map(|seed| KeySource::new(&mut SeededEntropy::new(seed)));
        let suite = SrtpSuite::AeadAes128Gcm;
        assert_ne!(a.clone().draw(suite), b.clone().draw(suite));
        assert!(format!("{a:?}").contains("[secret]"));
    }
}
