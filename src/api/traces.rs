//! `/calls/{id}/trace` and its capture: what was said on the wire about a call. It shows SIP, so it has a role of its own
//! (PV-68), and each look is in the audit log (PV-72).

use serde_json::Value;

use super::answer::Call;
use super::calls::id_of;
use super::message::{Body, Response};
use crate::base::ids::CallId;
use crate::route::directory::AccountName;
use crate::store::audit::Act;
use crate::store::refusal::{Code, Refusal};
use crate::store::tokens::Role;
use crate::store::writing::writing;

/// What is known of a call.
#[derive(Clone, Debug)]
pub struct ShownTrace {
    pub body: Value,
    /// As Wireshark reads it.
    pub capture: Vec<u8>,
    /// Whose call it is.
    pub account: Option<AccountName>,
}

/// Calls that go on or ended lately.
pub trait Traces: Send + Sync {
    /// `None`: there is no such call, or it is forgotten.
    fn trace(&self, id: CallId) -> Option<ShownTrace>;
}

/// Messages, and the rule behind each difference of both INVITEs.
pub fn one(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    found(call, id).map(|trace| Response::json(200, trace.body))
}

/// The capture.
pub fn capture(call: &mut Call<'_>, id: &str) -> Result<Response, Refusal> {
    found(call, id).map(|trace| Response::new(200, Body::Capture(trace.capture)))
}

fn found(call: &mut Call<'_>, id: &str) -> Result<ShownTrace, Refusal> {
    call.needs(Role::CallsTrace)?;
    let missing = || Refusal::new(Code::CallNotFound, "There is no such call, or its messages are forgotten.");
    let id = id_of(id)?;
    let trace = call.site.traces.trace(id).ok_or_else(missing)?;
    let account = trace.account.as_ref().map(AccountName::as_str);
    let is_covered = call.grant.accounts.is_none() || account.is_some_and(|name| call.grant.covers(name));
    if !is_covered {
        return Err(missing());
    }
    let (target, account) = (format!("calls/{}", id.0), account.unwrap_or_default().to_owned());
    writing(call.store, &call.actor, call.now, |writing| {
        let (target, account) = (target.clone(), account.clone());
        writing.note(Act { action: "call.trace", target, account, ..Act::default() })
    })?;
    Ok(trace)
}
