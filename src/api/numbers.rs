//! `/numbers` and `/accounts/{name}/numbers`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::accounts::{self, answered, named};
use super::answer::Call;
use super::body::{merged, object, placed};
use super::calls::{Force, none_in_use};
use super::list::objects;
use super::message::{Body, Response, shown};
use crate::route::directory::{AccountName, NumberState};
use crate::route::number::E164;
use crate::store::BATCH;
use crate::store::records::{AccountRecord, NumberRecord, Record};
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::{Comparison, Filter, Kind, Row, Rows};
use crate::store::tokens::Role;
use crate::store::writing::{Condition, Writing, of_row, reading, record};

pub fn list(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    let own = call.own("account");
    objects(call, Kind::Number, own)
}

pub fn of_account(call: &mut Call<'_>, account: &str) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    call.covers(account)?;
    reading(call.store, |rows| accounts::found(rows, account))?;
    objects(call, Kind::Number, Filter::Field("account", Comparison::Equal, account.to_owned()))
}

pub fn one(call: &mut Call<'_>, account: &str, number: &str) -> Result<Response, Refusal> {
    call.needs_of_method()?;
    call.covers(account)?;
    match call.request.method.as_str() {
        "GET" => {
            let row = reading(call.store, |rows| found(rows, account, number))?;
            Ok(call.single(&row))
        }
        "DELETE" => {
            let condition = call.request.condition()?;
            let account = AccountName::parse(account).map_err(|_| missing())?;
            none_in_use(call, BTreeSet::from([number.to_owned()]), Force::asked(call)?)?;
            call.write(|writing| {
                writing.drop_number(&account, number, &condition)?;
                Ok(Response::new(204, Body::Empty))
            })
        }
        _ => put(call, account, number),
    }
}

fn missing() -> Refusal {
    Refusal::new(Code::NumberNotFound, "The account has no such number.")
}

fn found(rows: &mut dyn Rows, account: &str, number: &str) -> Result<Row, Refusal> {
    let row = rows.read(Kind::Number, number)?;
    let own = |row: &Row| row.body.get("account").and_then(Value::as_str) == Some(account);
    row.filter(own).ok_or_else(missing)
}

fn put(call: &mut Call<'_>, account: &str, number: &str) -> Result<Response, Refusal> {
    let condition = call.request.condition()?;
    let sent = object(call.request)?;
    named(account)?;
    E164::parse(number).map_err(|bad| Refusal::value("phoneNumber", bad))?;
    let is_patch = call.request.method == "PATCH";
    if releases(&sent) {
        none_in_use(call, BTreeSet::from([number.to_owned()]), Force::asked(call)?)?;
    }
    call.write(|writing| {
        let whole = match is_patch {
            true => {
                let patch = Value::Object(sent.clone());
                merged(found(writing.rows, account, number)?.body, patch).as_object().cloned().unwrap_or_default()
            }
            false => sent.clone(),
        };
        let record = read(writing, whole, account, number)?;
        Ok(answered(&writing.put_number(&record, &condition)?))
    })
}

/// The record of a whole object; a new number gets its account's defaults where nothing is said.
fn read(
    writing: &mut Writing<'_>,
    whole: Map<String, Value>,
    account: &str,
    number: &str,
) -> Result<NumberRecord, Refusal> {
    let mut body = placed(whole, &[("phoneNumber", number), ("account", account)])?;
    let is_new = writing.rows.read(Kind::Number, number)?.is_none();
    if let (true, Some(owner)) = (is_new, record::<AccountRecord>(writing.rows, account)?)
        && let (Some(object), Ok(Value::Object(defaults))) =
            (body.as_object_mut(), serde_json::to_value(owner.defaults))
    {
        for (name, value) in defaults {
            object.entry(name).or_insert(value);
        }
    }
    NumberRecord::read(body)
}

/// The objects of a batch under `numbers`.
fn items(call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let mut sent = object(call.request)?;
    let numbers = sent.remove("numbers");
    if let Some(name) = sent.keys().next() {
        return Err(Refusal::new(Code::UnknownProperty, format!("There is no property {name}.")).at(name.clone()));
    }
    match numbers {
        Some(Value::Array(numbers)) if numbers.len() > BATCH => {
            Err(Refusal::new(Code::BatchTooLarge, format!("A batch has at most {BATCH} numbers.")))
        }
        Some(Value::Array(numbers)) if !numbers.is_empty() => Ok(numbers),
        Some(_) | None => Err(Refusal::value("numbers", "must be a list with at least one element")),
    }
}

/// The worst of several: 409 when one is a conflict, else 400 (PV-61).
fn batch_refused(refusals: Vec<(usize, Refusal)>) -> Refusal {
    let codes = refusals.iter().map(|(_, refusal)| refusal.code);
    let code = codes
        .max_by_key(|code| match code {
            Code::AccountNotFound | Code::StoreUnavailable => 600,
            other => other.status(),
        })
        .unwrap_or(Code::ValidationFailed);
    let details = refusals.into_iter().map(|(at, refusal)| refusal.into_detail(&format!("numbers[{at}]"))).collect();
    Refusal { details, ..Refusal::new(code, "The batch was not applied.") }
}

pub fn batch_put(call: &mut Call<'_>, account: &str) -> Result<Response, Refusal> {
    call.needs(Role::Write)?;
    call.covers(account)?;
    unconditional(call)?;
    let items = items(call)?;
    named(account)?;
    twice(&items)?;
    let is_released = |item: &&Value| item.as_object().is_some_and(releases);
    let released: BTreeSet<String> = items.iter().filter(is_released).filter_map(number_of).collect();
    if !released.is_empty() {
        none_in_use(call, released, Force::asked(call)?)?;
    }
    call.write(|writing| {
        accounts::found(writing.rows, account)?;
        let (mut rows, mut refusals) = (Vec::new(), Vec::new());
        for (at, item) in items.iter().enumerate() {
            match put_item(writing, item, account) {
                Ok(row) => rows.push(shown(&row)),
                Err(refusal) => refusals.push((at, refusal)),
            }
        }
        if refusals.is_empty() {
            Ok(Response::json(200, json!({ "value": rows })))
        } else {
            Err(batch_refused(refusals))
        }
    })
}

/// A batch is of many objects: no entity tag is of all of them.
fn unconditional(call: &Call<'_>) -> Result<(), Refusal> {
    let conditions = [("if-match", "If-Match"), ("if-none-match", "If-None-Match")];
    match conditions.iter().find(|(field, _)| call.request.header(field).is_some()) {
        Some((_, name)) => Err(Refusal::value(name, "has no meaning for a batch; write the numbers one by one")),
        None => Ok(()),
    }
}

/// Whether this takes the number out of use (PV-40), in whatever form the record's reader takes the state.
fn releases(sent: &Map<String, Value>) -> bool {
    let state = sent.get("state").map(NumberState::deserialize);
    state.is_some_and(|state| state.is_ok_and(|state| state == NumberState::Released))
}

fn number_of(item: &Value) -> Option<String> {
    item.get("phoneNumber").and_then(Value::as_str).map(str::to_owned)
}

/// Of one number in two forms nobody knows which was meant.
fn twice(items: &[Value]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let again = |(at, item): (usize, &Value)| {
        let number = number_of(item).filter(|number| !seen.insert(number.clone()))?;
        Some((at, Refusal::value("phoneNumber", format!("is {number} once more"))))
    };
    let refusals: Vec<_> = items.iter().enumerate().filter_map(again).collect();
    if refusals.is_empty() { Ok(()) } else { Err(batch_refused(refusals)) }
}

fn put_item(writing: &mut Writing<'_>, item: &Value, account: &str) -> Result<Row, Refusal> {
    let wrong = || Refusal::new(Code::ValidationFailed, "Must be an object with phoneNumber.");
    let object = item.as_object().ok_or_else(wrong)?;
    let number = object.get("phoneNumber").and_then(Value::as_str).ok_or_else(wrong)?.to_owned();
    E164::parse(&number).map_err(|bad| Refusal::value("phoneNumber", bad))?;
    let record = read(writing, object.clone(), account, &number)?;
    Ok(writing.put_number(&record, &Condition::None)?.row().clone())
}

pub fn batch_delete(call: &mut Call<'_>, account: &str) -> Result<Response, Refusal> {
    call.needs(Role::Delete)?;
    call.covers(account)?;
    unconditional(call)?;
    let items = items(call)?;
    let name = named(account)?;
    let numbers = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    none_in_use(call, numbers, Force::asked(call)?)?;
    call.write(|writing| {
        accounts::found(writing.rows, account)?;
        let drop_item = |(at, item): (usize, &Value)| {
            let number = item.as_str().unwrap_or_default();
            writing.drop_number(&name, number, &Condition::None).err().map(|refusal| (at, refusal))
        };
        let refusals: Vec<_> = items.iter().enumerate().filter_map(drop_item).collect();
        if refusals.is_empty() { Ok(Response::new(204, Body::Empty)) } else { Err(batch_refused(refusals)) }
    })
}

/// `:move`: write access to both accounts is needed.
pub fn relocate(call: &mut Call<'_>, number: &str) -> Result<Response, Refusal> {
    call.needs(Role::Write)?;
    let condition = call.request.condition()?;
    let mut sent = object(call.request)?;
    let target = sent.remove("account");
    if let Some(name) = sent.keys().next() {
        return Err(Refusal::new(Code::UnknownProperty, format!("There is no property {name}.")).at(name.clone()));
    }
    let target = target.as_ref().and_then(Value::as_str);
    let target = AccountName::parse(target.unwrap_or_default()).map_err(|bad| Refusal::value("account", bad))?;
    call.covers(target.as_str())?;
    let gone = || Refusal::new(Code::NumberNotFound, "There is no such number.");
    let row = reading(call.store, |rows| rows.read(Kind::Number, number)?.ok_or_else(gone))?;
    let before: NumberRecord = of_row(&row)?;
    call.covers(before.account.as_str())?;
    call.write(|writing| {
        let row = writing.rows.read(Kind::Number, number)?.ok_or_else(gone)?;
        let moved = NumberRecord { account: target.clone(), ..of_row(&row)? };
        Ok(Response::row(200, writing.move_number(&moved, &condition)?.row()))
    })
}
