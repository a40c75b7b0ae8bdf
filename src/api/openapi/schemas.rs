//! The objects of the document.

use serde_json::{Map, Value, json};

use crate::route::directory::Service;
use crate::route::number::Field;
use crate::store::tokens::Role;

pub(super) fn e164() -> Value {
    json!({ "type": "string", "pattern": "^\\+[1-9][0-9]{1,14}$" })
}

pub(super) fn account_name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$" })
}

fn object(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn short(most: u32) -> Value {
    json!({ "type": "string", "maxLength": most })
}

/// Every object, by name.
pub(super) fn schemas() -> Value {
    let mut all = provisioned();
    if let (Value::Object(all), Value::Object(running)) = (&mut all, running()) {
        all.extend(running);
    }
    all
}

fn provisioned() -> Value {
    let services: Map<String, Value> = Service::all()
        .map(|service| (service.name().to_owned(), object(json!({ "enabled": { "type": "boolean" } }))))
        .collect();
    let count = json!({ "type": "integer", "minimum": 0 });
    let content = json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$" });
    let etag = json!({ "type": "string", "readOnly": true });
    json!({
        "Account": object(json!({
            "name": account_name(), "displayName": short(100), "correlationId": short(128),
            "state": { "type": "string", "enum": ["active", "suspended"] }, "services": object(json!(services)),
            "fqdn": short(48), "subdomain": short(63), "callerReplacement": e164(), "trunk": short(64), "callerScreening": { "type": "boolean" },
            "customHeader": content,
            "numberRules": object(json!({ "incoming": rules(), "outgoing": rules() })),
            "limits": object(json!({ "maxConcurrentCalls": count, "maxCallsPerSecond": count, "maxNumbers": count })),
            "defaults": object(json!({
                "carrier": short(64), "customHeader": content,
                "inboundEnabled": { "type": "boolean" }, "outboundEnabled": { "type": "boolean" },
            })),
            "numberCount": { "type": "integer", "readOnly": true },
            "numberCounts": { "type": "object", "additionalProperties": { "type": "integer" }, "readOnly": true },
            "etag": etag,
        })),
        "Number": object(json!({
            "phoneNumber": e164(), "account": account_name(), "carrier": short(64),
            "country": { "type": "string", "pattern": "^[A-Z]{2}$" },
            "numberType": { "type": "string", "enum": ["local", "tollFree", "mobile", "shortCode", "other"] },
            "services": object(json!(services)),
            "inboundEnabled": { "type": "boolean" }, "outboundEnabled": { "type": "boolean" }, "customHeader": content,
            "emergency": object(json!({ "locationId": short(128), "elin": e164(), "civic": short(512) })),
            "screeningAliases": { "type": "array", "items": e164(), "maxItems": 32 },
            "testLine": { "type": "boolean" }, "ticket": short(64), "correlationId": short(128),
            "state": { "type": "string", "enum": ["draft", "active", "suspended", "released"] },
            "assignment": { "type": "string", "enum": ["unassigned", "assigned", "unknown"] },
            "validFrom": { "type": "string", "format": "date-time" }, "validTo": { "type": "string", "format": "date-time" },
            "etag": etag,
        })),
        "Carrier": object(json!({
            "id": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" }, "displayName": short(100),
            "countries": { "type": "array", "items": { "type": "string", "pattern": "^[A-Z]{2}$" }, "maxItems": 250 },
            "customerCare": short(128), "etag": etag,
        })),
        "Import": { "type": "object", "required": ["id", "state", "counters"], "properties": {
            "id": { "type": "string" }, "counters": { "type": "object" },
            "state": { "type": "string", "enum": ["invalid", "valid", "importing", "completed", "completedWithErrors", "cancelled", "expired"] },
        } },
        "Validation": { "type": "object", "required": ["rows", "valid", "errors", "problems"] },
        "Problem": { "type": "object", "required": ["code", "severity", "message"] },
        "AuditEvent": { "type": "object", "required": ["sequence", "time", "actor", "action", "target", "result", "hash"] },
        "Question": { "type": "object", "description": "A call on the trunk `from`; or, with `direction`, a question of numbers alone.", "additionalProperties": false, "properties": {
            "from": { "type": "string" },
            "headers": { "type": "array", "maxItems": 64, "items": object(json!({ "name": short(128), "value": short(8192) })) },
            "direction": { "type": "string", "enum": ["carrierToPlatform", "platformToCarrier"] },
            "calling": short(512), "called": short(512), "diverting": e164(),
            "service": { "type": "string", "enum": Service::all().map(Service::name).collect::<Vec<_>>() },
        } },
        "Decision": { "type": "object", "description": "What numbers and accounts decide, asked with `direction`.", "required": ["allowed"], "additionalProperties": false, "properties": {
            "allowed": { "type": "boolean" }, "account": { "type": ["string", "null"] }, "customHeader": { "type": ["string", "null"] },
            "cause": { "type": "string" }, "status": { "type": "integer" }, "q850": { "type": "integer" },
        } },
        "Explanation": explanation(),
        "Error": { "type": "object", "required": ["error"], "properties": { "error": {
            "type": "object", "required": ["code", "message", "requestId", "details"],
            "properties": { "code": { "type": "string" }, "message": { "type": "string" }, "target": { "type": "string" }, "requestId": { "type": "string" }, "details": { "type": "array" } },
        } } },
    })
}

/// Number rules of an account (MD-67).
fn rules() -> Value {
    let fields: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
    let rule = json!({ "type": "object", "required": ["match", "replace"], "additionalProperties": false, "properties": {
        "field": { "type": "string", "enum": fields }, "match": short(256), "replace": short(256),
    } });
    json!({ "type": "array", "items": rule, "maxItems": 32 })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

pub(super) fn client_name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" })
}

fn roles() -> Value {
    let names: Vec<Value> = Role::ALL.iter().map(|(role, _)| json!(role)).collect();
    json!({ "type": "array", "items": { "type": "string", "enum": names }, "minItems": 1, "uniqueItems": true })
}

fn running() -> Value {
    let etag = json!({ "type": "string", "readOnly": true });
    json!({
        "Call": { "type": "object", "required": ["id", "state", "from", "calling", "called", "started"], "additionalProperties": false, "properties": {
            "id": { "type": "string" }, "state": { "type": "string", "enum": ["hunting", "answered", "ending"] },
            "from": { "type": "string" }, "to": { "type": "string" }, "route": { "type": "string" },
            "calling": { "type": "string" }, "called": { "type": "string" }, "account": { "type": "string" },
            "emergency": { "type": "string", "description": "The code of an emergency call." },
            "callerCallId": { "type": "string" }, "calleeCallId": { "type": "string" },
            "started": time(), "rang": time(), "answered": time(), "duration": { "type": "integer" },
        } },
        "Client": { "type": "object", "required": ["roles"], "additionalProperties": false, "properties": {
            "name": client_name(), "roles": roles(),
            "accounts": { "type": "array", "items": account_name(), "minItems": 1, "maxItems": 1000, "uniqueItems": true },
            "expires": time(), "lastUsed": { "type": "string", "format": "date-time", "readOnly": true },
            "token": { "type": "string", "readOnly": true }, "etag": etag,
        } },
        "Role": { "type": "object", "required": ["name", "description"] },
        "Reloaded": { "type": "object", "required": ["revision", "live", "rebind", "restart", "warnings", "connectionsTurnedOver"], "properties": {
            "revision": { "type": "integer" }, "live": texts(), "rebind": texts(), "restart": texts(), "warnings": texts(),
            "connectionsTurnedOver": { "type": "integer" },
        } },
        "TrunkStanding": { "type": "object", "required": ["name", "standing"], "properties": {
            "name": { "type": "string" }, "standing": { "type": "string", "enum": ["enabled", "draining", "disabled"] },
        } },
    })
}

/// As `trunkline explain --json` writes it.
fn explanation() -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let of = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties });
    let each = |item: Value| json!({ "type": "array", "items": item });
    let header = of(&["name", "value", "rule"], json!({ "name": text(), "value": text(), "rule": text() }));
    let number = json!({ "type": "integer" });
    of(
        &["allowed", "readings", "routes", "guard", "candidates", "invites"],
        json!({
            "allowed": { "type": "boolean", "description": "Whether it reaches anybody." },
            "refusal": of(&["status", "cause", "text"], json!({ "status": number, "cause": text(), "text": text(), "q850": number, "key": text() })),
            "trunk": of(&["name", "profile", "by", "policy"], json!({ "name": text(), "profile": text(), "by": text(), "policy": texts() })),
            "readings": each(of(&["header", "written", "rule"], json!({ "header": text(), "written": text(), "number": text(), "problem": text(), "rule": text() }))),
            "caller": of(&["number", "by", "hides"], json!({ "number": text(), "by": text(), "hides": { "type": "boolean" } })),
            "account": of(&["by"], json!({ "name": text(), "by": text(), "number": text(), "service": text(), "customHeader": text() })),
            "routes": each(of(&["name", "verdict", "why", "to"], json!({ "name": text(), "verdict": { "type": "string", "enum": ["taken", "missed", "notReached"] }, "why": text(), "to": texts() }))),
            "emergency": of(&["code", "trunks", "barred", "elins"], json!({ "code": text(), "route": text(), "usualRoute": text(), "trunks": texts(), "barred": texts(), "elins": texts() })),
            "fraud": of(&["allowed", "class", "text"], json!({ "allowed": { "type": "boolean" }, "class": text(), "country": text(), "key": text(), "prefix": text(), "text": text() })),
            "guard": texts(),
            "candidates": texts(),
            "invites": each(of(&["trunk", "requestUri", "requestUriRule", "headers", "policy"], json!({ "trunk": text(), "requestUri": text(), "requestUriRule": text(), "headers": each(header), "policy": texts() }))),
        }),
    )
}

fn texts() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}
