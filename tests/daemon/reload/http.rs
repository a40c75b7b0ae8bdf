//! The same orders over HTTP: who gives them, what comes of them on the wire, and that the audit log has them whichever
//! way they came.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{ctl, rewrite, shown};
use crate::ground::{Ground, Rules, Running};
use crate::text::sdp;

const API: u16 = 15_065;

fn served() -> (Ground, Running, String) {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let (running, token) = serve(&ground, "info");
    (ground, running, token)
}

/// A daemon with an API and a log of this level, and its first token.
pub fn serve(ground: &Ground, level: &str) -> (Running, String) {
    let (daemon, metrics) = (ground.daemon(), "[metrics]\n");
    let settings = format!("[provisioning]\nsource = \"store\"\n[api]\nbind = \"{daemon}:{API}\"\n{metrics}");
    rewrite(ground, &[(metrics, &settings)]);
    let running = ground.start_with_log(level);
    let log = fs::read_to_string(ground.log()).unwrap();
    let line = log.lines().find_map(|line| line.strip_prefix("first API token, shown only now: "));
    let token = line.unwrap_or_else(|| panic!("{log}")).to_owned();
    (running, token)
}

/// Status and answer.
pub fn ask(ground: &Ground, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (status, body) = raw(ground, token, method, path, body);
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Status and octets.
pub fn raw(ground: &Ground, token: &str, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect((ground.daemon(), API)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} /api/v1{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).unwrap();
    let head = memchr::memmem::find(&octets, b"\r\n\r\n").unwrap() + 4;
    let body = octets.split_off(head);
    let text = String::from_utf8(octets).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{text}"));
    (status, body)
}

fn events(ground: &Ground, token: &str, action: &str) -> Vec<Value> {
    let (_, page) = ask(ground, token, "GET", "/audit?maxpagesize=500", "");
    let all = page["value"].as_array().unwrap_or_else(|| panic!("{page}")).clone();
    all.into_iter().filter(|event| event["action"] == action).collect()
}

#[test]
fn a_reload_over_http_is_whole_or_nothing_too_and_every_way_is_audited() {
    let (ground, running, token) = served();
    rewrite(&ground, &[("drain_s = 600", "drain_s = 601")]);
    let (status, answer) = ask(&ground, &token, "POST", "/configuration:reload", "");
    assert_eq!((status, &answer["live"], &answer["revision"]), (200, &json!(["node.drain_s"]), &json!(2)), "{answer}");
    rewrite(&ground, &[("drain_s = 601", "drain_s = 6o1")]);
    let (status, answer) = ask(&ground, &token, "POST", "/configuration:reload", "");
    let told = answer["error"]["details"][0]["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(status, 409, "{answer}");
    assert!(told.contains("trunkline.toml:4:") && told.contains("not TOML"), "{answer}");
    assert_eq!(ask(&ground, &token, "GET", "/configuration", "").1["revision"], json!(2));
    rewrite(&ground, &[("drain_s = 6o1", "drain_s = 602")]);
    shown(&ctl(&ground, &["reload"]));
    rewrite(&ground, &[("drain_s = 602", "drain_s = 603")]);
    running.signal("HUP");
    ground.until(|ground| match events(ground, &token, "configuration.reload") {
        events if events.len() == 3 => Ok(()),
        events => Err(format!("{events:?}")),
    });
    let actors: Vec<Value> =
        events(&ground, &token, "configuration.reload").into_iter().map(|event| event["actor"].clone()).collect();
    assert_eq!(actors[1..], [json!("control socket"), json!("signal")], "{actors:?}");
}

#[test]
fn a_trunk_that_is_disabled_over_http_gets_503_on_the_wire() {
    let (ground, _running, token) = served();
    let mut caller = ground.udp(ground.caller());
    assert_eq!(ask(&ground, &token, "POST", "/trunks/callee-udp:disable", "").0, 200);
    caller.ask("INVITE", &sdp((ground.caller(), 40_000).into()));
    let refused = caller.expect("SIP/2.0 503");
    assert!(refused.header("Reason").contains("out of service"), "{}", refused.0);
    let (_, page) = ask(&ground, &token, "GET", "/trunks", "");
    let rows = page["value"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["name"] == "callee-udp" && row["standing"] == "disabled"), "{page}");
    assert_eq!(ask(&ground, "nonsense", "POST", "/trunks/callee-udp:enable", "").0, 401);
    assert_eq!(ask(&ground, &token, "POST", "/trunks/callee-udp:enable", "").0, 200);
    let mut callee = ground.udp(ground.callee());
    caller.ask("INVITE", &sdp((ground.caller(), 40_002).into()));
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond("486 Busy Here", callee.own, ""));
    caller.expect("SIP/2.0 486");
}

#[test]
fn a_reload_shows_the_api_the_trunks_that_are_in_force_now() {
    let (ground, _running, token) = served();
    let account = |name: &str, trunk: &str| {
        ask(
            &ground,
            &token,
            "PUT",
            &format!("/accounts/{name}"),
            &json!({ "trunk": trunk, "subdomain": name }).to_string(),
        )
    };
    let long = format!("{}.example.com", "a".repeat(60));
    let trunk = format!(
        "[trunks.more]\nprofile = \"generic-tls\"\nlistener = \"tls\"\nfqdn = \"{long}\"\ntargets = [\"platform.lab.test:15069\"]\n\
         peer_names = [\"platform.lab.test\"]\noptions = {{ interval_s = 0 }}\n[metrics]\n"
    );
    rewrite(&ground, &[("[metrics]\n", &trunk)]);
    let before = account("first", "more");
    shown(&ctl(&ground, &["reload"]));
    let after = account("second", "more");
    assert_eq!(before.0, 201, "{before:?}");
    // MD-59: what the label and this trunk's name make together is too long for a platform.
    assert!(after.0 == 400 && after.1.to_string().contains(&long), "{after:?}");
}
