//! STUN messages of the lab's ICE agent (RFC 5389, RFC 8445 7): Binding requests written, answers read. A writer and a
//! reader of its own: the product's are what is tested.

use aws_lc_rs::hmac;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const HEADER: usize = 20;
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const FAILURE: u16 = 0x0111;
const USERNAME: u16 = 0x0006;
const INTEGRITY: u16 = 0x0008;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const CONTROLLING: u16 = 0x802A;
/// An attribute of nobody, from the range that may be left alone (MD-196).
const UNKNOWN: u16 = 0xC0DE;
/// RFC 5389 15.5.
const FINGERPRINT_MASK: u32 = 0x5354_554E;

/// What names one request and its answer.
pub type Transaction = [u8; 12];

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    Success,
    Failure,
    Other,
}

/// What was read of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    pub kind: Kind,
    pub transaction: Transaction,
    /// Its MESSAGE-INTEGRITY was made with the password, and its FINGERPRINT is right.
    pub authentic: bool,
}

/// A check to be written.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    pub transaction: Transaction,
    /// Theirs, a colon, ours.
    pub username: &'a str,
    /// Theirs.
    pub password: &'a str,
    pub priority: u32,
    pub tie_breaker: u64,
    pub nominates: bool,
}

impl Check<'_> {
    /// The octets (RFC 8445 7.2.2).
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut message = REQUEST.to_be_bytes().to_vec();
        message.extend_from_slice(&[0, 0]);
        message.extend_from_slice(&COOKIE);
        message.extend_from_slice(&self.transaction);
        push(&mut message, USERNAME, self.username.as_bytes());
        push(&mut message, PRIORITY, &self.priority.to_be_bytes());
        push(&mut message, CONTROLLING, &self.tie_breaker.to_be_bytes());
        push(&mut message, UNKNOWN, b"lab");
        if self.nominates {
            push(&mut message, USE_CANDIDATE, &[]);
        }
        let tag = integrity(&message, self.password);
        push(&mut message, INTEGRITY, tag.as_ref());
        let sum = fingerprint(&message);
        push(&mut message, FINGERPRINT, &sum.to_be_bytes());
        set_length(&mut message, 0);
        message
    }
}

/// True for octets that are STUN and not media (RFC 7983).
#[must_use]
pub fn is_stun(octets: &[u8]) -> bool {
    octets.len() >= HEADER && octets.first().is_some_and(|first| *first < 4) && octets.get(4..8) == Some(&COOKIE)
}

/// Reads a message; `password` is the one its integrity is made with.
#[must_use]
pub fn read(octets: &[u8], password: &str) -> Option<Read> {
    if !is_stun(octets) {
        return None;
    }
    let kind = match u16::from_be_bytes(*octets.first_chunk()?) {
        REQUEST => Kind::Request,
        SUCCESS => Kind::Success,
        FAILURE => Kind::Failure,
        _ => Kind::Other,
    };
    let transaction = *octets.get(8..)?.first_chunk()?;
    Some(Read { kind, transaction, authentic: is_authentic(octets, password).unwrap_or(false) })
}

/// RFC 5389 15.4, 15.5: both attributes are there, in their places and right.
fn is_authentic(octets: &[u8], password: &str) -> Option<bool> {
    let (tag_at, tag) = attribute(octets, INTEGRITY)?;
    let (sum_at, sum) = attribute(octets, FINGERPRINT)?;
    let tag_holds = integrity(octets.get(..tag_at)?, password).as_ref() == tag;
    let sum_holds = fingerprint(octets.get(..sum_at)?).to_be_bytes() == sum;
    Some(tag_holds && sum_holds)
}

/// Where an attribute begins, and its value.
fn attribute(octets: &[u8], wanted: u16) -> Option<(usize, &[u8])> {
    let mut at = HEADER;
    while let Some(head) = octets.get(at..)?.first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = octets.get(at + 4..at + 4 + length)?;
        if u16::from_be_bytes([head[0], head[1]]) == wanted {
            return Some((at, value));
        }
        at += 4 + length.next_multiple_of(4);
    }
    None
}

fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// The length field: what follows the header, and what an attribute still to come will add.
fn set_length(message: &mut [u8], coming: usize) {
    let length = u16::try_from(message.len() - HEADER.min(message.len()) + coming).unwrap_or(u16::MAX);
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Over all that stands before the attribute, with the length as if it ended there.
fn integrity(before: &[u8], password: &str) -> hmac::Tag {
    let mut text = before.to_vec();
    set_length(&mut text, 24);
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()), &text)
}

fn fingerprint(before: &[u8]) -> u32 {
    let mut text = before.to_vec();
    set_length(&mut text, 8);
    crc32(&text) ^ FINGERPRINT_MASK
}

/// ISO 3309, bit by bit.
fn crc32(octets: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for octet in octets {
        sum ^= u32::from(*octet);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 2.1: the sample request.
    const SAMPLE: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e740024000\
                          46e0001ff80290008932ff9b151263b36000600096576746a3a683676592020200008001\
                          49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";

    fn sample() -> Vec<u8> {
        let digits: Vec<u8> = SAMPLE.bytes().filter(u8::is_ascii_hexdigit).collect();
        let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("hex");
        digits.chunks(2).map(octet).collect()
    }

    #[test]
    fn the_sample_of_rfc_5769_is_authentic_with_its_password_alone() {
        let read_with = |password| read(&sample(), password).expect("readable");
        let good = read_with("VOkJxbRl1RmTxUk/WvJxBt");
        assert_eq!((good.kind, good.authentic), (Kind::Request, true));
        assert!(!read_with("another").authentic);
    }

    #[test]
    fn what_was_written_is_read_back_and_a_changed_octet_is_noticed() {
        let check = Check {
            transaction: [7; 12],
            username: "theirs:ours",
            password: "secret",
            priority: 1,
            tie_breaker: 2,
            nominates: true,
        };
        let mut octets = check.write();
        let expected = Read { kind: Kind::Request, transaction: [7; 12], authentic: true };
        assert_eq!(read(&octets, "secret"), Some(expected));
        octets[30] ^= 1;
        assert!(!read(&octets, "secret").expect("readable").authentic);
    }
}
