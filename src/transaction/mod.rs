//! Transactions (RFC 3261 s.17, corrected by RFC 6026 and RFC 4320): who repeats what, how often, until when.
//!
//! Four machines and one helper, each a plain value: time comes in, [`ClientAction`]s or [`ServerAction`]s go out,
//! nothing is sent from here. A machine never parses: it sees status codes and finished octets, and its owner (the
//! engine) finds it by [`ServerKey`] or [`ClientKey`] in a [`Table`].
//!
//! * [`ClientInvite`]: figure 5 of RFC 3261 as replaced by RFC 6026 (state Accepted, timer M).
//! * [`ClientNonInvite`]: figure 6.
//! * [`ServerInvite`]: figure 7 as replaced by RFC 6026 (state Accepted, timer L).
//! * [`ServerNonInvite`]: figure 8 with the rules of RFC 4320.
//! * [`AcceptedRetransmission`]: not a transaction: what a UAS core does for its 2xx (RFC 3261 13.3.1.4).
//!
//! Deadlines live in the struct of the state they belong to, so that no timer can run in a state that does not know
//! it. A timer that is zero on a reliable transport (D, I, J, K) ends the machine at once, in the same call. Inputs
//! that the figures do not draw change nothing. After `Terminated` a machine gives no action at all.

pub mod accepted;
pub mod branch;
pub mod client;
pub mod client_invite;
pub mod key;
pub mod server;
pub mod server_invite;
pub mod table;
pub mod timers;

pub use accepted::{AcceptedAction, AcceptedRetransmission};
pub use branch::Branch;
pub use client::ClientNonInvite;
pub use client_invite::{ClientAction, ClientInvite};
pub use key::{ClientKey, Key, ServerKey};
pub use server::ServerNonInvite;
pub use server_invite::{ServerAction, ServerInvite};
pub use table::{Refused, Table};
pub use timers::{Repeat, TimerValues};

use crate::sip::Status;

/// The three classes of status code that the figures tell apart.
enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
}

impl Class {
    const fn of(status: Status) -> Class {
        if status.is_provisional() {
            Class::Provisional
        } else if status.is_success() {
            Class::Success
        } else {
            Class::Failure
        }
    }
}
