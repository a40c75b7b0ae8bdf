//! Who may move calls, and how: what a trunk's `transfer` table says.

/// What is done with REFER inside a call (RFC 3515).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReferPolicy {
    /// The new party is called from here and the sender is told how it goes (MD-146, PF-150).
    Execute,
    /// It crosses to the other party of the call.
    Pass,
    /// 603, answered here (MD-152); our Allow does not name REFER, so that platforms transfer by themselves (MD-154).
    #[default]
    Refuse,
}

/// Where the INVITE of an executed transfer goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReferTarget {
    /// Where the routes send a new call of the transferring trunk.
    #[default]
    Route,
    /// To the transferring trunk itself when Refer-To names its host, with the URI octet for octet (MD-144, MD-145); any
    /// other URI goes by the routes.
    Peer,
}

/// What is done with a Replaces header (RFC 3891).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplacesPolicy {
    Take,
    #[default]
    Refuse,
}

/// What is done with a 3xx to an INVITE of ours (RFC 3261 8.1.3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectPolicy {
    /// The call is offered to its contacts, as far as the trunk or the routes lead there, with Diversion (PF-150).
    Follow,
    /// The caller gets it, with contacts of ours.
    Relay,
    /// The call fails.
    #[default]
    Refuse,
}

/// `transfer = { .. }` of a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferSettings {
    pub refer: ReferPolicy,
    pub target: ReferTarget,
    /// INVITE with Replaces from this peer (MD-76).
    pub replaces: ReplacesPolicy,
    /// Replaces in our INVITE to this peer, when a Refer-To names a dialog that is not ours (MD-75, MD-143).
    pub send_replaces: ReplacesPolicy,
    pub redirect: RedirectPolicy,
}
