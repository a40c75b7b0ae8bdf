//! RFC 3261 table 4.

use std::time::Duration;

use trunkline::sip::flow::Transport;
use trunkline::transaction::TimerValues;

#[test]
fn the_default_values_are_those_of_the_table() {
    let timers = TimerValues::default();
    assert_eq!(timers.lifetime(), Duration::from_secs(32));
    assert_eq!(timers.timer_d(Transport::Udp), Duration::from_secs(32));
    assert_eq!(timers.timer_i(Transport::Udp), Duration::from_secs(5));
    assert_eq!(timers.timer_j(Transport::Udp), Duration::from_secs(32));
    assert_eq!(timers.timer_k(Transport::Udp), Duration::from_secs(5));
}

#[test]
fn waiting_for_repetitions_takes_no_time_on_a_reliable_transport() {
    let timers = TimerValues::default();
    for transport in [Transport::Tcp, Transport::Tls] {
        assert_eq!(timers.timer_d(transport), Duration::ZERO);
        assert_eq!(timers.timer_i(transport), Duration::ZERO);
        assert_eq!(timers.timer_j(transport), Duration::ZERO);
        assert_eq!(timers.timer_k(transport), Duration::ZERO);
    }
}

#[test]
fn timer_e_reaches_t2_after_the_sum_of_its_shorter_intervals() {
    assert_eq!(TimerValues::default().late_trying(), Duration::from_millis(3500));
}

#[test]
fn values_at_the_edges_neither_loop_nor_overflow() {
    let timers = TimerValues { t1: Duration::ZERO, t2: Duration::MAX, t4: Duration::MAX };
    assert_eq!(timers.late_trying(), Duration::ZERO);
    let timers = TimerValues { t1: Duration::from_nanos(1), t2: Duration::MAX, t4: Duration::MAX };
    assert!(timers.late_trying() > Duration::from_secs(u64::from(u32::MAX)));
    let timers = TimerValues { t1: Duration::MAX, t2: Duration::ZERO, t4: Duration::ZERO };
    assert_eq!(timers.lifetime(), Duration::MAX);
    assert_eq!(timers.late_trying(), Duration::ZERO);
}
