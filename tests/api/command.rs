//! `trunkline import`, the real binary.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::json;
use tempfile::TempDir;
use trunkline::store::audit::{Actor, verify};
use trunkline::store::jobs::{self, Step};
use trunkline::store::records::{AccountRecord, Record};
use trunkline::store::rows::{Filter, Kind};
use trunkline::store::sqlite::SqliteStore;
use trunkline::store::writing::{Condition, reading, writing};

use super::imports::file;
use super::world::wall;

struct Site {
    folder: TempDir,
}

impl Site {
    fn new(source: &str) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let base = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/minimal.toml")).unwrap();
        let state = folder.path().join("state");
        let lines: Vec<String> =
            base.lines()
                .map(|line| if line.starts_with("state_dir") { String::new() } else { line.to_owned() })
                .map(|line| {
                    if line == "[node]" {
                        format!("[node]\nstate_dir = {:?}", state.display().to_string())
                    } else {
                        line
                    }
                })
                .collect();
        let node = if base.contains("[node]") {
            String::new()
        } else {
            format!("[node]\nstate_dir = {:?}\n", state.display().to_string())
        };
        let text = format!("{node}{}\n[provisioning]\nsource = \"{source}\"\n", lines.join("\n"));
        fs::write(folder.path().join("trunkline.toml"), text).unwrap();
        fs::create_dir(&state).unwrap();
        let site = Site { folder };
        writing(&mut site.store(), &Actor::default(), wall(), |writing| {
            writing.put_account(&AccountRecord::read(json!({ "name": "acme" }))?, &Condition::None)
        })
        .unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.path("state/store.sqlite")).unwrap()
    }

    fn command(&self, csv: &str, more: &[&str]) -> Command {
        fs::write(self.path("numbers.csv"), csv).unwrap();
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_trunkline")));
        command.arg("import").arg(self.path("numbers.csv")).arg("--config").arg(self.path("trunkline.toml"));
        command.args(["--account", "acme"]).args(more).stderr(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    fn import(&self, csv: &str, more: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.command(csv, more).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
    }

    fn numbers(&self) -> u64 {
        reading(&mut self.store(), |rows| Ok(rows.count(Kind::Number, &Filter::All)?)).unwrap()
    }
}

#[test]
fn a_good_file_is_imported_and_summed_up() {
    let site = Site::new("store");
    let (code, text) = site.import(&file(120), &["--dry-run"]);
    assert_eq!((code, site.numbers()), (Some(0), 0), "{text}");
    let (code, text) = site.import(&file(120), &[]);
    assert_eq!((code, site.numbers()), (Some(0), 120), "{text}");
    assert!(text.starts_with("120 rows: 120 created, 0 updated, 0 unchanged"), "{text}");
    let (_, text) = site.import(&file(120), &[]);
    assert!(text.starts_with("120 rows: 0 created, 0 updated, 120 unchanged"), "{text}");
}

#[test]
fn what_is_wrong_is_shown_and_ends_with_its_code() {
    let site = Site::new("store");
    let (code, text) = site.import("Numbers\n49301234\n0301\n", &[]);
    assert_eq!((code, site.numbers()), (Some(1), 1), "{text}");
    assert!(text.contains("row 3, Numbers: 0301 starts with 0"), "{text}");
    assert_eq!(site.import("", &[]).0, Some(1));
    assert_eq!(site.import("Numbers\n", &["--type", "fax"]).0, Some(64));
    fs::write(site.path("state/store.sqlite"), "this is no database, and long enough to be read as one").unwrap();
    assert_eq!(site.import("Numbers\n49301234\n", &[]).0, Some(69));
    assert_eq!(Site::new("file").import("Numbers\n49301234\n", &[]).0, Some(78));
}

/// The process is killed at several depths of its work; what it leaves opens, and goes on to the end.
#[test]
fn an_import_that_is_killed_leaves_a_store_that_opens_and_a_job_that_goes_on() {
    for killed_after in [0, 3, 7] {
        let site = Site::new("store");
        let mut child = site.command(&file(2000), &[]).spawn().unwrap();
        let jobs_done = |site: &Site| {
            let rows = reading(&mut site.store(), |rows| {
                Ok(rows.list(Kind::Import, &trunkline::store::rows::Query::of(Filter::All, 1))?)
            });
            rows.unwrap().first().and_then(|row| row.body["groupsDone"].as_u64())
        };
        while child.try_wait().unwrap().is_none() && jobs_done(&site).is_none_or(|done| done < killed_after) {}
        child.kill().unwrap();
        child.wait().unwrap();
        let mut store = site.store();
        while jobs::step(&mut store, &Actor::default(), wall(), &mut |_| BTreeSet::new()).unwrap() == Step::Applied {}
        assert_eq!(site.numbers(), 2000);
        let events = reading(&mut store, |rows| verify(rows)).unwrap();
        assert_eq!(events, 1 + 2 + 2000 + 1, "account, upload and run, each number once, the end");
    }
}
