//! `/audit`.

use serde_json::json;

use super::answer::Call;
use super::list::listed;
use super::message::Response;
use crate::store;
use crate::store::refusal::Refusal;
use crate::store::rows::Kind;
use crate::store::tokens::Role;
use crate::store::writing::reading;

pub fn list(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::AuditRead)?;
    let own = call.own("account");
    listed(call, Kind::Audit, own, |_, row| Ok(row.body.clone()))
}

/// Checks the chain of hashes.
pub fn verify(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::AuditRead)?;
    call.covers_all()?;
    let checked = reading(call.store, |rows| store::audit::verify(rows));
    let body = match checked {
        Ok(events) => json!({ "intact": true, "events": events }),
        Err(refusal) => json!({ "intact": false, "message": refusal.message }),
    };
    Ok(Response::json(200, body))
}
