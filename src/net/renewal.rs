//! A certificate of ours is renewed while the shell runs (MD-40, PF-186). New handshakes in either role show the new
//! one at once; connections that showed the old one carry no new request of ours any more and are closed after a while,
//! so that no peer goes on looking at a certificate that is about to expire. Calls do not notice: their messages belong to
//! dialogs, not to connections (MD-36). Whoever else serves TLS asks here for the certificate at each handshake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::connection::Connection;
use super::counters::ConnectionOutcome;
use super::identity::Identity;
use super::shared::Shared;
use super::tls::{TlsError, TlsMaterial, server};
use crate::base::ids::ListenerId;
use crate::sip::flow::Target;

/// The hand that changes our certificates.
#[derive(Clone, Debug)]
pub struct Renewal {
    shared: Arc<Shared>,
}

/// Keys of `[certificates]` and of `[trust]` under which something else stands now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub identities: BTreeSet<String>,
    pub trust: BTreeSet<String>,
}

impl Renewal {
    pub(super) fn new(shared: Arc<Shared>) -> Renewal {
        Renewal { shared }
    }

    /// Shows `renewed` instead of what stood under the same keys of `[certificates]`. Connections that showed the old ones
    /// are closed after `rest`. Returns how many there are.
    pub fn renew(&self, renewed: &BTreeMap<String, Arc<Identity>>, rest: Duration) -> usize {
        let _changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut material = TlsMaterial::clone(&self.shared.tls.load());
        // One that is configured no more is nobody's.
        let known = renewed.iter().filter(|(name, _)| material.identities.contains_key(*name));
        let known: Vec<(String, Arc<Identity>)> = known.map(|(name, held)| (name.clone(), Arc::clone(held))).collect();
        material.identities.extend(known);
        let material = Arc::new(material);
        self.shared.tls.store(Arc::clone(&material));
        for (listener, server) in self.shared.servers.load().iter() {
            let settings = self.shared.listener(*listener);
            let Some(names) = settings.as_ref().and_then(|it| it.tls.as_ref()).map(|tls| &tls.certificates) else {
                continue;
            };
            if names.iter().any(|name| renewed.contains_key(name)) {
                let identities = names.iter().filter_map(|name| material.identities.get(name).cloned());
                server.identities.swap(identities.collect());
            }
        }
        let changed = Changed { identities: renewed.keys().cloned().collect(), trust: BTreeSet::new() };
        turn_over(&self.shared, &changed, rest)
    }

    /// Whether this is what stands under `name` already.
    pub fn shows(&self, name: &str, identity: &Identity) -> bool {
        self.shared.tls.load().identities.get(name).is_some_and(|held| held.chain() == identity.chain())
    }

    /// TLS for a server beside SIP, without client certificates: it shows what stands under `name` in `[certificates]` at
    /// the time of each handshake.
    ///
    /// # Errors
    /// The provider refuses our settings.
    pub fn server(&self, name: &str) -> Result<ServerConfig, TlsError> {
        server(None, Arc::new(Shown { shared: Arc::clone(&self.shared), name: name.to_owned() }))
    }

    /// Our certificates as they are shown now, and when each ends, seconds since 1970.
    pub fn expiries(&self) -> Vec<(String, i64)> {
        let held = self.shared.tls.load();
        held.identities.iter().filter_map(|(name, identity)| Some((name.clone(), identity.expires()?))).collect()
    }
}

/// The certificate under one key, whatever it is now.
#[derive(Debug)]
struct Shown {
    shared: Arc<Shared>,
    name: String,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.shared.tls.load().identities.get(&self.name).map(|identity| identity.certified())
    }
}

/// Connections that showed one of these certificates, or were proved by one of these trust stores, carry no new request of
/// ours any more and are closed after `rest`. Returns how many there are.
pub(super) fn turn_over(shared: &Arc<Shared>, changed: &Changed, rest: Duration) -> usize {
    if *changed == Changed::default() {
        return 0;
    }
    let old = shared.flows.retire(
        |target| concerns_target(shared, target, changed),
        |listener| concerns_listener(shared, listener, changed),
    );
    let count = old.len();
    shared.runtime.spawn(close_after(rest, old));
    count
}

fn concerns_listener(shared: &Shared, listener: ListenerId, changed: &Changed) -> bool {
    let settings = shared.listener(listener);
    let Some(tls) = settings.as_ref().and_then(|listener| listener.tls.as_ref()) else { return false };
    tls.certificates.iter().any(|name| changed.identities.contains(name))
        || tls.trust.iter().any(|name| changed.trust.contains(name))
}

/// Whether connections to this target show one of these certificates, or are proved by one of these stores.
fn concerns_target(shared: &Shared, target: &Target, changed: &Changed) -> bool {
    let Some(tls) = target.tls.as_deref() else { return false };
    let settings = shared.listener(target.listener);
    let listener = settings.as_ref().and_then(|listener| listener.tls.as_ref());
    let default = listener.and_then(|listener| listener.certificates.first());
    changed.trust.contains(&tls.trust)
        || tls.identity.as_ref().or(default).is_some_and(|name| changed.identities.contains(name))
}

async fn close_after(rest: Duration, connections: Vec<Arc<Connection>>) {
    tokio::time::sleep(rest).await;
    for connection in connections {
        connection.flush();
        connection.close(ConnectionOutcome::Renewed);
    }
}
