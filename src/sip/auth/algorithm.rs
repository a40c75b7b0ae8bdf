//! Hash algorithms of digest (RFC 7616 3.2, RFC 8760 2.1).

use serde::{Deserialize, Serialize};

use aws_lc_rs::digest;
use md5::{Digest, Md5};

/// Weakest first: the order in which the strongest is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// What most carriers still ask for (PF-129).
    Md5,
    Sha256,
    /// SHA-512/256: SHA-512 with its own start values, cut to 256 bits.
    Sha512Of256,
}

impl Algorithm {
    /// Reads an `algorithm` value without regard to case; `None` for what we do not speak.
    pub fn parse(name: &[u8]) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512Of256]
            .into_iter()
            .find(|algorithm| algorithm.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// As written in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512Of256 => "SHA-512-256",
        }
    }

    /// The hash of `parts` joined by colons, in lower-case hexadecimal.
    pub(super) fn hash(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Algorithm::Md5 => {
                let mut hasher = Md5::new();
                joined(parts, |octets| hasher.update(octets));
                hex(&hasher.finalize())
            }
            Algorithm::Sha256 => sha(&digest::SHA256, parts),
            Algorithm::Sha512Of256 => sha(&digest::SHA512_256, parts),
        }
    }
}

fn sha(kind: &'static digest::Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = digest::Context::new(kind);
    joined(parts, |octets| hasher.update(octets));
    hex(hasher.finish().as_ref())
}

fn joined(parts: &[&[u8]], mut feed: impl FnMut(&[u8])) {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            feed(b":");
        }
        feed(part);
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(octets: &[u8]) -> Vec<u8> {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}
