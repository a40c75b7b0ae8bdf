//! An endpoint goes from one worker to another: port, SSRC and sequence stay, and it is joined there.

use std::time::Duration;

use trunkline::base::ids::WorkerId;
use trunkline::media::plan::{MediaCommand, PortLease};

use crate::bench::{Bench, Far, Opened, packet, payload, receive, sequence, ssrc};

#[test]
fn parties_of_two_workers_are_joined_and_what_follows_the_order_waits_for_it() {
    let mut bench = Bench::with_workers(2, 22_100, 8, Duration::from_secs(30), 8);
    let ends: Vec<(Far, Opened)> = (0..8)
        .map(|_| {
            let far = Far::new();
            let opened = bench.open(far.plan());
            (far, opened)
        })
        .collect();
    let on = |worker: u16| ends.iter().filter(move |(_, opened)| opened.lease.worker == WorkerId(worker));
    let (here, there): (Vec<_>, Vec<_>) = (on(0).collect(), on(1).collect());
    assert_eq!((here.len(), there.len()), (4, 4), "half of the pairs are of each");
    bench.attach(here[0].1, here[1].1);
    bench.attach(there[0].1, there[1].1);
    // Closing another one of each worker proves that both have obeyed.
    bench.close(here[3].1);
    bench.close(there[3].1);
    there[1].0.send(&packet(0, 1, 7, 1), there[1].1);
    let first = receive(&there[0].0.rtp);

    let Opened { id, lease } = there[0].1;
    bench.relay.command(MediaCommand::Move { endpoint: id, lease, to: WorkerId(0) });
    let moved = Opened { id, lease: PortLease { worker: WorkerId(0), ..lease } };
    bench.attach(here[0].1, moved);
    // The order of before has been obeyed when its worker answers this; the other's orders for it waited.
    bench.close(there[2].1);
    bench.close(here[2].1);
    here[0].0.send(&packet(0, 100, 9, 3), here[0].1);
    let second = receive(&there[0].0.rtp);
    assert_eq!(payload(&second)[0], 3);
    assert_eq!((ssrc(&second), sequence(&second)), (ssrc(&first), sequence(&first) + 1), "the same stream goes on");
    there[0].0.send(&packet(0, 50, 4, 8), moved);
    assert_eq!(payload(&receive(&here[0].0.rtp))[0], 8);
    let counts = bench.close(moved);
    assert_eq!((counts.sent, counts.received), (2, 1), "its counts went along");
    assert_eq!(bench.counters().commands_misfit, 0);
    bench.relay.stop();
}
