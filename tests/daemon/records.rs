//! Call records of the real daemon: whole after kill -9, kept while the disk takes none, written once.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::calls::{Up, hang_up, set_up};
use crate::ground::{Ground, Rules};
use crate::peer::Peer;
use crate::text::sdp;

fn ground(cdr: &str) -> Ground {
    let changes = vec![("[metrics]".to_owned(), format!("{cdr}\n[metrics]"))];
    Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() })
}

fn media(ground: &Ground) -> [SocketAddr; 2] {
    [(ground.caller(), 40_000).into(), (ground.callee(), 40_000).into()]
}

/// Every line of the spool, read as JSON: a line that is cut fails here.
fn lines(ground: &Ground) -> Vec<Value> {
    let mut files: Vec<_> =
        fs::read_dir(ground.state().join("cdr")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn calls(ground: &Ground) -> Vec<Value> {
    lines(ground).into_iter().filter(|line| line["type"] == "call").collect()
}

/// Waits until so many calls stand in the spool.
fn until_written(ground: &Ground, count: usize) {
    ground.until(|ground| match calls(ground).len() {
        found if found == count => Ok(()),
        found => Err(format!("{found} records, {count} wanted")),
    });
}

fn one_call(ground: &Ground, caller: &mut Peer, callee: Peer) -> Peer {
    let (mut up, mut callee) = set_up(caller, || callee, media(ground));
    hang_up(caller, &mut callee, &mut up);
    callee
}

#[test]
fn a_call_leaves_a_line_for_each_leg_and_one_for_itself() {
    let ground = ground("");
    let _running = ground.start_with_log("info");
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    let why = "Reason: Q.850;cause=31;text=\"5e19725b-7fad-4e89-bae3-dfc5df88bb96;No callee endpoints were found.\"\r\nMax-Forwards:";
    caller.send(up.dialog.request("BYE").replacen("Max-Forwards:", why, 1));
    caller.expect("SIP/2.0 200");
    let bye = callee.expect("BYE ");
    callee.send(bye.respond("200 OK", callee.own, ""));
    until_written(&ground, 1);
    let lines = lines(&ground);
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["leg", "leg", "call"]);
    let (first, second, call) = (&lines[0], &lines[1], &lines[2]);
    assert!(
        lines.iter().all(|line| line["schema"] == "trunkline.cdr/1" && line["id"] == call["id"] && line["seq"] == 1)
    );
    assert_eq!((call["from"].as_str(), call["to"].as_str()), (Some("caller-udp"), Some("callee-udp")));
    assert_eq!(
        (call["cause"].as_str(), call["cause_text"].as_str()),
        (Some("normal_clearing"), Some("Normal call clearing"))
    );
    assert_eq!(
        (call["ended_by"].as_str(), call["q850"].as_u64(), call["legs"].as_u64()),
        (Some("caller"), Some(16), Some(2))
    );
    let reason = &call["reasons"][0];
    assert!(reason["reason"].as_str().unwrap().ends_with("No callee endpoints were found.\""), "{reason}");
    // MD-94, MD-233: Microsoft's own number of the call, and what its phrase means.
    assert_eq!(reason["platform_call"], "5e19725b-7fad-4e89-bae3-dfc5df88bb96");
    assert_eq!(reason["meaning"], "nothing of the user rings");
    assert!(reason["platform_code"].is_null() && reason["check"].is_string(), "{reason}");
    let ended = ground.logged("call ended");
    assert!(
        ended.contains("5e19725b-7fad-4e89-bae3-dfc5df88bb96") && ended.contains("nothing of the user rings"),
        "{ended}"
    );
    assert!(call["duration_ms"].as_u64() <= call["ended_ms"].as_u64() && call["post_dial_delay_ms"].is_u64());
    assert_eq!((first["side"].as_str(), second["side"].as_str()), (Some("caller"), Some("callee")));
    assert_eq!(first["address"], caller.own.to_string());
    assert_eq!(second["address"], callee.own.to_string());
    for leg in [first, second] {
        assert_eq!((leg["calling"].as_str(), leg["called"].as_str()), (Some("+49891234567"), Some("+493012345678")));
        assert!(leg["policy"].as_str().unwrap().starts_with("carrier-ip/"), "{leg}");
    }
}

/// Issue 7: kill -9 during 50 calls.
#[test]
fn kill_9_during_fifty_calls_loses_and_doubles_no_record() {
    const CALLS: usize = 50;
    let ground = ground("[cdr]\nsqlite = \"calls.sqlite\"");
    let running = ground.start();
    let mut caller = ground.udp(ground.caller());
    let mut callee = ground.udp(ground.callee());
    let mut up: Vec<Up> = Vec::new();
    for _ in 0..CALLS {
        let (call, back) = set_up(&mut caller, || callee, media(&ground));
        (callee, _) = (back, up.push(call));
    }
    for call in &mut up[..CALLS / 2] {
        hang_up(&mut caller, &mut callee, call);
    }
    until_written(&ground, CALLS / 2);
    running.signal("KILL");
    assert_eq!(running.exit(), None);
    // What a process leaves behind that was cut in the middle of a batch.
    let file = ground.state().join("cdr/calls-000000000001.jsonl");
    let mut text = fs::read_to_string(&file).unwrap();
    let whole = text.clone();
    text.push_str("{\"schema\":\"trunkline.cdr/1\",\"type\":\"leg\",\"id\":\"cut\",\"seq\":26}\n{\"schema\":\"trunk");
    fs::write(&file, text).unwrap();
    let _running = ground.start();
    assert_eq!(fs::read_to_string(&file).unwrap(), whole, "the spool is whole as soon as the daemon is ready");
    // A peer whose call is gone is told so.
    caller.send(up[CALLS - 1].dialog.request("BYE"));
    caller.expect("SIP/2.0 481");
    one_call(&ground, &mut caller, callee);
    until_written(&ground, CALLS / 2 + 1);
    let calls = calls(&ground);
    let ids: BTreeSet<_> = calls.iter().map(|call| call["id"].to_string()).collect();
    assert_eq!(ids.len(), calls.len(), "two processes gave one identifier twice");
    let numbers: Vec<_> = calls.iter().filter_map(|call| call["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=26).collect::<Vec<_>>());
    ground.until(|ground| match rows(ground) {
        (26, 52) => Ok(()),
        other => Err(format!("{other:?} calls and legs in SQLite")),
    });
}

/// Calls and legs in the database.
fn rows(ground: &Ground) -> (i64, i64) {
    let file = ground.state().join("cdr/calls.sqlite");
    let Ok(database) = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY) else {
        return (0, 0);
    };
    let count =
        |table: &str| database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap_or(0);
    (count("calls"), count("legs"))
}

/// Calls and records do not wait for SQLite, and whoever scrapes is told that it does not follow.
#[test]
fn a_database_that_takes_nothing_is_told_and_filled_later() {
    let ground = ground("[cdr]\nsqlite = \"calls.sqlite\"");
    let file = ground.state().join("cdr/calls.sqlite");
    fs::create_dir_all(ground.state().join("cdr")).unwrap();
    // A link into a folder that is not there: nobody can make that file.
    symlink(ground.state().join("nowhere/calls.sqlite"), &file).unwrap();
    let _running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    one_call(&ground, &mut caller, callee);
    until_written(&ground, 1);
    let until_refuses = |refuses: u8| {
        let row = format!("\nsbc_records_database_refuses {refuses}\n");
        ground.until(|ground| match ground.get("/metrics") {
            page if page.contains(&row) && page.contains("\nsbc_records_disk_refuses 0\n") => Ok(()),
            page => Err(page),
        });
    };
    until_refuses(1);
    fs::remove_file(&file).unwrap();
    until_refuses(0);
    ground.until(|ground| match rows(ground) {
        (1, 2) => Ok(()),
        other => Err(format!("{other:?} calls and legs in SQLite")),
    });
}

/// R-I: a disk that is full for a while costs no record and no call.
#[test]
fn a_full_disk_keeps_records_in_memory_and_writes_each_once_afterwards() {
    const CALLS: usize = 20;
    let ground = ground("");
    let running = ground.start_with_file_limit(8);
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    for _ in 0..CALLS {
        callee = one_call(&ground, &mut caller, callee);
    }
    ground.until(|ground| match ground.get("/metrics") {
        page if page.contains("\nsbc_records_disk_refuses 1\n") => Ok(()),
        page => Err(page),
    });
    let before = calls(&ground).len();
    assert!(before < CALLS, "the limit is too high for this test");
    running.lift_file_limit();
    until_written(&ground, CALLS);
    let numbers: Vec<_> = calls(&ground).iter().filter_map(|call| call["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

#[test]
fn where_no_record_may_be_lost_new_calls_are_refused_until_there_is_room() {
    let changes =
        vec![("[limits]".to_owned(), "[cdr]\nwhen_full = \"refuse\"\n[limits]\nrecord_octets = 4000".to_owned())];
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() });
    let running = ground.start_with_file_limit(1);
    let (mut caller, mut callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let full = |ground: &Ground| ground.get("/metrics").contains("\nsbc_records_room_full 1\n");
    let over = |ground: &Ground| match ground.get("/metrics") {
        page if page.contains("\nsbc_calls 0\n") => Ok(()),
        page => Err(page),
    };
    for _ in 0..10 {
        if !full(&ground) {
            callee = one_call(&ground, &mut caller, callee);
            // A call has its record when its ports are closed.
            ground.until(over);
        }
    }
    ground.until(|ground| if full(ground) { Ok(()) } else { Err(ground.get("/metrics")) });
    caller.ask("INVITE", &sdp(media(&ground)[0]));
    let refused = caller.expect("SIP/2.0 503");
    assert!(!refused.header("Retry-After").is_empty(), "{}", refused.0);
    assert!(ground.get("/metrics").contains("\nsbc_records_dropped_total 0\n"));
    running.lift_file_limit();
    ground.until(|ground| if full(ground) { Err("still full".into()) } else { Ok(()) });
    one_call(&ground, &mut caller, callee);
}
