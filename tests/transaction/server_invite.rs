//! Figure 7 of RFC 3261 as replaced by RFC 6026.

use trunkline::sip::flow::{TransmitFailure, Transport};
use trunkline::transaction::server_invite::State;
use trunkline::transaction::{ServerAction, ServerInvite};

use crate::invented_time::{at, octets, rfc_timers, status, times, to_the_end};

fn proceeding(transport: Transport) -> ServerInvite {
    ServerInvite::new(transport, rfc_timers())
}

fn respond(machine: &mut ServerInvite, ms: u64, code: u16, text: &'static str) -> Vec<ServerAction> {
    let mut out = Vec::new();
    machine.respond(at(ms), status(code), octets(text), &mut out);
    out
}

fn after(transport: Transport, code: u16, text: &'static str) -> ServerInvite {
    let mut machine = proceeding(transport);
    assert_eq!(respond(&mut machine, 0, code, text), [sent(text)]);
    machine
}

fn sent(text: &'static str) -> ServerAction {
    ServerAction::Transmit(octets(text))
}

fn again(machine: &mut ServerInvite, ms: u64) -> Vec<ServerAction> {
    let mut out = Vec::new();
    machine.request_again(at(ms), &mut out);
    out
}

fn ack(machine: &mut ServerInvite, ms: u64) -> Vec<ServerAction> {
    let mut out = Vec::new();
    machine.ack(at(ms), &mut out);
    out
}

fn fail(machine: &mut ServerInvite) -> Vec<ServerAction> {
    let mut out = Vec::new();
    machine.transport_failed(TransmitFailure::FlowGone, &mut out);
    out
}

#[test]
fn provisional_responses_are_sent_as_they_come_and_no_timer_runs() {
    let mut machine = proceeding(Transport::Udp);
    for (code, text) in [(100, "100"), (180, "180"), (183, "183")] {
        assert_eq!(respond(&mut machine, 0, code, text), [sent(text)]);
    }
    assert!(matches!(machine.state(), State::Proceeding(_)));
    assert_eq!(machine.next_timeout(), None);
}

#[test]
fn a_repeated_invite_gets_the_last_provisional_response() {
    let mut machine = proceeding(Transport::Udp);
    respond(&mut machine, 0, 100, "100");
    respond(&mut machine, 10, 180, "180");
    assert_eq!(again(&mut machine, 500), [sent("180")]);
}

#[test]
fn a_repeated_invite_before_any_response_is_absorbed() {
    assert_eq!(again(&mut proceeding(Transport::Udp), 500), []);
}

#[test]
fn an_ack_in_proceeding_is_absorbed() {
    let mut machine = after(Transport::Udp, 180, "180");
    assert_eq!(ack(&mut machine, 500), []);
    assert!(matches!(machine.state(), State::Proceeding(_)));
}

#[test]
fn a_provisional_response_that_cannot_be_sent_is_told_and_the_transaction_goes_on() {
    let mut machine = after(Transport::Udp, 180, "180");
    assert_eq!(fail(&mut machine), [ServerAction::Failed(TransmitFailure::FlowGone)]);
    assert!(matches!(machine.state(), State::Proceeding(_)));
}

#[test]
fn a_failure_over_udp_is_repeated_up_to_t2_and_given_up_after_32_s() {
    for code in [300, 404, 503, 699] {
        let mut machine = after(Transport::Udp, code, "failure");
        assert!(matches!(machine.state(), State::Completed(_)));
        let log = to_the_end(&mut machine);
        let sends = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
        assert_eq!(times(&log), [&sends[..], &[32_000, 32_000]].concat());
        assert!(log.iter().take(10).all(|(_, action)| *action == sent("failure")));
        assert_eq!(log[10].1, ServerAction::NoAck);
        assert_eq!(log[11].1, ServerAction::Terminated);
    }
}

#[test]
fn a_failure_over_tls_is_sent_once_and_given_up_after_32_s() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut machine = after(transport, 486, "486");
        assert_eq!(to_the_end(&mut machine), [(32_000, ServerAction::NoAck), (32_000, ServerAction::Terminated)]);
    }
}

#[test]
fn a_repeated_invite_in_completed_gets_the_failure_and_does_not_move_timer_g() {
    let mut machine = after(Transport::Udp, 486, "486");
    assert_eq!(again(&mut machine, 200), [sent("486")]);
    assert_eq!(machine.next_timeout(), Some(at(500)));
}

#[test]
fn further_responses_after_a_failure_are_dropped() {
    let mut machine = after(Transport::Udp, 486, "486");
    for code in [180, 200, 500] {
        assert_eq!(respond(&mut machine, 100, code, "late"), []);
    }
    assert_eq!(again(&mut machine, 200), [sent("486")]);
}

#[test]
fn a_failure_that_cannot_be_sent_is_told_and_the_transaction_goes_on() {
    let mut machine = after(Transport::Udp, 486, "486");
    assert_eq!(fail(&mut machine), [ServerAction::Failed(TransmitFailure::FlowGone)]);
    assert!(matches!(machine.state(), State::Completed(_)));
}

#[test]
fn the_ack_stops_the_repetition_and_timer_i_ends_it_after_t4_over_udp() {
    let mut machine = after(Transport::Udp, 486, "486");
    assert_eq!(ack(&mut machine, 600), [ServerAction::Acknowledged]);
    assert!(matches!(machine.state(), State::Confirmed(_)));
    assert_eq!(to_the_end(&mut machine), [(5600, ServerAction::Terminated)]);
}

#[test]
fn the_ack_over_tls_ends_the_transaction_at_once() {
    let mut machine = after(Transport::Tls, 486, "486");
    assert_eq!(ack(&mut machine, 600), [ServerAction::Acknowledged, ServerAction::Terminated]);
    assert!(machine.is_terminated());
}

#[test]
fn in_confirmed_everything_is_absorbed() {
    let mut machine = after(Transport::Udp, 486, "486");
    ack(&mut machine, 600);
    let before = machine.clone();
    assert_eq!(ack(&mut machine, 700), []);
    assert_eq!(again(&mut machine, 700), []);
    assert_eq!(respond(&mut machine, 700, 200, "late"), []);
    assert_eq!(fail(&mut machine), []);
    assert_eq!(machine, before);
}

#[test]
fn a_2xx_is_sent_and_timer_l_ends_it_after_64_t1_on_any_transport() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let mut machine = after(transport, 200, "200");
        assert!(matches!(machine.state(), State::Accepted(_)));
        assert_eq!(to_the_end(&mut machine), [(32_000, ServerAction::Terminated)]);
    }
}

#[test]
fn a_repeated_invite_in_accepted_is_absorbed() {
    let mut machine = after(Transport::Udp, 200, "200");
    assert_eq!(again(&mut machine, 500), []);
    assert!(matches!(machine.state(), State::Accepted(_)));
}

#[test]
fn an_ack_in_accepted_is_passed_up_and_the_transaction_stays() {
    let mut machine = after(Transport::Udp, 200, "200");
    assert_eq!(ack(&mut machine, 500), [ServerAction::Acknowledged]);
    assert_eq!(ack(&mut machine, 900), [ServerAction::Acknowledged]);
    assert!(matches!(machine.state(), State::Accepted(_)));
}

#[test]
fn the_users_repeated_2xx_is_sent_and_does_not_move_timer_l() {
    let mut machine = after(Transport::Udp, 200, "200");
    assert_eq!(respond(&mut machine, 500, 200, "200"), [sent("200")]);
    assert_eq!(machine.next_timeout(), Some(at(32_000)));
}

#[test]
fn after_a_2xx_other_responses_are_dropped() {
    let mut machine = after(Transport::Udp, 200, "200");
    for code in [180, 486] {
        assert_eq!(respond(&mut machine, 500, code, "late"), []);
    }
}

#[test]
fn a_2xx_that_cannot_be_sent_is_told_and_the_transaction_goes_on() {
    let mut machine = after(Transport::Udp, 200, "200");
    assert_eq!(fail(&mut machine), [ServerAction::Failed(TransmitFailure::FlowGone)]);
    assert!(matches!(machine.state(), State::Accepted(_)));
}

#[test]
fn a_terminated_transaction_is_silent() {
    let mut machine = after(Transport::Tls, 486, "486");
    ack(&mut machine, 600);
    assert_eq!(again(&mut machine, 700), []);
    assert_eq!(ack(&mut machine, 700), []);
    assert_eq!(respond(&mut machine, 700, 200, "late"), []);
    assert_eq!(fail(&mut machine), []);
    let mut out = Vec::new();
    machine.timeout(at(900_000), &mut out);
    assert_eq!((out, machine.next_timeout()), (vec![], None));
}
