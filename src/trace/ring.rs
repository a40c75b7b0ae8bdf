//! The messages of the last while, copied into blocks that are used again. All of them are there from the start, and none
//! grows: what the ring takes is known before the first call, and no call pays for a page of it.

use std::collections::VecDeque;
use std::mem::size_of;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Message;
use crate::base::WallTime;
use crate::base::limits::MESSAGE_OCTETS;
use crate::call::Side;
use crate::net::counters::Direction;
use crate::sip::flow::{Flow, Transport};

/// Octets of a block: the longest message fits.
const BLOCK: usize = MESSAGE_OCTETS;
/// Messages of a block at most. A sixth of a block's octets, in a size that allocators do not round up: enough for messages
/// of 308 octets; of shorter ones a block holds fewer octets.
const MESSAGES: usize = 10 * 1024 / size_of::<Entry>();

/// See the module.
#[derive(Debug)]
pub(super) struct Ring {
    held: Mutex<Held>,
    /// Blocks at most; 0: nothing is kept.
    blocks: usize,
}

#[derive(Debug, Default)]
struct Held {
    blocks: VecDeque<Block>,
    /// Blocks that were not used yet.
    fresh: Vec<Block>,
    /// Number of the first block there is, counted since the start.
    first: u64,
    forgotten: u64,
}

#[derive(Debug, Default)]
struct Block {
    octets: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where a message stands. There are as many as messages: 48 octets each.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: WallTime,
    local: Address,
    remote: Address,
    /// Its first octet; it ends where the next one begins.
    start: u16,
    direction: Direction,
    transport: Transport,
}

/// An address and its port in 18 octets, where the library's take 32. An IPv4 address stands as IPv4-mapped (RFC 4291
/// 2.5.5.2).
#[derive(Clone, Copy, Debug)]
struct Address {
    ip: Ipv6Addr,
    port: u16,
}

impl Entry {
    const BLANK: Entry = Entry {
        at: WallTime(u64::MAX),
        local: Address::BLANK,
        remote: Address::BLANK,
        start: u16::MAX,
        direction: Direction::Received,
        transport: Transport::Udp,
    };
}

impl Address {
    const BLANK: Address = Address { ip: Ipv6Addr::from_bits(u128::MAX), port: u16::MAX };

    fn of(address: SocketAddr) -> Address {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Address { ip, port: address.port() }
    }

    fn shown(self) -> SocketAddr {
        SocketAddr::new(self.ip.to_canonical(), self.port)
    }
}

impl Ring {
    pub fn new(octets: usize) -> Ring {
        let blocks = octets.div_ceil(BLOCK);
        let fresh = (0..blocks).map(|_| Block::touched()).collect();
        Ring { held: Mutex::new(Held { fresh, ..Held::default() }), blocks }
    }

    /// Keeps a message; the oldest block gives way where there is no room.
    pub fn push(&self, at: WallTime, direction: Direction, flow: &Flow, octets: &[u8]) {
        if self.blocks == 0 || octets.is_empty() || octets.len() > BLOCK {
            return;
        }
        let mut held = self.lock();
        if !held.blocks.back().is_some_and(|block| block.has_room(octets.len())) {
            held.begin_block(self.blocks);
        }
        if let Some(block) = held.blocks.back_mut() {
            block.push(at, direction, flow, octets);
        }
    }

    /// Messages that `side_of` knows. Who pushes waits for one block at most.
    pub fn find(&self, side_of: impl Fn(&[u8]) -> Option<Option<Side>>) -> Vec<Message> {
        let mut found = Vec::new();
        let mut number = self.lock().first;
        loop {
            let held = self.lock();
            number = number.max(held.first);
            let place = usize::try_from(number - held.first).unwrap_or(usize::MAX);
            let Some(block) = held.blocks.get(place) else { return found };
            found.extend((0..block.entries.len()).filter_map(|place| block.message(place, &side_of)));
            number += 1;
        }
    }

    /// When the oldest message was kept.
    pub fn begins(&self) -> Option<WallTime> {
        let held = self.lock();
        let oldest = held.blocks.iter().find_map(|block| block.entries.first());
        oldest.filter(|_| held.forgotten > 0).map(|entry| entry.at)
    }

    /// Octets held, and messages that gave way.
    pub fn held(&self) -> (usize, u64) {
        let held = self.lock();
        (held.blocks.iter().map(|block| block.octets.len()).sum(), held.forgotten)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn begin_block(&mut self, most: usize) {
        let mut block = self.fresh.pop().unwrap_or_default();
        if self.blocks.len() >= most
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.first += 1;
            self.forgotten += u64::try_from(oldest.entries.len()).unwrap_or(u64::MAX);
            block = oldest;
        }
        block.octets.clear();
        block.entries.clear();
        self.blocks.push_back(block);
    }
}

impl Block {
    /// Written once, so that the system has given its pages: zeros it would promise only.
    fn touched() -> Block {
        let (mut octets, mut entries) = (vec![b' '; BLOCK], vec![Entry::BLANK; MESSAGES]);
        octets.clear();
        entries.clear();
        Block { octets, entries }
    }

    fn has_room(&self, octets: usize) -> bool {
        self.entries.len() < MESSAGES && self.octets.len() + octets <= BLOCK
    }

    fn push(&mut self, at: WallTime, direction: Direction, flow: &Flow, octets: &[u8]) {
        // Whatever begins in a block begins below its 65,536 octets.
        let Ok(start) = u16::try_from(self.octets.len()) else { return };
        let (local, remote) = (Address::of(flow.local), Address::of(flow.remote));
        self.octets.extend_from_slice(octets);
        self.entries.push(Entry { at, local, remote, start, direction, transport: flow.transport });
    }

    fn message(&self, place: usize, side_of: impl Fn(&[u8]) -> Option<Option<Side>>) -> Option<Message> {
        let Entry { at, local, remote, start, direction, transport } = *self.entries.get(place)?;
        let end = self.entries.get(place + 1).map_or(self.octets.len(), |next| usize::from(next.start));
        let octets = self.octets.get(usize::from(start)..end)?;
        let side = side_of(octets)?;
        let (local, remote) = (local.shown(), remote.shown());
        Some(Message { at, direction, side, transport, local, remote, octets: octets.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{FlowId, ListenerId};

    fn flow(transport: Transport, [local, remote]: [&str; 2]) -> Flow {
        let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
        Flow { id: FlowId(1), transport, listener: ListenerId(0), local, remote }
    }

    fn room(ring: &Ring) -> usize {
        let held = ring.lock();
        let blocks = held.blocks.iter().chain(&held.fresh);
        blocks.map(|block| block.octets.capacity() + block.entries.capacity() * size_of::<Entry>()).sum()
    }

    #[test]
    fn messages_of_any_length_find_their_room_in_what_was_taken_at_the_start() {
        let udp = flow(Transport::Udp, ["192.0.2.1:5060", "198.51.100.7:5060"]);
        let ring = Ring::new(4 * BLOCK);
        let taken = room(&ring);
        assert!(taken * 6 <= 4 * BLOCK * 7, "{taken}");
        for length in [60, 308, 900, BLOCK] {
            (0..1000).for_each(|at| ring.push(WallTime(at), Direction::Received, &udp, &vec![b'x'; length]));
            assert_eq!(room(&ring), taken, "after messages of {length} octets");
        }
    }

    #[test]
    fn a_message_comes_back_as_it_went_in() {
        let flows = [
            flow(Transport::Udp, ["192.0.2.1:5060", "198.51.100.7:65535"]),
            flow(Transport::Tls, ["[2001:db8::1]:5061", "[2001:db8::2]:40000"]),
        ];
        let ring = Ring::new(2 * BLOCK);
        for (at, flow) in (0..600).zip(flows.iter().cycle()) {
            ring.push(WallTime(at), Direction::Sent, flow, format!("{at:0>200}").as_bytes());
        }
        let found = ring.find(|_| Some(None));
        let first = 600 - found.len() as u64;
        assert!(found.len() >= MESSAGES, "{}", found.len());
        for (at, message) in (first..).zip(&found) {
            let Flow { transport, local, remote, .. } = flows[at as usize % 2];
            let octets = format!("{at:0>200}").into_bytes();
            let sent =
                Message { at: WallTime(at), direction: Direction::Sent, side: None, transport, local, remote, octets };
            assert_eq!(*message, sent);
        }
    }
}
