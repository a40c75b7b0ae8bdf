//! Who may ask: clients and their tokens.

use serde_json::{Value, json};
use trunkline::store::rows::{Filter, Kind, Query};
use trunkline::store::writing::reading;

use super::world::{Answer, World};

fn ask_with(world: &World, token: &str, method: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    world.ask_as(method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], b"{}")
}

fn token_of(answer: &Answer) -> String {
    answer.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_client_is_made_used_changed_rotated_and_revoked() {
    let world = World::stocked();
    let made = world.put("/clients/ci", json!({ "roles": ["Provisioning.Read"], "accounts": ["acme"] }));
    assert_eq!(made.status, 201);
    let token = token_of(&made);
    assert_eq!(ask_with(&world, &token, "GET", "/accounts").status, 200);
    assert_eq!(ask_with(&world, &token, "GET", "/clients").code(), "RoleMissing");
    let shown = world.get("/clients/ci");
    assert_eq!(shown.json()["roles"], json!(["Provisioning.Read"]));
    assert!(shown.json()["lastUsed"].is_string() && !shown.text.contains("tkl_"), "{}", shown.text);
    let more = json!({ "roles": ["Provisioning.Read", "Provisioning.Write"] });
    let changed = world.send("PUT", "/clients/ci", &[("If-Match", shown.header("ETag").unwrap())], more);
    assert_eq!((changed.status, changed.json().get("token")), (200, None));
    assert_eq!(ask_with(&world, &token, "PUT", "/accounts/zoo").status, 200, "no longer limited to one account");
    let rotated = world.ask("POST", "/clients/ci:rotate", &[], b"");
    assert_eq!(ask_with(&world, &token, "GET", "/accounts").code(), "TokenInvalid");
    let token = token_of(&rotated);
    assert_eq!(ask_with(&world, &token, "GET", "/accounts").status, 200);
    assert_eq!(world.ask("DELETE", "/clients/ci", &[], b"").status, 204);
    assert_eq!(ask_with(&world, &token, "GET", "/accounts").code(), "TokenInvalid");
    assert_eq!(world.get("/clients/ci").code(), "ClientNotFound");
}

#[test]
fn the_last_one_who_makes_clients_stays() {
    let world = World::stocked();
    assert_eq!(world.ask("DELETE", "/clients/tester", &[], b"").code(), "LastAdministrator");
    assert_eq!(world.put("/clients/tester", json!({ "roles": ["Provisioning.Read"] })).code(), "LastAdministrator");
    let limited = json!({ "roles": ["Security.Admin"], "expires": "2099-01-01T00:00:00Z" });
    assert_eq!(world.put("/clients/for-a-while", limited).status, 201);
    assert_eq!(world.ask("DELETE", "/clients/tester", &[], b"").code(), "LastAdministrator");
    assert_eq!(world.put("/clients/second", json!({ "roles": ["Security.Admin"] })).status, 201);
    assert_eq!(world.ask("DELETE", "/clients/tester", &[], b"").status, 204);
}

#[test]
fn a_bad_client_is_refused_by_the_property() {
    let world = World::stocked();
    let target = |body: Value| {
        let refused = world.put("/clients/ci", body);
        assert_eq!(refused.status, 400);
        refused.json()["error"]["target"].as_str().unwrap().to_owned()
    };
    assert_eq!(target(json!({})), "roles");
    assert_eq!(target(json!({ "roles": [] })), "roles");
    assert_eq!(target(json!({ "roles": ["Root"] })), "roles");
    assert_eq!(target(json!({ "roles": ["Audit.Read"], "accounts": [] })), "accounts");
    assert_eq!(target(json!({ "roles": ["Audit.Read"], "accounts": ["a b"] })), "accounts");
    assert_eq!(target(json!({ "roles": ["Audit.Read"], "expires": "2001-01-01T00:00:00Z" })), "expires");
    assert_eq!(target(json!({ "roles": ["Audit.Read"], "colour": "red" })), "colour");
    assert_eq!(target(json!({ "roles": ["Audit.Read"], "name": "other" })), "name");
    assert_eq!(world.put("/clients/a%20b", json!({ "roles": ["Audit.Read"] })).json()["error"]["target"], "name");
}

#[test]
fn no_token_is_in_the_store_or_in_the_audit_log() {
    let world = World::stocked();
    let token = token_of(&world.put("/clients/ci", json!({ "roles": ["Audit.Read"] })));
    let secret = token.strip_prefix("tkl_").unwrap().to_owned();
    let everything = world.on_store(|store| {
        let all = reading(store, |rows| {
            let all = Kind::ALL.iter().map(|kind| rows.list(*kind, &Query::of(Filter::All, 10_000)));
            Ok(all.collect::<Result<Vec<_>, _>>()?)
        });
        Ok(format!("{:?}", all?))
    });
    let everything: String = everything.unwrap();
    assert!(everything.contains("client.create") && !everything.contains(&secret));
}

#[test]
fn roles_are_shown_with_what_they_let_do() {
    let world = World::stocked();
    let roles = world.get("/roles").json();
    assert!(roles["value"].as_array().unwrap().iter().any(|role| role["name"] == "Calls.Write"));
}
