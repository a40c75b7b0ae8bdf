//! What operators order, whichever way the order comes: over the API, the control socket, or as a signal. Orders that did
//! not come over the API, which notes its own, are noted in the audit log where there is a store (S-L4).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::clock::wall;
use super::logging;
use super::orders::Orders;
use super::reloading::Reloader;
use crate::api::{Kept, Operation, Ordered, Reloaded};
use crate::engine::io::{Census, Command, Reply};
use crate::route::standing::Standing;
use crate::store::audit::{Act, Actor};
use crate::store::thread::StoreHandle;
use crate::store::writing::writing;

/// See the module.
pub struct Operating {
    pub reloader: Arc<Reloader>,
    pub orders: Arc<Orders>,
    /// `None`: there is no store.
    pub audit: Option<StoreHandle>,
}

/// Which way an order came that nobody signed with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ControlSocket,
    Signal,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Way::ControlSocket => "control socket",
            Way::Signal => "signal",
        }
    }
}

impl Operating {
    /// Reads the configuration again.
    ///
    /// # Errors
    /// What is wrong; the configuration in force stays.
    pub fn reload_by(&self, way: Way) -> Result<Reloaded, Kept> {
        let outcome = self.reloader.reload();
        let changes = match &outcome {
            Ok(reloaded) => vec![
                ("live", json!([null, reloaded.live])),
                ("rebind", json!([null, reloaded.rebind])),
                ("restart", json!([null, reloaded.restart])),
            ],
            Err(Kept(lines)) => vec![("refused", json!([null, lines]))],
        };
        self.note(way, "configuration.reload", "configuration".to_owned(), changes);
        outcome
    }

    /// Takes a trunk out of service, or back. `None`: the engine does not answer.
    pub fn stand_by(&self, way: Way, trunk: &str, standing: Standing) -> Option<Ordered> {
        let before = self.trunks()?.trunks.get(trunk).map(|load| load.standing);
        let ordered = self.stand(trunk, standing)?;
        if let (Ordered::Done, Some(before)) = (ordered, before) {
            let changes = vec![("standing", json!([before.label(), standing.label()]))];
            self.note(way, "trunk.stand", format!("trunks/{trunk}"), changes);
        }
        Some(ordered)
    }

    /// # Errors
    /// It is no level.
    pub fn set_log_level_by(&self, way: Way, level: &str) -> Result<(), String> {
        let before = self.log_level();
        self.set_log_level(level)?;
        self.note(way, "log.level", "settings/log".to_owned(), vec![("level", json!([before, level]))]);
        Ok(())
    }

    /// An order that has been carried out.
    pub fn note(&self, way: Way, action: &'static str, target: String, changes: Vec<(&str, Value)>) {
        let Some(audit) = &self.audit else { return };
        let actor = Actor { name: way.name().to_owned(), ..Actor::default() };
        let changes: Map<String, Value> = changes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let noted = audit.submit(Box::new(move |store| {
            let act = || Act { action, target: target.clone(), changes: changes.clone(), ..Act::default() };
            if let Err(refusal) = writing(store, &actor, wall(), |writing| writing.note(act())) {
                tracing::error!(action, %refusal, "an order is missing in the audit log");
            }
        }));
        if let Err(refusal) = noted {
            tracing::error!(action, %refusal, "an order is missing in the audit log");
        }
    }
}

impl Operation for Operating {
    fn reload(&self) -> Result<Reloaded, Kept> {
        self.reloader.reload()
    }

    fn revision(&self) -> u64 {
        self.reloader.revision()
    }

    fn trunks(&self) -> Option<Census> {
        match self.orders.give(Command::Census)? {
            Reply::Census(census) => Some(census),
            Reply::Done | Reply::NoSuchCall | Reply::NoSuchTrunk | Reply::Calls(_) | Reply::Numbers(_) => None,
        }
    }

    fn stand(&self, trunk: &str, standing: Standing) -> Option<Ordered> {
        match self.orders.give(Command::Trunk { name: Arc::from(trunk), standing })? {
            Reply::Done => Some(Ordered::Done),
            Reply::NoSuchTrunk => Some(Ordered::NoSuchTrunk),
            Reply::NoSuchCall | Reply::Calls(_) | Reply::Numbers(_) | Reply::Census(_) => None,
        }
    }

    fn log_level(&self) -> String {
        logging::level()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        logging::set_level(level)?;
        tracing::info!(level, "log level set");
        Ok(())
    }
}
