//! `/calls/active`: calls that are not over, one of them, and its end by an operator (PV-56). Orders go through the
//! engine's own inputs; a call ends with BYE or CANCEL as by anybody.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::Call;
use super::body::object;
use super::list::{Wanted, flag, next_link};
use super::message::{Body, Response};
use crate::base::WallTime;
use crate::base::ids::CallId;
use crate::base::limits::ACTIVE_CALLS_SHOWN;
use crate::call::active::ActiveCall;
use crate::store::audit::Act;
use crate::store::refusal::{Code, Detail, Refusal};
use crate::store::rows::{FieldType, Filter, Row};
use crate::store::tokens::Role;
use crate::store::wall;

/// What a list of calls may be filtered by.
pub const FIELDS: &[(&str, FieldType)] = &[
    ("id", FieldType::Text),
    ("state", FieldType::Text),
    ("from", FieldType::Text),
    ("to", FieldType::Text),
    ("route", FieldType::Text),
    ("calling", FieldType::Text),
    ("called", FieldType::Text),
    ("account", FieldType::Text),
];

/// Characters of a reason.
const REASON: usize = 200;

/// What became of an order to end a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HungUp {
    /// Its parties are being told.
    Told,
    /// There is no such call any more.
    Gone,
}

/// The calls of the engine. `None` always means: it does not answer.
pub trait ActiveCalls: Send + Sync {
    /// Calls behind `after`, the oldest first.
    fn list(&self, after: Option<CallId>, most: usize) -> Option<Vec<ActiveCall>>;
    fn one(&self, id: CallId) -> Option<Option<ActiveCall>>;
    fn hang_up(&self, id: CallId) -> Option<HungUp>;
    /// Those of the numbers that are called or call now.
    fn in_use(&self, numbers: BTreeSet<String>) -> Option<BTreeSet<String>>;
}

fn silent() -> Refusal {
    Refusal::new(Code::Draining, "The daemon ends; calls are not shown any more.")
}

fn missing() -> Refusal {
    Refusal::new(Code::CallNotFound, "There is no such call, or it is over.")
}

/// Every number that a call uses now.
///
/// # Errors
/// The engine does not answer.
pub fn all_in_use(call: &Call<'_>) -> Result<BTreeSet<String>, Refusal> {
    let (mut numbers, mut after) = (BTreeSet::new(), None);
    loop {
        let piece = call.site.calls.list(after, ACTIVE_CALLS_SHOWN).ok_or_else(silent)?;
        after = piece.last().map(|last| last.so_far.id);
        let is_last = piece.len() < ACTIVE_CALLS_SHOWN;
        numbers.extend(piece.into_iter().flat_map(|active| [active.so_far.calling, active.so_far.called]));
        if is_last {
            return Ok(numbers);
        }
    }
}

/// Refuses to take numbers away that calls use (PV-40), unless that is forced; forcing needs the role to delete.
///
/// # Errors
/// `NumberInUse`, one detail for each.
pub fn none_in_use(call: &Call<'_>, numbers: BTreeSet<String>, force: Force) -> Result<(), Refusal> {
    if force == Force::Yes {
        return call.needs(Role::Delete);
    }
    let held = call.site.calls.in_use(numbers).ok_or_else(silent)?;
    if held.is_empty() {
        return Ok(());
    }
    let detail = |number: &String| Detail {
        code: Code::NumberInUse.name(),
        target: number.clone(),
        message: format!("{number} has active calls."),
    };
    let text = "Calls are active; wait until they are over, or ask with force=true.";
    Err(Refusal { details: held.iter().map(detail).collect(), ..Refusal::new(Code::NumberInUse, text) })
}

/// Whether calls are no reason to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    Yes,
    No,
}

impl Force {
    /// The parameter `force`.
    ///
    /// # Errors
    /// Neither true nor false.
    pub fn asked(call: &Call<'_>) -> Result<Force, Refusal> {
        let found = call.request.parameters().into_iter().find(|(name, _)| name == "force");
        let forced = found.map(|(name, value)| flag(&name, &value)).transpose()?.unwrap_or(false);
        Ok(if forced { Force::Yes } else { Force::No })
    }
}

/// A page of calls.
pub fn list(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::CallsRead)?;
    let parameters = call.request.parameters();
    if let Some((name, _)) = parameters.iter().find(|(name, _)| matches!(name.as_str(), "skip" | "orderby" | "count")) {
        return Err(Refusal::value(name, "is no parameter of this list: calls come and go while it is read"));
    }
    let wanted = Wanted::read(FIELDS, &parameters)?.query;
    let mut after = wanted.after.map(|after| id_of(&after.key)).transpose()?;
    let mut value = Vec::new();
    let mut is_whole = false;
    while value.len() <= wanted.limit && !is_whole {
        let piece = call.site.calls.list(after, ACTIVE_CALLS_SHOWN).ok_or_else(silent)?;
        is_whole = piece.len() < ACTIVE_CALLS_SHOWN;
        after = piece.last().map(|last| last.so_far.id).or(after);
        value.extend(piece.iter().map(|active| row(call, active)).filter(|row| fits(call, &wanted.filter, row)));
    }
    let goes_on = value.len() > wanted.limit;
    value.truncate(wanted.limit);
    let mut body = Map::from_iter([("value".to_owned(), json!(value.iter().map(|row| &row.body).collect::<Vec<_>>()))]);
    if let (true, Some(last)) = (goes_on, value.last()) {
        let link = next_link(call, &parameters, &super::list::after_parts(&last.key, &last.key));
        body.insert("nextLink".to_owned(), json!(link));
    }
    Ok(Response::json(200, Value::Object(body)))
}

fn fits(call: &Call<'_>, filter: &Filter, row: &Row) -> bool {
    filter.fits(row) && covered(call, &row.body)
}

/// A token of single accounts sees their calls alone (PV-69).
fn covered(call: &Call<'_>, body: &Value) -> bool {
    let account = body.get("account").and_then(Value::as_str);
    call.grant.accounts.is_none() || account.is_some_and(|account| call.grant.covers(account))
}

/// The call a path names.
///
/// # Errors
/// It is no number.
pub fn id_of(text: &str) -> Result<CallId, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(CallId).ok_or_else(missing)
}

fn row(call: &Call<'_>, active: &ActiveCall) -> Row {
    let id = active.so_far.id.0;
    Row { key: id.to_string(), revision: id, body: shown(call, active) }
}

fn shown(call: &Call<'_>, active: &ActiveCall) -> Value {
    let record = &active.so_far;
    let time = |time: Option<WallTime>| time.map(wall::text);
    let since = record.answered.map(|answered| call.now.0.saturating_sub(answered.0) / 1000);
    let whole = json!({
        "id": record.id.0.to_string(),
        "state": active.phase.word(),
        "from": record.from,
        "to": record.to,
        "route": record.route,
        "calling": record.calling,
        "called": record.called,
        "account": record.account,
        "emergency": record.emergency,
        "callerCallId": record.caller_call_id,
        "calleeCallId": record.callee_call_id,
        "started": wall::text(record.started),
        "rang": time(record.rang),
        "answered": time(record.answered),
        "duration": since,
    });
    let Value::Object(mut object) = whole else { return Value::Null };
    object.retain(|_, value| !value.is_null());
    Value::Object(object)
}

fn found(call: &Call<'_>, id: &str) -> Result<(CallId, Value), Refusal> {
    let id = id_of(id)?;
    let active = call.site.calls.one(id).ok_or_else(silent)?.ok_or_else(missing)?;
    let body = shown(call, &active);
    if covered(call, &body) { Ok((id, body)) } else { Err(missing()) }
}

/// One call.
pub fn one(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    call.needs(Role::CallsRead)?;
    found(call, id).map(|(_, body)| Response::json(200, body))
}

/// Ends one call; the reason is in the audit log.
pub fn terminate(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    call.needs(Role::CallsWrite)?;
    let mut sent = object(call.request)?;
    let reason = sent.remove("reason");
    if let Some(name) = sent.keys().next() {
        return Err(Refusal::new(Code::UnknownProperty, format!("There is no property {name}.")).at(name.clone()));
    }
    let reason = reason.as_ref().and_then(Value::as_str).map(str::trim).unwrap_or_default().to_owned();
    if !(1..=REASON).contains(&reason.chars().count()) || reason.contains(char::is_control) {
        let text = format!("must say why, in 1 to {REASON} characters without line ends");
        return Err(Refusal::value("reason", text));
    }
    let (id, body) = found(call, id)?;
    let account = body.get("account").and_then(Value::as_str).unwrap_or_default().to_owned();
    let site = call.site;
    call.write(|writing| {
        let changes = Map::from_iter([("reason".to_owned(), json!([null, reason]))]);
        let target = format!("calls/{}", id.0);
        writing.note(Act { action: "call.terminate", target, account: account.clone(), changes, ..Act::default() })?;
        match site.calls.hang_up(id).ok_or_else(silent)? {
            HungUp::Told => Ok(Response::new(204, Body::Empty)),
            HungUp::Gone => Err(missing()),
        }
    })
}
