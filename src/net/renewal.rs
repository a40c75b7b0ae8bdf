//! A certificate of ours is renewed while the shell runs (MD-40, PF-186). New handshakes in either role show the new
//! one at once; connections that showed the old one carry no new request of ours any more and are closed after a while,
//! so that no peer goes on looking at a certificate that is about to expire. Calls do not notice: their messages belong to
//! dialogs, not to connections (MD-36).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::counters::ConnectionOutcome;
use super::identity::{Identity, ServerIdentities};
use super::shared::Shared;
use super::tls::TlsMaterial;
use crate::base::ids::ListenerId;
use crate::sip::flow::Target;

/// The hand that changes our certificates.
#[derive(Clone, Debug)]
pub struct Renewal {
    shared: Arc<Shared>,
    /// What each TLS listener shows, by the keys it names.
    listeners: Vec<(ListenerId, Vec<String>, Arc<ServerIdentities>)>,
}

impl Renewal {
    pub(super) fn new(
        shared: Arc<Shared>,
        listeners: Vec<(ListenerId, Vec<String>, Arc<ServerIdentities>)>,
    ) -> Renewal {
        Renewal { shared, listeners }
    }

    /// Shows `renewed` instead of what stood under the same keys of `[certificates]`. Connections that showed the old ones
    /// are closed after `rest`. Returns how many there are.
    pub fn renew(&self, renewed: &BTreeMap<String, Arc<Identity>>, rest: Duration) -> usize {
        let mut material = TlsMaterial::clone(&self.shared.tls.load());
        material.identities.extend(renewed.iter().map(|(name, identity)| (name.clone(), Arc::clone(identity))));
        let material = Arc::new(material);
        self.shared.tls.store(Arc::clone(&material));
        let mut showing = BTreeSet::new();
        for (listener, names, identities) in &self.listeners {
            if names.iter().any(|name| renewed.contains_key(name)) {
                showing.insert(*listener);
                identities.swap(names.iter().filter_map(|name| material.identities.get(name).cloned()).collect());
            }
        }
        let old =
            self.shared.flows.retire(|target| self.shows(target, renewed), |listener| showing.contains(&listener));
        let count = old.len();
        self.shared.runtime.spawn(close_after(rest, old));
        count
    }

    /// Our certificates as they are shown now, and when each ends, seconds since 1970.
    pub fn expiries(&self) -> Vec<(String, i64)> {
        let held = self.shared.tls.load();
        held.identities.iter().filter_map(|(name, identity)| Some((name.clone(), identity.expires()?))).collect()
    }

    /// Whether connections to this target show one of these certificates.
    fn shows(&self, target: &Target, renewed: &BTreeMap<String, Arc<Identity>>) -> bool {
        let Some(tls) = target.tls.as_deref() else { return false };
        let listener = self.shared.listener(target.listener).and_then(|listener| listener.tls.as_ref());
        let default = listener.and_then(|listener| listener.certificates.first());
        tls.identity.as_ref().or(default).is_some_and(|name| renewed.contains_key(name))
    }
}

async fn close_after(rest: Duration, connections: Vec<Arc<Connection>>) {
    tokio::time::sleep(rest).await;
    for connection in connections {
        connection.flush();
        connection.close(ConnectionOutcome::Renewed);
    }
}
