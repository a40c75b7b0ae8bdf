//! The provisioning API over HTTP: status, headers, bodies.

mod calls;
mod clients;
mod command;
mod imports;
mod odd_requests;
mod operation;
mod roles;
mod world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use trunkline::api::Rates;
use trunkline::route::number::E164;
use trunkline::store::tokens::{Grant, Role};

use world::{Answer, World};

const NUMBER: &str = "/accounts/acme/numbers/%2B49301234";

fn number() -> Value {
    json!({ "carrier": "north", "country": "DE", "services": { "zoom": { "enabled": true } }, "inboundEnabled": true,
            "customHeader": "acme-emea-0042" })
}

#[test]
fn a_number_is_created_read_patched_and_deleted() {
    let world = World::stocked();
    let created = world.send("PUT", NUMBER, &[("If-None-Match", "*")], number());
    assert_eq!((created.status, created.json()["phoneNumber"].as_str()), (201, Some("+49301234")));
    assert_eq!(created.header("ETag").unwrap(), created.json()["etag"].as_str().unwrap());
    let patched = world.send(
        "PATCH",
        NUMBER,
        &[("Content-Type", "application/merge-patch+json")],
        json!({ "customHeader": null, "ticket": "T1" }),
    );
    assert_eq!((patched.status, &patched.json()["ticket"]), (200, &json!("T1")));
    assert_eq!(patched.json().get("customHeader"), None);
    assert_eq!(world.get("/accounts/acme/numbers/49301234").json()["ticket"], "T1", "plain digits are taken too");
    assert_eq!(world.ask("DELETE", NUMBER, &[], b"").status, 204);
    assert_eq!(world.ask("DELETE", NUMBER, &[], b"").code(), "NumberNotFound");
}

#[test]
fn what_calls_read_follows_a_write_before_the_next_request_is_answered() {
    let world = World::stocked();
    world.put(NUMBER, number());
    // The store's thread lets the directory follow before it takes the next work.
    world.get("/accounts");
    let number = E164::parse("+49301234").unwrap();
    assert!(world.directory.load().find(&number).is_some_and(|(entry, _)| entry.inbound));
    let asked = json!({ "direction": "carrierToPlatform", "called": "+49301234", "service": "zoom" });
    let evaluated = world.send("POST", "/routes:evaluate", &[], asked).json();
    assert_eq!(evaluated, json!({ "allowed": true, "account": "acme", "customHeader": "acme-emea-0042" }));
    world.ask("POST", "/accounts/acme:suspend", &[], b"");
    world.get("/accounts");
    let asked = json!({ "direction": "carrierToPlatform", "called": "+49301234" });
    let evaluated = world.send("POST", "/routes:evaluate", &[], asked).json();
    assert_eq!(evaluated, json!({ "allowed": false, "cause": "AccountSuspended", "status": 403, "q850": 21 }));
}

/// The engine itself is asked, by the configured routes and what is provisioned now.
#[test]
fn a_call_on_a_trunk_is_explained() {
    let world = World::stocked();
    world.put(NUMBER, number());
    world.get("/accounts");
    let ask = |body: Value| world.send("POST", "/routes:evaluate", &[], body);
    let headers = json!([{ "name": "X-A", "value": "b" }]);
    let explained = ask(json!({ "from": "north", "called": "+49301234", "headers": headers })).json();
    assert_eq!((&explained["allowed"], &explained["routes"][0]["verdict"]), (&json!(true), &json!("taken")));
    assert_eq!(explained["account"]["name"], "acme");
    assert!(explained["invites"][0]["headers"].as_array().unwrap().iter().any(|header| header["name"] == "X-A"));
    world.ask("POST", "/accounts/acme:suspend", &[], b"");
    world.get("/accounts");
    let refused = ask(json!({ "from": "north", "called": "+49301234" })).json();
    assert_eq!((&refused["allowed"], &refused["refusal"]["cause"]), (&json!(false), &json!("account_suspended")));
    assert_eq!(ask(json!({ "from": "west", "called": "1" })).json()["error"]["target"], "from");
    assert_eq!(ask(json!({ "from": "north", "called": "1", "colour": 1 })).code(), "UnknownProperty");
    let split = json!([{ "name": "X-A", "value": "b\r\nEvil: 1" }]);
    assert_eq!(ask(json!({ "from": "north", "called": "1", "headers": split })).json()["error"]["target"], "header 1");
    assert_eq!(ask(json!({ "from": "north" })).status, 400);
}

/// MD-61, PF-15, PV-77: 63 characters for a label, 48 for the name it makes below the platform trunk's.
#[test]
fn a_label_that_makes_too_long_a_name_is_refused() {
    let world = World::stocked();
    let put = |label: usize| world.put("/accounts/acme", json!({ "subdomain": "a".repeat(label) }));
    for (label, text) in [(64, "1 to 63"), (63, "has 90 characters"), (22, "has 49 characters")] {
        let error = put(label).json()["error"].clone();
        assert_eq!(error["target"], "subdomain", "{label}: {error}");
        assert!(error["message"].as_str().unwrap().contains(text), "{label}: {error}");
    }
    assert!(matches!(put(21).status, 200 | 201));
    assert_eq!(world.get("/accounts/acme").json()["subdomain"], "a".repeat(21));
}

/// What `routes:evaluate` answers is what the document says it does.
#[test]
fn an_explanation_is_as_its_schema_says() {
    let world = World::stocked();
    world.put(NUMBER, number());
    world.get("/accounts");
    let schemas = world.get("/openapi.json").json()["components"]["schemas"].clone();
    for asked in [
        json!({ "from": "north", "called": "+49301234" }),
        json!({ "from": "north", "called": "112" }),
        json!({ "from": "south", "calling": "+49301234", "called": "+33140000000" }),
        json!({ "from": "south", "calling": "+49301234", "called": "112" }),
        json!({ "from": "north", "called": "1".repeat(40) }),
    ] {
        let explained = world.send("POST", "/routes:evaluate", &[], asked.clone());
        assert_eq!(explained.status, 200, "{asked}");
        conforms(&explained.json(), &schemas["Explanation"], &asked.to_string());
    }
    for asked in [
        json!({ "direction": "carrierToPlatform", "called": "+49301234" }),
        json!({ "direction": "platformToCarrier", "calling": "+4477" }),
    ] {
        let decided = world.send("POST", "/routes:evaluate", &[], asked.clone()).json();
        conforms(&decided, &schemas["Decision"], &asked.to_string());
    }
}

/// Every property is named, every required one there, down to the last list.
fn conforms(value: &Value, schema: &Value, place: &str) {
    match value {
        Value::Object(object) => {
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(object.contains_key(name.as_str().unwrap()), "{place} lacks {name}");
            }
            for (name, value) in object {
                let inner = &schema["properties"][name];
                assert!(!inner.is_null(), "{place}: {name} is in no schema");
                conforms(value, inner, &format!("{place}.{name}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| conforms(item, &schema["items"], place)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The page is served without a token, and may do nothing but ask this server.
#[test]
fn the_page_is_served_under_a_policy_of_its_own_and_hides_nothing_of_the_api() {
    let world = World::new();
    for (path, media) in [("/", "text/html"), ("/portal.css", "text/css"), ("/portal.js", "text/javascript")] {
        let answer = world.ask_raw("GET", path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("Content-Type").unwrap().starts_with(media), "{path}");
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("X-Frame-Options"), Some("DENY"));
    }
    assert_eq!(world.ask_raw("POST", "/").status, 401);
    assert_eq!(world.ask_raw("GET", "/portal.html").status, 401);
}

#[test]
fn conditions_are_kept() {
    let world = World::stocked();
    let first = world.put(NUMBER, number());
    let tag = first.header("ETag").unwrap().to_owned();
    assert_eq!(world.ask("GET", NUMBER, &[("If-None-Match", &tag)], b"").status, 304);
    assert_eq!(world.send("PUT", NUMBER, &[("If-None-Match", "*")], number()).code(), "PreconditionFailed");
    let changed = json!({ "ticket": "x" });
    assert_eq!(world.send("PATCH", NUMBER, &[("If-Match", &tag)], changed.clone()).status, 200);
    let stale = world.send("PATCH", NUMBER, &[("If-Match", &tag)], changed);
    assert_eq!((stale.status, stale.code().as_str()), (412, "PreconditionFailed"));
    assert_eq!(world.ask("DELETE", NUMBER, &[("If-Match", &tag)], b"").status, 412);
}

#[test]
fn of_sixteen_writers_with_one_etag_one_wins() {
    let world = World::stocked();
    let tag = world.put(NUMBER, number()).header("ETag").unwrap().to_owned();
    let (won, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for writer in 0..16 {
            let (world, tag, won, lost) = (&world, &tag, &won, &lost);
            scope.spawn(move || {
                let body = json!({ "ticket": format!("writer-{writer}") });
                match world.send("PATCH", NUMBER, &[("If-Match", tag)], body).status {
                    200 => won.fetch_add(1, Ordering::Relaxed),
                    412 => lost.fetch_add(1, Ordering::Relaxed),
                    other => panic!("{other}"),
                };
            });
        }
    });
    assert_eq!((won.into_inner(), lost.into_inner()), (1, 15));
}

fn batch(count: usize, bad: Option<usize>) -> Value {
    let item = |at: usize| {
        let header = if bad == Some(at) { "no blanks" } else { "ok" };
        json!({ "phoneNumber": format!("+4930{at:05}"), "customHeader": header })
    };
    json!({ "numbers": (0..count).map(item).collect::<Vec<_>>() })
}

#[test]
fn a_batch_is_all_or_nothing_and_names_the_bad_item() {
    let world = World::stocked();
    let put = |body| world.send("POST", "/accounts/acme/numbers:batchPut", &[], body);
    let refused = put(batch(100, Some(17)));
    assert_eq!(
        (refused.status, refused.json()["error"]["details"][0]["target"].as_str()),
        (400, Some("numbers[17].customHeader"))
    );
    assert_eq!(world.get("/numbers?count=true").header("X-Total-Count"), Some("0"));
    assert_eq!(put(batch(100, None)).status, 200);
    assert_eq!(put(batch(101, None)).code(), "BatchTooLarge");
    let gone = json!({ "numbers": ["+493000001", "+4999999"] });
    assert_eq!(world.send("POST", "/accounts/acme/numbers:batchDelete", &[], gone).status, 404);
    assert_eq!(world.get("/numbers?count=true").header("X-Total-Count"), Some("100"));
    let gone = json!({ "numbers": ["+493000001", "+493000002"] });
    assert_eq!(world.send("POST", "/accounts/acme/numbers:batchDelete", &[], gone).status, 204);
}

/// Sixteen writers put the same hundred numbers, every third batch with a bad one in it; whoever reads meanwhile sees one
/// whole batch.
#[test]
fn batches_of_sixteen_writers_are_seen_whole() {
    let world = World::stocked();
    let numbers = |ticket: &str, bad: bool| {
        let one = |at: usize| match (at, bad) {
            (99, true) => json!({ "phoneNumber": "+493000099", "carrier": "nobody" }),
            _ => json!({ "phoneNumber": format!("+4930000{at:02}"), "ticket": ticket }),
        };
        json!({ "numbers": (0..100).map(one).collect::<Vec<_>>() })
    };
    let put =
        |ticket: &str, bad| world.send("POST", "/accounts/acme/numbers:batchPut", &[], numbers(ticket, bad)).status;
    assert_eq!(put("start", false), 200);
    let whole = || {
        let page = world.get("/accounts/acme/numbers?maxpagesize=500").json();
        let tickets: Vec<&str> =
            page["value"].as_array().unwrap().iter().map(|n| n["ticket"].as_str().unwrap()).collect();
        assert_eq!(tickets.len(), 100);
        assert!(tickets.iter().all(|ticket| *ticket == tickets[0]), "{tickets:?}");
        tickets[0].to_owned()
    };
    std::thread::scope(|scope| {
        for writer in 0..16 {
            let (put, whole) = (&put, &whole);
            scope.spawn(move || {
                for round in 0..3 {
                    let bad = (writer + round) % 3 == 0;
                    let status = put(&format!("{writer}-{round}"), bad);
                    assert_eq!(status, if bad { 400 } else { 200 });
                    assert!(!whole().ends_with("bad"));
                }
            });
        }
    });
    whole();
    assert_eq!(world.ask("POST", "/audit:verify", &[], b"").json()["intact"], true);
}

#[test]
fn an_account_shows_how_many_numbers_it_has() {
    let world = World::stocked();
    world.put("/accounts/acme", json!({ "services": { "teamsDirectRouting": { "enabled": true } } }));
    let teams = json!({ "services": { "teamsDirectRouting": { "enabled": true } } });
    (1..=3).for_each(|at| {
        assert_eq!(world.put(&format!("/accounts/acme/numbers/%2B49300{at}"), teams.clone()).status, 201)
    });
    world.put("/accounts/acme/numbers/%2B493009", json!({}));
    let shown = world.get("/accounts/acme").json();
    assert_eq!((&shown["numberCount"], shown.get("numberCounts")), (&json!(4), None));
    let counted = world.get("/accounts/acme?numberCounts=true").json();
    assert_eq!(counted["numberCounts"], json!({ "teamsDirectRouting": 3 }));
    let listed = world.get("/accounts").json();
    assert_eq!(listed["value"].as_array().unwrap().iter().map(|a| a["numberCount"].as_u64().unwrap()).sum::<u64>(), 4);
    assert_eq!(world.put("/accounts/acme", counted).status, 200, "what was read may be sent back");
}

/// Numbers that are none, in every place a number may stand.
#[test]
fn what_is_no_number_is_refused_where_it_stands() {
    let world = World::stocked();
    let long = format!("+{}", "4".repeat(40));
    let arabic = "+49\u{0663}\u{0660}\u{0661}";
    for bad in [long.as_str(), arabic, "+0301", "+49 30", "+49301\r\nX: y", "", "+"] {
        let target = |answer: Answer| {
            assert_eq!((answer.status, answer.code().as_str()), (400, "ValidationFailed"), "{bad:?} {answer:?}");
            answer.json()["error"]["target"].as_str().map(str::to_owned)
        };
        assert!(target(world.put(NUMBER, json!({ "emergency": { "elin": bad } }))) == Some("emergency".to_owned()));
        assert!(target(world.put(NUMBER, json!({ "screeningAliases": [bad] }))) == Some("screeningAliases".to_owned()));
        let batch =
            world.send("POST", "/accounts/acme/numbers:batchPut", &[], json!({ "numbers": [{ "phoneNumber": bad }] }));
        assert_eq!(batch.json()["error"]["details"][0]["target"], "numbers[0].phoneNumber", "{bad:?}");
        let path =
            format!("/accounts/acme/numbers/{}", bad.bytes().map(|octet| format!("%{octet:02X}")).collect::<String>());
        assert!(matches!(world.put(&path, json!({})).status, 400 | 404), "{bad:?}");
        let question = json!({ "direction": "carrierToPlatform", "called": bad });
        assert_eq!(target(world.send("POST", "/routes:evaluate", &[], question)), Some("called".to_owned()), "{bad:?}");
    }
    assert_eq!(world.get("/numbers?count=true").header("X-Total-Count"), Some("0"));
}

#[test]
fn next_links_lead_over_every_number_once_also_while_numbers_come() {
    let world = World::stocked();
    world.send("POST", "/accounts/acme/numbers:batchPut", &[], batch(100, None));
    let mut link = "/numbers?maxpagesize=30&orderby=phoneNumber%20desc".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = world.get(&link).json();
        seen.extend(page["value"].as_array().unwrap().iter().map(|number| number["phoneNumber"].to_string()));
        world.put("/accounts/acme/numbers/%2B493099999", json!({}));
        match page["nextLink"].as_str() {
            Some(next) => link = next.trim_start_matches("/api/v1").to_owned(),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (100, 100));
    assert!(seen.is_sorted_by(|one, two| one > two));
}

#[test]
fn filters_take_known_fields_alone() {
    let world = World::stocked();
    world.put(NUMBER, number());
    world.put("/accounts/acme/numbers/%2B49302", json!({}));
    let count = |filter: &str| world.get(&format!("/numbers?filter={filter}")).json()["value"].as_array().map(Vec::len);
    assert_eq!(count("inboundEnabled%20eq%20true%20and%20carrier%20eq%20'north'"), Some(1));
    assert_eq!(count("carrier%20eq%20north%20or%20phoneNumber%20startswith%20'%2B49302'"), Some(2));
    assert_eq!(count("services%20contains%20zoom"), Some(1));
    for bad in [
        "civic%20eq%20x",
        "carrier%20like%20x",
        "carrier",
        "carrier%20eq%20'x",
        "inboundEnabled%20gt%20true",
        "carrier%20eq%20x%20and",
    ] {
        assert_eq!(world.get(&format!("/numbers?filter={bad}")).code(), "FilterUnsupported", "{bad}");
    }
    assert_eq!(world.get("/numbers?colour=red").code(), "ValidationFailed");
    assert_eq!(world.get("/numbers?skip=100001").code(), "ValidationFailed");
    assert_eq!(world.get("/numbers?maxpagesize=9999999999999").status, 200, "cut, not refused");
    assert_eq!(world.get("/numbers?after=zz").code(), "ValidationFailed");
}

#[test]
fn a_repeated_request_is_answered_again_and_not_done_again() {
    let world = World::stocked();
    let key = [("Idempotency-Key", "order-1")];
    let first = world.send("PUT", NUMBER, &key, number());
    let again = world.send("PUT", NUMBER, &key, number());
    assert_eq!((first.status, again.status, &first.text), (201, 201, &again.text));
    assert_eq!(world.send("PUT", NUMBER, &key, json!({})).code(), "IdempotencyMismatch");
    let key = [("Idempotency-Key", "order-2")];
    assert_eq!(world.ask("DELETE", NUMBER, &key, b"").status, 204);
    assert_eq!(world.ask("DELETE", NUMBER, &key, b"").status, 204, "a repeated DELETE under its key (PV-57)");
}

#[test]
fn bad_bodies_are_refused_by_name_and_change_nothing() {
    let world = World::stocked();
    let deep = "[".repeat(10_000);
    let raw = |body: &[u8]| world.ask("PUT", NUMBER, &[("Content-Type", "application/json")], body);
    assert_eq!(raw(format!("{{\"emergency\":{deep}").as_bytes()).code(), "MalformedJson");
    assert_eq!(raw(b"\xff\xfe").code(), "MalformedJson");
    assert_eq!(raw(b"[]").code(), "ValidationFailed");
    assert_eq!(raw(&vec![b' '; 1024 * 1024 + 1]).code(), "FileTooLarge");
    assert_eq!(world.ask("PUT", NUMBER, &[("Content-Type", "text/plain")], b"{}").code(), "UnsupportedMediaType");
    let unknown = world.put(NUMBER, json!({ "colour": "red" }));
    assert_eq!(
        (unknown.code().as_str(), unknown.json()["error"]["target"].as_str()),
        ("UnknownProperty", Some("colour"))
    );
    let header = world.put(NUMBER, json!({ "customHeader": "a\r\nb" }));
    assert_eq!(header.code(), "ValidationFailed");
    assert_eq!(world.put("/accounts/acme/numbers/%2B0301", json!({})).code(), "ValidationFailed");
    assert_eq!(world.put("/accounts/acme/numbers/%D9%A1%D9%A2", json!({})).code(), "ValidationFailed");
    assert_eq!(world.put(NUMBER, json!({ "phoneNumber": "+49309" })).code(), "ValidationFailed");
    assert_eq!(world.get("/numbers?count=true").header("X-Total-Count"), Some("0"));
}

#[test]
fn a_token_reaches_no_further_than_its_roles_and_accounts() {
    let world = World::stocked();
    world.put("/accounts/zoo/numbers/%2B49309", json!({}));
    let accounts = Some(BTreeSet::from(["acme".to_owned()]));
    let grant = Grant { name: "limited".to_owned(), roles: [Role::Read, Role::Write].into(), accounts, expires: None };
    let bearer = format!("Bearer {}", world.token(grant));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let ask = |method: &str, path: &str| world.ask_as(method, path, &headers, b"{}");
    assert_eq!(ask("GET", "/numbers").json()["value"], json!([]));
    assert_eq!(ask("GET", "/accounts/zoo").code(), "AccountNotFound");
    assert_eq!(ask("PUT", "/accounts/zoo/numbers/%2B493").code(), "AccountScope");
    assert_eq!(ask("PUT", "/accounts/acme/numbers/%2B493").status, 201);
    assert_eq!(ask("DELETE", "/accounts/acme/numbers/%2B493").code(), "RoleMissing");
    assert_eq!(ask("GET", "/audit").code(), "RoleMissing");
    assert_eq!(ask("PUT", "/carriers/south").code(), "AccountScope");
}

#[test]
fn without_a_good_token_nothing_is_answered_and_guessing_ends_in_a_lock() {
    let world = World::stocked();
    let missing = world.ask_as("GET", "/accounts", &[], b"");
    assert_eq!((missing.code().as_str(), missing.header("WWW-Authenticate")), ("TokenMissing", Some("Bearer")));
    let guess = || world.ask_as("GET", "/accounts", &[("Authorization", "Bearer tkl_guess")], b"");
    let codes: Vec<String> = (0..11).map(|_| guess().code()).collect();
    assert!(codes[..10].iter().all(|code| code == "TokenInvalid"));
    assert_eq!(codes[10], "TooManyRequests");
    assert!(guess().header("Retry-After").is_some());
    assert_eq!(world.get("/accounts").status, 200, "who holds a token behind the same address is served");
}

#[test]
fn a_client_that_asks_too_often_hears_when_to_come_back() {
    let world = World::with_rates(Rates::new(3, 100));
    let answers: Vec<Answer> = (0..4).map(|_| world.get("/accounts")).collect();
    assert!(answers[..3].iter().all(|answer| answer.status == 200));
    assert_eq!(answers[2].header("RateLimit-Remaining"), Some("0"));
    assert_eq!((answers[3].status, answers[3].header("Retry-After").is_some()), (429, true));
}

#[test]
fn every_attempt_is_in_the_audit_log_under_its_request_id() {
    let world = World::stocked();
    world.send("PUT", NUMBER, &[("X-Request-Id", "trace-7")], number());
    world.send("DELETE", "/accounts/acme", &[("X-Request-Id", "trace-8")], json!({}));
    let events = world.get("/audit?orderby=day%20asc&maxpagesize=500").json();
    let found = |id: &str| {
        let events = events["value"].as_array().unwrap();
        events.iter().find(|event| event["requestId"] == id).cloned().unwrap()
    };
    assert_eq!(found("trace-7")["changes"]["customHeader"], json!([null, "acme-emea-0042"]));
    assert_eq!(found("trace-8")["result"], "AccountNotEmpty");
    assert_eq!(world.ask("POST", "/audit:verify", &[], b"").json()["intact"], true);
}

#[test]
fn an_account_goes_with_its_numbers_when_that_is_asked_for() {
    let world = World::stocked();
    world.put(NUMBER, number());
    assert_eq!(world.ask("DELETE", "/accounts/acme", &[], b"").code(), "AccountNotEmpty");
    assert_eq!(world.ask("DELETE", "/carriers/north", &[], b"").code(), "CarrierInUse");
    assert_eq!(world.ask("DELETE", "/accounts/acme?deleteNumbers=true", &[], b"").status, 204);
    assert_eq!(world.ask("DELETE", "/carriers/north", &[], b"").status, 204);
}

#[test]
fn a_number_moves_only_by_being_asked_to() {
    let world = World::stocked();
    world.put(NUMBER, number());
    assert_eq!(world.put("/accounts/zoo/numbers/%2B49301234", number()).code(), "NumberOwnedByOtherAccount");
    let moved = world.send("POST", "/numbers/%2B49301234:move", &[], json!({ "account": "zoo" }));
    assert_eq!((moved.status, &moved.json()["account"]), (200, &json!("zoo")));
    assert_eq!(world.get(NUMBER).code(), "NumberNotFound");
}

#[test]
fn wrong_paths_and_methods_are_named() {
    let world = World::stocked();
    assert_eq!(world.get("/nothing").code(), "ResourceNotFound");
    let wrong = world.ask("POST", "/accounts/acme", &[], b"");
    assert_eq!((wrong.status, wrong.header("Allow")), (405, Some("GET, PUT, PATCH, DELETE")));
    assert!(wrong.header("X-Request-Id").is_some());
}

#[test]
fn the_document_names_every_path_that_answers() {
    let world = World::stocked();
    let document = world.ask_as("GET", "/openapi.json", &[], b"").json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "acme").replace("{number}", "%2B49301").replace("{id}", "abc");
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let answer = world.ask(&method.to_uppercase(), &path, &[("Content-Type", "application/json")], b"{}");
            assert!(answer.status != 405 && !answer.text.contains("ResourceNotFound"), "{method} {path}: {answer:?}");
            let documented = &item[method.as_str()]["responses"][answer.status.to_string()];
            assert!(documented.is_object(), "{method} {path}: {} is not documented", answer.status);
        }
    }
}
