//! Names: those of the targets, and our own, asked from here.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

use super::finding::Finding;
use super::host::is_public;
use super::tenants;
use crate::base::ids::ResolveId;
use crate::config::Loaded;
use crate::net::resolver::Resolver;
use crate::net::settings::NetSettings;
use crate::route::trunk::{Network, TargetSpec, Trunk};
use crate::sip::flow::{Discovery, Resolve, ResolveFailure, Transport};

/// An answer that takes longer is felt in every call that waits for it.
const SLOW: Duration = Duration::from_secs(1);

/// The daemon's own resolver, with its servers and static names. Call it inside a runtime.
pub fn resolver(net: &NetSettings) -> Resolver {
    Resolver::new(net.dns.clone())
}

/// Where a target is now.
///
/// # Errors
/// It has no address.
pub async fn addresses(
    trunk: &Trunk,
    target: &TargetSpec,
    resolver: &Resolver,
) -> Result<Vec<SocketAddr>, ResolveFailure> {
    if let Some(address) = target.address {
        return Ok(vec![SocketAddr::new(address, target.port.unwrap_or(trunk.transport.default_port()))]);
    }
    let question = Resolve {
        id: ResolveId(0),
        host: target.host.to_string(),
        port: target.port,
        transport: trunk.transport,
        discovery: target.discovery,
    };
    resolver.answer(question, || 0).await.map(|resolved| resolved.addresses)
}

/// Every target with a name, and every name of ours and of our tenants.
pub async fn examine(loaded: &Loaded, tenants: &tenants::Names, resolver: &Resolver) -> Vec<Finding> {
    let mut findings = Vec::new();
    for trunk in &loaded.snapshot.trunks {
        let network = loaded.snapshot.networks.iter().find(|network| network.id == trunk.network);
        let Some(network) = network else { continue };
        for target in trunk.targets.iter().filter(|target| target.address.is_none()) {
            findings.push(target_name(trunk, target, network, resolver).await);
        }
    }
    let own =
        loaded.snapshot.trunks.iter().filter_map(|trunk| Some((trunk.fqdn.as_deref()?.to_owned(), trunk.network)));
    let of_tenants = tenants.names.iter().map(|tenant| (tenant.name.clone(), tenant.network));
    let mut seen = BTreeSet::new();
    for (fqdn, network) in own.chain(of_tenants).filter(|(fqdn, _)| seen.insert(fqdn.clone())) {
        if let Some(network) = loaded.snapshot.networks.iter().find(|known| known.id == network) {
            findings.push(own_name(&fqdn, network.advertise, resolver).await);
        }
    }
    findings
}

/// `network`: the one that calls to it would leave from.
async fn target_name(trunk: &Trunk, target: &TargetSpec, network: &Network, resolver: &Resolver) -> Finding {
    let own = network.bind;
    let subject = format!("trunks.{} target {}", trunk.name, target.host);
    let asked = Instant::now();
    let found = match addresses(trunk, target, resolver).await {
        Ok(found) => found,
        Err(failure) => return unresolved("dns.target", subject, failure),
    };
    let taken = asked.elapsed();
    let text = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !found.iter().any(|address| address.is_ipv4() == own.is_ipv4()) {
        let family = if own.is_ipv4() { "IPv4" } else { "IPv6" };
        return Finding::fault(
            "dns.target.other_family",
            subject,
            format!("has {text} alone, and the trunk's network is {own}"),
            format!("the name needs an address of {family}, or the trunk a listener of the other family"),
        );
    }
    if let Some(finding) = misled(trunk, network, &subject, &found) {
        return finding;
    }
    if taken >= SLOW {
        return Finding::warning(
            "dns.target.slow",
            subject,
            format!("{text}, after {} ms; from {} ms on is slow", taken.as_millis(), SLOW.as_millis()),
            "calls wait for that: the first DNS server is slow or does not answer; put a near one first (dns.servers)",
        );
    }
    Finding::good("dns.target", subject, text)
}

/// Addresses that a resolver makes up.
fn misled(trunk: &Trunk, network: &Network, subject: &str, found: &[SocketAddr]) -> Option<Finding> {
    if found.iter().all(|address| address.ip().is_unspecified()) {
        return Some(Finding::fault(
            "dns.target.nowhere",
            subject,
            format!("is {}, which is nobody's address", found.first()?.ip()),
            "a DNS server that blocks names answers so: ask another one (dns.servers)",
        ));
    }
    let hidden = found.iter().find(|address| !is_public(address.ip()) && !address.ip().is_loopback());
    if let (Some(hidden), Some(_), true) = (hidden, trunk.service, is_public(network.advertise)) {
        return Some(Finding::warning(
            "dns.target.private",
            subject,
            format!("is {}, an address of a private network, and the service is on the internet", hidden.ip()),
            "ask a public DNS server (dns.servers): the one in use has an answer of its own",
        ));
    }
    None
}

fn unresolved(code: &str, subject: String, failure: ResolveFailure) -> Finding {
    let (reason, told, advice) = match failure {
        ResolveFailure::NoSuchName => {
            ("no_such_name", "the name has no address", "correct the name, or wait until its record is published")
        }
        ResolveFailure::TimedOut => (
            "timed_out",
            "no DNS server answered",
            "check dns.servers or /etc/resolv.conf, and that UDP and TCP 53 may go out",
        ),
        ResolveFailure::ServerFailed => (
            "server_failed",
            "the DNS servers answered with an error",
            "ask another server (dns.servers), or mend the zone",
        ),
    };
    Finding::fault(&format!("{code}.{reason}"), subject, told, advice)
}

/// Peers that dial our name must reach the address that we tell them.
async fn own_name(fqdn: &str, advertise: IpAddr, resolver: &Resolver) -> Finding {
    let question = Resolve {
        id: ResolveId(0),
        host: fqdn.to_owned(),
        port: None,
        transport: Transport::Tls,
        discovery: Discovery::Hosts,
    };
    match resolver.answer(question, || 0).await {
        Ok(found) if found.addresses.iter().any(|address| address.ip() == advertise) => {
            let others = found.addresses.iter().map(SocketAddr::ip);
            let others: Vec<String> = others
                .filter(|address| *address != advertise && address.is_ipv4() == advertise.is_ipv4())
                .map(|address| address.to_string())
                .collect();
            if others.is_empty() {
                return Finding::good("dns.own", fqdn, format!("is {advertise}"));
            }
            Finding::warning(
                "dns.own.several",
                fqdn,
                format!("is {advertise}, and {} too", others.join(", ")),
                "one name stands for one SBC: a part of the platform's requests goes to the other address",
            )
        }
        Ok(found) => {
            let found: Vec<String> = found.addresses.iter().map(|address| address.ip().to_string()).collect();
            Finding::fault(
                "dns.own.elsewhere",
                fqdn,
                format!("is {}, and we advertise {advertise}", found.join(", ")),
                "change the A record, or networks.NAME.advertise: platforms dial the name and get no answer",
            )
        }
        Err(failure) => unresolved("dns.own", fqdn.to_owned(), failure),
    }
}
