//! Who calls, and what a peer may see of it: From, P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID and Privacy
//! (RFC 3323, RFC 3325), as data of the trunk (PF-135, PF-136; MD-86, MD-87, MD-98).
//!
//! [`Caller::read`] takes what one side wrote under that trunk's [`CallerReading`]; [`Caller::write`] says what the
//! other side is shown under its [`CallerShowing`]. One rule stands above all settings: an identity that its owner hides
//! never reaches a peer that is not trusted, and never without the Privacy header that hides it.

mod privacy;
mod read;
mod write;

pub use privacy::{Privacy, PrivacyToken};
pub use read::{CallerReading, IdentityHeader};
pub use write::{AnonymousHost, AssertedShows, CallerShowing, DisplayRule, FromShows, PrivateFrom, ShownCaller};

use bytes::Bytes;

use super::number::{E164, Party};

/// A party and the name shown with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub party: Party,
    /// Text without quotes; empty when absent.
    pub display: Bytes,
}

/// Who calls, as the caller's side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// From.
    pub shown: Identity,
    /// What a trusted peer vouches for; `None` when it does not, or is not trusted.
    pub asserted: Option<Identity>,
    pub privacy: Privacy,
}

impl Caller {
    /// Whoever calls from a place with this ELIN: nothing else is said of him, and a place has nothing to hide.
    pub fn of_place(elin: &E164) -> Caller {
        let identity = Identity { party: Party::of(elin.clone()), display: Bytes::new() };
        Caller { shown: identity.clone(), asserted: Some(identity), privacy: Privacy::default() }
    }

    /// The caller as routes, screening and records know him: the asserted identity first (PF-25), then From.
    pub fn identity(&self) -> &Identity {
        self.asserted.as_ref().unwrap_or(&self.shown)
    }

    /// True when the caller does not want to be known by the called party: by Privacy, or by an anonymous From.
    pub fn is_private(&self) -> bool {
        self.privacy.hides_the_caller() || self.shown.party == Party::Anonymous
    }
}
