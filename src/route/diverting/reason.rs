//! Why a call was sent on: Diversion's words and the cause numbers of RFC 4458, mapped by RFC 7544 table 1 and 2.

/// `reason` of a Diversion header (RFC 5806 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiversionReason {
    Unknown,
    UserBusy,
    NoAnswer,
    Unavailable,
    Unconditional,
    TimeOfDay,
    DoNotDisturb,
    Deflection,
    FollowMe,
    OutOfService,
    Away,
}

/// Every reason with its word.
const WORDS: [(DiversionReason, &str); 11] = [
    (DiversionReason::Unknown, "unknown"),
    (DiversionReason::UserBusy, "user-busy"),
    (DiversionReason::NoAnswer, "no-answer"),
    (DiversionReason::Unavailable, "unavailable"),
    (DiversionReason::Unconditional, "unconditional"),
    (DiversionReason::TimeOfDay, "time-of-day"),
    (DiversionReason::DoNotDisturb, "do-not-disturb"),
    (DiversionReason::Deflection, "deflection"),
    (DiversionReason::FollowMe, "follow-me"),
    (DiversionReason::OutOfService, "out-of-service"),
    (DiversionReason::Away, "away"),
];

impl DiversionReason {
    /// The word in a Diversion header.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(reason, _)| *reason == self).map_or("unknown", |(_, word)| word)
    }

    /// The reason of a word, without case; other words are `unknown` (RFC 5806 3).
    pub fn from_word(word: &[u8]) -> DiversionReason {
        let found = WORDS.iter().find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(word));
        found.map_or(DiversionReason::Unknown, |(reason, _)| *reason)
    }

    /// The cause of RFC 4458 (RFC 7544 7.1). Reasons of its own that RFC 4458 lacks are 404, unknown.
    pub const fn cause(self) -> u16 {
        match self {
            DiversionReason::UserBusy => 486,
            DiversionReason::NoAnswer => 408,
            DiversionReason::Unavailable => 503,
            DiversionReason::Unconditional => 302,
            DiversionReason::Deflection => 487,
            DiversionReason::Unknown
            | DiversionReason::TimeOfDay
            | DiversionReason::DoNotDisturb
            | DiversionReason::FollowMe
            | DiversionReason::OutOfService
            | DiversionReason::Away => 404,
        }
    }

    /// The reason of a cause (RFC 7544 7.2): 480 is a deflection while ringing, 487 one before. `None`: a number that
    /// says nothing of a diversion.
    pub const fn from_cause(cause: u16) -> Option<DiversionReason> {
        match cause {
            302 => Some(DiversionReason::Unconditional),
            404 => Some(DiversionReason::Unknown),
            408 => Some(DiversionReason::NoAnswer),
            480 | 487 => Some(DiversionReason::Deflection),
            486 => Some(DiversionReason::UserBusy),
            503 => Some(DiversionReason::Unavailable),
            _ => None,
        }
    }
}
