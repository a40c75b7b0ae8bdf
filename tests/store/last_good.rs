//! The last good directory on disk, and a daemon whose store does not open.

use std::fs;
use std::path::Path;

use std::sync::Arc;

use serde_json::json;
use trunkline::base::limits::Limits;
use trunkline::config::{Files, parse};
use trunkline::daemon::clock::Clock;
use trunkline::daemon::inbox::Inbox;
use trunkline::daemon::orders::Orders;
use trunkline::daemon::provisioning::Provisioned;
use trunkline::route::directory::Change;
use trunkline::route::number::E164;
use trunkline::store::follow::Followed;
use trunkline::store::last_good::{read, write};
use trunkline::store::memory::MemoryStore;
use trunkline::store::records::{AccountRecord, Record};
use trunkline::store::writing::reading;

use super::stocked;

fn followed() -> Followed {
    let mut store = MemoryStore::default();
    stocked(&mut store);
    reading(&mut store, |rows| Followed::load(rows)).unwrap()
}

fn finds(directory: &trunkline::route::directory::Directory, text: &str) -> Option<String> {
    let (entry, account) = directory.find(&E164::parse(text).unwrap())?;
    Some(format!("{} {}", account.name, entry.inbound))
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.json");
    assert!(read(&file).unwrap().is_none());
    let before = followed();
    write(&file, &before).unwrap();
    let after = read(&file).unwrap().unwrap();
    assert_eq!((after.revision, after.directory.len()), (before.revision, 10));
    for number in ["+4930000002", "+4930000003", "+4930000099"] {
        assert_eq!(finds(&after.directory, number), finds(&before.directory, number));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

/// All that a call needs of an account, its number rules too.
#[test]
fn an_account_is_read_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.json");
    let rules = json!({ "incoming": [{ "match": "^9", "replace": "+49" }],
                        "outgoing": [{ "field": "from", "match": "^\\+49", "replace": "0" }] });
    let record = json!({ "name": "ruled", "fqdn": "ruled.sbc.example.com", "customHeader": "main", "state": "suspended",
        "callerScreening": false, "limits": { "maxConcurrentCalls": 5, "maxCallsPerSecond": 2 }, "numberRules": rules });
    let record = AccountRecord::read(record).unwrap();
    let before = followed();
    let directory = Arc::new(before.directory.changed([Change::Account(record.compiled())]));
    write(&file, &Followed { directory, ..before }).unwrap();
    let after = read(&file).unwrap().unwrap().directory;
    assert_eq!(**after.account_of_host("ruled.sbc.example.com").unwrap(), record.compiled());
}

#[test]
fn a_file_that_was_cut_or_changed_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("directory.json");
    write(&file, &followed()).unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    let changed = whole.replace("+4930000002", "+4930000012");
    let without_a_line: String =
        whole.lines().enumerate().filter(|(at, _)| *at != 4).map(|(_, line)| format!("{line}\n")).collect();
    for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 5], &changed, &without_a_line, "", "{}\n"] {
        fs::write(&file, damaged).unwrap();
        assert!(read(&file).is_err(), "{damaged}");
    }
}

#[test]
fn a_daemon_whose_store_does_not_open_knows_the_numbers_of_the_last_good_directory() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("directory.json"), &followed()).unwrap();
    fs::write(folder.path().join("store.sqlite"), "no database at all, but long enough to be looked at").unwrap();
    let base = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/minimal.toml")).unwrap();
    let node = format!("[node]\nstate_dir = {:?}\n", folder.path().display().to_string());
    let text = format!("{node}{base}\n[provisioning]\nsource = \"store\"\n");
    let loaded = parse("t.toml", &text, folder.path(), Files::Checked).unwrap();
    let inbox = Arc::new(Inbox::new(&Limits::default(), Clock::start()));
    let provisioned =
        Provisioned::start(&loaded.settings, loaded.directory.clone(), &Orders::new(inbox.clone()), &inbox);
    assert_eq!(finds(&provisioned.directory(), "+4930000002").as_deref(), Some("acme true"));
    provisioned.end();
}
