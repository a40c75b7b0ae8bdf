//! Report of the store: loading, following a change until calls go by it, deciding about a call beside a linear scan of
//! the same table, and an import of 10,000 rows, at a million numbers (`STORE_NUMBERS=100000` for fewer, `--test` for
//! few). Times are of this machine and this run; nothing is asserted.

use std::fs;
use std::path::Path;
use std::time::Instant;

use trunkline::base::WallTime;
use trunkline::base::entropy::{Entropy, SeededEntropy};
use trunkline::config::{Files, parse};
use trunkline::route::directory::{AccountName, Directory, Service};
use trunkline::route::group::Likeliest;
use trunkline::route::number::E164;
use trunkline::route::ruling::{Inquiry, Names};
use trunkline::store::audit::{Actor, Retention};
use trunkline::store::follow::Followed;
use trunkline::store::import::{Mode, Options};
use trunkline::store::jobs::{self, Step, Upload};
use trunkline::store::last_good;
use trunkline::store::records::{AccountRecord, NumberRecord, Services};
use trunkline::store::rows::Store;
use trunkline::store::sqlite::SqliteStore;
use trunkline::store::thread::StoreThread;
use trunkline::store::writing::{Condition, Writing, reading, writing};

/// A carrier, a platform, and a route for provisioned numbers behind two that miss.
const CONFIG: &str = r#"
[networks.public]
bind = "127.0.0.1"
rtp_ports = "10000-18999"
[listeners.main]
network = "public"
transport = "udp"
port = 5060
[trunks.north]
profile = "carrier-ip"
listener = "main"
targets = ["127.0.1.1:5060"]
[trunks.teams]
profile = "carrier-ip"
role = "platform"
listener = "main"
targets = ["127.0.1.2:5060"]
[[routes]]
from = "north"
called = { prefix = "+33" }
to = ["teams"]
[[routes]]
from = "north"
called = { regex = "^\\+4989[0-9]+$" }
to = ["teams"]
[[routes]]
from = "north"
to = ["teams"]
numbers = "provisioned"
"#;

const NOW: WallTime = WallTime(1_800_000_000_000);

fn number(at: usize, account: &AccountName, ticket: &str) -> NumberRecord {
    let phone_number = E164::parse(&format!("+4930{at:08}")).expect("a number");
    let services = Services::of([Service::TeamsDirectRouting]);
    NumberRecord {
        services,
        inbound_enabled: true,
        ticket: Some(ticket.to_owned()),
        ..NumberRecord::new(phone_number, account.clone())
    }
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
    let usual = if std::env::args().any(|argument| argument == "--test") { 10_000 } else { 1_000_000 };
    let count: usize = std::env::var("STORE_NUMBERS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
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
    let acme =
        AccountRecord { services: Services::of([Service::TeamsDirectRouting]), ..AccountRecord::new(account.clone()) };
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
    decide(&next.directory, count);
    import(&mut store);
    until_calls_see_it(store, &account);
}

/// What one call asks: whose number it is, whether it may go on, and where to; and the same number found by looking at
/// every one.
fn decide(directory: &Directory, count: usize) {
    let loaded = parse("bench.toml", CONFIG, Path::new("/"), Files::Ignored).expect("a configuration");
    let trunk = loaded.snapshot.trunk_named("north").expect("a trunk");
    let table: Vec<(E164, bool)> = directory.numbers().map(|(number, entry, _)| (number, entry.inbound)).collect();
    let mut entropy = SeededEntropy::new(7);
    let mut drawn = || format!("+4930{:08}", entropy.below(u64::try_from(count).unwrap_or(u64::MAX)));
    let called: Vec<String> = (0..200_000).map(|_| drawn()).collect();
    let start = Instant::now();
    let mut allowed = 0usize;
    for number in &called {
        let names = Names::Hosts { request_uri: None, server_name: None };
        let inquiry = Inquiry { from: trunk, calling: "+4470", called: number, diverting: None, names, now: NOW };
        allowed += usize::from(loaded.snapshot.rule(directory, &inquiry, &mut Likeliest).outcome.is_ok());
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / 200_000.0;
    println!("{:<58} {each:>10.2} us   ({allowed} of 200000 allowed)", "decide about a call (number, account, route)");
    let start = Instant::now();
    let found =
        called.iter().take(50).filter(|number| table.iter().any(|(known, _)| known.as_str() == **number)).count();
    let each = start.elapsed().as_secs_f64() * 1e6 / 50.0;
    println!(
        "{:<58} {each:>10.2} us   ({found} of 50 found)",
        "  the number alone, by a linear scan of the same table"
    );
}

/// From a write until the directory that calls read shows it, on a store's thread as the daemon has it.
fn until_calls_see_it(store: SqliteStore, account: &AccountName) {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = StoreThread {
        store: Box::new(store),
        clock: || NOW,
        sink: Box::new(move |followed| {
            let _ = tell.send((Instant::now(), followed.revision));
        }),
        last_good: None,
        retention: Retention::default(),
        in_use: Box::new(|_| Default::default()),
    };
    let (handle, thread) = thread.spawn().expect("a thread");
    let _ = told.recv();
    let mut worst: f64 = 0.0;
    for at in 0..20 {
        let (account, start) = (account.clone(), Instant::now());
        let work = move |store: &mut dyn Store| {
            let put = |writing: &mut Writing<'_>| {
                writing.put_number(&number(at, &account, "seen"), &Condition::None).map(drop)
            };
            writing(store, &Actor::default(), NOW, put).expect("written");
        };
        handle.submit(Box::new(work)).expect("taken");
        let (seen, _) = told.recv().expect("followed");
        worst = worst.max((seen - start).as_secs_f64() * 1000.0);
    }
    handle.end();
    thread.join().expect("ended");
    println!("{:<58} {worst:>10.1} ms   (the worst of 20)", "one change, from its write until calls go by it");
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
        while jobs::step(store, &Actor::default(), NOW, &mut |_| Default::default()).expect("applied") == Step::Applied
        {
        }
    });
}
