//! The one function every remote media address passes, wherever it came from (reliability-security M5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::media::plan::AddressRules;

/// Why an address is not one that media may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressRefusal {
    PortZero,
    /// One of our own addresses with one of our own ports.
    Own,
    /// In a range of the IANA special-purpose registries, as it stands or inside a mapped or translated form.
    SpecialPurpose,
}

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), length)
}

/// IANA IPv4 special-purpose registry without what it calls globally reachable, and multicast.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),       // this network
    v4(10, 0, 0, 8),      // private
    v4(100, 64, 0, 10),   // shared, behind carrier NAT
    v4(127, 0, 0, 8),     // loopback
    v4(169, 254, 0, 16),  // link-local, cloud metadata
    v4(172, 16, 0, 12),   // private
    v4(192, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(192, 88, 99, 24),  // 6to4 relays, gone
    v4(192, 168, 0, 16),  // private
    v4(198, 18, 0, 15),   // benchmarks
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 4),     // multicast
    v4(240, 0, 0, 4),     // reserved, broadcast
];

/// The only part of IPv6 that is global unicast today; unique local, link-local, multicast lie outside.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 0, 3);

/// What is special inside it.
const SPECIAL_V6: [Ipv6Net; 3] = [
    v6(0x2001, 0, 0, 0, 23),     // protocol assignments, Teredo among them
    v6(0x2001, 0xdb8, 0, 0, 32), // documentation
    v6(0x3fff, 0, 0, 0, 20),     // documentation
];

const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 0, 16);
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 0, 96);

impl AddressRules {
    /// Whether media may be sent to `address`. Ask again when an address is learnt.
    ///
    /// # Errors
    /// Says what is wrong. `allow` opens special ranges; nothing opens port 0 and our own ports.
    pub fn allows(&self, address: SocketAddr) -> Result<(), AddressRefusal> {
        let ip = address.ip().to_canonical();
        if address.port() == 0 {
            return Err(AddressRefusal::PortZero);
        }
        if self.is_own(ip, address.port()) {
            return Err(AddressRefusal::Own);
        }
        if self.allow.iter().any(|range| range.contains(&ip)) || !is_special(ip) {
            return Ok(());
        }
        Err(AddressRefusal::SpecialPurpose)
    }

    fn is_own(&self, ip: IpAddr, port: u16) -> bool {
        self.own.iter().any(|(own, first, last)| own.to_canonical() == ip && (*first..=*last).contains(&port))
    }
}

/// `ip` is canonical: an IPv4-mapped address has become the IPv4 address it is sent to.
fn is_special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_special_v4(ip),
        IpAddr::V6(ip) if NAT64.contains(&ip) => is_special_v4(embedded(ip, 12)),
        IpAddr::V6(ip) if SIX_TO_FOUR.contains(&ip) => is_special_v4(embedded(ip, 2)),
        // IPv4-compatible addresses, `::` and `::1` lie outside of the global part like all else.
        IpAddr::V6(ip) => !GLOBAL_V6.contains(&ip) || SPECIAL_V6.iter().any(|range| range.contains(&ip)),
    }
}

fn is_special_v4(ip: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|range| range.contains(&ip))
}

/// The IPv4 address that stands at this octet of a translated form.
fn embedded(ip: Ipv6Addr, at: usize) -> Ipv4Addr {
    let octets = ip.octets();
    octets.get(at..).and_then(|rest| rest.first_chunk::<4>()).map_or(Ipv4Addr::UNSPECIFIED, |v4| Ipv4Addr::from(*v4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rules: &AddressRules, ip: &str) -> Result<(), AddressRefusal> {
        rules.allows(SocketAddr::new(ip.parse().unwrap(), 4000))
    }

    /// The addresses that the hostile descriptions of the corpus name in a line like `prefix`, with their files.
    fn corpus_addresses(prefix: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("tests/corpora/sdp-hostile").unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("addr-") || name == "rtcp-foreign.sdp" {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                let line = text.lines().find(|line| line.starts_with(prefix)).map(str::to_owned);
                found.extend(line.and_then(|l| l.rsplit(' ').next().map(str::to_owned)).map(|a| (name, a)));
            }
        }
        found
    }

    #[test]
    fn every_hostile_address_of_the_corpus_is_refused() {
        let mut refused = 0;
        for (file, address) in corpus_addresses("c=").into_iter().chain(corpus_addresses("a=rtcp:")) {
            // Octal, short and named forms are no addresses to the standard parser: refused before this function.
            let Ok(ip) = address.split('/').next().unwrap().parse::<IpAddr>() else {
                assert!(["addr-octal.sdp", "addr-short.sdp", "addr-name-internal.sdp"].contains(&&file[..]), "{file}");
                continue;
            };
            let result = AddressRules::default().allows(SocketAddr::new(ip, 4000));
            assert_eq!(result, Err(AddressRefusal::SpecialPurpose), "{file}");
            refused += 1;
        }
        assert!(refused >= 15, "{refused}");
    }

    #[test]
    fn each_special_range_is_refused() {
        for ip in [
            "0.1.2.3",
            "10.255.255.255",
            "100.127.255.255",
            "127.9.9.9",
            "169.254.169.254",
            "172.31.0.1",
            "192.0.0.8",
            "192.88.99.1",
            "192.168.1.1",
            "198.19.255.255",
            "203.0.113.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::8.8.8.8",
            "::ffff:192.168.1.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
            "2002:a00:5::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert_eq!(allows(&AddressRules::default(), ip), Err(AddressRefusal::SpecialPurpose), "{ip}");
        }
    }

    #[test]
    fn public_addresses_pass_in_every_form() {
        for ip in ["8.8.8.8", "52.112.0.1", "2a01:4f8::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"] {
            assert_eq!(allows(&AddressRules::default(), ip), Ok(()), "{ip}");
        }
    }

    #[test]
    fn an_allowed_range_opens_itself_and_its_mapped_form_only() {
        let rules = AddressRules { allow: vec!["127.0.0.0/8".parse().unwrap()], own: Vec::new() };
        assert_eq!(allows(&rules, "127.0.0.1"), Ok(()));
        assert_eq!(allows(&rules, "::ffff:127.0.0.1"), Ok(()));
        for ip in ["10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "64:ff9b::127.0.0.1"] {
            assert_eq!(allows(&rules, ip), Err(AddressRefusal::SpecialPurpose), "{ip}");
        }
    }

    #[test]
    fn our_own_ports_are_refused_in_every_form_though_the_range_is_allowed() {
        let rules = AddressRules {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            own: vec![("127.0.0.1".parse().unwrap(), 4000, 4010)],
        };
        assert_eq!(allows(&rules, "127.0.0.1"), Err(AddressRefusal::Own));
        assert_eq!(allows(&rules, "::ffff:127.0.0.1"), Err(AddressRefusal::Own));
        assert_eq!(allows(&rules, "127.0.0.2"), Ok(()));
        assert_eq!(rules.allows("127.0.0.1:4011".parse().unwrap()), Ok(()));
    }

    #[test]
    fn port_zero_is_refused() {
        assert_eq!(AddressRules::default().allows("8.8.8.8:0".parse().unwrap()), Err(AddressRefusal::PortZero));
    }
}
