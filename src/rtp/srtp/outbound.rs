//! Sealing what we send. One key and one index never meet twice: with counter mode that would give the
//! sum of two payloads away.

use super::SrtpFault;
use super::index::LAST_INDEX;
use super::keys::SessionKeys;
use super::sources::Sources;
use super::suite::SrtpMaster;
use super::transform::{ENCRYPTED, Position, RTCP_CLEAR, RTCP_INDEX};
use crate::rtp::packet::RtpHeader;

/// The sending direction of one leg under one key of ours.
pub struct Outbound {
    master: SrtpMaster,
    keys: SessionKeys,
    sent: Sources,
    /// The last SRTCP index used.
    reports: u32,
}

impl Outbound {
    /// `None` when the master's length is not its suite's.
    pub fn new(master: &SrtpMaster) -> Option<Outbound> {
        let keys = SessionKeys::derive(master)?;
        Some(Outbound { master: master.clone(), keys, sent: Sources::default(), reports: 0 })
    }

    /// The same direction under another key. Reports are counted on (RFC 3711 3.4: never from 0 after a new key).
    /// `None` when the master's length is not its suite's.
    pub fn under(&self, master: &SrtpMaster) -> Option<Outbound> {
        Some(Outbound { reports: self.reports, ..Outbound::new(master)? })
    }

    /// True when `master` is the key in use: then everything goes on as it is (MD-172).
    pub fn has_key(&self, master: &SrtpMaster) -> bool {
        self.master == *master
    }

    /// Seals the RTP packet in the first `octets` of `buffer` with `index`, whose low 16 bits are the
    /// header's sequence number. Gives the packet's new length; what stands behind it is of no meaning.
    ///
    /// # Errors
    /// `IndexUsed` when this SSRC was sent with this index before, or so long ago that nobody knows;
    /// `KeyExhausted` above 2^48 packets; `NoRoom` when the tag does not fit; `SourcesFull` for one SSRC too many.
    pub fn seal_rtp(
        &mut self,
        buffer: &mut [u8],
        octets: usize,
        header: &RtpHeader,
        index: u64,
    ) -> Result<usize, SrtpFault> {
        if index > LAST_INDEX {
            return Err(SrtpFault::KeyExhausted);
        }
        if buffer.len() < octets.saturating_add(self.keys.rtp.tag()) {
            return Err(SrtpFault::NoRoom);
        }
        if octets < header.payload_offset {
            return Err(SrtpFault::TooShort);
        }
        self.sent.claim(header.ssrc, index).map_err(|fault| match fault {
            SrtpFault::Replayed | SrtpFault::Stale => SrtpFault::IndexUsed,
            other => other,
        })?;
        self.keys.rtp.seal_rtp(buffer, header.payload_offset, octets, Position { ssrc: header.ssrc, index })
    }

    /// Seals the RTCP compound in the first `octets` of `buffer` with the next index. Gives its new length.
    ///
    /// # Errors
    /// `TooShort` without a sender's SSRC, `KeyExhausted` above 2^31 reports, `NoRoom` when index and tag do not fit.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], octets: usize) -> Result<usize, SrtpFault> {
        let index = self.reports + 1;
        if index >= ENCRYPTED {
            return Err(SrtpFault::KeyExhausted);
        }
        if buffer.len() < octets.saturating_add(RTCP_INDEX + self.keys.rtcp.tag()) {
            return Err(SrtpFault::NoRoom);
        }
        let clear = buffer.first_chunk::<RTCP_CLEAR>().filter(|_| octets >= RTCP_CLEAR).ok_or(SrtpFault::TooShort)?;
        let ssrc = u32::from_be_bytes(*clear.last_chunk::<4>().ok_or(SrtpFault::TooShort)?);
        self.reports = index;
        self.keys.rtcp.seal_rtcp(buffer, octets, Position { ssrc, index: u64::from(index) })
    }
}
