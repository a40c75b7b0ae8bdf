//! The messages of the last while, copied into blocks that are used again. All of them are there from the start: what the
//! ring takes is known before the first call, and no call pays for a page of it.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Message;
use crate::base::WallTime;
use crate::base::limits::MESSAGE_OCTETS;
use crate::call::Side;
use crate::net::counters::Direction;
use crate::sip::flow::{Flow, Transport};

/// Octets of a block: the longest message fits.
const BLOCK: usize = MESSAGE_OCTETS;
/// Messages of a block that have their place from the start, of the usual length; of shorter ones there are more.
const USUAL: usize = BLOCK / 512;

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

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: WallTime,
    direction: Direction,
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
    start: usize,
    end: usize,
}

impl Entry {
    const BLANK: Entry = Entry {
        at: WallTime(u64::MAX),
        direction: Direction::Received,
        transport: Transport::Udp,
        local: SocketAddr::new(IpAddr::V4(Ipv4Addr::BROADCAST), u16::MAX),
        remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::BROADCAST), u16::MAX),
        start: BLOCK,
        end: BLOCK,
    };
}

impl Ring {
    pub fn new(octets: usize) -> Ring {
        let blocks = octets.div_ceil(BLOCK);
        let fresh = (0..blocks).map(|_| Block::touched()).collect();
        Ring { held: Mutex::new(Held { fresh, ..Held::default() }), blocks }
    }

    /// Keeps a message; the oldest block gives way where there is no room.
    pub fn push(&self, at: WallTime, direction: Direction, flow: &Flow, octets: &[u8]) {
        if self.blocks == 0 || octets.len() > BLOCK {
            return;
        }
        let mut held = self.lock();
        let has_room = held.blocks.back().is_some_and(|block| block.octets.len() + octets.len() <= BLOCK);
        if !has_room {
            held.begin_block(self.blocks);
        }
        if let Some(block) = held.blocks.back_mut() {
            let start = block.octets.len();
            block.octets.extend_from_slice(octets);
            let (transport, local, remote) = (flow.transport, flow.local, flow.remote);
            block.entries.push(Entry { at, direction, transport, local, remote, start, end: block.octets.len() });
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
            found.extend(block.entries.iter().filter_map(|entry| block.message(entry, &side_of)));
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
        let (mut octets, mut entries) = (vec![b' '; BLOCK], vec![Entry::BLANK; USUAL]);
        octets.clear();
        entries.clear();
        Block { octets, entries }
    }

    fn message(&self, entry: &Entry, side_of: impl Fn(&[u8]) -> Option<Option<Side>>) -> Option<Message> {
        let octets = self.octets.get(entry.start..entry.end)?;
        let side = side_of(octets)?;
        let Entry { at, direction, transport, local, remote, .. } = *entry;
        Some(Message { at, direction, side, transport, local, remote, octets: octets.to_vec() })
    }
}
