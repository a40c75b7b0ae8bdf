//! What would happen to a call: on a trunk, by the engine itself; or as far as numbers and accounts decide it (PV-37). And
//! the custom header's settings.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::Call;
use super::body::{object, read};
use super::message::Response;
use crate::explain;
use crate::route::directory::{Direction, Question, Service, Unknown, decide};
use crate::route::number::E164;
use crate::store::refusal::{Code, Refusal};
use crate::store::tokens::Role;

pub fn custom_header(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    let services: Vec<&str> =
        Service::all().filter(|service| service.takes_custom_header()).map(Service::name).collect();
    Ok(Response::json(200, json!({ "name": call.site.custom_header, "services": services })))
}

/// A call that comes in on a trunk, or one that is only a question of numbers. No side effect.
pub fn evaluate(call: &mut Call<'_>) -> Result<Response, Refusal> {
    call.needs(Role::Read)?;
    call.covers_all()?;
    let sent = object(call.request)?;
    match sent.contains_key("from") {
        true => explained(call, sent),
        false => decided(call, &sent),
    }
}

/// What `trunkline explain` shows, by what calls read now.
fn explained(call: &Call<'_>, sent: Map<String, Value>) -> Result<Response, Refusal> {
    let asked: Asked = read(Value::Object(sent))?;
    let headers = asked.headers.into_iter().map(|header| (header.name, header.value)).collect();
    let question = explain::Question { from: asked.from, calling: asked.calling, called: asked.called, headers };
    let directory = call.site.directory.load_full();
    let explained = explain::explain(&call.site.snapshot.load(), &directory, &question, call.now);
    match explained {
        Ok(explanation) => Ok(Response::json(200, json!(explanation))),
        Err(bad) => Err(Refusal::new(Code::ValidationFailed, format!("{bad}.")).at(bad.place)),
    }
}

/// A call on a trunk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    from: String,
    #[serde(default)]
    calling: String,
    called: String,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: String,
}

/// The decision table over what calls read now.
fn decided(call: &Call<'_>, sent: &Map<String, Value>) -> Result<Response, Refusal> {
    let known = ["direction", "calling", "called", "diverting", "service"];
    if let Some(name) = sent.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::new(Code::UnknownProperty, format!("There is no property {name}.")).at(name.clone()));
    }
    let direction = match sent.get("direction").and_then(Value::as_str) {
        Some("carrierToPlatform") => Direction::CarrierToPlatform,
        Some("platformToCarrier") => Direction::PlatformToCarrier,
        _ => {
            let text = "must be carrierToPlatform or platformToCarrier; or name the trunk in from";
            return Err(Refusal::value("direction", text));
        }
    };
    let number = |name: &str| match sent.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            E164::parse(value.as_str().unwrap_or_default()).map(Some).map_err(|bad| Refusal::value(name, bad))
        }
    };
    let service = match sent.get("service") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let found = value.as_str().and_then(Service::from_name);
            Some(found.ok_or_else(|| Refusal::value("service", "is no service"))?)
        }
    };
    let (calling, called, diverting) = (number("calling")?, number("called")?, number("diverting")?);
    let question = Question {
        direction,
        calling: calling.as_ref(),
        diverting: diverting.as_ref(),
        called: called.as_ref(),
        account: None,
        service,
        unknown: Unknown::Refuse,
        now: call.now,
    };
    let (directory, snapshot) = (call.site.directory.load(), call.site.snapshot.load());
    Ok(Response::json(
        200,
        match decide(&directory, &question).map_err(|denied| snapshot.codes.told(denied, direction)) {
            Ok(decision) => json!({
                "allowed": true,
                "account": decision.account.map(|account| account.name.as_str().to_owned()),
                "customHeader": decision.custom_header,
            }),
            Err(denied) => json!({
                "allowed": false,
                "cause": format!("{:?}", denied.why),
                "status": denied.status,
                "q850": denied.q850,
            }),
        },
    ))
}
