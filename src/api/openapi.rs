//! The OpenAPI 3 document: what clients are made from and tests are held against.

use serde_json::{Map, Value, json};

use super::BASE;
use crate::route::directory::Service;
use crate::store::BATCH;
use crate::store::rows::Kind;

/// Every way a request can be refused, each with the error body.
const REFUSALS: [(&str, &str); 13] = [
    ("400", "The request cannot be understood."),
    ("401", "No token, or one that is not known."),
    ("403", "The token may not do this."),
    ("404", "There is no such thing."),
    ("405", "The method is not possible here."),
    ("409", "Something else stands against it."),
    ("412", "The condition does not hold."),
    ("413", "Too large."),
    ("415", "The media type is not read."),
    ("422", "The Idempotency-Key was used for another request."),
    ("429", "Too many requests."),
    ("500", "A defect."),
    ("503", "The store does not answer."),
];

/// The document.
pub fn document() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Trunkline provisioning", "version": "1.0.0", "description": "Accounts, numbers and carriers of one node." },
        "servers": [{ "url": BASE }],
        "security": [{ "token": [] }],
        "paths": paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

fn paths() -> Value {
    let mut paths = Map::new();
    paths.extend(account_paths());
    paths.extend(number_paths());
    paths.extend(import_paths());
    paths.extend(other_paths());
    Value::Object(paths)
}

fn account_paths() -> Vec<(String, Value)> {
    vec![
        path("/openapi.json", [], [("get", operation("document", "This document.", ok(json!({ "type": "object" }))))]),
        path("/accounts", [], [("get", list("accounts", Kind::Account, "Account"))]),
        path("/accounts/{name}", [name()], resource("account", "Account", [delete_numbers()].to_vec())),
        path(
            "/accounts/{name}:suspend",
            [name()],
            [(
                "post",
                conditional(operation("suspendAccount", "Only emergency calls from now on.", ok(reference("Account")))),
            )],
        ),
        path(
            "/accounts/{name}:resume",
            [name()],
            [("post", conditional(operation("resumeAccount", "Calls again.", ok(reference("Account")))))],
        ),
    ]
}

fn number_paths() -> Vec<(String, Value)> {
    vec![
        path("/accounts/{name}/numbers", [name()], [("get", list("numbersOfAccount", Kind::Number, "Number"))]),
        path("/accounts/{name}/numbers/{number}", [name(), number()], resource("number", "Number", Vec::new())),
        path("/accounts/{name}/numbers:batchPut", [name()], [("post", batch_put())]),
        path("/accounts/{name}/numbers:batchDelete", [name()], [("post", batch_delete())]),
        path("/numbers", [], [("get", list("numbers", Kind::Number, "Number"))]),
        path("/numbers/{number}:move", [number()], [("post", moves())]),
        path("/carriers", [], [("get", list("carriers", Kind::Carrier, "Carrier"))]),
        path(
            "/carriers/{id}",
            [text_in_path("id", "^[A-Za-z0-9._-]{1,64}$")],
            resource("carrier", "Carrier", Vec::new()),
        ),
    ]
}

fn other_paths() -> Vec<(String, Value)> {
    vec![
        path("/audit", [], [("get", list("audit", Kind::Audit, "AuditEvent"))]),
        path(
            "/audit:verify",
            [],
            [(
                "post",
                operation(
                    "verifyAudit",
                    "Checks the chain of hashes.",
                    ok(json!({ "type": "object", "required": ["intact"] })),
                ),
            )],
        ),
        path(
            "/settings/customHeader",
            [],
            [(
                "get",
                operation(
                    "customHeader",
                    "The custom header's name, and the services that carry it.",
                    ok(json!({ "type": "object" })),
                ),
            )],
        ),
        path(
            "/routes:evaluate",
            [],
            [(
                "post",
                with_body(
                    operation(
                        "evaluate",
                        "What numbers and accounts say to a call. No side effect.",
                        ok(json!({ "type": "object", "required": ["allowed"] })),
                    ),
                    "application/json",
                    reference("Question"),
                ),
            )],
        ),
    ]
}

fn import_paths() -> [(String, Value); 6] {
    let id = || text_in_path("id", "^[0-9a-f]{1,64}$");
    let csv =
        || json!({ "200": { "description": "CSV.", "content": { "text/csv": { "schema": { "type": "string" } } } } });
    let layout = query("layout", json!({ "type": "string", "enum": ["dynamics", "numbers", "native"] }));
    let country = query("country", json!({ "type": "string", "pattern": "^[A-Z]{2}$" }));
    let run = conditional(operation("runImport", "The second step; If-Match is required.", ok(reference("Import"))));
    [
        path("/imports", [], [("get", list("imports", Kind::Import, "Import")), ("post", upload())]),
        path(
            "/imports/{id}",
            [id()],
            [
                ("get", conditional_read(operation("import", "One import.", ok(reference("Import"))))),
                ("delete", conditional(operation("cancelImport", "Stops it; what was applied stays.", gone()))),
            ],
        ),
        path("/imports/{id}:run", [id()], [("post", run)]),
        path(
            "/imports/{id}/rows",
            [id()],
            [(
                "get",
                with_parameters(
                    operation("importRows", "Problems of its rows.", ok(page(reference("Problem")))),
                    vec![
                        query("skip", json!({ "type": "integer", "minimum": 0, "maximum": 100_000 })),
                        query("maxpagesize", json!({ "type": "integer", "minimum": 1 })),
                        query("code", json!({ "type": "string" })),
                        query("severity", json!({ "type": "string", "enum": ["error", "warning"] })),
                    ],
                ),
            )],
        ),
        path("/imports/{id}/report.csv", [id()], [("get", operation("importReport", "The problems as CSV.", csv()))]),
        path(
            "/imports/template",
            [],
            [("get", with_parameters(operation("template", "A file to fill in.", csv()), vec![layout, country]))],
        ),
    ]
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
    let key = header("Idempotency-Key", json!({ "type": "string", "pattern": "^[!-~]{1,64}$" }));
    with_parameters(operation, vec![header("If-Match", json!({ "type": "string" })), key])
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

fn list(id: &str, kind: Kind, schema: &str) -> Value {
    let fields: Vec<&str> = kind.fields().iter().map(|(name, _)| *name).collect();
    let orders: Vec<String> = fields.iter().flat_map(|name| [format!("{name} asc"), format!("{name} desc")]).collect();
    let parameters = vec![
        query("maxpagesize", json!({ "type": "integer", "minimum": 1, "description": "Above 500 it is cut." })),
        query("skip", json!({ "type": "integer", "minimum": 0, "maximum": 100_000 })),
        query("count", json!({ "type": "boolean" })),
        query("orderby", json!({ "type": "string", "enum": orders })),
        query(
            "filter",
            json!({ "type": "string", "description": format!("FIELD eq|ne|gt|ge|lt|le|startswith|contains 'VALUE', joined by and / or. Fields: {}.", fields.join(", ")) }),
        ),
        query("after", json!({ "type": "string", "description": "From a nextLink." })),
    ];
    with_parameters(operation(id, "A page of them.", ok(page(reference(schema)))), parameters)
}

fn batch_put() -> Value {
    let numbers = json!({ "type": "array", "items": reference("Number"), "minItems": 1, "maxItems": BATCH });
    let body = json!({ "type": "object", "required": ["numbers"], "properties": { "numbers": numbers }, "additionalProperties": false });
    with_body(
        conditional(operation("batchPut", "All or none.", ok(page(reference("Number"))))),
        "application/json",
        body,
    )
}

fn batch_delete() -> Value {
    let numbers = json!({ "type": "array", "items": e164(), "minItems": 1, "maxItems": BATCH });
    let body = json!({ "type": "object", "required": ["numbers"], "properties": { "numbers": numbers }, "additionalProperties": false });
    with_body(conditional(operation("batchDelete", "All or none.", gone())), "application/json", body)
}

fn moves() -> Value {
    let body = json!({ "type": "object", "required": ["account"], "properties": { "account": account_name() }, "additionalProperties": false });
    with_body(
        conditional(operation("moveNumber", "Gives it to another account.", ok(reference("Number")))),
        "application/json",
        body,
    )
}

fn upload() -> Value {
    let content = |schema: &str| json!({ "application/json": { "schema": reference(schema) } });
    let responses = json!({
        "200": { "description": "dryRun: what validation found.", "content": content("Validation") },
        "201": { "description": "A job.", "content": content("Import") },
    });
    let text = || json!({ "type": "string" });
    let flag = || json!({ "type": "boolean" });
    let options = [
        ("account", text()),
        ("carrier", text()),
        ("country", text()),
        ("numberType", json!({ "type": "string", "enum": ["local", "tollFree", "mobile", "shortCode", "other"] })),
        ("services", text()),
        ("customHeader", text()),
        ("inboundEnabled", flag()),
        ("outboundEnabled", flag()),
        ("mode", json!({ "type": "string", "enum": ["create", "upsert", "delete"] })),
        ("strictness", json!({ "type": "string", "enum": ["strict", "lenient"] })),
        ("ticket", text()),
        ("fileName", text()),
        ("dryRun", flag()),
        ("validateAndImport", flag()),
    ];
    let parameters = options.into_iter().map(|(name, schema)| query(name, schema)).collect();
    let operation = with_parameters(
        operation("upload", "Validates a CSV file and keeps it as a job; multipart/form-data is taken too.", responses),
        parameters,
    );
    with_body(operation, "text/csv", json!({ "type": "string" }))
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

fn e164() -> Value {
    json!({ "type": "string", "pattern": "^\\+[1-9][0-9]{1,14}$" })
}

fn account_name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$" })
}

fn object(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn short(most: u32) -> Value {
    json!({ "type": "string", "maxLength": most })
}

fn schemas() -> Value {
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
            "fqdn": short(253), "trunk": short(64), "callerScreening": { "type": "boolean" },
            "limits": object(json!({ "maxConcurrentCalls": count, "maxCallsPerSecond": count, "maxNumbers": count })),
            "defaults": object(json!({
                "carrier": short(64), "customHeader": content,
                "inboundEnabled": { "type": "boolean" }, "outboundEnabled": { "type": "boolean" },
            })),
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
        "Question": { "type": "object", "required": ["direction"], "additionalProperties": false, "properties": {
            "direction": { "type": "string", "enum": ["carrierToPlatform", "platformToCarrier"] },
            "calling": e164(), "called": e164(), "diverting": e164(),
            "service": { "type": "string", "enum": Service::all().map(Service::name).collect::<Vec<_>>() },
        } },
        "Error": { "type": "object", "required": ["error"], "properties": { "error": {
            "type": "object", "required": ["code", "message", "requestId", "details"],
            "properties": { "code": { "type": "string" }, "message": { "type": "string" }, "target": { "type": "string" }, "requestId": { "type": "string" }, "details": { "type": "array" } },
        } } },
    })
}
