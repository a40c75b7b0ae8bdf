//! The table of connections and the pool of those we dialled (RFC 5923, DESIGN 5).
//!
//! Pool key: the whole [`Target`] - verified names, trust, own identity, address, port, and the listener whose address
//! we dial from. A connection is never used for another name at the same address (CVE-2020-15260).

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::Connection;
use crate::base::ids::{FlowId, IdMap, ListenerId};
use crate::sip::flow::{PeerIdentity, Target, Transmit, Transport};

/// All connections that are up, and those being dialled.
#[derive(Debug, Default)]
pub struct Flows {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    open: IdMap<FlowId, Arc<Connection>>,
    /// Incoming connections whose far end proved a name: what they may be used for, if it offers them.
    proved: IdMap<FlowId, PeerIdentity>,
    /// Incoming connections offered for our requests (RFC 5923), one place each.
    aliases: HashMap<(ListenerId, SocketAddr), Arc<Connection>>,
    pool: HashMap<Target, Slot>,
}

#[derive(Debug)]
enum Slot {
    Up(Arc<Connection>),
    /// Messages that wait for the connection, and their octets.
    Dialling(Vec<Transmit>, usize),
}

/// Where a message for a target goes.
#[derive(Debug)]
pub enum Found {
    /// On this connection; the message is handed back.
    Connection(Arc<Connection>, Transmit),
    /// It waits; the caller must dial.
    MustDial,
    /// It waits for a connection that is being dialled.
    Waits,
    /// Too much waits already.
    Full(Transmit),
}

impl Flows {
    /// The connection of a flow, while it is up.
    pub fn connection(&self, id: FlowId) -> Option<Arc<Connection>> {
        self.lock().open.get(&id).cloned()
    }

    /// Notes an incoming connection and what its far end proved.
    pub fn opened(&self, connection: Arc<Connection>, peer: &PeerIdentity) {
        let mut tables = self.lock();
        if !peer.names.is_empty() {
            tables.proved.insert(connection.flow.id, peer.clone());
        }
        tables.open.insert(connection.flow.id, connection);
    }

    /// The far end of an incoming connection listens at `place` and offers the connection for requests to it. Only
    /// one that proved a name is noted; the youngest of a place counts.
    pub fn offered(&self, connection: &Arc<Connection>, place: SocketAddr) {
        let mut tables = self.lock();
        if tables.proved.contains_key(&connection.flow.id) {
            tables.aliases.insert((connection.flow.listener, place), connection.clone());
        }
    }

    /// Finds the way to `target`, or keeps the message until there is one. `limit`: octets that may wait. `serves`:
    /// whether an incoming connection with this proof is as good as a dialled one.
    pub fn find(
        &self,
        target: &Target,
        transmit: Transmit,
        limit: usize,
        serves: impl FnOnce(&PeerIdentity) -> bool,
    ) -> Found {
        let mut tables = self.lock();
        if let Some(connection) = tables.alias(target, serves) {
            return Found::Connection(connection, transmit);
        }
        match tables.pool.get_mut(target) {
            Some(Slot::Up(connection)) if connection.is_open() => Found::Connection(connection.clone(), transmit),
            Some(Slot::Dialling(waiting, octets)) => {
                if octets.saturating_add(transmit.bytes.len()) > limit {
                    return Found::Full(transmit);
                }
                *octets += transmit.bytes.len();
                waiting.push(transmit);
                Found::Waits
            }
            Some(Slot::Up(_)) | None => {
                let octets = transmit.bytes.len();
                tables.pool.insert(target.clone(), Slot::Dialling(vec![transmit], octets));
                Found::MustDial
            }
        }
    }

    /// A dialled connection is up. Returns the messages that waited for it.
    pub fn dialled(&self, target: &Target, connection: Arc<Connection>) -> Vec<Transmit> {
        let mut tables = self.lock();
        tables.open.insert(connection.flow.id, connection.clone());
        match tables.pool.insert(target.clone(), Slot::Up(connection)) {
            Some(Slot::Dialling(waiting, _)) => waiting,
            Some(Slot::Up(_)) | None => Vec::new(),
        }
    }

    /// Dialling failed. Returns the messages that waited.
    pub fn dial_failed(&self, target: &Target) -> Vec<Transmit> {
        match self.lock().pool.entry(target.clone()) {
            Entry::Occupied(slot) if matches!(slot.get(), Slot::Dialling(..)) => match slot.remove() {
                Slot::Dialling(waiting, _) => waiting,
                Slot::Up(_) => Vec::new(),
            },
            Entry::Occupied(_) | Entry::Vacant(_) => Vec::new(),
        }
    }

    /// A connection has ended.
    pub fn closed(&self, connection: &Arc<Connection>) {
        let mut tables = self.lock();
        tables.open.remove(&connection.flow.id);
        if tables.proved.remove(&connection.flow.id).is_some() {
            tables.aliases.retain(|_, held| !Arc::ptr_eq(held, connection));
        }
        tables.pool.retain(|_, slot| match slot {
            Slot::Up(held) => !Arc::ptr_eq(held, connection),
            Slot::Dialling(..) => true,
        });
    }

    /// Connections that showed a certificate which is renewed: those dialled to a target that shows it, and those
    /// accepted by a listener that does. No new message of ours goes on them; they stay up for what is under way.
    pub fn retire(
        &self,
        dialled: impl Fn(&Target) -> bool,
        accepted: impl Fn(ListenerId) -> bool,
    ) -> Vec<Arc<Connection>> {
        let mut tables = self.lock();
        let mut old: Vec<Arc<Connection>> = Vec::new();
        let mut pooled = BTreeSet::new();
        tables.pool.retain(|target, slot| match slot {
            Slot::Dialling(..) => true,
            Slot::Up(connection) => {
                pooled.insert(connection.flow.id);
                let retires = dialled(target);
                old.extend(retires.then(|| Arc::clone(connection)));
                !retires
            }
        });
        tables.aliases.retain(|(listener, _), _| !accepted(*listener));
        let is_old = |held: &&Arc<Connection>| {
            held.flow.transport == Transport::Tls && accepted(held.flow.listener) && !pooled.contains(&held.flow.id)
        };
        old.extend(tables.open.values().filter(is_old).cloned());
        old
    }

    /// Every connection that is up.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.lock().open.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// An incoming connection for `target`, unless we have dialled one ourselves.
    fn alias(&self, target: &Target, serves: impl FnOnce(&PeerIdentity) -> bool) -> Option<Arc<Connection>> {
        if self.pool.contains_key(target) {
            return None;
        }
        let connection = self.aliases.get(&(target.listener, target.address)).filter(|held| held.is_open())?;
        let peer = self.proved.get(&connection.flow.id)?;
        serves(peer).then(|| connection.clone())
    }
}
