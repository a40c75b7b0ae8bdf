//! RTP, RTCP and telephone events as the lab reads and writes them: few lines of its own, so that the product's
//! `rtp` module is checked by something that does not share its mistakes (RFC 3550, RFC 4733).

/// The fixed part of an RTP header.
pub const HEADER: usize = 12;

/// One RTP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

impl Packet {
    /// RFC 3550 5.1, no extension, no contributing sources.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER + self.payload.len() + 16);
        octets.extend_from_slice(&[0x80, u8::from(self.marker) << 7 | self.payload_type & 0x7F]);
        octets.extend_from_slice(&self.sequence.to_be_bytes());
        octets.extend_from_slice(&self.timestamp.to_be_bytes());
        octets.extend_from_slice(&self.ssrc.to_be_bytes());
        octets.extend_from_slice(&self.payload);
        octets
    }

    /// Reads a plain packet; padding is taken off.
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<Packet> {
        let head = octets.first_chunk::<HEADER>()?;
        let mut payload = octets.get(header_length(octets)?..)?;
        if head[0] & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding)?)?;
        }
        Some(Packet {
            marker: head[1] & 0x80 != 0,
            payload_type: head[1] & 0x7F,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            payload: payload.to_vec(),
        })
    }
}

/// Octets before the payload: fixed header, contributing sources, extension. `None` when the packet is no RTP or cut.
#[must_use]
pub fn header_length(octets: &[u8]) -> Option<usize> {
    let first = *octets.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let sources_end = HEADER + 4 * usize::from(first & 0x0F);
    let length = match first & 0x10 {
        0 => sources_end,
        _ => {
            let words = octets.get(sources_end + 2..sources_end + 4)?;
            sources_end + 4 + 4 * usize::from(u16::from_be_bytes([*words.first()?, *words.last()?]))
        }
    };
    (octets.len() >= length).then_some(length)
}

/// A telephone event (RFC 4733 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0 to 9 digits, 10 star, 11 hash, 12 to 15 A to D.
    pub event: u8,
    pub end: bool,
    /// Timestamp units since the event began.
    pub duration: u16,
}

impl TelephoneEvent {
    #[must_use]
    pub fn write(self) -> Vec<u8> {
        let duration = self.duration.to_be_bytes();
        vec![self.event, u8::from(self.end) << 7 | 10, duration[0], duration[1]]
    }

    #[must_use]
    pub fn read(payload: &[u8]) -> Option<TelephoneEvent> {
        let four = payload.first_chunk::<4>()?;
        Some(TelephoneEvent {
            event: four[0],
            end: four[1] & 0x80 != 0,
            duration: u16::from_be_bytes([four[2], four[3]]),
        })
    }
}

/// The event number of a key (RFC 4733 3.2).
#[must_use]
pub fn event_of_key(key: char) -> Option<u8> {
    let position = "0123456789*#ABCD".chars().position(|known| known == key.to_ascii_uppercase())?;
    u8::try_from(position).ok()
}

/// The key of an event number.
#[must_use]
pub fn key_of_event(event: u8) -> Option<char> {
    "0123456789*#ABCD".chars().nth(usize::from(event))
}

/// What a sender report says (RFC 3550 6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    pub ssrc: u32,
    /// Seconds since 1900 in the upper half, fraction in the lower.
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// A compound packet: sender report with one report block about `heard` if there is one, then SDES with `cname`.
#[must_use]
pub fn write_report(report: SenderReport, heard: Option<ReportBlock>, cname: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(96);
    let (count, words) = if heard.is_some() { (1, 12u16) } else { (0, 6u16) };
    octets.extend_from_slice(&[0x80 | count, 200]);
    octets.extend_from_slice(&words.to_be_bytes());
    octets.extend_from_slice(&report.ssrc.to_be_bytes());
    octets.extend_from_slice(&report.ntp.to_be_bytes());
    for word in [report.timestamp, report.packets, report.octets] {
        octets.extend_from_slice(&word.to_be_bytes());
    }
    if let Some(block) = heard {
        for word in [block.ssrc, block.lost, block.highest_sequence, block.jitter, 0, 0] {
            octets.extend_from_slice(&word.to_be_bytes());
        }
    }
    push_description(&mut octets, report.ssrc, cname);
    octets
}

/// What a receiver says about one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Cumulative, below 2^24; the fraction octet is left zero.
    pub lost: u32,
    pub highest_sequence: u32,
    /// Timestamp units.
    pub jitter: u32,
}

fn push_description(octets: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name: Vec<u8> = cname.bytes().take(32).collect();
    let mut items = vec![1, u8::try_from(name.len()).unwrap_or(0)];
    items.extend_from_slice(&name);
    // RFC 3550 6.5: at least one zero octet ends the chunk, up to a word boundary.
    items.resize((items.len() + 1).next_multiple_of(4), 0);
    let words = u16::try_from(1 + items.len() / 4).unwrap_or(u16::MAX);
    octets.extend_from_slice(&[0x81, 202]);
    octets.extend_from_slice(&words.to_be_bytes());
    octets.extend_from_slice(&ssrc.to_be_bytes());
    octets.extend_from_slice(&items);
}

/// The packet types of a compound packet, in order; `None` when its lengths do not add up.
#[must_use]
pub fn report_types(octets: &[u8]) -> Option<Vec<u8>> {
    let mut rest = octets;
    let mut types = Vec::new();
    while let Some(head) = rest.first_chunk::<4>() {
        if head[0] >> 6 != 2 {
            return None;
        }
        types.push(head[1]);
        rest = rest.get(4 + 4 * usize::from(u16::from_be_bytes([head[2], head[3]]))..)?;
    }
    rest.is_empty().then_some(types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_extension_sources_and_padding_gives_its_payload() {
        let mut octets = vec![0xB1, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        octets.extend_from_slice(&[0, 0, 0, 9, 0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0, 7, 7, 0, 2]);
        let packet = Packet::read(&octets).expect("legal");
        assert_eq!(packet.payload, [7, 7]);
        assert!(packet.marker);
    }

    #[test]
    fn a_cut_extension_is_no_packet() {
        assert_eq!(header_length(&[0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 9]), None);
    }

    #[test]
    fn a_written_report_is_a_sender_report_and_a_description() {
        let block = ReportBlock { ssrc: 1, lost: 2, highest_sequence: 3, jitter: 4 };
        for heard in [None, Some(block)] {
            let octets = write_report(SenderReport { ssrc: 5, ..SenderReport::default() }, heard, "lab@test");
            assert_eq!(report_types(&octets), Some(vec![200, 202]));
        }
    }
}
