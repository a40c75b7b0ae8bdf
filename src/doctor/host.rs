//! The machine: its descriptors, its UDP buffers, its ports.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use tokio::runtime::Builder;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::clock::{self, Keeping};
use super::finding::{Finding, Verdict};
use super::folders::Room;
use crate::base::limits::Limits;
use crate::config::Settings;
use crate::daemon::clock::wall;
use crate::net::tls;
use crate::route::settings::{NetworkSettings, RouteSettings, RoutingSettings};
use crate::sip::flow::Transport;

/// Sockets of a bridged call: RTP and RTCP on each of its legs (PF-169).
const SOCKETS_PER_CALL: u64 = 4;
/// Files, timers, the store, logs, DNS.
const OTHER_DESCRIPTORS: u64 = 256;
/// What a burst of 2,000 calls/s leaves in a socket while it is not read for a moment (PF-180).
const WANTED_BUFFER: u64 = 4 * 1024 * 1024;

/// What a machine says about itself; `None`: it does not say.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    pub now: Option<SystemTime>,
    /// When the running binary was made.
    pub built: Option<SystemTime>,
    /// Who keeps the clock.
    pub keeping: Keeping,
    /// Files that may be open: of the daemon where one runs, else the hard limit, to which it raises its soft one.
    pub descriptors: Option<u64>,
    /// `net.core.rmem_max`, octets.
    pub receive_buffer: Option<u64>,
    /// `net.ipv4.ip_local_port_range`.
    pub ephemeral: Option<(u16, u16)>,
    /// `net.ipv4.ip_local_reserved_ports`.
    pub reserved: Vec<(u16, u16)>,
    /// Roots that the world knows, as the system has them.
    pub public_roots: Vec<CertificateDer<'static>>,
    /// How a folder's disk is asked for its room.
    pub room: Option<fn(&Path) -> Option<Room>>,
}

impl HostFacts {
    /// Of the machine we are on. `daemon`: a connection to the one that runs, whose own limits count and not those of whoever asks.
    pub fn read(daemon: Option<&UnixStream>) -> HostFacts {
        let built = std::env::current_exe().and_then(|file| file.metadata()).and_then(|data| data.modified());
        HostFacts {
            now: Some(now()),
            built: built.ok(),
            keeping: Keeping::read(),
            descriptors: daemon.and_then(descriptors_of).or_else(|| getrlimit(Resource::Nofile).maximum),
            receive_buffer: words("/proc/sys/net/core/rmem_max").and_then(|text| text.trim().parse().ok()),
            ephemeral: words("/proc/sys/net/ipv4/ip_local_port_range").as_deref().and_then(range_of_words),
            reserved: words("/proc/sys/net/ipv4/ip_local_reserved_ports").as_deref().map(ranges).unwrap_or_default(),
            public_roots: tls::system_certificates(),
            room: Some(Room::of),
        }
    }
}

/// The calendar, from the one place that reads it.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(wall().0)
}

/// Soft limit of open files of the process at the other end (proc(5), `limits`).
fn descriptors_of(daemon: &UnixStream) -> Option<u64> {
    let process = process_of(daemon)?;
    let limits = words(&format!("/proc/{process}/limits"))?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

/// The process at the other end; one in another name space has no number here.
fn process_of(daemon: &UnixStream) -> Option<i32> {
    let runtime = Builder::new_current_thread().enable_io().build().ok()?;
    let _inside = runtime.enter();
    let stream = daemon.try_clone().ok()?;
    stream.set_nonblocking(true).ok()?;
    tokio::net::UnixStream::from_std(stream).ok()?.peer_cred().ok()?.pid()
}

fn words(file: &str) -> Option<String> {
    std::fs::read_to_string(file).ok()
}

/// `32768 60999`.
fn range_of_words(text: &str) -> Option<(u16, u16)> {
    let mut words = text.split_whitespace().map(str::parse);
    Some((words.next()?.ok()?, words.next()?.ok()?))
}

/// `8080,9148-9150`.
fn ranges(text: &str) -> Vec<(u16, u16)> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    };
    text.split(',').filter_map(range).collect()
}

/// Clock, descriptors and buffers against what the configuration needs.
pub fn examine(facts: &HostFacts, settings: &Settings) -> Vec<Finding> {
    let limits = &settings.routing.limits;
    let mut findings = clock::examine(facts);
    findings.extend([descriptors(facts, limits), buffers(facts)].into_iter().flatten());
    findings.extend(settings.routing.networks.iter().filter_map(|network| ephemeral(facts, network)));
    findings.extend(settings.routing.networks.iter().map(|network| room(network, &settings.routing)));
    findings
}

fn descriptors(facts: &HostFacts, limits: &Limits) -> Option<Finding> {
    let has = facts.descriptors?;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let needed = count(limits.max_calls)
        .saturating_mul(SOCKETS_PER_CALL)
        .saturating_add(count(limits.max_connections))
        .saturating_add(count(limits.ready_ports).saturating_mul(2))
        .saturating_add(OTHER_DESCRIPTORS);
    let told = format!("{has} may be open, limits.max_calls and max_connections need {needed}");
    Some(if has >= needed {
        Finding::good("descriptors", "descriptors", told)
    } else {
        Finding::warning(
            "descriptors.few",
            "descriptors",
            told,
            format!("LimitNOFILE={needed} in the unit, `ulimit -n {needed}` in a shell, or lower limits"),
        )
    })
}

fn buffers(facts: &HostFacts) -> Option<Finding> {
    let has = facts.receive_buffer?;
    Some(if has >= WANTED_BUFFER {
        Finding::good("udp_buffer", "net.core.rmem_max", format!("{has} octets"))
    } else {
        Finding::warning(
            "udp_buffer.small",
            "net.core.rmem_max",
            format!("{has} octets: a burst of SIP over UDP is lost before it is read"),
            format!("sysctl -w net.core.rmem_max={WANTED_BUFFER} net.core.wmem_max={WANTED_BUFFER}"),
        )
    })
}

/// A port that the system lends to somebody else's connection is not there when a call wants it.
fn ephemeral(facts: &HostFacts, network: &NetworkSettings) -> Option<Finding> {
    let (low, high) = facts.ephemeral?;
    let (first, last) = network.rtp_ports;
    let overlap = (first.max(low), last.min(high));
    let subject = format!("networks.{}.rtp_ports", network.name);
    let is_reserved = facts.reserved.iter().any(|(from, to)| *from <= overlap.0 && overlap.1 <= *to);
    if overlap.0 > overlap.1 || is_reserved {
        return Some(Finding::good("rtp_ports.apart", subject, "apart from the system's own ports"));
    }
    Some(Finding::warning(
        "rtp_ports.ephemeral",
        subject,
        format!("{}-{} are ports that the system gives to outgoing connections", overlap.0, overlap.1),
        format!("use a range below {low}, or sysctl -w net.ipv4.ip_local_reserved_ports={}-{}", overlap.0, overlap.1),
    ))
}

/// PF-169: a call has a pair of ports in the network of each leg.
fn room(network: &NetworkSettings, routing: &RoutingSettings) -> Finding {
    let (first, last) = network.rtp_ports;
    let pairs = usize::from(last.saturating_sub(first)).div_ceil(2);
    let (calls, legs) = (routing.limits.max_calls, legs_here(network, routing));
    let subject = format!("networks.{}.rtp_ports", network.name);
    let both = if legs == 1 { "" } else { ", both legs of a call may be here" };
    let told = format!("{pairs} pairs of ports, limits.max_calls = {calls}{both}");
    if pairs >= calls.saturating_mul(legs) {
        return Finding::good("rtp_ports.room", subject, told);
    }
    let refused = pairs / legs + 1;
    let advice = format!("call {refused} is refused with 503: widen the range, or lower limits.max_calls");
    Finding::warning("rtp_ports.few", subject, told, advice)
}

/// How many legs of one call can be in this network: two where a route leads from one of its trunks to another.
fn legs_here(network: &NetworkSettings, routing: &RoutingSettings) -> usize {
    let is_listener_here =
        |name: &str| routing.listeners.iter().any(|listener| listener.name == name && listener.network == network.name);
    let is_trunk_here =
        |name: &str| routing.trunks.iter().any(|trunk| trunk.name == name && is_listener_here(&trunk.listener));
    let is_here = |name: &String| match routing.groups.iter().find(|group| group.name == *name) {
        Some(group) => group.members.iter().any(|member| is_trunk_here(&member.trunk)),
        None => is_trunk_here(name),
    };
    let is_inside = |route: &RouteSettings| is_here(&route.from) && route.to.iter().any(is_here);
    if routing.routes.iter().any(is_inside) { 2 } else { 1 }
}

/// Whether a daemon has the ports now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    Running,
    Absent,
}

/// Tries addresses and ports by binding them.
pub fn bind(settings: &Settings, daemon: Daemon) -> Vec<Finding> {
    let mut findings = Vec::new();
    for network in &settings.routing.networks {
        findings.push(media_ports(network, daemon));
    }
    if daemon == Daemon::Absent {
        let served = [("metrics.bind", settings.metrics), ("api.bind", settings.api.as_ref().map(|api| api.bind))];
        let served = served.into_iter().filter_map(|(key, bind)| Some((key, bind?)));
        let networks = &settings.routing.networks;
        findings.extend(served.map(|(key, bind)| {
            let found = listening_port(key.to_owned(), Transport::Tcp, bind);
            let is_told = networks.iter().any(|network| network.bind == bind.ip());
            if found.verdict == Verdict::Skipped && !is_told { absent(key, bind.ip()) } else { found }
        }));
        findings.extend(settings.routing.listeners.iter().filter_map(|listener| {
            let network = settings.routing.networks.iter().find(|network| network.name == listener.network)?;
            let subject = format!("listeners.{}", listener.name);
            Some(listening_port(subject, listener.transport, SocketAddr::new(network.bind, listener.port)))
        }));
    }
    findings
}

fn media_ports(network: &NetworkSettings, daemon: Daemon) -> Finding {
    let subject = format!("networks.{}", network.name);
    let (first, last) = network.rtp_ports;
    let failed = |port| UdpSocket::bind((network.bind, port)).err().map(|error| (port, error));
    let Some((port, error)) = (first..=last).find_map(failed) else {
        return Finding::good("rtp_ports", subject, format!("ports {first}-{last} were bound, one after the other"));
    };
    match error.kind() {
        std::io::ErrorKind::AddrInUse if daemon == Daemon::Running => {
            Finding::good("rtp_ports", subject, "the running daemon has ports of the range")
        }
        std::io::ErrorKind::AddrInUse => Finding::fault(
            "rtp_ports.taken",
            format!("{subject}.rtp_ports"),
            format!("UDP port {port} is taken by another process"),
            "move the range, or end that process (ss -lunp)",
        ),
        _ => Finding::fault(
            "bind.absent",
            format!("{subject}.bind"),
            format!("{} cannot be bound: {error}", network.bind),
            format!("write an address of this machine (`ip addr`); the public one behind a NAT is {subject}.advertise"),
        ),
    }
}

/// An address of metrics or API, which no network's finding tells of.
fn absent(key: &str, address: IpAddr) -> Finding {
    Finding::fault(
        "bind.absent",
        key,
        format!("{address} is no address of this machine: the daemon does not start"),
        "write one of this machine (`ip addr`); 127.0.0.1 for what runs beside it",
    )
}

fn listening_port(subject: String, transport: Transport, address: SocketAddr) -> Finding {
    let bound = match transport.is_reliable() {
        true => std::net::TcpListener::bind(address).map(drop),
        false => UdpSocket::bind(address).map(drop),
    };
    match bound {
        Ok(()) => Finding::good("listener", subject, format!("{} {address} is free", transport.via_token())),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Finding::fault(
            "listener.taken",
            subject,
            format!("{} {address} is taken by another process", transport.via_token()),
            "end that process (ss -lntup), or change the port",
        ),
        // Told of its network.
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
            Finding::skipped("listener", subject, format!("{} is not here", address.ip()))
        }
        Err(error) => Finding::fault(
            "listener.refused",
            subject,
            format!("{} {address}: {error}", transport.via_token()),
            "a port below 1024 needs CAP_NET_BIND_SERVICE or socket activation (trunkline.socket)",
        ),
    }
}

/// Whether an address can be reached from the internet (RFC 6890): advertised to a platform, no other makes sense.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [a, b, ..] = four.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(four.is_private() || four.is_loopback() || four.is_link_local() || four.is_unspecified() || shared)
        }
        IpAddr::V6(six) => {
            !(six.is_loopback() || six.is_unspecified() || six.is_unique_local() || six.is_unicast_link_local())
        }
    }
}
