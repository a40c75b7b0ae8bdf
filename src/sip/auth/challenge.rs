//! A peer's challenge (RFC 7616 3.3): the one that is answered is chosen here.

use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::params::Scheme;
use crate::sip::message::{Message, Name};

/// What the response covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// No `qop` (RFC 2069): nonce, method and URI, without a count.
    Legacy,
    /// `qop=auth`: counted.
    Auth,
}

/// One digest challenge that we could answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub realm: Vec<u8>,
    pub nonce: Vec<u8>,
    pub opaque: Option<Vec<u8>>,
    pub algorithm: Algorithm,
    /// The challenge named its algorithm; otherwise it is MD5 and is not named in the answer either.
    pub names_algorithm: bool,
    pub protection: Protection,
    /// Our last answer was right but for its nonce.
    pub stale: bool,
}

impl Challenge {
    /// Every challenge of a message's `name` fields (WWW-Authenticate or Proxy-Authenticate) that we could answer, in
    /// order. Unknown schemes and algorithms, and `auth-int` alone, are left out.
    pub fn all(message: &Message, name: Name) -> Vec<Challenge> {
        let schemes = message.headers(name).flat_map(|value| Scheme::all(&value));
        schemes.filter(Scheme::is_digest).filter_map(|scheme| Challenge::of(&scheme)).collect()
    }

    fn of(scheme: &Scheme) -> Option<Challenge> {
        let algorithm = scheme.value("algorithm");
        Some(Challenge {
            realm: scheme.value("realm")?.to_vec(),
            nonce: scheme.value("nonce")?.to_vec(),
            opaque: scheme.value("opaque").map(<[u8]>::to_vec),
            // RFC 7616 3.3: no algorithm means MD5.
            algorithm: algorithm.map_or(Some(Algorithm::Md5), Algorithm::parse)?,
            names_algorithm: algorithm.is_some(),
            protection: protection(scheme.value("qop"))?,
            stale: scheme.value("stale").is_some_and(|value| value.eq_ignore_ascii_case(b"true")),
        })
    }

    /// Of several challenges for `realm` the strongest; of equals the first (RFC 8760 2.4 leaves the order to the peer).
    pub fn strongest<'c>(challenges: &'c [Challenge], realm: &[u8]) -> Option<&'c Challenge> {
        let ours = challenges.iter().filter(|challenge| challenge.realm == realm);
        ours.rev().max_by_key(|challenge| challenge.algorithm)
    }
}

fn protection(qop: Option<&[u8]>) -> Option<Protection> {
    let Some(qop) = qop else { return Some(Protection::Legacy) };
    let offers_auth = qop.split(|octet| *octet == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"auth"));
    offers_auth.then_some(Protection::Auth)
}
