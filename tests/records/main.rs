//! The spool of call records: what is found after a crash, rotation, and one owner; what is held until then. Through the daemon:
//! `tests/daemon/records.rs`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use trunkline::base::WallTime;
use trunkline::base::ids::CallId;
use trunkline::base::limits::{REASON_OCTETS, REASONS, RECENT_CALLS, RECORDED_TRANSFERS};
use trunkline::call::record::{
    After, EndedBy, Entered, LegMediaCounts, Said, Sent, Side, TransferKind, TransferRecord, Written,
};
use trunkline::call::{CallRecord, Cause};
use trunkline::cdr::lines::{Origin, write};
use trunkline::cdr::spool::{Spool, files};
use trunkline::cdr::writer::{Durable, Surroundings, start};
use trunkline::cdr::{AtStart, Records, Rotation, Settings, WhenFull};
use trunkline::sip::Status;
use trunkline::trace::Trace;

const NEVER: Rotation = Rotation { octets: u64::MAX, age_ms: u64::MAX, keep: 0 };
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nobody else reads the spool.
const ALL: u64 = u64::MAX;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &Path, rotation: Rotation) -> Spool {
    Spool::open(folder, rotation, WallTime(0)).unwrap()
}

/// A record of one leg.
fn record(seq: u64) -> String {
    format!("{{\"type\":\"leg\",\"seq\":{seq}}}\n{{\"type\":\"call\",\"seq\":{seq}}}\n")
}

fn put(spool: &mut Spool) {
    let seq = spool.next();
    spool.append(record(seq).as_bytes(), 1).unwrap();
    spool.sync().unwrap();
}

fn names(folder: &Path) -> Vec<u64> {
    files(folder).unwrap().into_iter().map(|(number, _)| number).collect()
}

fn text(folder: &Path) -> String {
    files(folder).unwrap().iter().map(|(_, path)| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn whatever_a_crash_cuts_off_the_spool_goes_on_after_the_last_whole_record() {
    let whole = record(1) + &record(2);
    let all = whole.clone() + &record(3);
    for cut in whole.len()..all.len() {
        let folder = folder();
        fs::write(folder.path().join("calls-000000000001.jsonl"), &all.as_bytes()[..cut]).unwrap();
        let mut spool = open(folder.path(), NEVER);
        assert_eq!((spool.next(), text(folder.path())), (3, whole.clone()), "cut at {cut}");
        put(&mut spool);
        assert_eq!(text(folder.path()), all);
    }
}

#[test]
fn octets_that_a_power_loss_left_unwritten_are_cut_off() {
    let folder = folder();
    let file = folder.path().join("calls-000000000001.jsonl");
    let mut octets = record(1).into_bytes();
    octets.extend([0u8; 300_000]);
    octets.push(b'\n');
    fs::write(&file, octets).unwrap();
    assert_eq!(open(folder.path(), NEVER).next(), 2);
    assert_eq!(text(folder.path()), record(1));
}

#[test]
fn a_file_without_any_whole_record_begins_again_with_the_number_in_its_name() {
    let folder = folder();
    fs::write(folder.path().join("calls-000000000017.jsonl"), "{\"type\":\"leg\",\"seq\":17}\n{\"ty").unwrap();
    assert_eq!(open(folder.path(), NEVER).next(), 17);
    assert_eq!(text(folder.path()), "");
}

#[test]
fn what_is_taken_back_is_written_anew_under_the_same_numbers() {
    let folder = folder();
    let mut spool = open(folder.path(), NEVER);
    put(&mut spool);
    spool.append((record(2) + &record(3)).as_bytes(), 2).unwrap();
    spool.take_back();
    assert_eq!((spool.next(), text(folder.path())), (2, record(1)));
    put(&mut spool);
    assert_eq!(text(folder.path()), record(1) + &record(2));
}

#[test]
fn a_spool_has_one_owner() {
    let folder = folder();
    let first = open(folder.path(), NEVER);
    assert_eq!(Spool::open(folder.path(), NEVER, WallTime(0)).unwrap_err().kind(), ErrorKind::AddrInUse);
    drop(first);
    open(folder.path(), NEVER);
}

#[test]
fn a_file_that_is_large_or_old_gives_way_to_a_new_one_named_after_its_first_record() {
    let folder = folder();
    let mut spool = open(folder.path(), Rotation { octets: 60, age_ms: 1000, keep: 0 });
    for _ in 0..3 {
        put(&mut spool);
        spool.rotate_if_due(WallTime(0), ALL).unwrap();
    }
    assert_eq!(names(folder.path()), [1, 3]);
    spool.rotate_if_due(WallTime(999), ALL).unwrap();
    assert_eq!(names(folder.path()), [1, 3]);
    spool.rotate_if_due(WallTime(1000), ALL).unwrap();
    assert_eq!(names(folder.path()), [1, 3, 4]);
    drop(spool);
    assert_eq!(open(folder.path(), NEVER).next(), 4);
    assert_eq!(text(folder.path()), record(1) + &record(2) + &record(3));
}

#[test]
fn only_so_many_closed_files_are_kept_and_none_goes_that_somebody_still_reads() {
    let folder = folder();
    let mut spool = open(folder.path(), Rotation { octets: 1, age_ms: u64::MAX, keep: 2 });
    let mut fill = |taken| {
        put(&mut spool);
        spool.rotate_if_due(WallTime(0), taken).unwrap();
    };
    (0..5).for_each(|_| fill(2));
    assert_eq!(names(folder.path()), [2, 3, 4, 5, 6]);
    fill(ALL);
    assert_eq!(names(folder.path()), [5, 6, 7]);
}

#[test]
fn a_file_that_somebody_removes_loses_nothing_that_was_not_in_it() {
    let folder = folder();
    let cdr = folder.path().join("cdr");
    let mut spool = open(&cdr, NEVER);
    put(&mut spool);
    spool.append(record(2).as_bytes(), 1).unwrap();
    fs::remove_dir_all(&cdr).unwrap();
    assert_eq!(spool.sync().unwrap_err().kind(), ErrorKind::NotFound);
    // What was taken back is written anew, to a file of its own, in a folder that is ours.
    assert_eq!(spool.next(), 2);
    put(&mut spool);
    put(&mut spool);
    assert_eq!((names(&cdr), text(&cdr)), (vec![2], record(2) + &record(3)));
    assert_eq!(Spool::open(&cdr, NEVER, WallTime(0)).unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn a_new_file_that_cannot_be_made_leaves_the_old_one_as_it_was() {
    let folder = folder();
    let mut spool = open(folder.path(), Rotation { octets: 1, age_ms: u64::MAX, keep: 0 });
    put(&mut spool);
    let next = folder.path().join("calls-000000000002.jsonl");
    fs::write(&next, "another's").unwrap();
    assert_eq!(spool.rotate_if_due(WallTime(0), ALL).unwrap_err().kind(), ErrorKind::AlreadyExists);
    // An empty one is what a try leaves that came no further.
    fs::write(&next, "").unwrap();
    spool.rotate_if_due(WallTime(0), ALL).unwrap();
    put(&mut spool);
    assert_eq!(names(folder.path()), [1, 2]);
    assert_eq!(text(folder.path()), record(1) + &record(2));
}

/// Where a change of files failed halfway, and the process died after it had gone on with the old one.
#[test]
fn no_number_is_given_twice_where_a_new_file_was_made_and_not_used() {
    let folder = folder();
    let file = |number: u64| folder.path().join(format!("calls-{number:012}.jsonl"));
    fs::write(file(1), record(1) + &record(2) + &record(3)).unwrap();
    for unused in [2, 3] {
        fs::write(file(unused), "").unwrap();
    }
    assert_eq!(open(folder.path(), NEVER).next(), 4);
    assert_eq!((names(folder.path()), text(folder.path())), (vec![1], record(1) + &record(2) + &record(3)));
    // One that was made and has had no record yet is the one to go on with: the others are closed.
    fs::write(file(4), "").unwrap();
    put(&mut open(folder.path(), NEVER));
    assert_eq!(fs::read_to_string(file(4)).unwrap(), record(4));
}

fn call(id: u64) -> CallRecord {
    CallRecord {
        id: CallId(id),
        from: "north".into(),
        to: Some("teams".into()),
        route: Some("in".into()),
        account: None,
        calling: "+493012345678".to_owned(),
        called: format!("+4940{id:0>8}"),
        received: None,
        sent: Some(Sent {
            from: Bytes::from(b"<sip:+493012345678@sbc.example.com>;tag=1".to_vec()),
            called: Bytes::from(b"+494000000001".to_vec()),
            address: ([192, 0, 2, 1], 5061).into(),
            target: None,
            policy: "".into(),
        }),
        caller_address: None,
        caller_policy: "".into(),
        said: Vec::new(),
        after: After::default(),
        earlier: Vec::new(),
        caller_call_id: format!("a{id}"),
        callee_call_id: Some(format!("b{id}")),
        started: WallTime(1000),
        rang: None,
        answered: Some(WallTime(2000)),
        ended: WallTime(9000),
        cause: Cause::NormalClearing,
        ended_by: EndedBy::Caller,
        detail: None,
        emergency: None,
        elin: None,
        attempts: 1,
        redirects: 0,
        transfers: Vec::new(),
        caller_media: LegMediaCounts::default(),
        callee_media: LegMediaCounts::default(),
    }
}

/// What peers may write at most, all of it escaped: readers count on the length that docs/call-records.md names.
#[test]
fn a_line_stays_below_its_length_whatever_peers_write() {
    let worst = || "\u{1}".repeat(10_000);
    let entered = || Entered {
        address: ([192, 0, 2, 1], 5061).into(),
        policy: "".into(),
        written: Written { calling: worst(), called: worst() },
    };
    let transfer = || TransferRecord {
        kind: TransferKind::Consultative,
        side: Side::Callee,
        by: "north".into(),
        asked: worst(),
        to: Some("teams".into()),
        call_id: Some(worst()),
        began: WallTime(u64::MAX),
        ended: WallTime(u64::MAX),
        cause: Cause::NotTaken(Status::NOT_FOUND),
        media: LegMediaCounts::default(),
        entered: Some(Box::new(entered())),
    };
    let said = || Said { side: Side::Caller, reason: "\u{1}".repeat(REASON_OCTETS) };
    let record = CallRecord {
        calling: worst(),
        called: worst(),
        received: Some(Box::new(Written { calling: worst(), called: worst() })),
        caller_call_id: worst(),
        callee_call_id: Some(worst()),
        detail: Some(worst()),
        said: (0..REASONS).map(|_| said()).collect(),
        transfers: (0..2 * RECORDED_TRANSFERS).map(|_| transfer()).collect(),
        ..call(u64::MAX)
    };
    let mut lines = Vec::new();
    write(&Origin { node: "n".repeat(63), since: WallTime(0) }, u64::MAX, &record, &mut lines);
    let lengths: Vec<usize> = lines.split(|octet| *octet == b'\n').map(<[u8]>::len).collect();
    assert!(lengths.iter().all(|length| *length < 48 * 1024), "{lengths:?}");
    assert!(lengths.iter().max() > Some(&(24 * 1024)), "the bound is far from what there may be: {lengths:?}");
}

#[test]
fn a_call_is_found_by_its_numbers_as_anybody_writes_them() {
    let trace = Trace::new(0, || WallTime(0));
    let received = Written { calling: "0301111111".to_owned(), called: "998877665".to_owned() };
    let mut record = CallRecord { received: Some(Box::new(received)), ..call(12_345) };
    if let Some(sent) = &mut record.sent {
        (sent.from, sent.called) =
            (Bytes::from_static(b"<sip:+4932222222@h>;tag=1"), Bytes::from_static(b"0041433333"));
    }
    trace.ended(Arc::new(record));
    trace.ended(Arc::new(CallRecord { called: "112".to_owned(), ..call(1) }));
    let found = |number: &str| trace.recent_of(number).iter().map(|record| record.id.0).collect::<Vec<_>>();
    for number in [
        "+494000012345",
        "00494000012345",
        "0049 40 000 123 45",
        "04000012345",
        "(040) 0001-2345",
        "+49 (0)40 00012345",
        "tel:+49-40-00012345;phone-context=x9",
        "sip:+494000012345@192.0.2.1:5060;user=phone",
        "12345",
        // As they came, and as they went out.
        "0301111111",
        "998877665",
        "+4932222222",
        "0041433333",
    ] {
        assert_eq!(found(number), [12_345], "{number}");
    }
    assert_eq!(found("112"), [1]);
    for nobodys in ["2345", "+494000012346", "sip:x@12345", "", "00000"] {
        assert_eq!(found(nobodys), [0; 0], "{nobodys}");
    }
}

/// The records are lost and told of; the process must not wait for them (R-I).
#[test]
fn the_process_ends_also_where_the_disk_takes_no_record_and_a_database_waits_for_them() {
    let folder = folder();
    let spool = folder.path().join("cdr");
    fs::write(&spool, "no folder").unwrap();
    let settings = Settings {
        folder: spool,
        rotation: NEVER,
        sync: Duration::from_millis(10),
        when_full: WhenFull::Drop,
        database: Some(folder.path().join("calls.sqlite")),
    };
    let records = Arc::new(Records::new(1 << 26, WhenFull::Drop, Box::new(|_| ())));
    let surroundings = Surroundings {
        origin: Origin { node: "sbc1".to_owned(), since: WallTime(0) },
        clock: || WallTime(0),
        durable: Durable(Arc::new(|| ())),
    };
    let started = start(settings, AtStart::MayFail, records.clone(), surroundings).unwrap();
    records.push(Arc::new(call(1))).unwrap();
    let (told, ended) = mpsc::channel();
    thread::spawn(move || {
        started.end();
        told.send(()).unwrap();
    });
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(()));
    assert_eq!(records.waiting().0, 1);
}

/// More calls than the trace remembers: some go before their record is on the disk.
#[test]
fn what_the_engine_made_is_given_back_once_it_is_on_the_disk_and_the_trace_finds_the_call_still() {
    let folder = folder();
    let trace = Arc::new(Trace::new(0, || WallTime(0)));
    let settled = trace.clone();
    let surroundings = Surroundings {
        origin: Origin { node: "sbc1".to_owned(), since: WallTime(0) },
        clock: || WallTime(0),
        durable: Durable(Arc::new(move || settled.settle())),
    };
    let settings = Settings {
        folder: folder.path().to_owned(),
        rotation: NEVER,
        sync: Duration::from_millis(10),
        when_full: WhenFull::Drop,
        database: None,
    };
    let records = Arc::new(Records::new(1 << 26, WhenFull::Drop, Box::new(|_| ())));
    let started = start(settings, AtStart::MustOpen, records.clone(), surroundings).unwrap();
    let held: Vec<_> = (0..RECENT_CALLS as u64 + 500)
        .map(|id| {
            let record = Arc::new(call(id));
            trace.ended(record.clone());
            records.push(record.clone()).unwrap();
            record
        })
        .collect();
    started.end();
    for record in &held {
        let octets = &record.sent.as_ref().unwrap().from;
        assert!(Arc::strong_count(record) == 1 && octets.is_unique(), "call {} is held", record.id.0);
    }
    let (forgotten, known) = held.split_at(500);
    assert!(forgotten.iter().all(|record| trace.recent(record.id).is_none()));
    assert!(known.iter().all(|record| trace.recent(record.id).as_ref() == Some(record)));
}
