//! What one SIP message costs, from the inside out: the core alone on invented time, then the empty pipeline
//! (socket, net, engine, net, socket) beside a bare echo thread in the same run, so that the price of
//! each thread hop can be seen. Absolute figures mean little on a shared machine; the column "to the floor" does.
//! `cargo bench --bench pipeline`; with `--test` one short round.
#![allow(unsafe_code, reason = "an allocator is an unsafe trait")]

#[path = "../../tests/engine_cost/allocator.rs"]
mod allocator;
mod client;
mod core_alone;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/engine_cost/stage.rs"]
mod stage;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/engine_cost/text.rs"]
mod text;
mod ways;

use client::{Client, Figures};
use ways::Way;

/// How much is measured.
struct Plan {
    calls: usize,
    rounds: usize,
    /// Questions asked one at a time, for the latency.
    single: usize,
    /// Questions asked with [`client::IN_FLIGHT`] under way, for the cost under load.
    loaded: usize,
}

const FULL: Plan = Plan { calls: 20_000, rounds: 9, single: 2_000, loaded: 8_000 };
const SMOKE: Plan = Plan { calls: 50, rounds: 1, single: 50, loaded: 200 };

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test");
    let plan = if smoke { SMOKE } else { FULL };
    core_alone::run(plan.calls);
    pipeline(&plan);
}

fn pipeline(plan: &Plan) {
    let mut measured: Vec<(Way, Client, Figures)> = Vec::new();
    let (ways, _alive) = ways::all();
    for way in ways {
        let client = Client::new(way.transport, way.address);
        measured.push((way, client, Figures::default()));
    }
    for _ in 0..plan.rounds {
        // In turns, so that a busy neighbour does not choose the winner.
        for (_, client, figures) in &mut measured {
            client.round(plan.single, plan.loaded, figures);
        }
    }
    println!();
    println!(
        "{:46} {:>9} {:>9} {:>9} | {:>9} {:>12}",
        "OPTIONS and its answer, median of the rounds", "CPU us", "p50 us", "p99 us", "CPU us", "to the floor"
    );
    println!("{:46} {:>29} | {:>9}", "", "one at a time", "32 under way");
    let mut floor = 1.0;
    for (way, _, figures) in &mut measured {
        let row = figures.medians();
        if way.is_floor {
            floor = row.loaded_cpu;
        }
        println!(
            "{:46} {:9.1} {:9.1} {:9.1} | {:9.1} {:12.2}",
            way.name,
            row.single_cpu,
            row.p50,
            row.p99,
            row.loaded_cpu,
            row.loaded_cpu / floor
        );
    }
}
