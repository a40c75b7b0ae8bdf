//! Figure 5 of RFC 3261 as replaced by RFC 6026.

use std::time::Duration;

use trunkline::sip::flow::{TransmitFailure, Transport};
use trunkline::transaction::client_invite::State;
use trunkline::transaction::{ClientAction, ClientInvite, TimerValues};

use crate::invented_time::{at, octets, rfc_timers, status, times, to_the_end, until};

fn sent() -> ClientAction {
    ClientAction::Transmit(octets("INVITE"))
}

fn acked() -> ClientAction {
    ClientAction::Transmit(octets("ACK"))
}

fn calling(transport: Transport) -> ClientInvite {
    let mut out = Vec::new();
    let machine = ClientInvite::start(at(0), octets("INVITE"), transport, rfc_timers(), &mut out);
    assert_eq!(out, [sent()]);
    assert!(matches!(machine.state(), State::Calling(_)));
    machine
}

fn answer(machine: &mut ClientInvite, ms: u64, code: u16) -> Vec<ClientAction> {
    let mut out = Vec::new();
    machine.response(at(ms), status(code), || octets("ACK"), &mut out);
    out
}

fn after(transport: Transport, codes: &[u16]) -> ClientInvite {
    let mut machine = calling(transport);
    for code in codes {
        answer(&mut machine, 100, *code);
    }
    machine
}

fn fail(machine: &mut ClientInvite) -> Vec<ClientAction> {
    let mut out = Vec::new();
    machine.transport_failed(TransmitFailure::SendFailed, &mut out);
    out
}

#[test]
fn an_unanswered_invite_over_udp_is_sent_seven_times_and_given_up_after_32_s() {
    let mut machine = calling(Transport::Udp);
    let log = to_the_end(&mut machine);
    assert_eq!(times(&log), [500, 1500, 3500, 7500, 15_500, 31_500, 32_000, 32_000]);
    assert!(log.iter().take(6).all(|(_, action)| *action == sent()));
    assert_eq!(log[6].1, ClientAction::TimedOut);
    assert_eq!(log[7].1, ClientAction::Terminated);
    assert!(machine.is_terminated());
}

#[test]
fn an_unanswered_invite_over_tls_is_sent_once_and_given_up_after_32_s() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let log = to_the_end(&mut calling(transport));
        assert_eq!(log, [(32_000, ClientAction::TimedOut), (32_000, ClientAction::Terminated)]);
    }
}

#[test]
fn timer_a_doubles_past_t2() {
    let timers = TimerValues { t2: Duration::from_millis(600), ..rfc_timers() };
    let mut machine = ClientInvite::start(at(0), octets("INVITE"), Transport::Udp, timers, &mut Vec::new());
    assert_eq!(times(&until(&mut machine, at(16_000))), [500, 1500, 3500, 7500, 15_500]);
}

#[test]
fn timers_a_and_b_follow_the_trunks_t1() {
    let timers = TimerValues { t1: Duration::from_millis(100), ..rfc_timers() };
    let mut machine = ClientInvite::start(at(0), octets("INVITE"), Transport::Udp, timers, &mut Vec::new());
    assert_eq!(times(&to_the_end(&mut machine)), [100, 300, 700, 1500, 3100, 6300, 6400, 6400]);
}

#[test]
fn a_wake_up_that_comes_late_sends_the_invite_once_only() {
    let mut machine = calling(Transport::Udp);
    let mut out = Vec::new();
    machine.timeout(at(10_000), &mut out);
    assert_eq!(out, [sent()]);
    assert_eq!(machine.next_timeout(), Some(at(11_000)));
}

#[test]
fn a_wake_up_after_timer_b_sends_nothing_more() {
    let mut machine = calling(Transport::Udp);
    let mut out = Vec::new();
    machine.timeout(at(40_000), &mut out);
    assert_eq!(out, [ClientAction::TimedOut, ClientAction::Terminated]);
}

#[test]
fn a_wake_up_that_comes_early_does_nothing() {
    let mut machine = calling(Transport::Udp);
    let before = machine.clone();
    let mut out = Vec::new();
    machine.timeout(at(499), &mut out);
    assert_eq!((out, machine), (vec![], before));
}

#[test]
fn an_invite_that_cannot_be_sent_ends_the_transaction() {
    let mut machine = calling(Transport::Tcp);
    assert_eq!(fail(&mut machine), [ClientAction::Failed(TransmitFailure::SendFailed), ClientAction::Terminated]);
    assert!(machine.is_terminated());
}

#[test]
fn a_provisional_response_stops_the_retransmission_and_the_timeout() {
    let mut machine = calling(Transport::Udp);
    assert_eq!(answer(&mut machine, 200, 100), [ClientAction::Respond]);
    assert!(matches!(machine.state(), State::Proceeding(_)));
    assert_eq!(machine.next_timeout(), None);
}

#[test]
fn every_provisional_response_is_passed_up() {
    let mut machine = after(Transport::Udp, &[100]);
    for code in [180, 183, 180] {
        assert_eq!(answer(&mut machine, 300, code), [ClientAction::Respond]);
        assert!(matches!(machine.state(), State::Proceeding(_)));
    }
}

#[test]
fn a_2xx_in_calling_is_passed_up_and_not_acknowledged_here() {
    for transport in [Transport::Udp, Transport::Tls] {
        let mut machine = calling(transport);
        assert_eq!(answer(&mut machine, 200, 200), [ClientAction::Respond]);
        assert!(matches!(machine.state(), State::Accepted(_)));
    }
}

#[test]
fn a_2xx_in_proceeding_is_passed_up_and_not_acknowledged_here() {
    let mut machine = after(Transport::Udp, &[180]);
    assert_eq!(answer(&mut machine, 200, 202), [ClientAction::Respond]);
    assert!(matches!(machine.state(), State::Accepted(_)));
}

#[test]
fn a_failure_in_calling_over_udp_is_acknowledged_and_passed_up() {
    for code in [300, 404, 500, 699] {
        let mut machine = calling(Transport::Udp);
        assert_eq!(answer(&mut machine, 200, code), [acked(), ClientAction::Respond]);
        assert!(matches!(machine.state(), State::Completed(_)));
    }
}

#[test]
fn a_failure_in_proceeding_over_udp_is_acknowledged_and_passed_up() {
    let mut machine = after(Transport::Udp, &[180]);
    assert_eq!(answer(&mut machine, 200, 486), [acked(), ClientAction::Respond]);
    assert!(matches!(machine.state(), State::Completed(_)));
}

#[test]
fn a_failure_over_tls_is_acknowledged_passed_up_and_ends_the_transaction_at_once() {
    for codes in [&[][..], &[180][..]] {
        let mut machine = after(Transport::Tls, codes);
        assert_eq!(answer(&mut machine, 200, 486), [acked(), ClientAction::Respond, ClientAction::Terminated]);
        assert!(machine.is_terminated());
    }
}

#[test]
fn a_repeated_failure_gets_the_kept_ack_and_is_not_passed_up() {
    let mut machine = after(Transport::Udp, &[486]);
    let mut out = Vec::new();
    machine.response(at(700), status(486), || panic!("the ACK is made once"), &mut out);
    assert_eq!(out, [acked(), ClientAction::Absorb]);
    assert!(matches!(machine.state(), State::Completed(_)));
}

#[test]
fn after_a_failure_provisional_responses_and_2xx_are_absorbed_without_an_ack() {
    let mut machine = after(Transport::Udp, &[486]);
    for code in [180, 200] {
        assert_eq!(answer(&mut machine, 300, code), [ClientAction::Absorb]);
    }
}

#[test]
fn an_ack_that_cannot_be_sent_ends_the_transaction() {
    let mut machine = after(Transport::Udp, &[486]);
    assert_eq!(fail(&mut machine), [ClientAction::Failed(TransmitFailure::SendFailed), ClientAction::Terminated]);
}

#[test]
fn timer_d_ends_a_refused_transaction_32_s_after_the_failure() {
    let mut machine = after(Transport::Udp, &[486]);
    assert_eq!(to_the_end(&mut machine), [(32_100, ClientAction::Terminated)]);
}

#[test]
fn timer_d_is_never_below_32_s_and_grows_with_t1() {
    for (t1, end) in [(100, 32_000), (1000, 64_000)] {
        let timers = TimerValues { t1: Duration::from_millis(t1), ..rfc_timers() };
        let mut machine = ClientInvite::start(at(0), octets("INVITE"), Transport::Udp, timers, &mut Vec::new());
        answer(&mut machine, 0, 486);
        assert_eq!(to_the_end(&mut machine), [(end, ClientAction::Terminated)]);
    }
}

#[test]
fn repeated_failures_do_not_move_timer_d() {
    let mut machine = after(Transport::Udp, &[486]);
    answer(&mut machine, 9000, 486);
    assert_eq!(machine.next_timeout(), Some(at(32_100)));
}

#[test]
fn a_repeated_or_forked_2xx_in_accepted_is_passed_up_again() {
    let mut machine = after(Transport::Udp, &[200]);
    assert_eq!(answer(&mut machine, 700, 200), [ClientAction::Respond]);
    assert_eq!(answer(&mut machine, 1700, 200), [ClientAction::Respond]);
    assert!(matches!(machine.state(), State::Accepted(_)));
}

#[test]
fn provisional_responses_and_failures_in_accepted_are_absorbed() {
    let mut machine = after(Transport::Udp, &[200]);
    for code in [180, 486] {
        assert_eq!(answer(&mut machine, 700, code), [ClientAction::Absorb]);
    }
}

#[test]
fn timer_m_ends_an_accepted_transaction_64_t1_after_the_first_2xx_on_any_transport() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut machine = after(transport, &[180, 200]);
        answer(&mut machine, 5000, 200);
        assert_eq!(to_the_end(&mut machine), [(32_100, ClientAction::Terminated)]);
    }
}

#[test]
fn a_failed_send_after_the_server_has_spoken_changes_nothing() {
    for codes in [&[180][..], &[180, 200][..]] {
        let mut machine = after(Transport::Udp, codes);
        let before = machine.clone();
        assert_eq!(fail(&mut machine), []);
        assert_eq!(machine, before);
    }
}

#[test]
fn a_cancelled_invite_without_a_final_response_is_given_up_64_t1_after_the_cancel() {
    let mut machine = after(Transport::Udp, &[180]);
    machine.cancelled(at(10_000));
    machine.cancelled(at(20_000));
    answer(&mut machine, 21_000, 180);
    assert_eq!(to_the_end(&mut machine), [(42_000, ClientAction::TimedOut), (42_000, ClientAction::Terminated)]);
}

#[test]
fn a_cancel_that_crosses_the_answer_changes_nothing() {
    for codes in [&[][..], &[200][..], &[486][..]] {
        let mut machine = after(Transport::Udp, codes);
        let before = machine.clone();
        machine.cancelled(at(10_000));
        assert_eq!(machine, before);
    }
}

#[test]
fn a_terminated_transaction_is_silent() {
    let mut machine = after(Transport::Tls, &[486]);
    assert_eq!(answer(&mut machine, 300, 486), []);
    assert_eq!(fail(&mut machine), []);
    let mut out = Vec::new();
    machine.timeout(at(900_000), &mut out);
    assert_eq!((out, machine.next_timeout()), (vec![], None));
}
