//! One packet in place with a known index, whatever the suite: where its parts lie, and who seals and opens it.

use super::SrtpFault;
use super::counter::CounterKeys;
use super::gcm::{GCM_TAG, GcmKeys};

/// Octets of E bit and index behind an SRTCP packet.
pub const RTCP_INDEX: usize = 4;
/// Octets of an RTCP packet that stay readable: header and sender's SSRC.
pub const RTCP_CLEAR: usize = 8;
/// The E bit, in the first of the index's octets.
pub const ENCRYPTED: u32 = 1 << 31;

/// What seals and opens RTP, or RTCP, under one master key.
#[allow(clippy::large_enum_variant, reason = "the common variant is the large one, and a box would be one more miss")]
pub enum StreamKeys {
    CounterMode(CounterKeys),
    Gcm(GcmKeys),
}

/// Whose packet it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub ssrc: u32,
    pub index: u64,
}

/// Where the parts of a sealed packet begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The end of what stays when the packet is open.
    pub body: usize,
    /// E bit and index of SRTCP; for SRTP of no meaning.
    pub index: usize,
    pub mki: usize,
    pub tag: usize,
}

impl StreamKeys {
    /// The parts of an SRTP packet; `None` when they would overlap its header. RFC 3711 3.1 puts the MKI before
    /// the tag; for AES-GCM the tag belongs to the ciphertext, so the MKI comes behind it (RFC 7714 8).
    pub fn rtp_layout(&self, octets: usize, payload_offset: usize, mki: usize) -> Option<Layout> {
        let layout = match self {
            StreamKeys::CounterMode(keys) => {
                let tag = octets.checked_sub(keys.tag())?;
                let body = tag.checked_sub(mki)?;
                Layout { body, index: body, mki: body, tag }
            }
            StreamKeys::Gcm(_) => {
                let mki = octets.checked_sub(mki)?;
                let tag = mki.checked_sub(GCM_TAG)?;
                Layout { body: tag, index: tag, mki, tag }
            }
        };
        (layout.body >= payload_offset).then_some(layout)
    }

    /// The parts of an SRTCP packet: index, MKI, tag (RFC 3711 3.4), or tag, index, MKI (RFC 7714 9.1).
    pub fn rtcp_layout(&self, octets: usize, mki: usize) -> Option<Layout> {
        let layout = match self {
            StreamKeys::CounterMode(keys) => {
                let tag = octets.checked_sub(keys.tag())?;
                let mki = tag.checked_sub(mki)?;
                let index = mki.checked_sub(RTCP_INDEX)?;
                Layout { body: index, index, mki, tag }
            }
            StreamKeys::Gcm(_) => {
                let mki = octets.checked_sub(mki)?;
                let index = mki.checked_sub(RTCP_INDEX)?;
                let tag = index.checked_sub(GCM_TAG)?;
                Layout { body: tag, index, mki, tag }
            }
        };
        (layout.body >= RTCP_CLEAR).then_some(layout)
    }

    /// Verifies and deciphers. False: the packet is as it was.
    pub fn open_rtp(&self, packet: &mut [u8], payload_offset: usize, layout: &Layout, at: Position) -> bool {
        match self {
            StreamKeys::CounterMode(keys) => keys.open_rtp(packet, payload_offset, layout, at),
            StreamKeys::Gcm(keys) => keys.open_rtp(packet, payload_offset, layout, at),
        }
    }

    /// Verifies and deciphers. False: the packet is as it was.
    pub fn open_rtcp(&self, packet: &mut [u8], layout: &Layout, at: Position) -> bool {
        match self {
            StreamKeys::CounterMode(keys) => keys.open_rtcp(packet, layout, at),
            StreamKeys::Gcm(keys) => keys.open_rtcp(packet, layout, at),
        }
    }

    /// Octets of the tag.
    pub fn tag(&self) -> usize {
        match self {
            StreamKeys::CounterMode(keys) => keys.tag(),
            StreamKeys::Gcm(_) => GCM_TAG,
        }
    }

    /// Seals the packet in the first `octets` of `buffer` and gives its new length.
    pub fn seal_rtp(
        &self,
        buffer: &mut [u8],
        payload_offset: usize,
        octets: usize,
        at: Position,
    ) -> Result<usize, SrtpFault> {
        let sealed = match self {
            StreamKeys::CounterMode(keys) => keys.seal_rtp(buffer, payload_offset, octets, at),
            StreamKeys::Gcm(keys) => keys.seal_rtp(buffer, payload_offset, octets, at),
        };
        sealed.ok_or(SrtpFault::NoRoom)
    }

    /// Seals the compound in the first `octets` of `buffer`, writes its index, and gives its new length.
    pub fn seal_rtcp(&self, buffer: &mut [u8], octets: usize, at: Position) -> Result<usize, SrtpFault> {
        let sealed = match self {
            StreamKeys::CounterMode(keys) => keys.seal_rtcp(buffer, octets, at),
            StreamKeys::Gcm(keys) => keys.seal_rtcp(buffer, octets, at),
        };
        sealed.ok_or(SrtpFault::NoRoom)
    }
}

/// E bit and index of a report that is sealed.
pub fn flagged(index: u64) -> [u8; RTCP_INDEX] {
    let [_, _, _, _, index @ ..] = index.to_be_bytes();
    (u32::from_be_bytes(index) | ENCRYPTED).to_be_bytes()
}

/// Writes `octets` at `at` and gives where they end.
pub fn put(buffer: &mut [u8], at: usize, octets: &[u8]) -> Option<usize> {
    let end = at.checked_add(octets.len())?;
    buffer.get_mut(at..end)?.copy_from_slice(octets);
    Some(end)
}
