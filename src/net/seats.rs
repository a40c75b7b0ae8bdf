//! How many incoming connections there may be: in all, of one source, and in their handshake (R-B3, R-B7).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::counters::ConnectionOutcome;
use crate::base::limits::Limits;

/// Handshakes in flight at once (R-B3).
const HANDSHAKES: usize = 1000;

/// The seats of all listeners together.
#[derive(Debug)]
pub struct Seats {
    taken: Mutex<Taken>,
    handshakes: AtomicUsize,
    total: usize,
    per_source: usize,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    sources: HashMap<IpAddr, usize>,
}

impl Seats {
    /// Limits: `max_connections`, `max_connections_per_source`.
    pub fn new(limits: &Limits) -> Arc<Seats> {
        Arc::new(Seats {
            taken: Mutex::new(Taken::default()),
            handshakes: AtomicUsize::new(0),
            total: limits.max_connections,
            per_source: limits.max_connections_per_source,
        })
    }

    /// Takes a seat for a connection from `source`.
    ///
    /// # Errors
    /// Which limit stands against it.
    pub fn take(self: &Arc<Self>, source: IpAddr) -> Result<Seat, ConnectionOutcome> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.total {
            return Err(ConnectionOutcome::TooMany);
        }
        let of_source = taken.sources.entry(source).or_insert(0);
        if *of_source >= self.per_source {
            return Err(ConnectionOutcome::TooManyOfSource);
        }
        *of_source += 1;
        taken.total += 1;
        drop(taken);
        Ok(Seat { seats: self.clone(), source })
    }

    /// Begins a handshake.
    ///
    /// # Errors
    /// Too many are in flight.
    pub fn begin_handshake(self: &Arc<Self>) -> Result<Handshake, ConnectionOutcome> {
        let handshake = Handshake { seats: self.clone() };
        if self.handshakes.fetch_add(1, Ordering::Relaxed) >= HANDSHAKES {
            return Err(ConnectionOutcome::TooManyHandshakes);
        }
        Ok(handshake)
    }
}

/// Held by an incoming connection as long as it lives.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    source: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        let left = taken.sources.get_mut(&self.source).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            taken.sources.remove(&self.source);
        }
    }
}

/// Held during a handshake.
#[derive(Debug)]
pub struct Handshake {
    seats: Arc<Seats>,
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.seats.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn seats(total: usize, per_source: usize) -> Arc<Seats> {
        let limits = Limits { max_connections: total, max_connections_per_source: per_source, ..Limits::default() };
        Seats::new(&limits)
    }

    #[test]
    fn one_source_cannot_take_all_seats() {
        let seats = seats(3, 2);
        let (a, b) = (IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::from(Ipv4Addr::new(192, 0, 2, 2)));
        let _held = [seats.take(a).unwrap(), seats.take(a).unwrap()];
        assert_eq!(seats.take(a).err(), Some(ConnectionOutcome::TooManyOfSource));
        let _other = seats.take(b).unwrap();
        assert_eq!(seats.take(b).err(), Some(ConnectionOutcome::TooMany));
    }

    #[test]
    fn a_seat_is_free_again_when_its_connection_ends() {
        let seats = seats(1, 1);
        let source = IpAddr::from(Ipv4Addr::LOCALHOST);
        drop(seats.take(source).unwrap());
        assert!(seats.take(source).is_ok());
        assert!(seats.taken.lock().unwrap().sources.is_empty());
    }

    #[test]
    fn handshakes_in_flight_are_bounded() {
        let seats = seats(1, 1);
        let held: Vec<_> = (0..HANDSHAKES).map(|_| seats.begin_handshake().unwrap()).collect();
        assert_eq!(seats.begin_handshake().err(), Some(ConnectionOutcome::TooManyHandshakes));
        drop(held);
        assert!(seats.begin_handshake().is_ok());
    }
}
