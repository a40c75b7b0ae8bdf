//! The sockets of the media plane: bound, sized and marked once.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use rustix::net::RecvFlags;
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover};
use socket2::{Domain, Protocol, Socket, Type};

/// Octets of a socket's receive queue: about three seconds of one voice stream by the kernel's counting.
/// Whatever waited longer is of no use to a listener, and a flooded port holds no more memory than this.
const RECEIVE_QUEUE: usize = 64 * 1024;

/// Binds one port for media. What it sends is never fragmented, and no ICMP message lowers the size it may have
/// (RFC 8085 3.2): voice is far below every path's, a forged "too big" must not disturb it, and the kernel need not draw
/// an identification for each packet.
///
/// # Errors
/// As the system says, `AddrInUse` among them.
pub fn bind(address: IpAddr, port: u16, dscp: u8) -> io::Result<UdpSocket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_QUEUE)?;
    let traffic_class = u32::from(dscp & 0x3f) << 2;
    if address.is_ipv4() {
        socket.set_tos_v4(traffic_class)?;
        set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
    } else {
        socket.set_only_v6(true)?;
        socket.set_tclass_v6(traffic_class)?;
        set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::PROBE)?;
    }
    socket.bind(&SocketAddr::new(address, port).into())?;
    Ok(socket.into())
}

/// Whether the address is one of this machine's.
///
/// # Errors
/// As the system says, with the address in the text.
pub fn probe(address: IpAddr) -> io::Result<()> {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("media address {address}: {error}"))),
    }
}

/// Receives one datagram: its whole length, though `area` may be shorter, and its source.
///
/// # Errors
/// `WouldBlock` when nothing waits; a connected socket also reports what ICMP said of an earlier packet.
pub fn receive(socket: &UdpSocket, area: &mut [u8]) -> io::Result<(usize, Option<SocketAddr>)> {
    let (_, octets, source) = rustix::net::recvfrom(socket, area, RecvFlags::TRUNC)?;
    Ok((octets, source.and_then(|source| SocketAddr::try_from(source).ok())))
}

/// Undoes a `connect`. A port and an address that were bound by name stay; a port the system chose (0) would go.
pub fn dissolve(socket: &UdpSocket) {
    // It fails only for a socket that is none.
    let _ = rustix::net::connect_unspec(socket);
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rustix::net::sockopt::{ip_mtu_discover, ipv6_mtu_discover};

    use super::*;

    /// At a port by number: the system takes back a port it chose itself when a connection is dissolved.
    fn bound(address: Ipv4Addr) -> UdpSocket {
        // A test beside this one may be given the port in between.
        let free = || UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        (0..100).find_map(|_| bind(address.into(), free(), 46).ok()).unwrap()
    }

    #[test]
    fn a_dissolved_socket_keeps_address_and_port_and_hears_everybody_again() {
        let socket = bound(Ipv4Addr::LOCALHOST);
        let here = socket.local_addr().unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(peer.local_addr().unwrap()).unwrap();
        dissolve(&socket);
        assert_eq!(socket.local_addr().unwrap(), here);
        let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
        stranger.send_to(&[1, 2, 3], here).unwrap();
        let (octets, source) = receive(&socket, &mut [0; 2]).unwrap();
        assert_eq!((octets, source), (3, Some(stranger.local_addr().unwrap())));
    }

    #[test]
    fn a_socket_of_every_address_is_one_again_after_a_connection() {
        let socket = bound(Ipv4Addr::UNSPECIFIED);
        let port = socket.local_addr().unwrap().port();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(peer.local_addr().unwrap()).unwrap();
        dissolve(&socket);
        assert_eq!(socket.local_addr().unwrap(), SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
        peer.send_to(&[1], ("127.0.0.1", port)).unwrap();
        assert_eq!(receive(&socket, &mut [0; 2]).unwrap().0, 1);
    }

    #[test]
    fn what_is_sent_carries_the_code_point_in_both_families() {
        let v4 = Socket::from(bind(Ipv4Addr::LOCALHOST.into(), 0, 46).unwrap());
        let v6 = Socket::from(bind(std::net::Ipv6Addr::LOCALHOST.into(), 0, 46).unwrap());
        assert_eq!((v4.tos_v4().unwrap(), v6.tclass_v6().unwrap()), (46 << 2, 46 << 2));
        let none = Socket::from(bind(Ipv4Addr::LOCALHOST.into(), 0, 0).unwrap());
        assert_eq!(none.tos_v4().unwrap(), 0);
    }

    #[test]
    fn what_is_sent_is_not_fragmented_and_its_size_not_lowered_by_messages() {
        let v4 = bind(Ipv4Addr::LOCALHOST.into(), 0, 46).unwrap();
        let v6 = bind(std::net::Ipv6Addr::LOCALHOST.into(), 0, 46).unwrap();
        assert_eq!(ip_mtu_discover(&v4).unwrap(), Ipv4PathMtuDiscovery::PROBE);
        assert_eq!(ipv6_mtu_discover(&v6).unwrap(), Ipv6PathMtuDiscovery::PROBE);
    }

    #[test]
    fn an_address_of_another_machine_is_named_in_the_error() {
        let error = probe("192.0.2.77".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("192.0.2.77"), "{error}");
    }
}
