//! A call's messages as a capture for Wireshark: each one a UDP datagram in an IP packet between the addresses it really
//! went between. TLS is gone; what went over TCP is shown as a datagram too, so that one message is one packet.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Message;
use crate::net::counters::Direction;

/// LINKTYPE_RAW: packets begin with their IP header.
const LINK: u32 = 101;
/// Octets of a packet that are kept: the longest there is.
const SNAP: u32 = 65_535;
/// The longest message one packet can carry, with room for either IP header.
const MOST: usize = 65_535 - 48;
const UDP: u8 = 17;
const HOPS: u8 = 64;

/// The whole file.
pub fn file(messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [
        0xa1b2_c3d4_u32.to_le_bytes(),
        u32::to_le_bytes(0x0004_0002),
        [0; 4],
        [0; 4],
        SNAP.to_le_bytes(),
        LINK.to_le_bytes(),
    ] {
        out.extend(word);
    }
    messages.iter().for_each(|message| append(message, &mut out));
    out
}

fn append(message: &Message, out: &mut Vec<u8>) {
    let (from, to) = match message.direction {
        Direction::Received => (message.remote, message.local),
        Direction::Sent => (message.local, message.remote),
    };
    let packet = packet(from, to, message.octets.get(..MOST).unwrap_or(&message.octets));
    let seconds = u32::try_from(message.at.0 / 1000).unwrap_or(u32::MAX);
    let micros = u32::try_from(message.at.0 % 1000).unwrap_or(0) * 1000;
    let length = u32::try_from(packet.len()).unwrap_or(SNAP);
    for word in [seconds, micros, length, length] {
        out.extend(word.to_le_bytes());
    }
    out.extend(packet);
}

fn packet(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = short(payload.len() + 8);
    let mut datagram = Vec::with_capacity(payload.len() + 8);
    for word in [from.port(), to.port(), length, 0] {
        datagram.extend(word.to_be_bytes());
    }
    datagram.extend(payload);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            // Total length, no fragments, and the header's own sum; without a sum of its own a datagram is fine.
            let mut head = vec![0x45, 0];
            head.extend(short(datagram.len() + 20).to_be_bytes());
            head.extend([0, 0, 0x40, 0, HOPS, UDP, 0, 0]);
            head.extend(from.octets());
            head.extend(to.octets());
            let sum = checksum(&[&head]).to_be_bytes();
            head.splice(10..12, sum);
            [head, datagram].concat()
        }
        (from, to) => {
            let (from, to) = (wide(from).octets(), wide(to).octets());
            let sum = checksum(&[&from, &to, &u32::from(length).to_be_bytes(), &[0, 0, 0, UDP], &datagram]);
            datagram.splice(6..8, if sum == 0 { [0xff, 0xff] } else { sum.to_be_bytes() });
            let mut head = vec![0x60, 0, 0, 0];
            head.extend(length.to_be_bytes());
            head.extend([UDP, HOPS]);
            head.extend(from);
            head.extend(to);
            [head, datagram].concat()
        }
    }
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// RFC 1071. Each piece but the last has an even length.
fn checksum(pieces: &[&[u8]]) -> u16 {
    let words = pieces.iter().flat_map(|piece| piece.chunks(2));
    let value =
        |pair: &[u8]| u32::from(pair.first().copied().unwrap_or(0)) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u64 = words.map(|pair| u64::from(value(pair))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::WallTime;
    use crate::sip::flow::Transport;

    fn message(local: &str, remote: &str) -> Message {
        Message {
            at: WallTime(1_700_000_000_123),
            direction: Direction::Sent,
            side: None,
            transport: Transport::Tls,
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            octets: b"OPTIONS sip:a@b SIP/2.0\r\n\r\n".to_vec(),
        }
    }

    #[test]
    fn an_ipv4_packet_has_its_lengths_addresses_and_a_right_sum() {
        let file = file(&[message("10.0.0.1:5061", "192.0.2.7:5060")]);
        let packet = &file[24 + 16..];
        assert_eq!(&file[24 + 8..24 + 12], &u32::try_from(packet.len()).unwrap().to_le_bytes());
        assert_eq!(&packet[2..4], &u16::try_from(packet.len()).unwrap().to_be_bytes());
        assert_eq!(checksum(&[&packet[..20]]), 0);
        assert_eq!((&packet[12..16], &packet[16..20]), (&[10, 0, 0, 1][..], &[192, 0, 2, 7][..]));
        assert_eq!((&packet[20..22], &packet[22..24]), (&5061u16.to_be_bytes()[..], &5060u16.to_be_bytes()[..]));
    }

    #[test]
    fn an_ipv6_datagram_has_the_sum_that_it_needs() {
        let file = file(&[message("[2001:db8::1]:5061", "[2001:db8::2]:5060")]);
        let packet = &file[24 + 16..];
        let length = u32::from(u16::from_be_bytes([packet[4], packet[5]])).to_be_bytes();
        assert_eq!(checksum(&[&packet[8..40], &length, &[0, 0, 0, UDP], &packet[40..]]), 0);
    }
}
