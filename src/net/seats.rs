//! How many incoming connections there may be: in all, of one source, and in their handshake; and how many of them
//! strangers may have, so that they never take the peers' places (R-B3, R-B7).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::counters::ConnectionOutcome;
use super::guard::{Source, Visitor};
use crate::base::limits::Limits;

/// A stranger's IPv6 network may have so many times what one of its addresses may (R-B7: 50 and 200).
const OF_A_NETWORK: usize = 4;

/// The seats of all listeners together.
#[derive(Debug)]
pub struct Seats {
    taken: Mutex<Taken>,
    total: usize,
    per_source: usize,
    strangers: usize,
    per_stranger: usize,
    handshakes: usize,
    handshakes_per_stranger: usize,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    sources: HashMap<IpAddr, usize>,
    strangers: usize,
    /// Strangers' seats: by subscriber, which for IPv6 is a network.
    of_strangers: HashMap<Source, usize>,
    handshakes: usize,
    strange_handshakes: usize,
    handshakes_of: HashMap<Source, usize>,
}

impl Seats {
    /// Limits: `max_connections`, `max_connections_per_source`, `max_unknown_connections`,
    /// `max_unknown_connections_per_source`, `max_handshakes`, `max_unknown_handshakes_per_source`.
    pub fn new(limits: &Limits) -> Arc<Seats> {
        Arc::new(Seats {
            taken: Mutex::new(Taken::default()),
            total: limits.max_connections,
            per_source: limits.max_connections_per_source,
            strangers: limits.max_unknown_connections,
            per_stranger: limits.max_unknown_connections_per_source,
            handshakes: limits.max_handshakes,
            handshakes_per_stranger: limits.max_unknown_handshakes_per_source,
        })
    }

    /// Takes a seat for a connection from `source`.
    ///
    /// # Errors
    /// Which limit stands against it.
    pub fn take(self: &Arc<Self>, source: IpAddr, visitor: Visitor) -> Result<Seat, ConnectionOutcome> {
        let mut taken = self.lock();
        if taken.total >= self.total {
            return Err(ConnectionOutcome::TooMany);
        }
        let of_source = held(&taken.sources, &source);
        match visitor {
            Visitor::Peer if of_source >= self.per_source => return Err(ConnectionOutcome::TooManyOfSource),
            Visitor::Peer => {}
            Visitor::Stranger => self.has_room_for_stranger(&taken, source, of_source)?,
        }
        taken.total += 1;
        add(&mut taken.sources, source);
        if visitor == Visitor::Stranger {
            taken.strangers += 1;
            add(&mut taken.of_strangers, Source::of(source));
        }
        drop(taken);
        Ok(Seat { seats: self.clone(), source, visitor })
    }

    fn has_room_for_stranger(&self, taken: &Taken, source: IpAddr, held_by: usize) -> Result<(), ConnectionOutcome> {
        let of_network = self.per_stranger.saturating_mul(OF_A_NETWORK);
        if taken.strangers >= self.strangers {
            return Err(ConnectionOutcome::TooManyStrangers);
        }
        if held_by >= self.per_stranger || held(&taken.of_strangers, &Source::of(source)) >= of_network {
            return Err(ConnectionOutcome::TooManyOfSource);
        }
        Ok(())
    }

    /// Begins a handshake. Strangers get half of what there is.
    ///
    /// # Errors
    /// Too many are in flight.
    pub fn begin_handshake(self: &Arc<Self>, source: IpAddr, visitor: Visitor) -> Result<Handshake, ConnectionOutcome> {
        let (mut taken, source) = (self.lock(), Source::of(source));
        let for_strangers = self.handshakes.div_ceil(2);
        if taken.handshakes >= self.handshakes {
            return Err(ConnectionOutcome::TooManyHandshakes);
        }
        if visitor == Visitor::Stranger {
            let of_source = held(&taken.handshakes_of, &source);
            if taken.strange_handshakes >= for_strangers || of_source >= self.handshakes_per_stranger {
                return Err(ConnectionOutcome::TooManyHandshakes);
            }
            taken.strange_handshakes += 1;
            add(&mut taken.handshakes_of, source);
        }
        taken.handshakes += 1;
        drop(taken);
        Ok(Handshake { seats: self.clone(), source, visitor })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn held<K: Eq + Hash>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

fn add<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    *counts.entry(key).or_insert(0) += 1;
}

fn remove<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    let left = counts.get_mut(key).map(|count| {
        *count = count.saturating_sub(1);
        *count
    });
    if left == Some(0) {
        counts.remove(key);
    }
}

/// Held by an incoming connection as long as it lives.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    source: IpAddr,
    visitor: Visitor,
}

impl Seat {
    /// Whose it is.
    pub const fn visitor(&self) -> Visitor {
        self.visitor
    }

    /// A stranger has proved to be a peer: it takes none of the strangers' seats any more.
    pub fn is_of_a_peer(&mut self) {
        if self.visitor == Visitor::Stranger {
            self.seats.lock().stranger_left(self.source);
            self.visitor = Visitor::Peer;
        }
    }
}

impl Taken {
    fn stranger_left(&mut self, source: IpAddr) {
        self.strangers = self.strangers.saturating_sub(1);
        remove(&mut self.of_strangers, &Source::of(source));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.total = taken.total.saturating_sub(1);
        remove(&mut taken.sources, &self.source);
        if self.visitor == Visitor::Stranger {
            taken.stranger_left(self.source);
        }
    }
}

/// Held during a handshake.
#[derive(Debug)]
pub struct Handshake {
    seats: Arc<Seats>,
    source: Source,
    visitor: Visitor,
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        taken.handshakes = taken.handshakes.saturating_sub(1);
        if self.visitor == Visitor::Stranger {
            taken.strange_handshakes = taken.strange_handshakes.saturating_sub(1);
            remove(&mut taken.handshakes_of, &self.source);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::Visitor::{Peer, Stranger};
    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn is_clear(seats: &Seats) -> bool {
        let taken = seats.taken.lock().unwrap();
        let tables = taken.sources.is_empty() && taken.of_strangers.is_empty() && taken.handshakes_of.is_empty();
        tables && taken.total + taken.strangers + taken.handshakes + taken.strange_handshakes == 0
    }

    #[test]
    fn one_source_cannot_take_all_seats() {
        let seats = Seats::new(&Limits { max_connections: 3, max_connections_per_source: 2, ..Limits::default() });
        let held = [seats.take(address(1), Peer).unwrap(), seats.take(address(1), Peer).unwrap()];
        assert_eq!(seats.take(address(1), Peer).err(), Some(ConnectionOutcome::TooManyOfSource));
        let other = seats.take(address(2), Peer).unwrap();
        assert_eq!(seats.take(address(2), Peer).err(), Some(ConnectionOutcome::TooMany));
        drop((held, other));
        assert!(is_clear(&seats));
    }

    #[test]
    fn strangers_never_take_the_peers_seats() {
        let limits = Limits { max_unknown_connections: 3, max_unknown_connections_per_source: 2, ..Limits::default() };
        let seats = Seats::new(&limits);
        let mut held = vec![seats.take(address(1), Stranger).unwrap(), seats.take(address(1), Stranger).unwrap()];
        assert_eq!(seats.take(address(1), Stranger).err(), Some(ConnectionOutcome::TooManyOfSource));
        held.push(seats.take(address(2), Stranger).unwrap());
        assert_eq!(seats.take(address(3), Stranger).err(), Some(ConnectionOutcome::TooManyStrangers));
        held.push(seats.take(address(3), Peer).unwrap());
        // Who proves a certificate makes room for the next stranger.
        held[0].is_of_a_peer();
        held.push(seats.take(address(4), Stranger).unwrap());
        drop(held);
        assert!(is_clear(&seats));
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_its_seats() {
        let seats = Seats::new(&Limits::default());
        let of_network = |host: u128| IpAddr::from(Ipv6Addr::from_bits(0x2001_0db8 << 96 | host));
        let held: Vec<_> = (0..300).filter_map(|host| seats.take(of_network(host), Stranger).ok()).collect();
        assert_eq!(held.len(), 200);
        let of_one: Vec<_> = (0..300).filter_map(|_| seats.take(address(1), Stranger).ok()).collect();
        assert_eq!(of_one.len(), 50);
    }

    #[test]
    fn handshakes_in_flight_are_bounded_and_strangers_get_half() {
        let seats = Seats::new(&Limits::default());
        let of_one: Vec<_> = (0..50).filter_map(|_| seats.begin_handshake(address(1), Stranger).ok()).collect();
        assert_eq!(of_one.len(), 20);
        let begun = |n: u32, visitor| seats.begin_handshake(Ipv4Addr::from_bits(n).into(), visitor).ok();
        let strangers: Vec<_> = (0..2000).filter_map(|n| begun(n, Stranger)).collect();
        assert_eq!(of_one.len() + strangers.len(), 500);
        let peers: Vec<_> = (0..2000).filter_map(|n| begun(n, Peer)).collect();
        assert_eq!(peers.len(), 500);
        drop((of_one, strangers, peers));
        assert!(is_clear(&seats));
    }
}
