//! Calls that are going on: seen, ended, and what they hold fast.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trunkline::store::tokens::{Grant, Role};

use super::imports::{file, finished};
use super::world::{Answer, World};

const NUMBER: &str = "/accounts/acme/numbers/%2B49301234";

/// Two accounts' numbers, and a call of each.
fn talking() -> World {
    let world = World::stocked();
    world.put(NUMBER, json!({}));
    world.put("/accounts/zoo/numbers/%2B49309", json!({}));
    world.calls.begin(1, Some("acme"), ["+4470", "+49301234"]);
    world.calls.begin(2, Some("zoo"), ["+49309", "+4471"]);
    world
}

fn ids(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    body["value"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn calls_are_listed_with_their_account_and_filtered() {
    let world = talking();
    let all = world.get("/calls/active");
    assert_eq!(ids(&all), ["1", "2"]);
    let first = &all.json()["value"][0];
    assert_eq!(
        (&first["account"], &first["state"], &first["to"]),
        (&json!("acme"), &json!("answered"), &json!("teams"))
    );
    assert!(first["duration"].as_u64().unwrap() >= 60);
    assert_eq!(ids(&world.get("/calls/active?filter=called%20eq%20'%2B4471'")), ["2"]);
    assert_eq!(
        ids(&world.get("/calls/active?filter=account%20eq%20'acme'%20or%20calling%20startswith%20'%2B4930'")),
        ["1", "2"]
    );
    assert_eq!(world.get("/calls/active?filter=colour%20eq%20'red'").code(), "FilterUnsupported");
    assert_eq!(world.get("/calls/active?skip=1").code(), "ValidationFailed");
    assert_eq!(world.get("/calls/active/2").json()["called"], "+4471");
    assert_eq!(world.get("/calls/active/3").code(), "CallNotFound");
}

#[test]
fn a_long_list_of_calls_is_read_page_by_page() {
    let world = World::stocked();
    (1..=1203).for_each(|id| world.calls.begin(id, None, ["+4470", "+4471"]));
    let (mut seen, mut link) = (Vec::new(), "/calls/active?maxpagesize=400".to_owned());
    loop {
        let page = world.get(&link);
        seen.extend(ids(&page));
        match page.json()["nextLink"].as_str() {
            Some(next) => link = next.strip_prefix("/api/v1").unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, (1..=1203).map(|id: u64| id.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_call_is_ended_with_a_reason_that_the_audit_log_keeps() {
    let world = talking();
    let end = |body: Value| world.send("POST", "/calls/active/1:terminate", &[("X-Request-Id", "end-1")], body);
    for bad in [json!({}), json!({ "reason": "" }), json!({ "reason": "a\r\nb" }), json!({ "reason": "x".repeat(201) })]
    {
        assert_eq!(end(bad).json()["error"]["target"], "reason");
    }
    assert_eq!(end(json!({ "reason": "fraud, ticket 7" })).status, 204);
    assert_eq!(end(json!({ "reason": "again" })).code(), "CallNotFound");
    let events = world.get("/audit?filter=action%20eq%20'call.terminate'").json();
    assert_eq!(events["value"].as_array().map(Vec::len), Some(1));
    let event = &events["value"][0];
    assert_eq!((&event["target"], &event["account"]), (&json!("calls/1"), &json!("acme")));
    assert_eq!(event["changes"]["reason"], json!([null, "fraud, ticket 7"]));
}

#[test]
fn a_token_of_one_account_sees_and_ends_its_calls_alone() {
    let world = talking();
    let accounts = Some(BTreeSet::from(["zoo".to_owned()]));
    let roles = [Role::CallsRead, Role::CallsWrite].into();
    let bearer = format!("Bearer {}", world.token(Grant { name: "zoo".to_owned(), roles, accounts, expires: None }));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let ask = |method: &str, path: &str| world.ask_as(method, path, &headers, br#"{"reason":"r"}"#);
    assert_eq!(ids(&ask("GET", "/calls/active")), ["2"]);
    assert_eq!(ask("GET", "/calls/active/1").code(), "CallNotFound");
    assert_eq!(ask("POST", "/calls/active/1:terminate").code(), "CallNotFound");
    assert_eq!(ask("POST", "/calls/active/2:terminate").status, 204);
    let reader = format!("Bearer {}", world.token(Grant { roles: [Role::CallsRead].into(), ..Grant::everything("r") }));
    let headers = [("Authorization", reader.as_str()), ("Content-Type", "application/json")];
    assert_eq!(world.ask_as("POST", "/calls/active/1:terminate", &headers, br#"{"reason":"r"}"#).code(), "RoleMissing");
}

#[test]
fn a_number_is_not_taken_away_under_a_call_unless_that_is_forced() {
    let world = talking();
    assert_eq!(world.ask("DELETE", NUMBER, &[], b"").code(), "NumberInUse");
    assert_eq!(world.send("PATCH", NUMBER, &[], json!({ "state": "released" })).code(), "NumberInUse");
    let batch = json!({ "numbers": ["+49301234"] });
    let refused = world.send("POST", "/accounts/acme/numbers:batchDelete", &[], batch);
    assert_eq!(
        (refused.code().as_str(), &refused.json()["error"]["details"][0]["target"]),
        ("NumberInUse", &json!("+49301234"))
    );
    assert_eq!(world.ask("DELETE", "/accounts/acme?deleteNumbers=true", &[], b"").code(), "NumberInUse");
    assert_eq!(world.send("PATCH", NUMBER, &[], json!({ "ticket": "7" })).status, 200, "anything else may change");
    assert_eq!(world.ask("DELETE", &format!("{NUMBER}?force=true"), &[], b"").status, 204);
}

#[test]
fn a_release_is_forced_by_those_who_may_delete() {
    let world = talking();
    let roles = [Role::Read, Role::Write].into();
    let writer = format!("Bearer {}", world.token(Grant { roles, ..Grant::everything("writer") }));
    let headers = [("Authorization", writer.as_str()), ("Content-Type", "application/json")];
    let release =
        |force: &str| world.ask_as("PATCH", &format!("{NUMBER}{force}"), &headers, br#"{"state":"released"}"#);
    assert_eq!(release("").code(), "NumberInUse");
    assert_eq!(release("?force=true").code(), "RoleMissing");
    let number = NUMBER.rsplit('/').next().unwrap().replace("%2B", "+");
    let item = json!({ "numbers": [{ "phoneNumber": number, "state": "released" }] }).to_string();
    let batch = |force: &str| {
        let path = format!("/accounts/acme/numbers:batchPut{force}");
        world.ask_as("POST", &path, &headers, item.as_bytes())
    };
    assert_eq!(batch("").code(), "NumberInUse");
    assert_eq!(batch("?force=true").code(), "RoleMissing");
    let as_object = br#"{"state":{"released":null}}"#;
    assert_eq!(world.ask_as("PATCH", NUMBER, &headers, as_object).code(), "NumberInUse", "another form of the word");
}

#[test]
fn an_import_that_deletes_names_the_numbers_that_calls_use() {
    let world = World::stocked();
    let upload = |options: &str, text: &str| {
        world.ask("POST", &format!("/imports?{options}"), &[("Content-Type", "text/csv")], text.as_bytes()).json()
    };
    let made = upload("account=acme&validateAndImport=true", &file(3));
    finished(&world, made["id"].as_str().unwrap());
    world.calls.begin(1, Some("acme"), ["+4470", "+493050000001"]);
    let job = upload("account=acme&mode=delete", &file(3));
    assert_eq!((&job["counters"]["valid"], &job["counters"]["errors"]), (&json!(2), &json!(1)));
    let rows = world.get(&format!("/imports/{}/rows?code=InUse", job["id"].as_str().unwrap())).json();
    assert_eq!(rows["value"].as_array().map(Vec::len), Some(1));
    // A call that began between the two steps stops its group.
    world.calls.begin(2, Some("acme"), ["+4470", "+493050000002"]);
    let id = job["id"].as_str().unwrap();
    world.ask("POST", &format!("/imports/{id}:run"), &[("If-Match", "*")], b"");
    let done = finished(&world, id);
    assert_eq!((&done["state"], &done["counters"]["deleted"]), (&json!("completedWithErrors"), &json!(0)));
}

#[test]
fn a_trace_needs_its_own_role_and_leaves_an_event() {
    let world = talking();
    let bearer = |roles: Vec<Role>, accounts: Option<BTreeSet<String>>, name: &str| {
        let grant = Grant { name: name.to_owned(), roles: roles.into_iter().collect(), accounts, expires: None };
        format!("Bearer {}", world.token(grant))
    };
    let ask = |bearer: &str, path: &str| world.ask_as("GET", path, &[("Authorization", bearer)], b"");
    let admin = bearer(vec![Role::Admin, Role::CallsRead, Role::CallsWrite], None, "admin");
    assert_eq!(ask(&admin, "/calls/1/trace").code(), "RoleMissing");
    let tracer = bearer(vec![Role::CallsTrace], None, "tracer");
    assert_eq!(ask(&tracer, "/calls/1/trace").json()["call"], "1");
    assert_eq!(ask(&tracer, "/calls/1/trace.pcap").status, 200);
    assert_eq!(ask(&tracer, "/calls/77/trace").code(), "CallNotFound");
    let other = bearer(vec![Role::CallsTrace], Some(BTreeSet::from(["zoo".to_owned()])), "zoo");
    assert_eq!(ask(&other, "/calls/1/trace").code(), "CallNotFound");
    let events = world.get("/audit?filter=action%20eq%20'call.trace'").json();
    assert_eq!(events["value"].as_array().map(Vec::len), Some(2));
    assert_eq!(events["value"][0]["target"], "calls/1");
}
