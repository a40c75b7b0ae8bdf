//! The registered flow (RFC 5626, PF-130, PF-133).

use std::time::Duration;

use trunkline::base::ids::FlowId;
use trunkline::registration::{Form, Input, News, PathFailure, Problem, State};

use crate::{Bench, flow};

#[test]
fn the_flow_of_the_answer_is_the_registered_one_and_refreshes_go_over_it() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    assert_eq!(register.over, None);
    bench.answer_over(7, &register, 200, "");
    assert_eq!(bench.machine.flow(), Some(flow(7)));
    bench.wake();
    assert_eq!(bench.sent().over, Some(flow(7)));
}

#[test]
fn a_broken_flow_is_registered_anew_at_once() {
    let mut bench = Bench::registered();
    bench.now = bench.now + Duration::from_secs(200);
    bench.feed(Input::FlowClosed(FlowId(1)));
    assert_eq!(bench.news(), [News::Lost]);
    assert_eq!(bench.sent().over, None);
}

#[test]
fn a_flow_that_breaks_again_and_again_is_not_chased() {
    let mut bench = Bench::registered();
    bench.feed(Input::FlowClosed(FlowId(1)));
    let register = bench.sent();
    bench.answer_over(2, &register, 200, "");
    bench.news();
    bench.feed(Input::FlowClosed(FlowId(2)));
    assert!(bench.is_silent());
    let [News::Lost, News::Failed { problem: Problem::FlowLost, again_in }] = bench.news()[..] else {
        panic!("a failure of the flow was expected");
    };
    assert!(again_in >= Duration::from_secs(60));
}

#[test]
fn a_flow_that_held_for_two_minutes_wipes_out_what_failed_before() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.fail(&register, PathFailure::Unreachable);
    bench.wake();
    let register = {
        bench.news();
        bench.sent()
    };
    bench.answer(&register, 200, "");
    bench.now = bench.now + Duration::from_secs(120);
    bench.feed(Input::FlowClosed(FlowId(1)));
    bench.sent();
}

#[test]
fn other_flows_do_not_matter() {
    let mut bench = Bench::registered();
    bench.feed(Input::FlowClosed(FlowId(9)));
    assert_eq!((bench.machine.state(), bench.machine.is_registered()), (&State::Registered, true));
    assert!(bench.is_silent());
}
