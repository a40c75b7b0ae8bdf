//! Requests as careless programs and attackers send them: a plain refusal that names the place, and nothing half done.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Answer, World};

const NUMBER: &str = "/accounts/acme/numbers/%2B4930555";

fn told(answer: &Answer) -> (u16, String, Option<String>) {
    let error = &answer.json()["error"];
    let target = error["target"].as_str().map(str::to_owned);
    (answer.status, answer.code(), target)
}

fn raw(world: &World, method: &str, path: &str, body: &str) -> Answer {
    world.ask(method, path, &[("Content-Type", "application/json")], body.as_bytes())
}

fn numbers(world: &World) -> Option<u64> {
    world.get("/numbers?count=true").header("X-Total-Count")?.parse().ok()
}

#[test]
fn a_property_that_stands_twice_is_no_property() {
    let world = World::stocked();
    let rows = [
        (r#"{"inboundEnabled": false, "inboundEnabled": true}"#, "inboundEnabled"),
        (r#"{"emergency": {"elin": "+49301", "elin": "+49302"}}"#, "elin"),
        (r#"{"services": {"zoom": {"enabled": true}, "zoom": {"enabled": false}}}"#, "zoom"),
        (r#"{"ticket": "a", "t\u0069cket": "b"}"#, "ticket"),
    ];
    for (body, property) in rows {
        let answer = raw(&world, "PUT", NUMBER, body);
        assert_eq!((answer.status, answer.code().as_str()), (400, "MalformedJson"), "{body}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(property) && message.contains("twice"), "{message}");
    }
    let twice = r#"{"numbers": [{"phoneNumber": "+4930555"}], "numbers": []}"#;
    assert_eq!(raw(&world, "POST", "/accounts/acme/numbers:batchPut", twice).code(), "MalformedJson");
    assert_eq!(numbers(&world), Some(0));
}

/// S-A3: what nobody knows fills no memory. Not an octet of these bodies is sent.
#[test]
fn a_long_body_is_waited_for_only_when_it_is_known_whose_it_is() {
    let world = World::stocked();
    let answer = |token: &str, length: &str| {
        let mut stream = TcpStream::connect(world.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head =
            format!("POST /api/v1/imports HTTP/1.1\r\nHost: sbc\r\nAuthorization: Bearer {token}\r\n{length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut octets = [0; 12];
        stream.read_exact(&mut octets).map(|()| String::from_utf8_lossy(&octets).into_owned())
    };
    for length in ["Content-Length: 70000", "Transfer-Encoding: chunked"] {
        assert_eq!(answer("nobody", length).unwrap(), "HTTP/1.1 401", "{length}");
    }
    let short = world.ask_as("POST", "/imports", &[("Authorization", "Bearer nobody")], &[b' '; 1000]);
    assert_eq!((short.status, short.code().as_str()), (401, "TokenInvalid"));
}

#[test]
fn bodies_that_are_no_json_or_no_object_are_refused() {
    let world = World::stocked();
    let deep = |open: &str, close: &str| format!("{{\"emergency\":{}1{}}}", open.repeat(10_000), close.repeat(10_000));
    let malformed = [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        "{\"testLine\": NaN}".to_owned(),
        "{\"testLine\": Infinity}".to_owned(),
        "{\"testLine\": 1e999}".to_owned(),
        "{\"ticket\": 'a'}".to_owned(),
        "{\"ticket\": \"a\",}".to_owned(),
        "{ticket: 1}".to_owned(),
        "{} {}".to_owned(),
        "{\"ticket\": \"\\ud800\"}".to_owned(),
        "\u{feff}{}".to_owned(),
        "// a comment\n{}".to_owned(),
        String::new(),
    ];
    for body in &malformed {
        let answer = raw(&world, "PUT", NUMBER, body);
        assert_eq!((answer.status, answer.code().as_str()), (400, "MalformedJson"), "{:.60}", body);
        assert!(answer.text.len() < 500, "{}", answer.text);
    }
    for body in ["null", "[]", "\"a\"", "1", "true"] {
        assert_eq!(raw(&world, "PUT", NUMBER, body).code(), "ValidationFailed", "{body}");
    }
    let huge = format!("{{\"limits\": {{\"maxConcurrentCalls\": {}}}}}", "9".repeat(400));
    for value in ["-1", "1.5", "4294967296", "1e3", "\"5\"", "[]", "{}"] {
        let body = format!("{{\"limits\": {{\"maxConcurrentCalls\": {value}}}}}");
        let answer = raw(&world, "PUT", "/accounts/new", &body);
        assert_eq!(told(&answer), (400, "ValidationFailed".to_owned(), Some("limits".to_owned())), "{value}");
    }
    assert!(matches!(raw(&world, "PUT", "/accounts/new", &huge).code().as_str(), "ValidationFailed" | "MalformedJson"));
    assert_eq!(world.get("/accounts/new").status, 404);
    assert_eq!(numbers(&world), Some(0));
}

#[test]
fn control_characters_are_refused_however_deep_they_stand() {
    let world = World::stocked();
    let rows = [
        (NUMBER, json!({ "ticket": "a\u{0}b" }), "ticket"),
        (NUMBER, json!({ "emergency": { "civic": "a\r\nb" } }), "emergency"),
        (NUMBER, json!({ "emergency": { "locationId": "a\u{0}" } }), "emergency"),
        ("/accounts/new", json!({ "displayName": "a\u{7f}" }), "displayName"),
        ("/accounts/new", json!({ "defaults": { "carrier": "a\u{1b}[31m" } }), "defaults"),
        ("/carriers/new", json!({ "customerCare": "a\tb" }), "customerCare"),
    ];
    for (path, body, target) in rows {
        let answer = world.put(path, body);
        assert_eq!(told(&answer), (400, "ValidationFailed".to_owned(), Some(target.to_owned())));
    }
    let script = world.put("/accounts/new", json!({ "displayName": "<script>alert(1)</script> \u{202e}" }));
    assert_eq!(script.status, 201, "a text is a text; the page shows it as one");
}

#[test]
fn conditions_of_every_form_are_answered_by_the_standard() {
    let world = World::stocked();
    let tag = world.put(NUMBER, json!({})).header("ETag").unwrap().to_owned();
    let patch = |condition: &[(&str, &str)]| {
        let answer = world.send("PATCH", NUMBER, condition, json!({ "ticket": "same" }));
        if answer.status == 200 { "200".to_owned() } else { answer.code() }
    };
    // RFC 9110 13.1.1: If-Match compares strongly, so that a weak tag matches nothing.
    assert_eq!(patch(&[("If-Match", &format!("W/{tag}"))]), "PreconditionFailed");
    assert_eq!(patch(&[("If-Match", "\"nothing\"")]), "PreconditionFailed");
    assert_eq!(patch(&[("If-Match", "\"\"")]), "PreconditionFailed");
    assert_eq!(patch(&[("If-Match", "")]), "ValidationFailed");
    assert_eq!(patch(&[("If-Match", "5")]), "ValidationFailed");
    assert_eq!(patch(&[("If-Match", "\"5")]), "ValidationFailed");
    assert_eq!(patch(&[("If-Match", "\"1\" \"2\"")]), "ValidationFailed");
    assert_eq!(patch(&[("If-None-Match", &tag)]), "ValidationFailed", "a write takes * alone");
    assert_eq!(patch(&[("If-None-Match", "*")]), "PreconditionFailed");
    assert_eq!(patch(&[("If-Match", &tag), ("If-None-Match", "*")]), "ValidationFailed");
    // Two fields are one list (RFC 9110 5.3).
    assert_eq!(patch(&[("If-Match", "\"nothing\""), ("If-Match", "\"other\"")]), "PreconditionFailed");
    assert_eq!(patch(&[("If-Match", "\"nothing\""), ("If-Match", &tag)]), "200");
    let tag = world.get(NUMBER).header("ETag").unwrap().to_owned();
    assert_eq!(patch(&[("If-Match", &format!("\"nothing\" , {tag}"))]), "200");
    assert_eq!(patch(&[("If-Match", "*")]), "200");
    assert_eq!(
        world.ask("DELETE", "/accounts/acme/numbers/%2B4939", &[("If-Match", "*")], b"").code(),
        "NumberNotFound"
    );
    let tag = world.get(NUMBER).header("ETag").unwrap().to_owned();
    for none in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        assert_eq!(world.ask("GET", NUMBER, &[("If-None-Match", &none)], b"").status, 304, "{none}");
    }
    assert_eq!(world.ask("GET", NUMBER, &[("If-None-Match", "\"x\"")], b"").status, 200);
}

#[test]
fn number_rules_of_an_account_are_checked_where_they_stand() {
    let world = World::stocked();
    let rules = |incoming: Value| json!({ "numberRules": { "incoming": incoming } });
    let good = rules(json!([{ "field": "request_uri", "match": "^9(.*)$", "replace": "+49${1}" }]));
    let first = world.put("/accounts/ruled", good.clone());
    assert_eq!((first.status, &first.json()["numberRules"]), (201, &good["numberRules"]));
    let bomb = "(a{1,50}){1,50}".repeat(10);
    for (incoming, says) in [
        (json!([{ "match": "(", "replace": "" }]), "incoming[0] is no regular expression: unclosed group"),
        (json!([{ "match": "a", "replace": "${1}" }]), "incoming[0] refers to group $1"),
        (json!([{ "match": bomb, "replace": "" }]), "incoming[0] is too large an expression"),
        (json!([{ "match": "a".repeat(300), "replace": "" }]), "incoming[0] is longer than 256 octets"),
        (
            json!([{ "match": "a", "replace": "b" }, { "field": "via", "match": "a", "replace": "" }]),
            "incoming[1] has a field via",
        ),
        (json!(vec![json!({ "match": "a", "replace": "b" }); 33]), "has more than 32 incoming rules"),
    ] {
        let answer = world.put("/accounts/ruled", rules(incoming));
        assert_eq!(told(&answer), (400, "ValidationFailed".to_owned(), Some("numberRules".to_owned())));
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(says), "{}: {}", says, answer.text);
    }
    assert_eq!(world.get("/accounts/ruled").json()["numberRules"], good["numberRules"]);
    assert_eq!(world.put("/accounts/ruled", json!({ "customHeader": "a b" })).code(), "ValidationFailed");
}

#[test]
fn filters_cannot_be_made_to_say_something_else() {
    let world = World::stocked();
    for number in ["%2B4930555", "%2B4930556"] {
        assert_eq!(world.put(&format!("/accounts/acme/numbers/{number}"), json!({ "ticket": "it's" })).status, 201);
    }
    assert_eq!(world.put("/accounts/zoo/numbers/%2B4930557", json!({})).status, 201);
    let query = |filter: &str| {
        let encoded: String = filter.bytes().map(|octet| format!("%{octet:02X}")).collect();
        world.get(&format!("/accounts/acme/numbers?filter={encoded}"))
    };
    let found = |filter: &str| query(filter).json()["value"].as_array().map(Vec::len);
    assert_eq!(found("ticket eq 'it''s'"), Some(2));
    assert_eq!(found("ticket eq ''' or 1=1 --'"), Some(0));
    assert_eq!(found("ticket eq 'x'') or (''1''=''1'"), Some(0));
    assert_eq!(found("ticket contains '%'"), Some(0), "no pattern of the store's");
    assert_eq!(found("ticket startswith '_'"), Some(0));
    assert_eq!(found("account eq 'zoo' or ticket eq 'it''s'"), Some(2), "an account's list stays its own");
    assert_eq!(found("phoneNumber gt '+4930555'"), Some(1));
    for refused in [
        "ticket eq 'x' or '1'='1'",
        "1 eq 1",
        "body eq 'x'",
        "ticket eq 'it's'",
        "ticket eq",
        "ticket",
        "ticket eq 'a' and",
        "ticket eq 'a' xor ticket eq 'b'",
        "(ticket eq 'a')",
        "not ticket eq 'a'",
        "ticket like 'a'",
        "inboundEnabled gt true",
        "inboundEnabled eq 'yes'",
        "rowid eq '1'",
        "ticket; drop table numbers",
    ] {
        assert_eq!(query(refused).code(), "FilterUnsupported", "{refused}");
    }
    let many = vec!["ticket eq 'a'"; 17].join(" or ");
    assert_eq!(query(&many).code(), "FilterUnsupported");
    assert_eq!(numbers(&world), Some(3));
}

#[test]
fn a_next_link_that_was_changed_reads_nothing_else() {
    let world = World::stocked();
    for at in 0..5 {
        world.put(&format!("/accounts/acme/numbers/%2B493055{at}"), json!({}));
    }
    assert_eq!(world.put("/accounts/zoo/numbers/%2B4930999", json!({})).status, 201);
    let page = world.get("/accounts/acme/numbers?maxpagesize=2").json();
    let link = page["nextLink"].as_str().unwrap().strip_prefix("/api/v1").unwrap().to_owned();
    let (path, query) = link.split_once('?').unwrap();
    let after = query.split('&').find_map(|pair| pair.strip_prefix("after=")).unwrap();
    let hex = |text: &str| text.bytes().map(|octet| format!("{octet:02x}")).collect::<String>();
    for bad in [
        "",
        "zz",
        "0",
        "\u{ff11}",
        &after[1..],
        &hex("[]"),
        &hex("[1,2]"),
        &hex("[\"a\"]"),
        &hex("{}"),
        &hex("[\"a\",\"b\",\"c\"]"),
        &"61".repeat(100_000),
    ] {
        let encoded: String = bad.bytes().map(|octet| format!("%{octet:02X}")).collect();
        let answer = world.get(&format!("{path}?after={encoded}"));
        assert!(matches!(answer.status, 400 | 414 | 431), "{:.40}: {answer:?}", bad);
    }
    let elsewhere = hex("[\"+49' or 1=1\",\"+49' or 1=1\"]");
    let rest = world.get(&format!("{path}?after={elsewhere}")).json();
    let own = |number: &Value| number["account"] == "acme";
    assert!(rest["value"].as_array().unwrap().iter().all(own), "{rest}");
    for bad in [
        "maxpagesize=0",
        "maxpagesize=-1",
        "maxpagesize=1e3",
        "maxpagesize=",
        "skip=100001",
        "skip=a",
        "count=1",
        "top=5",
        "orderby=body",
        "orderby=ticket sideways",
    ] {
        assert_eq!(world.get(&format!("/numbers?{}", bad.replace(' ', "%20"))).code(), "ValidationFailed", "{bad}");
    }
    assert_eq!(world.get("/numbers?maxpagesize=99999999999999999999").status, 200, "too large is cut (PV-60)");
}

#[test]
fn a_method_is_the_one_that_was_sent() {
    let world = World::stocked();
    world.put(NUMBER, json!({}));
    let overridden =
        [("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"), ("X-Method-Override", "DELETE")];
    assert_eq!(world.ask("GET", NUMBER, &overridden, b"").status, 200);
    assert_eq!(world.get(&format!("{NUMBER}?_method=DELETE")).status, 200);
    for method in ["POST", "TRACE", "OPTIONS", "PROPFIND", "get"] {
        let answer = world.ask(method, NUMBER, &overridden, b"");
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.header("Allow").is_some_and(|allow| allow.contains("DELETE")), "{answer:?}");
    }
    assert_eq!(world.get(NUMBER).status, 200);
}

#[test]
fn content_types_that_are_not_taken_are_refused_before_the_body_is_read() {
    let world = World::stocked();
    for media in [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=b",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/merge-patch+json",
        "",
    ] {
        let answer = world.ask("PUT", NUMBER, &[("Content-Type", media)], b"{}");
        assert_eq!(told(&answer), (415, "UnsupportedMediaType".to_owned(), None), "{media}");
    }
    for media in ["application/json", "Application/JSON; charset=utf-8", "application/json;charset=UTF-8"] {
        assert!(matches!(world.ask("PUT", NUMBER, &[("Content-Type", media)], b"{}").status, 200 | 201), "{media}");
    }
    let patch = world.ask("PATCH", NUMBER, &[("Content-Type", "application/merge-patch+json")], b"{\"ticket\":\"a\"}");
    assert_eq!(patch.status, 200);
}

#[test]
fn batches_beyond_their_size_and_of_odd_items_leave_nothing() {
    let world = World::stocked();
    let put = |body: Value| world.send("POST", "/accounts/acme/numbers:batchPut", &[], body);
    let item = |at: usize| json!({ "phoneNumber": format!("+49305{at:05}") });
    let thousand = put(json!({ "numbers": (0..1000).map(item).collect::<Vec<_>>() }));
    assert_eq!(told(&thousand), (413, "BatchTooLarge".to_owned(), None));
    for numbers in [json!([]), json!({}), json!("x"), json!(null), json!(1)] {
        assert_eq!(put(json!({ "numbers": numbers })).code(), "ValidationFailed", "{numbers}");
    }
    for bad in [
        json!(1),
        json!(null),
        json!([]),
        json!("+49301"),
        json!({}),
        json!({ "phoneNumber": null }),
        json!({ "phoneNumber": 4930 }),
    ] {
        let answer = put(json!({ "numbers": [item(1), bad, item(2)] }));
        let target = answer.json()["error"]["details"][0]["target"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && target.starts_with("numbers[1]"), "{bad}: {answer:?}");
    }
    let twice = put(json!({ "numbers": [item(1), item(2), item(1)] }));
    let target = twice.json()["error"]["details"][0]["target"].as_str().unwrap_or_default().to_owned();
    assert!(twice.status == 400 && target == "numbers[2].phoneNumber", "one number twice: {twice:?}");
    let tagged = world.send(
        "POST",
        "/accounts/acme/numbers:batchPut",
        &[("If-Match", "\"1\"")],
        json!({ "numbers": [item(1)] }),
    );
    assert_eq!(told(&tagged), (400, "ValidationFailed".to_owned(), Some("If-Match".to_owned())));
    let foreign = put(json!({ "numbers": [item(1), { "phoneNumber": "+49309", "account": "zoo" }] }));
    assert_eq!(foreign.status, 400);
    assert_eq!(numbers(&world), Some(0));
}

#[test]
fn paths_that_try_to_climb_lead_nowhere() {
    let world = World::stocked();
    world.put(NUMBER, json!({}));
    for path in [
        "/accounts/acme/../zoo",
        "/accounts/acme%2Fnumbers",
        "/accounts//numbers",
        "/accounts/acme/numbers/",
        "/accounts/%00",
        "/accounts/acme%00",
        "/accounts/acme/numbers/%2B4930555/..",
        "/accounts/acme/numbers/%252B4930555",
        "/accounts/ACME",
        "/accounts/acme ",
        "//accounts",
        "/Accounts",
        "/accounts/acme:resume:suspend",
        "/accounts/acme/numbers/%2B4930555%0d%0aX-Evil:1",
        "/accounts/%E2%80%AE",
    ] {
        let answer = world.get(&path.replace(' ', "%20"));
        assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
        assert!(answer.header("X-Evil").is_none());
    }
    let id = "a\u{fc}b";
    let answer = world.ask("GET", NUMBER, &[("X-Request-Id", id)], b"");
    assert_ne!(answer.header("X-Request-Id"), Some(id));
}
