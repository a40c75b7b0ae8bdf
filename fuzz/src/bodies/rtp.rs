//! RTP headers, the first octet's question what a packet is, telephone events, and SRTP in place: sealed and opened is
//! what it was; a forged packet changes nothing; a replayed one is refused.

use trunkline::base::Secret;
use trunkline::rtp::demux::PacketKind;
use trunkline::rtp::event::{EventLine, TelephoneEvent};
use trunkline::rtp::packet::{RtpHeader, clear_extension_and_csrcs};
use trunkline::rtp::srtp::{Inbound, Mki, Outbound, SrtpMaster, SrtpSuite};

use super::{next, take};

/// Room for tag and index behind a packet.
const TAIL: usize = 64;

pub fn run(octets: &[u8]) {
    let mut octets = octets;
    let suite = SrtpSuite::ALL[usize::from(next(&mut octets)) % SrtpSuite::ALL.len()];
    let master = SrtpMaster { suite, key_salt: Secret::new((0..).take(suite.key_salt_octets()).collect()) };
    let bend = next(&mut octets);
    let mut inbound = Inbound::new(&master).expect("a key of its suite's length");
    let mut outbound = Outbound::new(&master).expect("a key of its suite's length");
    let mut line = EventLine::default();
    let mut index = 0;
    while !octets.is_empty() {
        let length = usize::from(next(&mut octets)) * 2;
        let packet = take(&mut octets, length);
        let _ = PacketKind::of(packet);
        forged(&mut inbound, packet);
        let Ok(header) = RtpHeader::read(packet) else { continue };
        assert!(header.payload_offset <= packet.len());
        header_survives(packet, &header);
        if let Some(event) = TelephoneEvent::read(&packet[header.payload_offset..]) {
            assert_eq!(TelephoneEvent::read(&event.octets()), Some(event));
            let _ = line.receive(header.timestamp, event);
        }
        index = following(index, header.sequence);
        crosses(&mut inbound, &mut outbound, packet, &header, index, bend);
    }
    let _ = line.finish();
    let _ = inbound.rekey(&master, Mki::new(u32::from(bend), 1));
}

/// The next index above `index` whose low 16 bits are `sequence`.
fn following(index: u64, sequence: u16) -> u64 {
    let same = (index & !0xffff) | u64::from(sequence);
    if same > index { same } else { same + 0x1_0000 }
}

fn forged(inbound: &mut Inbound, packet: &[u8]) {
    let mut copy = packet.to_vec();
    assert!(inbound.open_rtcp(&mut copy).is_err(), "nobody guesses a tag");
    assert_eq!(copy, packet, "a refused packet is as it was");
    if let Ok(header) = RtpHeader::read(packet) {
        assert!(inbound.open_rtp(&mut copy, &header).is_err(), "nobody guesses a tag");
        assert_eq!(copy, packet, "a refused packet is as it was");
    }
}

fn header_survives(packet: &[u8], header: &RtpHeader) {
    let mut copy = packet.to_vec();
    header.write(&mut copy);
    assert_eq!(copy, packet, "a header written back changes nothing");
    clear_extension_and_csrcs(&mut copy);
    let cleared = RtpHeader::read(&copy).expect("still a packet");
    assert_eq!((cleared.ssrc, cleared.sequence, cleared.timestamp), (header.ssrc, header.sequence, header.timestamp));
}

/// Seals a packet, opens it, and opens it again; bent anywhere it does not open.
fn crosses(inbound: &mut Inbound, outbound: &mut Outbound, packet: &[u8], header: &RtpHeader, index: u64, bend: u8) {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + TAIL, 0);
    let Ok(sealed) = outbound.seal_rtp(&mut buffer, packet.len(), header, index) else { return };
    assert!(outbound.seal_rtp(&mut buffer.clone(), packet.len(), header, index).is_err(), "an index is used once");
    buffer.truncate(sealed);
    let mut bent = buffer.clone();
    // Behind the header: a bent header may name another source or index, and is refused for that.
    let at = header.payload_offset + usize::from(bend) % (sealed - header.payload_offset).max(1);
    if let Some(octet) = bent.get_mut(at) {
        *octet ^= 1 << (bend % 8);
        assert!(inbound.open_rtp(&mut bent, header).is_err(), "a bent packet is refused");
    }
    let mut replay = buffer.clone();
    let Ok(opened) = inbound.open_rtp(&mut buffer, header) else { return };
    assert_eq!((opened.octets, opened.index & 0xffff), (packet.len(), index & 0xffff));
    assert_eq!(&buffer[..opened.octets], packet);
    assert!(inbound.open_rtp(&mut replay, header).is_err(), "a replayed packet is refused");
}
