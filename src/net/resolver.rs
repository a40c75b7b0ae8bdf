//! Names to addresses (RFC 3263): static hosts first, then NAPTR and SRV where asked for, then A and AAAA. Answers are
//! used again while their TTL lasts; a call asks each time, so that a new connection goes where the name leads now.
//!
//! The last good answer of a name is kept for 24 hours and given out when no server answers: a DNS failure must not
//! end telephony. "No such name" is an answer, and is believed. What a server sends is bounded: records, addresses and
//! the time that one name may take.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use tokio::time::{Instant, timeout, timeout_at};

use super::arrival::News;
pub use super::dns::system_servers;
use super::dns::{self, Servers, plain};
use super::naptr::{self, Pointer};
use super::settings::DnsSettings;
use super::shared::Shared;
use super::srv::{self, Service};
use crate::base::bounds::Bound;
use crate::base::limits::{DNS_ADDRESSES, DNS_POINTERS, DNS_RECORDS, DNS_SERVICES, RESOLVED_NAMES};
use crate::sip::flow::{Discovery, Resolution, Resolve, ResolveFailure, Resolved, Transport};

/// One name, with all that it leads to.
const WHOLE: Duration = Duration::from_secs(10);
/// How long a good answer stands in for a failing server.
const KEPT: Duration = Duration::from_secs(86_400);
/// How long an old answer is given out before a call waits for the servers again.
const OLD_ANSWER_TTL: Duration = Duration::from_secs(30);
/// How long a call waits for the servers when there is an old answer to go on with (RFC 8767 5: below two seconds).
const STAND_IN: Duration = Duration::from_millis(1500);
/// TTL of a static host.
const STATIC_TTL: Duration = Duration::from_secs(3600);

/// Answers [`Resolve`] questions in tasks of the runtime.
pub struct Resolver {
    hosts: BTreeMap<String, Vec<IpAddr>>,
    dns: Option<Servers>,
    kept: Mutex<HashMap<Key, Kept>>,
}

/// The last good answer of a name.
#[derive(Clone, Debug)]
struct Kept {
    resolved: Resolved,
    at: Instant,
    /// When the servers last failed to give a newer one.
    failed: Option<Instant>,
}

/// What a question led to.
enum Found {
    /// What the servers said, or what stands in for it.
    Answer(Result<Resolved, ResolveFailure>),
    /// The servers took too long: an old answer, while they may go on.
    Meanwhile(Resolved),
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resolver({} static hosts)", self.hosts.len())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    host: String,
    port: Option<u16>,
    transport: Transport,
    discovery: Discovery,
}

impl Resolver {
    /// Must be called inside the runtime. Without a usable server every name that is not static fails.
    pub fn new(settings: DnsSettings) -> Resolver {
        let dns = Servers::new(&settings.servers);
        if let Err(error) = &dns {
            tracing::warn!(%error, "no DNS server is known; only dns.hosts and addresses resolve");
        }
        let hosts = settings.hosts.into_iter().map(|(name, addresses)| (plain(&name), addresses)).collect();
        Resolver { hosts, dns: dns.ok(), kept: Mutex::new(HashMap::new()) }
    }

    /// Whether a static answer stands for the name.
    pub fn is_static(&self, host: &str) -> bool {
        self.hosts.contains_key(&plain(host))
    }

    /// The same, with the last good answers of the one before: other servers may fail as well.
    pub fn remembering(self, before: &Resolver) -> Resolver {
        let kept = before.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let untried = kept.into_iter().map(|(key, kept)| (key, Kept { failed: None, ..kept }));
        Resolver { kept: Mutex::new(untried.collect()), ..self }
    }

    /// Answers as news, later.
    pub(super) fn ask(self: &Arc<Self>, shared: &Arc<Shared>, question: Resolve) {
        let (resolver, tasks) = (self.clone(), shared.clone());
        shared.runtime.spawn(async move {
            let (id, key) = (question.id, Key::of(&question));
            let found = resolver.find(&key, || tasks.draw()).await;
            let slow = matches!(found, Found::Meanwhile(_));
            let outcome = found.outcome();
            if let Err(failure) = &outcome {
                tasks.counters.resolve_failures.add(*failure);
            }
            tasks.sink.report(News::Resolved(Resolution { id, outcome }));
            if slow {
                resolver.refresh(&key, || tasks.draw()).await;
            }
        });
    }

    /// The answer, or the last good one. `draw`: 64 random bits each time, for SRV weights.
    ///
    /// # Errors
    /// No address, or no answer and none kept.
    pub async fn answer(&self, question: Resolve, draw: impl FnMut() -> u64) -> Result<Resolved, ResolveFailure> {
        self.find(&Key::of(&question), draw).await.outcome()
    }

    async fn find(&self, key: &Key, draw: impl FnMut() -> u64) -> Found {
        let looking = self.look_up(key, draw);
        let fresh = match self.kept(key) {
            None => looking.await,
            Some(kept) if kept.rests(Instant::now()) => return Found::Answer(Ok(old(kept.resolved))),
            Some(Kept { resolved, .. }) => match timeout(STAND_IN, looking).await {
                Ok(fresh) => fresh,
                Err(_) => {
                    self.note_failure(key);
                    return Found::Meanwhile(old(resolved));
                }
            },
        };
        Found::Answer(self.or_last_good(key, fresh))
    }

    /// Asks again without anybody waiting, so that a slow server is heard too.
    async fn refresh(&self, key: &Key, draw: impl FnMut() -> u64) {
        if let Ok(resolved) = self.look_up(key, draw).await {
            self.keep(key.clone(), &resolved);
        }
    }

    fn or_last_good(&self, key: &Key, fresh: Result<Resolved, ResolveFailure>) -> Result<Resolved, ResolveFailure> {
        match fresh {
            Ok(resolved) => {
                self.keep(key.clone(), &resolved);
                Ok(resolved)
            }
            Err(ResolveFailure::NoSuchName) => Err(ResolveFailure::NoSuchName),
            Err(failure @ (ResolveFailure::TimedOut | ResolveFailure::ServerFailed)) => {
                self.note_failure(key);
                self.kept(key).map(|kept| old(kept.resolved)).ok_or(failure)
            }
        }
    }

    async fn look_up(&self, key: &Key, mut draw: impl FnMut() -> u64) -> Result<Resolved, ResolveFailure> {
        let port = key.port.unwrap_or(key.transport.default_port());
        if let Some(resolved) = self.static_answer(&key.host, port) {
            return Ok(resolved);
        }
        let deadline = Instant::now() + WHOLE;
        for name in self.service_names(key, deadline).await? {
            if let Some(resolved) = self.services(&name, deadline, &mut draw).await? {
                return Ok(resolved);
            }
        }
        self.addresses(&key.host, port, deadline).await
    }

    /// Where SRV records may be, in the order they are asked for.
    async fn service_names(&self, key: &Key, deadline: Instant) -> Result<Vec<String>, ResolveFailure> {
        let usual = || format!("{}.{}", prefix(key.transport), key.host);
        match key.discovery {
            Discovery::Hosts => Ok(Vec::new()),
            Discovery::Services => Ok(vec![usual()]),
            Discovery::Pointers => {
                let mut names = self.pointers(key, deadline).await?;
                // RFC 3263 4.1: without a NAPTR record for us the usual name is asked.
                if names.is_empty() {
                    names.push(usual());
                }
                Ok(names)
            }
        }
    }

    async fn pointers(&self, key: &Key, deadline: Instant) -> Result<Vec<String>, ResolveFailure> {
        let Some(answer) = self.records(&key.host, RecordType::NAPTR, deadline).await? else { return Ok(Vec::new()) };
        let records = answer.answers().iter().filter_map(|record| match &record.data {
            RData::NAPTR(naptr) => Some(Pointer {
                order: naptr.order,
                preference: naptr.preference,
                flags: naptr.flags.to_vec(),
                services: naptr.services.to_vec(),
                replacement: plain(&naptr.replacement.to_ascii()),
            }),
            _ => None,
        });
        let names = naptr::order(Bound::DnsRecords.first(DNS_RECORDS, records).collect(), key.transport);
        Ok(Bound::DnsPointers.first(DNS_POINTERS, names).collect())
    }

    /// The hosts of SRV records in their order. `None`: there are no such records.
    async fn services(
        &self,
        name: &str,
        deadline: Instant,
        draw: impl FnMut() -> u64,
    ) -> Result<Option<Resolved>, ResolveFailure> {
        let Some(answer) = self.records(name, RecordType::SRV, deadline).await? else { return Ok(None) };
        let mut found = Resolved { addresses: Vec::new(), ttl: remaining(answer.valid_until()) };
        let records = answer.answers().iter().filter_map(service);
        let records = Bound::DnsRecords.first(DNS_RECORDS, records).collect();
        let mut failure = ResolveFailure::NoSuchName;
        let offered = srv::order(records, draw).into_iter().filter(is_offered);
        for service in Bound::DnsServices.first(DNS_SERVICES, offered) {
            match self.host(&service, deadline).await {
                Ok(resolved) => {
                    found.ttl = found.ttl.min(resolved.ttl);
                    found.addresses.extend(resolved.addresses);
                }
                Err(why) => failure = why,
            }
        }
        limited(&mut found.addresses);
        if found.addresses.is_empty() { Err(failure) } else { Ok(Some(found)) }
    }

    async fn host(&self, service: &Service, deadline: Instant) -> Result<Resolved, ResolveFailure> {
        match self.static_answer(&service.host, service.port) {
            Some(resolved) => Ok(resolved),
            None => self.addresses(&service.host, service.port, deadline).await,
        }
    }

    async fn addresses(&self, host: &str, port: u16, deadline: Instant) -> Result<Resolved, ResolveFailure> {
        let dns = self.dns.as_ref().ok_or(ResolveFailure::ServerFailed)?;
        // The dot keeps the system's search list out: the name is complete.
        let question = |servers: TokioResolver| {
            let name = format!("{host}.");
            async move { servers.lookup_ip(name).await }
        };
        let answer = within(deadline, dns.ask(question, dns::failure_of_host)).await?;
        let usable = answer.iter().filter(|address| dns::is_usable(*address));
        let mut addresses: Vec<_> =
            Bound::DnsRecords.first(DNS_RECORDS, usable).map(|address| SocketAddr::new(address, port)).collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        limited(&mut addresses);
        if addresses.is_empty() {
            return Err(ResolveFailure::NoSuchName);
        }
        Ok(Resolved { addresses, ttl: remaining(answer.valid_until()) })
    }

    /// Records of one type; `None` when the name has none.
    async fn records(&self, name: &str, kind: RecordType, deadline: Instant) -> Result<Option<Lookup>, ResolveFailure> {
        let dns = self.dns.as_ref().ok_or(ResolveFailure::ServerFailed)?;
        let question = |servers: TokioResolver| {
            let name = format!("{name}.");
            async move { servers.lookup(name, kind).await }
        };
        match within(deadline, dns.ask(question, dns::failure_of)).await {
            Ok(answer) => Ok(Some(answer)),
            Err(ResolveFailure::NoSuchName) => Ok(None),
            Err(failure @ (ResolveFailure::TimedOut | ResolveFailure::ServerFailed)) => Err(failure),
        }
    }

    fn static_answer(&self, host: &str, port: u16) -> Option<Resolved> {
        let addresses = self.hosts.get(host)?;
        let addresses = addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
        Some(Resolved { addresses, ttl: STATIC_TTL })
    }

    fn keep(&self, key: Key, resolved: &Resolved) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= RESOLVED_NAMES && !kept.contains_key(&key) {
            Bound::ResolvedNames.reached();
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.at).map(|(key, _)| key.clone());
            oldest.into_iter().for_each(|key| drop(kept.remove(&key)));
        }
        kept.insert(key, Kept { resolved: resolved.clone(), at: Instant::now(), failed: None });
    }

    /// The last good answer, unless it is too old to be one.
    fn kept(&self, key: &Key) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|kept| kept.is_good(Instant::now())).cloned()
    }

    fn note_failure(&self, key: &Key) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.get_mut(key) {
            kept.failed = Some(Instant::now());
            tracing::warn!(host = %key.host, "no DNS server answers; the last good answer is used");
        }
    }
}

impl Kept {
    /// Young enough to stand in for a server.
    fn is_good(&self, now: Instant) -> bool {
        now.duration_since(self.at) <= KEPT
    }

    /// The servers failed lately: nobody waits for them again.
    fn rests(&self, now: Instant) -> bool {
        self.failed.is_some_and(|failed| now.duration_since(failed) < OLD_ANSWER_TTL)
    }
}

impl Key {
    fn of(question: &Resolve) -> Key {
        Key {
            host: plain(&question.host),
            port: question.port,
            transport: question.transport,
            // RFC 3263 4.2: an explicit port leaves nothing to discover.
            discovery: if question.port.is_some() { Discovery::Hosts } else { question.discovery },
        }
    }
}

impl Found {
    fn outcome(self) -> Result<Resolved, ResolveFailure> {
        match self {
            Found::Answer(answer) => answer,
            Found::Meanwhile(resolved) => Ok(resolved),
        }
    }
}

/// An old answer is soon asked for again.
fn old(resolved: Resolved) -> Resolved {
    Resolved { addresses: resolved.addresses, ttl: OLD_ANSWER_TTL }
}

/// RFC 3263 4.2.
const fn prefix(transport: Transport) -> &'static str {
    match transport {
        Transport::Tls => "_sips._tcp",
        Transport::Tcp => "_sip._tcp",
        Transport::Udp => "_sip._udp",
    }
}

fn service(record: &Record) -> Option<Service> {
    match &record.data {
        RData::SRV(srv) => Some(Service {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            host: plain(&srv.target.to_ascii()),
        }),
        _ => None,
    }
}

/// RFC 2782: the target "." says that the service is not to be had there, and nobody listens on port 0.
fn is_offered(service: &Service) -> bool {
    !service.host.is_empty() && service.port != 0
}

async fn within<T>(
    deadline: Instant,
    question: impl Future<Output = Result<T, ResolveFailure>>,
) -> Result<T, ResolveFailure> {
    timeout_at(deadline, question).await.unwrap_or(Err(ResolveFailure::TimedOut))
}

fn remaining(valid_until: std::time::Instant) -> Duration {
    valid_until.saturating_duration_since(Instant::now().into_std())
}

/// As many addresses as are given out.
fn limited(addresses: &mut Vec<SocketAddr>) {
    Bound::DnsAddresses.reached_by(addresses.len().saturating_sub(DNS_ADDRESSES));
    addresses.truncate(DNS_ADDRESSES);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::ResolveId;

    const SECOND: Duration = Duration::from_secs(1);

    fn resolved() -> Resolved {
        Resolved { addresses: vec!["192.0.2.9:5060".parse().unwrap()], ttl: SECOND }
    }

    fn kept(at: Instant, failed: Option<Instant>) -> Kept {
        Kept { resolved: resolved(), at, failed }
    }

    #[test]
    fn a_good_answer_stands_in_for_a_day_and_no_longer() {
        let at = Instant::now();
        assert!(kept(at, None).is_good(at + KEPT));
        assert!(!kept(at, None).is_good(at + KEPT + SECOND));
        assert_eq!(KEPT, SECOND * 24 * 3600);
    }

    #[test]
    fn servers_that_failed_are_asked_again_after_half_a_minute() {
        let at = Instant::now();
        assert!(!kept(at, None).rests(at));
        assert!(kept(at, Some(at)).rests(at + SECOND * 29));
        assert!(!kept(at, Some(at)).rests(at + SECOND * 30));
    }

    /// An operator who changes servers because the old ones fail may have written a wrong one.
    #[tokio::test]
    async fn other_servers_are_asked_at_once_and_stand_on_what_was_known_before() {
        let dead = || DnsSettings { servers: vec!["127.0.0.1:1".parse().unwrap()], hosts: BTreeMap::new() };
        let question = Resolve {
            id: ResolveId(1),
            host: "sip.example".into(),
            port: None,
            transport: Transport::Udp,
            discovery: Discovery::Hosts,
        };
        let (key, before) = (Key::of(&question), Resolver::new(dead()));
        before.keep(key.clone(), &resolved());
        before.note_failure(&key);
        let after = Resolver::new(dead()).remembering(&before);
        assert!(after.kept(&key).is_some_and(|kept| !kept.rests(Instant::now())));
        let found = after.answer(question, || 0).await;
        assert_eq!(found.map(|found| found.addresses), Ok(resolved().addresses));
    }

    /// A name that is no more leads nowhere; a server that fails has said nothing of it.
    #[tokio::test]
    async fn that_a_name_is_gone_is_believed_and_a_failure_is_not() {
        let settings = DnsSettings { servers: vec!["127.0.0.1:1".parse().unwrap()], hosts: BTreeMap::new() };
        let resolver = Resolver::new(settings);
        let key =
            Key { host: "sip.example".into(), port: None, transport: Transport::Udp, discovery: Discovery::Hosts };
        resolver.keep(key.clone(), &resolved());
        let gone = resolver.or_last_good(&key, Err(ResolveFailure::NoSuchName));
        assert_eq!(gone.map(|found| found.addresses), Err(ResolveFailure::NoSuchName));
        for failure in [ResolveFailure::TimedOut, ResolveFailure::ServerFailed] {
            let found = resolver.or_last_good(&key, Err(failure));
            assert_eq!(found.map(|found| found.addresses), Ok(resolved().addresses));
        }
    }
}
