//! A clock in milliseconds that jumps to the machine's next deadline, and the few values every test needs.

use std::time::Duration;

use bytes::Bytes;
use trunkline::base::Instant;
use trunkline::sip::Status;
use trunkline::transaction::{
    AcceptedAction, AcceptedRetransmission, ClientAction, ClientInvite, ClientNonInvite, ServerAction, ServerInvite,
    ServerNonInvite, TimerValues,
};

/// What the clock needs of a machine.
pub trait Machine {
    type Action;
    fn wake(&mut self, now: Instant, out: &mut Vec<Self::Action>);
    fn deadline(&self) -> Option<Instant>;
}

macro_rules! machine {
    ($machine:ty, $action:ty) => {
        impl Machine for $machine {
            type Action = $action;
            fn wake(&mut self, now: Instant, out: &mut Vec<$action>) {
                self.timeout(now, out);
            }
            fn deadline(&self) -> Option<Instant> {
                self.next_timeout()
            }
        }
    };
}

machine!(ClientInvite, ClientAction);
machine!(ClientNonInvite, ClientAction);
machine!(ServerInvite, ServerAction);
machine!(ServerNonInvite, ServerAction);
machine!(AcceptedRetransmission, AcceptedAction);

/// T1 500 ms, T2 4 s, T4 5 s.
pub fn rfc_timers() -> TimerValues {
    TimerValues::default()
}

/// The moment `ms` milliseconds after the origin.
pub fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

pub fn status(code: u16) -> Status {
    Status::new(code).unwrap()
}

pub fn octets(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Everything `machine` does by itself until `end`, with the millisecond it does it.
pub fn until<M: Machine>(machine: &mut M, end: Instant) -> Vec<(u64, M::Action)> {
    let mut log = Vec::new();
    while let Some(now) = machine.deadline().filter(|now| *now <= end) {
        let mut out = Vec::new();
        machine.wake(now, &mut out);
        assert!(machine.deadline() != Some(now), "a deadline that was served stays");
        log.extend(out.into_iter().map(|action| (now.as_nanos() / 1_000_000, action)));
    }
    log
}

/// Everything until nothing is left to wait for; fails when that takes more than an hour.
pub fn to_the_end<M: Machine>(machine: &mut M) -> Vec<(u64, M::Action)> {
    let log = until(machine, at(3_600_000));
    assert_eq!(machine.deadline(), None);
    log
}

/// The milliseconds of the log.
pub fn times<A>(log: &[(u64, A)]) -> Vec<u64> {
    log.iter().map(|(ms, _)| *ms).collect()
}
