//! Report of the store: loading, following a change, and an import of 10,000 rows, at a million numbers
//! (`STORE_NUMBERS=100000` for fewer). Times are of this machine and this run; nothing is asserted.

use std::fs;
use std::time::Instant;

use trunkline::base::WallTime;
use trunkline::route::directory::{AccountName, Service};
use trunkline::route::number::E164;
use trunkline::store::audit::Actor;
use trunkline::store::follow::Followed;
use trunkline::store::import::{Mode, Options};
use trunkline::store::jobs::{self, Step, Upload};
use trunkline::store::last_good;
use trunkline::store::records::{AccountRecord, NumberRecord, Services};
use trunkline::store::sqlite::SqliteStore;
use trunkline::store::writing::{Condition, reading, writing};

const NOW: WallTime = WallTime(1_800_000_000_000);

fn number(at: usize, account: &AccountName, ticket: &str) -> NumberRecord {
    let phone_number = E164::parse(&format!("+4930{at:08}")).expect("a number");
    let services = Services::of([Service::Zoom]);
    NumberRecord { services, ticket: Some(ticket.to_owned()), ..NumberRecord::new(phone_number, account.clone()) }
}

/// Resident memory in MiB, from the kernel.
fn memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{what:<58} {:>10.1} ms   {:>7.0} MiB", start.elapsed().as_secs_f64() * 1000.0, memory());
    done
}

fn main() {
    let count: usize = std::env::var("STORE_NUMBERS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = SqliteStore::open(&folder.path().join("store.sqlite")).expect("a store");
    let account = AccountName::parse("acme").expect("a name");
    let actor = Actor::default();
    let put = |store: &mut SqliteStore, range: std::ops::Range<usize>, ticket: &str| {
        writing(store, &actor, NOW, |writing| {
            range
                .clone()
                .try_for_each(|at| writing.put_number(&number(at, &account, ticket), &Condition::None).map(drop))
        })
        .expect("written");
    };
    let acme = AccountRecord { services: Services::of([Service::Zoom]), ..AccountRecord::new(account.clone()) };
    writing(&mut store, &Actor::default(), NOW, |writing| writing.put_account(&acme, &Condition::None))
        .expect("written");
    timed(&format!("write {count} numbers with their audit events"), || {
        (0..count).step_by(10_000).for_each(|at| put(&mut store, at..count.min(at + 10_000), "a"));
    });
    let first = timed("load the directory", || reading(&mut store, |rows| Followed::load(rows)).expect("loaded"));
    timed("write 100 numbers, one transaction", || put(&mut store, 0..100, "b"));
    let next = timed("follow: the directory after them", || {
        reading(&mut store, |rows| first.next(rows)).expect("read").expect("changed")
    });
    println!("{:<58} {:>10} of 4096", "  shards copied", next.directory.differs_in(&first.directory));
    let file = folder.path().join("directory.json");
    timed("write the last good directory", || last_good::write(&file, &next).expect("written"));
    timed("read it back", || last_good::read(&file).expect("read").expect("there"));
    import(&mut store);
}

fn import(store: &mut SqliteStore) {
    let rows: String = (0..10_000).map(|at| format!("+49305{at:09}\r\n")).collect();
    let text = format!("Numbers\r\n{rows}");
    let options = Options { account: Some("acme".to_owned()), mode: Mode::Upsert, ..Options::default() };
    let upload = Upload {
        id: "0b".to_owned(),
        file_name: "a.csv",
        octets: text.as_bytes(),
        options,
        scope: None,
        in_use: Default::default(),
    };
    timed("import: validate 10,000 rows and keep them as a job", || {
        writing(store, &Actor::default(), NOW, |writing| {
            let (job, _) = jobs::upload(writing, &upload, "bench")?;
            jobs::run(writing, &job.id, &Condition::None).map(drop)
        })
        .expect("uploaded");
    });
    timed("import: 100 groups, each durable", || {
        while jobs::step(store, &Actor::default(), NOW, &mut |numbers| {
            let _ = numbers;
            Default::default()
        })
        .expect("applied")
            == Step::Applied
        {}
    });
}
