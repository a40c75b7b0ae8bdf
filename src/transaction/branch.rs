//! The branch of one of our requests.

use std::fmt;

use crate::base::Entropy;

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
        let digits = random.iter().flat_map(|octet| [octet >> 4, octet & 15].map(hexadecimal));
        for (place, octet) in octets.iter_mut().zip(COOKIE.iter().copied().chain(digits)) {
            *place = octet;
        }
        Branch(octets)
    }

    /// As it stands in Via.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The digit of a value below 16.
const fn hexadecimal(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
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
