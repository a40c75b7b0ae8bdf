//! The protection profiles of SDES and what they are made of.

use aws_lc_rs::digest::{SHA256, digest};

use serde::{Deserialize, Serialize};

use crate::base::Secret;

/// SRTP protection profiles (RFC 4568 6.2, RFC 6188, RFC 7714 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SrtpSuite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    Aes256CmHmacSha1_80,
    Aes256CmHmacSha1_32,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

/// How a suite enciphers and authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// AES in counter mode and HMAC-SHA1 (RFC 3711 4.1.1, 4.2.1).
    CounterMode,
    /// AES-GCM (RFC 7714): both at once.
    Gcm,
}

/// The lengths of a suite, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteShape {
    pub transform: Transform,
    /// Master and session cipher key.
    pub key: usize,
    /// Master and session salt.
    pub salt: usize,
    pub rtp_tag: usize,
    /// RFC 4568 6.2: 80 bits for SRTCP even where SRTP has 32.
    pub rtcp_tag: usize,
}

impl SuiteShape {
    /// A suite of counter mode and HMAC-SHA1.
    pub const fn counter_mode(key: usize, rtp_tag: usize) -> SuiteShape {
        SuiteShape { transform: Transform::CounterMode, key, salt: 14, rtp_tag, rtcp_tag: 10 }
    }

    const fn gcm(key: usize) -> SuiteShape {
        SuiteShape { transform: Transform::Gcm, key, salt: 12, rtp_tag: 16, rtcp_tag: 16 }
    }
}

impl SrtpSuite {
    /// Every suite we speak.
    pub const ALL: [SrtpSuite; 6] = [
        SrtpSuite::AesCm128HmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32,
        SrtpSuite::Aes256CmHmacSha1_80,
        SrtpSuite::Aes256CmHmacSha1_32,
        SrtpSuite::AeadAes128Gcm,
        SrtpSuite::AeadAes256Gcm,
    ];

    /// As written in `a=crypto`.
    pub const fn name(self) -> &'static str {
        match self {
            SrtpSuite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            SrtpSuite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            SrtpSuite::Aes256CmHmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            SrtpSuite::Aes256CmHmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            SrtpSuite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            SrtpSuite::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Octets of master key and master salt together.
    pub const fn key_salt_octets(self) -> usize {
        let shape = self.shape();
        shape.key + shape.salt
    }

    /// Reads the name of `a=crypto`.
    pub fn from_name(name: &str) -> Option<SrtpSuite> {
        SrtpSuite::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// What the suite is made of.
    pub const fn shape(self) -> SuiteShape {
        match self {
            SrtpSuite::AesCm128HmacSha1_80 => SuiteShape::counter_mode(16, 10),
            SrtpSuite::AesCm128HmacSha1_32 => SuiteShape::counter_mode(16, 4),
            SrtpSuite::Aes256CmHmacSha1_80 => SuiteShape::counter_mode(32, 10),
            SrtpSuite::Aes256CmHmacSha1_32 => SuiteShape::counter_mode(32, 4),
            SrtpSuite::AeadAes128Gcm => SuiteShape::gcm(16),
            SrtpSuite::AeadAes256Gcm => SuiteShape::gcm(32),
        }
    }
}

/// Master key followed by master salt, of the length the suite demands. Never prints; wiped when dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SrtpMaster {
    pub suite: SrtpSuite,
    #[serde(with = "crate::base::secret::in_checkpoint")]
    pub key_salt: Secret<Vec<u8>>,
}

impl SrtpMaster {
    /// Tells this key from others without holding it: a part of its digest.
    pub fn fingerprint(&self) -> u64 {
        let digest = digest(&SHA256, self.key_salt.expose());
        digest.as_ref().first_chunk::<8>().map_or(0, |octets| u64::from_be_bytes(*octets))
    }
}

/// Master key identifier (RFC 3711 3.1), as it stands in every packet of a peer that signalled one (MD-170).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mki {
    value: u32,
    octets: u8,
}

impl Mki {
    /// The number and the octets it takes, 1 to 4; `None` for another length, or a number that does not fit.
    pub fn new(value: u32, octets: u8) -> Option<Mki> {
        let fits = (1..=4).contains(&octets) && u64::from(value) < 1 << (8 * u32::from(octets));
        fits.then_some(Mki { value, octets })
    }

    /// Octets it takes in a packet.
    pub const fn octets(self) -> usize {
        self.octets as usize
    }

    /// Whether these octets of a packet are this identifier.
    pub fn is(self, octets: &[u8]) -> bool {
        octets.len() == self.octets() && self.value.to_be_bytes().ends_with(octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_is_found_by_its_name() {
        for suite in SrtpSuite::ALL {
            assert_eq!(SrtpSuite::from_name(suite.name()), Some(suite));
        }
        assert_eq!(SrtpSuite::from_name("NULL_HMAC_SHA1_80"), None);
    }

    #[test]
    fn keys_in_descriptions_have_the_lengths_of_the_standards() {
        let lengths = SrtpSuite::ALL.map(SrtpSuite::key_salt_octets);
        assert_eq!(lengths, [30, 30, 46, 46, 28, 44]);
    }

    #[test]
    fn a_short_tag_is_for_rtp_only() {
        for suite in [SrtpSuite::AesCm128HmacSha1_32, SrtpSuite::Aes256CmHmacSha1_32] {
            assert_eq!((suite.shape().rtp_tag, suite.shape().rtcp_tag), (4, 10));
        }
    }

    #[test]
    fn a_master_does_not_print_its_key() {
        let master = SrtpMaster { suite: SrtpSuite::AesCm128HmacSha1_80, key_salt: Secret::new(vec![0x5a; 30]) };
        assert!(!format!("{master:?}").contains("90"));
    }

    #[test]
    fn an_mki_is_one_to_four_octets_and_compared_as_a_whole() {
        assert_eq!([Mki::new(1, 0), Mki::new(1, 5), Mki::new(256, 1)], [None; 3]);
        let mki = Mki::new(258, 3).unwrap();
        assert!(mki.is(&[0, 1, 2]));
        assert!(!mki.is(&[1, 2]) && !mki.is(&[1, 1, 2]) && !mki.is(&[0, 0, 1, 2]));
        assert!(Mki::new(u32::MAX, 4).unwrap().is(&[255; 4]));
    }
}
