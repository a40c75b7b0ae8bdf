//! `/accounts`.

use super::answer::Call;
use super::body::{merged, object, placed};
use super::list::{flag, objects};
use super::message::{Body, Response};
use crate::route::directory::{AccountName, AccountState};
use crate::store::records::{AccountRecord, Record};
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::{Kind, Row, Rows};
use crate::store::tokens::Role;
use crate::store::writing::{OwnNumbers, Put, reading};

pub fn list(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    let own = call.own("name");
    objects(call, Kind::Account, own)
}

pub fn one(call: &mut Call<'_>, name: &str) -> Result<Response, Refusal> {
    call.needs_of_method()?;
    call.covers(name)?;
    match call.request.method.as_str() {
        "GET" => {
            let row = reading(call.store, |rows| found(rows, name))?;
            Ok(call.single(&row))
        }
        "DELETE" => delete(call, name),
        _ => put(call, name),
    }
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
    call.write(|writing| {
        let whole = match is_patch {
            true => merged(found(writing.rows, name)?.body, serde_json::Value::Object(sent.clone())),
            false => serde_json::Value::Object(sent.clone()),
        };
        let account = AccountRecord::read(placed(whole.as_object().cloned().unwrap_or_default(), &[("name", name)])?)?;
        Ok(answered(&writing.put_account(&account, &condition)?))
    })
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
        if flag(&key, &value)? {
            numbers = OwnNumbers::Drop;
        }
    }
    let missing = |_| Refusal::new(Code::AccountNotFound, "There is no such account.");
    let name = AccountName::parse(name).map_err(missing)?;
    call.write(|writing| {
        writing.drop_account(&name, numbers, &condition)?;
        Ok(Response::new(204, Body::Empty))
    })
}

pub fn switch(call: &mut Call<'_>, name: &str, state: AccountState) -> Result<Response, Refusal> {
    call.needs(Role::Write)?;
    call.covers(name)?;
    let condition = call.request.condition()?;
    call.write(|writing| Ok(Response::row(200, writing.switch_account(name, state, &condition)?.row())))
}
