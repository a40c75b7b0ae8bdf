//! AES-GCM (RFC 7714), on the safe interface: its keys keep their schedule, and nothing is allocated per packet.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::transform::{Layout, Position, RTCP_CLEAR, RTCP_INDEX, flagged, put};
use crate::base::limits::MEDIA_PACKET_OCTETS;

/// Octets of a tag (RFC 7714 13.2: all of it).
pub const GCM_TAG: usize = 16;
const SALT: usize = 12;
/// RFC 7714 9.3: what is authenticated of a report without being enciphered.
const RTCP_OPEN: usize = RTCP_CLEAR + RTCP_INDEX;

/// The session keys of one stream.
pub struct GcmKeys {
    key: LessSafeKey,
    salt: [u8; SALT],
}

impl GcmKeys {
    /// `None` when a length is none of RFC 7714's.
    pub fn new(key: &[u8], salt: &[u8]) -> Option<GcmKeys> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        Some(GcmKeys { key, salt: salt.try_into().ok()? })
    }

    pub(super) fn open_rtp(&self, packet: &mut [u8], payload_offset: usize, layout: &Layout, at: Position) -> bool {
        let Some((header, rest)) = packet.split_at_mut_checked(payload_offset) else { return false };
        let Some(rest) = rest.get_mut(..layout.tag + GCM_TAG - payload_offset) else { return false };
        self.open(at, header, rest)
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8], layout: &Layout, at: Position) -> bool {
        let Some((clear, rest)) = packet.split_first_chunk_mut::<RTCP_CLEAR>() else { return false };
        let Some(rest) = rest.get_mut(..layout.tag + GCM_TAG - RTCP_CLEAR) else { return false };
        self.open(at, &rtcp_open(clear, at.index), rest)
    }

    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        payload_offset: usize,
        octets: usize,
        at: Position,
    ) -> Option<usize> {
        let (header, payload) = buffer.get_mut(..octets)?.split_at_mut_checked(payload_offset)?;
        let tag = self.seal(at, header, payload)?;
        put(buffer, octets, &tag)
    }

    pub(super) fn seal_rtcp(&self, buffer: &mut [u8], octets: usize, at: Position) -> Option<usize> {
        let (clear, body) = buffer.get_mut(..octets)?.split_first_chunk_mut::<RTCP_CLEAR>()?;
        let tag = self.seal(at, &rtcp_open(clear, at.index), body)?;
        let end = put(buffer, octets, &tag)?;
        put(buffer, end, &flagged(at.index))
    }

    /// Enciphers `data` and gives the tag of both.
    fn seal(&self, at: Position, open: &[u8], data: &mut [u8]) -> Option<[u8; GCM_TAG]> {
        let tag = self.key.seal_in_place_separate_tag(self.nonce(at), Aad::from(open), data).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Deciphers `sealed`, which ends with its tag. A failed attempt overwrites what it deciphered, and another
    /// index or key may still fit: so it works beside the packet, and only what is authentic gets into it.
    fn open(&self, at: Position, open: &[u8], sealed: &mut [u8]) -> bool {
        let mut area = [0u8; MEDIA_PACKET_OCTETS];
        let Some((data, tag)) = sealed.split_last_chunk_mut::<GCM_TAG>() else { return false };
        let Some(plain) = area.get_mut(..data.len()) else { return false };
        let good = self.key.open_separate_gather(self.nonce(at), Aad::from(open), data, tag, plain).is_ok();
        if good {
            data.copy_from_slice(plain);
        }
        good
    }

    /// RFC 7714 8.1 and 9.1: two zero octets, SSRC and 48 bits of index (of a report: 16 zero bits and its 32),
    /// combined with the salt.
    fn nonce(&self, at: Position) -> Nonce {
        let position = u128::from(at.ssrc) << 48 | u128::from(at.index);
        let [_, _, _, _, nonce @ ..] = position.to_be_bytes();
        let mut nonce: [u8; SALT] = nonce;
        nonce.iter_mut().zip(self.salt).for_each(|(octet, salt)| *octet ^= salt);
        Nonce::assume_unique_for_key(nonce)
    }
}

fn rtcp_open(clear: &[u8; RTCP_CLEAR], index: u64) -> [u8; RTCP_OPEN] {
    let mut open = [0; RTCP_OPEN];
    open.iter_mut().zip(clear.iter().copied().chain(flagged(index))).for_each(|(to, from)| *to = from);
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::srtp::transform::StreamKeys;
    use crate::rtp::srtp::vectors::{octets, vectors};
    use serde_json::Value;

    fn keys(vector: &Value) -> GcmKeys {
        GcmKeys::new(&octets(&vector["session_key"]), &octets(&vector["session_salt"])).unwrap()
    }

    fn is_tag_only(vector: &Value) -> bool {
        vector["suite"].as_str().unwrap().ends_with("(authentication only)")
    }

    #[test]
    fn the_nonce_is_that_of_the_published_packets() {
        for vector in vectors("srtp-packet-sessionkeys") {
            let at = Position { ssrc: 0x5501_a0b2, index: vector["seq"].as_u64().unwrap() };
            assert_eq!(keys(&vector).nonce(at).as_ref()[..], octets(&vector["iv"]), "{}", vector["id"]);
        }
        for vector in vectors("srtcp-packet-sessionkeys") {
            let at = Position { ssrc: 0x4d61_7273, index: vector["srtcp_index"].as_u64().unwrap() };
            assert_eq!(keys(&vector).nonce(at).as_ref()[..], octets(&vector["iv"]), "{}", vector["id"]);
        }
    }

    #[test]
    fn published_packets_are_sealed_and_opened_byte_for_byte() {
        for vector in vectors("srtp-packet-sessionkeys") {
            let (plain, protected) = (octets(&vector["plain"]), octets(&vector["protected"]));
            let at = Position { ssrc: 0x5501_a0b2, index: vector["seq"].as_u64().unwrap() };
            // What is only authenticated is, for the transform, all header.
            let offset = if is_tag_only(&vector) { plain.len() } else { 12 };
            let keys = StreamKeys::Gcm(keys(&vector));
            let mut buffer = [&plain[..], &[0; GCM_TAG]].concat();
            assert_eq!(keys.seal_rtp(&mut buffer, offset, plain.len(), at), Ok(protected.len()));
            assert_eq!(buffer, protected, "{}", vector["id"]);
            let layout = keys.rtp_layout(protected.len(), offset, 0).unwrap();
            assert!(keys.open_rtp(&mut buffer, offset, &layout, at));
            assert_eq!(buffer[..layout.body], plain);
        }
    }

    #[test]
    fn published_reports_are_sealed_and_opened_byte_for_byte() {
        for vector in vectors("srtcp-packet-sessionkeys") {
            let (plain, protected) = (octets(&vector["plain"]), octets(&vector["protected"]));
            let at = Position { ssrc: 0x4d61_7273, index: vector["srtcp_index"].as_u64().unwrap() };
            if is_tag_only(&vector) {
                // E is clear in these, which we neither write nor take: the tag alone is compared.
                let tag = keys(&vector).seal(at, &octets(&vector["aad"]), &mut []).unwrap();
                assert_eq!(tag[..], protected[plain.len()..plain.len() + GCM_TAG], "{}", vector["id"]);
                continue;
            }
            let keys = StreamKeys::Gcm(keys(&vector));
            let mut buffer = [&plain[..], &[0; GCM_TAG + RTCP_INDEX]].concat();
            assert_eq!(keys.seal_rtcp(&mut buffer, plain.len(), at), Ok(protected.len()));
            assert_eq!(buffer, protected, "{}", vector["id"]);
            let layout = keys.rtcp_layout(protected.len(), 0).unwrap();
            assert!(keys.open_rtcp(&mut buffer, &layout, at));
            assert_eq!(buffer[..layout.body], plain);
        }
    }

    #[test]
    fn keys_of_other_lengths_are_refused() {
        assert!(GcmKeys::new(&[0; 24], &[0; 12]).is_none());
        assert!(GcmKeys::new(&[0; 16], &[0; 14]).is_none());
    }
}
