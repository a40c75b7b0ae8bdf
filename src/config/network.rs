//! `[networks.NAME]` and `[listeners.NAME]`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::grammar;
use super::read::{Declared, Kind, Table};
use crate::route::settings::{ListenerSettings, NetworkSettings};
use crate::route::trunk::ClientCertificate;
use crate::sip::flow::Transport;

/// Words of `transport`.
pub(super) const TRANSPORTS: [(&str, Transport); 3] =
    [("udp", Transport::Udp), ("tcp", Transport::Tcp), ("tls", Transport::Tls)];

/// RFC 5626 4.4.1 recommends 95 s and more; below this the pings are a load of their own.
pub(super) const SHORTEST_KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn networks(root: &Table<'_>) -> Vec<NetworkSettings> {
    root.named("networks").into_iter().filter_map(|(name, table)| network(name, table)).collect()
}

fn network(name: String, table: Table<'_>) -> Option<NetworkSettings> {
    let bind = table.need("bind", "\"0.0.0.0\"").and_then(|field| field.parsed(local_address));
    let advertise = advertise(&table, bind);
    let rtp_ports = table.need("rtp_ports", "\"10000-18999\"").and_then(|field| field.parsed(grammar::rtp_ports));
    let allow_media = table.field("allow_media", "[\"10.0.0.0/8\"]").and_then(|field| field.all(grammar::range));
    table.close();
    let allow_media = allow_media.unwrap_or_default();
    Some(NetworkSettings { name, bind: bind?, advertise: advertise?, rtp_ports: rtp_ports?, allow_media })
}

/// An address of one machine, or all of them.
fn local_address(text: &str) -> Result<IpAddr, String> {
    match grammar::address(text)? {
        all if all.is_unspecified() => Ok(all),
        _ => grammar::place(text),
    }
}

/// The address peers are told: by default the one bound, which then must be a single one.
fn advertise(table: &Table<'_>, bind: Option<IpAddr>) -> Option<IpAddr> {
    const EXAMPLE: &str = "\"203.0.113.10\"";
    let field = match bind {
        Some(bind) if !bind.is_unspecified() && !table.has("advertise") => return Some(bind),
        Some(_) => table.need("advertise", EXAMPLE)?,
        None => table.field("advertise", EXAMPLE)?,
    };
    let address = field.parsed(grammar::place)?;
    if bind.is_some_and(|bind| bind.is_ipv4() != address.is_ipv4()) {
        field.refuse("bind and advertise must both be IPv4 or both IPv6");
    }
    Some(address)
}

/// The listeners, and how often each wants its dialled connections pinged.
pub(super) fn listeners(
    root: &Table<'_>,
    declared: &Declared<'_>,
) -> (Vec<ListenerSettings>, BTreeMap<String, Duration>) {
    let mut keep_alives = BTreeMap::new();
    let mut listeners = Vec::new();
    for (name, table) in root.named("listeners") {
        keep_alives.extend(keep_alive(&table).map(|interval| (name.clone(), interval)));
        listeners.extend(listener(name, table, declared));
    }
    (listeners, keep_alives)
}

/// RFC 5626 4.4.1. Datagrams have no connection to keep.
fn keep_alive(table: &Table<'_>) -> Option<Duration> {
    let interval = table.seconds("keep_alive_s", "0", 0..=3600)?;
    let is_udp = table.field("transport", "\"tls\"").and_then(|field| field.text()) == Some("udp");
    if is_udp && !interval.is_zero() {
        table.doc().error(&table.path_of("keep_alive_s"), "has a meaning over TCP and TLS only; leave it out");
    } else if !interval.is_zero() && interval < SHORTEST_KEEP_ALIVE {
        table.doc().error(&table.path_of("keep_alive_s"), "is too often; write 15 or more, or 0 for none");
    }
    Some(interval).filter(|interval| !interval.is_zero())
}

fn listener(name: String, table: Table<'_>, declared: &Declared<'_>) -> Option<ListenerSettings> {
    let network = table.need("network", "\"public\"").and_then(|field| field.name_of(Kind::Network, declared));
    let transport = table.need("transport", "\"tls\"").and_then(|field| field.choice(&TRANSPORTS));
    let port = match table.field("port", "5061") {
        Some(field) => field.whole(1..=u16::MAX),
        None => Some(transport.map_or(0, Transport::default_port)),
    };
    let (certificates, client_certificate) = tls_keys(&table, transport, declared);
    table.close();
    Some(ListenerSettings {
        name,
        network: network?,
        transport: transport?,
        port: port?,
        certificates,
        client_certificate,
    })
}

/// The keys that only a TLS listener has.
fn tls_keys(
    table: &Table<'_>,
    transport: Option<Transport>,
    declared: &Declared<'_>,
) -> (Vec<String>, ClientCertificate) {
    const POSTURES: [(&str, ClientCertificate); 3] = [
        ("never", ClientCertificate::Never),
        ("request", ClientCertificate::Request),
        ("require", ClientCertificate::Require),
    ];
    let certificates = match transport {
        Some(Transport::Tls) => table.need("certificates", "[\"main\"]"),
        Some(Transport::Udp | Transport::Tcp) | None => table.field("certificates", "[\"main\"]"),
    };
    let posture = table.field("client_certificate", "\"request\"");
    if matches!(transport, Some(Transport::Udp | Transport::Tcp)) {
        let useless = certificates.iter().chain(&posture);
        useless.for_each(|field| field.refuse_key("only a listener with transport = \"tls\" has it; leave it out"));
        return (Vec::new(), ClientCertificate::Never);
    }
    let names = certificates
        .as_ref()
        .and_then(|field| field.list())
        .map(|fields| fields.iter().filter_map(|field| field.name_of(Kind::Certificate, declared)).collect::<Vec<_>>());
    if let Some(field) = certificates.filter(|_| names.as_ref().is_some_and(Vec::is_empty)) {
        field.refuse_empty("a TLS listener needs a certificate");
    }
    let posture = posture.and_then(|field| field.choice(&POSTURES)).unwrap_or(ClientCertificate::Request);
    (names.unwrap_or_default(), posture)
}
