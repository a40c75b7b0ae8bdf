//! Names: those of the targets, and our own, asked from here.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::finding::Finding;
use crate::base::ids::ResolveId;
use crate::config::Loaded;
use crate::net::resolver::Resolver;
use crate::net::settings::NetSettings;
use crate::route::trunk::{TargetSpec, Trunk};
use crate::sip::flow::{Discovery, Resolve, ResolveFailure, Transport};

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

/// Every target with a name, and every name of ours.
pub async fn examine(loaded: &Loaded, resolver: &Resolver) -> Vec<Finding> {
    let mut findings = Vec::new();
    for trunk in &loaded.snapshot.trunks {
        for target in trunk.targets.iter().filter(|target| target.address.is_none()) {
            findings.push(target_name(trunk, target, resolver).await);
        }
    }
    let mut seen = BTreeSet::new();
    for trunk in &loaded.snapshot.trunks {
        let Some(fqdn) = trunk.fqdn.as_deref().filter(|fqdn| seen.insert(fqdn.to_string())) else { continue };
        let network = loaded.snapshot.networks.iter().find(|network| network.id == trunk.network);
        if let Some(network) = network {
            findings.push(own_name(fqdn, network.advertise, resolver).await);
        }
    }
    findings
}

async fn target_name(trunk: &Trunk, target: &TargetSpec, resolver: &Resolver) -> Finding {
    let subject = format!("trunks.{} target {}", trunk.name, target.host);
    match addresses(trunk, target, resolver).await {
        Ok(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            Finding::good("dns.target", subject, found.join(", "))
        }
        Err(failure) => unresolved("dns.target", subject, failure),
    }
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
            Finding::good("dns.own", fqdn, format!("is {advertise}"))
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
