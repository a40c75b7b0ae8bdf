//! The whole engine under a scenario that the input writes: who sends what, bent where, answered how, and when. In the
//! end everybody falls silent, time runs out, and nothing may be held, no request unanswered, no call without a record.

use super::engine_world::{AGENTS, World};
use super::{next, take};

/// Steps of one scenario; what stands behind them is not looked at.
const STEPS: usize = 60;

const STATUSES: [u16; 24] = [
    100, 180, 183, 181, 200, 200, 200, 202, 301, 302, 400, 401, 404, 407, 408, 422, 480, 481, 486, 487, 488, 491, 503,
    603,
];
const METHODS: [&str; 12] =
    ["BYE", "INVITE", "INVITE", "UPDATE", "INFO", "OPTIONS", "PRACK", "REFER", "NOTIFY", "MESSAGE", "ACK", "FOO"];
const PAUSES_MS: [u64; 8] = [1, 50, 200, 500, 1100, 4000, 33_000, 200_000];

pub fn run(octets: &[u8]) {
    let mut octets = octets;
    let mut world = World::new(next(&mut octets));
    for _ in 0..STEPS {
        if octets.is_empty() {
            break;
        }
        step(&mut world, &mut octets);
    }
    world.finish();
}

fn step(world: &mut World, octets: &mut &[u8]) {
    let kind = next(octets);
    let agent = usize::from(kind >> 4) % AGENTS;
    match kind & 0x0f {
        0 | 1 => world.invite(agent, next(octets)),
        2..=4 => {
            let how = next(octets);
            world.answer(agent, STATUSES[usize::from(how) % STATUSES.len()], how & 0x80 != 0);
        }
        5 => world.acknowledge(agent, next(octets) & 1 != 0),
        6 | 7 => {
            let how = next(octets);
            world.inside(agent, METHODS[usize::from(how) % METHODS.len()], how & 0x80 != 0);
        }
        8 => world.cancel(agent),
        9 | 10 => world.pass(PAUSES_MS[usize::from(next(octets)) % PAUSES_MS.len()]),
        11 => {
            let at = u16::from_be_bytes([next(octets), next(octets)]);
            let (cut, length) = (next(octets), usize::from(next(octets) % 24));
            world.bend_next(at, cut, take(octets, length));
        }
        12 => {
            let length = usize::from(next(octets)) * 4;
            let raw = take(octets, length);
            world.send(agent, raw.to_vec());
        }
        13 => world.repeat(agent),
        14 => world.cut(agent),
        _ => world.order(next(octets)),
    }
}
