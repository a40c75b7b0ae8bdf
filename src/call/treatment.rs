//! What is done with a method inside a call: the table of DESIGN 5, the same in both directions.

use crate::sip::Method;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The other party decides.
    Cross,
    /// Answered here.
    Answer,
    /// Digits, taken from a trunk that sends them so, and 405 for others.
    Digits,
    /// Acknowledges a provisional response (RFC 3262).
    Acknowledge,
    /// The end.
    End,
    /// 405: known, not taken in a call.
    Refuse,
    /// 501: unknown.
    Unknown,
}

/// The table. ACK and CANCEL never come as requests of their own.
pub const fn treatment(method: &Method) -> Treatment {
    match method {
        Method::Invite => Treatment::Cross,
        Method::Options => Treatment::Answer,
        Method::Bye => Treatment::End,
        Method::Info => Treatment::Digits,
        Method::Prack => Treatment::Acknowledge,
        Method::Ack
        | Method::Cancel
        | Method::Register
        | Method::Update
        | Method::Refer
        | Method::Notify
        | Method::Subscribe
        | Method::Message
        | Method::Publish => Treatment::Refuse,
        Method::Other(_) => Treatment::Unknown,
    }
}
