//! What `/metrics` and `/drainz` tell of calls, and that docs/metrics.md names every metric there is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use crate::calls::{hang_up, set_up};
use crate::ground::{Ground, Rules};
use crate::peer::Peer;
use crate::text::sdp;

fn media(ground: &Ground) -> [SocketAddr; 2] {
    [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()]
}

/// The value of one row; 0: there is none.
fn value(page: &str, row: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Waits until every row has its value.
fn until(ground: &Ground, rows: &[(&str, u64)]) {
    ground.until(|ground| {
        let page = ground.get("/metrics");
        match rows.iter().find(|(row, wanted)| value(&page, row) != *wanted) {
            None => Ok(()),
            Some((row, wanted)) => Err(format!("{row} is {}, {wanted} wanted", value(&page, row))),
        }
    });
}

fn refused(caller: &mut Peer, callee: &mut Peer, at: SocketAddr, status: &str) {
    caller.ask("INVITE", &sdp(at));
    let offered = callee.expect("INVITE ");
    callee.send(offered.respond(status, callee.own, ""));
    callee.expect("ACK ");
    caller.expect(&format!("SIP/2.0 {}", &status[..3]));
}

#[test]
fn every_metric_is_on_its_page_and_nothing_else() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let page = ground.get("/metrics");
    let kinds = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let shown: BTreeSet<String> =
        kinds.map(|(name, kind)| format!("{name}{} {kind}", if kind == "counter" { "_total" } else { "" })).collect();
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    let (asked, all) = docs.split_once("## Every metric").unwrap();
    let rows: Vec<Vec<&str>> = all
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let told: BTreeSet<String> = rows.iter().map(|row| format!("{} {}", row[1].trim_matches('`'), row[2])).collect();
    assert_eq!(told, shown);
    assert!(shown.len() > 100 && rows.len() == shown.len());
    // Each name of the upper part is one of the lower, but for a histogram's suffix.
    let names: BTreeSet<&str> = told.iter().filter_map(|row| row.split(' ').next()).collect();
    let words = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("sbc_"));
    let unknown: Vec<_> = words.filter(|word| !names.contains(word.trim_end_matches("_bucket"))).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The metrics of a rule with the values that it wants of their labels: `name{label="a",other=~"b|c"}`.
fn counted(rule: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    for (at, _) in rule.match_indices("sbc_") {
        let text = &rule[at..];
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let wanted = text[end..].strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inner, _)| inner);
        let values = wanted.split("\",").filter_map(|matcher| {
            matcher
                .trim_end_matches('"')
                .split_once("=~\"")
                .or_else(|| matcher.trim_end_matches('"').split_once("=\"").filter(|(label, _)| !label.ends_with('!')))
        });
        let values = values.map(|(label, values)| (label.to_owned(), values.to_owned())).collect();
        found.push((text[..end].to_owned(), values));
    }
    found
}

/// What grows from nothing between two scrapes has no increase that Prometheus can see: the rows that alert rules count are
/// there before the first call.
#[test]
fn every_row_that_an_alert_rule_counts_is_there_from_the_start() {
    // Rows of accounts, keys of the fraud guard, registrations and what a rate of minutes is asked of begin with the first.
    const LATER: [&str; 4] =
        ["sbc_screening_rejects_total", "sbc_fraud_stopped_total", "sbc_registered", "sbc_sip_requests_refused_total"];
    // So do targets', with the first news of them.
    const OF_TARGETS: &str = "sbc_target_state";
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    let page = ground.get("/metrics");
    let rules = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/prometheus/alerts.yml")).unwrap();
    let wanted =
        counted(&rules.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n"));
    let mut held = 0;
    for (name, labels) in wanted.iter().filter(|(name, _)| !LATER.contains(&name.as_str()) && name != OF_TARGETS) {
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(name.as_str())).collect();
        assert!(!rows.is_empty(), "{name} has no row");
        for (label, values) in labels {
            for value in values.split('|') {
                let row = format!("{label}=\"{value}\"");
                assert!(rows.iter().any(|line| line.contains(&row)), "{name} has no row with {row}");
                held += 1;
            }
        }
        let is_of_trunks = name.starts_with("sbc_trunk_") || name.starts_with("sbc_leg_");
        assert!(!is_of_trunks || rows.iter().any(|line| line.contains("trunk=\"callee-udp\"")), "{name}");
    }
    assert!(held > 25, "{held} rows with labels");
}

/// A client with a token that nobody gave, and one that asks for what is free to all.
#[test]
fn requests_of_the_api_are_counted_by_what_became_of_them() {
    let api = "[provisioning]\nsource = \"store\"\n[api]\nbind = \"CALLEE:15080\"\n[metrics]";
    let ground = Ground::new(Rules { changes: vec![("[metrics]".to_owned(), api.to_owned())], ..Rules::default() });
    let _running = ground.start();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect((ground.callee(), 15_080)).unwrap();
        stream.write_all(request.replace("\n", "\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let rest = "HTTP/1.1\nHost: api\nConnection: close\n";
    assert_eq!(ask(&format!("GET /api/v1/openapi.json {rest}\n")), "200");
    for _ in 0..2 {
        assert_eq!(ask(&format!("DELETE /api/v1/accounts/a {rest}Authorization: Bearer nobodys\n\n")), "401");
    }
    let page = ground.get("/metrics");
    for row in [
        "sbc_api_requests_total{method=\"GET\",class=\"2xx\"} 1",
        "sbc_api_requests_total{method=\"DELETE\",class=\"4xx\"} 2",
        "sbc_api_refusals_total{code=\"TokenInvalid\"} 2",
        "sbc_api_request_seconds_count{kind=\"read\"} 1",
        "sbc_api_request_seconds_count{kind=\"change\"} 2",
    ] {
        assert!(page.contains(row), "{row} is not in\n{page}");
    }
}

/// PF-57, PF-197: each call and attempt once, under the trunk whose peer said it.
#[test]
fn a_peers_final_responses_are_counted_under_its_trunk() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let _running = ground.start();
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let at = media(&ground)[0];
    refused(&mut caller, &mut callee, at, "486 Busy Here");
    refused(&mut caller, &mut callee, at, "500 Server Internal Error");
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    hang_up(&mut caller, &mut callee, &mut up);
    let row = |trunk: &str, direction: &str, class: &str| {
        format!("sbc_trunk_final_responses_total{{trunk=\"{trunk}\",direction=\"{direction}\",class=\"{class}\"}}")
    };
    let rows = [
        (row("callee-udp", "received", "2xx"), 1),
        (row("callee-udp", "received", "4xx"), 1),
        (row("callee-udp", "received", "5xx"), 1),
        (row("callee-udp", "received", "none"), 0),
        (row("caller-udp", "sent", "2xx"), 1),
        (row("caller-udp", "sent", "4xx"), 1),
        (row("caller-udp", "sent", "5xx"), 1),
        ("sbc_trunk_answered_total{trunk=\"callee-udp\",direction=\"outgoing\"}".to_owned(), 1),
        ("sbc_trunk_broken_calls_total{trunk=\"callee-udp\",direction=\"outgoing\"}".to_owned(), 0),
    ];
    until(&ground, &rows.each_ref().map(|(row, wanted)| (row.as_str(), *wanted)));
}

/// PF-57: an answered call that nobody hung up is one that was cut off.
#[test]
fn an_answered_call_whose_party_is_lost_counts_as_cut_off() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let _running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    // What was asked of the callee by the caller finds that the callee knows the call no more.
    let hold = sdp(media(&ground)[0]) + "a=sendonly\r\n";
    caller.send(up.dialog.request_with("INVITE", &hold));
    let asked = callee.expect("INVITE ");
    callee.send(asked.respond("481 Call/Transaction Does Not Exist", callee.own, ""));
    callee.expect("ACK ");
    caller.expect("SIP/2.0 408");
    let bye = caller.expect("BYE ");
    caller.send(bye.respond("200 OK", caller.own, ""));
    let row = |trunk, direction| format!("sbc_trunk_broken_calls_total{{trunk=\"{trunk}\",direction=\"{direction}\"}}");
    let rows = [row("caller-udp", "incoming"), row("callee-udp", "outgoing")];
    until(&ground, &rows.each_ref().map(|row| (row.as_str(), 1)));
}

/// PF-202.
#[test]
fn drainz_tells_how_many_calls_a_drain_waits_for() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let running = ground.start();
    let told = |ground: &Ground, wanted: &str| {
        ground.until(|ground| match ground.get("/drainz") {
            page if page.starts_with("HTTP/1.1 200 ") && page.ends_with(wanted) => Ok(()),
            page => Err(page),
        });
    };
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    told(&ground, "{\"calls\":1,\"phase\":\"running\"}\n");
    running.signal("TERM");
    told(&ground, "{\"calls\":1,\"phase\":\"draining\"}\n");
    hang_up(&mut caller, &mut callee, &mut up);
    assert_eq!(running.exit(), Some(0));
}
