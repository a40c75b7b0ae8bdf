//! What becomes of one packet. That it vanished is not a possible answer.

use std::net::SocketAddr;

use crate::rtp::srtp::SrtpFault;

/// The two ports of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaPort {
    Rtp,
    Rtcp,
}

/// The place of a port pair, and of the endpoint on it, in its worker's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

impl Slot {
    /// As a place in a table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The answer to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send the buffer from this port to this address.
    Forward {
        slot: Slot,
        port: MediaPort,
        to: SocketAddr,
    },
    /// Send the buffer back from the port's own pair, by this port to this address.
    Reply {
        port: MediaPort,
        to: SocketAddr,
    },
    /// Taken, and nothing is to be sent.
    Consumed,
    Drop(DropReason),
}

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident => $label:literal),+ $(,)?) => {
        /// Why a packet went no further. The label is that of the metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DropReason { $($(#[$doc])* $variant),+ }

        impl DropReason {
            /// Every reason, in the order of declaration.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$variant),+];

            /// The metric label.
            pub const fn label(self) -> &'static str {
                match self { $(DropReason::$variant => $label),+ }
            }

            /// Place in [`DropReason::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

drop_reasons! {
    /// No endpoint is open on the port: before a call, after one, or nobody's.
    NotOpen => "not_open",
    /// The endpoint has no partner.
    NotAttached => "not_attached",
    /// Longer than a packet may be.
    TooLong => "too_long",
    /// DTLS or anything else that is not RTP or RTCP; STUN too where the leg has no ICE.
    NotRtp => "not_rtp",
    /// STUN whose lengths or cookie are wrong.
    StunMalformed => "stun_malformed",
    /// STUN that is no Binding request: a lite agent asks nothing and awaits no answer.
    StunUnexpected => "stun_unexpected",
    /// A check of a name that is not ours, or not made with our password, or without its fingerprint.
    StunUnauthenticated => "stun_unauthenticated",
    /// The RTP header's own lengths or version are wrong.
    Malformed => "malformed",
    /// The RTCP compound's lengths or versions are wrong.
    RtcpMalformed => "rtcp_malformed",
    /// Not from the described address, nor from one that may be learnt.
    UnknownSource => "unknown_source",
    /// The keys given are not of their suite's length: nothing passes.
    NoKeys => "no_keys",
    /// No key and index that are possible give the packet's tag.
    Unauthenticated => "unauthenticated",
    Replayed => "replayed",
    /// Its index lies before the replay window.
    Stale => "stale",
    /// SRTCP without its E bit.
    RtcpUnencrypted => "rtcp_unencrypted",
    /// One SSRC too many under this key.
    SourcesFull => "sources_full",
    /// The plan takes nothing from this far end now (hold).
    ReceivingOff => "receiving_off",
    /// The plan sends nothing to the other far end now (hold).
    SendingOff => "sending_off",
    /// The other far end's address is not known yet.
    NoRemote => "no_remote",
    /// The payload type has no counterpart on the other leg.
    PayloadNotCarried => "payload_not_carried",
    /// A digit of ours sounds in its place.
    Replaced => "replaced",
    /// A digit for which there is no room, or no way to tell it.
    DigitLost => "digit_lost",
    /// This sequence number went out before.
    Repeated => "repeated",
    /// Our key or sequence line is used up.
    KeyExhausted => "key_exhausted",
    /// The socket's send queue is full.
    SendBlocked => "send_blocked",
    /// The system refused to send.
    SendFailed => "send_failed",
}

impl From<SrtpFault> for DropReason {
    fn from(fault: SrtpFault) -> Self {
        match fault {
            SrtpFault::TooShort => DropReason::Malformed,
            SrtpFault::Unauthenticated => DropReason::Unauthenticated,
            SrtpFault::Replayed => DropReason::Replayed,
            SrtpFault::Stale => DropReason::Stale,
            SrtpFault::Unencrypted => DropReason::RtcpUnencrypted,
            SrtpFault::SourcesFull => DropReason::SourcesFull,
            SrtpFault::KeyExhausted => DropReason::KeyExhausted,
            SrtpFault::IndexUsed => DropReason::Repeated,
            SrtpFault::NoRoom => DropReason::TooLong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_all_different_and_places_are_those_of_the_list() {
        let labels: std::collections::BTreeSet<_> = DropReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), DropReason::ALL.len());
        assert!(DropReason::ALL.iter().enumerate().all(|(place, reason)| reason.index() == place));
    }
}
