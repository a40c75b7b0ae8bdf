//! RFC 3261 13.3.1.4: the 2xx until its ACK.

use trunkline::transaction::{AcceptedAction, AcceptedRetransmission};

use crate::invented_time::{at, octets, rfc_timers, times, to_the_end, until};

fn waiting() -> AcceptedRetransmission {
    AcceptedRetransmission::start(at(0), octets("200"), rfc_timers())
}

#[test]
fn a_2xx_without_an_ack_is_repeated_up_to_t2_and_given_up_after_32_s() {
    let log = to_the_end(&mut waiting());
    let sends = [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(times(&log), [&sends[..], &[32_000]].concat());
    assert!(log.iter().take(10).all(|(_, action)| *action == AcceptedAction::Transmit(octets("200"))));
    assert_eq!(log[10].1, AcceptedAction::NoAck);
}

#[test]
fn the_ack_stops_the_repetition() {
    let mut machine = waiting();
    assert_eq!(times(&until(&mut machine, at(2000))), [500, 1500]);
    assert!(machine.acknowledged());
    assert!(machine.is_over());
    assert_eq!(to_the_end(&mut machine), []);
}

#[test]
fn only_the_first_ack_counts() {
    let mut machine = waiting();
    assert!(machine.acknowledged());
    assert!(!machine.acknowledged());
}

#[test]
fn an_ack_after_giving_up_comes_too_late() {
    let mut machine = waiting();
    to_the_end(&mut machine);
    assert!(!machine.acknowledged());
    assert!(machine.is_over());
}
