//! Connectivity checks as a full agent sends them, written from RFC 5389 and RFC 8445 alone.

use aws_lc_rs::hmac;

/// What a check says.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    pub username: &'a str,
    pub priority: u32,
    pub nominates: bool,
}

const CONTROLLED: u16 = 0x8029;
const CONTROLLING: u16 = 0x802a;

/// A Binding request of the controlling agent.
pub fn check(what: Check<'_>, password: &str) -> Vec<u8> {
    request(what, CONTROLLING, password)
}

/// The same of an agent that takes itself for the controlled one.
#[allow(dead_code, reason = "not every test binary that shares this file asks for it")]
pub fn controlled(what: Check<'_>, password: &str) -> Vec<u8> {
    request(what, CONTROLLED, password)
}

fn request(what: Check<'_>, role: u16, password: &str) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend(*b"transaction!");
    push(&mut message, 0x0006, what.username.as_bytes());
    push(&mut message, 0x0024, &what.priority.to_be_bytes());
    push(&mut message, role, &[7; 8]);
    // An attribute of Microsoft's that nobody else knows.
    push(&mut message, 0x8070, &[0, 0, 0, 3]);
    if what.nominates {
        push(&mut message, 0x0025, &[]);
    }
    set_length(&mut message, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let tag = hmac::sign(&key, &message);
    push(&mut message, 0x0008, tag.as_ref());
    set_length(&mut message, 8);
    let sum = crc32(&message) ^ 0x5354_554e;
    push(&mut message, 0x8028, &sum.to_be_bytes());
    message
}

fn push(message: &mut Vec<u8>, number: u16, value: &[u8]) {
    message.extend(number.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    set_length(message, 0);
}

/// Length of what is there and of `more` octets that follow.
fn set_length(message: &mut [u8], more: usize) {
    let length = u16::try_from(message.len() - 20 + more).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

/// Bit by bit, unlike the product's table.
fn crc32(octets: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for octet in octets {
        sum ^= u32::from(*octet);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    !sum
}
