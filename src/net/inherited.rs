//! Sockets that the service manager bound before it started us (systemd's socket activation): ports below 1024 without
//! a privilege, and peers whose connections wait instead of failing while the daemon is started again.

use std::fmt;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use listenfd::ListenFd;

/// Sockets handed over and not taken yet. Each is taken once, by the listener of exactly its address.
#[derive(Clone, Debug, Default)]
pub struct Inherited(Arc<Mutex<Vec<Passed>>>);

/// One of them.
#[derive(Debug)]
enum Passed {
    Stream(SocketAddr, TcpListener),
    Datagrams(SocketAddr, UdpSocket),
}

/// A socket that no listener wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwanted {
    pub kind: Kind,
    pub address: SocketAddr,
}

/// Of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stream,
    Datagrams,
}

impl fmt::Display for Unwanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.kind {
            Kind::Stream => "TCP",
            Kind::Datagrams => "UDP",
        };
        write!(f, "{protocol} {}", self.address)
    }
}

impl Inherited {
    /// What `LISTEN_FDS` and `LISTEN_PID` say is ours. Sockets that are neither TCP listeners nor UDP are passed over.
    pub fn from_environment() -> Inherited {
        let mut passed = ListenFd::from_env();
        let sockets = (0..passed.len()).filter_map(|at| {
            if let Ok(Some(stream)) = passed.take_tcp_listener(at) {
                let address = stream.local_addr().ok()?;
                return Some(Passed::Stream(address, stream));
            }
            let datagrams = passed.take_udp_socket(at).ok()??;
            Some(Passed::Datagrams(datagrams.local_addr().ok()?, datagrams))
        });
        Inherited(Arc::new(Mutex::new(sockets.collect())))
    }

    /// These sockets (for a process that holds them: tests).
    pub fn of(streams: Vec<TcpListener>, datagrams: Vec<UdpSocket>) -> Inherited {
        let streams = streams.into_iter().filter_map(|s| Some(Passed::Stream(s.local_addr().ok()?, s)));
        let datagrams = datagrams.into_iter().filter_map(|d| Some(Passed::Datagrams(d.local_addr().ok()?, d)));
        Inherited(Arc::new(Mutex::new(streams.chain(datagrams).collect())))
    }

    /// The listening socket bound to exactly this address, once.
    pub fn stream(&self, address: SocketAddr) -> Option<TcpListener> {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = passed.iter().position(|one| matches!(one, Passed::Stream(its, _) if *its == address))?;
        match passed.swap_remove(at) {
            Passed::Stream(_, stream) => Some(stream),
            Passed::Datagrams(..) => None,
        }
    }

    /// The UDP socket bound to exactly this address, once.
    pub fn datagrams(&self, address: SocketAddr) -> Option<UdpSocket> {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = passed.iter().position(|one| matches!(one, Passed::Datagrams(its, _) if *its == address))?;
        match passed.swap_remove(at) {
            Passed::Datagrams(_, socket) => Some(socket),
            Passed::Stream(..) => None,
        }
    }

    /// What nobody took. A unit that binds another address than the configuration would look like a deaf port.
    pub fn unwanted(&self) -> Vec<Unwanted> {
        let passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unwanted = |one: &Passed| match one {
            Passed::Stream(address, _) => Unwanted { kind: Kind::Stream, address: *address },
            Passed::Datagrams(address, _) => Unwanted { kind: Kind::Datagrams, address: *address },
        };
        passed.iter().map(unwanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_taken_once_and_by_its_kind_and_exact_address() {
        let stream = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (tcp_at, udp_at) = (stream.local_addr().unwrap(), udp.local_addr().unwrap());
        let inherited = Inherited::of(vec![stream], vec![udp]);
        assert!(inherited.datagrams(tcp_at).is_none());
        assert!(inherited.stream(SocketAddr::new("127.0.0.2".parse().unwrap(), tcp_at.port())).is_none());
        assert_eq!(inherited.stream(tcp_at).unwrap().local_addr().unwrap(), tcp_at);
        assert!(inherited.stream(tcp_at).is_none());
        assert_eq!(inherited.unwanted(), [Unwanted { kind: Kind::Datagrams, address: udp_at }]);
        assert_eq!(inherited.unwanted()[0].to_string(), format!("UDP {udp_at}"));
    }
}
