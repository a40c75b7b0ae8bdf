//! More calls than the daemon can take, and less memory than it wants: new calls are told to come back, the call that
//! is there goes on (R-A, S-H).

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::calls::{hang_up, set_up};
use crate::ground::{Ground, PATIENT_MS, Rules};
use crate::peer::Peer;
use crate::reload::{media, metric};
use crate::text::Message;

/// Connections that flood, and the calls each asks for before it reads an answer.
const FLOODS: usize = 4;
const AT_ONCE: usize = 100;

/// One change of the configuration. The caller over TCP reaches numbers of Berlin only.
fn ground(timers: &'static str, from: &str, to: &str) -> Ground {
    let route = "from = \"caller-tcp\"\n";
    let changes = vec![
        (from.to_owned(), to.to_owned()),
        (route.to_owned(), format!("{route}called = {{ prefix = \"+4930\" }}\n")),
    ];
    Ground::new(Rules { timers, changes, ..Rules::default() })
}

fn count(ground: &Ground, name: &str) -> u64 {
    metric(ground, name).parse().unwrap()
}

fn until_counted(ground: &Ground, name: &str) {
    ground.until(|ground| if count(ground, name) > 0 { Ok(()) } else { Err(format!("{name} is 0")) });
}

/// The floods end with the test, however it ends.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An INVITE to a number without a route: where calls are taken, it is answered 404.
fn call_to_nowhere(peer: &Peer) -> String {
    peer.written("INVITE", "").replace("+493012345678@", "+33123456789@")
}

/// Calls to nowhere until it is told to stop: the status of each answer, and `Retry-After`.
fn flood(mut peer: Peer, ends: &AtomicBool) -> Vec<(String, String)> {
    let mut told = Vec::new();
    while !ends.load(Ordering::Relaxed) {
        let calls: String = (0..AT_ONCE).map(|_| call_to_nowhere(&peer)).collect();
        peer.send(calls);
        for _ in 0..AT_ONCE {
            let refused = refusal(&mut peer);
            let status = refused.start_line().split(' ').nth(1).unwrap_or_default().to_owned();
            told.push((status, refused.header("Retry-After").to_owned()));
        }
    }
    told
}

fn refusal(peer: &mut Peer) -> Message {
    loop {
        let answer = peer.next().expect("no connection is closed for a flood");
        if !answer.start_line().starts_with("SIP/2.0 100") {
            return answer;
        }
    }
}

#[test]
fn a_flood_of_calls_is_refused_with_a_time_to_come_back_and_a_call_that_is_there_ends_in_peace() {
    let ground = ground("timers = { t1_ms = 50 }", &format!("max_wait_ms = {PATIENT_MS}"), "max_wait_ms = 1");
    let _running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    let ends = AtomicBool::new(false);
    let told = thread::scope(|scope| {
        let floods: Vec<_> = (0..FLOODS).map(|_| ground.tcp(ground.caller())).collect();
        let floods: Vec<_> = floods.into_iter().map(|peer| scope.spawn(|| flood(peer, &ends))).collect();
        let floods_end = Ends(&ends);
        until_counted(&ground, "sbc_calls_shed_total{reason=\"overload\"}");
        hang_up(&mut caller, &mut callee, &mut up);
        drop(floods_end);
        floods.into_iter().flat_map(|flood| flood.join().unwrap()).collect::<Vec<_>>()
    });
    let of = |wanted: &str| told.iter().filter(|(status, _)| status == wanted).collect::<Vec<_>>();
    let (unroutable, shed) = (of("404"), of("503"));
    assert_eq!(unroutable.len() + shed.len(), told.len(), "{told:?}");
    assert!(!unroutable.is_empty(), "not all is refused");
    let wait = |shed: &&(String, String)| shed.1.parse::<u32>().is_ok_and(|seconds| (1..=10).contains(&seconds));
    assert!(!shed.is_empty() && shed.iter().all(wait), "{shed:?}");
    assert_eq!(count(&ground, "sbc_calls_shed_total{reason=\"overload\"}"), shed.len() as u64);
}

/// Asks OPTIONS until the answers that are kept fill the memory to more than `octets`. Each answer repeats about 28 KiB
/// of `Via`.
fn fill(ground: &Ground, peer: &mut Peer, octets: u64) {
    let hop = format!("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{}\r\n", "a".repeat(7_000));
    let far = format!("{}Max-Forwards: ", hop.repeat(4));
    let mut held = 0;
    for _ in 0..100 {
        for _ in 0..50 {
            peer.send(peer.written("OPTIONS", "").replacen("Max-Forwards: ", &far, 1));
            peer.expect("SIP/2.0 200");
        }
        held = count(ground, "sbc_memory_held_octets");
        if held > octets {
            return;
        }
    }
    panic!("5,000 answers of 28 KiB are kept in {held} octets");
}

#[test]
fn a_daemon_that_runs_out_of_memory_takes_no_new_call_until_it_may_have_more() {
    // An answer over UDP stays in memory for 64 T1: here that is longer than any test takes.
    let sections = "[trace]\noctets = 0\n[limits]\nmemory_mb = 64\n";
    let ground = ground("timers = { t1_ms = 10000, t2_ms = 10000 }", "[limits]\n", sections);
    let _running = ground.start();
    let (mut caller, callee) = (ground.udp(ground.caller()), ground.udp(ground.callee()));
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    assert!(count(&ground, "sbc_memory_held_octets") < 57_043_968, "less than 85 % of it");
    fill(&ground, &mut caller, 60_397_977);
    let called = |ground: &Ground, wanted: &str| {
        let mut peer = ground.tcp(ground.caller());
        peer.send(call_to_nowhere(&peer));
        let answer = refusal(&mut peer);
        if answer.start_line().starts_with(wanted) { Ok(()) } else { Err(answer.0) }
    };
    ground.until(|ground| called(ground, "SIP/2.0 503"));
    assert!(count(&ground, "sbc_calls_shed_total{reason=\"memory\"}") > 0);
    hang_up(&mut caller, &mut callee, &mut up);
    let text = fs::read_to_string(ground.config()).unwrap();
    fs::write(ground.config(), text.replace("memory_mb = 64\n", "memory_mb = 1024\n")).unwrap();
    ground.asked(&["ctl", "reload"]).unwrap();
    assert_eq!(count(&ground, "sbc_memory_ceiling_octets"), 1 << 30);
    ground.until(|ground| called(ground, "SIP/2.0 404"));
    let (mut up, mut callee) = set_up(&mut caller, || callee, media(&ground));
    hang_up(&mut caller, &mut callee, &mut up);
}
