//! AES in counter mode with HMAC-SHA1 (RFC 3711 3.3, 3.4, 4.1.1, 4.2.1; RFC 6188 for longer keys).

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::keys::SALT;
use super::primitives::{AesKey, BLOCK, DIGEST, HmacSha1};
use super::transform::{Layout, Position, RTCP_CLEAR, flagged, put};

/// The session keys of one stream.
pub struct CounterKeys {
    cipher: AesKey,
    mac: HmacSha1,
    /// The session salt, as it stands in a counter block.
    salt: u128,
    /// Octets of the tag, at most [`DIGEST`].
    tag: usize,
}

impl CounterKeys {
    /// `None` when a length is none of RFC 3711's.
    pub fn new(cipher: &[u8], mac: &[u8], salt: &[u8], tag: usize) -> Option<CounterKeys> {
        let salt: [u8; SALT] = salt.try_into().ok()?;
        let mut block = [0u8; BLOCK];
        block.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        let salt = u128::from_be_bytes(block);
        (tag <= DIGEST).then_some(CounterKeys { cipher: AesKey::new(cipher)?, mac: HmacSha1::new(mac)?, salt, tag })
    }

    /// Octets of the tag.
    pub const fn tag(&self) -> usize {
        self.tag
    }

    pub(super) fn open_rtp(&self, packet: &mut [u8], payload_offset: usize, layout: &Layout, at: Position) -> bool {
        let Some((body, rest)) = packet.split_at_mut_checked(layout.body) else { return false };
        let tag = rest.get(layout.tag - layout.body..).unwrap_or_default();
        if !self.is_tag(&self.rtp_digest(body, at.index), tag) {
            return false;
        }
        self.cipher(at, body.get_mut(payload_offset..).unwrap_or_default());
        true
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8], layout: &Layout, at: Position) -> bool {
        let Some((sealed, rest)) = packet.split_at_mut_checked(layout.mki) else { return false };
        let tag = rest.get(layout.tag - layout.mki..).unwrap_or_default();
        if !self.is_tag(&self.mac.digest_plain(sealed), tag) {
            return false;
        }
        self.cipher(at, sealed.get_mut(RTCP_CLEAR..layout.body).unwrap_or_default());
        true
    }

    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        payload_offset: usize,
        octets: usize,
        at: Position,
    ) -> Option<usize> {
        self.cipher(at, buffer.get_mut(payload_offset..octets)?);
        let [_, _, counter @ .., _, _] = at.index.to_be_bytes();
        let digest = match self.mac.digest_in_place(buffer, octets, &counter) {
            Some(digest) => digest,
            None => self.mac.digest(buffer.get(..octets)?, &counter),
        };
        put(buffer, octets, digest.get(..self.tag)?)
    }

    pub(super) fn seal_rtcp(&self, buffer: &mut [u8], octets: usize, at: Position) -> Option<usize> {
        self.cipher(at, buffer.get_mut(RTCP_CLEAR..octets)?);
        let authenticated = put(buffer, octets, &flagged(at.index))?;
        let digest = self.mac.digest_plain(buffer.get(..authenticated)?);
        put(buffer, authenticated, digest.get(..self.tag)?)
    }

    /// RFC 3711 4.1.1: salt, SSRC and index, then 16 bits that count blocks.
    fn cipher(&self, at: Position, payload: &mut [u8]) {
        let counter = self.salt ^ u128::from(at.ssrc) << 64 ^ u128::from(at.index) << 16;
        self.cipher.counter_mode(counter, payload);
    }

    /// RFC 3711 4.2: the roll-over counter is authenticated as if it stood behind the packet.
    fn rtp_digest(&self, packet: &[u8], index: u64) -> [u8; DIGEST] {
        let [_, _, counter @ .., _, _] = index.to_be_bytes();
        self.mac.digest(packet, &counter)
    }

    fn is_tag(&self, digest: &[u8; DIGEST], tag: &[u8]) -> bool {
        digest.get(..self.tag).is_some_and(|expected| verify_slices_are_equal(expected, tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::srtp::vectors::{octets, vectors};

    #[test]
    fn the_key_stream_is_that_of_the_published_blocks() {
        for vector in vectors("aes-cm-keystream") {
            let (key, salt) = (octets(&vector["session_key"]), octets(&vector["session_salt"]));
            let keys = CounterKeys::new(&key, &[], &salt, 10).unwrap();
            for block in vector["blocks"].as_array().unwrap() {
                let counter: [u8; BLOCK] = octets(&block["counter"]).try_into().unwrap();
                let number = usize::from(u16::from_be_bytes([counter[14], counter[15]]));
                let mut stream = vec![0; (number + 1) * BLOCK];
                keys.cipher(Position { ssrc: 0, index: 0 }, &mut stream);
                assert_eq!(stream[number * BLOCK..], octets(&block["keystream"]), "{}", vector["id"]);
            }
        }
    }

    #[test]
    fn the_mac_is_that_of_rfc_2202() {
        for vector in vectors("hmac-sha1") {
            let key = octets(&vector["key"]);
            let digest = HmacSha1::new(&key).unwrap().digest_plain(&octets(&vector["data"]));
            assert_eq!(digest.to_vec(), octets(&vector["mac"]), "{}", vector["id"]);
        }
    }
}
