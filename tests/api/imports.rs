//! Imports over HTTP, and over a restart.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trunkline::store::audit::Actor;
use trunkline::store::import::Options;
use trunkline::store::jobs::{self, Step, Upload};
use trunkline::store::records::{AccountRecord, Record};
use trunkline::store::refusal::Refusal;
use trunkline::store::rows::{Comparison, Filter, Kind, Store};
use trunkline::store::sqlite::SqliteStore;
use trunkline::store::writing::{Condition, reading, writing};

use super::world::{Answer, World, wall};

pub fn file(count: usize) -> String {
    let rows: String = (0..count).map(|at| format!("\"49305{at:07}\",True,False\r\n")).collect();
    format!("msdyn_phonenumber,msdyn_phoneinboundenabled,msdyn_phoneoutboundenabled\r\n{rows}")
}

fn upload(world: &World, options: &str, text: &str) -> Answer {
    world.ask("POST", &format!("/imports?{options}"), &[("Content-Type", "text/csv")], text.as_bytes())
}

/// Waits for the job by asking: each answer comes after the next group at the earliest.
pub fn finished(world: &World, id: &str) -> Value {
    loop {
        let job = world.get(&format!("/imports/{id}")).json();
        if job["state"] != "importing" {
            return job;
        }
    }
}

#[test]
fn a_file_is_validated_then_imported_and_its_counters_add_up() {
    let world = World::stocked();
    let job = upload(&world, "account=acme&carrier=north&country=DE&services=zoom&fileName=a.csv", &file(250));
    assert_eq!((job.status, &job.json()["state"]), (201, &json!("valid")));
    assert_eq!(world.get("/numbers?count=true").header("X-Total-Count"), Some("0"));
    let (id, tag) = (job.json()["id"].as_str().unwrap().to_owned(), job.header("ETag").unwrap().to_owned());
    let run = format!("/imports/{id}:run");
    assert_eq!(world.ask("POST", &run, &[], b"").code(), "ValidationFailed");
    assert_eq!(world.ask("POST", &run, &[("If-Match", &tag)], b"").status, 200);
    assert_eq!(world.ask("POST", &run, &[("If-Match", "*")], b"").code(), "ImportState");
    let done = finished(&world, &id);
    assert_eq!((&done["state"], &done["counters"]["created"]), (&json!("completed"), &json!(250)));
    assert_eq!(world.get("/numbers?count=true&filter=carrier%20eq%20north").header("X-Total-Count"), Some("250"));
    let events = world.get("/audit?count=true&maxpagesize=1&filter=action%20eq%20number.create");
    assert_eq!(events.header("X-Total-Count"), Some("250"), "one event for each number (PV-74)");
}

#[test]
fn a_form_is_taken_too_and_bad_rows_are_reported() {
    let world = World::stocked();
    let csv = "msdyn_phonenumber,msdyn_phoneinboundenabled,msdyn_phoneoutboundenabled\r\n4930123,Maybe,True\r\n+4930124,True,True\r\n";
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"account\"\r\n\r\nacme\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"n.csv\"\r\n\r\n{csv}\r\n--b--\r\n"
    );
    let job = world.ask("POST", "/imports", &[("Content-Type", "multipart/form-data; boundary=b")], body.as_bytes());
    let shown = job.json();
    assert_eq!((job.status, &shown["fileName"], &shown["counters"]["errors"]), (201, &json!("n.csv"), &json!(1)));
    let id = shown["id"].as_str().unwrap();
    let rows = world.get(&format!("/imports/{id}/rows?severity=error")).json();
    assert_eq!((&rows["value"][0]["row"], &rows["value"][0]["code"]), (&json!(2), &json!("BooleanInvalid")));
    let report = world.get(&format!("/imports/{id}/report.csv"));
    assert_eq!(report.header("Content-Type"), Some("text/csv; charset=utf-8"));
    assert!(report.text.starts_with("row,column,code,severity,message\r\n2,"), "{}", report.text);
    assert_eq!(world.ask("DELETE", &format!("/imports/{id}"), &[], b"").status, 204);
    assert_eq!(world.get(&format!("/imports/{id}")).json()["state"], "cancelled");
}

#[test]
fn a_file_that_is_none_is_refused_as_a_whole() {
    let world = World::stocked();
    for (text, code) in
        [("", "FileEmpty"), ("a;b\r\n", "HeaderMissing"), ("Numbers,colour\r\n49301234,red\r\n", "ColumnUnknown")]
    {
        let answer = upload(&world, "account=acme", text);
        assert_eq!((answer.status, answer.code().as_str()), (400, "ImportInvalid"));
        assert_eq!(answer.json()["error"]["details"][0]["code"], code);
    }
    let junk: Vec<u8> = (0..2 * 1024 * 1024u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let answer = world.ask("POST", "/imports?account=acme", &[("Content-Type", "text/csv")], &junk);
    assert_eq!(answer.code(), "ImportInvalid");
    let answer = upload(&world, "account=acme", &"x".repeat(2 * 1024 * 1024 + 1));
    assert_eq!(answer.code(), "FileTooLarge");
    assert_eq!(upload(&world, "colour=red", "Numbers\r\n49301234\r\n").code(), "ValidationFailed");
}

#[test]
fn a_dry_run_says_everything_and_leaves_nothing() {
    let world = World::stocked();
    let answer = upload(&world, "account=nobody&dryRun=true", "Numbers\r\n49301234\r\n");
    assert_eq!((answer.status, &answer.json()["problems"][0]["code"]), (200, &json!("AccountUnknown")));
    assert_eq!(world.get("/imports").json()["value"], json!([]));
}

#[test]
fn a_number_changed_since_validation_stops_its_group_and_no_other() {
    let world = World::stocked();
    let job = upload(&world, "account=acme", &file(150)).json();
    world.put("/accounts/acme/numbers/%2B493050000007", json!({ "ticket": "mine" }));
    let id = job["id"].as_str().unwrap();
    world.ask("POST", &format!("/imports/{id}:run"), &[("If-Match", "*")], b"");
    let done = finished(&world, id);
    assert_eq!((&done["state"], &done["counters"]["created"]), (&json!("completedWithErrors"), &json!(50)));
    let conflict = world.get(&format!("/imports/{id}/rows?code=Conflict")).json();
    assert_eq!(conflict["value"].as_array().map(Vec::len), Some(1));
    assert_eq!(conflict["value"][0]["row"], 9);
    assert_eq!(world.get("/accounts/acme/numbers/%2B493050000007").json()["ticket"], "mine");
}

fn prepared(store: &mut dyn Store, count: usize) -> Result<String, Refusal> {
    let octets = file(count).into_bytes();
    let options = Options { account: Some("acme".to_owned()), ..Options::default() };
    let upload = Upload {
        id: "0a".to_owned(),
        file_name: "a.csv",
        octets: &octets,
        options,
        scope: None,
        in_use: BTreeSet::new(),
    };
    writing(store, &Actor::default(), wall(), |writing| {
        writing.put_account(&AccountRecord::read(json!({ "name": "acme" }))?, &Condition::None)?;
        let (job, _) = jobs::upload(writing, &upload, "tester")?;
        jobs::run(writing, &job.id, &Condition::None)?;
        Ok(job.id)
    })
}

#[test]
fn an_import_that_was_cut_off_goes_on_and_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    let id = prepared(&mut SqliteStore::open(&file).unwrap(), 730).unwrap();
    // Opened anew before each group, and dropped in the middle of one: what was not committed was never there.
    let mut steps = 0;
    loop {
        let mut store = SqliteStore::open(&file).unwrap();
        if jobs::step(&mut store, &Actor::default(), wall(), &mut |_| BTreeSet::new()).unwrap() == Step::Idle {
            break;
        }
        steps += 1;
    }
    assert_eq!(steps, 9, "eight groups and the end");
    let mut store = SqliteStore::open(&file).unwrap();
    let (job, _) = reading(&mut store, |rows| jobs::job(rows, &id, wall())).unwrap();
    assert_eq!((job.counters.created, job.counters.unchanged, job.counters.errors), (730, 0, 0));
    let made = Filter::Field("action", Comparison::Equal, "number.create".to_owned());
    let events = reading(&mut store, |rows| Ok(rows.count(Kind::Audit, &made)?)).unwrap();
    assert_eq!(events, 730, "each number was made once");
}
