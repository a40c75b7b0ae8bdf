//! `/carriers`.

use serde_json::Value;

use super::accounts::answered;
use super::answer::Call;
use super::body::{merged, object, placed};
use super::list::objects;
use super::message::{Body, Response};
use crate::store::records::{CarrierRecord, Record};
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::{Filter, Kind, Row, Rows};
use crate::store::tokens::Role;
use crate::store::writing::reading;

pub fn list(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    objects(call, Kind::Carrier, Filter::All)
}

pub fn one(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    call.needs_of_method()?;
    if call.request.method == "GET" {
        let row = reading(call.store, |rows| found(rows, id))?;
        return Ok(call.single(&row));
    }
    call.covers_all()?;
    let condition = call.request.condition()?;
    if call.request.method == "DELETE" {
        return call.write(|writing| {
            writing.drop_carrier(id, &condition)?;
            Ok(Response::new(204, Body::Empty))
        });
    }
    let sent = object(call.request)?;
    let is_patch = call.request.method == "PATCH";
    call.write(|writing| {
        let whole = match is_patch {
            true => merged(found(writing.rows, id)?.body, Value::Object(sent.clone())),
            false => Value::Object(sent.clone()),
        };
        let carrier = CarrierRecord::read(placed(whole.as_object().cloned().unwrap_or_default(), &[("id", id)])?)?;
        Ok(answered(&writing.put_carrier(&carrier, &condition)?))
    })
}

fn found(rows: &mut dyn Rows, id: &str) -> Result<Row, Refusal> {
    let missing = || Refusal::new(Code::CarrierNotFound, "There is no such carrier.");
    rows.read(Kind::Carrier, id)?.ok_or_else(missing)
}
