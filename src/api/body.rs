//! JSON bodies: read within limits, and merged (RFC 7396).

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::JSON_OCTETS;
use super::message::Request;
use crate::store::records::unreadable;
use crate::store::refusal::{Code, Refusal};

/// Reads a JSON object.
///
/// # Errors
/// Another media type, too long, or no object.
pub fn object(request: &Request) -> Result<Map<String, Value>, Refusal> {
    let takes: &[&str] = match request.method.as_str() {
        "PATCH" => &["application/merge-patch+json", "application/json"],
        _ => &["application/json"],
    };
    if !takes.contains(&request.media_type().as_str()) {
        return Err(Refusal::new(Code::UnsupportedMediaType, format!("Send {}.", takes.join(" or "))));
    }
    if request.body.len() > JSON_OCTETS {
        return Err(Refusal::new(Code::FileTooLarge, format!("A JSON body has at most {JSON_OCTETS} octets.")));
    }
    let value = super::json::value(&request.body)
        .map_err(|error| Refusal::new(Code::MalformedJson, format!("The body is no JSON we read: {error}.")))?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Refusal::new(Code::ValidationFailed, "The body must be an object.")),
    }
}

/// Reads an object of known properties.
///
/// # Errors
/// The property that is not known, or cannot be taken.
pub fn read<T: DeserializeOwned>(body: Value) -> Result<T, Refusal> {
    serde_json::from_value(body.clone()).map_err(|error| unreadable::<T>(&error.to_string(), &body))
}

/// What a whole object becomes for its place: read-only properties away, the key of the path in.
///
/// # Errors
/// The object names another key than the path.
pub fn placed(mut object: Map<String, Value>, keys: &[(&str, &str)]) -> Result<Value, Refusal> {
    for read_only in ["etag", "numberCount", "numberCounts"] {
        object.remove(read_only);
    }
    for (property, key) in keys {
        match object.insert((*property).to_owned(), json!(key)) {
            Some(other) if other != json!(key) => {
                return Err(Refusal::value(property, "differs from the path"));
            }
            Some(_) | None => {}
        }
    }
    // Null means absent, as in a merge patch.
    object.retain(|_, value| !value.is_null());
    Ok(Value::Object(object))
}

/// Applies a merge patch.
pub fn merged(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut object = match target {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            object.remove(&name);
        } else {
            let before = object.remove(&name).unwrap_or(Value::Null);
            object.insert(name, merged(before, value));
        }
    }
    Value::Object(object)
}
