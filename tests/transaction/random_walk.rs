//! Whatever comes in whatever order: a machine ends within a bounded time after its last input, says `Terminated`
//! once, and says nothing after it.

use proptest::prelude::*;
use trunkline::base::Instant;
use trunkline::sip::flow::{TransmitFailure, Transport};
use trunkline::transaction::{
    ClientAction, ClientInvite, ClientNonInvite, ServerAction, ServerInvite, ServerNonInvite,
};

use crate::invented_time::{Machine, at, octets, rfc_timers, status, to_the_end, until};

/// Longest life after the last input: 64*T1 until it gives up and timer D or J after that.
const BOUND_MS: u64 = 64_000;

/// One thing that happens to a machine.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A response comes, or the user responds.
    Status(u16),
    RequestAgain,
    Ack,
    Cancelled,
    TransportFailed,
    /// Nothing but time.
    Pass,
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let step = prop_oneof![
        prop::sample::select(vec![100, 180, 200, 302, 408, 486, 503, 603]).prop_map(Step::Status),
        Just(Step::RequestAgain),
        Just(Step::Ack),
        Just(Step::Cancelled),
        Just(Step::TransportFailed),
        Just(Step::Pass),
    ];
    (0u64..12_000, step)
}

fn walk() -> impl Strategy<Value = (Transport, Vec<(u64, Step)>)> {
    let transport = prop::sample::select(vec![Transport::Udp, Transport::Tcp, Transport::Tls]);
    (transport, prop::collection::vec(step(), 0..24))
}

/// Drives `machine` through `steps`, timers between them; the actions in order and the time of the last step.
fn drive<M: Machine>(
    machine: &mut M,
    out: &mut Vec<M::Action>,
    steps: &[(u64, Step)],
    mut apply: impl FnMut(&mut M, Instant, Step, &mut Vec<M::Action>),
) -> u64 {
    let mut ms = 0;
    for (pause, step) in steps {
        ms += pause;
        out.extend(until(machine, at(ms)).into_iter().map(|(_, action)| action));
        apply(machine, at(ms), *step, out);
    }
    ms
}

/// The end of the walk, alone on invented time.
fn finish<M: Machine>(machine: &mut M, out: &mut Vec<M::Action>, last_ms: u64) {
    for (ms, action) in to_the_end(machine) {
        assert!(ms <= last_ms + BOUND_MS, "still alive {} ms after the last input", ms - last_ms);
        out.push(action);
    }
}

fn ends_once<A: PartialEq + std::fmt::Debug>(out: &[A], terminated: &A) {
    assert_eq!(out.iter().filter(|action| *action == terminated).count(), 1, "{out:?}");
    assert_eq!(out.last(), Some(terminated), "{out:?}");
}

proptest! {
    #[test]
    fn a_client_invite_ends_once_the_user_has_cancelled_it((transport, steps) in walk()) {
        let mut out = Vec::new();
        let mut machine = ClientInvite::start(at(0), octets("INVITE"), transport, rfc_timers(), &mut out);
        let last = drive(&mut machine, &mut out, &steps, |machine, now, step, out| match step {
            Step::Status(code) => machine.response(now, status(code), || octets("ACK"), out),
            Step::Cancelled => machine.cancelled(now),
            Step::TransportFailed => machine.transport_failed(TransmitFailure::SendFailed, out),
            Step::RequestAgain | Step::Ack | Step::Pass => {}
        });
        machine.cancelled(at(last));
        finish(&mut machine, &mut out, last);
        ends_once(&out, &ClientAction::Terminated);
    }

    #[test]
    fn a_client_of_another_method_ends_by_itself((transport, steps) in walk()) {
        let mut out = Vec::new();
        let mut machine = ClientNonInvite::start(at(0), octets("BYE"), transport, rfc_timers(), &mut out);
        let last = drive(&mut machine, &mut out, &steps, |machine, now, step, out| match step {
            Step::Status(code) => machine.response(now, status(code), out),
            Step::TransportFailed => machine.transport_failed(TransmitFailure::SendFailed, out),
            Step::RequestAgain | Step::Ack | Step::Cancelled | Step::Pass => {}
        });
        finish(&mut machine, &mut out, last);
        ends_once(&out, &ClientAction::Terminated);
    }

    #[test]
    fn a_server_invite_ends_once_the_user_has_answered_it((transport, steps) in walk()) {
        let mut out = Vec::new();
        let mut machine = ServerInvite::new(transport, rfc_timers());
        let last = drive(&mut machine, &mut out, &steps, |machine, now, step, out| match step {
            Step::Status(code) => machine.respond(now, status(code), octets("response"), out),
            Step::RequestAgain => machine.request_again(now, out),
            Step::Ack => machine.ack(now, out),
            Step::TransportFailed => machine.transport_failed(TransmitFailure::SendFailed, out),
            Step::Cancelled | Step::Pass => {}
        });
        machine.respond(at(last), status(500), octets("response"), &mut out);
        finish(&mut machine, &mut out, last);
        ends_once(&out, &ServerAction::Terminated);
    }

    #[test]
    fn a_server_of_another_method_ends_by_itself((transport, steps) in walk()) {
        let mut out = Vec::new();
        let mut machine = ServerNonInvite::new(at(0), transport, rfc_timers());
        let last = drive(&mut machine, &mut out, &steps, |machine, now, step, out| match step {
            Step::Status(code) => machine.respond(now, status(code), octets("response"), out),
            Step::RequestAgain => machine.request_again(now, out),
            Step::TransportFailed => machine.transport_failed(TransmitFailure::SendFailed, out),
            Step::Ack | Step::Cancelled | Step::Pass => {}
        });
        finish(&mut machine, &mut out, last);
        ends_once(&out, &ServerAction::Terminated);
    }

    #[test]
    fn at_every_step_of_a_walk_a_machine_reads_back_as_it_was_written((transport, steps) in walk()) {
        let mut machine = ServerInvite::new(transport, rfc_timers());
        drive(&mut machine, &mut Vec::new(), &steps, |machine, now, step, out| {
            match step {
                Step::Status(code) => machine.respond(now, status(code), octets("response"), out),
                Step::RequestAgain => machine.request_again(now, out),
                Step::Ack => machine.ack(now, out),
                Step::Cancelled | Step::TransportFailed | Step::Pass => {}
            }
            let written = serde_json::to_string(machine).unwrap();
            assert_eq!(&serde_json::from_str::<ServerInvite>(&written).unwrap(), machine);
        });
    }
}
