//! The OpenAPI 3 document: what clients are made from and tests are held against.

use serde_json::{Map, Value, json};

use super::BASE;
use crate::store::rows::{FieldType, Kind};

mod paths;
mod running;
mod schemas;

/// Every way a request can be refused, each with the error body.
const REFUSALS: [(&str, &str); 14] = [
    ("400", "The request cannot be understood."),
    ("401", "No token, or one that is not known."),
    ("403", "The token may not do this."),
    ("404", "There is no such thing."),
    ("405", "The method is not possible here."),
    ("408", "The body did not come in time, or not whole."),
    ("409", "Something else stands against it."),
    ("412", "The condition does not hold."),
    ("413", "Too large."),
    ("415", "The media type is not read."),
    ("422", "The Idempotency-Key was used for another request."),
    ("429", "Too many requests."),
    ("500", "A defect."),
    ("503", "The store does not answer, or the process ends."),
];

/// The document.
pub fn document() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Trunkline provisioning", "version": "1.0.0", "description": "Accounts, numbers and carriers of one node." },
        "servers": [{ "url": BASE }],
        "security": [{ "token": [] }],
        "paths": all_paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas::schemas(),
        },
    })
}

fn all_paths() -> Value {
    let mut paths = Map::new();
    paths.extend(paths::account_paths());
    paths.extend(paths::number_paths());
    paths.extend(paths::import_paths());
    paths.extend(running::call_paths());
    paths.extend(running::client_paths());
    paths.extend(running::operation_paths());
    paths.extend(paths::other_paths());
    Value::Object(paths)
}

fn path<const P: usize, const O: usize>(
    path: &str,
    parameters: [Value; P],
    operations: [(&str, Value); O],
) -> (String, Value) {
    let mut item = Map::new();
    item.insert("parameters".to_owned(), json!(parameters.to_vec()));
    item.extend(operations.map(|(method, operation)| (method.to_owned(), operation)));
    (path.to_owned(), Value::Object(item))
}

fn operation(id: &str, summary: &str, mut responses: Value) -> Value {
    if let Some(responses) = responses.as_object_mut() {
        for (status, text) in REFUSALS {
            let content = json!({ "application/json": { "schema": reference("Error") } });
            responses.insert(status.to_owned(), json!({ "description": text, "content": content }));
        }
    }
    json!({ "operationId": id, "summary": summary, "parameters": [request_id()], "responses": responses })
}

fn with_parameters(mut operation: Value, more: Vec<Value>) -> Value {
    if let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
        parameters.extend(more);
    }
    operation
}

fn with_body(mut operation: Value, media: &str, schema: Value) -> Value {
    if let Some(operation) = operation.as_object_mut() {
        let content = json!({ (media): { "schema": schema } });
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation
}

/// A write: conditional and repeatable.
fn conditional(operation: Value) -> Value {
    with_parameters(repeatable(operation), vec![header("If-Match", json!({ "type": "string" }))])
}

/// A write that may be sent again under its key (PV-59).
fn repeatable(operation: Value) -> Value {
    with_parameters(operation, vec![header("Idempotency-Key", json!({ "type": "string", "pattern": "^[!-~]{1,64}$" }))])
}

fn conditional_read(mut operation: Value) -> Value {
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        responses.insert("304".to_owned(), json!({ "description": "As it was." }));
    }
    with_parameters(operation, vec![header("If-None-Match", json!({ "type": "string" }))])
}

fn resource(noun: &str, schema: &str, of_delete: Vec<Value>) -> [(&'static str, Value); 4] {
    let written = || {
        let content = json!({ "application/json": { "schema": reference(schema) } });
        json!({ "200": { "description": "Replaced.", "content": content }, "201": { "description": "Created.", "content": content } })
    };
    let absent = header("If-None-Match", json!({ "type": "string", "enum": ["*"] }));
    let put = with_parameters(
        with_body(
            conditional(operation(&format!("put-{noun}"), "Creates or replaces.", written())),
            "application/json",
            reference(schema),
        ),
        vec![absent],
    );
    let patch = conditional(operation(&format!("patch-{noun}"), "JSON merge patch (RFC 7396).", ok(reference(schema))));
    let patch = with_body(patch, "application/merge-patch+json", json!({ "type": "object" }));
    let delete = conditional(operation(&format!("delete-{noun}"), "Takes it away.", gone()));
    [
        ("get", conditional_read(operation(&format!("get-{noun}"), "One of them.", ok(reference(schema))))),
        ("put", put),
        ("patch", patch),
        ("delete", with_parameters(delete, of_delete)),
    ]
}

/// What a list may be filtered by.
fn filter(fields: &[(&str, FieldType)]) -> Value {
    let fields: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let text = format!(
        "FIELD eq|ne|gt|ge|lt|le|startswith|contains 'VALUE', joined by and / or. Fields: {}.",
        fields.join(", ")
    );
    query("filter", json!({ "type": "string", "description": text }))
}

fn list(id: &str, kind: Kind, schema: &str) -> Value {
    let fields: Vec<&str> = kind.fields().iter().map(|(name, _)| *name).collect();
    let orders: Vec<String> = fields.iter().flat_map(|name| [format!("{name} asc"), format!("{name} desc")]).collect();
    let parameters = vec![
        query("maxpagesize", json!({ "type": "integer", "minimum": 1, "description": "Above 500 it is cut." })),
        query("skip", json!({ "type": "integer", "minimum": 0, "maximum": 100_000 })),
        query("count", json!({ "type": "boolean" })),
        query("orderby", json!({ "type": "string", "enum": orders })),
        filter(kind.fields()),
        query("after", json!({ "type": "string", "description": "From a nextLink." })),
    ];
    with_parameters(operation(id, "A page of them.", ok(page(reference(schema)))), parameters)
}

fn ok(schema: Value) -> Value {
    json!({ "200": { "description": "Done.", "content": { "application/json": { "schema": schema } } } })
}

fn gone() -> Value {
    json!({ "204": { "description": "Done." } })
}

fn page(item: Value) -> Value {
    json!({ "type": "object", "required": ["value"], "properties": { "value": { "type": "array", "items": item }, "nextLink": { "type": "string" } } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn query(name: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "schema": schema })
}

fn header(name: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "header", "schema": schema })
}

fn request_id() -> Value {
    header("X-Request-Id", json!({ "type": "string" }))
}

/// PV-40.
fn force() -> Value {
    query(
        "force",
        json!({ "type": "boolean", "description": "Also while calls use the number; needs Provisioning.Delete." }),
    )
}

fn delete_numbers() -> Value {
    query("deleteNumbers", json!({ "type": "boolean" }))
}

fn text_in_path(name: &str, pattern: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "pattern": pattern } })
}

fn name() -> Value {
    text_in_path("name", "^[A-Za-z0-9_-]{1,100}$")
}

fn number() -> Value {
    text_in_path("number", "^\\+[1-9][0-9]{1,14}$")
}
