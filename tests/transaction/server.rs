//! Figure 8 of RFC 3261 with RFC 4320.

use trunkline::sip::flow::{TransmitFailure, Transport};
use trunkline::transaction::server::State;
use trunkline::transaction::{ServerAction, ServerNonInvite};

use crate::invented_time::{at, octets, rfc_timers, status, to_the_end, until};

fn trying(transport: Transport) -> ServerNonInvite {
    ServerNonInvite::new(at(0), transport, rfc_timers())
}

fn respond(machine: &mut ServerNonInvite, ms: u64, code: u16, text: &'static str) -> Vec<ServerAction> {
    let mut out = Vec::new();
    machine.respond(at(ms), status(code), octets(text), &mut out);
    out
}

fn sent(text: &'static str) -> ServerAction {
    ServerAction::Transmit(octets(text))
}

fn again(machine: &mut ServerNonInvite, ms: u64) -> Vec<ServerAction> {
    let mut out = Vec::new();
    machine.request_again(at(ms), &mut out);
    out
}

fn fail(machine: &mut ServerNonInvite) -> Vec<ServerAction> {
    let mut out = Vec::new();
    machine.transport_failed(TransmitFailure::FlowGone, &mut out);
    out
}

#[test]
fn a_repeated_request_before_any_response_is_absorbed() {
    let mut machine = trying(Transport::Udp);
    assert_eq!(again(&mut machine, 500), []);
    assert!(matches!(machine.state(), State::Trying(_)));
}

#[test]
fn a_final_response_over_udp_is_sent_and_timer_j_ends_it_after_64_t1() {
    for code in [200, 404, 500, 603] {
        let mut machine = trying(Transport::Udp);
        assert_eq!(respond(&mut machine, 100, code, "final"), [sent("final")]);
        assert!(matches!(machine.state(), State::Completed(_)));
        assert_eq!(to_the_end(&mut machine), [(32_100, ServerAction::Terminated)]);
    }
}

#[test]
fn a_final_response_over_tls_is_sent_and_ends_the_transaction_at_once() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let mut machine = trying(transport);
        assert_eq!(respond(&mut machine, 100, 200, "200"), [sent("200"), ServerAction::Terminated]);
        assert!(machine.is_terminated());
    }
}

#[test]
fn a_100_over_tls_is_sent_at_any_time_and_answers_a_repeated_request() {
    let mut machine = trying(Transport::Tls);
    assert_eq!(respond(&mut machine, 0, 100, "100"), [sent("100")]);
    assert!(matches!(machine.state(), State::Proceeding(_)));
    assert_eq!(again(&mut machine, 500), [sent("100")]);
}

#[test]
fn a_100_over_udp_is_not_sent_before_the_clients_timer_e_has_reached_t2() {
    let mut machine = trying(Transport::Udp);
    assert_eq!(respond(&mut machine, 3499, 100, "100"), []);
    assert!(matches!(machine.state(), State::Trying(_)));
    assert_eq!(respond(&mut machine, 3500, 100, "100"), [sent("100")]);
    assert!(matches!(machine.state(), State::Proceeding(_)));
}

#[test]
fn a_request_without_an_answer_asks_for_a_100_once_when_timer_e_has_reached_t2() {
    for transport in [Transport::Udp, Transport::Tls] {
        let mut machine = trying(transport);
        assert_eq!(until(&mut machine, at(31_999)), [(3500, ServerAction::TryingDue)]);
    }
}

#[test]
fn a_second_100_in_proceeding_is_sent() {
    let mut machine = trying(Transport::Tls);
    respond(&mut machine, 0, 100, "100");
    assert_eq!(respond(&mut machine, 10, 100, "100 again"), [sent("100 again")]);
    assert_eq!(again(&mut machine, 500), [sent("100 again")]);
}

#[test]
fn a_provisional_response_other_than_100_is_never_sent() {
    let mut machine = trying(Transport::Tls);
    assert_eq!(respond(&mut machine, 10_000, 183, "183"), []);
    assert!(matches!(machine.state(), State::Trying(_)));
}

#[test]
fn a_408_is_never_sent() {
    let mut machine = trying(Transport::Udp);
    assert_eq!(respond(&mut machine, 100, 408, "408"), []);
    assert!(matches!(machine.state(), State::Trying(_)));
}

#[test]
fn a_final_response_in_proceeding_over_udp_is_sent_and_timer_j_ends_it_after_64_t1() {
    let mut machine = trying(Transport::Udp);
    respond(&mut machine, 4000, 100, "100");
    assert_eq!(respond(&mut machine, 5000, 200, "200"), [sent("200")]);
    assert_eq!(to_the_end(&mut machine), [(37_000, ServerAction::Terminated)]);
}

#[test]
fn a_final_response_in_proceeding_over_tls_ends_the_transaction_at_once() {
    let mut machine = trying(Transport::Tls);
    respond(&mut machine, 4000, 100, "100");
    assert_eq!(respond(&mut machine, 5000, 200, "200"), [sent("200"), ServerAction::Terminated]);
}

#[test]
fn a_repeated_request_in_completed_gets_the_final_response() {
    let mut machine = trying(Transport::Udp);
    respond(&mut machine, 100, 200, "200");
    assert_eq!(again(&mut machine, 500), [sent("200")]);
    assert_eq!(again(&mut machine, 1500), [sent("200")]);
    assert_eq!(machine.next_timeout(), Some(at(32_100)));
}

#[test]
fn further_responses_after_the_final_one_are_dropped() {
    let mut machine = trying(Transport::Udp);
    respond(&mut machine, 100, 200, "200");
    assert_eq!(respond(&mut machine, 4000, 100, "100"), []);
    assert_eq!(respond(&mut machine, 4000, 500, "500"), []);
    assert_eq!(again(&mut machine, 4100), [sent("200")]);
}

#[test]
fn a_final_response_after_64_t1_is_not_sent() {
    let mut machine = trying(Transport::Udp);
    assert_eq!(respond(&mut machine, 32_000, 200, "200"), []);
    let mut machine = trying(Transport::Udp);
    assert_eq!(respond(&mut machine, 31_999, 200, "200"), [sent("200")]);
}

#[test]
fn a_request_that_the_user_never_answers_ends_with_the_clients_timer_f() {
    let mut machine = trying(Transport::Udp);
    assert_eq!(to_the_end(&mut machine), [(3500, ServerAction::TryingDue), (32_000, ServerAction::Terminated)]);
    let mut machine = trying(Transport::Tls);
    respond(&mut machine, 4000, 100, "100");
    assert_eq!(to_the_end(&mut machine), [(32_000, ServerAction::Terminated)]);
}

#[test]
fn a_response_that_cannot_be_sent_is_told_and_the_transaction_goes_on() {
    let mut machine = trying(Transport::Udp);
    assert_eq!(fail(&mut machine), []);
    respond(&mut machine, 4000, 100, "100");
    assert_eq!(fail(&mut machine), [ServerAction::Failed(TransmitFailure::FlowGone)]);
    assert!(matches!(machine.state(), State::Proceeding(_)));
    respond(&mut machine, 5000, 200, "200");
    assert_eq!(fail(&mut machine), [ServerAction::Failed(TransmitFailure::FlowGone)]);
    assert!(matches!(machine.state(), State::Completed(_)));
}

#[test]
fn a_terminated_transaction_is_silent() {
    let mut machine = trying(Transport::Tls);
    respond(&mut machine, 100, 200, "200");
    assert_eq!(again(&mut machine, 200), []);
    assert_eq!(respond(&mut machine, 200, 200, "200"), []);
    assert_eq!(fail(&mut machine), []);
    let mut out = Vec::new();
    machine.timeout(at(900_000), &mut out);
    assert_eq!((out, machine.next_timeout()), (vec![], None));
}
