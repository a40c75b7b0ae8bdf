//! Key derivation (RFC 3711 4.3, RFC 6188, RFC 7714 11) with a derivation rate of zero.

use zeroize::Zeroizing;

use super::counter::CounterKeys;
use super::gcm::GcmKeys;
use super::primitives::{AesKey, BLOCK};
use super::suite::{SrtpMaster, SuiteShape, Transform};
use super::transform::StreamKeys;

/// Octets of a session salt in counter mode, and of the salt that keys are derived with.
pub const SALT: usize = 14;
/// Octets of an HMAC-SHA1 key (RFC 3711 5.2).
const AUTHENTICATION_KEY: usize = 20;

/// The labels of RFC 3711 4.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    RtpCipher = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpCipher = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Both sets of one master key.
pub struct SessionKeys {
    pub(super) rtp: StreamKeys,
    pub(super) rtcp: StreamKeys,
}

impl SessionKeys {
    /// Derives both sets. `None` when the master's length is not its suite's.
    pub fn derive(master: &SrtpMaster) -> Option<SessionKeys> {
        SessionKeys::of_shape(master.suite.shape(), master.key_salt.expose())
    }

    /// Derives both sets of a suite of this shape.
    pub(super) fn of_shape(shape: SuiteShape, key_salt: &[u8]) -> Option<SessionKeys> {
        let (key, salt) = key_salt.split_at_checked(shape.key).filter(|(_, salt)| salt.len() == shape.salt)?;
        let derivation = Derivation::new(key, salt)?;
        use Label::{RtcpAuthentication, RtcpCipher, RtcpSalt, RtpAuthentication, RtpCipher, RtpSalt};
        Some(SessionKeys {
            rtp: derivation.stream(shape, [RtpCipher, RtpAuthentication, RtpSalt], shape.rtp_tag)?,
            rtcp: derivation.stream(shape, [RtcpCipher, RtcpAuthentication, RtcpSalt], shape.rtcp_tag)?,
        })
    }
}

struct Derivation {
    key: AesKey,
    salt: [u8; SALT],
}

impl Derivation {
    /// RFC 7714 11: a shorter master salt has zeros behind it.
    fn new(key: &[u8], salt: &[u8]) -> Option<Derivation> {
        let mut padded = [0; SALT];
        padded.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(Derivation { key: AesKey::new(key)?, salt: padded })
    }

    /// `out` filled with the key stream of `label`.
    fn fill(&self, label: Label, out: &mut [u8]) {
        let mut counter = [0u8; BLOCK];
        counter.iter_mut().zip(self.salt).for_each(|(to, from)| *to = from);
        // RFC 3711 4.3.1: the label stands above 48 bits of index, which are 0 at derivation rate 0.
        counter[7] ^= label as u8;
        out.fill(0);
        self.key.counter_mode(u128::from_be_bytes(counter), out);
    }

    fn stream(&self, shape: SuiteShape, labels: [Label; 3], tag: usize) -> Option<StreamKeys> {
        let [cipher_label, mac_label, salt_label] = labels;
        let mut cipher = Zeroizing::new(vec![0; shape.key]);
        let mut mac = Zeroizing::new([0; AUTHENTICATION_KEY]);
        let mut salt = vec![0; shape.salt];
        self.fill(cipher_label, &mut cipher);
        self.fill(salt_label, &mut salt);
        match shape.transform {
            Transform::CounterMode => {
                self.fill(mac_label, mac.as_mut());
                CounterKeys::new(&cipher, mac.as_ref(), &salt, tag).map(StreamKeys::CounterMode)
            }
            Transform::Gcm => GcmKeys::new(&cipher, &salt).map(StreamKeys::Gcm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::srtp::vectors::{octets, vectors};

    #[test]
    fn session_keys_are_those_of_the_published_vectors() {
        for vector in vectors("kdf-aes-cm") {
            let id = vector["id"].as_str().unwrap();
            let derivation = Derivation::new(&octets(&vector["master_key"]), &octets(&vector["master_salt"])).unwrap();
            let names = [
                ("cipher_key", Label::RtpCipher),
                ("auth_key", Label::RtpAuthentication),
                ("cipher_salt", Label::RtpSalt),
            ];
            for (name, label) in names {
                let expected = octets(&vector["outputs"][name]["value"]);
                let mut out = vec![0; expected.len()];
                derivation.fill(label, &mut out);
                assert_eq!(out, expected, "{id} {name}");
            }
        }
    }

    #[test]
    fn a_master_of_another_length_gives_no_keys() {
        for suite in crate::rtp::srtp::SrtpSuite::ALL {
            let right = suite.key_salt_octets();
            for octets in [0, 16, right - 1, right, right + 1, 64] {
                let key_salt = crate::base::Secret::new(vec![1; octets]);
                let keys = SessionKeys::derive(&SrtpMaster { suite, key_salt });
                assert_eq!(keys.is_some(), octets == right, "{suite:?} {octets}");
            }
        }
    }
}
