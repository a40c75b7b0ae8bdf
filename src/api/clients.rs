//! `/clients` and `/roles`: who may ask, and what (PV-67 to PV-69). A token is shown when it is made, and never again.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::Call;
use super::body::{object, placed};
use super::message::{Body, Response, etag};
use crate::base::WallTime;
use crate::route::directory::AccountName;
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::Rows;
use crate::store::tokens::{self, Client, Grant, Role};
use crate::store::wall;
use crate::store::writing::reading;

/// Accounts one client may be limited to.
const ACCOUNTS: usize = 1000;

/// Only somebody who is not limited to accounts looks after clients.
fn may(call: &Call<'_>) -> Result<(), Refusal> {
    call.needs(Role::SecurityAdmin)?;
    call.covers_all()
}

/// Every client.
pub fn list(call: &mut Call<'_>) -> Result<Response, Refusal> {
    may(call)?;
    call.no_parameters(&[])?;
    let value = reading(call.store, |rows| {
        tokens::clients(rows)?.iter().map(|client| shown(rows, client)).collect::<Result<Vec<Value>, Refusal>>()
    })?;
    Ok(Response::json(200, json!({ "value": value })))
}

/// What the roles let do.
pub fn roles(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.no_parameters(&[])?;
    let value: Vec<Value> = Role::ALL.iter().map(|(role, text)| json!({ "name": role, "description": text })).collect();
    Ok(Response::json(200, json!({ "value": value })))
}

fn shown(rows: &mut dyn Rows, client: &Client) -> Result<Value, Refusal> {
    let Grant { name, roles, accounts, expires } = &client.grant;
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(name));
    body.insert("roles".to_owned(), json!(roles));
    body.extend(accounts.as_ref().map(|accounts| ("accounts".to_owned(), json!(accounts))));
    body.extend(expires.map(|expires| ("expires".to_owned(), json!(wall::text(WallTime(expires))))));
    let used = tokens::last_used(rows, name)?;
    body.extend(used.map(|used| ("lastUsed".to_owned(), json!(wall::text(used)))));
    body.insert("etag".to_owned(), json!(etag(client.row.revision)));
    Ok(Value::Object(body))
}

/// One client.
pub fn one(call: &mut Call<'_>, name: &str) -> Result<Response, Refusal> {
    may(call)?;
    match call.request.method.as_str() {
        "GET" => {
            let (body, revision) = reading(call.store, |rows| {
                let client = tokens::client(rows, name)?;
                Ok((shown(rows, &client)?, client.row.revision))
            })?;
            Ok(call.conditional(revision, Response::json(200, body)))
        }
        "DELETE" => {
            let condition = call.request.condition()?;
            call.write(|writing| {
                let client = tokens::client(writing.rows, name)?;
                condition.holds(Some(&client.row))?;
                tokens::revoke(writing, &client)?;
                Ok(Response::new(204, Body::Empty))
            })
        }
        _ => put(call, name),
    }
}

/// Makes a client, or changes what it may do.
fn put(call: &mut Call<'_>, name: &str) -> Result<Response, Refusal> {
    let condition = call.request.condition()?;
    let grant = grant(object(call.request)?, name, call.now)?;
    if call.request.header("idempotency-key").is_some() {
        // The answer would be kept, and the token with it.
        return Err(Refusal::value("Idempotency-Key", "is not taken here: a token is kept nowhere"));
    }
    let actor = call.actor.clone();
    let now = call.now;
    let entropy = &mut *call.entropy;
    crate::store::writing::writing(call.store, &actor, now, |writing| {
        let found = tokens::client(writing.rows, name).ok();
        condition.holds(found.as_ref().map(|client| &client.row))?;
        match found {
            Some(client) => {
                tokens::regrant(writing, &client, &grant)?;
                answered(writing.rows, 200, name, None)
            }
            None => {
                let text = tokens::issue(writing, &grant, entropy)?;
                answered(writing.rows, 201, name, Some(text))
            }
        }
    })
}

fn answered(rows: &mut dyn Rows, status: u16, name: &str, token: Option<String>) -> Result<Response, Refusal> {
    let client = tokens::client(rows, name)?;
    let mut body = shown(rows, &client)?;
    if let (Some(object), Some(token)) = (body.as_object_mut(), token) {
        object.insert("token".to_owned(), json!(token));
    }
    Ok(Response::json(status, body).with("ETag", etag(client.row.revision)))
}

/// A new token in the place of the one before.
pub fn rotate(call: &mut Call<'_>, name: &str) -> Result<Response, Refusal> {
    may(call)?;
    call.no_parameters(&[])?;
    let condition = call.request.condition()?;
    let (actor, now) = (call.actor.clone(), call.now);
    let entropy = &mut *call.entropy;
    crate::store::writing::writing(call.store, &actor, now, |writing| {
        let client = tokens::client(writing.rows, name)?;
        condition.holds(Some(&client.row))?;
        let (text, _) = tokens::rotate(writing, &client, entropy)?;
        answered(writing.rows, 200, name, Some(text))
    })
}

/// What a client is to be.
fn grant(sent: Map<String, Value>, name: &str, now: WallTime) -> Result<Grant, Refusal> {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
        return Err(Refusal::value("name", "must be 1 to 64 letters, digits, dots, hyphens and underscores"));
    }
    let Value::Object(mut body) = placed(sent, &[("name", name)])? else {
        return Err(Refusal::new(Code::ValidationFailed, "The body must be an object."));
    };
    for read_only in ["lastUsed", "name"] {
        body.remove(read_only);
    }
    let roles = body.remove("roles").map(serde_json::from_value::<BTreeSet<Role>>);
    let known = || Role::ALL.iter().map(|(role, _)| json!(role).as_str().unwrap_or_default().to_owned());
    let roles = match roles {
        Some(Ok(roles)) if !roles.is_empty() => roles,
        Some(_) | None => {
            let text = format!("must be a list of at least one of {}", known().collect::<Vec<_>>().join(", "));
            return Err(Refusal::value("roles", text));
        }
    };
    let accounts = body.remove("accounts").map(accounts).transpose()?;
    let expires = body.remove("expires").map(|value| expiry(&value, now)).transpose()?;
    match body.keys().next() {
        Some(other) => {
            Err(Refusal::new(Code::UnknownProperty, format!("There is no property {other}.")).at(other.clone()))
        }
        None => Ok(Grant { name: name.to_owned(), roles, accounts, expires }),
    }
}

fn accounts(value: Value) -> Result<BTreeSet<String>, Refusal> {
    let read = serde_json::from_value::<BTreeSet<String>>(value).ok();
    let fits = |names: &BTreeSet<String>| {
        (1..=ACCOUNTS).contains(&names.len()) && names.iter().all(|name| AccountName::parse(name).is_ok())
    };
    let text = format!("must be a list of 1 to {ACCOUNTS} names of accounts; leave it out for all");
    read.filter(fits).ok_or_else(|| Refusal::value("accounts", text))
}

fn expiry(value: &Value, now: WallTime) -> Result<u64, Refusal> {
    let time = value.as_str().and_then(wall::parse).filter(|time| time.0 > now.0);
    time.map(|time| time.0).ok_or_else(|| Refusal::value("expires", "must be a time to come, as 2027-01-31T12:00:00Z"))
}
