//! How we present ourselves on one trunk: Via and Contact, always ours, never a peer's.

use std::sync::Arc;

use crate::route::presence::Presence;
use crate::route::trunk::Trunk;
use crate::transaction::Branch;

/// The name and port that a trunk's peer sees, and what we take from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAddress(Arc<Presence>);

impl OwnAddress {
    /// What this trunk's peer sees.
    pub fn of(trunk: &Trunk) -> OwnAddress {
        OwnAddress(Arc::clone(&trunk.presence))
    }

    /// The parts of a Via value with this branch.
    pub fn via<'a>(&'a self, branch: &'a Branch) -> [&'a [u8]; 3] {
        [self.0.via.as_bytes(), branch.as_bytes(), self.0.via_end.as_bytes()]
    }

    /// Our Contact: one constant value per trunk.
    pub fn contact(&self) -> &str {
        &self.0.contact
    }

    /// A Contact of ours for another user: where a caller may send a redirected call.
    pub fn contact_of(&self, user: &[u8]) -> Vec<u8> {
        let contact = self.contact();
        let (scheme, rest) = contact.split_once(':').unwrap_or(("<sip", ""));
        [scheme.as_bytes(), b":", user, b"@", rest.as_bytes()].concat()
    }

    /// Value of our Allow (RFC 3261 20.5).
    pub fn allow(&self) -> &str {
        &self.0.allow
    }

    /// Value of Supported in what makes a dialog; empty: it is left out.
    pub fn supported(&self) -> &str {
        &self.0.supported
    }

    /// `host:port` as written in Via and Contact.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// Host part of our own From.
    pub fn host(&self) -> &str {
        &self.0.host
    }
}
