//! The paths of the document.

use serde_json::{Value, json};

use super::schemas::{account_name, e164};
use super::{
    conditional, conditional_read, delete_numbers, force, gone, list, name, number, ok, operation, page, path, query,
    reference, repeatable, resource, text_in_path, with_body, with_parameters,
};
use crate::store::BATCH;
use crate::store::rows::Kind;

pub(super) fn account_paths() -> Vec<(String, Value)> {
    vec![
        path("/openapi.json", [], [("get", operation("document", "This document.", ok(json!({ "type": "object" }))))]),
        path("/accounts", [], [("get", list("accounts", Kind::Account, "Account"))]),
        path("/accounts/{name}", [name()], account()),
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

pub(super) fn number_paths() -> Vec<(String, Value)> {
    vec![
        path("/accounts/{name}/numbers", [name()], [("get", list("numbersOfAccount", Kind::Number, "Number"))]),
        path("/accounts/{name}/numbers/{number}", [name(), number()], numbers_own()),
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

pub(super) fn other_paths() -> Vec<(String, Value)> {
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
                        "What would happen to a call, and why. No side effect.",
                        ok(json!({ "anyOf": [reference("Explanation"), reference("Decision")] })),
                    ),
                    "application/json",
                    reference("Question"),
                ),
            )],
        ),
    ]
}

pub(super) fn import_paths() -> [(String, Value); 6] {
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

fn batch_put() -> Value {
    let numbers = json!({ "type": "array", "items": reference("Number"), "minItems": 1, "maxItems": BATCH });
    let body = json!({ "type": "object", "required": ["numbers"], "properties": { "numbers": numbers }, "additionalProperties": false });
    with_body(
        with_parameters(
            repeatable(operation("batchPut", "All or none.", ok(page(reference("Number"))))),
            vec![force()],
        ),
        "application/json",
        body,
    )
}

fn batch_delete() -> Value {
    let numbers = json!({ "type": "array", "items": e164(), "minItems": 1, "maxItems": BATCH });
    let body = json!({ "type": "object", "required": ["numbers"], "properties": { "numbers": numbers }, "additionalProperties": false });
    with_body(
        with_parameters(repeatable(operation("batchDelete", "All or none.", gone())), vec![force()]),
        "application/json",
        body,
    )
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

/// An account; its numbers are counted by service where that is asked for.
fn account() -> [(&'static str, Value); 4] {
    let counts = query("numberCounts", json!({ "type": "boolean", "description": "Also by service." }));
    let resource = resource("account", "Account", vec![delete_numbers(), force()]);
    resource.map(|(method, operation)| match method {
        "get" => (method, with_parameters(operation, vec![counts.clone()])),
        _ => (method, operation),
    })
}

/// A number; while calls use it, it is taken away or released by force alone.
fn numbers_own() -> [(&'static str, Value); 4] {
    resource("number", "Number", Vec::new()).map(|(method, operation)| match method {
        "get" => (method, operation),
        _ => (method, with_parameters(operation, vec![force()])),
    })
}
