//! `targets`: where a trunk sends, as text or as a table.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::grammar;
use super::read::{Field, Table};
use crate::route::trunk::TargetSpec;
use crate::sip::flow::Discovery;

/// Priority and weight of a target written as text.
const DEFAULT_RANK: (u16, u16) = (1, 1);

/// `"host:port"`, `"host"`, `"192.0.2.1"`, `"[2001:db8::1]:5060"` or `{ host, port, srv, naptr, priority, weight }`.
pub(super) fn target(field: &Field<'_>) -> Option<TargetSpec> {
    match (field.is_text(), field.is_table()) {
        (true, _) => field.parsed(from_text),
        (false, true) => from_table(field.table()?),
        (false, false) => {
            field.refuse_key(
                "is neither text nor a table; write \"198.51.100.7:5060\", or { host = \"sbc.example.com\", port = 5061 }",
            );
            None
        }
    }
}

/// Reads the text forms.
pub(super) fn from_text(text: &str) -> Result<TargetSpec, String> {
    let is_uri = text.contains("://") || text.contains(';') || text.contains('@');
    if is_uri || ["sip:", "sips:"].iter().any(|scheme| text.starts_with(scheme)) {
        return Err("is a URI, and a target is a host and a port alone".to_owned());
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return at_address(socket.ip(), Some(check_port(socket.port())?));
    }
    grammar::unambiguous(text)?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return at_address(address, None);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            if host.parse::<std::net::Ipv6Addr>().is_ok() {
                return Err(format!("is no address; an IPv6 address with a port is written [{host}]:{port}"));
            }
            (
                host,
                Some(check_port(port.parse().map_err(|_| "has no port from 1 to 65535 after its colon".to_owned())?)?),
            )
        }
        None => (text, None),
    };
    let host = grammar::host_name(host).map_err(|_| "is no host name and no address".to_owned())?;
    Ok(spec(&host, port))
}

fn at_address(address: IpAddr, port: Option<u16>) -> Result<TargetSpec, String> {
    let address = address.to_canonical();
    grammar::reachable(address).map(|()| spec(&address.to_string(), port))
}

fn check_port(port: u16) -> Result<u16, String> {
    if port == 0 { Err("has port 0".to_owned()) } else { Ok(port) }
}

fn spec(host: &str, port: Option<u16>) -> TargetSpec {
    let (priority, weight) = DEFAULT_RANK;
    TargetSpec {
        host: Arc::from(host),
        address: host.parse().ok(),
        port,
        discovery: Discovery::Hosts,
        priority,
        weight,
    }
}

fn from_table(table: Table<'_>) -> Option<TargetSpec> {
    let host = table.need("host", "\"sbc.example.com\"").and_then(|field| field.parsed(host));
    let port = table.whole("port", "5060", 1..=u16::MAX);
    let discovery = discovery(&table);
    let (priority, weight) = rank(&table);
    let target = host.map(|host| TargetSpec { port, discovery, priority, weight, ..spec(&host, None) });
    if let Some(target) = &target {
        discovery_rules(&table, target);
    }
    table.close();
    target
}

fn host(text: &str) -> Result<String, String> {
    let host = grammar::host(text)?;
    host.parse().map_or(Ok(()), grammar::reachable).map(|()| host)
}

/// `priority` (lower first) and `weight` of a target or a member.
pub(super) fn rank(table: &Table<'_>) -> (u16, u16) {
    let (priority, weight) = DEFAULT_RANK;
    let priority = table.whole("priority", "1", 0..=u16::MAX).unwrap_or(priority);
    (priority, table.whole("weight", "1", 0..=u16::MAX).unwrap_or(weight))
}

/// `naptr = true` asks for SRV too: NAPTR says where they are.
fn discovery(table: &Table<'_>) -> Discovery {
    let srv = table.flag("srv", "false");
    match (table.flag("naptr", "false"), srv) {
        (Some(true), Some(false)) => {
            table.doc().error(
                &table.path_of("srv"),
                "NAPTR records lead to SRV records; leave srv out, or write naptr = false",
            );
            Discovery::Pointers
        }
        (Some(true), Some(true) | None) => Discovery::Pointers,
        (Some(false) | None, Some(true)) => Discovery::Services,
        (Some(false) | None, Some(false) | None) => Discovery::Hosts,
    }
}

/// RFC 3263 4.2: an address or an explicit port leaves nothing for NAPTR and SRV to say.
fn discovery_rules(table: &Table<'_>, target: &TargetSpec) {
    let (key, records) = match target.discovery {
        Discovery::Hosts => return,
        Discovery::Services => ("srv", "SRV"),
        Discovery::Pointers => ("naptr", "NAPTR"),
    };
    if target.address.is_some() {
        let text = format!("an address has no {records} records; write a name as host, or {key} = false");
        table.doc().error(&table.path_of(key), text);
    } else if target.port.is_some() {
        let text = format!("{records} records bring the port; leave port out, or write {key} = false");
        table.doc().error(&table.path_of("port"), text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<u16>, bool) {
        let target = from_text(text).unwrap();
        (target.host.to_string(), target.port, target.address.is_some())
    }

    #[test]
    fn every_text_form_is_understood() {
        assert_eq!(read("sbc.example.com:5070"), ("sbc.example.com".into(), Some(5070), false));
        assert_eq!(read("carrier"), ("carrier".into(), None, false));
        assert_eq!(read("192.0.2.1"), ("192.0.2.1".into(), None, true));
        assert_eq!(read("192.0.2.1:5060"), ("192.0.2.1".into(), Some(5060), true));
        assert_eq!(read("[2001:db8::1]:5060"), ("2001:db8::1".into(), Some(5060), true));
        assert_eq!(read("[2001:db8::1]"), ("2001:db8::1".into(), None, true));
        assert_eq!(read("2001:db8::1"), ("2001:db8::1".into(), None, true));
        assert_eq!(read("[::ffff:192.0.2.1]:5060"), ("192.0.2.1".into(), Some(5060), true));
        assert_eq!(read("::ffff:192.0.2.1"), ("192.0.2.1".into(), None, true));
    }

    #[test]
    fn texts_that_name_no_place_are_refused() {
        for text in
            ["sip:carrier", "carrier:0", "carrier:99999", "host name", "192.0.2.256", "a_b", ":5060", "carrier:"]
        {
            assert!(from_text(text).is_err(), "{text}");
        }
    }
}
