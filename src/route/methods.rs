//! What a trunk's peer may ask for inside a call, and what may be asked of it: the settings behind the one table of
//! methods (`call::treatment`).

use crate::sip::Method;

/// What is done with a request of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The other party gets it, if its trunk and its Allow take such requests, and answers it.
    Cross,
    /// Answered here with 200.
    Answer,
    /// Refused here: 405, and 501 for a method nobody knows.
    Refuse,
}

/// How the peer is asked for what the other party's re-INVITE asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReinviteAs {
    #[default]
    Reinvite,
    /// UPDATE where the peer's Allow has it: it must then answer at once (RFC 3311 5.2).
    Update,
}

/// Requests that some peers must not be sent (MD-72).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sends {
    pub update: bool,
    pub info: bool,
    pub message: bool,
    pub notify: bool,
    pub subscribe: bool,
    pub publish: bool,
    /// REFER that passes from the other party (MD-155).
    pub refer: bool,
    /// Methods without a name of their own here.
    pub unknown: bool,
}

impl Default for Sends {
    fn default() -> Self {
        Sends {
            update: true,
            info: true,
            message: true,
            notify: true,
            subscribe: false,
            publish: false,
            refer: true,
            unknown: false,
        }
    }
}

impl Sends {
    /// The methods a list in the configuration may name, in its order.
    pub const NAMES: [&'static str; 8] =
        ["UPDATE", "INFO", "MESSAGE", "NOTIFY", "SUBSCRIBE", "PUBLISH", "REFER", "unknown"];

    /// Exactly the named ones.
    pub fn only(names: &[&str]) -> Sends {
        let has = |name: &str| names.contains(&name);
        Sends {
            update: has("UPDATE"),
            info: has("INFO"),
            message: has("MESSAGE"),
            notify: has("NOTIFY"),
            subscribe: has("SUBSCRIBE"),
            publish: has("PUBLISH"),
            refer: has("REFER"),
            unknown: has("unknown"),
        }
    }

    /// Whether this method may go to the peer. What a call cannot do without always may.
    pub const fn allows(&self, method: &Method) -> bool {
        match method {
            Method::Update => self.update,
            Method::Info => self.info,
            Method::Message => self.message,
            Method::Notify => self.notify,
            Method::Subscribe => self.subscribe,
            Method::Publish => self.publish,
            Method::Refer => self.refer,
            Method::Other(_) => self.unknown,
            Method::Invite
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Prack => true,
        }
    }
}

/// `methods = { .. }` of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodSettings {
    /// INFO whose body is no digit, or that comes from a trunk whose digits travel otherwise.
    pub info: Rule,
    pub message: Rule,
    pub notify: Rule,
    pub options: Rule,
    pub subscribe: Rule,
    pub publish: Rule,
    pub unknown: Rule,
    pub sends: Sends,
    pub reinvites: ReinviteAs,
}

impl Default for MethodSettings {
    fn default() -> Self {
        MethodSettings {
            info: Rule::Cross,
            message: Rule::Cross,
            notify: Rule::Cross,
            options: Rule::Answer,
            subscribe: Rule::Refuse,
            publish: Rule::Refuse,
            unknown: Rule::Refuse,
            sends: Sends::default(),
            reinvites: ReinviteAs::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_exactly_what_may_be_sent() {
        let sends = Sends::only(&["INFO", "unknown"]);
        assert!(sends.allows(&Method::Info) && sends.allows(&Method::Other("X".into())));
        assert!(!sends.allows(&Method::Update) && sends.allows(&Method::Bye));
        assert!(Sends::only(&Sends::NAMES).allows(&Method::Publish));
    }
}
