//! RTCP compounds (RFC 3550 6): walked with every length checked, read as far as quality needs it, and
//! written fresh: what one leg reports never reaches the other (see [`crate::media::report`]).

/// Packet types of RFC 3550 12.1.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;

const HEADER_OCTETS: usize = 4;
const SENDER_INFO: usize = 20;
const REPORT_BLOCK: usize = 24;
const CNAME: u8 = 1;

/// Why octets are not an RTCP compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpFault {
    /// Shorter than a header and a sender's SSRC.
    TooShort,
    Version,
    /// A length field that does not meet the packet's end.
    Length,
}

/// The sender part of an SR (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    pub ssrc: u32,
    /// Seconds since 1900 with 32 binary places.
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// What a receiver says of one source (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// 256ths lost since the last report.
    pub fraction_lost: u8,
    /// 24 bits, signed.
    pub lost: i32,
    pub highest_sequence: u32,
    /// Timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the last SR's NTP time; 0: none came.
    pub last_report: u32,
    /// Since that SR, in 65536ths of a second.
    pub delay: u32,
}

/// One packet of a compound: its type, its count field, and its octets with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub packet_type: u8,
    pub count: u8,
    pub octets: &'a [u8],
}

/// Checks that `compound` is packets of version 2 that fill it exactly.
///
/// # Errors
/// The first rule that is broken.
pub fn check(compound: &[u8]) -> Result<(), RtcpFault> {
    if compound.len() < HEADER_OCTETS + 4 {
        return Err(RtcpFault::TooShort);
    }
    let mut rest = compound;
    while !rest.is_empty() {
        if rest.first().is_some_and(|flags| flags >> 6 != 2) {
            return Err(RtcpFault::Version);
        }
        rest = rest.get(element_octets(rest).ok_or(RtcpFault::Length)?..).ok_or(RtcpFault::Length)?;
    }
    Ok(())
}

/// The packets of a compound, up to the first whose length runs over the end.
pub fn elements(compound: &[u8]) -> impl Iterator<Item = Element<'_>> {
    let mut rest = compound;
    std::iter::from_fn(move || {
        let (octets, after) = rest.split_at_checked(element_octets(rest)?)?;
        rest = after;
        let &[flags, packet_type, ..] = octets else { return None };
        Some(Element { packet_type, count: flags & 0x1f, octets })
    })
}

impl Element<'_> {
    /// The SSRC of who sent this packet, in the types that begin with one.
    pub fn sender(&self) -> Option<u32> {
        word(self.octets, HEADER_OCTETS)
    }

    /// The sender part, if this is an SR.
    pub fn sender_info(&self) -> Option<SenderInfo> {
        if self.packet_type != SENDER_REPORT {
            return None;
        }
        let high = word(self.octets, 8)?;
        let low = word(self.octets, 12)?;
        Some(SenderInfo {
            ssrc: self.sender()?,
            ntp: u64::from(high) << 32 | u64::from(low),
            timestamp: word(self.octets, 16)?,
            packets: word(self.octets, 20)?,
            octets: word(self.octets, 24)?,
        })
    }

    /// The report blocks of an SR or RR, as many as are whole.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + '_ {
        let blocks = blocks_offset(self.packet_type).and_then(|at| self.octets.get(at..)).unwrap_or_default();
        blocks.chunks_exact(REPORT_BLOCK).take(usize::from(self.count)).filter_map(read_block)
    }
}

fn read_block(block: &[u8]) -> Option<ReportBlock> {
    let loss = word(block, 4)?;
    let lost = loss & 0x00ff_ffff;
    Some(ReportBlock {
        ssrc: word(block, 0)?,
        fraction_lost: loss.to_be_bytes()[0],
        // 24 bits with a sign: moved up, and down again as a signed number.
        lost: i32::from_be_bytes((lost << 8).to_be_bytes()) >> 8,
        highest_sequence: word(block, 8)?,
        jitter: word(block, 12)?,
        last_report: word(block, 16)?,
        delay: word(block, 20)?,
    })
}

/// Octets of our CNAME.
pub const CNAME_OCTETS: usize = 24;
/// Room for the longest compound written here: an SR with one block, a description and a BYE are 96 octets.
const COMPOUND: usize = 128;

/// A compound of ours while it is written: a report first, then the description, then perhaps a BYE (RFC 3550 6.1).
#[derive(Clone, Debug)]
pub struct Compound {
    octets: [u8; COMPOUND],
    length: usize,
}

impl Compound {
    /// Begins with an SR, or with an RR of `ssrc` when there is nothing to say of what we send.
    pub fn report(ssrc: u32, info: Option<&SenderInfo>, block: Option<&ReportBlock>) -> Compound {
        let mut compound = Compound { octets: [0; COMPOUND], length: 0 };
        let count = u8::from(block.is_some());
        let block_words = u16::from(count) * 6;
        match info {
            Some(info) => {
                compound.header(count, SENDER_REPORT, 6 + block_words);
                let [high, low] = [info.ntp >> 32, info.ntp].map(low_word);
                compound.words(&[info.ssrc, high, low, info.timestamp, info.packets, info.octets]);
            }
            None => {
                compound.header(count, RECEIVER_REPORT, 1 + block_words);
                compound.words(&[ssrc]);
            }
        }
        if let Some(block) = block {
            compound.words(&block.words());
        }
        compound
    }

    /// Adds the description of `ssrc`: its CNAME and nothing else.
    pub fn describe(&mut self, ssrc: u32, cname: &[u8; CNAME_OCTETS]) {
        // The chunk: SSRC, type and length of the item, its text, and zeros up to a word (6.5).
        const CHUNK_WORDS: u16 = 1 + ((2 + CNAME_OCTETS + 1).div_ceil(4)) as u16;
        self.header(1, SOURCE_DESCRIPTION, CHUNK_WORDS);
        self.words(&[ssrc]);
        self.push(&[CNAME, CNAME_OCTETS as u8]);
        self.push(cname);
        self.push(&[0; 2]);
    }

    /// Adds the word that `ssrc` sends nothing more (6.6).
    pub fn bye(&mut self, ssrc: u32) {
        self.header(1, BYE, 1);
        self.words(&[ssrc]);
    }

    /// What was written so far.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn header(&mut self, count: u8, packet_type: u8, words: u16) {
        let [high, low] = words.to_be_bytes();
        self.push(&[0x80 | count, packet_type, high, low]);
    }

    fn words(&mut self, words: &[u32]) {
        words.iter().for_each(|word| self.push(&word.to_be_bytes()));
    }

    fn push(&mut self, octets: &[u8]) {
        if let Some(area) = self.octets.get_mut(self.length..self.length + octets.len()) {
            area.copy_from_slice(octets);
            self.length += octets.len();
        }
    }
}

impl ReportBlock {
    fn words(&self) -> [u32; 6] {
        let loss =
            u32::from(self.fraction_lost) << 24 | self.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        [self.ssrc, loss, self.highest_sequence, self.jitter, self.last_report, self.delay]
    }
}

const fn low_word(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

const fn blocks_offset(packet_type: u8) -> Option<usize> {
    match packet_type {
        SENDER_REPORT => Some(HEADER_OCTETS + 4 + SENDER_INFO),
        RECEIVER_REPORT => Some(HEADER_OCTETS + 4),
        _ => None,
    }
}

/// Octets of the packet that `rest` begins with, by its length field; `None` when they are not there.
fn element_octets(rest: &[u8]) -> Option<usize> {
    let &[_, _, words_high, words_low] = rest.first_chunk::<HEADER_OCTETS>()?;
    let octets = HEADER_OCTETS + 4 * usize::from(u16::from_be_bytes([words_high, words_low]));
    (octets <= rest.len()).then_some(octets)
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(packet_type: u8, sender: u32, info: &[u32], block: [u32; 6]) -> Vec<u8> {
        let words: Vec<u32> = [&[sender], info, &block].concat();
        let mut octets = vec![0x81, packet_type, 0, words.len() as u8];
        octets.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        octets
    }

    const BLOCK: [u32; 6] = [0xaaaa, 0x01ff_ffff, 70_000, 33, 0x1111, 0x2222];

    #[test]
    fn reports_are_read_with_signed_loss() {
        let sr = report(SENDER_REPORT, 7, &[1, 2, 3, 4, 5], BLOCK);
        check(&sr).unwrap();
        let element = elements(&sr).next().unwrap();
        let info = SenderInfo { ssrc: 7, ntp: 1 << 32 | 2, timestamp: 3, packets: 4, octets: 5 };
        assert_eq!(element.sender_info(), Some(info));
        let block = element.report_blocks().next().unwrap();
        assert_eq!((block.ssrc, block.fraction_lost, block.lost, block.highest_sequence), (0xaaaa, 1, -1, 70_000));
    }

    fn written() -> Compound {
        let info = SenderInfo { ssrc: 7, ntp: 1 << 32 | 2, timestamp: 3, packets: 4, octets: 5 };
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 64,
            lost: -3,
            highest_sequence: 70_000,
            jitter: 33,
            last_report: 5,
            delay: 6,
        };
        Compound::report(7, Some(&info), Some(&block))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut compound = written();
        compound.describe(7, b"0123456789abcdef01234567");
        compound.bye(7);
        check(compound.octets()).unwrap();
        let elements: Vec<_> = elements(compound.octets()).collect();
        assert_eq!(elements.iter().map(|element| element.packet_type).collect::<Vec<_>>(), [200, 202, 203]);
        assert_eq!(elements[0].sender_info().map(|info| (info.ntp, info.octets)), Some((1 << 32 | 2, 5)));
        let block = elements[0].report_blocks().next().unwrap();
        assert_eq!((block.ssrc, block.fraction_lost, block.lost, block.delay), (9, 64, -3, 6));
        assert_eq!(elements[1].octets[8..], *b"\x01\x180123456789abcdef01234567\0\0");
        assert!(elements.iter().all(|element| element.sender() == Some(7)));
    }

    #[test]
    fn who_sends_nothing_and_heard_nothing_reports_emptily() {
        assert_eq!(Compound::report(7, None, None).octets(), [0x80, 201, 0, 1, 0, 0, 0, 7]);
    }

    #[test]
    fn a_compound_with_a_wrong_length_or_version_is_refused() {
        let rr = report(RECEIVER_REPORT, 7, &[], BLOCK);
        assert_eq!(check(&rr[..rr.len() - 1]), Err(RtcpFault::Length));
        assert_eq!(check(&[&rr[..], &[0x80, 200]].concat()), Err(RtcpFault::Length));
        assert_eq!(check(&[&rr[..], &[0x40, 200, 0, 0]].concat()), Err(RtcpFault::Version));
        assert_eq!(check(&rr[..7]), Err(RtcpFault::TooShort));
    }

    #[test]
    fn no_octets_of_any_kind_make_reading_leave_its_bounds() {
        let mut state = 1u32;
        for length in 0..200usize {
            let mut octets: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            if let [flags, kind, high, low, ..] = &mut octets[..] {
                (*flags, *kind, *high, *low) = (0x80 | *flags & 31, 200 + *kind % 3, 0, *low % 50);
            }
            let read: usize = elements(&octets).map(|element| element.report_blocks().count() * REPORT_BLOCK).sum();
            assert!(read <= length);
        }
    }
}
