//! P-Early-Media (RFC 5009): which early media a network authorises.

use crate::sip::Message;

/// Name of the field.
pub const P_EARLY_MEDIA: &str = "P-Early-Media";
/// What an INVITE says of whoever understands the field.
pub const SUPPORTED: &str = "supported";
/// Parameters of one message that are looked at; there is one for each of its media lines.
const PARAMETERS: usize = 16;

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
        words(message)
            .find_map(|word| EarlyMedia::ALL.into_iter().find(|known| word.eq_ignore_ascii_case(known.word())))
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
}

impl EarlyMedia {
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
    words(message).any(|word| word.eq_ignore_ascii_case(SUPPORTED))
}

fn words(message: &Message) -> impl Iterator<Item = String> + '_ {
    let fields = message.headers_named(P_EARLY_MEDIA.as_bytes());
    let words = fields.flat_map(|field| {
        let text = String::from_utf8_lossy(&field).into_owned();
        text.split(',').take(PARAMETERS).map(|word| word.trim().to_owned()).collect::<Vec<_>>()
    });
    words.take(PARAMETERS)
}
