//! A user, a realm and a password, and the one sum that is made of them (RFC 7616 3.4.1).

use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use crate::base::Secret;
use crate::sip::method::Method;

/// Who we are (or who a peer must be) in one realm.
#[derive(Clone, Debug)]
pub struct Credentials {
    user: String,
    realm: String,
    password: Secret<Vec<u8>>,
}

/// What a response is computed over.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub algorithm: Algorithm,
    pub nonce: &'a [u8],
    pub method: &'a Method,
    /// `digest-uri` as written.
    pub uri: &'a [u8],
    /// Present with `qop=auth`.
    pub counted: Option<Counted<'a>>,
}

/// What `qop=auth` adds.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// How often this nonce was used by the client, this time included.
    pub nc: u32,
    pub cnonce: &'a [u8],
}

impl Credentials {
    pub const fn new(user: String, realm: String, password: Secret<Vec<u8>>) -> Credentials {
        Credentials { user, realm, password }
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The `response` value: lower-case hexadecimal, 32 or 64 characters.
    pub fn response(&self, question: &Question<'_>) -> Vec<u8> {
        let algorithm = question.algorithm;
        let password = self.password.expose();
        let secret = Zeroizing::new(algorithm.hash(&[self.user.as_bytes(), self.realm.as_bytes(), password]));
        let request = algorithm.hash(&[question.method.as_str().as_bytes(), question.uri]);
        match question.counted {
            Some(Counted { nc, cnonce }) => {
                let nc = format!("{nc:08x}");
                algorithm.hash(&[&secret, question.nonce, nc.as_bytes(), cnonce, b"auth", &request])
            }
            None => algorithm.hash(&[&secret, question.nonce, &request]),
        }
    }
}

impl PartialEq for Credentials {
    /// In constant time for the password.
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user && self.realm == other.realm && self.password == other.password
    }
}

impl Eq for Credentials {}
