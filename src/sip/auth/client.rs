//! Our answers to a peer's challenges (RFC 3261 22.2, 22.3).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::challenge::{Challenge, Protection};
use super::credentials::{Counted, Credentials, Question};
use super::params::{push_plain, push_quoted};
use crate::base::Entropy;
use crate::sip::message::{Name, Response};
use crate::sip::method::Method;

/// Random octets of a cnonce.
const CNONCE_OCTETS: usize = 12;

/// Why a challenge is not answered. The name is for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswerable {
    /// No digest challenge that we speak.
    Unsupported,
    /// Challenges for other realms only: our credentials are never shown there.
    ForeignRealm,
    /// The peer has seen our answer and did not take it.
    Refused,
}

/// Answers challenges for one trunk's credentials. One value per dialog or registration: it keeps the nonces that the
/// peer gave, and counts their uses.
#[derive(Clone, Debug)]
pub struct DigestClient {
    credentials: Arc<Credentials>,
    /// The peer itself: 401.
    end: Held,
    /// A proxy before it: 407.
    proxy: Held,
}

/// The nonces of both challengers, in a checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeptNonces {
    end: Held,
    proxy: Held,
}

/// What is known of one challenger.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Held {
    challenge: Option<Challenge>,
    /// Uses of its nonce so far.
    uses: u32,
    /// Challenges answered for the present request.
    answered: u8,
}

impl DigestClient {
    pub fn new(credentials: Arc<Credentials>) -> DigestClient {
        DigestClient { credentials, end: Held::default(), proxy: Held::default() }
    }

    /// What a checkpoint keeps: nonces and their counts, not the password.
    pub fn kept(&self) -> KeptNonces {
        KeptNonces { end: self.end.clone(), proxy: self.proxy.clone() }
    }

    /// A client that goes on with nonces that were kept.
    pub fn restored(credentials: Arc<Credentials>, kept: KeptNonces) -> DigestClient {
        DigestClient { credentials, end: kept.end, proxy: kept.proxy }
    }

    /// A new request begins (not a repetition of a challenged one): the peer may challenge again.
    pub fn begin(&mut self) {
        self.end.answered = 0;
        self.proxy.answered = 0;
    }

    /// Takes the challenge of a 401 or 407. After `Ok` the request goes again with [`DigestClient::authorize`].
    ///
    /// # Errors
    /// The challenge must not or cannot be answered.
    pub fn challenged(&mut self, response: &Response) -> Result<(), Unanswerable> {
        let (held, name) = match response.status.code() {
            401 => (&mut self.end, Name::WwwAuthenticate),
            407 => (&mut self.proxy, Name::ProxyAuthenticate),
            _ => return Err(Unanswerable::Unsupported),
        };
        let challenges = Challenge::all(&response.message, name);
        let realm = self.credentials.realm().as_bytes();
        let challenge = Challenge::strongest(&challenges, realm).ok_or(match challenges.is_empty() {
            true => Unanswerable::Unsupported,
            false => Unanswerable::ForeignRealm,
        })?;
        held.take(challenge)
    }

    /// The header fields that a request with this method and Request-URI carries; none before the first challenge.
    pub fn authorize(&mut self, method: &Method, uri: &[u8], entropy: &mut dyn Entropy) -> Vec<(Name, Vec<u8>)> {
        let credentials = &self.credentials;
        let held = [(Name::Authorization, &mut self.end), (Name::ProxyAuthorization, &mut self.proxy)];
        held.into_iter()
            .filter_map(|(name, held)| Some((name, held.answer(credentials, method, uri, entropy)?)))
            .collect()
    }
}

impl Held {
    /// One challenge per request is answered, and one more when it says `stale=true` for another nonce.
    fn take(&mut self, challenge: &Challenge) -> Result<(), Unanswerable> {
        let renewed = self.challenge.as_ref().is_none_or(|before| before.nonce != challenge.nonce);
        match self.answered {
            0 => {}
            1 if challenge.stale && renewed => {}
            _ => return Err(Unanswerable::Refused),
        }
        self.answered += 1;
        if renewed {
            self.uses = 0;
        }
        self.challenge = Some(challenge.clone());
        Ok(())
    }

    fn answer(
        &mut self,
        credentials: &Credentials,
        method: &Method,
        uri: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Option<Vec<u8>> {
        // A nonce whose count is spent is not used any more; the peer gives another.
        let nc = self.uses.checked_add(1)?;
        let challenge = self.challenge.as_ref()?;
        self.uses = nc;
        let cnonce = entropy.token(CNONCE_OCTETS);
        let counted = match challenge.protection {
            Protection::Auth => Some(Counted { nc, cnonce: cnonce.as_bytes() }),
            Protection::Legacy => None,
        };
        let question = Question { algorithm: challenge.algorithm, nonce: &challenge.nonce, method, uri, counted };
        Some(written(credentials, challenge, &question))
    }
}

fn written(credentials: &Credentials, challenge: &Challenge, question: &Question<'_>) -> Vec<u8> {
    let mut out = b"Digest ".to_vec();
    push_quoted("username", credentials.user().as_bytes(), &mut out);
    push_quoted("realm", &challenge.realm, &mut out);
    push_quoted("nonce", &challenge.nonce, &mut out);
    push_quoted("uri", question.uri, &mut out);
    push_quoted("response", &credentials.response(question), &mut out);
    if challenge.names_algorithm {
        push_plain("algorithm", challenge.algorithm.as_str().as_bytes(), &mut out);
    }
    if let Some(opaque) = &challenge.opaque {
        push_quoted("opaque", opaque, &mut out);
    }
    if let Some(Counted { nc, cnonce }) = question.counted {
        push_plain("qop", b"auth", &mut out);
        push_plain("nc", format!("{nc:08x}").as_bytes(), &mut out);
        push_quoted("cnonce", cnonce, &mut out);
    }
    out
}
