//! The custom header: contents by number, on messages to the carrier (PF-26..29, PV-31..34).

use super::directory::HeaderContent;
use super::policy::HeaderName;

/// Octets of its name at most (PV-34).
pub const NAME_OCTETS: usize = 32;

/// A kind of message that may carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marked {
    /// The INVITE that opens a leg to the carrier.
    Invite,
    /// 18x to the carrier's INVITE.
    Provisional,
    /// 2xx to an INVITE of the carrier.
    Success,
    /// Requests of ours inside the call, ACK and CANCEL aside.
    Inside,
}

/// `provisioning.custom_header` and `provisioning.custom_header_on`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomHeader {
    pub name: HeaderName,
    pub on: Vec<Marked>,
}

impl CustomHeader {
    /// Unless it is said: what opens and answers a call (PF-28).
    pub const DEFAULT: [Marked; 3] = [Marked::Invite, Marked::Provisional, Marked::Success];

    /// Name and value for one kind of message.
    pub fn on<'a>(&'a self, message: Marked, contents: &'a HeaderContent) -> Option<(&'a str, &'a str)> {
        self.on.contains(&message).then(|| (self.name.as_str(), contents.as_str()))
    }
}
