//! Who is meant by a source: one IPv4 address, or one IPv6 network of a subscriber; and what vouches for it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sip::flow::Transport;

/// What limits and bans hold for. An IPv6 host has a whole /64 to send from, so that is one source (R-B7, S-R1); an
/// IPv4-mapped address is the IPv4 address (S-R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    V4(Ipv4Addr),
    /// The first 64 bits.
    V6(u64),
}

/// What a source's address stands on. Anybody can write any address on a datagram, so what comes in datagrams speaks
/// for datagrams only; a connection is not had without its handshake, so what comes over one speaks for all (S-R3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Over {
    Datagrams,
    Connections,
}

impl Over {
    /// What a transport's messages speak for.
    pub const fn of(transport: Transport) -> Over {
        match transport {
            Transport::Udp => Over::Datagrams,
            Transport::Tcp | Transport::Tls => Over::Connections,
        }
    }

    /// The transports on which a ban holds that was brought so; for the operator.
    pub const fn transports(self) -> &'static str {
        match self {
            Over::Datagrams => "udp",
            Over::Connections => "udp, tcp, tls",
        }
    }
}

impl Source {
    /// The source of an address.
    pub fn of(address: IpAddr) -> Source {
        match address.to_canonical() {
            IpAddr::V4(address) => Source::V4(address),
            IpAddr::V6(address) => Source::V6(u64::try_from(address.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::V4(address) => write!(f, "{address}"),
            Source::V6(prefix) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(*prefix) << 64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    #[test]
    fn a_subscribers_addresses_are_one_source() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(of("192.0.2.1").to_string(), "192.0.2.1");
    }
}
