//! Figure 6 of RFC 3261.

use std::time::Duration;

use trunkline::sip::flow::{TransmitFailure, Transport};
use trunkline::transaction::client::State;
use trunkline::transaction::{ClientAction, ClientNonInvite, TimerValues};

use crate::invented_time::{at, octets, rfc_timers, status, times, to_the_end};

fn sent() -> ClientAction {
    ClientAction::Transmit(octets("BYE"))
}

fn trying(transport: Transport) -> ClientNonInvite {
    let mut out = Vec::new();
    let machine = ClientNonInvite::start(at(0), octets("BYE"), transport, rfc_timers(), &mut out);
    assert_eq!(out, [sent()]);
    assert!(matches!(machine.state(), State::Trying(_)));
    machine
}

fn answer(machine: &mut ClientNonInvite, ms: u64, code: u16) -> Vec<ClientAction> {
    let mut out = Vec::new();
    machine.response(at(ms), status(code), &mut out);
    out
}

fn fail(machine: &mut ClientNonInvite) -> Vec<ClientAction> {
    let mut out = Vec::new();
    machine.transport_failed(TransmitFailure::ConnectFailed, &mut out);
    out
}

#[test]
fn an_unanswered_request_over_udp_is_sent_eleven_times_and_given_up_after_32_s() {
    let log = to_the_end(&mut trying(Transport::Udp));
    let sends = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(times(&log), [&sends[..], &[32_000, 32_000]].concat());
    assert!(log.iter().take(10).all(|(_, action)| *action == sent()));
    assert_eq!(log[10].1, ClientAction::TimedOut);
    assert_eq!(log[11].1, ClientAction::Terminated);
}

#[test]
fn an_unanswered_request_over_tls_is_sent_once_and_given_up_after_32_s() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let log = to_the_end(&mut trying(transport));
        assert_eq!(log, [(32_000, ClientAction::TimedOut), (32_000, ClientAction::Terminated)]);
    }
}

#[test]
fn a_t2_below_t1_does_not_make_a_flood() {
    let timers = TimerValues { t2: Duration::ZERO, ..rfc_timers() };
    let mut machine = ClientNonInvite::start(at(0), octets("BYE"), Transport::Udp, timers, &mut Vec::new());
    let log = to_the_end(&mut machine);
    assert_eq!(log.iter().filter(|(_, action)| *action == sent()).count(), 63);
}

#[test]
fn a_request_that_cannot_be_sent_ends_the_transaction() {
    let mut machine = trying(Transport::Tcp);
    assert_eq!(fail(&mut machine), [ClientAction::Failed(TransmitFailure::ConnectFailed), ClientAction::Terminated]);
}

#[test]
fn a_provisional_response_in_trying_is_passed_up() {
    let mut machine = trying(Transport::Udp);
    assert_eq!(answer(&mut machine, 200, 100), [ClientAction::Respond]);
    assert!(matches!(machine.state(), State::Proceeding(_)));
}

#[test]
fn after_a_provisional_response_timer_e_runs_out_once_and_then_stays_at_t2() {
    let mut machine = trying(Transport::Udp);
    answer(&mut machine, 200, 100);
    let log = to_the_end(&mut machine);
    let sends = [500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500];
    assert_eq!(times(&log), [&sends[..], &[32_000, 32_000]].concat());
    assert!(log.iter().take(8).all(|(_, action)| *action == sent()));
    assert_eq!(log[8].1, ClientAction::TimedOut);
}

#[test]
fn in_proceeding_over_tls_only_timer_f_runs() {
    let mut machine = trying(Transport::Tls);
    answer(&mut machine, 200, 100);
    assert_eq!(to_the_end(&mut machine), [(32_000, ClientAction::TimedOut), (32_000, ClientAction::Terminated)]);
}

#[test]
fn further_provisional_responses_are_passed_up() {
    let mut machine = trying(Transport::Udp);
    answer(&mut machine, 200, 100);
    assert_eq!(answer(&mut machine, 300, 100), [ClientAction::Respond]);
    assert!(matches!(machine.state(), State::Proceeding(_)));
}

#[test]
fn a_repetition_that_cannot_be_sent_ends_the_transaction_in_proceeding() {
    let mut machine = trying(Transport::Udp);
    answer(&mut machine, 200, 100);
    assert_eq!(fail(&mut machine), [ClientAction::Failed(TransmitFailure::ConnectFailed), ClientAction::Terminated]);
}

#[test]
fn a_final_response_in_trying_over_udp_is_passed_up_and_timer_k_ends_it_after_t4() {
    for code in [200, 302, 481, 503, 603] {
        let mut machine = trying(Transport::Udp);
        assert_eq!(answer(&mut machine, 200, code), [ClientAction::Respond]);
        assert!(matches!(machine.state(), State::Completed(_)));
        assert_eq!(to_the_end(&mut machine), [(5200, ClientAction::Terminated)]);
    }
}

#[test]
fn a_final_response_in_proceeding_over_udp_is_passed_up_and_timer_k_ends_it_after_t4() {
    let mut machine = trying(Transport::Udp);
    answer(&mut machine, 200, 100);
    assert_eq!(answer(&mut machine, 1000, 200), [ClientAction::Respond]);
    assert_eq!(to_the_end(&mut machine), [(6000, ClientAction::Terminated)]);
}

#[test]
fn a_final_response_over_tls_ends_the_transaction_at_once() {
    for first in [None, Some(100)] {
        let mut machine = trying(Transport::Tls);
        first.map(|code| answer(&mut machine, 100, code));
        assert_eq!(answer(&mut machine, 200, 200), [ClientAction::Respond, ClientAction::Terminated]);
        assert!(machine.is_terminated());
    }
}

#[test]
fn responses_after_the_final_one_are_absorbed() {
    let mut machine = trying(Transport::Udp);
    answer(&mut machine, 200, 200);
    for code in [100, 200, 500] {
        assert_eq!(answer(&mut machine, 300, code), [ClientAction::Absorb]);
    }
    assert_eq!(machine.next_timeout(), Some(at(5200)));
}

#[test]
fn a_failed_send_after_the_final_response_changes_nothing() {
    let mut machine = trying(Transport::Udp);
    answer(&mut machine, 200, 200);
    assert_eq!(fail(&mut machine), []);
    assert!(matches!(machine.state(), State::Completed(_)));
}

#[test]
fn a_terminated_transaction_is_silent() {
    let mut machine = trying(Transport::Tls);
    answer(&mut machine, 200, 200);
    assert_eq!(answer(&mut machine, 300, 200), []);
    assert_eq!(fail(&mut machine), []);
    let mut out = Vec::new();
    machine.timeout(at(900_000), &mut out);
    assert_eq!((out, machine.next_timeout()), (vec![], None));
}
