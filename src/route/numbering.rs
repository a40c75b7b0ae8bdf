//! Which number each network, listener and trunk has. A later configuration of the same process gives those that stay the
//! same ones: running calls, connections and media ports hold numbers, and must not find another's behind theirs. A listener
//! that comes back has its number again: its socket may be there still, for calls of before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::compile::CompileError;
use super::settings::ListenerSettings;
use crate::base::ids::{ListenerId, NetworkId, TrunkId};
use crate::base::limits::LISTENER_TRUSTS;
use crate::sip::flow::Transport;

/// See the module. A number is never given to another name as long as the process lives.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    networks: Numbers<String>,
    listeners: Numbers<Place>,
    trunks: Numbers<String>,
    /// Trust stores of each listener in the order of the bits of
    /// [`PeerIdentity::trusted_by`](crate::sip::flow::PeerIdentity::trusted_by): what a connection proved at its handshake
    /// means the same later.
    trusts: BTreeMap<ListenerId, Arc<[String]>>,
}

/// What makes a listener the same one: its socket. One whose port the system chooses is known by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    transport: Transport,
    bind: SocketAddr,
    name: Option<String>,
}

/// Numbers of one kind of name.
#[derive(Clone, Debug)]
struct Numbers<N> {
    held: BTreeMap<N, u16>,
    next: u32,
}

impl<N> Default for Numbers<N> {
    fn default() -> Self {
        Numbers { held: BTreeMap::new(), next: 0 }
    }
}

impl<N: Ord + Clone> Numbers<N> {
    /// Numbers of these names; those that are named no more are forgotten, and their numbers not used again.
    fn number(&mut self, names: Vec<N>, what: &'static str) -> Result<Vec<u16>, CompileError> {
        let before = std::mem::take(&mut self.held);
        self.number_after(&before, names, what)
    }

    /// The same, but those that are named no more keep their numbers.
    fn number_for_good(&mut self, names: Vec<N>, what: &'static str) -> Result<Vec<u16>, CompileError> {
        let before = std::mem::take(&mut self.held);
        let numbers = self.number_after(&before, names, what);
        before.into_iter().for_each(|(name, number)| {
            self.held.entry(name).or_insert(number);
        });
        numbers
    }

    fn number_after(
        &mut self,
        before: &BTreeMap<N, u16>,
        names: Vec<N>,
        what: &'static str,
    ) -> Result<Vec<u16>, CompileError> {
        let mut numbers = Vec::with_capacity(names.len());
        for name in names {
            let known = before.get(&name).copied().filter(|_| !self.held.contains_key(&name));
            let number = known.map_or_else(|| self.fresh(what), Ok)?;
            self.held.insert(name, number);
            numbers.push(number);
        }
        Ok(numbers)
    }

    fn fresh(&mut self, what: &'static str) -> Result<u16, CompileError> {
        let number = u16::try_from(self.next).map_err(|_| CompileError::TooMany(what))?;
        self.next += 1;
        Ok(number)
    }
}

impl Numbering {
    pub(super) fn networks(&mut self, names: Vec<String>) -> Result<Vec<NetworkId>, CompileError> {
        let numbers = self.networks.number(names, "networks")?;
        Ok(numbers.into_iter().map(NetworkId).collect())
    }

    pub(super) fn trunks(&mut self, names: Vec<String>) -> Result<Vec<TrunkId>, CompileError> {
        let numbers = self.trunks.number(names, "trunks")?;
        Ok(numbers.into_iter().map(TrunkId).collect())
    }

    /// `listeners`: each with where it is bound.
    pub(super) fn listeners(
        &mut self,
        listeners: &[(&ListenerSettings, SocketAddr)],
    ) -> Result<Vec<ListenerId>, CompileError> {
        let place = |&(listener, bind): &(&ListenerSettings, SocketAddr)| Place {
            transport: listener.transport,
            bind,
            name: (bind.port() == 0).then(|| listener.name.clone()),
        };
        let numbers = self.listeners.number_for_good(listeners.iter().map(place).collect(), "listeners")?;
        Ok(numbers.into_iter().map(ListenerId).collect())
    }

    /// Trust stores of a listener, of which `wanted` are in use: those that were there keep their place for good.
    ///
    /// # Errors
    /// More than a connection's bits can count.
    pub(super) fn trusts(
        &mut self,
        listener: ListenerId,
        wanted: impl IntoIterator<Item = String>,
    ) -> Result<Arc<[String]>, CompileError> {
        let mut trusts: Vec<String> = self.trusts.get(&listener).map(|trusts| trusts.to_vec()).unwrap_or_default();
        for name in wanted {
            if !trusts.contains(&name) {
                trusts.push(name);
            }
        }
        if trusts.len() > LISTENER_TRUSTS {
            return Err(CompileError::TooMany("trust stores on one listener"));
        }
        let trusts: Arc<[String]> = trusts.into();
        self.trusts.insert(listener, Arc::clone(&trusts));
        Ok(trusts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::trunk::ClientCertificate;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_stays_keeps_its_number_and_a_number_is_never_given_to_another() {
        let mut numbering = Numbering::default();
        let first = numbering.trunks(names(&["b", "d"])).unwrap();
        assert_eq!(first, [TrunkId(0), TrunkId(1)]);
        let second = numbering.trunks(names(&["a", "b", "c"])).unwrap();
        assert_eq!(second, [TrunkId(2), TrunkId(0), TrunkId(3)]);
        let third = numbering.trunks(names(&["d"])).unwrap();
        assert_eq!(third, [TrunkId(4)], "a name that comes back is another trunk");
    }

    #[test]
    fn a_listener_that_comes_back_is_the_one_it_was() {
        let settings = ListenerSettings {
            name: "main".to_owned(),
            network: "public".to_owned(),
            transport: Transport::Udp,
            port: 5060,
            certificates: Vec::new(),
            client_certificate: ClientCertificate::Never,
        };
        let at = |port: u16| vec![(&settings, SocketAddr::from(([127, 0, 0, 1], port)))];
        let mut numbering = Numbering::default();
        assert_eq!(numbering.listeners(&at(5060)).unwrap(), [ListenerId(0)]);
        assert_eq!(numbering.listeners(&at(5070)).unwrap(), [ListenerId(1)]);
        assert_eq!(numbering.listeners(&at(5060)).unwrap(), [ListenerId(0)], "its socket may be there still");
    }

    #[test]
    fn a_place_among_trust_stores_is_kept_after_its_store_has_gone() {
        let mut numbering = Numbering::default();
        let id = ListenerId(0);
        assert_eq!(*numbering.trusts(id, names(&["b", "c"])).unwrap(), names(&["b", "c"]));
        assert_eq!(*numbering.trusts(id, names(&["a", "c"])).unwrap(), names(&["b", "c", "a"]));
    }

    #[test]
    fn more_names_than_numbers_is_an_error() {
        let mut numbers = Numbers { held: BTreeMap::new(), next: u32::from(u16::MAX) };
        assert!(numbers.number(vec!["a"], "trunks").is_ok());
        assert_eq!(numbers.number(vec!["b"], "trunks"), Err(CompileError::TooMany("trunks")));
    }
}
