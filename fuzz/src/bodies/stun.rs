//! STUN messages: read inside their lengths; our answers are sound, authentic, and name the source.

use trunkline::rtp::stun::{Class, Message};

use super::source;

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

pub fn run(octets: &[u8]) {
    let Ok(message) = Message::read(octets) else { return };
    let _ = (message.has_good_fingerprint(), message.is_authentic(PASSWORD), message.mapped_address());
    let _ = message.is_authentic(b"");
    assert!(message.username.is_none_or(|name| name.len() <= octets.len()));
    let answer = message.success(source(), PASSWORD);
    let read = Message::read(answer.octets()).expect("what we write we read");
    assert!(read.class == Class::Success && read.has_good_fingerprint() && read.is_authentic(PASSWORD));
    assert_eq!(read.mapped_address(), Some(source()));
    assert_eq!(answer.octets().get(4..20), octets.get(4..20), "the transaction is the request's");
    let refusal = message.role_conflict(PASSWORD);
    let read = Message::read(refusal.octets()).expect("what we write we read");
    assert!(read.class == Class::Error && read.has_good_fingerprint() && read.is_authentic(PASSWORD));
    assert!(!read.is_authentic(b"another"), "another password proves nothing");
}
