//! DNS servers, each asked alone. A call asks two at once and goes on to the others where they have no answer: one that is dead
//! is not missed until the others are too, and one that has another answer is believed now and then.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::finding::Finding;
use crate::base::ids::ResolveId;
use crate::config::Loaded;
use crate::net::resolver::{Resolver, system_servers};
use crate::net::settings::DnsSettings;
use crate::route::trunk::Trunk;
use crate::sip::flow::{Discovery, Resolve, ResolveFailure, Transport};

/// Names that each server is asked for, and how many of ours may be among them: calls need those of the peers.
const NAMES: usize = 4;
const OWN_NAMES: usize = 2;
/// Servers that are asked; a resolv.conf has three (resolv.conf(5), MAXNS).
const SERVERS: usize = 8;
/// For one answer; half of what one name may take of all servers together.
const PATIENCE: Duration = Duration::from_secs(5);

/// A name that servers are asked for.
#[derive(Clone, Debug)]
struct Wanted {
    question: Resolve,
    /// Where a name of ours must lead. What a peer's name leads to may rightly be another address at another server.
    own: Option<IpAddr>,
}

impl Wanted {
    /// Whether it is an answer to go by.
    fn is_met_by(&self, answer: &Answer) -> bool {
        answer.as_ref().is_ok_and(|found| self.own.is_none_or(|own| found.contains(&own)))
    }
}

type Answer = Result<Vec<IpAddr>, ResolveFailure>;

/// Every server of two or more; a single one is told of with the names. `resolver`: of all of them.
pub async fn examine(loaded: &Loaded, dns: &DnsSettings, resolver: &Resolver) -> Vec<Finding> {
    let servers = if dns.servers.is_empty() { system_servers() } else { dns.servers.clone() };
    let mut seen = BTreeSet::new();
    let servers: Vec<SocketAddr> = servers.into_iter().filter(|server| seen.insert(*server)).take(SERVERS).collect();
    let wanted = wanted(loaded, resolver);
    if servers.len() < 2 || wanted.is_empty() {
        return Vec::new();
    }
    let answers = answers(&servers, dns, &wanted).await;
    let answers: Vec<_> = servers.into_iter().zip(answers).collect();
    answers.iter().filter_map(|(server, said)| judged(*server, said, &wanted, &answers)).collect()
}

/// What each server says of each name, all asked at once.
async fn answers(servers: &[SocketAddr], dns: &DnsSettings, wanted: &[Wanted]) -> Vec<Vec<Answer>> {
    let mut asked = Vec::new();
    for server in servers {
        let alone = Arc::new(Resolver::new(DnsSettings { servers: vec![*server], hosts: dns.hosts.clone() }));
        let ask = |wanted: &Wanted| tokio::spawn(answer(Arc::clone(&alone), wanted.question.clone()));
        asked.push(wanted.iter().map(ask).collect::<Vec<_>>());
    }
    let mut answers = Vec::new();
    for server in asked {
        let mut said = Vec::new();
        for name in server {
            said.push(name.await.unwrap_or(Err(ResolveFailure::ServerFailed)));
        }
        answers.push(said);
    }
    answers
}

async fn answer(server: Arc<Resolver>, question: Resolve) -> Answer {
    let answer = timeout(PATIENCE, server.answer(question, || 0)).await.unwrap_or(Err(ResolveFailure::TimedOut));
    answer.map(|found| found.addresses.iter().map(SocketAddr::ip).collect())
}

/// Names that no static host stands for: ours, then the peers'.
fn wanted(loaded: &Loaded, resolver: &Resolver) -> Vec<Wanted> {
    let question = |host: &str, port, transport, discovery| Resolve {
        id: ResolveId(0),
        host: host.to_owned(),
        port,
        transport,
        discovery,
    };
    let own = loaded.snapshot.trunks.iter().filter_map(|trunk| {
        let network = loaded.snapshot.networks.iter().find(|network| network.id == trunk.network)?;
        let question = question(trunk.fqdn.as_deref()?, None, Transport::Tls, Discovery::Hosts);
        Some(Wanted { question, own: Some(network.advertise) })
    });
    let named = |trunk: &Trunk| {
        let named = trunk.targets.iter().filter(|target| target.address.is_none());
        let asked = named.map(|target| question(&target.host, target.port, trunk.transport, target.discovery));
        asked.map(|question| Wanted { question, own: None }).collect::<Vec<_>>()
    };
    let theirs = loaded.snapshot.trunks.iter().flat_map(|trunk| named(trunk));
    let mut seen = BTreeSet::new();
    let mut is_asked = |wanted: &Wanted| {
        let host = &wanted.question.host;
        !resolver.is_static(host) && seen.insert(host.to_ascii_lowercase())
    };
    let mut asked: Vec<Wanted> = own.filter(&mut is_asked).take(OWN_NAMES).collect();
    asked.extend(theirs.filter(is_asked).take(NAMES - OWN_NAMES));
    asked
}

/// Of one server: what it does not know and another does. What no server knows is no matter of servers.
fn judged(
    server: SocketAddr,
    said: &[Answer],
    wanted: &[Wanted],
    all: &[(SocketAddr, Vec<Answer>)],
) -> Option<Finding> {
    let subject = format!("dns server {server}");
    let mut met = None;
    for (at, (wanted, answer)) in wanted.iter().zip(said).enumerate() {
        if wanted.is_met_by(answer) {
            met = Some(&wanted.question.host);
            continue;
        }
        let knows = |(other, said): &(SocketAddr, Vec<Answer>)| {
            said.get(at).filter(|answer| wanted.is_met_by(answer)).map(|_| *other)
        };
        if let Some(other) = all.iter().find_map(knows) {
            return Some(missing(subject, wanted, answer, other));
        }
    }
    met.map(|name| Finding::good("dns.server", subject, format!("knows {name}")))
}

/// `other` knows the name.
fn missing(subject: String, wanted: &Wanted, answer: &Answer, other: SocketAddr) -> Finding {
    const MEND: &str = "mend it, let UDP and TCP 53 out to it, or take it out of dns.servers or /etc/resolv.conf";
    let name = &wanted.question.host;
    let (code, told) = match answer {
        Err(ResolveFailure::TimedOut) => {
            ("dns.server.silent", format!("said nothing of {name} within {} s; {other} knows it", PATIENCE.as_secs()))
        }
        Err(ResolveFailure::ServerFailed) => (
            "dns.server.failed",
            format!("has no answer for {name}: an error, nothing, or it cannot be reached; {other} knows it"),
        ),
        Err(ResolveFailure::NoSuchName) => {
            ("dns.server.disagrees", format!("says that there is no {name}; {other} knows it"))
        }
        Ok(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            ("dns.server.disagrees", format!("says that {name} is {}; {other} says that it is we", found.join(", ")))
        }
    };
    let advice = match (code, wanted.own) {
        ("dns.server.disagrees", Some(own)) => {
            format!(
                "peers ask servers of their own: see to it that everybody is told {own}; an inner zone that says else is no help"
            )
        }
        ("dns.server.disagrees", None) => {
            format!("a call asks two servers at once and believes the first: all must know the name; {MEND}")
        }
        _ => format!("calls go on by the others, later by up to some seconds, and stop when those fail too: {MEND}"),
    };
    Finding::warning(code, subject, told, advice)
}
