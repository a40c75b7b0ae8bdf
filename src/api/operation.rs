//! What an operator does to the running node: reads the configuration again, takes trunks out of service and back, changes
//! the level of the log. Over HTTP here, over the control socket in the daemon; both go through [`Operation`].

use serde_json::{Map, Value, json};

use super::answer::Call;
use super::body::object;
use super::message::Response;
use crate::engine::io::Census;
use crate::route::standing::Standing;
use crate::store::audit::Act;
use crate::store::refusal::{Code, Detail, Refusal};
use crate::store::tokens::Role;

/// Keys shown of one kind of change; those beyond are counted.
const KEYS_SHOWN: usize = 500;

/// The configuration was read again, and this came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Configurations that were in force since the start of the process, this one included.
    pub revision: u64,
    /// Keys in force at once.
    pub live: Vec<String>,
    /// Keys for which sockets were opened, or will be closed.
    pub rebind: Vec<String>,
    /// Keys that take a restart: their old values stay.
    pub restart: Vec<String>,
    /// What somebody should look at.
    pub warnings: Vec<String>,
    /// Connections that showed an old certificate, or were proved by an old trust store: closed in a while.
    pub turned_over: usize,
}

/// Why nothing was changed: what is wrong, with file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept(pub Vec<String>);

/// What became of an order about a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    Done,
    NoSuchTrunk,
}

/// The running node. `None` always means: the engine does not answer.
pub trait Operation: Send + Sync {
    /// Reads the configuration again: all of it comes into force, or nothing.
    ///
    /// # Errors
    /// What is wrong; the configuration in force stays.
    fn reload(&self) -> Result<Reloaded, Kept>;
    /// Configurations that were in force since the start.
    fn revision(&self) -> u64;
    /// Every trunk with its calls.
    fn trunks(&self) -> Option<Census>;
    fn stand(&self, trunk: &str, standing: Standing) -> Option<Ordered>;
    /// Level or filter of the log.
    fn log_level(&self) -> String;
    /// # Errors
    /// It is none; the text is for people.
    fn set_log_level(&self, level: &str) -> Result<(), String>;
}

impl Reloaded {
    /// For people and programs.
    pub fn shown(&self) -> Value {
        json!({
            "revision": self.revision,
            "live": listed(&self.live),
            "rebind": listed(&self.rebind),
            "restart": listed(&self.restart),
            "warnings": listed(&self.warnings),
            "connectionsTurnedOver": self.turned_over,
        })
    }

    /// Nothing differs from what is in force.
    pub fn is_nothing(&self) -> bool {
        self.live.is_empty() && self.rebind.is_empty() && self.restart.is_empty()
    }
}

fn listed(keys: &[String]) -> Vec<String> {
    let more = keys.len().saturating_sub(KEYS_SHOWN);
    let rest = (more > 0).then(|| format!("... and {more} more"));
    keys.iter().take(KEYS_SHOWN).cloned().chain(rest).collect()
}

/// Every trunk as an operator sees it.
pub fn shown_trunks(census: &Census) -> Value {
    let shown = |(name, load): (&std::sync::Arc<str>, &crate::engine::io::TrunkLoad)| {
        json!({
            "name": &**name,
            "standing": load.standing.label(),
            "callsIncoming": load.began,
            "callsOutgoing": load.called,
        })
    };
    Value::Array(census.trunks.iter().map(shown).collect())
}

fn silent() -> Refusal {
    Refusal::new(Code::Draining, "The daemon ends; nothing is ordered of it any more.")
}

/// `GET /configuration`.
pub fn configuration(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::OperationRead)?;
    call.covers_all()?;
    Ok(Response::json(200, json!({ "revision": call.site.operation.revision() })))
}

/// `POST /configuration:reload`.
pub fn reload(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::OperationWrite)?;
    call.covers_all()?;
    let operation = call.site.operation.clone();
    call.write(|writing| {
        let reloaded = operation.reload().map_err(|kept| refused(&kept))?;
        let keys = [("live", &reloaded.live), ("rebind", &reloaded.rebind), ("restart", &reloaded.restart)];
        let changes = keys.map(|(kind, keys)| (kind.to_owned(), json!([null, listed(keys)])));
        let changes = Map::from_iter(changes);
        let target = "configuration".to_owned();
        writing.note(Act { action: "configuration.reload", target, changes, ..Act::default() })?;
        Ok(Response::json(200, reloaded.shown()))
    })
}

/// Each finding a detail, with file and line.
fn refused(kept: &Kept) -> Refusal {
    let detail = |line: &String| Detail {
        code: Code::ConfigurationRefused.name(),
        target: "configuration".to_owned(),
        message: line.clone(),
    };
    let text = "The configuration is refused; the one in force stays.";
    Refusal { details: kept.0.iter().map(detail).collect(), ..Refusal::new(Code::ConfigurationRefused, text) }
}

/// `GET /trunks`.
pub fn trunks(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::OperationRead)?;
    call.covers_all()?;
    call.no_parameters(&[])?;
    let census = call.site.operation.trunks().ok_or_else(silent)?;
    Ok(Response::json(200, json!({ "value": shown_trunks(&census) })))
}

/// `POST /trunks/{name}:enable`, `:disable`, `:drain`.
pub fn stand(call: &mut Call<'_>, name: &str, standing: Standing) -> Result<Response, Refusal> {
    call.needs(Role::OperationWrite)?;
    call.covers_all()?;
    let missing = || Refusal::new(Code::TrunkNotFound, "There is no such trunk in the configuration.");
    let operation = call.site.operation.clone();
    call.write(|writing| {
        let before = operation.trunks().ok_or_else(silent)?;
        let before = before.trunks.get(name).ok_or_else(missing)?.standing;
        let changes = Map::from_iter([("standing".to_owned(), json!([before.label(), standing.label()]))]);
        let target = format!("trunks/{name}");
        writing.note(Act { action: "trunk.stand", target, changes, ..Act::default() })?;
        match operation.stand(name, standing).ok_or_else(silent)? {
            Ordered::Done => Ok(Response::json(200, json!({ "name": name, "standing": standing.label() }))),
            Ordered::NoSuchTrunk => Err(missing()),
        }
    })
}

/// `GET` and `PUT /settings/log`.
pub fn log(call: &mut Call<'_>) -> Result<Response, Refusal> {
    let operation = call.site.operation.clone();
    if call.request.method == "GET" {
        call.needs(Role::OperationRead)?;
        call.covers_all()?;
        return Ok(Response::json(200, json!({ "level": operation.log_level() })));
    }
    call.needs(Role::OperationWrite)?;
    call.covers_all()?;
    let mut sent = object(call.request)?;
    let level = sent.remove("level");
    if let Some(name) = sent.keys().next() {
        return Err(Refusal::new(Code::UnknownProperty, format!("There is no property {name}.")).at(name.clone()));
    }
    let level = level.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    call.write(|writing| {
        let before = operation.log_level();
        let changes = Map::from_iter([("level".to_owned(), json!([before, level]))]);
        writing.note(Act { action: "log.level", target: "settings/log".to_owned(), changes, ..Act::default() })?;
        operation.set_log_level(&level).map_err(|text| Refusal::value("level", text))?;
        Ok(Response::json(200, json!({ "level": level })))
    })
}
