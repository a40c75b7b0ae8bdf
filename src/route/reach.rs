//! Where requests inside a dialog may go: what a peer writes into Contact and Record-Route is its word alone.
//!
//! Allowed are the addresses that the trunk names as its peer's: `sources`, its targets, and `contacts` for those who
//! are only spoken to. A TLS trunk without sources knows its peer by the certificate, so it may be led to any address
//! that the network's rules take for public: nothing of a dialog leaves before that certificate is proved.

use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::media::plan::AddressRules;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    ranges: Vec<IpNet>,
    /// For a peer that its certificate proves: the network's own rules.
    proved: Option<Arc<AddressRules>>,
}

impl Reach {
    /// The ranges of a trunk whose peer is known by them.
    pub const fn within(ranges: Vec<IpNet>) -> Reach {
        Reach { ranges, proved: None }
    }

    /// The same for a trunk whose peer a certificate proves wherever it is.
    pub const fn proved_by_certificate(ranges: Vec<IpNet>, rules: Arc<AddressRules>) -> Reach {
        Reach { ranges, proved: Some(rules) }
    }

    /// Whether a request inside a dialog may go to this address.
    pub fn allows(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let named = || self.ranges.iter().any(|range| range.contains(&ip));
        let proved = || self.proved.as_ref().is_some_and(|rules| rules.allows(address).is_ok());
        address.port() != 0 && (named() || proved())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_ranges_of_the_trunk() {
        let reach = Reach::within(vec!["198.51.100.0/28".parse().unwrap()]);
        assert!(reach.allows(address("198.51.100.7:5060")));
        assert!(reach.allows(address("[::ffff:198.51.100.7]:5060")));
        for outside in ["198.51.100.16:5060", "8.8.8.8:5060", "127.0.0.1:5060", "[2a01:4f8::1]:5060", "198.51.100.7:0"]
        {
            assert!(!reach.allows(address(outside)), "{outside}");
        }
    }

    #[test]
    fn a_proved_peer_is_followed_to_public_addresses_only() {
        let rules = AddressRules { allow: Vec::new(), own: vec![("8.8.4.4".parse().unwrap(), 5061, 5061)] };
        let reach = Reach::proved_by_certificate(Vec::new(), Arc::new(rules));
        assert!(reach.allows(address("8.8.8.8:5061")));
        for outside in ["10.0.0.1:5061", "169.254.169.254:80", "127.0.0.1:5061", "8.8.4.4:5061", "8.8.8.8:0"] {
            assert!(!reach.allows(address(outside)), "{outside}");
        }
    }
}
