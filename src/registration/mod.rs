//! REGISTER client of one trunk (RFC 3261 s.10, RFC 5626 4.5, RFC 6140 GIN, RFC 3608; PF-130 to PF-133).
//!
//! A pure machine: [`Registration`] says what to send and when it wants to be woken; finding the registrar's address,
//! transactions and connections are the engine's. The connection that carried the last successful REGISTER is the
//! registered flow: the peer's requests may come over it, and refreshes go over it.
//!
//! Simplification: no `+sip.instance` and `reg-id` (RFC 5626 4.2): a trunk has one flow, and its Contact is its own.

mod backoff;
mod compose;
mod grant;
mod machine;

use std::time::Duration;

pub use compose::Local;
pub use machine::{Action, Input, News, PathFailure, Problem, Register, Registration, State};

use crate::sip::SipUri;

/// `registration = { .. }` of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationSettings {
    /// The address of record: From and To; its host is the registrar's domain.
    pub aor: SipUri,
    /// What is asked for; the registrar may grant less, or demand more (423).
    pub expires: Duration,
    pub form: Form,
}

/// What is bound to the address of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One contact.
    Single,
    /// Every number of the block: a Contact without user part, with `bnc` (RFC 6140).
    Bulk,
}
