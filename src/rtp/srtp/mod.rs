//! SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714), in place, on kept key schedules.
//!
//! What is obeyed: the index is a pure function of the packet and of state that authenticated packets made
//! ([`index`]); nothing is kept of a packet before its tag is verified, in constant time; SSRCs are admitted
//! by a good tag only and are limited ([`sources`]); SRTCP needs its E bit (we never negotiate
//! UNENCRYPTED_SRTCP); a sender never uses a key with an index twice ([`outbound`]); a new key of the far end
//! takes over with the first packet that proves it ([`inbound`]).
//! An MKI is read where the peer signalled one and never sent (MD-170).
//! Assumed: key derivation rate 0 (RFC 3711 4.3.1), one master key at a time, no RFC 6904.

mod counter;
mod gcm;
pub mod inbound;
pub mod index;
pub mod key_source;
pub mod keys;
pub mod outbound;
#[allow(unsafe_code, reason = "the one reviewed module on aws-lc's kept key schedules; see crates-measured 2.5")]
mod primitives;
pub mod sources;
pub mod suite;
mod transform;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use inbound::{Inbound, Opened};
pub use key_source::KeySource;
pub use outbound::Outbound;
pub use suite::{Mki, SrtpMaster, SrtpSuite};

/// Why a packet was not opened or sealed. None of them changes any state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpFault {
    /// Shorter than header, index and tag together.
    TooShort,
    /// The tag is not that of the packet under any key and index it may have.
    Unauthenticated,
    /// This index was seen before.
    Replayed,
    /// The index lies before the replay window.
    Stale,
    /// SRTCP without its E bit.
    Unencrypted,
    /// A new SSRC, and as many as are allowed have been heard under this key.
    SourcesFull,
    /// RFC 3711 9.2: 2^48 packets or 2^31 reports under one key.
    KeyExhausted,
    /// We sent this index under this key before.
    IndexUsed,
    /// The buffer has no room for the tag.
    NoRoom,
}

#[cfg(test)]
mod vectors;
