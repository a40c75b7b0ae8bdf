//! The registrar of a lab carrier (RFC 3261 10.3 and 22, RFC 6140): it challenges, finds the first interval too brief,
//! grants a short one, keeps one binding, and lets a nonce grow stale. Its digest is the lab's own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use md5::{Digest, Md5};

use super::manner::{Line, hex};
use super::text::{Text, has_parameter, parameter};
use crate::lab::message::address_of;

/// Seconds that the first REGISTER is told to ask for at least (RFC 3261 10.3, 423).
pub const LEAST: u32 = 900;
/// Seconds granted: the refresh comes while a run lasts.
pub const GRANTED: u32 = 16;

/// How a response is hashed (RFC 7616 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    Sha256,
}

impl Algorithm {
    const fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        let octets = match self {
            Algorithm::Md5 => Md5::digest(text.as_bytes()).to_vec(),
            Algorithm::Sha256 => digest(&SHA256, text.as_bytes()).as_ref().to_vec(),
        };
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

/// Who registers here, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The address that is registered, without brackets.
    pub aor: &'static str,
    pub user: &'static str,
    pub realm: &'static str,
    pub password: &'static str,
    pub algorithm: Algorithm,
}

/// What a REGISTER is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub lines: Vec<Line>,
}

#[derive(Debug)]
struct State {
    nonce: String,
    /// The counter of the last proof with that nonce (RFC 7616 3.4).
    count: u32,
    told_least: bool,
    /// Grants since the nonce is new.
    grants: u32,
    binding: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Registrar {
    subscriber: Subscriber,
    state: Mutex<State>,
}

/// Why a request proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unproved {
    /// No credentials, or credentials that are wrong.
    Wrong,
    /// Right ones for a nonce of before.
    Stale,
}

impl Registrar {
    #[must_use]
    pub fn new(subscriber: Subscriber) -> Registrar {
        let state = State { nonce: hex::<16>(), count: 0, told_least: false, grants: 0, binding: None };
        Registrar { subscriber, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Contact that is bound: URI without brackets.
    #[must_use]
    pub fn binding(&self) -> Option<String> {
        self.state().binding.clone()
    }

    /// What a REGISTER is answered.
    #[must_use]
    pub fn answer(&self, text: &Text) -> Answer {
        let mut state = self.state();
        if let Err(why) = self.proved(&mut state, text, "Authorization") {
            return self.challenge(&mut state, why, 401, "WWW-Authenticate");
        }
        let asked = text.value("Expires").parse::<u32>().ok();
        let asked = parameter(text.value("Contact"), "expires").and_then(|asked| asked.parse().ok()).or(asked);
        if asked == Some(0) {
            state.binding = None;
            return Answer { status: 200, lines: Vec::new() };
        }
        if asked.is_some_and(|asked| asked < LEAST) && !state.told_least {
            state.told_least = true;
            return Answer { status: 423, lines: vec![("Min-Expires", LEAST.to_string())] };
        }
        state.binding = Some(address_of(text.value("Contact")));
        state.grants += 1;
        if state.grants == 1 {
            // The next one proves that a stale nonce is understood (RFC 7616 3.3).
            state.nonce = hex::<16>();
            state.count = 0;
        }
        let contact = format!("{};expires={GRANTED}", text.value("Contact"));
        Answer { status: 200, lines: vec![("Contact", contact), ("Expires", GRANTED.to_string())] }
    }

    /// What an INVITE is answered that proves nothing; `None`: it does.
    #[must_use]
    pub fn demand(&self, text: &Text) -> Option<Answer> {
        let mut state = self.state();
        let why = self.proved(&mut state, text, "Proxy-Authorization").err()?;
        Some(self.challenge(&mut state, why, 407, "Proxy-Authenticate"))
    }

    fn challenge(&self, state: &mut State, why: Unproved, status: u16, name: &'static str) -> Answer {
        state.nonce = hex::<16>();
        state.count = 0;
        let stale = match why {
            Unproved::Wrong => "",
            Unproved::Stale => ", stale=true",
        };
        let (realm, nonce) = (self.subscriber.realm, &state.nonce);
        let algorithm = self.subscriber.algorithm.name();
        let value = format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}");
        Answer { status, lines: vec![(name, value)] }
    }

    /// RFC 7616 3.4: the response is what user, password, nonce, counter and URI make it.
    fn proved(&self, state: &mut State, text: &Text, name: &str) -> Result<(), Unproved> {
        let value = text.field(name).map(|field| field.value.as_str()).ok_or(Unproved::Wrong)?;
        let word = |wanted: &str| part(value, wanted);
        let (user, realm) = (self.subscriber.user, self.subscriber.realm);
        let hash = |words: &str| self.subscriber.algorithm.hash(words);
        let secret = hash(&format!("{user}:{realm}:{}", self.subscriber.password));
        let asked = hash(&format!("{}:{}", text.method(), word("uri")));
        let (nonce, count) = (word("nonce"), word("nc"));
        let wanted = hash(&format!("{secret}:{nonce}:{count}:{}:{}:{asked}", word("cnonce"), word("qop")));
        if word("username") != user || word("realm") != realm || word("qop") != "auth" || word("response") != wanted {
            return Err(Unproved::Wrong);
        }
        if nonce != state.nonce {
            return Err(Unproved::Stale);
        }
        let count = u32::from_str_radix(&count, 16).map_err(|_| Unproved::Wrong)?;
        if count <= state.count {
            return Err(Unproved::Wrong);
        }
        state.count = count;
        Ok(())
    }
}

/// One word of a digest header, without quotes; empty when it is missing.
fn part(value: &str, name: &str) -> String {
    let words = value.split_once(' ').map_or("", |(_, words)| words);
    let pairs = words.split(',').filter_map(|pair| pair.split_once('='));
    let found = pairs.map(|(key, word)| (key.trim(), word.trim())).find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map_or_else(String::new, |(_, word)| word.trim_matches('"').to_owned())
}

/// True for a Contact that stands for a whole block of numbers (RFC 6140 4.2).
#[must_use]
pub fn is_bulk(contact: &str) -> bool {
    has_parameter(&address_of(contact), "bnc")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIBER: Subscriber = Subscriber {
        aor: "sip:pilot@carrier.example",
        user: "pilot",
        realm: "carrier.example",
        password: "open sesame",
        algorithm: Algorithm::Md5,
    };

    fn register(more: &str) -> Text {
        let text = format!(
            "REGISTER sip:carrier.example SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nTo: <sip:pilot@carrier.example>\r\n\
             CSeq: 1 REGISTER\r\nContact: <sip:a;bnc>\r\n{more}\r\n"
        );
        Text::read(text.as_bytes()).expect("readable")
    }

    fn proof(nonce: &str, password: &str, count: u32) -> String {
        let hash = |text: &str| Algorithm::Md5.hash(text);
        let secret = hash(&format!("pilot:carrier.example:{password}"));
        let asked = hash("REGISTER:sip:carrier.example");
        let response = hash(&format!("{secret}:{nonce}:{count:08x}:c:auth:{asked}"));
        format!(
            "Authorization: Digest username=\"pilot\", realm=\"carrier.example\", nonce=\"{nonce}\", \
             uri=\"sip:carrier.example\", response=\"{response}\", cnonce=\"c\", nc={count:08x}, qop=auth\r\n"
        )
    }

    #[test]
    fn a_password_binds_and_a_wrong_or_repeated_proof_does_not() {
        let registrar = Registrar::new(SUBSCRIBER);
        assert_eq!(registrar.answer(&register("")).status, 401);
        let nonce = registrar.state().nonce.clone();
        assert_eq!(registrar.answer(&register(&proof(&nonce, "wrong", 1))).status, 401);
        let nonce = registrar.state().nonce.clone();
        let brief = proof(&nonce, "open sesame", 1) + "Expires: 600\r\n";
        assert_eq!(registrar.answer(&register(&brief)).status, 423);
        assert_eq!(registrar.answer(&register(&brief)).status, 401, "the counter stood still");
        let nonce = registrar.state().nonce.clone();
        let long = proof(&nonce, "open sesame", 1) + "Expires: 900\r\n";
        assert_eq!(registrar.answer(&register(&long)).status, 200);
        assert_eq!(registrar.binding().as_deref(), Some("sip:a;bnc"));
        let stale = registrar.answer(&register(&(proof(&nonce, "open sesame", 2) + "Expires: 900\r\n")));
        assert!(stale.status == 401 && stale.lines.iter().any(|(_, value)| value.ends_with("stale=true")));
    }
}
