//! The branch of one of our requests.

use std::fmt;

use crate::base::Entropy;
use crate::base::text::hexadecimal;

/// Names the client transaction of a request of ours, together with its method (RFC 3261 17.1.3): the magic cookie and
/// 96 random bits (8.1.1.7). A clone costs no allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch([u8; OCTETS]);

const COOKIE: &[u8] = b"z9hG4bK";
const RANDOM: usize = 12;
const OCTETS: usize = COOKIE.len() + 2 * RANDOM;

impl Branch {
    /// One that nobody has used.
    pub fn fresh(entropy: &mut dyn Entropy) -> Branch {
        let mut random = [0; RANDOM];
        entropy.fill(&mut random);
        Branch::of(random)
    }

    /// The one with these random octets.
    pub fn of(random: [u8; RANDOM]) -> Branch {
        let mut octets = [0; OCTETS];
        let (cookie, digits) = octets.split_at_mut(COOKIE.len());
        cookie.copy_from_slice(COOKIE);
        digits.copy_from_slice(hexadecimal(random).as_flattened());
        Branch(octets)
    }

    /// As it stands in Via.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_and_the_random_octets_in_hexadecimal() {
        let branch = Branch::of([0, 1, 15, 16, 171, 255, 6, 7, 8, 9, 10, 11]);
        assert_eq!(branch.as_bytes(), b"z9hG4bK00010f10abff060708090a0b");
    }
}
