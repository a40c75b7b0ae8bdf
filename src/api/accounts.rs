//! `/accounts`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::answer::Call;
use super::body::{merged, object, placed};
use super::calls::{Force, all_in_use, none_in_use};
use super::list::{flag, listed};
use super::message::{Body, Response, shown};
use crate::route::directory::{AccountName, AccountState, Service, derived};
use crate::route::role::PeerRole;
use crate::route::snapshot::Snapshot;
use crate::route::trunk::Trunk;
use crate::store::records::{AccountRecord, Record};
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::{Comparison, Fault, Filter, Kind, Row, Rows};
use crate::store::tokens::Role;
use crate::store::writing::{OwnNumbers, Put, reading};

pub fn list(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    let own = call.own("name");
    listed(call, Kind::Account, own, with_count)
}

pub fn one(call: &mut Call<'_>, name: &str) -> Result<Response, Refusal> {
    call.needs_of_method()?;
    call.covers(name)?;
    match call.request.method.as_str() {
        "GET" => {
            let by_service = counts_asked(call)?;
            let (body, revision) = reading(call.store, |rows| {
                let row = found(rows, name)?;
                let mut body = with_count(rows, &row)?;
                if let (true, Some(object)) = (by_service, body.as_object_mut()) {
                    object.insert("numberCounts".to_owned(), counts(rows, &row.key)?);
                }
                Ok((body, row.revision))
            })?;
            Ok(call.conditional(revision, Response::json(200, body)))
        }
        "DELETE" => delete(call, name),
        _ => put(call, name),
    }
}

/// An account as it is sent: with the count of its numbers, which its entity tag does not cover.
fn with_count(rows: &mut dyn Rows, row: &Row) -> Result<Value, Refusal> {
    let own = Filter::Field("account", Comparison::Equal, row.key.clone());
    let count = rows.count(Kind::Number, &own)?;
    let mut body = shown(row);
    if let Some(object) = body.as_object_mut() {
        object.insert("numberCount".to_owned(), json!(count));
    }
    Ok(body)
}

/// `numberCounts=true`: it reads every number of the account, so it is asked for.
fn counts_asked(call: &Call<'_>) -> Result<bool, Refusal> {
    call.no_parameters(&["numberCounts"])?;
    let asked = call.request.parameters().into_iter().next();
    Ok(asked.map(|(name, value)| flag(&name, &value)).transpose()?.unwrap_or(false))
}

/// Numbers by service.
fn counts(rows: &mut dyn Rows, account: &str) -> Result<Value, Refusal> {
    let mut counts = Map::new();
    for service in Service::all() {
        let own = Filter::Field("account", Comparison::Equal, account.to_owned());
        let used = Filter::Field("services", Comparison::Contains, format!("\"{}\"", service.name()));
        let count = rows.count(Kind::Number, &own.and(used))?;
        if count > 0 {
            counts.insert(service.name().to_owned(), json!(count));
        }
    }
    Ok(Value::Object(counts))
}

/// The row of an account.
///
/// # Errors
/// There is none.
pub fn found(rows: &mut dyn Rows, name: &str) -> Result<Row, Refusal> {
    let missing = || Refusal::new(Code::AccountNotFound, "There is no such account.");
    rows.read(Kind::Account, name)?.ok_or_else(missing)
}

/// A name from a path.
///
/// # Errors
/// It is none.
pub fn named(name: &str) -> Result<AccountName, Refusal> {
    AccountName::parse(name).map_err(|bad| Refusal::value("name", bad))
}

fn put(call: &mut Call<'_>, name: &str) -> Result<Response, Refusal> {
    let condition = call.request.condition()?;
    let sent = object(call.request)?;
    let is_patch = call.request.method == "PATCH";
    named(name)?;
    let snapshot = call.site.snapshot.load_full();
    call.write(|writing| {
        let whole = match is_patch {
            true => merged(found(writing.rows, name)?.body, serde_json::Value::Object(sent.clone())),
            false => serde_json::Value::Object(sent.clone()),
        };
        let account = AccountRecord::read(placed(whole.as_object().cloned().unwrap_or_default(), &[("name", name)])?)?;
        names_fit(&snapshot, &account)?;
        Ok(answered(&writing.put_account(&account, &condition)?))
    })
}

/// MD-59, PF-15, PV-77: below each base name it is used under the label makes a name that platforms know.
fn names_fit(snapshot: &Snapshot, account: &AccountRecord) -> Result<(), Refusal> {
    let Some(label) = &account.subdomain else { return Ok(()) };
    let is_used = |trunk: &&Arc<Trunk>| {
        trunk.role == PeerRole::Platform && account.trunk.as_deref().is_none_or(|own| *own == *trunk.name)
    };
    for base in snapshot.trunks.iter().filter(is_used).filter_map(|trunk| trunk.base_name()) {
        let name = format!("{label}.{base}");
        derived(&name).map_err(|bad| Refusal::value("subdomain", format!("makes {name}, which {bad}")))?;
    }
    Ok(())
}

/// 201 for what is new.
pub fn answered(put: &Put) -> Response {
    let status = if matches!(put, Put::Created(_)) { 201 } else { 200 };
    Response::row(status, put.row())
}

fn delete(call: &mut Call<'_>, name: &str) -> Result<Response, Refusal> {
    let condition = call.request.condition()?;
    let mut numbers = OwnNumbers::Keep;
    for (key, value) in call.request.parameters() {
        if flag(&key, &value)? && key == "deleteNumbers" {
            numbers = OwnNumbers::Drop;
        }
    }
    if numbers == OwnNumbers::Drop {
        own_numbers_rest(call, name)?;
    }
    let missing = |_| Refusal::new(Code::AccountNotFound, "There is no such account.");
    let name = AccountName::parse(name).map_err(missing)?;
    call.write(|writing| {
        writing.drop_account(&name, numbers, &condition)?;
        Ok(Response::new(204, Body::Empty))
    })
}

/// None of an account's numbers is in use, or that is no matter.
fn own_numbers_rest(call: &mut Call<'_>, name: &str) -> Result<(), Refusal> {
    let force = Force::asked(call)?;
    let held = all_in_use(call)?;
    let own = reading(call.store, |rows| {
        let belongs = |row: &Row| row.body.get("account").and_then(Value::as_str) == Some(name);
        let found = held.iter().filter_map(|number| rows.read(Kind::Number, number).transpose());
        let found = found.filter(|row| row.as_ref().is_ok_and(belongs) || row.is_err());
        Ok(found.map(|row| Ok(row?.key)).collect::<Result<BTreeSet<String>, Fault>>()?)
    })?;
    if own.is_empty() { Ok(()) } else { none_in_use(call, own, force) }
}

pub fn switch(call: &mut Call<'_>, name: &str, state: AccountState) -> Result<Response, Refusal> {
    call.needs(Role::Write)?;
    call.covers(name)?;
    let condition = call.request.condition()?;
    call.write(|writing| Ok(Response::row(200, writing.switch_account(name, state, &condition)?.row())))
}
