//! The RTP header (RFC 3550 5.1), read and rewritten in place. Every length is checked before anything else
//! looks at the packet.

/// Octets of a header without CSRCs and extension.
pub const FIXED_HEADER: usize = 12;

const MARKER: u8 = 0x80;
const EXTENSION: u8 = 0x10;

/// Why octets are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpFault {
    /// Shorter than the fixed header.
    TooShort,
    /// Version is not 2.
    Version,
    /// The CSRC list runs over the packet's end.
    CsrcOverrun,
    /// The header extension runs over the packet's end.
    ExtensionOverrun,
}

/// A header as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    pub marker: bool,
    /// 0..=127.
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Where the payload starts, never beyond the packet's end.
    pub payload_offset: usize,
}

impl RtpHeader {
    /// Reads the header of `packet`. Padding is not looked at: on SRTP it is still sealed.
    ///
    /// # Errors
    /// Says which rule of RFC 3550 5.1 the octets break.
    #[inline]
    pub fn read(packet: &[u8]) -> Result<RtpHeader, RtpFault> {
        let &[flags, marker_type, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] =
            packet.first_chunk::<FIXED_HEADER>().ok_or(RtpFault::TooShort)?;
        if flags >> 6 != 2 {
            return Err(RtpFault::Version);
        }
        Ok(RtpHeader {
            marker: marker_type & MARKER != 0,
            payload_type: marker_type & !MARKER,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload_offset: payload_offset(packet, flags)?,
        })
    }

    /// Writes marker, payload type, sequence, timestamp and SSRC over the fixed header of `packet`. Version,
    /// padding, extension and CSRC count stay as they are.
    pub fn write(&self, packet: &mut [u8]) {
        let Some([_, marker_type, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]) = packet.first_chunk_mut::<FIXED_HEADER>()
        else {
            return;
        };
        *marker_type = (self.payload_type & !MARKER) | if self.marker { MARKER } else { 0 };
        [*s0, *s1] = self.sequence.to_be_bytes();
        [*t0, *t1, *t2, *t3] = self.timestamp.to_be_bytes();
        [*c0, *c1, *c2, *c3] = self.ssrc.to_be_bytes();
    }
}

/// Clears extension flag and CSRC count: what is left of the header is the fixed part.
pub fn clear_extension_and_csrcs(packet: &mut [u8]) {
    if let Some(flags) = packet.first_mut() {
        *flags &= 0xe0;
    }
}

/// Where the payload of an RTP packet with these flags starts.
#[inline]
fn payload_offset(packet: &[u8], flags: u8) -> Result<usize, RtpFault> {
    let after_csrcs = FIXED_HEADER + 4 * usize::from(flags & 0x0f);
    let rest = packet.get(after_csrcs..).ok_or(RtpFault::CsrcOverrun)?;
    if flags & EXTENSION == 0 {
        return Ok(after_csrcs);
    }
    let &[_, _, words_high, words_low] = rest.first_chunk::<4>().ok_or(RtpFault::ExtensionOverrun)?;
    let offset = after_csrcs + 4 + 4 * usize::from(u16::from_be_bytes([words_high, words_low]));
    if offset > packet.len() { Err(RtpFault::ExtensionOverrun) } else { Ok(offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0xe5, 3, 0xe8, 0, 2, 0x71, 0, 0x12, 0x34, 0xab, 0xcd, 9, 9];

    #[test]
    fn every_field_of_the_fixed_header_is_read() {
        let header = RtpHeader::read(&PLAIN).unwrap();
        assert!(header.marker);
        assert_eq!((header.payload_type, header.sequence, header.timestamp), (101, 1000, 160_000));
        assert_eq!((header.ssrc, header.payload_offset), (0x1234_abcd, 12));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut packet = PLAIN;
        let header = RtpHeader {
            marker: false,
            payload_type: 8,
            sequence: 65535,
            timestamp: u32::MAX,
            ssrc: 7,
            payload_offset: 12,
        };
        header.write(&mut packet);
        assert_eq!(RtpHeader::read(&packet), Ok(header));
        assert_eq!((packet[0], &packet[12..]), (0x80, &[9u8, 9][..]));
    }

    #[test]
    fn other_versions_and_short_packets_are_refused() {
        let mut packet = PLAIN;
        packet[0] = 0x40;
        assert_eq!(RtpHeader::read(&packet), Err(RtpFault::Version));
        assert_eq!(RtpHeader::read(&PLAIN[..11]), Err(RtpFault::TooShort));
        assert_eq!(RtpHeader::read(&[]), Err(RtpFault::TooShort));
    }

    #[test]
    fn csrcs_and_extension_move_the_payload_and_never_over_the_end() {
        let mut packet = [0u8; 28];
        packet[0] = 0x80 | EXTENSION | 1;
        packet[19] = 2;
        assert_eq!(RtpHeader::read(&packet).map(|h| h.payload_offset), Ok(28));
        packet[19] = 3;
        assert_eq!(RtpHeader::read(&packet), Err(RtpFault::ExtensionOverrun));
        assert_eq!(RtpHeader::read(&packet[..18]), Err(RtpFault::ExtensionOverrun));
        packet[0] = 0x8f;
        assert_eq!(RtpHeader::read(&packet), Err(RtpFault::CsrcOverrun));
    }

    #[test]
    fn no_octets_of_any_kind_give_a_payload_beyond_the_end() {
        for length in 0..40usize {
            for flags in 128..=191u8 {
                let packet: Vec<u8> = (0..length).map(|i| if i == 0 { flags } else { 0xff }).collect();
                assert!(
                    RtpHeader::read(&packet).is_ok_and(|h| h.payload_offset <= length)
                        || RtpHeader::read(&packet).is_err()
                );
            }
        }
    }
}
