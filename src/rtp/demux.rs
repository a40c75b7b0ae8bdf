//! Which protocol a packet on a media port belongs to (RFC 7983, and RFC 5761 for RTP against RTCP).

/// The protocols that may share one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    Rtp,
    Rtcp,
    Stun,
    Zrtp,
    Dtls,
    TurnChannel,
    /// Nothing that RFC 7983 knows, or nothing at all.
    Unknown,
}

impl PacketKind {
    /// Looks at the first two octets only.
    pub fn of(packet: &[u8]) -> PacketKind {
        match packet {
            [0..=3, ..] => PacketKind::Stun,
            [16..=19, ..] => PacketKind::Zrtp,
            [20..=63, ..] => PacketKind::Dtls,
            [64..=79, ..] => PacketKind::TurnChannel,
            // RFC 5761 s.4: RTCP's packet types 192..223 are what RTP payload types 64..95 with a marker look like.
            [128..=191, 192..=223, ..] => PacketKind::Rtcp,
            [128..=191, _, ..] => PacketKind::Rtp,
            [] | [_, ..] => PacketKind::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_of_rfc_7983_is_told_apart() {
        let of = |first: u8| PacketKind::of(&[first, 0]);
        assert_eq!([of(0), of(3), of(4)], [PacketKind::Stun, PacketKind::Stun, PacketKind::Unknown]);
        assert_eq!([of(16), of(20), of(63)], [PacketKind::Zrtp, PacketKind::Dtls, PacketKind::Dtls]);
        assert_eq!([of(64), of(79), of(80)], [PacketKind::TurnChannel, PacketKind::TurnChannel, PacketKind::Unknown]);
        assert_eq!([of(127), of(128), of(191)], [PacketKind::Unknown, PacketKind::Rtp, PacketKind::Rtp]);
        assert_eq!(of(192), PacketKind::Unknown);
    }

    #[test]
    fn rtcp_on_a_shared_port_is_known_by_its_packet_type() {
        assert_eq!(PacketKind::of(&[0x80, 200]), PacketKind::Rtcp);
        assert_eq!(PacketKind::of(&[0x80, 0x80 | 63]), PacketKind::Rtp);
        assert_eq!(PacketKind::of(&[0x80, 0x80 | 96]), PacketKind::Rtp);
        assert_eq!(PacketKind::of(&[0x80]), PacketKind::Unknown);
    }
}
