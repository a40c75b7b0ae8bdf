//! What only shows when the tables are seen together: ports that collide, trunks that do not fit their listener,
//! senders that cannot be told apart, routes that are never reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::document::{Document, joined, key_of};
use super::profile::known_profile;
use super::settings::Settings;
use super::trunk::foreign_family;
use super::user_to_user;
use crate::route::emergency::EmergencyRouteSettings;
use crate::route::identify::ambiguities;
use crate::route::media::Security;
use crate::route::number::{Country, Reads};
use crate::route::presentation::Unroutable;
use crate::route::profile::{Need, Profile, Standing};
use crate::route::role::PeerRole;
use crate::route::settings::{
    ListenerSettings, NetworkSettings, Reuse, RouteSettings, RoutingSettings, ServerNames, TrunkSettings,
};
use crate::route::table::Pattern;
use crate::route::trunk::{ClientCertificate, PeerShows, TargetSpec};
use crate::sip::flow::{KeepAlive, LargeRequests, Transport};
use crate::sip::uri::SipScheme;

/// Reports everything that does not fit together.
pub(super) fn check(doc: &Document, settings: &Settings) {
    let routing = &settings.routing;
    check_networks(doc, &routing.networks);
    routing.networks.iter().for_each(|network| check_allowed_media(doc, network));
    check_ports(doc, settings);
    routing.trunks.iter().for_each(|trunk| check_trunk(doc, routing, trunk));
    let told = check_shared_names(doc, routing);
    for pair in ambiguities(routing).iter().filter(|pair| !told.contains(&*pair.second)) {
        let text = format!(
            "{} sends as \"{}\" too: nothing tells the two apart; write different sources, an fqdn for each, \
             or peer_names on a TLS listener",
            pair.source, pair.first
        );
        doc.error(&key_of("trunks", &pair.second, "sources"), text);
    }
    check_routes(doc, routing);
    check_emergency(doc, routing);
    user_to_user::check(doc, routing);
    check_guard(doc, routing);
    if routing.listeners.is_empty() && doc.is_accepted() {
        doc.error("", "no listener: nothing can arrive; write a table [listeners.NAME]");
    }
}

/// Whether a port bound on one address is taken on the other.
fn addresses_meet(a: IpAddr, b: IpAddr) -> bool {
    a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
}

/// Every pair once, the later one second.
fn pairs<T>(entries: &[T]) -> impl Iterator<Item = (&T, &T)> {
    let later = |(index, entry)| entries.iter().skip(index + 1).map(move |other| (entry, other));
    entries.iter().enumerate().flat_map(later)
}

fn check_networks(doc: &Document, networks: &[NetworkSettings]) {
    for (a, b) in pairs(networks) {
        let (first, last) = (a.rtp_ports.0.max(b.rtp_ports.0), a.rtp_ports.1.min(b.rtp_ports.1));
        if addresses_meet(a.bind, b.bind) && first <= last {
            let text =
                format!("ports {first}-{last} belong to network \"{}\" too; write ranges that do not overlap", a.name);
            doc.error(&key_of("networks", &b.name, "rtp_ports"), text);
        }
    }
}

/// What is wider than every private range holds special addresses too, of this machine and its neighbours, and protects
/// nothing: 0.0.0.0/0 in two halves is no less than in one.
fn check_allowed_media(doc: &Document, network: &NetworkSettings) {
    // 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193) are the widest.
    let is_too_wide = |range: &&IpNet| range.prefix_len() < if range.addr().is_ipv4() { 8 } else { 7 };
    if let Some(range) = network.allow_media.iter().find(is_too_wide) {
        let text = format!(
            "{range} is wider than any private range (/8, IPv6 /7) and would let media be sent to this machine's own addresses; write the \
             private ranges of this side"
        );
        doc.error(&key_of("networks", &network.name, "allow_media"), text);
    }
}

/// A socket the configuration asks for.
struct Bound {
    path: String,
    what: String,
    datagram: bool,
    address: SocketAddr,
}

fn check_ports(doc: &Document, settings: &Settings) {
    let routing = &settings.routing;
    let mut bound: Vec<Bound> = routing.listeners.iter().filter_map(|listener| bound(routing, listener)).collect();
    for (table, address) in [("metrics", settings.metrics), ("api", settings.api.as_ref().map(|api| api.bind))] {
        let path = format!("{table}.bind");
        bound.extend(address.map(|address| Bound { what: path.clone(), path, datagram: false, address }));
    }
    for (a, b) in pairs(&bound) {
        let same = a.address.port() == b.address.port() && a.datagram == b.datagram;
        if same && addresses_meet(a.address.ip(), b.address.ip()) {
            doc.error(&b.path, format!("port {} is taken by {}; write another port", b.address.port(), a.what));
        }
    }
    for socket in bound.iter().filter(|socket| socket.datagram) {
        check_media_ports(doc, &routing.networks, socket);
    }
}

fn bound(routing: &RoutingSettings, listener: &ListenerSettings) -> Option<Bound> {
    let network = routing.networks.iter().find(|network| network.name == listener.network)?;
    let (path, what) = (key_of("listeners", &listener.name, "port"), format!("listener \"{}\"", listener.name));
    let datagram = listener.transport == Transport::Udp;
    Some(Bound { path, what, datagram, address: SocketAddr::new(network.bind, listener.port) })
}

fn check_media_ports(doc: &Document, networks: &[NetworkSettings], socket: &Bound) {
    let port = socket.address.port();
    let range = |network: &&NetworkSettings| (network.rtp_ports.0..=network.rtp_ports.1).contains(&port);
    let meeting = networks.iter().filter(|network| addresses_meet(network.bind, socket.address.ip()));
    if let Some(network) = meeting.into_iter().find(range) {
        let text =
            format!("port {port} lies in rtp_ports of network \"{}\"; write a port outside that range", network.name);
        doc.error(&socket.path, text);
    }
}

fn check_trunk(doc: &Document, routing: &RoutingSettings, trunk: &TrunkSettings) {
    let at = |key: &str| key_of("trunks", &trunk.name, key);
    let Some(listener) = routing.listeners.iter().find(|listener| listener.name == trunk.listener) else { return };
    if let Some(profile) = known_profile(&trunk.profile) {
        check_profile(doc, &at("profile"), profile, listener);
        check_needs(doc, profile, trunk);
    }
    match listener.transport {
        Transport::Tls => check_tls_trunk(doc, listener, trunk),
        Transport::Udp | Transport::Tcp => check_plain_trunk(doc, listener, trunk),
    }
    if trunk.server_names == ServerNames::NameAccounts && listener.transport != Transport::Tls {
        doc.error(&at("account_by_server_name"), "has a meaning over TLS only; leave it out");
    }
    if trunk.reuse == Reuse::Offered && listener.transport != Transport::Tls {
        doc.error(&at("offer_reuse"), "has a meaning over TLS only; leave it out");
    }
    if trunk.large_requests == LargeRequests::Tcp && listener.transport != Transport::Udp {
        doc.error(&at("udp_to_tcp"), "has a meaning over UDP only; leave it out");
    }
    if trunk.keep_alive != KeepAlive::OfListener && listener.transport == Transport::Udp {
        doc.error(&at("keep_alive_s"), "has a meaning over TCP and TLS only; leave it out");
    }
    let network = routing.networks.iter().find(|network| network.name == listener.network);
    if let Some(foreign) = network.and_then(|network| foreign_family(&trunk.targets, network.advertise)) {
        let text = format!(
            "{foreign} cannot be reached from network \"{}\"; write a target of its address family",
            listener.network
        );
        doc.error(&at("targets"), text);
    }
    check_own_targets(doc, routing, trunk, listener.transport);
    if trunk.max_calls == Some(0) {
        doc.warn(&at("max_calls"), "0 lets no call through this trunk; leave it out for no limit of its own");
    }
    check_sources(doc, trunk, listener, network);
    let is_known = !trunk.effective_sources().is_empty() || !trunk.peer_names.is_empty();
    // A registrar's calls come over the connection that we registered with (PF-133).
    let was_written = ["sources", "sources_file", "targets"].iter().any(|key| doc.is_refused(&at(key)));
    if !is_known && trunk.registration.is_none() && !was_written {
        doc.warn(&at("sources"), "nobody is let in from this trunk; write sources = [\"198.51.100.0/28\"]");
    }
}

/// Sources that let in everybody, or nobody.
fn check_sources(
    doc: &Document,
    trunk: &TrunkSettings,
    listener: &ListenerSettings,
    network: Option<&NetworkSettings>,
) {
    let path = key_of("trunks", &trunk.name, "sources");
    let sources = trunk.effective_sources();
    let all = sources.iter().any(|range| range.prefix_len() == 0);
    let shows_one = listener.client_certificate == ClientCertificate::Require
        || listener.client_certificate == ClientCertificate::Request && trunk.peer_shows == PeerShows::Certificate;
    if all && trunk.peer_names.is_empty() {
        doc.warn(&path, "anybody may send as this trunk; write the addresses of the peer");
    } else if all && !shows_one {
        let text = "anybody who shows no certificate may send as this trunk; write the addresses of the peer, or \
                    client_certificate = \"require\"";
        doc.warn(&path, text);
    }
    let is_foreign = |network: &NetworkSettings| {
        !sources.is_empty() && sources.iter().all(|range| range.addr().is_ipv4() != network.bind.is_ipv4())
    };
    if let Some(network) = network.filter(|network| is_foreign(network) && doc.stands(&path)) {
        let text = format!(
            "nobody is let in: network \"{}\" is bound to {}, and no source has an address of that family",
            network.name, network.bind
        );
        doc.warn(&path, text);
    }
}

/// A target that is one of our own listeners: calls would come back until their hops are spent.
fn check_own_targets(doc: &Document, routing: &RoutingSettings, trunk: &TrunkSettings, transport: Transport) {
    let address = |target: &TargetSpec| {
        let port = target.port.or(trunk.behaviour.port).unwrap_or(transport.default_port());
        Some(SocketAddr::new(target.address?, port))
    };
    let own =
        |address: SocketAddr| routing.listeners.iter().find(|listener| is_own(routing, listener, transport, address));
    if let Some(listener) = trunk.targets.iter().filter_map(address).find_map(own) {
        let text =
            format!("is our own listener \"{}\": calls would come back to us; write the peer's address", listener.name);
        doc.error(&key_of("trunks", &trunk.name, "targets"), text);
    }
}

fn is_own(routing: &RoutingSettings, listener: &ListenerSettings, transport: Transport, address: SocketAddr) -> bool {
    let network = routing.networks.iter().find(|network| network.name == listener.network);
    let datagram = |transport| transport == Transport::Udp;
    let same = listener.port == address.port() && datagram(listener.transport) == datagram(transport);
    same && network.is_some_and(|network| [network.bind, network.advertise].contains(&address.ip()))
}

fn check_profile(doc: &Document, path: &str, profile: &Profile, listener: &ListenerSettings) {
    if !profile.transports.contains(&listener.transport) {
        let spoken: Vec<_> = profile.transports.iter().map(|transport| transport.uri_token()).collect();
        let (found, spoken) = (listener.transport.uri_token(), spoken.join(" or "));
        let text = format!(
            "{} speaks {spoken}, listener \"{}\" is {found}; write a {spoken} listener or another profile",
            profile.name, listener.name
        );
        doc.error(path, text);
    }
}

/// MD-17: one name used both for Teams and for ACS is answered 480 (T23). Gives the trunks it was said of.
fn check_shared_names<'r>(doc: &Document, routing: &'r RoutingSettings) -> BTreeSet<&'r str> {
    let mut told = BTreeSet::new();
    let is_acs = |trunk: &TrunkSettings| trunk.profile == "azure-acs";
    let microsofts = routing.trunks.iter().filter(|trunk| is_acs(trunk) || trunk.profile.starts_with("microsoft-"));
    let named: Vec<&TrunkSettings> = microsofts.filter(|trunk| trunk.fqdn.is_some()).collect();
    for (index, trunk) in named.iter().enumerate() {
        let earlier = named.iter().take(index);
        let twin = earlier.into_iter().find(|other| other.fqdn == trunk.fqdn && is_acs(other) != is_acs(trunk));
        if let Some(twin) = twin {
            let text = format!(
                "\"{}\" has this name for the other of Teams and ACS: calls are answered 480; write another name",
                twin.name
            );
            doc.error_named("fqdn.shared", &key_of("trunks", &trunk.name, "fqdn"), text);
            told.insert(trunk.name.as_str());
        }
    }
    told
}

/// What the profile's peers cannot do without.
fn check_needs(doc: &Document, profile: &Profile, trunk: &TrunkSettings) {
    let at = |key: &str| key_of("trunks", &trunk.name, key);
    let name = profile.name;
    for need in &profile.needs {
        match need {
            Need::Fqdn if trunk.fqdn.is_none() => {
                let text = format!("{name} knows us by a name, never by an address; write fqdn = \"sbc1.example.com\"");
                doc.error(&at("fqdn"), text);
            }
            Need::Registration if trunk.registration.is_none() => {
                let text =
                    format!("{name} is a peer to register at; write registration = {{ aor = \"sip:user@host\" }}");
                doc.error(&at("registration"), text);
            }
            Need::RequestUriHost if trunk.request_uri_host.is_none() => {
                let text = format!("{name} knows its customer by the host of the Request-URI; write request_uri_host");
                doc.error(&at("request_uri_host"), text);
            }
            // `certificates` looks at the identity.
            Need::RsaIdentity | Need::Fqdn | Need::Registration | Need::RequestUriHost => {}
        }
    }
    if profile.standing == Standing::Experimental {
        doc.warn(
            &at("profile"),
            format!("{name} is experimental: too little of this peer is known; try it with the peer first"),
        );
    }
}

fn check_tls_trunk(doc: &Document, listener: &ListenerSettings, trunk: &TrunkSettings) {
    let at = |key: &str| key_of("trunks", &trunk.name, key);
    if trunk.trust.is_none() {
        doc.error(
            &at("trust"),
            "which of the trust stores verifies this peer? write trust = \"NAME\", or name one \"default\"",
        );
    }
    if trunk.peer_shows == PeerShows::Certificate && listener.client_certificate == ClientCertificate::Never {
        let text = format!(
            "this peer must show a certificate and listener \"{}\" asks for none; write client_certificate = \"request\" there",
            listener.name
        );
        doc.error(&at("client_certificate"), text);
    } else if trunk.peer_shows == PeerShows::Certificate && trunk.peer_names.is_empty() {
        doc.error(&at("peer_names"), "which name must this peer's certificate carry? write peer_names");
    } else if listener.client_certificate == ClientCertificate::Never && !trunk.peer_names.is_empty() {
        let text =
            format!("listener \"{}\" asks for no certificate, so only sources identify this peer", listener.name);
        doc.warn(&at("peer_names"), text);
    }
}

fn check_plain_trunk(doc: &Document, listener: &ListenerSettings, trunk: &TrunkSettings) {
    let at = |key: &str| key_of("trunks", &trunk.name, key);
    let found = listener.transport.uri_token();
    let only_tls = format!("has a meaning over TLS only, listener \"{}\" is {found}; leave it out", listener.name);
    for path in
        ["certificate", "trust", "peer_names", "client_certificate"].map(at).iter().filter(|path| doc.stands(path))
    {
        doc.error(path, only_tls.as_str());
    }
    if trunk.registration.as_ref().is_some_and(|registration| registration.aor.scheme == SipScheme::Sips) {
        let text = format!("sips: means TLS all the way, and listener \"{}\" is {found}; write sip:", listener.name);
        doc.error(&at("registration.aor"), text);
    }
    if trunk.behaviour.media.security != Security::Rtp {
        let text = format!("SRTP keys travel readable over {found}; write security = \"rtp\" or use a TLS listener");
        doc.warn(&at("media.security"), text);
    }
}

/// A route for a number that nobody takes for an emergency number is never asked.
fn check_emergency(doc: &Document, routing: &RoutingSettings) {
    let countries = routing.trunks.iter().filter_map(|trunk| trunk.behaviour.presentation.numbers.country);
    let of_countries = countries.flat_map(|country| country.emergency.iter().copied());
    let known: BTreeSet<&str> = of_countries.chain(routing.emergency.numbers.iter().map(String::as_str)).collect();
    for (index, route) in routing.emergency.routes.iter().enumerate() {
        if let Some(number) = route.numbers.iter().find(|number| !known.contains(number.as_str())) {
            let text = format!(
                "{number} is no emergency number here: no trunk's country has it; write it into emergency.numbers too"
            );
            doc.error(&format!("emergency.routes[{index}].numbers"), text);
        }
        check_help(doc, routing, index, route);
    }
}

/// A call for help must reach who delivers it. A number that is one in no country may be a desk's in the house.
fn check_help(doc: &Document, routing: &RoutingSettings, index: usize, route: &EmergencyRouteSettings) {
    let is_public = |number: &String| Country::all().iter().any(|country| country.emergency.contains(&number.as_str()));
    let takes_public = match &route.numbers[..] {
        [] => {
            routing.trunks.iter().any(|trunk| trunk.behaviour.presentation.numbers.country.is_some())
                || routing.emergency.numbers.iter().any(is_public)
        }
        numbers => numbers.iter().any(is_public),
    };
    let is_carrier =
        |name: &str| routing.trunks.iter().any(|trunk| trunk.name == name && trunk.behaviour.role == PeerRole::Carrier);
    let mut led_to = route.to.iter().flat_map(|name| members(routing, name));
    if takes_public && doc.is_accepted() && !led_to.any(is_carrier) {
        let text = "leads to no carrier: a call for help must reach one that delivers it; write its trunk";
        doc.warn(&format!("emergency.routes[{index}].to"), text);
    }
}

/// Calls from platforms to carriers are where the money goes: somebody must say what is home.
fn check_guard(doc: &Document, routing: &RoutingSettings) {
    let countries = routing.trunks.iter().any(|trunk| trunk.behaviour.presentation.numbers.country.is_some());
    if countries || !routing.fraud.allow_countries.is_empty() {
        return;
    }
    let has = |name: &str, role: PeerRole| {
        let names = members(routing, name);
        routing.trunks.iter().any(|trunk| names.contains(&trunk.name.as_str()) && trunk.behaviour.role == role)
    };
    let costs = |route: &&RouteSettings| {
        has(&route.from, PeerRole::Platform) && route.to.iter().any(|name| has(name, PeerRole::Carrier))
    };
    if routing.routes.iter().any(|route| costs(&route)) {
        let text = "is off: no trunk names a country, so calls to every destination but fraud.deny_prefixes are let through; write \
                    numbers = { country = \"DE\" } at the carriers' trunks, or fraud.allow_countries";
        doc.warn("fraud", text);
    }
}

fn check_routes(doc: &Document, routing: &RoutingSettings) {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, route) in routing.routes.iter().enumerate() {
        let twin = route.name.as_deref().and_then(|name| names.insert(name, index));
        if let Some(twin) = twin {
            doc.error(&format!("routes[{index}].name"), format!("routes[{twin}] has this name too; write another one"));
        }
        check_patterns(doc, routing, index, route);
        match open.get(route.from.as_str()) {
            Some(first) => {
                let from = &route.from;
                let text = format!(
                    "never reached: routes[{first}] takes every call from \"{from}\"; put this route before it"
                );
                doc.warn(&format!("routes[{index}]"), text);
            }
            None if route.takes_all() => drop(open.insert(&route.from, index)),
            None => {}
        }
    }
    routing.routes.iter().enumerate().for_each(|(index, route)| check_way_back(doc, routing, index, route));
    let used = used_trunks(routing);
    for trunk in routing.trunks.iter().filter(|trunk| !used.contains(trunk.name.as_str())) {
        doc.warn(&joined("trunks", &trunk.name), "no route uses this trunk");
    }
}

/// Numbers of trunks with a numbers table begin with a plus, so a pattern that begins as they are dialled meets none.
fn check_patterns(doc: &Document, routing: &RoutingSettings, index: usize, route: &RouteSettings) {
    let names = members(routing, &route.from);
    let plans = || routing.trunks.iter().filter(|trunk| names.contains(&trunk.name.as_str()));
    let normalised = |trunk: &TrunkSettings| {
        let presentation = &trunk.behaviour.presentation;
        presentation.numbers.reads == Reads::ByForm && presentation.unroutable != Unroutable::Pass
    };
    if !plans().all(normalised) {
        return;
    }
    for (key, pattern) in [("calling", &route.calling), ("called", &route.called)] {
        let (text, member) = match pattern {
            Some(Pattern::Number(text)) => (text, ""),
            Some(Pattern::Prefix(text)) => (text, ".prefix"),
            Some(Pattern::Regex(_)) | None => continue,
        };
        if let Some(meant) = plans().find_map(|trunk| with_plus(text, trunk)) {
            let told =
                "meets no number: those of this trunk are normalised, and begin with a plus and the country code";
            doc.warn(&format!("routes[{index}].{key}{member}"), format!("{told}; did you mean \"{meant}\"?"));
        }
    }
}

/// What is dialled in a trunk's country, as it is written inside; `None` for what may be a short number.
fn with_plus(text: &str, trunk: &TrunkSettings) -> Option<String> {
    let country = trunk.behaviour.presentation.numbers.country?;
    if text.starts_with('+') {
        return None;
    }
    let abroad = country.international_prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    let national = || text.strip_prefix(country.trunk_prefix).filter(|_| !country.trunk_prefix.is_empty());
    let whole = || text.strip_prefix(country.calling_code).filter(|rest| rest.len() >= 2);
    let inside = |rest: &str| format!("+{}{rest}", country.calling_code);
    abroad.map(|rest| format!("+{rest}")).or_else(|| national().map(inside)).or_else(|| whole().map(inside))
}

/// A call that goes back to where it came from meets the same route there, or a peer that sends it here again.
fn check_way_back(doc: &Document, routing: &RoutingSettings, index: usize, route: &RouteSettings) {
    let from = members(routing, &route.from);
    let to: BTreeSet<&str> = route.to.iter().flat_map(|name| members(routing, name)).collect();
    if let Some(both) = from.into_iter().find(|name| to.contains(name)) {
        let text =
            format!("calls from \"{both}\" may go back to it; leave it out of to, unless its peer never returns them");
        doc.warn(&format!("routes[{index}].to"), text);
    }
}

/// The trunk itself, or the members of a group.
fn members<'r>(routing: &'r RoutingSettings, name: &'r str) -> Vec<&'r str> {
    match routing.groups.iter().find(|group| group.name == name) {
        Some(group) => group.members.iter().map(|member| member.trunk.as_str()).collect(),
        None => vec![name],
    }
}

/// Trunks that a route names, by themselves or as members of a group.
fn used_trunks(routing: &RoutingSettings) -> BTreeSet<&str> {
    let named = routing.routes.iter().flat_map(|route| route.to.iter().chain([&route.from]));
    let mut used: BTreeSet<&str> = named.map(String::as_str).collect();
    for group in routing.groups.iter().filter(|group| used.contains(group.name.as_str())).collect::<Vec<_>>() {
        used.extend(group.members.iter().map(|member| member.trunk.as_str()));
    }
    used
}
