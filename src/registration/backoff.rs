//! How long to wait after a failure (RFC 5626 4.5, with its default values).

use std::time::Duration;

use crate::base::Entropy;

/// `base-time` when no flow is left: a trunk has one.
const BASE: Duration = Duration::from_secs(30);
/// `max-time`.
const MAX: Duration = Duration::from_secs(1800);

/// The wait after `failures` failures in a row (1 or more): half to all of `min(max-time, base-time * 2^failures)`.
pub(super) fn wait(failures: u32, entropy: &mut dyn Entropy) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    let bound = BASE.saturating_mul(factor).min(MAX);
    bound / 2 + share(bound / 2, entropy)
}

/// A random point of `within`.
pub(super) fn share(within: Duration, entropy: &mut dyn Entropy) -> Duration {
    let nanos = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(entropy.below(nanos.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn waits_double_up_to_half_an_hour_and_lie_in_the_upper_half() {
        let mut entropy = SeededEntropy::new(1);
        for (failures, bound) in
            [(1, 60), (2, 120), (3, 240), (5, 960), (6, 1800), (31, 1800), (32, 1800), (u32::MAX, 1800)]
        {
            for _ in 0..50 {
                let wait = wait(failures, &mut entropy).as_secs_f64();
                assert!((f64::from(bound) / 2.0..=f64::from(bound)).contains(&wait), "{failures}: {wait}");
            }
        }
    }
}
