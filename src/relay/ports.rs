//! Ports: those nobody bound yet, and the pairs that a worker owns.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, send, sendto};
use rustix::process::{Resource, getrlimit};

use crate::base::ids::NetworkId;
use crate::media::verdict::MediaPort;
use crate::relay::{RelaySettings, socket};

/// Ports tried in one refill that turn out to be another program's.
const STRANGE_PORTS: usize = 64;

/// The unbound ports of every network, and what holds for all sockets.
pub struct PortShelves {
    shelves: Vec<Shelf>,
    dscp: u8,
    pub(super) rest: Duration,
    /// Pairs that may still be bound before signalling would lack descriptors.
    affordable: AtomicUsize,
}

struct Shelf {
    network: NetworkId,
    bind: IpAddr,
    unbound: Mutex<VecDeque<u16>>,
}

/// Two sockets, RTP on an even port and RTCP on the next.
pub struct Pair {
    pub rtp_port: u16,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Where the RTP socket is to be connected to with the next packet sent there.
    partner: Option<SocketAddr>,
    /// Where the RTP socket is connected to.
    connected: Option<SocketAddr>,
}

impl PortShelves {
    /// All pairs of the configured ranges, lowest first.
    pub fn new(settings: &RelaySettings) -> PortShelves {
        let shelves = settings.networks.iter().map(|network| {
            let first = network.first_port.next_multiple_of(2);
            let pairs = (first..network.last_port).step_by(2).filter(|port| *port != 0);
            Shelf { network: network.id, bind: network.bind, unbound: Mutex::new(pairs.collect()) }
        });
        let affordable = AtomicUsize::new(affordable_pairs(getrlimit(Resource::Nofile).current));
        PortShelves { shelves: shelves.collect(), dscp: settings.dscp, rest: settings.port_rest, affordable }
    }

    /// The port of a pair that could not be used, and is closed, is unbound again.
    pub fn put_back(&self, network: NetworkId, rtp_port: u16) {
        self.affordable.fetch_add(1, Ordering::Relaxed);
        if let Some(shelf) = self.shelves.iter().find(|shelf| shelf.network == network) {
            shelf.unbound().push_back(rtp_port);
        }
    }

    /// Binds the next unbound pair. `None`: there is none, or the descriptors that media may have are all in use.
    pub fn bind_next(&self, network: NetworkId) -> Option<Pair> {
        let one_less = |pairs: usize| pairs.checked_sub(1);
        self.affordable.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok()?;
        let bound = self.bind(network);
        if bound.is_none() {
            self.affordable.fetch_add(1, Ordering::Relaxed);
        }
        bound
    }

    fn bind(&self, network: NetworkId) -> Option<Pair> {
        let shelf = self.shelves.iter().find(|shelf| shelf.network == network)?;
        for _ in 0..STRANGE_PORTS {
            let port = shelf.unbound().pop_front()?;
            match Pair::bind(shelf.bind, port, self.dscp) {
                Ok(pair) => return Some(pair),
                Err(error) => {
                    // Another program's port may be free later: it goes to the end of the list.
                    shelf.unbound().push_back(port);
                    if error.kind() != io::ErrorKind::AddrInUse {
                        return None;
                    }
                }
            }
        }
        None
    }
}

/// Two descriptors each, of three quarters of the process's: the rest is for connections and files. `None`: no limit.
fn affordable_pairs(descriptors: Option<u64>) -> usize {
    let descriptors = descriptors.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    descriptors / 8 * 3
}

impl Shelf {
    fn unbound(&self) -> std::sync::MutexGuard<'_, VecDeque<u16>> {
        self.unbound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pair {
    fn bind(address: IpAddr, rtp_port: u16, dscp: u8) -> io::Result<Pair> {
        let rtp = socket::bind(address, rtp_port, dscp)?;
        let rtcp = socket::bind(address, rtp_port.saturating_add(1), dscp)?;
        Ok(Pair { rtp_port, rtp, rtcp, partner: None, connected: None })
    }

    /// One of the two sockets.
    pub const fn socket(&self, port: MediaPort) -> &UdpSocket {
        match port {
            MediaPort::Rtp => &self.rtp,
            MediaPort::Rtcp => &self.rtcp,
        }
    }

    /// Says where the RTP socket may be connected to: with the first packet sent there it will be, so that a call
    /// without media costs no system call. A connected socket sends about a fifth cheaper and hears nobody else
    /// (crates-measured 4.4); what others send before that is dropped by its source.
    pub fn connect(&mut self, to: Option<SocketAddr>) {
        self.partner = to;
        if self.connected.is_some() && self.connected != to {
            self.connected = None;
            socket::dissolve(&self.rtp);
        }
    }

    /// Sends one packet.
    ///
    /// # Errors
    /// As the system says.
    pub fn send(&mut self, port: MediaPort, packet: &[u8], to: SocketAddr) -> Result<usize, Errno> {
        if port == MediaPort::Rtp && self.connected.is_none() && self.partner == Some(to) {
            // Tried once: where connecting fails it works unconnected.
            self.partner = None;
            self.connected = self.rtp.connect(to).is_ok().then_some(to);
        }
        // Straight to the kernel: libc's wrappers pay for thread cancellation each time.
        if port != MediaPort::Rtp || self.connected != Some(to) {
            return sendto(self.socket(port), packet, SendFlags::empty(), &to);
        }
        match send(&self.rtp, packet, SendFlags::empty()) {
            // This tells of an earlier packet (ICMP), and this one was not sent: the word is taken, so again.
            Err(Errno::CONNREFUSED) => send(&self.rtp, packet, SendFlags::empty()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_leaves_a_quarter_of_the_descriptors_to_others() {
        assert_eq!(affordable_pairs(Some(20_000)), 7_500);
        assert_eq!(affordable_pairs(Some(7)), 0);
        assert!(affordable_pairs(None) > 1 << 32);
    }

    #[test]
    fn what_is_not_affordable_is_not_bound_until_a_pair_is_put_back() {
        let shelf = Shelf {
            network: NetworkId(0),
            bind: std::net::Ipv4Addr::LOCALHOST.into(),
            unbound: Mutex::new(VecDeque::from([23_990, 23_992])),
        };
        let affordable = AtomicUsize::new(1);
        let shelves = PortShelves { shelves: vec![shelf], dscp: 0, rest: Duration::ZERO, affordable };
        let first = shelves.bind_next(NetworkId(0)).unwrap();
        assert!(shelves.bind_next(NetworkId(0)).is_none());
        let port = first.rtp_port;
        drop(first);
        shelves.put_back(NetworkId(0), port);
        assert!(shelves.bind_next(NetworkId(0)).is_some());
    }
}
