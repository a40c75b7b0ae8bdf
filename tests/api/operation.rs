//! What operators order over the API: who may, what is answered, and what the audit log keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;
use trunkline::api::{Kept, Operation, Ordered, Reloaded};
use trunkline::engine::io::{Census, TrunkLoad};
use trunkline::route::standing::Standing;
use trunkline::store::tokens::{Grant, Role};

use crate::world::World;

/// A node that does what it is told.
#[derive(Default)]
pub struct Node {
    pub wrong: Mutex<Vec<String>>,
    standing: Mutex<Standing>,
    level: Mutex<String>,
}

impl Operation for Node {
    fn reload(&self) -> Result<Reloaded, Kept> {
        let wrong = self.wrong.lock().unwrap().clone();
        if !wrong.is_empty() {
            return Err(Kept(wrong));
        }
        Ok(Reloaded {
            revision: 2,
            live: vec!["trunks.a.max_calls".to_owned()],
            restart: vec!["node.name".to_owned()],
            ..Reloaded::default()
        })
    }

    fn revision(&self) -> u64 {
        1
    }

    fn trunks(&self) -> Option<Census> {
        let load = TrunkLoad { began: 1, called: 2, standing: *self.standing.lock().unwrap() };
        let trunks = BTreeMap::from([(Arc::from("a"), load)]);
        Some(Census { trunks, ..Census::default() })
    }

    fn stand(&self, trunk: &str, standing: Standing) -> Option<Ordered> {
        if trunk != "a" {
            return Some(Ordered::NoSuchTrunk);
        }
        *self.standing.lock().unwrap() = standing;
        Some(Ordered::Done)
    }

    fn log_level(&self) -> String {
        self.level.lock().unwrap().clone()
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        if level == "loud" {
            return Err("no level and no filter".to_owned());
        }
        *self.level.lock().unwrap() = level.to_owned();
        Ok(())
    }
}

/// The last event of this action.
fn event(world: &World, action: &str) -> serde_json::Value {
    let all = world.ask("GET", "/audit?maxpagesize=500", &[], b"").json()["value"].as_array().unwrap().clone();
    all.into_iter().rfind(|event| event["action"] == action).unwrap_or_else(|| panic!("no event {action}"))
}

#[test]
fn a_reload_says_what_came_of_each_key_and_is_audited() {
    let world = World::new();
    let answer = world.ask("POST", "/configuration:reload", &[], b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["live"], json!(["trunks.a.max_calls"]));
    assert_eq!(answer.json()["restart"], json!(["node.name"]));
    let event = event(&world, "configuration.reload");
    assert_eq!((&event["actor"], &event["result"]), (&json!("tester"), &json!("ok")), "{event}");
    assert_eq!(event["changes"]["live"], json!([null, ["trunks.a.max_calls"]]));
}

#[test]
fn a_refused_configuration_is_told_with_every_line_and_audited_as_refused() {
    let world = World::new();
    *world.node.wrong.lock().unwrap() = vec!["t.toml:3: a: b".to_owned(), "t.toml:9: c: d".to_owned()];
    let answer = world.ask("POST", "/configuration:reload", &[], b"");
    assert_eq!((answer.status, answer.code().as_str()), (409, "ConfigurationRefused"));
    let details = &answer.json()["error"]["details"];
    assert_eq!((&details[0]["message"], &details[1]["message"]), (&json!("t.toml:3: a: b"), &json!("t.toml:9: c: d")));
    let event = event(&world, "request.refused");
    assert_eq!(event["target"], json!("/api/v1/configuration:reload"), "{event}");
}

#[test]
fn a_trunk_is_drained_disabled_and_enabled() {
    let world = World::new();
    let standing = || world.ask("GET", "/trunks", &[], b"").json()["value"][0]["standing"].clone();
    for (order, word) in [("drain", "draining"), ("disable", "disabled"), ("enable", "enabled")] {
        let before = standing();
        assert_eq!(world.ask("POST", &format!("/trunks/a:{order}"), &[], b"").status, 200);
        assert_eq!(standing(), json!(word));
        let event = event(&world, "trunk.stand");
        assert_eq!((&event["target"], &event["changes"]["standing"]), (&json!("trunks/a"), &json!([before, word])));
    }
    assert_eq!(world.ask("POST", "/trunks/z:drain", &[], b"").code(), "TrunkNotFound");
    assert_eq!(world.ask("POST", "/trunks/a:paint", &[], b"").code(), "ResourceNotFound");
    assert_eq!(world.ask("GET", "/trunks/a:drain", &[], b"").code(), "MethodNotAllowed");
}

#[test]
fn the_level_of_the_log_is_shown_and_set() {
    let world = World::new();
    assert_eq!(world.send("PUT", "/settings/log", &[], json!({ "level": "debug" })).status, 200);
    assert_eq!(world.ask("GET", "/settings/log", &[], b"").json()["level"], json!("debug"));
    assert_eq!(world.send("PUT", "/settings/log", &[], json!({ "level": "loud" })).code(), "ValidationFailed");
    assert_eq!(world.send("PUT", "/settings/log", &[], json!({ "volume": 3 })).code(), "UnknownProperty");
    assert_eq!(event(&world, "log.level")["changes"]["level"], json!(["", "debug"]));
}

#[test]
fn who_only_reads_orders_nothing_and_a_token_of_single_accounts_sees_nothing() {
    let world = World::new();
    let bearer = |roles: &[Role], accounts: Option<&str>| {
        let accounts = accounts.map(|name| [name.to_owned()].into());
        let name = format!("c{}", roles.len() + accounts.is_some() as usize * 10);
        let roles = roles.iter().copied().collect();
        format!("Bearer {}", world.token(Grant { name, roles, accounts, expires: None }))
    };
    let ask = |token: &str, method: &str, path: &str| world.ask_as(method, path, &[("Authorization", token)], b"");
    let reader = bearer(&[Role::OperationRead], None);
    assert_eq!(ask(&reader, "GET", "/trunks").status, 200);
    assert_eq!(ask(&reader, "GET", "/configuration").json()["revision"], json!(1));
    for path in ["/configuration:reload", "/trunks/a:drain"] {
        assert_eq!(ask(&reader, "POST", path).code(), "RoleMissing", "{path}");
    }
    let of_one = bearer(&[Role::OperationRead, Role::OperationWrite], Some("acme"));
    for (method, path) in [("GET", "/trunks"), ("POST", "/configuration:reload"), ("GET", "/settings/log")] {
        assert_eq!(ask(&of_one, method, path).status, 403, "{path}");
    }
    let other = bearer(&[Role::Admin, Role::CallsWrite, Role::SecurityAdmin], None);
    assert_eq!(ask(&other, "GET", "/trunks").code(), "RoleMissing");
}
