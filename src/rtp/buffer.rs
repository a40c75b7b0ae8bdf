//! One packet in a fixed buffer, with room before it and after it, so that a tag or a header grows without a copy.

use crate::base::limits::MEDIA_PACKET_OCTETS;

/// Octets free before a packet as it is received.
const HEAD_ROOM: usize = 64;
/// Octets free behind a packet of the greatest length: an SRTCP index, a tag and an MKI fit.
const TAIL_ROOM: usize = 64;
const CAPACITY: usize = HEAD_ROOM + MEDIA_PACKET_OCTETS + TAIL_ROOM;

/// A packet of at most [`MEDIA_PACKET_OCTETS`] octets as received. Made once per worker and used for every packet.
pub struct PacketBuffer {
    octets: Box<[u8; CAPACITY]>,
    start: usize,
    end: usize,
}

impl Default for PacketBuffer {
    fn default() -> Self {
        PacketBuffer { octets: Box::new([0; CAPACITY]), start: HEAD_ROOM, end: HEAD_ROOM }
    }
}

impl PacketBuffer {
    /// Where a packet is received into. Call [`PacketBuffer::received`] with its length afterwards.
    pub fn receive_area(&mut self) -> &mut [u8] {
        self.octets.get_mut(HEAD_ROOM..HEAD_ROOM + MEDIA_PACKET_OCTETS).unwrap_or_default()
    }

    /// Says how many octets of the receive area are the packet; more than there are counts as all.
    pub fn received(&mut self, octets: usize) {
        self.start = HEAD_ROOM;
        self.end = HEAD_ROOM + octets.min(MEDIA_PACKET_OCTETS);
    }

    /// Takes a copy of `packet`, cut at [`MEDIA_PACKET_OCTETS`].
    pub fn load(&mut self, packet: &[u8]) {
        self.receive_area().iter_mut().zip(packet).for_each(|(to, from)| *to = *from);
        self.received(packet.len());
    }

    /// The packet.
    pub fn packet(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or_default()
    }

    /// The packet, to be changed in place.
    pub fn packet_mut(&mut self) -> &mut [u8] {
        self.octets.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// The packet and all the room behind it.
    pub fn packet_and_tail(&mut self) -> &mut [u8] {
        self.octets.get_mut(self.start..).unwrap_or_default()
    }

    /// Octets of the packet.
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// True when the packet has no octet.
    pub const fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// Sets the packet's length, up to the room there is.
    pub fn resize(&mut self, octets: usize) {
        self.end = CAPACITY.min(self.start.saturating_add(octets));
    }

    /// Takes `octets` from the packet's front, at most all of it.
    pub fn strip_front(&mut self, octets: usize) {
        self.start = self.end.min(self.start.saturating_add(octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_the_greatest_length_leaves_room_for_a_tag() {
        let mut buffer = PacketBuffer::default();
        buffer.load(&[7; MEDIA_PACKET_OCTETS + 1]);
        assert_eq!(buffer.len(), MEDIA_PACKET_OCTETS);
        assert!(buffer.packet_and_tail().len() >= MEDIA_PACKET_OCTETS + 24);
    }

    #[test]
    fn stripping_more_than_there_is_leaves_nothing() {
        let mut buffer = PacketBuffer::default();
        buffer.load(&[1, 2, 3]);
        buffer.strip_front(2);
        assert_eq!(buffer.packet(), &[3]);
        buffer.strip_front(9);
        assert!(buffer.is_empty());
    }
}
