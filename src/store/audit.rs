//! The audit log (PV-72 to PV-74): one event for each attempted change, chained by hash within a day.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refusal::{Code, Refusal};
use super::rows::{Direction, Fault, Filter, Kind, Query, Row, Rows};
use super::wall;
use crate::base::WallTime;

/// Events read at once while the chain is checked.
const PIECE: usize = 1000;

/// Who asks, from where, and under which name of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    pub address: String,
    pub request: String,
}

/// What happened to what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Act {
    /// `number.put`, `account.delete`, `import.run`.
    pub action: &'static str,
    /// `numbers/+49301234`.
    pub target: String,
    pub account: String,
    pub before: Option<u64>,
    pub after: Option<u64>,
    /// Property: old and new value.
    pub changes: Map<String, Value>,
    /// The import job, where there is one.
    pub job: Option<String>,
    /// The code of a refusal.
    pub refused: Option<Code>,
}

/// An event as it is kept. Its hash covers everything before it in the object, and the hash of the event before it on
/// the same day; the first of a day has none before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    sequence: u64,
    time: String,
    day: String,
    actor: String,
    address: String,
    request_id: String,
    action: String,
    target: String,
    account: String,
    result: String,
    before: Option<u64>,
    after: Option<u64>,
    changes: Map<String, Value>,
    job: Option<String>,
    previous: String,
    #[serde(default)]
    hash: String,
}

impl Event {
    fn hashed(&self) -> Result<String, Fault> {
        let bare = Event { hash: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&bare).map_err(|error| Fault(error.to_string()))?;
        Ok(hex(digest(&SHA256, &text).as_ref()))
    }
}

/// Lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .filter_map(|value| char::from_digit(u32::from(value), 16))
        .collect()
}

/// The end of the log, for those who write more than one event.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    sequence: u64,
    day: String,
    hash: String,
}

impl Tail {
    /// # Errors
    /// The store fails.
    pub fn read(rows: &mut dyn Rows) -> Result<Tail, Fault> {
        let query = Query { direction: Direction::Descending, ..Query::of(Filter::All, 1) };
        let Some(row) = rows.list(Kind::Audit, &query)?.pop() else { return Ok(Tail::default()) };
        let event = event_of(&row)?;
        Ok(Tail { sequence: event.sequence, day: event.day, hash: event.hash })
    }

    /// Appends one event.
    ///
    /// # Errors
    /// The store fails.
    pub fn append(&mut self, rows: &mut dyn Rows, actor: &Actor, now: WallTime, act: Act) -> Result<(), Fault> {
        let day = wall::day(now);
        let previous = if self.day == day { self.hash.clone() } else { String::new() };
        let mut event = Event {
            sequence: self.sequence.saturating_add(1),
            time: wall::text(now),
            day,
            actor: actor.name.clone(),
            address: actor.address.clone(),
            request_id: actor.request.clone(),
            action: act.action.to_owned(),
            target: act.target,
            account: act.account,
            result: act.refused.map_or_else(|| "ok".to_owned(), Code::name),
            before: act.before,
            after: act.after,
            changes: act.changes,
            job: act.job,
            previous,
            hash: String::new(),
        };
        event.hash = event.hashed()?;
        let body = serde_json::to_value(&event).map_err(|error| Fault(error.to_string()))?;
        rows.write(Kind::Audit, &Row { key: key(event.sequence), revision: event.sequence, body })?;
        *self = Tail { sequence: event.sequence, day: event.day, hash: event.hash };
        Ok(())
    }
}

/// Keys sort as their numbers do.
fn key(sequence: u64) -> String {
    format!("{sequence:020}")
}

fn event_of(row: &Row) -> Result<Event, Fault> {
    serde_json::from_value(row.body.clone()).map_err(|error| Fault(format!("audit {}: {error}", row.key)))
}

/// The properties that differ: old and new value.
pub fn differences(before: Option<&Value>, after: Option<&Value>) -> Map<String, Value> {
    let empty = Map::new();
    let object = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
    let (before, after) = (object(before).unwrap_or(empty.clone()), object(after).unwrap_or(empty));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let differs = names.filter(|name| before.get(*name) != after.get(*name));
    let value = |of: &Map<String, Value>, name: &String| of.get(name).cloned().unwrap_or(Value::Null);
    differs.map(|name| (name.clone(), Value::Array(vec![value(&before, name), value(&after, name)]))).collect()
}

/// How long events are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days; older events go.
    pub days: u64,
    /// Events; the oldest beyond them go.
    pub events: u64,
}

impl Default for Retention {
    /// PV-74: 400 days.
    fn default() -> Self {
        Retention { days: 400, events: 5_000_000 }
    }
}

/// Key of the mark among [`Kind::Meta`]: events before it may go.
const AUDIT_FROM: &str = "auditFrom";

/// Takes away the oldest events that need not be kept, at most [`PIECE`] of them: how many went. The chain holds from the
/// oldest that is left.
///
/// # Errors
/// The store fails.
pub fn forget(rows: &mut dyn Rows, now: WallTime, retention: Retention) -> Result<usize, Fault> {
    let newest = Tail::read(rows)?.sequence;
    let kept_from = newest.saturating_sub(retention.events);
    let first_day = wall::day(WallTime(now.0.saturating_sub(retention.days.saturating_mul(86_400_000))));
    let oldest = rows.list(Kind::Audit, &Query::of(Filter::All, PIECE))?;
    let is_over = |event: &Event| event.day < first_day || event.sequence <= kept_from;
    let mut over = Vec::new();
    for row in oldest {
        if !is_over(&event_of(&row)?) {
            break;
        }
        over.push(row.key);
    }
    let Some(last) = over.last() else { return Ok(0) };
    // Everything after it is kept: no key lies between a key and itself with a letter behind it.
    rows.write(Kind::Meta, &Row { key: AUDIT_FROM.to_owned(), revision: 0, body: Value::from(format!("{last}/")) })?;
    for key in &over {
        rows.remove(Kind::Audit, key)?;
    }
    Ok(over.len())
}

/// Checks the chain from the oldest event that is kept: how many hold.
///
/// # Errors
/// The first event that was changed, or before which one is missing.
pub fn verify(rows: &mut dyn Rows) -> Result<u64, Refusal> {
    let (mut count, mut last): (u64, Option<Event>) = (0, None);
    loop {
        let after =
            last.as_ref().map(|event| super::rows::After { value: key(event.sequence), key: key(event.sequence) });
        let piece = rows.list(Kind::Audit, &Query { after, ..Query::of(Filter::All, PIECE) })?;
        if piece.is_empty() {
            return Ok(count);
        }
        for row in &piece {
            let event = event_of(row)?;
            follows(last.as_ref(), &event)?;
            count = count.saturating_add(1);
            last = Some(event);
        }
    }
}

fn follows(last: Option<&Event>, event: &Event) -> Result<(), Refusal> {
    let broken = |what: &str| Refusal::new(Code::Internal, format!("Audit event {} {what}.", event.sequence));
    if event.hashed()? != event.hash {
        return Err(broken("was changed"));
    }
    let Some(last) = last else { return Ok(()) };
    let expected = if last.day == event.day { last.hash.as_str() } else { "" };
    match last.sequence.checked_add(1) == Some(event.sequence) && event.previous == expected {
        true => Ok(()),
        false => Err(broken("does not follow the one before it")),
    }
}
