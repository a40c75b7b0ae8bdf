//! Small texts of the file: addresses, ranges, names. Each reader's error completes the sentence "VALUE ...".

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::route::settings::canonical_range;

/// An IPv4 or IPv6 address without brackets. An IPv4-mapped one is the IPv4 address that packets come from and go to.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_| "is no IP address".to_owned())
}

/// An address that somebody can be reached at.
pub(super) fn place(text: &str) -> Result<IpAddr, String> {
    let address = address(text)?;
    reachable(address).map(|()| address)
}

/// # Errors
/// Nobody can be reached there.
pub(super) fn reachable(address: IpAddr) -> Result<(), String> {
    let everybody = matches!(address, IpAddr::V4(four) if four.is_broadcast()) || address.is_multicast();
    match (address.is_unspecified(), everybody) {
        (true, _) => Err("is nobody's address: no peer can be sent to there, or can send there".to_owned()),
        (false, true) => Err("is an address of many machines, and a peer is one".to_owned()),
        (false, false) => Ok(()),
    }
}

/// Address and port, IPv6 in brackets.
pub(super) fn socket(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>().map(canonical) {
        Ok(socket) if socket.port() > 0 => Ok(socket),
        Ok(_) => Err("has port 0, which is none".to_owned()),
        Err(_) => Err("is no address with a port, as 127.0.0.1:9464 and [::1]:9464 are".to_owned()),
    }
}

/// Address, or address and port; `port` where none is given.
pub(super) fn socket_or(text: &str, port: u16) -> Result<SocketAddr, String> {
    unambiguous(text)?;
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(canonical(SocketAddr::new(address, port))),
        Err(_) => socket(text).map_err(|_| "is no address, and no address with a port from 1 to 65535".to_owned()),
    }
}

/// An IPv6 address without brackets whose last part looks like a port: `2001:db8::1:5060` is an address without one.
///
/// # Errors
/// Both ways to write what may be meant.
pub(super) fn unambiguous(text: &str) -> Result<(), String> {
    let Some((address, port)) = text.rsplit_once(':') else { return Ok(()) };
    let is_port = port.parse().is_ok_and(|port: u16| port >= 1024 || [53, 443].contains(&port));
    match is_port && address.parse::<std::net::Ipv6Addr>().is_ok() && text.parse::<std::net::Ipv6Addr>().is_ok() {
        true => Err(format!(
            "reads as one address, with {port} as its last part; write [{address}]:{port} for the port, or [{text}] for the \
             address"
        )),
        false => Ok(()),
    }
}

fn canonical(socket: SocketAddr) -> SocketAddr {
    match socket.ip().to_canonical() {
        IpAddr::V4(four) => SocketAddr::new(four.into(), socket.port()),
        IpAddr::V6(_) => socket,
    }
}

/// A range in CIDR form, or one address. Bits beyond the prefix are refused: they are nearly always a slip.
pub(super) fn range(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let net = text.parse().map(canonical_range).map_err(|_| "is no address and no CIDR range".to_owned())?;
    match net == net.trunc() {
        true => Ok(net),
        false => Err(format!("has bits set beyond its prefix; did you mean {}?", net.trunc())),
    }
}

/// `first-last`: RTP on the even port, RTCP on the next odd one (RFC 3550 11).
pub(super) fn rtp_ports(text: &str) -> Result<(u16, u16), String> {
    const LOWEST: u16 = 1024;
    let split = text.split_once('-').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    let (first, last): (u16, u16) = split.ok_or("is no range of ports")?;
    match (first, last) {
        (first, last) if first > last => Err(format!("is reversed; did you mean \"{last}-{first}\"?")),
        (first, _) if first < LOWEST => Err(format!("starts below {LOWEST}, where the system's services are")),
        (first, _) if first % 2 == 1 => Err("starts at an odd port; RTP uses even ones".to_owned()),
        (first, last) if first == last => Err("has no room for RTP and RTCP".to_owned()),
        ports => Ok(ports),
    }
}

/// A DNS name (RFC 1123 2.1); one label will do.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        let inner = label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|octet| octet.is_ascii_digit()));
    match text.len() <= 253 && text.split('.').all(label) && !numeric {
        true => Ok(text.to_owned()),
        false => Err("is no host name".to_owned()),
    }
}

/// A full name of at least two labels, and no address.
pub(super) fn fqdn(text: &str) -> Result<String, String> {
    match host_name(text) {
        Ok(name) if name.contains('.') => Ok(name.to_ascii_lowercase()),
        Ok(_) | Err(_) => Err("is no full domain name (letters, digits, hyphens, at least one dot)".to_owned()),
    }
}

/// A certificate's name: a host name whose left-most label may be `*`.
pub(super) fn peer_name(text: &str) -> Result<String, String> {
    host_name(text.strip_prefix("*.").unwrap_or(text)).map(|_| text.to_ascii_lowercase())
}

/// Whether a certificate's name, perhaps with a left-most `*`, stands for `name` (RFC 6125 6.4.3).
pub(super) fn covers(pattern: &str, name: &str) -> bool {
    let parent = name.split_once('.').map(|(_, parent)| parent);
    pattern == name || pattern.strip_prefix("*.").is_some_and(|suffix| Some(suffix) == parent)
}

/// A host name or an address, as it stands in a URI.
pub(super) fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(address) if address.to_canonical().is_ipv4() => Ok(address.to_canonical().to_string()),
        Ok(_) => Ok(bare.to_owned()),
        Err(_) => host_name(text).map_err(|_| "is no host name and no address".to_owned()),
    }
}

/// A token of RFC 3261 25.1: encoding names, header names.
pub(super) fn token(text: &str) -> Result<String, String> {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet);
    match !text.is_empty() && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("is no name (letters, digits and hyphens)".to_owned()),
    }
}

/// The digits an emergency or short number consists of.
pub(super) fn short_number(text: &str) -> Result<String, String> {
    match (2..=15).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("is no number of 2 to 15 digits".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_with_stray_bits_suggests_the_range_meant() {
        assert_eq!(range("10.0.0.1/8").unwrap_err(), "has bits set beyond its prefix; did you mean 10.0.0.0/8?");
        assert_eq!(range("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(range("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
    }

    #[test]
    fn what_is_mapped_to_ipv6_is_the_ipv4_address_it_is_sent_to() {
        assert_eq!(range("::ffff:10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(range("::ffff:10.0.0.0/104").unwrap().to_string(), "10.0.0.0/8");
        assert!(range("::ffff:10.0.0.1/104").unwrap_err().contains("did you mean 10.0.0.0/8?"));
        assert_eq!(range("::/0").unwrap().to_string(), "::/0");
        assert_eq!(address("::ffff:192.0.2.4").unwrap().to_string(), "192.0.2.4");
        assert_eq!(socket("[::ffff:192.0.2.4]:53").unwrap().to_string(), "192.0.2.4:53");
        assert_eq!(socket_or("::ffff:192.0.2.4", 53).unwrap().to_string(), "192.0.2.4:53");
        assert_eq!(host("[::ffff:192.0.2.4]").unwrap(), "192.0.2.4");
        assert_eq!(host("2001:db8::1").unwrap(), "2001:db8::1");
    }

    #[test]
    fn rtp_ports_start_even_and_go_up() {
        assert_eq!(rtp_ports("10000-18999"), Ok((10000, 18999)));
        assert_eq!(rtp_ports("10000 - 65535"), Ok((10000, 65535)));
        assert!(rtp_ports("10001-18999").unwrap_err().contains("odd"));
        assert!(rtp_ports("18999-10000").unwrap_err().contains("\"10000-18999\""));
        assert!(rtp_ports("10000-70000").is_err());
        assert!(rtp_ports("10000").is_err());
    }

    #[test]
    fn an_address_is_no_host_name() {
        assert!(host_name("10.0.0.1").is_err());
        assert!(host_name("10.0.0.256").is_err());
        assert!(host_name("sbc-1.example").is_ok());
        assert!(host_name("-sbc.example").is_err());
        assert!(host_name("sbc_1.example").is_err());
    }

    #[test]
    fn a_full_name_needs_a_dot() {
        assert!(fqdn("sbc").is_err());
        assert!(fqdn("sbc.example.com.").is_err());
        assert_eq!(fqdn("SBC1.Example.com").unwrap(), "sbc1.example.com");
    }
}
