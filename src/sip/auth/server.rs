//! Our challenge to a peer, and the check of its answer (RFC 7616 3.3, 5; S-A5).
//!
//! A nonce is its time of issue, some salt, and an HMAC over both and over the flow it was given to: nothing is stored
//! until it is used. The uses of a nonce are kept in a bounded table, so that no answer is taken twice.

use std::collections::BTreeMap;

use aws_lc_rs::{constant_time, hmac};
use bytes::Bytes;

use super::algorithm::{Algorithm, hex};
use super::credentials::{Counted, Credentials, Question};
use super::params::{Scheme, push_plain, push_quoted};
use crate::base::bounds::Bound;
use crate::base::limits::{AUTH_NONCE_LIFE, AUTH_NONCES};
use crate::base::{Entropy, Instant};
use crate::sip::message::{Name, Request};
use crate::sip::uri::Uri;

/// Octets of the HMAC that a nonce carries.
const MAC_OCTETS: usize = 16;
/// Counts below the highest that may still come (requests overtake each other on UDP).
const WINDOW: u32 = 64;

/// Which algorithms a trunk's peer may answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    Sha256,
    /// For a peer that knows nothing better (S-A2: MD5 only by switch).
    Sha256OrMd5,
}

impl Demand {
    const fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Demand::Sha256 => &[Algorithm::Sha256],
            Demand::Sha256OrMd5 => &[Algorithm::Sha256, Algorithm::Md5],
        }
    }
}

/// Whether a challenge says that only the nonce was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    First,
    /// `stale=true`: the peer need not ask its user again.
    Stale,
}

/// What a request's credentials prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Granted,
    /// None for our realm.
    Missing,
    /// Right, but for a nonce that is old, used up or not ours.
    Stale,
    /// Not the trunk's user and password, or not this request.
    Wrong,
}

/// Challenges and checks for all trunks of the process.
pub struct DigestServer {
    key: hmac::Key,
    /// Uses of nonces by time of issue and salt, oldest first. At [`AUTH_NONCES`] the oldest goes, and every nonce of
    /// its age becomes stale with it: nothing forgotten can be used again.
    uses: BTreeMap<(u64, u64), Uses>,
    /// Nonces issued at or before this time are stale.
    floor: Option<u64>,
}

impl std::fmt::Debug for DigestServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigestServer").field("nonces", &self.uses.len()).finish_non_exhaustive()
    }
}

/// Counts seen with one nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Uses {
    highest: u32,
    /// Bit n: `highest - n` was seen.
    seen: u64,
}

/// What an Authorization value says.
struct Answer {
    user: Vec<u8>,
    nonce: Vec<u8>,
    uri: Vec<u8>,
    response: Vec<u8>,
    algorithm: Algorithm,
    counted: Option<(u32, Vec<u8>)>,
}

impl DigestServer {
    /// The secret of the nonces is drawn here and lives as long as the process.
    pub fn new(entropy: &mut dyn Entropy) -> DigestServer {
        let mut secret = zeroize::Zeroizing::new([0_u8; 32]);
        entropy.fill(&mut *secret);
        DigestServer { key: hmac::Key::new(hmac::HMAC_SHA256, &*secret), uses: BTreeMap::new(), floor: None }
    }

    /// WWW-Authenticate values, strongest first. `binding` names the flow: the nonce is worth nothing on another.
    pub fn challenge(
        &self,
        now: Instant,
        credentials: &Credentials,
        demand: Demand,
        freshness: Freshness,
        binding: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Vec<Vec<u8>> {
        let nonce = self.nonce(now.as_nanos(), entropy.next_u64(), binding);
        let value = |algorithm: &Algorithm| {
            let mut out = b"Digest ".to_vec();
            push_quoted("realm", credentials.realm().as_bytes(), &mut out);
            push_quoted("nonce", &nonce, &mut out);
            push_plain("algorithm", algorithm.as_str().as_bytes(), &mut out);
            push_quoted("qop", b"auth", &mut out);
            if freshness == Freshness::Stale {
                push_plain("stale", b"true", &mut out);
            }
            out
        };
        demand.algorithms().iter().map(value).collect()
    }

    /// Checks a request's Authorization. The sum is made in every case, so that a wrong user takes as long as a wrong
    /// password (S-A4).
    pub fn verify(
        &mut self,
        now: Instant,
        request: &Request,
        credentials: &Credentials,
        demand: Demand,
        binding: &[u8],
    ) -> Verdict {
        let Some(scheme) = ours(request, credentials.realm()) else { return Verdict::Missing };
        let Some(answer) = Answer::of(&scheme) else { return Verdict::Wrong };
        let counted = answer.counted.as_ref().map(|(nc, cnonce)| Counted { nc: *nc, cnonce });
        let expected = credentials.response(&Question {
            algorithm: answer.algorithm,
            nonce: &answer.nonce,
            method: &request.method,
            uri: &answer.uri,
            counted,
        });
        let right = same(&answer.response.to_ascii_lowercase(), &expected)
            & same(&answer.user, credentials.user().as_bytes())
            & demand.algorithms().contains(&answer.algorithm)
            & is_request_uri(answer.uri, request);
        match (right, self.is_fresh(now, &answer.nonce, counted.map(|counted| counted.nc), binding)) {
            (false, _) => Verdict::Wrong,
            (true, None) => Verdict::Stale,
            (true, Some((nonce, uses))) => {
                self.used(now, nonce, uses);
                Verdict::Granted
            }
        }
    }

    fn nonce(&self, issued: u64, salt: u64, binding: &[u8]) -> Vec<u8> {
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(&issued.to_be_bytes());
        mac.update(&salt.to_be_bytes());
        mac.update(binding);
        let tag = mac.sign();
        let tag = tag.as_ref().iter().take(MAC_OCTETS);
        let octets: Vec<u8> = issued.to_be_bytes().iter().chain(&salt.to_be_bytes()).chain(tag).copied().collect();
        hex(&octets)
    }

    /// The nonce's key and its uses with this one counted; `None` when it must not be used.
    fn is_fresh(&self, now: Instant, nonce: &[u8], nc: Option<u32>, binding: &[u8]) -> Option<((u64, u64), Uses)> {
        let (issued, salt) = (hex_u64(nonce.get(..16)?)?, hex_u64(nonce.get(16..32)?)?);
        let ours = same(&self.nonce(issued, salt, binding), nonce);
        let age = now.as_nanos().checked_sub(issued)?;
        let young = u128::from(age) <= AUTH_NONCE_LIFE.as_nanos() && self.floor.is_none_or(|floor| issued > floor);
        let before = self.uses.get(&(issued, salt)).copied();
        let uses = match (nc, before) {
            (Some(nc), before) => before.unwrap_or_default().with(nc)?,
            // Without a count a nonce is good for one request.
            (None, None) => Uses { highest: u32::MAX, seen: u64::MAX },
            (None, Some(_)) => return None,
        };
        (ours && young).then_some(((issued, salt), uses))
    }

    fn used(&mut self, now: Instant, nonce: (u64, u64), uses: Uses) {
        let life = u64::try_from(AUTH_NONCE_LIFE.as_nanos()).unwrap_or(u64::MAX);
        let expired = now.as_nanos().saturating_sub(life);
        self.uses = self.uses.split_off(&(expired, 0));
        self.uses.insert(nonce, uses);
        while self.uses.len() > AUTH_NONCES {
            Bound::AuthNonces.reached();
            let oldest = self.uses.pop_first().map(|((issued, _), _)| issued);
            self.floor = self.floor.max(oldest);
        }
    }
}

impl Default for Uses {
    fn default() -> Self {
        // A count of 0 never comes: counts begin at 1.
        Uses { highest: 0, seen: 1 }
    }
}

impl Uses {
    /// With `nc` counted; `None` when it was seen, or is too far below the highest to know.
    fn with(self, nc: u32) -> Option<Uses> {
        if nc > self.highest {
            let ahead = nc - self.highest;
            let seen = if ahead < WINDOW { self.seen << ahead } else { 0 };
            return Some(Uses { highest: nc, seen: seen | 1 });
        }
        let behind = self.highest - nc;
        let bit = 1_u64.checked_shl(behind).filter(|bit| self.seen & bit == 0)?;
        Some(Uses { seen: self.seen | bit, ..self })
    }
}

impl Answer {
    fn of(scheme: &Scheme) -> Option<Answer> {
        let owned = |name: &str| scheme.value(name).map(<[u8]>::to_vec);
        let counted = match scheme.value("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case(b"auth") => Some((count(scheme.value("nc")?)?, owned("cnonce")?)),
            Some(_) => return None,
        };
        Some(Answer {
            user: owned("username")?,
            nonce: owned("nonce")?,
            uri: owned("uri")?,
            response: owned("response")?,
            algorithm: scheme.value("algorithm").map_or(Some(Algorithm::Md5), Algorithm::parse)?,
            counted,
        })
    }
}

/// The Authorization for `realm`; others belong to somebody else (RFC 3261 22.3).
fn ours(request: &Request, realm: &str) -> Option<Scheme> {
    let schemes = request.message.headers(Name::Authorization).flat_map(|value| Scheme::all(&value));
    schemes.filter(Scheme::is_digest).find(|scheme| scheme.value("realm") == Some(realm.as_bytes()))
}

/// RFC 7616 3.4.6: what was signed must be what is asked for.
fn is_request_uri(signed: Vec<u8>, request: &Request) -> bool {
    Uri::parse(&Bytes::from(signed)).is_ok_and(|uri| uri.equivalent(&request.uri))
}

/// `nc-value`: eight hexadecimal digits, from 1 on.
fn count(text: &[u8]) -> Option<u32> {
    let value = hex_u64(text).filter(|_| text.len() == 8)?;
    u32::try_from(value).ok().filter(|nc| *nc > 0)
}

fn hex_u64(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|octet| octet.is_ascii_hexdigit()))?;
    u64::from_str_radix(digits, 16).ok()
}

fn same(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}
