//! Where the requests of one dialog go: RFC 3261 12.2.1.1 and 8.1.2, RFC 3263, RFC 5923.
//!
//! First route, else remote target. An address in it is used as it is, a name is looked up; neither is followed beyond
//! what the trunk allows ([`crate::route::reach`]): then, and when a name gives nothing, requests go to where the
//! dialog's messages come from. Connections are used again while they live and dialled anew when gone.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::base::bounds::Bound;
use crate::base::limits::HOP_ADDRESSES;
use crate::dialog::{Dialog, RequestPath};
use crate::route::trunk::{ContactHost, Trunk};
use crate::sip::flow::{Destination, Discovery, Flow, Target, TlsTarget};
use crate::sip::{Host, SipUri};

/// Where one request goes, and where its dialog's path would have it go.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Where it goes unless `wish` names a host that has an answer.
    pub to: Destination,
    pub wish: Wish,
    /// Where else it may go when that fails, in this order.
    pub others: Vec<Destination>,
}

/// What the path of a dialog says of the next hop.
#[derive(Clone, Debug)]
pub enum Wish {
    /// That it is where `Hop::to` leads.
    Granted,
    /// An address that this trunk does not allow.
    Refused(Arc<str>),
    Name(Arc<NamedHop>),
}

/// A next hop that is a name.
#[derive(Debug)]
pub struct NamedHop {
    pub host: String,
    /// RFC 3263 4.2: with a port neither NAPTR nor SRV is asked.
    pub port: Option<u16>,
    pub discovery: Discovery,
    pub trunk: Arc<Trunk>,
    /// Where the dialog's messages come from.
    pub flow: Flow,
}

impl From<Destination> for Hop {
    fn from(to: Destination) -> Hop {
        Hop { to, wish: Wish::Granted, others: Vec::new() }
    }
}

impl Hop {
    /// The next hop of a dialog whose peer's last message came on `flow`.
    pub fn of(dialog: &Dialog, trunk: &Arc<Trunk>, flow: Flow) -> Hop {
        let RequestPath { next_hop, routes, .. } = dialog.request_path();
        // MD-81: the host and port of this peer's Contact are no place for SIP; what led here is.
        if routes.is_empty() && trunk.contact_host == ContactHost::Ignored {
            return Hop::back(trunk, flow, trunk.transport.default_port());
        }
        let Some(uri) = next_hop.as_sip() else {
            return Hop::back(trunk, flow, trunk.transport.default_port());
        };
        let port = uri.port.filter(|&port| port != 0).unwrap_or(trunk.transport.default_port());
        match host(uri) {
            Host::V4(address) => Hop::to_address(trunk, flow, (address, port).into()),
            Host::V6(address) => Hop::to_address(trunk, flow, (address, port).into()),
            Host::Name(name) => {
                let host = String::from_utf8_lossy(&name).into_owned();
                let (discovery, trunk) = (Discovery::Services, Arc::clone(trunk));
                let back = Hop::back(&trunk, flow, port);
                Hop { wish: Wish::Name(Arc::new(NamedHop { host, port: uri.port, discovery, trunk, flow })), ..back }
            }
        }
    }

    /// The dialog's messages come from the address itself, or the trunk allows it.
    fn to_address(trunk: &Arc<Trunk>, flow: Flow, address: SocketAddr) -> Hop {
        if same(address.ip(), flow.remote.ip()) || trunk.reach.allows(address) {
            return destination(trunk, flow, address, trunk.tls.clone()).into();
        }
        Hop { wish: Wish::Refused(Arc::clone(&trunk.name)), ..Hop::back(trunk, flow, address.port()) }
    }

    /// To where the dialog's messages come from. The far port of a connection that the peer opened listens to nobody:
    /// a new one goes to `port`.
    fn back(trunk: &Trunk, flow: Flow, port: u16) -> Hop {
        let port = if flow.transport.is_reliable() { port } else { flow.remote.port() };
        destination(trunk, flow, (flow.remote.ip(), port).into(), trunk.tls.clone()).into()
    }
}

impl NamedHop {
    /// The addresses of this name that may be used, in their order.
    pub fn destinations(&self, addresses: &[SocketAddr]) -> Vec<Destination> {
        let reaches = |address: &SocketAddr| {
            let ip = address.ip().to_canonical();
            let is_back = same(ip, self.flow.remote.ip());
            let same_family = ip.is_ipv4() == self.flow.remote.ip().to_canonical().is_ipv4();
            same_family && (is_back || self.trunk.reach.allows(*address))
        };
        let usable = Bound::HopAddresses.first(HOP_ADDRESSES, addresses.iter().filter(|address| reaches(address)));
        usable.map(|address| destination(&self.trunk, self.flow, *address, self.tls())).collect()
    }

    /// RFC 5922 7.1: the name asked for is the URI's, as long as the trunk says which names its peer must prove.
    fn tls(&self) -> Option<Arc<TlsTarget>> {
        let own = self.trunk.tls.as_ref()?;
        match own.peer_names.is_empty() || own.server_name.eq_ignore_ascii_case(&self.host) {
            true => Some(Arc::clone(own)),
            false => Some(Arc::new(TlsTarget { server_name: self.host.clone(), ..TlsTarget::clone(own) })),
        }
    }
}

fn same(a: IpAddr, b: IpAddr) -> bool {
    a.to_canonical() == b.to_canonical()
}

/// RFC 3263 4: `maddr` stands for the host.
fn host(uri: &SipUri) -> Host {
    let maddr = uri.param("maddr").flatten();
    maddr.and_then(|text| Host::parse(std::str::from_utf8(text).ok()?)).unwrap_or_else(|| uri.host.clone())
}

/// RFC 3261 18.1.1: that one large request went over TCP says nothing about the next one, so the trunk's own transport.
fn destination(trunk: &Trunk, flow: Flow, address: SocketAddr, tls: Option<Arc<TlsTarget>>) -> Destination {
    let target = Target { listener: flow.listener, ..trunk.target(address, tls) };
    if trunk.transport.is_reliable() { Destination::FlowOr(flow, target) } else { Destination::Target(target) }
}
