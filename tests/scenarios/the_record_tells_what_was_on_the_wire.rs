//! The lines of a call's record against its messages, for calls that did not go straight: numbers, Call-IDs and
//! addresses of every leg, who ended it, why, and what media each party sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use trunkline::base::WallTime;
use trunkline::call::CallRecord;
use trunkline::cdr::lines::{Origin, write};
use trunkline::media::plan::EndpointCounts;
use trunkline::route::fraud::Iso;

use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::number_of;
use crate::world::text::{Dialog, Text, invite, route, sdp};

const NEW_PARTY: &str = "<sip:+4931555@sbc.example.com>";

/// The lines of one record; the last is the call's.
fn lines(record: &CallRecord) -> Vec<Value> {
    let origin = Origin { node: "n".to_owned(), since: WallTime(1) };
    let mut out = Vec::new();
    write(&origin, 1, record, &mut out);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let call = lines.last().unwrap();
    assert_eq!((call["type"].as_str(), call["legs"].as_u64()), (Some("call"), Some(lines.len() as u64 - 1)), "{text}");
    lines
}

fn counted() -> World {
    let mut world = World::moving(|_| {});
    world.relay.counts = EndpointCounts { received: 1500, sent: 1498, mos: 431, ..EndpointCounts::default() };
    world
}

/// Side, trunk, Call-ID and both numbers of a leg.
fn leg(line: &Value) -> [&str; 5] {
    ["side", "trunk", "call_id", "calling", "called"].map(|key| line[key].as_str().unwrap_or_default())
}

fn user(name_addr: &str) -> &str {
    name_addr.split(['<', ':', '@']).find(|word| word.starts_with('+')).unwrap_or_default()
}

/// A leg as the INVITE that we sent for it says.
fn sent<'a>(side: &'a str, trunk: &'a str, call_id: &'a str, from: &'a str, line: &'a str) -> [&'a str; 5] {
    [side, trunk, call_id, user(from), user(line)]
}

/// Cause, status, Q.850 and who ended it.
fn end(call: &Value) -> (&str, u64, u64, &str) {
    let word = |key: &str| call[key].as_str().unwrap_or_default();
    (word("cause"), call["status"].as_u64().unwrap(), call["q850"].as_u64().unwrap(), word("ended_by"))
}

#[test]
fn of_a_blind_transfer_each_of_three_legs_has_its_line() {
    let mut world = counted();
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.caller);
    // Whoever came last has heard more by the end.
    world.relay.counts.received = 4000;
    world.leaves(CarrierB, &mut new);
    world.hears_bye(CarrierA);
    let record = world.finish().remove(0);
    let lines = lines(&record);
    let (id, from, line) = (offered.header("Call-ID"), offered.header("From"), offered.start_line());
    assert_eq!(leg(&lines[0])[..2], ["caller", "platform"]);
    assert_eq!(leg(&lines[1])[..2], ["callee", "carrier-a"]);
    assert_eq!(leg(&lines[2]), sent("caller", "carrier-b", &id, &from, line));
    assert_eq!(lines[2]["party"], 2);
    assert_eq!(lines[2]["address"], "198.51.100.8:5060");
    assert_eq!(lines[2]["policy"], lines[1]["policy"], "both are carriers");
    assert!(lines[0].get("party").is_none() && lines[1].get("party").is_none());
    let received = |line: &Value| line["media"]["received"].as_u64();
    assert_eq!([&lines[0], &lines[1], &lines[2]].map(received), [Some(1500), Some(4000), Some(4000)]);
    let transfer = &lines[3]["transfers"][0];
    assert_eq!((transfer["kind"].as_str(), transfer["call_id"].as_str()), (Some("blind"), Some(&*id)));
    assert_eq!(end(&lines[3]), ("normal_clearing", 200, 16, "caller"));
}

#[test]
fn of_a_consultative_transfer_the_leg_that_moves_stands_in_both_calls() {
    let mut world = counted();
    let mut first = world.talk(Platform, CarrierA);
    world.send(Platform, invite(Platform, number_of(CarrierB), &sdp(Platform, "sendrecv")));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let offered = world.expect(CarrierB, "INVITE");
    let mut second = world.answer(Platform, CarrierB, offered.clone());
    world.send(Platform, second.caller.ack(""));
    let target = format!("<sip:x@sbc.example.com?{}>", second.caller.replaces());
    world.refers(Platform, &mut first.caller, &target);
    world.hears_bye(Platform);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut first.caller);
    world.leaves(CarrierB, &mut second.callee);
    world.hears_bye(CarrierA);
    let records = world.finish();
    let (given, joined) = (lines(&records[0]), lines(&records[1]));
    let (id, from, line) = (offered.header("Call-ID"), offered.header("From"), offered.start_line());
    assert_eq!(leg(&given[1]), sent("callee", "carrier-b", &id, &from, line));
    assert!(given[1]["media"].is_null(), "its counts go on in the other call");
    assert_eq!(end(&given[2]), ("transferred", 200, 16, "caller"));
    assert_eq!(given[2]["attempts"], 2);
    assert_eq!(leg(&joined[2]), sent("caller", "carrier-b", &id, &from, line));
    assert_eq!((joined[2]["party"].as_u64(), joined[2]["media"]["received"].as_u64()), (Some(2), Some(1500)));
    assert_eq!(joined[0]["media"]["received"], 1500, "whoever left was counted when it left");
    assert_eq!(joined[3]["transfers"][0]["kind"], "consultative");
}

#[test]
fn of_a_transfer_that_fails_no_party_is_told() {
    let mut world = counted();
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    world.send(CarrierB, offered.respond(486, CarrierB, ""));
    world.expect(CarrierB, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    let lines = lines(&world.finish()[0]);
    assert_eq!(lines.len(), 3);
    let transfer = &lines[2]["transfers"][0];
    assert_eq!((transfer["cause"].as_str(), transfer["call_id"].as_str()), (Some("refused_4xx"), None));
    assert_eq!((lines[2]["attempts"].as_u64(), lines[0]["media"]["received"].as_u64()), (Some(2), Some(1500)));
    assert_eq!(end(&lines[2]), ("normal_clearing", 200, 16, "caller"));
}

#[test]
fn of_a_call_that_the_guard_stops_the_numbers_as_they_came_and_the_key() {
    let mut world = World::configured(|settings| {
        settings.fraud.allow_countries = vec![Iso::parse("DE").unwrap()];
        settings.routes.push(route("platform", None, &["carrier-a"]));
    });
    world.send(Platform, invite(Platform, "0033123456789", &sdp(Platform, "sendrecv")));
    let refusal = world.refusal(Platform);
    let lines = lines(&world.finish()[0]);
    assert_eq!(lines.len(), 2, "nobody was called");
    assert_eq!(leg(&lines[0])[3..], ["+493099887766", "0033123456789"]);
    assert_eq!(lines[0]["call_id"].as_str().unwrap(), refusal.header("Call-ID"));
    let call = &lines[1];
    assert_eq!(end(call), ("destination_blocked", 403, 21, "node"));
    assert!(refusal.header("Reason").contains(call["cause_text"].as_str().unwrap()), "{}", refusal.as_str());
    assert_eq!((call["to"].as_str(), call["attempts"].as_u64(), call["answered"].as_str()), (None, Some(0), None));
    assert!(call["detail"].as_str().unwrap().contains("fraud.allow_countries"), "{call}");
}

#[test]
fn of_a_call_that_the_second_trunk_took_its_own_leg_and_times() {
    let mut world = World::new();
    let (offered, _) = world.dial_number(Platform, number_of(CarrierB), CarrierA);
    world.send(CarrierA, offered.respond(503, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    let second = world.expect(CarrierB, "INVITE");
    world.pass(Duration::from_secs(2));
    let mut talk = world.answer(Platform, CarrierB, second.clone());
    world.send(Platform, talk.caller.ack(""));
    world.pass(Duration::from_secs(7));
    world.callee_hangs_up(&mut talk);
    let lines = lines(&world.finish()[0]);
    let (id, from, line) = (second.header("Call-ID"), second.header("From"), second.start_line());
    assert_eq!(leg(&lines[1]), sent("callee", "carrier-b", &id, &from, line));
    let call = &lines[2];
    assert_eq!((call["to"].as_str(), call["attempts"].as_u64()), (Some("carrier-b"), Some(2)));
    assert_eq!(end(call), ("normal_clearing", 200, 16, "callee"));
    let [delay, talked] = ["post_dial_delay_ms", "duration_ms"].map(|key| call[key].as_u64().unwrap());
    assert!((2000..2200).contains(&delay) && (7000..7200).contains(&talked), "{call}");
    let lasted = call["ended_ms"].as_u64().unwrap() - call["started_ms"].as_u64().unwrap();
    assert_eq!(lasted, delay + talked, "no 180 came: the answer is both");
}

#[test]
fn of_a_call_with_several_early_dialogs_the_one_that_answered() {
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    let forked = |status: u16, tag: &str, body: &str| {
        let response = offered.respond(status, CarrierA, body);
        let own = Text::of(response.clone()).tag("To").unwrap();
        response.replacen(&own, tag, 1)
    };
    for tag in ["one", "two", "three"] {
        world.send(CarrierA, forked(180, tag, ""));
    }
    world.expect(Platform, "SIP/2.0 180");
    let answer = forked(200, "two", &sdp(CarrierA, "sendrecv"));
    world.send(CarrierA, answer);
    world.expect(CarrierA, "ACK");
    let accepted = world.expect(Platform, "SIP/2.0 200");
    let mut caller = Dialog::of_caller(Platform, &accepted);
    world.send(Platform, caller.ack(""));
    world.send(Platform, caller.request("BYE", ""));
    world.expect(Platform, "SIP/2.0 200");
    let bye = world.hears_bye(CarrierA);
    assert_eq!(bye.tag("To").as_deref(), Some("two"));
    let records = world.finish();
    let lines = lines(&records[0]);
    assert_eq!((records.len(), lines.len(), lines[2]["attempts"].as_u64()), (1, 3, Some(1)));
    assert_eq!(lines[1]["call_id"].as_str().unwrap(), offered.header("Call-ID"));
    assert_eq!(end(&lines[2]), ("normal_clearing", 200, 16, "caller"));
}

#[test]
fn of_a_call_that_was_given_up_and_of_one_that_nobody_answered() {
    let mut world = World::new();
    let (offered, sent) = world.ring(CarrierA, Platform);
    world.send(CarrierA, sent.cancel());
    world.expect(CarrierA, "SIP/2.0 200");
    world.expect(CarrierA, "SIP/2.0 487");
    world.hears_cancel(Platform, &offered);
    let given_up = lines(&world.finish()[0]).remove(2);
    assert_eq!(end(&given_up), ("caller_cancelled", 487, 16, "caller"));
    assert!(given_up["rang"].is_string() && given_up["answered"].is_null() && given_up["duration_ms"] == 0);

    let mut world = World::new();
    let (offered, _) = world.ring(CarrierA, Platform);
    world.hears_cancel(Platform, &offered);
    let refusal = world.refusal(CarrierA);
    let unanswered = lines(&world.finish()[0]).remove(2);
    let status = u64::from(refusal.status().unwrap());
    assert_eq!(end(&unanswered), ("no_answer", status, 19, "callee"));
    assert!(refusal.header("Reason").contains("cause=19"), "{}", refusal.as_str());
}

/// Field -> what stands beside it, of one table of docs/call-records.md: `## heading` to the next.
fn documented(page: &str, heading: &str) -> BTreeMap<String, String> {
    let part = page.split("\n## ").find(|part| part.starts_with(heading)).unwrap();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let names =
        |cell: &str| -> Vec<String> { format!("`{cell}").split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    rows.flat_map(|(cell, text)| names(cell).into_iter().map(|name| (name, text.to_owned()))).collect()
}

/// Names of fields, those of objects within as `parent.field`.
fn fields(line: &Value, out: &mut BTreeSet<String>) {
    for (name, value) in line.as_object().unwrap() {
        out.insert(name.clone());
        let within = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let within = within.iter().filter_map(Value::as_object).flat_map(|object| object.keys());
        out.extend(within.map(|key| format!("{name}.{key}")));
    }
}

/// Every kind of call the record has words for: each field that is written is documented, and the other way round.
#[test]
fn the_page_on_call_records_has_every_field_and_no_other() {
    let mut world = counted();
    let mut talk = world.talk(Platform, CarrierA);
    world.refers(Platform, &mut talk.caller, NEW_PARTY);
    let offered = world.expect(CarrierB, "INVITE");
    let mut new = world.answers(CarrierB, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.caller);
    let why = "Reason: Q.850;cause=31;text=\"5e19725b-7fad-4e89-bae3-dfc5df88bb96;\
               [10000] No callee endpoints were found.\"\r\nMax-Forwards:";
    let bye = new.request("BYE", "").replacen("Max-Forwards:", why, 1);
    world.send(CarrierB, bye);
    world.expect(CarrierB, "SIP/2.0 200");
    world.hears_bye(CarrierA);
    let mut records = world.finish();
    let mut world = World::new();
    let (offered, _) = world.dial(Platform, CarrierA);
    world.send(CarrierA, offered.respond(486, CarrierA, ""));
    world.expect(CarrierA, "ACK");
    world.refusal(Platform);
    records.extend(world.finish());

    let page = include_str!("../../docs/call-records.md");
    let every = documented(page, "Every line");
    for kind in ["call", "leg"] {
        let mut written = BTreeSet::new();
        let all = records.iter().flat_map(lines).filter(|line| line["type"] == kind);
        all.for_each(|line| fields(&line, &mut written));
        let mut told = documented(page, &format!("`{kind}`"));
        told.extend(every.clone());
        let has = |field: &String| match field.split_once('.') {
            Some((parent, field)) => told.get(parent).is_some_and(|text| text.contains(&format!("`{field}`"))),
            None => told.contains_key(field),
        };
        let missing: Vec<_> = written.iter().filter(|field| !has(field)).collect();
        assert!(missing.is_empty(), "not in docs/call-records.md: {missing:?}");
        let stale: Vec<_> = told.keys().filter(|field| !written.contains(*field)).collect();
        assert!(stale.is_empty(), "in docs/call-records.md and in no record: {stale:?}");
    }
}
