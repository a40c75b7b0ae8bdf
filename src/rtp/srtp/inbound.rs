//! Opening what we receive, over key changes of the far end.

use super::SrtpFault;
use super::index::{Candidates, Freshness};
use super::keys::SessionKeys;
use super::sources::{Reached, Sources};
use super::suite::{Mki, SrtpMaster};
use super::transform::{ENCRYPTED, Layout, Position, RTCP_CLEAR, RTCP_INDEX};
use crate::base::limits::SRTP_SOURCES;
use crate::rtp::packet::RtpHeader;

/// A packet that was authentic and is now plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its length without index and tag.
    pub octets: usize,
    /// Its index (RTP: 48 bits, RTCP: 31 bits).
    pub index: u64,
    /// Above every index of its SSRC so far: such a packet may move the far end's address.
    pub newest: bool,
}

/// The receiving direction of one leg: the key in use, and a newer one that no packet has proved yet.
pub struct Inbound {
    current: Box<Opener>,
    next: Option<Box<Opener>>,
}

impl Inbound {
    /// For a peer that sends no MKI. `None` when the master's length is not its suite's.
    pub fn new(master: &SrtpMaster) -> Option<Inbound> {
        Inbound::with_mki(master, None)
    }

    /// For a peer whose packets carry `mki`, or none. `None` when the master's length is not its suite's.
    pub fn with_mki(master: &SrtpMaster, mki: Option<Mki>) -> Option<Inbound> {
        Some(Inbound { current: Box::new(Opener::new(master, mki, Vec::new())?), next: None })
    }

    /// The far end signalled `master` and the MKI of its packets. The same key: everything goes on as it is (MD-172). A
    /// new one waits beside the old until a packet authenticates under it, whether its sender kept the roll-over
    /// counter or began again at 0 (MD-173). `None`, and nothing changed, when its length is not its suite's.
    pub fn rekey(&mut self, master: &SrtpMaster, mki: Option<Mki>) -> Option<()> {
        if self.current.master == *master {
            self.current.mki = mki;
            self.next = None;
            return Some(());
        }
        if let Some(next) = self.next.as_mut().filter(|next| next.master == *master) {
            next.mki = mki;
            return Some(());
        }
        let reached = self.current.reached();
        self.next = Some(Box::new(Opener::new(master, mki, reached)?));
        Some(())
    }

    /// Opens an SRTP packet in place. `header` is its own, read and checked.
    ///
    /// # Errors
    /// No fault changes any state, and the packet is as it was.
    pub fn open_rtp(&mut self, packet: &mut [u8], header: &RtpHeader) -> Result<Opened, SrtpFault> {
        match (self.current.open_rtp(packet, header), &mut self.next) {
            (Err(fault), Some(next)) => {
                let opened = next.open_rtp(packet, header).map_err(|_| fault)?;
                self.promote();
                Ok(opened)
            }
            (result @ Ok(_), Some(_)) | (result, None) => result,
        }
    }

    /// Opens an SRTCP packet in place.
    ///
    /// # Errors
    /// No fault changes any state, and the packet is as it was.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<Opened, SrtpFault> {
        match (self.current.open_rtcp(packet), &mut self.next) {
            (Err(fault), Some(next)) => {
                let opened = next.open_rtcp(packet).map_err(|_| fault)?;
                self.promote();
                Ok(opened)
            }
            (result @ Ok(_), Some(_)) | (result, None) => result,
        }
    }

    fn promote(&mut self) {
        if let Some(next) = self.next.take() {
            self.current = next;
        }
    }
}

/// One key of the far end, and what came under it.
struct Opener {
    master: SrtpMaster,
    /// What its packets name the key by.
    mki: Option<Mki>,
    keys: SessionKeys,
    rtp: Sources,
    rtcp: Sources,
    /// How far each source came under the key before.
    before: Vec<Reached>,
}

impl Opener {
    fn new(master: &SrtpMaster, mki: Option<Mki>, before: Vec<Reached>) -> Option<Opener> {
        let keys = SessionKeys::derive(master)?;
        Some(Opener { master: master.clone(), mki, keys, rtp: Sources::default(), rtcp: Sources::default(), before })
    }

    /// How far every source came, those too that were silent under this key; as many as may be heard at once.
    fn reached(&self) -> Vec<Reached> {
        let silent = |before: &&Reached| self.rtp.reached().all(|source| source.ssrc != before.ssrc);
        self.rtp.reached().chain(self.before.iter().filter(silent).copied()).take(SRTP_SOURCES).collect()
    }

    fn open_rtp(&mut self, packet: &mut [u8], header: &RtpHeader) -> Result<Opened, SrtpFault> {
        let (keys, ssrc) = (&self.keys.rtp, header.ssrc);
        let layout = keys.rtp_layout(packet.len(), header.payload_offset, mki_octets(self.mki));
        let layout = layout.ok_or(SrtpFault::TooShort)?;
        names_the_key(self.mki, packet, &layout)?;
        let mut fault = SrtpFault::Unauthenticated;
        for index in self.candidates(header).iter() {
            let fresh = match self.rtp.judge(ssrc, index) {
                Ok(fresh) => fresh,
                Err(refused) => {
                    fault = refused;
                    continue;
                }
            };
            if keys.open_rtp(packet, header.payload_offset, &layout, Position { ssrc, index }) {
                self.rtp.commit(ssrc, index);
                return Ok(Opened { octets: layout.body, index, newest: fresh == Freshness::Newest });
            }
        }
        Err(fault)
    }

    fn candidates(&self, header: &RtpHeader) -> Candidates {
        self.rtp.candidates(header.ssrc, header.sequence).unwrap_or_else(|| {
            match self.before.iter().find(|source| source.ssrc == header.ssrc) {
                Some(source) => Candidates::after_rekey(source.highest, header.sequence),
                None => Candidates::first(header.sequence),
            }
        })
    }

    fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<Opened, SrtpFault> {
        let keys = &self.keys.rtcp;
        let layout = keys.rtcp_layout(packet.len(), mki_octets(self.mki)).ok_or(SrtpFault::TooShort)?;
        let flagged = word(packet, layout.index)?;
        // RFC 3711 3.4: with E clear the body is plain. We never negotiate that, so it is not for us (D3, D4).
        if flagged & ENCRYPTED == 0 {
            return Err(SrtpFault::Unencrypted);
        }
        names_the_key(self.mki, packet, &layout)?;
        let (ssrc, index) = (word(packet, RTCP_CLEAR - 4)?, u64::from(flagged & !ENCRYPTED));
        let fresh = self.rtcp.judge(ssrc, index)?;
        if !keys.open_rtcp(packet, &layout, Position { ssrc, index }) {
            return Err(SrtpFault::Unauthenticated);
        }
        self.rtcp.commit(ssrc, index);
        Ok(Opened { octets: layout.body, index, newest: fresh == Freshness::Newest })
    }
}

fn mki_octets(mki: Option<Mki>) -> usize {
    mki.map_or(0, Mki::octets)
}

/// A packet that names another key than the peer signalled is none of this key's.
fn names_the_key(mki: Option<Mki>, packet: &[u8], layout: &Layout) -> Result<(), SrtpFault> {
    let named = mki.is_none_or(|mki| packet.get(layout.mki..layout.mki + mki.octets()).is_some_and(|at| mki.is(at)));
    named.then_some(()).ok_or(SrtpFault::Unauthenticated)
}

fn word(packet: &[u8], at: usize) -> Result<u32, SrtpFault> {
    let octets = packet.get(at..).and_then(|rest| rest.first_chunk::<RTCP_INDEX>());
    octets.map(|octets| u32::from_be_bytes(*octets)).ok_or(SrtpFault::TooShort)
}
