//! What passes between INVITE and answer: what a trunk's `provisional` table says.

use std::time::Duration;

/// Reliable provisional responses (RFC 3262) with a peer. They are made and acknowledged here, so what one leg does
/// has nothing to do with the other (PF-142, PF-217).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliability {
    /// Hidden: 100rel is not named to the peer and refused with 420 where the peer requires it (MD-72, MD-74).
    Off,
    /// Taken from a caller that requires it, never offered.
    #[default]
    Accept,
    /// Offered in our INVITEs, and used with every caller that names it.
    Supported,
    /// Required in our INVITEs; a caller that does not name it gets 421.
    Required,
}

/// How several early dialogs of the called side are shown to a caller that does not understand them (MD-111). The
/// caller sees one early dialog in any case (MD-115).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForkView {
    /// Every response goes on, all under one To tag; media follows the fork that described itself last.
    #[default]
    Single,
    /// Only the first response goes on.
    First,
    /// A response with a description goes on as 180 without one: no early media.
    Ringing,
}

/// Which provisional responses the peer hears as a caller (PF-141). 180 always passes, 100 never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passing {
    /// Call is being forwarded.
    pub forwarded: bool,
    /// Queued.
    pub queued: bool,
    /// Session progress; without it a description travels in 180.
    pub progress: bool,
    /// Early dialog terminated (RFC 6228), for a caller that supports it.
    pub terminated: bool,
}

impl Default for Passing {
    fn default() -> Self {
        Passing { forwarded: true, queued: true, progress: true, terminated: true }
    }
}

/// What P-Early-Media (RFC 5009) of a peer is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyMediaTrust {
    /// Not of our trust domain: never written to the peer, and not read.
    #[default]
    Off,
    /// Of our trust domain: said to be supported in our INVITEs, obeyed in the peer's responses, and told to the peer as a
    /// caller that supports it.
    Trusted,
}

/// `provisional = { .. }` of a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProvisionalSettings {
    pub reliable: Reliability,
    pub forks: ForkView,
    pub pass: Passing,
    /// A caller that has heard nothing but 100 for so long hears 183 (MD-102); zero: never.
    pub progress: Duration,
    pub early_media: EarlyMediaTrust,
}
