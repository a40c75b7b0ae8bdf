//! P-Early-Media (RFC 5009): which early media a network authorises.

use std::borrow::Cow;

use crate::sip::Message;

/// Name of the field.
pub const P_EARLY_MEDIA: &str = "P-Early-Media";
/// What an INVITE says of whoever understands the field.
pub const SUPPORTED: &str = "supported";

/// The directions that are authorised, as seen by whoever sends the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyMedia {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl EarlyMedia {
    /// What this message authorises for its first media; `None` when it says nothing of it.
    pub fn of(message: &Message) -> Option<EarlyMedia> {
        let known = |word: &[u8]| EarlyMedia::ALL.into_iter().find(|known| is_word(word, known.word()));
        fields(message).find_map(|field| words(&field).find_map(known))
    }

    const ALL: [EarlyMedia; 4] =
        [EarlyMedia::SendRecv, EarlyMedia::SendOnly, EarlyMedia::RecvOnly, EarlyMedia::Inactive];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            EarlyMedia::SendRecv => "sendrecv",
            EarlyMedia::SendOnly => "sendonly",
            EarlyMedia::RecvOnly => "recvonly",
            EarlyMedia::Inactive => "inactive",
        }
    }

    /// Whether the caller may hear what whoever sends the field plays.
    pub const fn is_heard(self) -> bool {
        match self {
            EarlyMedia::SendRecv | EarlyMedia::SendOnly => true,
            EarlyMedia::RecvOnly | EarlyMedia::Inactive => false,
        }
    }

    /// Whether whoever sends the field may hear what the caller plays.
    pub const fn is_spoken_to(self) -> bool {
        match self {
            EarlyMedia::SendRecv | EarlyMedia::RecvOnly => true,
            EarlyMedia::SendOnly | EarlyMedia::Inactive => false,
        }
    }
}

/// True when the sender of this INVITE understands the field.
pub fn is_supported(message: &Message) -> bool {
    fields(message).any(|field| words(&field).any(|word| is_word(word, SUPPORTED)))
}

fn fields(message: &Message) -> impl Iterator<Item = Cow<'_, [u8]>> {
    message.headers_named(P_EARLY_MEDIA.as_bytes())
}

fn words(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|&octet| octet == b',').map(<[u8]>::trim_ascii)
}

fn is_word(written: &[u8], word: &str) -> bool {
    written.eq_ignore_ascii_case(word.as_bytes())
}
