//! A call set up and torn down through [`Engine::handle`](trunkline::engine::Engine::handle) alone: no socket, no
//! clock, no thread.

use std::time::Duration;

use crate::stage::{Cost, Stage};

/// Invented time between two calls: at 100 calls/s every timer of RFC 3261 fires while later calls go on.
const PAUSE: Duration = Duration::from_millis(10);
/// Calls before anything is counted: more than the 32 s of a transaction.
const WARM_UP: usize = 4_000;
/// Messages in one call that reach us, and that we send.
const ARRIVING: u32 = 6;
const LEAVING: u32 = 7;

/// Measures `calls` calls and prints their cost.
pub fn run(calls: usize) {
    let mut stage = Stage::new();
    let warm_up = WARM_UP.min(calls);
    (0..warm_up).for_each(|serial| call(&mut stage, serial));
    (stage.reading, stage.deciding) = (Cost::default(), Cost::default());
    (warm_up..warm_up + calls).for_each(|serial| call(&mut stage, serial));
    println!("{:46} {:>12} {:>12} {:>12}", "the core alone", "ns/call", "ns/message", "alloc/call");
    print("reading the 6 messages that arrive", stage.reading, calls, ARRIVING);
    print("the engine, 6 in and 7 out", stage.deciding, calls, ARRIVING + LEAVING);
    let held = stage.gauges();
    assert_eq!((held.calls, held.dialogs, held.ports_leased), (0, 0, 0), "{held:?}");
}

fn call(stage: &mut Stage, serial: usize) {
    let accepted = stage.set_up(serial);
    stage.hang_up(serial, &accepted);
    stage.pass(PAUSE);
}

fn print(name: &str, cost: Cost, calls: usize, messages: u32) {
    let nanos = cost.time.as_nanos() as f64 / calls as f64;
    let allocations = cost.allocations as f64 / calls as f64;
    println!("{name:46} {nanos:12.0} {:12.0} {allocations:12.1}", nanos / f64::from(messages));
}
