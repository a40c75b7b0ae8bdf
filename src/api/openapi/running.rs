//! Calls that are going on, who may ask, and what operators order.

use serde_json::{Value, json};

use super::{
    conditional, conditional_read, filter, gone, ok, operation, page, path, query, reference, repeatable, text_in_path,
    with_body, with_parameters,
};
use crate::api::calls::FIELDS;

pub(super) fn call_paths() -> Vec<(String, Value)> {
    let id = || text_in_path("id", "^[0-9]{1,20}$");
    let parameters = vec![
        query("maxpagesize", json!({ "type": "integer", "minimum": 1, "description": "Above 500 it is cut." })),
        filter(FIELDS),
        query("after", json!({ "type": "string", "description": "From a nextLink." })),
    ];
    let list = operation("activeCalls", "Calls that are not over, the oldest first.", ok(page(reference("Call"))));
    let reason = json!({ "type": "string", "minLength": 1, "maxLength": 200 });
    let body = json!({ "type": "object", "required": ["reason"], "properties": { "reason": reason }, "additionalProperties": false });
    let terminate = operation("terminateCall", "Ends it with BYE or CANCEL; the reason is in the audit log.", gone());
    let object = json!({ "type": "object" });
    let pcap = json!({ "200": { "description": "Done.", "content": { "application/vnd.tcpdump.pcap": { "schema": { "type": "string", "format": "binary" } } } } });
    let trace =
        operation("traceCall", "SIP of both legs, secrets masked, of a call that goes on or ended lately.", ok(object));
    let capture = operation("captureCall", "The same as a capture for Wireshark.", pcap);
    vec![
        path("/calls/{id}/trace", [id()], [("get", trace)]),
        path("/calls/{id}/trace.pcap", [id()], [("get", capture)]),
        path("/calls/active", [], [("get", with_parameters(list, parameters))]),
        path("/calls/active/{id}", [id()], [("get", operation("activeCall", "One call.", ok(reference("Call"))))]),
        path(
            "/calls/active/{id}:terminate",
            [id()],
            [("post", with_body(repeatable(terminate), "application/json", body))],
        ),
    ]
}

pub(super) fn client_paths() -> Vec<(String, Value)> {
    let name = || text_in_path("name", "^[A-Za-z0-9._-]{1,64}$");
    let content = || json!({ "application/json": { "schema": reference("Client") } });
    let written = json!({
        "200": { "description": "Changed; its token stays.", "content": content() },
        "201": { "description": "Made; the token is shown only now.", "content": content() },
    });
    let list = |id: &str, text: &str, schema: &str| ("get", operation(id, text, ok(page(reference(schema)))));
    let put = with_body(
        conditional(operation("putClient", "Makes a client or changes what it may do.", written)),
        "application/json",
        reference("Client"),
    );
    let one = conditional_read(operation("client", "One client, without its token.", ok(reference("Client"))));
    let delete = conditional(operation("revokeClient", "Its token is worth nothing from now on.", gone()));
    let rotate = conditional(operation("rotateClient", "A new token, shown only now.", ok(reference("Client"))));
    vec![
        path("/clients", [], [list("clients", "Who may ask.", "Client")]),
        path("/clients/{name}", [name()], [("get", one), ("put", put), ("delete", delete)]),
        path("/clients/{name}:rotate", [name()], [("post", rotate)]),
        path("/roles", [], [list("roles", "What clients can be let do.", "Role")]),
    ]
}

pub(super) fn operation_paths() -> Vec<(String, Value)> {
    let name = || text_in_path("name", "^[A-Za-z0-9._-]{1,64}$");
    let object = || json!({ "type": "object" });
    let stand = |id: &str, text: &str| ("post", repeatable(operation(id, text, ok(reference("TrunkStanding")))));
    let reload = "Reads the configuration file again: all of it comes into force, or nothing. Keys are named by what their \
                  change takes: live, rebind, restart.";
    let level = json!({ "type": "object", "required": ["level"], "additionalProperties": false, "properties": {
        "level": { "type": "string", "minLength": 1, "maxLength": 1024, "description": "error, warn, info, debug, trace, or a filter." },
    } });
    let set = with_body(
        repeatable(operation("setLogLevel", "Until the next start, or a reload that changes log.level.", ok(object()))),
        "application/json",
        level,
    );
    vec![
        path("/configuration", [], [("get", operation("configuration", "Its revision.", ok(object())))]),
        path(
            "/configuration:reload",
            [],
            [("post", repeatable(operation("reloadConfiguration", reload, ok(reference("Reloaded")))))],
        ),
        path("/trunks", [], [("get", operation("trunks", "Every trunk, its standing and its calls.", ok(object())))]),
        path("/trunks/{name}:enable", [name()], [stand("enableTrunk", "Takes it back into service.")]),
        path("/trunks/{name}:disable", [name()], [stand("disableTrunk", "Out of service; calls go on.")]),
        path("/trunks/{name}:drain", [name()], [stand("drainTrunk", "No new calls but emergency calls; calls go on.")]),
        path(
            "/settings/log",
            [],
            [("get", operation("logLevel", "Level or filter of the log.", ok(object()))), ("put", set)],
        ),
    ]
}
