//! What a trunk's peer is to us.

/// Who stands behind a trunk: calls to the public network cost money and may be anybody's, calls to a platform end at its
/// own users. Decides the direction of PV-37, where emergency calls never go (PF-51), and what the fraud guard judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PeerRole {
    /// The public network.
    #[default]
    Carrier,
    /// A cloud voice platform or a PBX: users of ours.
    Platform,
}
