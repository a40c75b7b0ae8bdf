//! What can be asked on the control socket.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::route::standing::Standing;

/// One request: `{"command":"trace","who":"17"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Phase, version, calls, queues, records.
    Status {},
    /// Whether new calls are welcome.
    Health {},
    /// The level of the log, or a filter of it; without one: tells it.
    LogLevel { level: Option<String> },
    /// Calls that are not over.
    Calls {},
    /// Ends a call with BYE or CANCEL.
    HangUp { call: u64 },
    /// Sources that are banned.
    Bans {},
    /// Ends the ban of an address.
    Unban { address: IpAddr },
    /// Reads the configuration again: all of it, or nothing.
    Reload {},
    /// Every trunk, its standing and its calls.
    Trunks {},
    /// Takes a trunk out of service, or back.
    Trunk { name: String, order: Order },
    /// What was said about a call.
    Trace(Question),
}

/// What can be ordered of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    Enable,
    Disable,
    Drain,
}

impl Order {
    /// What holds after it.
    pub const fn standing(self) -> Standing {
        match self {
            Order::Enable => Standing::Enabled,
            Order::Disable => Standing::Disabled,
            Order::Drain => Standing::Draining,
        }
    }
}

/// Which call is to be traced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// A call's number, or a phone number: of its calls the last.
    pub who: String,
}
