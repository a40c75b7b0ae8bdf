//! What is done with a method inside a call: the table of DESIGN 5. A row is the method, the trunk of the sender says what
//! is done; whether the other party may be sent it is asked where it crosses (`handing`). BYE, INVITE and UPDATE cannot be
//! set: a call could not live without them.

use crate::route::methods::{MethodSettings, Rule};
use crate::sip::Method;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// INVITE: the other party decides.
    Cross,
    /// UPDATE: the same where it carries an offer, else answered here (RFC 3311).
    Update,
    /// Answered here.
    Answer,
    /// INFO: digits of a trunk that sends them so; anything else as the rule says.
    Digits(Rule),
    /// Acknowledges a provisional response (RFC 3262).
    Acknowledge,
    /// The end.
    End,
    /// The other party answers.
    Hand,
    /// 405: known, not taken in a call.
    Refuse,
    /// 501: unknown.
    Unknown,
}

/// The table. ACK and CANCEL never come as requests of their own; REFER is looked at before (`transfer`).
pub const fn treatment(method: &Method, settings: &MethodSettings) -> Treatment {
    match method {
        Method::Invite => Treatment::Cross,
        Method::Update => Treatment::Update,
        Method::Bye => Treatment::End,
        Method::Prack => Treatment::Acknowledge,
        Method::Info => Treatment::Digits(settings.info),
        Method::Options => by_rule(settings.options),
        Method::Message => by_rule(settings.message),
        Method::Notify => by_rule(settings.notify),
        Method::Subscribe => by_rule(settings.subscribe),
        Method::Publish => by_rule(settings.publish),
        Method::Ack | Method::Cancel | Method::Register | Method::Refer => Treatment::Refuse,
        Method::Other(_) => match settings.unknown {
            Rule::Refuse => Treatment::Unknown,
            Rule::Cross | Rule::Answer => by_rule(settings.unknown),
        },
    }
}

/// A row that the trunk decides.
pub const fn by_rule(rule: Rule) -> Treatment {
    match rule {
        Rule::Cross => Treatment::Hand,
        Rule::Answer => Treatment::Answer,
        Rule::Refuse => Treatment::Refuse,
    }
}
